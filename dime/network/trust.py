"""Which of a network's values may be believed: a wavelength that training covered, a small uncertainty."""

import math

import numpy as np

from dime.network.prediction import COVERAGE, PIXEL_M_PER_S
from dime.physics import DENSITY_KG_M3

LOG_RANGE = (4.2, 7.8)
"""Trusted range of log (wavelength / pixel)^2: the 1st to 99th percentile of the training patches.

It is 8 to 49 of the network's pixels per wavelength, or |G*| from 0.4 to 14 kPa at `PIXEL_M_PER_S`. The mixed
family of phantoms (4.83 to 7.15) and the zoom of the patches cover this range.
"""

WIDEST_FACTOR = 1.5
"""A pixel is not trusted if its interval of coverage `COVERAGE` extends beyond this factor up and down.

The network reports wide intervals in tissue without a wave or too small for one. Assumption: neighbouring
stages of fibrosis differ by no more than such a factor."""

MARGIN = 1.5
"""Factor by which a wavelength measured in the image may lie outside of `LOG_RANGE`, as it is not exact."""


def believed(stiffness, uncertainty):
    """Pixels whose value a network had learnt to predict, and predicts with a small uncertainty.

    The wavelength must lie in `LOG_RANGE`, and the half width b log(1 / (1 - coverage)) of the interval must
    be below log `WIDEST_FACTOR`.

    Parameters
    ----------
    stiffness, uncertainty : (y, x) arrays
        Stiffness [Pa]; the uncertainty is the Laplace scale b of log stiffness.

    Returns
    -------
    (y, x) bool array
    """
    known = stiffness > 0
    log_ratio = np.log(np.where(known, stiffness, 1) / (DENSITY_KG_M3 * PIXEL_M_PER_S**2))
    covered = (log_ratio > LOG_RANGE[0]) & (log_ratio < LOG_RANGE[1])
    sure = uncertainty < math.log(WIDEST_FACTOR) / math.log(1 / (1 - COVERAGE))
    return known & covered & sure


def trained(wavelength_px, spacing_m, frequency_hz):
    """Whether training covered a wavelength that was measured in the pixels of the image, within `MARGIN`.

    The network sees the slice resampled by f dx / `PIXEL_M_PER_S`. With a frequency or a pixel far from the
    true one, the wave is shorter or longer there than any that it has learnt, and its answer means nothing.

    Parameters
    ----------
    wavelength_px : float
        Wavelength [pixels of the image].
    spacing_m, frequency_hz : float
        Pixel size [m] and vibration frequency [Hz] as they are given.

    Returns
    -------
    bool
    """
    seen = wavelength_px * spacing_m * frequency_hz / PIXEL_M_PER_S
    slack = 2 * math.log(MARGIN)
    return LOG_RANGE[0] - slack < 2 * math.log(seen) < LOG_RANGE[1] + slack
