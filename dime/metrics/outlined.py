"""What does a map read inside an outline that somebody drew?"""

import numpy as np
import pandas as pd
from skimage.measure import grid_points_in_poly

COLUMNS = ("median [kPa]", "mean [kPa]", "SD [kPa]", "area [cm²]", "trusted [%]")
"""Of a reading, in this order."""


def inside(outline_m, shape, spacing_m):
    """Pixels whose centre lies inside a closed outline.

    Parameters
    ----------
    outline_m : (n, 2) array
        Corners (x, y) [m]; the last is joined to the first. Pixel (row, column) has its centre at
        (column, row) times `spacing_m`.
    shape : (int, int)
        Of the map (y, x).
    spacing_m : float
        Pixel [m].

    Returns
    -------
    bool array (y, x)
        A centre on the outline counts as inside. Fewer than three corners enclose nothing.
    """
    corners = np.asarray(outline_m, float).reshape(-1, 2) / spacing_m
    if len(corners) < 3:
        return np.zeros(shape, bool)
    return grid_points_in_poly(shape, corners[:, ::-1])


def reading(stiffness, trusted, region, spacing_m):
    """Statistics of one map over a region, for people: kPa, cm2 and per cent.

    Parameters
    ----------
    stiffness : (..., y, x) array [Pa]
        0 where nothing was inverted; such pixels are left out.
    trusted : bool array of that shape
        Where the method's own map is to be believed (`dime.inversion.trust`).
    region : bool array of that shape
    spacing_m : float
        Pixel [m].

    Returns
    -------
    dict
        `COLUMNS` -> value: median, mean and standard deviation of the pixels (not of the mean), their area,
        and the share of them that is trusted. The statistics are NaN, and the area 0, where no pixel is left.
    """
    kept = region & (stiffness > 0)
    if not kept.any():
        return dict(zip(COLUMNS, (np.nan, np.nan, np.nan, 0.0, np.nan), strict=True))
    kpa = stiffness[kept] / 1e3
    area_cm2 = kept.sum() * spacing_m**2 * 1e4
    found = np.median(kpa), kpa.mean(), kpa.std(), area_cm2, 100 * trusted[kept].mean()
    return dict(zip(COLUMNS, map(float, found), strict=True))


def readings(maps, region, spacing_m):
    """Table of readings of several maps over one region.

    Parameters
    ----------
    maps : dict
        Name -> (stiffness [Pa], trusted), both (..., y, x).
    region : bool array of that shape
    spacing_m : float
        Pixel [m].

    Returns
    -------
    pandas.DataFrame
        One row for each name; see `reading` for the columns.
    """
    rows = {name: reading(*one, region, spacing_m) for name, one in maps.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
