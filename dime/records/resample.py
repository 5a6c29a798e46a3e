"""Resample images along their axes by matrices: the mean over each new cell."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=256)
def resampling(count, spacing_m, new_count, new_spacing_m, shift_m=0.0):
    """Matrix that takes samples on one even axis to means over the cells of another.

    The old axis is centred on 0, the new one on `shift_m`. The value of a cell is the mean of the constant
    pieces of the input in it. Where the new cells are finer, it is the mean over as much as an old cell,
    which interpolates linearly. Beyond the input the last sample repeats.

    Parameters
    ----------
    count, new_count : int
    spacing_m, new_spacing_m : float
        Distance of samples [m].
    shift_m : float
        Place of the new axis' middle on the old axis [m].

    Returns
    -------
    (new_count, count) float32 array
        Rows sum to 1.
    """
    edges = (np.arange(count + 1) - count / 2) * spacing_m
    edges[0], edges[-1] = -np.inf, np.inf  # the ends repeat
    middles = (np.arange(new_count) - (new_count - 1) / 2) * new_spacing_m + shift_m
    half = max(spacing_m, new_spacing_m) / 2
    low, high = (middles - half)[:, None], (middles + half)[:, None]
    shared = np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1])
    return (np.clip(shared, 0, None) / (2 * half)).astype(np.float32)
