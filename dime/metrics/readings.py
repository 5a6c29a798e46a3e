"""Read numbers off a stiffness map: quartiles, mean and area of its regions, by slice and over all slices."""

import numpy as np
from scipy.ndimage import distance_transform_edt

RIM_M = 10e-3
"""Depth of the rim that the region `interior` leaves out [m].

Assumption: half a shear wave of soft liver at 60 Hz; nearer to the outline every inversion lacks a side."""


def regions(mask, trusted, spacing_m, rim_m=RIM_M):
    """Regions that a map is read in.

    Parameters
    ----------
    mask, trusted : (slice, y, x) bool arrays
        Tissue, and where the method is to be trusted.
    spacing_m, rim_m : float
        Pixel, and the least depth of the interior [m].

    Returns
    -------
    dict
        "tissue", "trusted", "interior" -> (slice, y, x) bool array. The interior is the tissue at least
        `rim_m` from its outline in its own slice; the edge of the image counts as outline.
    """
    interior = np.zeros_like(mask)
    for row, tissue in enumerate(mask):
        # to the far side of the outline's pixels: half a pixel less than to the centres beyond it
        depth = distance_transform_edt(np.pad(tissue, 1))[1:-1, 1:-1] - 0.5
        interior[row] = tissue & (depth * spacing_m >= rim_m)
    return {"tissue": mask, "trusted": mask & trusted, "interior": interior}


def reading(stiffness_pa, region, trusted, spacing_m):
    """Median, quartiles, mean and spread of a map over a region, its area, and the share that is trusted.

    Parameters
    ----------
    stiffness_pa : (..., y, x) array [Pa]
        0 where there is none, as in a slice that could not be inverted; such pixels count in the area alone.
    region, trusted : bool arrays of that shape
    spacing_m : float

    Returns
    -------
    dict
        median_kpa, low_kpa and high_kpa (quartiles), mean_kpa, sd_kpa: None where there is no stiffness;
        trusted_share (0 to 1): None where it is empty; area_cm2. Quartiles and standard
        deviation show how pixels differ; they are no interval of the median.
    """
    pixels = np.count_nonzero(region)
    share = np.count_nonzero(region & trusted) / pixels if pixels else None
    found = {"trusted_share": share, "area_cm2": pixels * spacing_m**2 * 1e4}
    inside = stiffness_pa[region & (stiffness_pa > 0)] / 1e3
    names = ("low_kpa", "median_kpa", "high_kpa", "mean_kpa", "sd_kpa")
    if not inside.size:
        return dict.fromkeys(names) | found
    values = [*np.percentile(inside, [25, 50, 75]), inside.mean(dtype=float), inside.std(dtype=float)]
    return dict(zip(names, map(float, values), strict=True)) | found


def readings(stiffness_pa, mask, trusted, spacing_m):
    """`reading` of each of the `regions`: over all slices together, and slice by slice.

    Parameters
    ----------
    stiffness_pa : (slice, y, x) array [Pa]
    mask, trusted : (slice, y, x) bool arrays
    spacing_m : float

    Returns
    -------
    dict
        Region -> {"all": reading, "slices": list of readings, "slice_medians_kpa": (lowest, highest) of the
        slices that have any, or None}.
    """
    found = {}
    for name, region in regions(mask, trusted, spacing_m).items():
        rows = [reading(*one, spacing_m) for one in zip(stiffness_pa, region, mask & trusted, strict=True)]
        medians = [row["median_kpa"] for row in rows if row["median_kpa"] is not None]
        found[name] = {
            "all": reading(stiffness_pa, region, mask & trusted, spacing_m),
            "slices": rows,
            "slice_medians_kpa": (min(medians), max(medians)) if medians else None,
        }
    return found
