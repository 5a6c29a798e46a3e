"""Quality of an examination: numbers of known waves, a fit to known clusters, known distances."""

import json

import numpy as np
import pytest
import xarray as xr

from dime.liver import quality
from dime.liver.segmentation import Segmentation
from dime.mri.elastography import first_harmonic, unwrap, wrap
from dime.physics import wavenumber

SPACING_M, FREQUENCY_HZ, STIFFNESS_PA = 1.5e-3, 60.0, 3000.0


def disc(side=96, radius_m=0.05, slices=1):
    """Places y, x [m] and a disc (slice, y, x)."""
    axis = (np.arange(side) - (side - 1) / 2) * SPACING_M
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return y, x, np.repeat((np.hypot(y, x) < radius_m)[None], slices, axis=0)


def plane_wave(y, x, stiffness_pa=STIFFNESS_PA, loss=0.2):
    return np.exp(-1j * wavenumber(stiffness_pa, loss, FREQUENCY_HZ) * (0.8 * x + 0.6 * y))


def offsets(wave, noise_rad, rng, n=4):
    turns = np.exp(2j * np.pi * np.arange(n) / n)[:, None, None]
    return wrap((wave * turns).real + noise_rad * rng.standard_normal((n, *wave.shape)))


def examination(amplitude_rad=1.0, noise_rad=0.05, told_pa=STIFFNESS_PA, uncertainty=0.05):
    """Two segmentations, waves and maps of a disc with a plane wave; the map says `told_pa` everywhere."""
    rng = np.random.default_rng(0)
    y, x, mask = disc()
    phase = offsets(amplitude_rad * plane_wave(y, x), noise_rad, rng)[None]
    wave = np.where(mask, first_harmonic(unwrap(phase[0], mask[0])), 0)
    attrs = {"spacing_m": SPACING_M, "frequency_hz": FREQUENCY_HZ}
    dims = ("slice", "y", "x")
    waves = xr.Dataset(
        {"phase": (("slice", "offset", "y", "x"), phase), "wave": (dims, wave), "mask": (dims, mask)},
        attrs=attrs,
    )
    maps = xr.Dataset(
        {
            "stiffness": (dims, np.where(mask, told_pa, 0)),
            "uncertainty": (dims, np.where(mask, uncertainty, 0)),
        },
        attrs=attrs,
    )
    found = Segmentation(mask, mask, np.where(mask, 0.99, 0.01), np.zeros((1, 4)))
    return found, found, waves, maps


def test_numbers_of_a_clean_wave_are_known():
    """A plane wave of a known map with known noise: all numbers follow from how it was made."""
    found, other, waves, maps = examination()
    numbers = quality.measures(found, other, waves, maps, 1.1 * maps["stiffness"].values)
    assert set(numbers) == set(quality.NUMBERS) and len(numbers) == 8
    assert numbers["moving"] == 1
    assert numbers["phase_residual_rad"] == pytest.approx(0.05, rel=0.05)
    assert numbers["uncertainty"] == pytest.approx(0.05)
    assert numbers["segmenters_dice"] == 1
    assert numbers["maps_log_ratio"] == pytest.approx(np.log(1.1))
    assert numbers["area_m2"] == pytest.approx(np.pi * 0.05**2, rel=0.01)
    assert numbers["entropy"] == pytest.approx(0.0808, rel=0.01)  # of a probability of 0.99
    assert numbers["wave_residual"] < 0.2


def test_noise_alone_does_not_move_and_has_no_first_harmonic():
    """Without motion the share that moves is 0, and noise as large as the wave is left over."""
    found, other, waves, maps = examination(amplitude_rad=0.0, noise_rad=0.3)
    numbers = quality.measures(found, other, waves, maps)
    assert numbers["moving"] < 0.05
    assert numbers["phase_residual_rad"] == pytest.approx(0.3, rel=0.1)
    assert np.isnan(numbers["maps_log_ratio"])
    assert numbers["wave_residual"] > 0.5


def test_an_empty_liver_gives_no_numbers_but_an_area_of_zero():
    mask = np.zeros((1, 8, 8), bool)
    empty = Segmentation(mask, mask, np.zeros(mask.shape), np.zeros((1, 4)))
    numbers = quality.measures(empty, empty, None, None)
    assert numbers.pop("area_m2") == 0
    assert all(np.isnan(value) for value in numbers.values())


@pytest.mark.parametrize("factor", [1.0, 2.0, 4.0])
def test_the_residual_of_the_wave_equation_grows_with_the_error_of_the_map(factor):
    """A map too stiff by a factor a makes E = L / a: the residual is |1 - 1/a| / sqrt(1 + 1/a^2)."""
    y, x, mask = disc()
    wave = np.where(mask, plane_wave(y, x)[None], 0)
    stiffness = np.where(mask, factor * STIFFNESS_PA, 0)
    known = abs(1 - 1 / factor) / np.hypot(1, 1 / factor)
    found = quality.equation_residual(wave, mask, stiffness, SPACING_M, FREQUENCY_HZ)
    assert found == pytest.approx(known, abs=0.1)


def test_a_wrong_branch_of_one_offset_is_left_over():
    """2 pi too much in one of four offsets: the second harmonic that remains has an amplitude of pi / 2."""
    phase = np.zeros((4, 3, 3))
    phase[1] += 2 * np.pi
    left = quality.phase_residual(wrap(phase), first_harmonic(phase))
    assert np.allclose(np.abs(left), np.pi / 2 * np.sqrt(4))


def test_three_offsets_leave_nothing():
    assert not quality.phase_residual(np.ones((3, 2, 2)), np.ones((2, 2), complex)).any()


def numbers_of(rng, count, poor):
    """Numbers of good or of poor examinations, two clusters that hardly overlap."""
    rows = []
    for _ in range(count):
        values = {
            "moving": rng.uniform(0.5, 0.8) if poor else rng.uniform(0.9, 1),
            "phase_residual_rad": np.exp(rng.normal(-1 if poor else -3, 0.4)),
            "uncertainty": np.exp(rng.normal(-1.5 if poor else -3, 0.4)),
            "wave_residual": rng.uniform(0.5, 0.9) if poor else rng.uniform(0.1, 0.4),
            "segmenters_dice": rng.uniform(0.5, 0.9) if poor else rng.uniform(0.93, 0.98),
            "maps_log_ratio": rng.uniform(0.1, 0.5) if poor else rng.uniform(0.0, 0.1),
            "area_m2": rng.uniform(0.0, 0.03) if poor else rng.uniform(0.02, 0.06),
            "entropy": rng.uniform(0.2, 0.5) if poor else rng.uniform(0.05, 0.2),
        }
        rows.append(values)
    return rows


def test_quality_separates_good_from_bad_and_survives_json():
    """Two clusters: fresh numbers of each fall on their side, also after the model went through JSON."""
    rng = np.random.default_rng(1)
    rows = numbers_of(rng, 30, False) + numbers_of(rng, 30, True)
    model = json.loads(json.dumps(quality.fit(rows, [False] * 30 + [True] * 30)))
    good = [quality.score(model, row) for row in numbers_of(rng, 20, False)]
    poor = [quality.score(model, row) for row in numbers_of(rng, 20, True)]
    assert min(good) > 0.8 and max(poor) < 0.2


def test_score_is_the_logistic_regression_of_scikit_learn():
    """The exported numbers give the probabilities of the estimator they came from."""
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(2)
    rows, bad = numbers_of(rng, 20, False) + numbers_of(rng, 20, True), [False] * 20 + [True] * 20
    model = quality.fit(rows, bad)
    x, missing = quality._transformed(rows)
    inputs = np.column_stack([(x - x.mean(0)) / x.std(0), missing])
    known = linear.LogisticRegression(class_weight="balanced").fit(inputs, bad).predict_proba(inputs)[:, 0]
    assert np.allclose([quality.score(model, row) for row in rows], known, atol=1e-6)


def test_missing_numbers_lower_the_quality():
    """A missing number counts as the worst value: nothing known is worse than good numbers."""
    rng = np.random.default_rng(3)
    rows = numbers_of(rng, 30, False) + numbers_of(rng, 30, True)
    model = quality.fit(rows, [False] * 30 + [True] * 30)
    nothing = dict.fromkeys(quality.NUMBERS, np.nan)
    assert quality.score(model, nothing) < 0.1
    assert quality.score(model, rows[0] | {"uncertainty": np.nan}) < quality.score(model, rows[0])


def test_fit_refuses_a_set_without_bad_results():
    with pytest.raises(ValueError, match="bad: expected good and bad results"):
        quality.fit(numbers_of(np.random.default_rng(0), 5, False), [False] * 5)


def test_distance_of_a_gaussian_is_known():
    """Slices of the fitted Gaussian have a rms distance of 1; a shift by s deviations of one channel adds."""
    rng = np.random.default_rng(4)
    mixing = rng.standard_normal((6, 6))
    density = quality.fit_density(
        rng.standard_normal((4000, 6)) @ mixing, rng.standard_normal((400, 6)) @ mixing
    )
    fresh = rng.standard_normal((4000, 6)) @ mixing
    assert np.sqrt(np.mean(quality.distance(density, fresh) ** 2)) == pytest.approx(1, rel=0.15)
    assert np.mean(quality.distance(density, fresh) > density["limit"]) == pytest.approx(0.05, abs=0.03)
    away = fresh + 20 * rng.standard_normal(6)
    assert np.mean(quality.distance(density, away) > density["limit"]) > 0.99


def test_density_of_fewer_slices_than_channels():
    """40 slices of 96 channels: the distance is finite, and images unlike all of them are far away."""
    rng = np.random.default_rng(5)
    base = rng.standard_normal((8, 96))
    slices = rng.standard_normal((60, 8)) @ base + 0.1 * rng.standard_normal((60, 96))
    density = json.loads(json.dumps(quality.fit_density(slices[:40], slices[40:])))
    assert np.all(quality.distance(density, slices[40:]) < 10)
    assert quality.distance(density, 5 + slices[:1])[0] > 3 * density["limit"]
