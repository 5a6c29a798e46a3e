"""The trials that notebook 07 shows: their closed cases, and what they find."""

import numpy as np
import pytest

from dime.inversion import mmdi
from dime.simulation import plain_waves
from dime.studies import fast_inversions


def test_fit_bias_stays_under_its_bound_and_reaches_it():
    """Plane waves along the diagonal: the bias of 1 / (1 - e) with e = 0.0042 (k h)^4 to leading order, so
    order 4 in the wavelength, below the bound once that is small."""
    wavelengths = np.array([60.0, 120.0, 240.0])
    bias, bound = fast_inversions.fit_bias(wavelengths, 17, np.pi / 4)
    assert np.all(bias < bound)
    assert bias[-1] > 0.8 * bound[-1]
    np.testing.assert_allclose(np.diff(np.log2(bias)), -4, atol=0.15)
    assert np.all(fast_inversions.fit_bias(wavelengths, 17, 0.0)[0] < bias)


def test_quiet_trial_is_nearly_right_and_noise_spreads_it():
    """Mixed waves of 30 mm in 20 pixels: without noise MMDI, AHI, MDEV and LFE are within 3 %; k-MDEV is not,
    since a phase gradient belongs to one wave and its eight directions do not part six. Noise of 0.2 widens
    every spread."""
    quiet, noisy = (
        {row["method"]: row for row in fast_inversions.trial(20, noise, 0.03, 0)} for noise in (0.0, 0.2)
    )
    for method in ("mmdi", "ahi", "mdev", "lfe"):
        assert abs(quiet[method]["bias"]) < 0.03
        assert noisy[method]["spread"] > 1.5 * quiet[method]["spread"]
    assert quiet["kmdev"]["bias"] > 0.05


def test_error_is_not_monotone_in_resolution():
    """Noise of 0.05 per pixel: filtered Helmholtz inversions are best at 6 to 9 pixels per wavelength, worse
    at both ends; bare AHI, with nothing that smooths, at the coarsest pixels already drowns."""
    pixels = (4, 7.5, 20)
    error = fast_inversions.sweep(pixels, (0.05,) * 3, 0.03, 2).pivot(
        index="pixels_per_wavelength", columns="method", values="error"
    )
    for method in ("mmdi", "mdev"):
        assert error[method][7.5] < min(error[method][4], error[method][20])
    assert error["bare_ahi"][20] > 3 * error["ahi"][20]


def test_chain_ends_where_mmdi_does():
    """The last step is the map that `mmdi.invert` gives, up to the margin that the periodic filters see."""
    y, x, mask = plain_waves.disc(1.5e-3)
    wave = plain_waves.mixed_wave(y, x, 0.03, np.random.default_rng(0))
    steps = fast_inversions.chain(wave, mask, 1.5e-3, plain_waves.FREQUENCY_HZ, np.where(mask, 7.0, 0))
    whole = mmdi.invert(wave, mask, 1.5e-3, plain_waves.FREQUENCY_HZ).stiffness
    inner = steps["stiffness"][steps["mask"]]
    assert np.median(np.abs(inner / whole[mask] - 1)) < 0.01
    assert np.all(steps["reference"][steps["mask"]] == 7.0)


def test_error_by_depth_bins():
    """Depth 0 is outside the mask and counts nowhere."""
    depth = np.array([0.0, 0.5, 1.5, 1.6])
    found = fast_inversions.error_by_depth(np.array([0.0, 2.0, 3.0, 1.0]), 2.0, depth, [0, 1, 2])
    np.testing.assert_allclose(found, [0, 0.5])


def test_mixed_wave_has_unit_power():
    """Waves of random direction and phase: mean |u|^2 over a disc much wider than the wave is near 1."""
    y, x, mask = plain_waves.disc(1e-3)
    power = np.mean(
        [np.abs(plain_waves.mixed_wave(y, x, 0.01, np.random.default_rng(s))[mask]) ** 2 for s in range(4)]
    )
    assert power == pytest.approx(1, abs=0.1)
