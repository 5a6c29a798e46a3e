"""What separates measured waves from simulated ones: noise, amplitude and speckle that are known."""

import numpy as np
import pytest

from dime.mri.kspace import sampled_noise
from dime.studies import gap

SPACING_M = 1.5e-3
Y, X = np.indices((160, 160)) * SPACING_M
MASK = (Y - 0.12) ** 2 + (X - 0.12) ** 2 < 0.1**2


@pytest.mark.parametrize("snr", [8.0, 15.0])
def test_the_noise_of_a_coarse_scan_is_found_again(snr):
    """Plane wave of 30 mm, rms 1; noise of voxels of 4.5 mm: within a fifth of the ratio that was put in."""
    rng = np.random.default_rng(0)
    wave = np.exp(2j * np.pi * X / 0.03) + sampled_noise(X.shape, (53, 53), rng) / snr
    assert gap.noise_level(wave, MASK, SPACING_M) == pytest.approx(snr, rel=0.2)


def test_amplitudes_of_two_halves():
    """Amplitude 1 in three quarters of the pixels and 2 in the rest: rms sqrt(7) / 2, median 1."""
    wave = np.where(np.arange(400).reshape(20, 20) % 4 == 0, 2.0, 1j)
    median, tenth = gap.amplitude(wave, np.ones((20, 20), bool))
    assert median == tenth == pytest.approx(2 / np.sqrt(7))


def test_speckle_counts_grains_and_not_slow_changes():
    """Grains of 10 % rms beside a slow change by a factor of two count as their 10 %, alone as nothing."""
    slow = 2e3 * 2 ** (X / 0.2)
    grains = np.random.default_rng(1).standard_normal(X.shape)
    assert gap.speckle(slow, MASK, SPACING_M) < 1.5
    assert gap.speckle(slow * np.exp(0.1 * grains), MASK, SPACING_M) == pytest.approx(10, rel=0.1)


def test_a_prior_of_smoothness_leaves_sure_pixels_and_smooths_unsure_ones():
    values = 3e3 * np.exp(0.2 * np.random.default_rng(2).standard_normal(X.shape))
    for scale, expected in ((0.001, 1.0), (1.0, 0.1)):
        found = gap.smoothed(values, np.full(X.shape, scale), MASK, SPACING_M, 8e-3)
        ratio = np.std(np.log(found[MASK])) / np.std(np.log(values[MASK]))
        assert ratio == pytest.approx(expected, abs=0.1)
    assert (found[~MASK] == 0).all()
