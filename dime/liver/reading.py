"""Read a map: its mean over a region of several slices, and the interval that the mean's errors leave."""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from dime.metrics.roi import LEAST_AREA_M2
from dime.metrics.statistics import CONFIDENCE_LEVEL
from dime.physics import shear_wavelength

PATCH_WAVELENGTHS = 0.5
"""Side of the square [wavelengths] within which a map's errors are the same; beyond it they are independent.

Assumption: half a wavelength, the distance from which one wave can tell two stiffnesses apart."""


class Reading(NamedTuple):
    """Mean stiffness over a region [Pa] and its 95 % interval; NaN where the region is too small."""

    mean_pa: float
    low_pa: float
    high_pa: float


def read(stiffness, region, spacing_m, frequency_hz, uncertainty=None):
    """Mean of a map over a region of all slices, with a 95 % interval.

    The mean is over pixels, m = sum_i w_i m_i, with w_i the share of slice i and m_i its mean. Its relative
    variance has two parts,

        V = sum_i w_i^2 v_i,  v_i = mean(2 b^2) / n_i,     errors of the patches of a slice
        T = tau^2 sum_i w_i^2,                             errors that a whole slice shares

    b is the Laplace scale of log stiffness, whose variance is 2 b^2; n_i is the number of patches of side
    `PATCH_WAVELENGTHS` times the wavelength that slice i has room for. Without b, as in direct inversions,
    v_i = var(stiffness) / m_i^2 / n_i. tau^2 is what the scatter of the slices' means has beyond their v_i,

        tau^2 = (sum_i w_i (m_i / m - 1)^2 - sum_i w_i (1 - w_i) v_i) / sum_i w_i (1 - w_i),

    and the interval is m exp(-+ sqrt(max(z^2 V, t^2 (V + T)))), with the normal quantile z and Student's t of
    k - 1 degrees of freedom for k slices; z^2 V alone for one slice. tau^2 is negative where the scatter is
    less than the patches make it.

    Parameters
    ----------
    stiffness : (slice, y, x) array [Pa]
    region : (slice, y, x) bool array
    spacing_m, frequency_hz : float
    uncertainty : (slice, y, x) array, optional
        Laplace scale of log stiffness.

    Returns
    -------
    Reading
        NaN where the region is below `roi.LEAST_AREA_M2`.

    Source: DerSimonian and Laird 1986, Controlled Clinical Trials 7:177 (moment estimate of tau^2).
    Assumption: slices err independently, and an error that all share, such as that of a wrong frequency, is
    not in the interval.
    """
    area_m2 = region.sum(axis=(1, 2)) * spacing_m**2
    if area_m2.sum() < LEAST_AREA_M2:
        return Reading(math.nan, math.nan, math.nan)
    used = np.flatnonzero(area_m2)
    weights = area_m2[used] / area_m2.sum()
    values = [stiffness[row][region[row]].astype(float) for row in used]
    means = np.array([one.mean() for one in values])
    mean = float(weights @ means)
    if uncertainty is None:
        relative = np.array([one.var() for one in values]) / means**2
    else:
        relative = np.array([2 * np.mean(uncertainty[row][region[row]].astype(float) ** 2) for row in used])
    patch_m = PATCH_WAVELENGTHS * shear_wavelength(mean, frequency_hz)
    within = relative / np.maximum(1, area_m2[used] / patch_m**2)
    own = np.sum(weights**2 * within)
    variance = normal_quantile() ** 2 * own
    room = np.sum(weights * (1 - weights))
    if len(used) > 1:
        excess = np.sum(weights * (means / mean - 1) ** 2) - np.sum(weights * (1 - weights) * within)
        student = stats.t.ppf((1 + CONFIDENCE_LEVEL) / 2, len(used) - 1)
        variance = max(variance, student**2 * (own + excess / room * np.sum(weights**2)))
    factor = math.exp(math.sqrt(variance))
    return Reading(mean, mean / factor, mean * factor)


def normal_quantile():
    """Quantile of the standard normal law that bounds the middle `CONFIDENCE_LEVEL`."""
    return float(stats.norm.ppf((1 + CONFIDENCE_LEVEL) / 2))
