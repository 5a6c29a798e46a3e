"""Wrapped phases are unwrapped by their own period, whatever the unit; what is unclear is refused."""

import json

import numpy as np
import pytest
from waves import phase_offsets, travelling

from dime.files import phases, sidecars
from dime.mri.elastography import wrap

TURN = 2 * np.pi

STORED = {
    "rad": lambda phase: phase,
    "rad from 0": lambda phase: phase % TURN,
    "mrad": lambda phase: np.round(1000 * phase),
    "deg": np.degrees,
    "deg from 0": lambda phase: np.degrees(phase) % 360,
    "cycles": lambda phase: phase / TURN,
    "cycles from 0": lambda phase: (phase / TURN) % 1,
    "Siemens": lambda phase: np.round((phase + np.pi) / TURN * 4095) * 2 - 4096,
    "12 bits": lambda phase: np.round((phase + np.pi) / TURN * 4095),
    "8 bits": lambda phase: np.round((phase + np.pi) / TURN * 255),
    "16 bits": lambda phase: np.round((phase + np.pi) / TURN * 65535),
    "half turns": lambda phase: phase / np.pi,
    "thousandths": lambda phase: np.round(1000 * phase / TURN),
}
"""How programs store a phase of -pi to pi."""

PERIODS = {
    "rad": TURN,
    "rad from 0": TURN,
    "mrad": 1000 * TURN,
    "deg": 360,
    "deg from 0": 360,
    "cycles": 1,
    "cycles from 0": 1,
    "Siemens": 8192,
    "12 bits": 4096,
    "8 bits": 256,
    "16 bits": 65536,
    "half turns": 2,
    "thousandths": 1000,
}


def images(stored):
    """(x, y, n) as (n, z, y, x)."""
    return np.moveaxis(stored, (2, 1, 0), (0, 1, 2))[:, None]


def wave(amplitude_rad, count=4, noise_rad=0.05):
    u, disc = travelling()
    noise = noise_rad * np.random.default_rng(1).standard_normal((*u.shape, count))
    return phase_offsets(amplitude_rad * u, count) + noise, disc.T[None]


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("count", [3, 4, 8])
def test_the_jumps_give_the_period_away(name, count):
    phase, mask = wave(3.0, count)
    period, words = phases.resolve(images(STORED[name](wrap(phase))), mask, None, "a.nii")
    assert period == pytest.approx(PERIODS[name], rel=2e-3)
    assert "by their jumps" in words


@pytest.mark.parametrize("scale", [1e-6, 1.0, 57.3, 650.0])
@pytest.mark.parametrize("wavelength_px", [5, 6, 8, 20])
def test_phases_without_jumps_are_left_as_they_are(scale, wavelength_px):
    """A wave that was unwrapped before, in any unit; its steps reach 60 % of its range at 5 pixels."""
    x, y = np.mgrid[:80, :80]
    u = np.exp(-2j * np.pi * (0.8 * x + 0.6 * y) / wavelength_px) * 8 * scale
    stored = images(phase_offsets(u))
    period, words = phases.resolve(stored, np.ones((1, 80, 80), bool), None, "a.nii")
    assert period is None or np.ptp(stored) < TURN
    assert "no jumps" in words or "by their range" in words


def test_a_strong_source_is_no_jump():
    """Motion that decays from a point: a thousandth of the pixels spans most of the range."""
    x, y = np.mgrid[-40:40, -30:50]
    r = np.hypot(x, y) + 0.5
    u = 20 * np.exp(-2j * np.pi * r / 14 - r / 15) / np.sqrt(r)
    assert phases.resolve(images(phase_offsets(u)), np.ones((1, 80, 80), bool), None, "a.nii")[0] is None


def test_the_difference_of_two_wrapped_phases_is_wrapped():
    """Two encodings subtracted without wrapping again: values from -2 pi to 2 pi that jump by 2 pi."""
    phase, mask = wave(3.0, 8)
    background = 1.5 * np.linspace(-1, 1, phase.shape[0])[:, None, None] + 1
    both = wrap(phase / 2 + background) - wrap(-phase / 2 + background)
    assert np.ptp(both) > 1.9 * TURN
    assert phases.resolve(images(both), mask, None, "a.nii")[0] == TURN


def with_outliers(stored, mask):
    """Four pixels beyond both ends of the range, as of vessels or a broken receiver."""
    rows, columns = np.nonzero(mask[0])
    chosen = np.random.default_rng(2).choice(len(rows), 4, replace=False)
    stored[:, 0, rows[chosen], columns[chosen]] = 1.1 * np.array([stored.min(), stored.max()] * 2)
    return stored


def test_outliers_do_not_hide_a_period_that_scanners_use():
    phase, mask = wave(3.0)
    stored = with_outliers(images(STORED["Siemens"](wrap(phase))), mask)
    assert phases.resolve(stored, mask, None, "a.nii")[0] == 8192


def test_jumps_of_an_uncertain_period_are_refused():
    """A period that no scanner uses, hidden by outliers."""
    phase, mask = wave(3.0)
    stored = with_outliers(images(STORED["thousandths"](wrap(phase))), mask)
    with pytest.raises(ValueError, match=r"a.nii: .*--phase-units or --phase-period"):
        phases.resolve(stored, mask, None, "a.nii")
    assert phases.resolve(stored, mask, phases.Told(1000.0, "as given"), "a.nii")[0] == 1000


def told(path, **given):
    """What is told of an image, and by the sidecar beside it."""
    return phases.told(path, sidecars.read(path), **given)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"PhaseUnits": "degrees"}, 360),
        ({"phase_units": "Radians"}, TURN),
        ({"Units": "rad"}, TURN),
        ({"PhasePeriod": 4096}, 4096),
        ({"PhaseRange": [-4096, 4096]}, 8192),
        ({"PhaseUnits": "milliradian", "Units": "rad"}, 1000 * TURN),
    ],
)
def test_a_sidecar_is_believed_first(tmp_path, fields, expected):
    (tmp_path / "a.json").write_text(json.dumps(fields))
    for name in ("a.nii.gz", "a.nii", "a.img"):
        found = told(tmp_path / name)
        assert found.period == pytest.approx(expected) and found.by == "by a.json"
    for given, period in (({"units": "cycles"}, 1.0), ({"period": 7.0}, 7.0)):
        with pytest.warns(UserWarning, match=r"a.json: phases .*, but .* as given is used"):
            assert told(tmp_path / "a.nii", **given) == (period, "as given")
    assert told(tmp_path / "b.nii") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_sidecars_of_old_programs_are_read(tmp_path, encoding):
    text = json.dumps({"InstitutionName": "Universität", "PhaseUnits": "deg"}, ensure_ascii=False)
    (tmp_path / "a.json").write_bytes(text.encode(encoding))
    assert told(tmp_path / "a.nii").period == 360


@pytest.mark.parametrize(
    "fields", [{"Units": "arbitrary"}, {"Units": "mm"}, {"PhaseUnits": "a.u."}, {"PhaseUnits": "um"}, {}]
)
def test_a_sidecar_without_a_unit_says_nothing(tmp_path, fields):
    (tmp_path / "a.json").write_text(json.dumps(fields))
    assert told(tmp_path / "a.nii") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "in JSON"),
        ("[1]", "an object"),
        ('{"PhaseUnits": "furlong"}', "one of rad, mrad"),
        ('{"PhasePeriod": "x"}', "positive number"),
        ('{"PhaseRange": [1, 1]}', "positive number"),
    ],
)
def test_a_sidecar_that_makes_no_sense_is_refused(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=rf"a.json: .*{message}"):
        told(tmp_path / "a.nii")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"units": "rad", "period": 1.0}, "found both"),
        ({"units": "ell"}, "phase units: expected one of rad"),
        ({"period": -1.0}, "phase period: expected a positive number"),
        ({"period": float("nan")}, "phase period: expected a positive number"),
    ],
)
def test_what_the_user_says_is_checked(given, message):
    with pytest.raises(ValueError, match=message):
        told("a.nii", **given)


def test_a_statement_that_the_jumps_deny_is_refused():
    """A sidecar says radians over the whole numbers of a scanner."""
    phase, mask = wave(3.0)
    stored = images(STORED["Siemens"](wrap(phase)))
    with pytest.raises(ValueError, match=r"phases in rad .by a.json., but neighbouring values jump by 8192"):
        phases.resolve(stored, mask, phases.Told(TURN, "by a.json"), "a.nii")
    period, words = phases.resolve(stored, mask, phases.Told(8192.0, "as given"), "a.nii")
    assert period == 8192 and words == "phases of period 8192 (as given)"


def test_a_phase_that_is_stated_and_longer_than_a_period_is_unwrapped_already():
    phase, mask = wave(3.0)
    period, words = phases.resolve(images(np.degrees(phase)), mask, phases.Told(360.0, "as given"), "a.nii")
    assert period is None and "taken as unwrapped" in words


@pytest.mark.parametrize("name", [name for name in STORED if name not in ("half turns", "thousandths")])
def test_the_phase_of_a_first_harmonic_fills_its_circle(name):
    u, mask = travelling()
    stored = STORED[name](np.angle(u)).T[None]
    found, _ = phases.harmonic_phase(stored, mask.T[None], None, "a.nii")
    apart = np.exp(1j * found[0]) * np.exp(-1j * np.angle(u).T)
    np.testing.assert_allclose(apart / apart[0, 0], 1, atol=0.05)


def test_a_harmonic_phase_that_fills_no_circle_is_refused():
    u, mask = travelling()
    with pytest.raises(ValueError, match="expected phases that fill a circle"):
        phases.harmonic_phase(0.3 * np.angle(u).T[None], mask.T[None], None, "a.nii")
