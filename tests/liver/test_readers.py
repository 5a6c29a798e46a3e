"""Simulated readers: regions whose answer is known, on a synthetic liver."""

import json
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

from dime.liver import readers
from dime.liver.readers import Reader
from dime.metrics import agreement
from dime.metrics.roi import LEAST_AREA_M2

SPACING_M = 1.5e-3
SHAPE = (4, 96, 128)  # slice, y, x
EXACT = Reader("exact", 0.0, 1.0, np.inf, False, 4, 0.0, np.inf)
"""A reader without error or habit."""


@pytest.fixture
def exam():
    """Four ellipses, left of the middle column and beyond it, with a random map and confidence."""
    rng = np.random.default_rng(0)
    y, x = np.indices(SHAPE[1:])
    liver = np.stack([((x - 60) / 45) ** 2 + ((y - 48) / (36 - 2 * i)) ** 2 < 1 for i in range(4)])
    magnitude = 1 + 0.01 * rng.standard_normal((4, 4, *SHAPE[1:]))
    stiffness = np.where(liver, rng.uniform(1e3, 6e3, SHAPE), 0)
    confidence = np.where(liver & (y < 60), 0.99, 0.5)
    return {"liver": liver, "magnitude": magnitude, "stiffness": stiffness, "confidence": confidence}


def draw(reader, exam, seed=1):
    rest = exam["liver"], exam["magnitude"], exam["confidence"], SPACING_M
    return readers.draw_region(reader, *rest, np.random.default_rng(seed))


def changed(reader, **habits):
    return Reader(**{name: habits.get(name, value) for name, value in vars(reader).items()})


def test_a_reader_without_error_reads_the_mean(exam):
    """Nothing is left out: the region is the liver, the reading the mean of the map over it."""
    rng = np.random.default_rng(1)
    names = ("stiffness", "liver", "magnitude", "confidence")
    value = readers.read(EXACT, *(exam[name] for name in names), SPACING_M, rng)
    np.testing.assert_array_equal(draw(EXACT, exam), exam["liver"])
    assert value == pytest.approx(exam["stiffness"][exam["liver"]].mean() / 1e3)


@pytest.mark.parametrize("reader", [EXACT, changed(readers.READERS[2], area_m2=np.inf)])
def test_a_larger_margin_gives_a_part_of_the_region(exam, reader):
    """The same hand, farther from the outline, draws a part of the same region."""
    regions = [draw(changed(reader, margin_m=margin), exam) for margin in (2e-3, 5e-3, 9e-3)]
    for large, small in pairwise(regions):
        assert not (small & ~large).any()
        assert 0 < small.sum() < large.sum()


def test_each_habit_leaves_out_what_it_should(exam):
    """Confidence below 95 %, the left lobe (x > 0), slices beyond the number read, a bright vessel."""
    y, x = np.indices(SHAPE[1:])
    assert (exam["confidence"][draw(changed(EXACT, obeys=True), exam)] > 0.95).all()
    right = draw(changed(EXACT, left_lobe=0.0), exam)
    np.testing.assert_array_equal(right, exam["liver"] & (x < SHAPE[2] / 2))
    two = draw(changed(EXACT, slices=2), exam)
    assert two.any(axis=(1, 2)).sum() == 2
    vessel = np.hypot(y - 48, x - 50) < 3
    exam["magnitude"][..., vessel] *= 1.5
    assert not draw(changed(EXACT, contrast=0.15), exam)[:, vessel].any()


def test_an_outline_error_has_its_rms():
    """An error of 3 mm rms moves the right edge of a long bar by 3 mm rms; none moves nothing."""
    inside = np.broadcast_to(np.arange(200) < 100, (4000, 200))
    noise = np.random.default_rng(0).standard_normal(inside.shape)
    edges = readers._drawn(inside, 3e-3, noise, SPACING_M)[20:-20, 50:].sum(axis=1)
    assert np.std(edges - 50) * SPACING_M == pytest.approx(3e-3, rel=0.15)
    np.testing.assert_array_equal(readers._drawn(inside, 0.0, noise, SPACING_M), inside)


def test_a_freehand_region_has_its_area_and_is_in_one_piece(exam):
    """10 cm2 around a place of the liver: a disc, or a disc cut by the outline."""
    region = draw(changed(EXACT, area_m2=10e-4), exam)
    np.testing.assert_allclose(region.sum(axis=(1, 2)) * SPACING_M**2, 10e-4, rtol=3e-3)
    assert not (region & ~exam["liver"]).any()
    smaller = draw(readers.careless(changed(EXACT, area_m2=10e-4), 2), exam)
    assert not (smaller & ~region).any()


def test_carelessness_makes_regions_smaller_but_no_less_than_allowed(exam):
    """Half the area at factor 2; the most careless reader still draws 10 cm2 in all."""
    reader = changed(EXACT, area_m2=12e-4, slices=3)
    areas = [draw(readers.careless(reader, f), exam).sum() * SPACING_M**2 for f in (1, 2, 100)]
    np.testing.assert_allclose(areas, [36e-4, 18e-4, LEAST_AREA_M2], rtol=0.01)
    assert areas[-1] >= LEAST_AREA_M2


def test_an_examination_without_a_region_has_no_value(exam):
    """No liver, or no pixel that the reader may use: NaN and an empty region, no error."""
    reader = changed(EXACT, obeys=True)
    for name in ("liver", "confidence"):
        empty = exam | {name: np.zeros_like(exam[name])}
        assert not draw(reader, empty).any()
        names = ("stiffness", "liver", "magnitude", "confidence")
        rest = [empty[one] for one in names]
        assert np.isnan(readers.read(reader, *rest, SPACING_M, np.random.default_rng(0)))


@pytest.fixture
def folder(tmp_path):
    """Cohort of two examinations: a plane wave of wavelength 30 mm in an ellipse, half of it in x > 0."""
    x, y = np.meshgrid(np.arange(128) * SPACING_M, np.arange(96) * SPACING_M)
    liver = ((x - 0.09) / 0.07) ** 2 + ((y - 0.07) / 0.06) ** 2 < 1
    rng = np.random.default_rng(3)
    exams = []
    for row in range(2):
        turn = 2 * np.pi * (x / 0.03 - row / 4 - np.arange(4)[:, None, None] / 4)
        phase = 2 * np.cos(turn) + 0.05 * rng.standard_normal((2, 4, 96, 128))
        exams.append((phase, np.ones((2, 4, 96, 128))))
    dims = ("exam", "slice", "offset", "y", "x")
    images = {
        "phase": (dims, np.stack([p for p, _ in exams]).astype(np.float16)),
        "magnitude": (dims, np.stack([m for _, m in exams]).astype(np.float16)),
        "liver": (("exam", "slice", "y", "x"), np.broadcast_to(liver, (2, 2, 96, 128))),
        "stiffness": (("exam", "slice", "y", "x"), np.full((2, 2, 96, 128), 3240.0, np.float32)),
    }
    who = [{"subject": i, "visit": 0, "stage": "F0", "stiffness_pa": 3240.0} for i in range(2)]
    images["label"] = ("exam", np.array([json.dumps(one) for one in who], dtype=object))
    data = xr.Dataset(images, attrs={"spacing_m": SPACING_M, "frequency_hz": 60.0})
    data.to_zarr(tmp_path / "cohort.zarr", consolidated=False)
    return tmp_path / "cohort.zarr"


def test_a_plane_wave_is_read_at_its_stiffness(folder):
    """rho (wavelength f)^2 = 1000 (0.03 m 60 Hz)^2 = 3.24 kPa, by every reader and whatever the processes."""
    rows = readers.read_cohort(folder, readers.READERS, 5, workers=1)
    assert [row["reader"] for row in rows] == list("ABC") * 2
    np.testing.assert_allclose([row["kpa"] for row in rows], 3.24, rtol=0.1)
    np.testing.assert_allclose([row["truth_kpa"] for row in rows], 3.24, rtol=1e-6)
    assert rows == readers.read_cohort(folder, readers.READERS, 5, workers=2)
    assert rows != readers.read_cohort(folder, readers.READERS, 6, workers=1)


def test_calibration_names_a_spread_out_of_reach(folder):
    """In uniform tissue every region reads the same: no factor spreads the readers by 9.5 %."""
    found = readers.calibrate(folder, 5, workers=1, repeats=1)
    assert not found["reached"]
    assert found["factor"] == pytest.approx(readers.FACTORS[-1])
    assert max(found["spread_percent"]) < 9.5


def test_calibration_meets_a_spread_within_reach(folder, monkeypatch):
    """Where the spread is 10 factor^(1/2) per cent by construction, 9.5 % belongs to the factor 0.95^2."""

    def made_up(path, tried, *_):
        """Readings of two readers that differ by +d and -d: a relative difference of deviation d."""
        pairs = np.array(tried, dtype=object).reshape(len(readers.FACTORS), 2)
        spread = [0.1 * np.sqrt(1e-3 / one.area_m2) for one, _ in pairs]
        return [{"kpa": 1 + sign * d / 2} for way in (1, -1) for d in spread for sign in (way, -way)]

    monkeypatch.setattr(readers, "read_cohort", made_up)
    pair = [changed(EXACT, area_m2=1e-3, slices=4)] * 2
    found = readers.calibrate("none", 0, pair)
    assert found["reached"]
    assert found["factor"] == pytest.approx(0.95**2, rel=0.05)


def test_no_liver_has_no_map(folder):
    """An examination without liver gives maps of zeros."""
    one = readers.load_exam(folder, 0)
    one["liver"][:] = False
    assert not np.any(readers.mmdi_maps(one))


def test_identical_readers_agree_fully():
    """ICC 1, no error, no difference."""
    once = np.linspace(2, 6, 8)
    readings = np.stack([once] * 3, axis=1)
    assert agreement.icc(*readings.T)["icc"] == 1
    assert readers.components(readings)["icc"] == pytest.approx(1)
    assert readers.pooled_spread(readings) == 0


def test_components_return_those_of_a_model():
    """Subjects of 20 %, readers' offsets of -3, 0 and 3 %, noise of 5 %: ICC 20^2 / (20^2 + 3^2 + 5^2)."""
    rng = np.random.default_rng(0)
    subjects, noise = rng.standard_normal((4000, 1)), rng.standard_normal((4000, 3))
    log = 1 + 0.2 * subjects + np.array([-0.03, 0, 0.03]) + 0.05 * noise
    found = readers.components(np.exp(log))
    assert found["subjects"] == pytest.approx(20, rel=0.03)
    assert found["error"] == pytest.approx(np.hypot(3, 5), rel=0.03)
    assert found["icc"] == pytest.approx(400 / 434, rel=0.01)
    assert found["icc"] == pytest.approx(float(agreement.icc_values(log)), rel=1e-9)
    assert readers.components(np.ones((2, 3)))["icc"] is None
