"""Planted failures are what they say, results are judged by their truth, and an examination runs through."""

import json

import numpy as np
import pytest
import xarray as xr
from segmenters import bright, turned

from dime.liver import checks, examination, failures, maps, quality
from dime.mri.elastography import wrap
from dime.phantoms.abdomen import ID
from dime.physics import wavenumber

SPACING_M, FREQUENCY_HZ, SIDE = 1.5e-3, 60.0, 96


def exam(stiffness_pa=3000.0, planted=""):
    """An examination of a disc of liver, 0.1 m wide, with a plane wave."""
    rng = np.random.default_rng(0)
    axis = (np.arange(SIDE) - (SIDE - 1) / 2) * SPACING_M
    y, x = np.meshgrid(axis, axis, indexing="ij")
    liver = (np.hypot(y + 0.01, x + 0.01) < 0.05)[None]
    wave = np.exp(-1j * wavenumber(stiffness_pa, 0.2, FREQUENCY_HZ) * (0.6 * x + 0.8 * y + 0.06))
    turns = np.exp(2j * np.pi * np.arange(4) / 4)[:, None, None]
    phase = wrap((wave * turns).real + 0.03 * rng.standard_normal((4, SIDE, SIDE)))[None]
    magnitude = np.where(liver[:, None], 1, 0.02) * (1 + 0.02 * rng.random((1, 4, SIDE, SIDE)))
    images, slices = ("slice", "offset", "y", "x"), ("slice", "y", "x")
    label = json.dumps({"subject": 3, "stage": "F0", "planted": planted})
    return xr.Dataset(
        {
            "phase": (images, phase.astype(np.float16)),
            "magnitude": (images, magnitude.astype(np.float16)),
            "stiffness": (slices, np.where(liver, stiffness_pa, 0).astype(np.float32)),
            "tissue": (slices, np.where(liver, ID["liver"], 0).astype(np.uint8)),
            "liver": (slices, liver),
            "label": ((), label),
        }
    )


@pytest.fixture
def networks(monkeypatch):
    """Segmenters that take bright pixels for liver, and a map network that says 3 kPa."""

    def even(wave, mask, spacing_m, frequency_hz):
        return np.where(mask, 3000.0, 0), np.where(mask, 0.05, 0)

    monkeypatch.setattr(checks, "turned_bottlenecks", turned)
    for module in (failures, examination):
        monkeypatch.setattr(module, "segment", bright)
    monkeypatch.setattr(examination, "load_segmenter", lambda folder: (None, {}))
    monkeypatch.setattr(maps, "translator", lambda folder: even)
    rng = np.random.default_rng(1)
    places = np.array([-6.7, -6.7]) + 0.5 * rng.standard_normal((60, 2))
    return quality.fit_density(places[:40], places[40:])


def run(density, kind="", **made):
    return failures.examine(exam(**made), kind, "weights", density, SPACING_M, FREQUENCY_HZ)


def test_a_clean_examination_reads_its_stiffness(networks):
    row = run(networks)
    assert row["reading"] == pytest.approx(3, rel=0.1) and row["truth"] == pytest.approx(3)
    assert row["dice"] == 1 and not row["bad"]
    assert set(quality.NUMBERS) <= set(row)
    assert row["flags"] == ["size"]  # a liver without a body is too small for an adult


@pytest.mark.parametrize(
    ("kind", "factor"), [("spacing", 4.0), ("low frequency", 0.25), ("high frequency", 2.25)]
)
def test_a_wrong_scale_gives_a_wrong_stiffness(networks, kind, factor):
    """|G*| = rho (f lambda)^2: twice the pixel reads four times, half the frequency a quarter."""
    row = run(networks, kind)
    assert row["kind"] == kind and row["bad"]
    assert not row["reading"] < 3 * factor / 1.6 and not row["reading"] > 3 * factor * 1.6


def test_an_image_upside_down_is_noticed_by_its_view(networks):
    row = run(networks, "upside down")
    assert "orientation" in row["flags"] and row["dice"] == 1


def test_nothing_can_be_read_without_a_magnitude_that_shows_a_liver(networks):
    row = run(networks, "missing magnitude")
    assert "no magnitude" in row["flags"] and row["dice"] < 0.85 and row["bad"]


def test_rows_do_not_depend_on_how_many_are_examined(networks):
    pairs = [(exam(), ""), (exam(2000.0), "repeated offset")]
    rows = failures.examine_all(pairs, "weights", networks, SPACING_M, FREQUENCY_HZ, workers=1)
    alone = run(networks, "repeated offset", stiffness_pa=2000.0)
    assert rows[1]["kind"] == "repeated offset" and "offsets" in rows[1]["flags"]
    assert json.dumps(rows[1], default=float) == json.dumps(alone, default=float)


@pytest.mark.parametrize("kind", failures.PLANTED)
def test_planting_changes_what_it_says_and_no_more(kind):
    one = exam()
    stored = [one[name].values for name in ("magnitude", "phase")]
    before = [np.array(values) for values in stored]
    magnitude, phase, spacing, frequency = failures.plant(kind, *stored, SPACING_M, FREQUENCY_HZ)
    assert all(np.array_equal(a, b) for a, b in zip(stored, before, strict=True)), "a copy is changed"
    same = np.array_equal(magnitude, stored[0]) and np.array_equal(phase, stored[1])
    told = (spacing, frequency) == (SPACING_M, FREQUENCY_HZ)
    assert same == (kind in failures.TOLD) and told == (kind not in failures.TOLD)
    if kind == "repeated offset":
        assert np.array_equal(phase[:, 1], phase[:, 0]) and np.array_equal(phase[:, 2:], stored[1][:, 2:])
    if kind == "missing magnitude":
        assert np.ptp(magnitude) == 0 and np.array_equal(phase, stored[1])


def test_an_unknown_failure_is_refused():
    with pytest.raises(ValueError, match=r"kind: expected one of spacing, .*, found 'metal'"):
        failures.plant("metal", np.ones((1, 4, 2, 2)), np.ones((1, 4, 2, 2)), SPACING_M, FREQUENCY_HZ)


@pytest.mark.parametrize(
    ("reading", "truth", "dice", "bad"),
    [
        (2.2, 2.0, 0.95, False),
        (2.4, 2.0, 0.95, True),
        (2.0, 2.0, 0.80, True),
        (np.nan, 2.0, 0.95, True),
        (np.nan, np.nan, np.nan, False),
        (2.0, np.nan, np.nan, True),
    ],
)
def test_a_result_is_bad_where_it_misleads(reading, truth, dice, bad):
    assert failures.is_bad(reading, truth, dice) is bad


def test_both_halves_have_every_kind_and_no_subject_twice():
    """16 subjects with 4 planted failures each, 12 with simulated ones of 6 kinds: the halves are alike."""
    clean = xr.Dataset({"label": ("exam", [json.dumps({"subject": i, "planted": ""}) for i in range(16)])})
    kinds = ["still", "iron", "drift", "wraps", "no liver", "brain"] * 2
    labels = [json.dumps({"subject": i, "planted": kind}) for i, kind in enumerate(kinds)]
    pairs, fitted = failures.plan([clean, clean], xr.Dataset({"label": ("exam", labels)}), 4)
    assert len(pairs) == len(fitted) == 16 * 5 + 16 + 12
    found = {True: [], False: []}
    for (exam, kind), half in zip(pairs, fitted, strict=True):
        found[bool(half)].append(kind or json.loads(exam["label"].item())["planted"])
    assert sorted(found[True]) == sorted(found[False])
    assert set(found[True]) == {"", *failures.PLANTED, *kinds}


def test_the_alarm_spares_all_but_its_share_of_good_results():
    """20 good results, one of them flagged by a rule: at 10 % one more may raise an alarm, the worst."""
    q, flagged = np.arange(20) / 20, np.arange(20) == 5
    cut = failures.alarm_below(q, flagged, 0.1)
    assert np.sum((q < cut) | flagged) == 2
    assert failures.alarm_below(q, flagged, 0.0) == 0.0


def test_share_has_the_exact_interval():
    """Ten of ten: the lower limit is 0.025^(1/10)."""
    found = failures.share([True] * 10)
    assert found["share"] == 1 and found["low"] == pytest.approx(0.025**0.1) and found["n"] == 10
    assert failures.share([])["share"] is None


def test_risk_falls_as_the_worst_are_left_out():
    """Errors 4, 1, 1, 0 with the quality in the opposite order: means from the best down."""
    coverage, risk = failures.risk_coverage([4, 1, 1, 0], [0.1, 0.5, 0.6, 0.9])
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == [0.0, 0.5, 2 / 3, 1.5]
