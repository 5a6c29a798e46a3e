"""Where a network's map may be believed: enough motion, a wavelength that it learnt from, little doubt."""

import math

import numpy as np
from scipy import ndimage

from dime.mri.noise import noise_deviation
from dime.network.prediction import COVERAGE, PIXEL_M_PER_S
from dime.physics import DENSITY_KG_M3, WORKING_PIXEL_M_PER_S

LOG_RANGE = (4.2, 7.8)
"""Log of the squared wavelength in the pixels that the network sees, 1-99 % of those of the training patches.

8 to 49 pixels per wavelength, which is |G*| from 0.4 to 14 kPa on the pixels that slices are inverted on:
what the mixed family of phantoms (4.83 to 7.15) and the zoom of the patches cover.
"""

LEAST_AMPLITUDE = 0.05
"""Motion nearby, relative to the slice's rms, below which a pixel is not trusted even without noise.
Assumption: a twentieth is what the noise of liver examinations leaves visible, at their SNR of 20."""

LEAST_SNR = 1.0
"""Wave nearby over the noise, both as rms, below which a pixel is not trusted."""

WIDEST_FACTOR = 1.5
"""Either way, of the interval that the uncertainty is calibrated for, beyond which a pixel is not trusted: of
tissue too small for a wave, or without one, the network says so. Assumption: neighbouring stages of fibrosis
lie within such a factor."""


def trusted(wave, mask, stiffness, uncertainty, spacing_m, frequency_hz):
    """Where the network's map may be believed: enough motion, a wavelength that it learnt from, little doubt.

    Nearby, the wave must be `LEAST_SNR` of the noise (`noise.noise_deviation`, both channels together) and, noise
    included, `LEAST_AMPLITUDE` of the slice's rms.

    Parameters
    ----------
    wave, mask, stiffness, uncertainty : (y, x) arrays
        Stiffness in Pa; the uncertainty is the Laplace scale b of its logarithm: the interval's half width,
        b log(1 / (1 - coverage)), is at most the logarithm of `WIDEST_FACTOR`.
    spacing_m, frequency_hz : float

    Returns
    -------
    (y, x) bool array
    """
    # "Nearby" is a quarter of a working wavelength: a node of a standing wave is not a lack of motion. An
    # offset is what stays over three times that: the mean of the slice would move what is still.
    sigma = 5 * WORKING_PIXEL_M_PER_S / (spacing_m * frequency_hz)
    wave = np.where(mask, wave - _nearby(wave, mask, 3 * sigma), 0)
    power = _nearby(np.abs(wave) ** 2, mask, sigma)
    least = LEAST_AMPLITUDE**2 * np.mean(np.abs(wave[mask]) ** 2)
    moves = power > max(least, (1 + LEAST_SNR**2) * 2 * noise_deviation(wave, mask) ** 2)
    log_ratio = np.log(np.where(mask, stiffness, 1) / (DENSITY_KG_M3 * PIXEL_M_PER_S**2))
    covered = (log_ratio > LOG_RANGE[0]) & (log_ratio < LOG_RANGE[1])
    sure = uncertainty < math.log(WIDEST_FACTOR) / math.log(1 / (1 - COVERAGE))
    return mask & covered & moves & sure


def _nearby(image, mask, sigma):
    """Gaussian mean of the tissue around each of its pixels; 0 outside the mask."""
    parts = [ndimage.gaussian_filter(part, sigma) for part in (np.where(mask, image, 0), mask.astype(float))]
    return np.where(mask, parts[0], 0) / np.where(mask, parts[1], 1)
