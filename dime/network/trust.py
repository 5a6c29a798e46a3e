"""Where a network's map can be trusted: enough motion, a trained wavelength, small uncertainty."""

import math

import numpy as np
from scipy import ndimage

from dime.mri.noise import noise_deviation
from dime.network.prediction import COVERAGE, PIXEL_M_PER_S
from dime.physics import DENSITY_KG_M3, WORKING_PIXEL_M_PER_S

LOG_RANGE = (4.2, 7.8)
"""Trusted range of log (wavelength / pixel)^2: the 1st to 99th percentile of the training patches.

It is 8 to 49 of the network's pixels per wavelength, or |G*| from 0.4 to 14 kPa at `PIXEL_M_PER_S`. The mixed
family of phantoms (4.83 to 7.15) and the zoom of the patches cover this range.
"""

LEAST_AMPLITUDE = 0.05
"""A pixel is not trusted if the motion nearby is below this fraction of the slice's rms, even without noise.

Assumption: 1/20 is the smallest motion visible at the SNR of 20 of liver examinations."""

LEAST_SNR = 1.0
"""A pixel is not trusted if the rms of the wave nearby is below this multiple of the rms noise."""

WIDEST_FACTOR = 1.5
"""A pixel is not trusted if its interval of coverage `COVERAGE` extends beyond this factor up and down.

The network reports wide intervals in tissue without a wave or too small for one. Assumption: neighbouring
stages of fibrosis differ by no more than such a factor."""


def trusted(wave, mask, stiffness, uncertainty, spacing_m, frequency_hz):
    """Pixels in which the network's map can be trusted.

    The motion nearby must exceed `LEAST_SNR` times the noise (`noise_deviation`, both channels together) and,
    with its noise, `LEAST_AMPLITUDE` times the rms of the slice. The wavelength must lie in `LOG_RANGE`, and
    the half width b log(1 / (1 - coverage)) of the interval must be below log `WIDEST_FACTOR`.

    Parameters
    ----------
    wave, mask, stiffness, uncertainty : (y, x) arrays
        Complex wave in any unit; stiffness [Pa]; the uncertainty is the Laplace scale b of log stiffness.
    spacing_m, frequency_hz : float

    Returns
    -------
    (y, x) bool array
    """
    # "Nearby" is a quarter of a working wavelength: the node of a standing wave is not a lack of motion. The
    # mean over three times that is removed as offset; to remove the slice's mean would move tissue at rest.
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
