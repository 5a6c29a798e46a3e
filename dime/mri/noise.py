"""Disturb a wave as a scanner does (white noise, bulk motion), and estimate the noise of an image."""

import numpy as np
from scipy import ndimage
from scipy.special import ndtri

from dime.physics import axis_m

SHORTEST_BACKGROUND_M = 0.110
"""Shortest wavelength of the background motion [m].

Source: fits of the waves that the DIME study released. Shear waves of an 8 kPa liver at 60 Hz are 47 mm long.
"""


def background_motion(wave, mask, spacing_m, rng, largest_ratio=1.5):
    """Smooth random complex field that stands for the compressional and bulk motion beside a shear wave.

    Each of the real and imaginary part is a sum of one to four plane waves, 110 to 500 mm long, of random
    direction and phase, and of a second-order polynomial with random coefficients. Its rms inside the mask is
    uniform between 0 and `largest_ratio` times the wave's rms per part, sqrt(mean |wave|^2 / 2).

    wave : (y, x) complex, any unit; mask : (y, x) bool; spacing_m : pixel size [m].
    Returns (y, x) complex in the wave's unit, everywhere, to be added to it. Raises ValueError as `acquire`.

    Source: radial profiles of the waves that the DIME study released, a shear wave and a slow background.
    Assumption: a ratio of 1.5 covers the strongest seen there; the two parts are independent.
    """
    wave = np.asarray(wave, dtype=complex)
    mask = checked_mask(mask, wave, "wave")
    rms = np.sqrt(np.mean(np.abs(wave[mask]) ** 2) / 2)
    y, x = np.meshgrid(*(np.arange(n) * spacing_m for n in mask.shape), indexing="ij")
    parts = []
    for _ in range(2):
        smooth = np.zeros(mask.shape)
        for _ in range(rng.integers(1, 5)):
            k = 2 * np.pi / np.exp(rng.uniform(np.log(SHORTEST_BACKGROUND_M), np.log(0.5)))
            angle, phase = rng.uniform(0, 2 * np.pi, 2)
            smooth += rng.standard_normal() * np.cos(k * (x * np.cos(angle) + y * np.sin(angle)) + phase)
        share = rng.uniform()
        bulk = unit_rms(random_polynomial(mask.shape, spacing_m, rng), mask)
        field = unit_rms(np.sqrt(share) * unit_rms(smooth, mask) + np.sqrt(1 - share) * bulk, mask)
        parts.append(rng.uniform(0, largest_ratio) * rms * field)
    return parts[0] + 1j * parts[1]


def add_noise(wave, mask, snr, rng):
    """Add white complex Gaussian noise to a first harmonic (y, x), inside its mask (y, x).

    snr : rms of the wave, sqrt(mean |wave|^2) inside the mask, over the noise's standard deviation in each of
    the real and imaginary part; infinity adds nothing. Raises ValueError for snr <= 0 and as `acquire`.
    """
    wave = np.asarray(wave, dtype=complex)
    mask = checked_mask(mask, wave, "wave")
    if not snr > 0:
        raise ValueError(f"snr: expected a positive number; got {snr}")
    sigma = np.sqrt(np.mean(np.abs(wave[mask]) ** 2)) / snr
    noise = rng.standard_normal((2, *wave.shape))
    return np.where(mask, wave + sigma * (noise[0] + 1j * noise[1]), wave)


def checked_mask(mask, image, name="displacement"):
    """Check a mask (y, x) against an image (..., y, x) and return it as bool."""
    mask = np.asarray(mask)
    if mask.ndim != 2 or image.shape[-2:] != mask.shape or image.ndim not in (2, 3):
        raise ValueError(f"mask, {name}: expected equal shapes (y, x); got {mask.shape}, {image.shape}")
    if not np.isfinite(mask).all():
        raise ValueError("mask: expected true or false everywhere; found NaN")
    mask = mask.astype(bool)
    if not mask.any():
        raise ValueError("mask: expected at least one pixel inside; found none")
    if not np.isfinite(image[..., mask]).all():
        raise ValueError(f"{name}: expected numbers inside the mask; found NaN or infinity")
    return mask


def random_polynomial(shape, spacing_m, rng):
    """Random second-order polynomial of place (y, x), its terms of like size over 0.3 m."""
    y, x = np.meshgrid(*(axis_m(n, spacing_m) / 0.15 for n in shape), indexing="ij")
    terms = np.stack([np.ones(shape), x, y, x * x, x * y, y * y])  # (term, y, x)
    return np.tensordot(rng.standard_normal(len(terms)), terms, axes=1)


def unit_rms(image, mask):
    """An image scaled to rms 1 inside a mask."""
    return image / np.sqrt(np.mean(image[mask] ** 2))


def noise_deviation(wave, mask):
    """Standard deviation of the white noise in one channel (real or imaginary) of a wave.

    median |N * u| / (6 Phi^-1(3/4)) over the pixels of both channels, N = (1, -2, 1)^T (1, -2, 1), a second
    difference along both axes, which reduces a wave 12 pixels long to a fiftieth of its amplitude. Noise
    smoothed by interpolation is underestimated or missed.

    Source: Immerkaer 1996 (Computer Vision and Image Understanding 64).
    Assumption: the median in place of the mean, so that a few sharp edges of the wave do not count.

    Parameters
    ----------
    wave : (y, x) complex array, any unit
    mask : (y, x) bool array

    Returns
    -------
    float
        In the wave's unit; 0 where no pixel has all its neighbours in the mask.
    """
    inside = ndimage.binary_erosion(mask, np.ones((3, 3)))
    kernel = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0])
    found = [np.abs(ndimage.correlate(part, kernel)[inside]) for part in (wave.real, wave.imag)]
    return float(np.median(found)) / (6 * ndtri(0.75)) if inside.any() else 0.0
