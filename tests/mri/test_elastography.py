"""Acquisition: what goes in comes back, and the noise is the one the formulas state."""

import numpy as np
import pytest
from scipy import stats

from dime.mri import elastography, noise
from dime.physics import axis_m

SPACING = 1.5e-3
GRID = axis_m(128, SPACING)
X, Y = np.meshgrid(GRID, GRID)
MASK = (X / 0.08) ** 2 + (Y / 0.065) ** 2 < 1
K = 2 * np.pi / 0.03 * (1 - 0.12j)  # a lossy 30 mm wave from the left
WAVE = 60e-6 * np.exp(-1j * K * (X + 0.08)) + 10e-6 * np.exp(-1j * K * (0.065 - Y) + 1j)
KAPPA = elastography.MOTION_SENSITIVITY_RAD_PER_M


def recovered(data):
    phase = elastography.unwrap(data.phase.values, data.mask.values)
    return elastography.first_harmonic(phase) / data.motion_sensitivity_rad_per_m


@pytest.mark.parametrize("offsets", [3, 4, 8])
@pytest.mark.parametrize("polarities", [1, 2])
def test_a_wrapped_wave_comes_back_exactly(offsets, polarities):
    """A 60 um wave makes 5 rad of phase on 0.5 rad of background: wrapped, unwrapped, the same wave."""
    wave = np.where(MASK, WAVE, np.nan)
    data = elastography.acquire(
        wave, MASK, SPACING, np.random.default_rng(0), offsets=offsets, polarities=polarities
    )
    truth = KAPPA * np.abs(WAVE[MASK])
    assert truth.max() > 4.5  # there are wraps to undo
    assert np.abs(data.phase).max() <= np.pi
    assert np.allclose(recovered(data)[MASK], WAVE[MASK], rtol=1e-9)


def test_unwrapping_recovers_every_offset_up_to_one_turn_for_all():
    """Motion + background beyond pi, wrapped: the difference from the truth is one multiple of 2 pi."""
    background = 4 + 30 * X - 40 * Y + 300 * X * Y
    turns = np.exp(2j * np.pi * np.arange(8) / 8)[:, None, None]
    phase = (KAPPA * WAVE * turns).real + background
    difference = elastography.unwrap(elastography.wrap(phase), MASK)[:, MASK] - phase[:, MASK]
    assert np.allclose(difference, difference[0, 0], rtol=0, atol=1e-9)
    assert difference[0, 0] / (2 * np.pi) == pytest.approx(round(difference[0, 0] / (2 * np.pi)), abs=1e-9)


def test_parts_of_a_mask_are_unwrapped_each_on_its_own():
    mask = MASK & (np.abs(X - 0.02) > 0.006)
    data = elastography.acquire(WAVE, mask, SPACING, np.random.default_rng(1), offsets=8)
    assert np.allclose(recovered(data)[mask], WAVE[mask], rtol=1e-9)


def test_wrap_folds_into_one_turn():
    phase = np.linspace(-20, 20, 1001)
    folded = elastography.wrap(phase)
    assert np.allclose(np.exp(1j * folded), np.exp(1j * phase))
    assert folded.min() > -np.pi and folded.max() <= np.pi
    assert elastography.wrap(np.pi) == np.pi == elastography.wrap(-np.pi)


@pytest.mark.parametrize("offsets, polarities", [(4, 1), (8, 1), (4, 2)])
def test_the_first_harmonic_s_noise_is_the_formula_s(offsets, polarities):
    """n pixels: the standard deviation is sqrt(2 p / N) / SNR and the mean 0, within 4 standard errors (and
    the 1 / SNR^2 by which the noise of a phase exceeds 1 / SNR)."""
    snr = 30
    data = elastography.acquire(
        WAVE, MASK, SPACING, np.random.default_rng(2), offsets=offsets, polarities=polarities, snr=snr
    )
    error = KAPPA * (recovered(data) - WAVE)[MASK]
    sigma, n = elastography.harmonic_noise(snr, offsets, polarities), error.size
    for part in (error.real, error.imag):
        assert part.std() == pytest.approx(sigma, rel=4 / np.sqrt(2 * n) + 2 / snr**2)
        assert abs(part.mean()) < 4 * sigma / np.sqrt(n)


def test_the_magnitude_is_rician():
    """At SNR 2, the magnitude follows the Rice law of distance 1 and scale 1/2 (Kolmogorov-Smirnov)."""
    data = elastography.acquire(0 * WAVE, MASK, SPACING, np.random.default_rng(3), snr=2, background_rad=0)
    values = data.magnitude.values[:, MASK].ravel()
    assert stats.kstest(values, stats.rice(2.0, scale=0.5).cdf).pvalue > 0.01
    outside = data.magnitude.values[:, ~MASK].ravel()
    assert stats.kstest(outside, stats.rayleigh(scale=0.5).cdf).pvalue > 0.01


def test_k_space_beyond_the_acquired_block_is_empty():
    """Without noise nothing lies outside 64 x 48 of 128 x 128 lines; inside the block nothing changed."""
    full, part = (
        elastography.acquire(WAVE, MASK, SPACING, np.random.default_rng(4), acquired_shape=shape)
        for shape in (None, (64, 48))
    )
    images = [(d.magnitude * np.exp(1j * d.phase)).values for d in (full, part)]
    spectra = [np.fft.fftshift(np.fft.fft2(image), axes=(1, 2)) for image in images]
    block = np.zeros((128, 128), bool)
    block[32:96, 40:88] = True
    assert np.abs(spectra[1][:, ~block]).max() < 1e-9 * np.abs(spectra[0]).max()
    assert np.allclose(spectra[1][:, block], spectra[0][:, block])
    interior = (X / 0.06) ** 2 + (Y / 0.045) ** 2 < 1
    error = np.abs(recovered(part) - WAVE)[interior]  # 48 columns of 4 mm resolve a wave of 30 mm
    assert np.sqrt(np.mean(error**2) / np.mean(np.abs(WAVE[interior]) ** 2)) < 0.05


def test_the_noise_keeps_its_level_when_fewer_lines_are_acquired():
    """8192 real values in a 64 x 64 block: the standard deviation is 1 / SNR within 4 standard errors."""
    data = elastography.acquire(
        0 * WAVE,
        np.ones_like(MASK),
        SPACING,
        np.random.default_rng(5),
        snr=50,
        acquired_shape=(64, 64),
        background_rad=0,
    )
    assert data.phase.values.std() == pytest.approx(1 / 50, rel=4 / np.sqrt(2 * 4 * 64 * 64) + 2e-3)


def test_a_thick_slice_averages_through_its_thickness():
    """A plane wave through a slice of thickness d keeps sin(k d / 2) / (k d / 2) of its amplitude, for small
    phase; n midpoints meet that with error of order n^-2."""
    k, d, u = 2 * np.pi / 0.02, 0.01, 1e-7
    expected = np.sin(k * d / 2) / (k * d / 2)
    errors = []
    for n in (4, 8, 16):
        z = (np.arange(n) + 0.5) / n * d - d / 2
        field = u * np.exp(-1j * k * z)[:, None, None] * np.ones_like(X)
        data = elastography.acquire(field, MASK, SPACING, np.random.default_rng(6), background_rad=0)
        errors.append(abs(np.abs(recovered(data)[MASK]).mean() / u / expected - 1))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (np.abs(orders - 2) < 0.2).all()
    assert errors[-1] < 5e-3


def test_background_motion_is_long_and_of_the_stated_size():
    """Beyond 1 / 90 mm, less than 1 % of the windowed energy; each part's rms is uniform in 0..1.5."""
    window = np.hanning(128)[:, None] * np.hanning(128)
    f = np.fft.fftfreq(128, SPACING)
    high = np.hypot(f[:, None], f) > 1 / 0.09 + 2 / (128 * SPACING)  # beyond the window's own width
    ratios = []
    for seed in range(60):
        field = noise.background_motion(WAVE, MASK, SPACING, np.random.default_rng(seed))
        energy = np.abs(np.fft.fft2(window * field)) ** 2
        assert energy[high].sum() < 0.01 * energy.sum()
        rms = np.sqrt(np.mean(np.abs(WAVE[MASK]) ** 2) / 2)
        ratios += [np.sqrt(np.mean(part[MASK] ** 2)) / rms for part in (field.real, field.imag)]
    assert stats.kstest(ratios, stats.uniform(0, 1.5).cdf).pvalue > 0.01


def test_noise_on_a_first_harmonic():
    """Each part's standard deviation is rms |wave| / SNR within 4 standard errors; outside, no change."""
    noisy = noise.add_noise(WAVE, MASK, 10, np.random.default_rng(7))
    sigma = np.sqrt(np.mean(np.abs(WAVE[MASK]) ** 2)) / 10
    for part in ((noisy - WAVE)[MASK].real, (noisy - WAVE)[MASK].imag):
        assert part.std() == pytest.approx(sigma, rel=4 / np.sqrt(2 * part.size))
    assert np.array_equal(noisy[~MASK], WAVE[~MASK])
    assert np.array_equal(noise.add_noise(WAVE, MASK, np.inf, np.random.default_rng(7)), WAVE)


def test_vessels_differ_from_tissue_by_one_contrast():
    vessels = ((np.abs(X) < 0.004) & MASK).astype(float)
    plain = elastography.tissue_magnitude(MASK, SPACING, np.random.default_rng(8))
    image = elastography.tissue_magnitude(MASK, SPACING, np.random.default_rng(8), vessels)
    assert np.array_equal(image[vessels == 0], plain[vessels == 0]) and (image[~MASK] == 0).all()
    contrast = (image / np.where(MASK, plain, 1))[vessels == 1]
    assert np.allclose(contrast, contrast[0]) and 0.4 <= contrast[0] <= 1.6


NAN_MASK = np.where(MASK, 1.0, np.nan)
NAN_WAVE = np.where(X > 0, np.nan, WAVE)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"offsets": 2}, "offsets: expected a whole number of at least 3"),
        ({"polarities": 3}, "polarities: expected 1 or 2"),
        ({"mask": MASK[:-1]}, "expected equal shapes"),
        ({"mask": NAN_MASK}, "mask: expected true or false"),
        ({"mask": np.zeros_like(MASK)}, "mask: expected at least one pixel"),
        ({"displacement": NAN_WAVE}, "displacement: expected numbers inside the mask"),
        ({"snr": 0}, "snr, spacing_m: expected positive"),
        ({"spacing_m": -1e-3}, "snr, spacing_m: expected positive"),
        ({"magnitude": -np.ones_like(X)}, "magnitude: expected numbers >= 0"),
        ({"acquired_shape": (200, 64)}, "acquired_shape: expected two numbers"),
    ],
)
def test_bad_acquisitions_are_refused(changes, message):
    arguments = {"displacement": WAVE, "mask": MASK, "spacing_m": SPACING, "rng": np.random.default_rng(0)}
    with pytest.raises(ValueError, match=message):
        elastography.acquire(**{**arguments, **changes})


def test_bad_phases_and_waves_are_refused():
    with pytest.raises(ValueError, match="at least 3 offsets"):
        elastography.first_harmonic(np.zeros((2, 4, 4)))
    with pytest.raises(ValueError, match="phase: expected"):
        elastography.unwrap(np.zeros((2, 4, 4)), np.ones((4, 4)))
    with pytest.raises(ValueError, match="mask: expected at least one"):
        elastography.unwrap(np.zeros((4, 4, 4)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match="snr: expected"):
        noise.add_noise(WAVE, MASK, -1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="wave: expected numbers"):
        noise.background_motion(NAN_WAVE, MASK, SPACING, np.random.default_rng(0))
