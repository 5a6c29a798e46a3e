"""What does a map read inside an outline that somebody drew?"""

import numpy as np
import pandas as pd
from skimage.measure import grid_points_in_poly

from dime.metrics.readings import reading

COLUMNS = {
    "median [kPa]": "median_kpa",
    "mean [kPa]": "mean_kpa",
    "SD [kPa]": "sd_kpa",
    "area [cm²]": "area_cm2",
    "trusted [%]": "trusted_share",
}
"""Column of a table for people -> number of `dime.metrics.readings.reading`."""


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
        One row for each name, the columns `COLUMNS`: median, mean and standard deviation of the pixels (not
        of the mean), NaN where there is no stiffness; the region's area; the share of it that is trusted [%].
    """
    found = {name: reading(values, region, trusted, spacing_m) for name, (values, trusted) in maps.items()}
    rows = {name: [one[key] for key in COLUMNS.values()] for name, one in found.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS)).astype(float)
    return table.assign(**{"trusted [%]": 100 * table["trusted [%]"]})
