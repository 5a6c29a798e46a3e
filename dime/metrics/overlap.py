"""Compare two outlines of an organ: shared volume, distance of the surfaces, difference of the volumes.

Masks are bool arrays of one shape, in two or three dimensions.
"""

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

PERCENTILE = 95
"""Percentile of the surface distances that `hd95` reports: the largest one depends on single pixels."""


def dice(estimate, truth):
    """Dice coefficient 2 |A and B| / (|A| + |B|), 0 to 1; 1 if both masks are empty.

    Source: Dice 1945, Ecology 26:297.
    """
    estimate, truth = _checked(estimate, truth)
    total = estimate.sum() + truth.sum()
    return float(2 * (estimate & truth).sum() / total) if total else 1.0


def surface_distances(estimate, truth, spacing_m):
    """Distance [m] of every pixel of either surface to the other surface.

    A surface is the pixels of a mask that touch its outside by a face; the edge of the image is outside.

    Parameters
    ----------
    estimate, truth : (..., y, x) bool arrays
    spacing_m : float or sequence of float
        Pixel, along all axes or along each.

    Returns
    -------
    (surface pixel,) array
        First those of the estimate, then those of the truth; empty if a mask is empty.
    """
    masks = _checked(estimate, truth)
    if not all(mask.any() for mask in masks):
        return np.empty(0)
    spacing = np.broadcast_to(np.asarray(spacing_m, float), masks[0].ndim)
    # Both masks lie in the box of their union, which is a fraction of most images.
    box = tuple(slice(along.min(), along.max() + 1) for along in (np.nonzero(masks[0] | masks[1])))
    first, second = (mask[box] & ~binary_erosion(mask[box]) for mask in masks)
    to_first, to_second = (distance_transform_edt(~surface, spacing) for surface in (first, second))
    return np.concatenate([to_second[first], to_first[second]])


def hd95(estimate, truth, spacing_m):
    """95th percentile of the symmetric surface distance [m]; NaN if a mask is empty.

    The distances of both surfaces are pooled (`surface_distances`). Some programs instead take the larger
    of the percentiles of each surface, which is at least as large.

    Source: Huttenlocher 1993, IEEE PAMI 15:850, for the distance without the percentile.
    """
    distances = surface_distances(estimate, truth, spacing_m)
    return float(np.percentile(distances, PERCENTILE)) if distances.size else np.nan


def volume_error(estimate, truth):
    """Relative error of the volume, |A| / |B| - 1; NaN if the truth is empty."""
    estimate, truth = _checked(estimate, truth)
    return float(estimate.sum() / truth.sum() - 1) if truth.any() else np.nan


def _checked(estimate, truth):
    estimate, truth = np.asarray(estimate, bool), np.asarray(truth, bool)
    if estimate.shape != truth.shape:
        raise ValueError(f"estimate: expected the shape of the truth {truth.shape}, found {estimate.shape}")
    return estimate, truth
