"""The dataset that stands for the original authors' files where there are none."""

import numpy as np
import xarray as xr


def nothing(axis, types, attrs):
    """A dataset of the right variables and types without a single image.

    Parameters
    ----------
    axis : str
        Dimension and coordinate that would number the images.
    types : dict
        Variable -> type of its values.
    attrs : dict

    Returns
    -------
    xarray.Dataset
        Every variable has the dims (axis, y, x) and the shape (0, 2, 2).
    """
    empty = {name: ((axis, "y", "x"), np.zeros((0, 2, 2), kind)) for name, kind in types.items()}
    return xr.Dataset(empty, {axis: np.zeros(0, int)}, attrs)
