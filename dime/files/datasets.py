"""Read and write xarray datasets as zarr folders, checked when read and whole when written."""

from pathlib import Path

import numpy as np
import xarray as xr

from dime.files.pipeline import present
from dime.files.whole import whole


def load(path, variables=("wave", "stiffness", "mask")):
    """Read a dataset into memory and check that it is complete.

    Parameters
    ----------
    path : path
        Zarr folder with dims (phantom, y, x), or (slice, y, x) for measured data.
    variables : sequence of str
        Variables that it must have.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    FileNotFoundError
        The folder does not exist; the message names it and the command that makes it.
    ValueError
        A variable is missing or has another shape than the mask, a mask is empty, or values inside it are
        not finite.

    Examples
    --------
    >>> import dime
    >>> dime.simulate(dime.Recipe("homogeneous", count=1, seed=7, spacing_m=5e-3), "set.zarr", workers=1)
    >>> data = dime.load("set.zarr")
    >>> data["stiffness"].dims
    ('phantom', 'y', 'x')
    """
    data = xr.open_zarr(present(path), consolidated=False).load()
    for name in variables:
        if name not in data:
            raise ValueError(f"{path}: variable {name!r} is missing; expected {', '.join(variables)}")
    if "mask" in variables:
        mask = data["mask"]
        if mask.size and not mask.any(dim=("y", "x")).all():
            raise ValueError(f"{path}: {int((~mask.any(dim=('y', 'x'))).sum())} masks are empty")
        for name in variables:
            if not set(mask.dims) <= set(data[name].dims):
                raise ValueError(
                    f"{path}: {name!r} has dims {data[name].dims}, expected at least {mask.dims}"
                )
            bad = int((~np.isfinite(data[name]) & mask).sum())
            if bad:
                raise ValueError(f"{path}: {name!r} holds {bad} values inside the mask that are not finite")
    return data


def check_replaceable(path):
    """Refuse to write a dataset in place of anything but a dataset or an empty folder.

    Raises
    ------
    ValueError
        `path` is a file, or a folder of other files.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path}: expected the name of a folder to write, found a file")
    if path.is_dir() and any(path.iterdir()) and not (path / "zarr.json").is_file():
        raise ValueError(
            f"{path}: expected a new name or a dataset to replace, found a folder of other files"
        )


def write(dataset, path):
    """Write a dataset to a zarr folder, which takes its final name only when it is complete.

    Parameters
    ----------
    dataset : xarray.Dataset
    path : path
        Zarr folder; replaced if it exists.

    Raises
    ------
    ValueError
        Something that is no dataset has that name.
    OSError
        It cannot be written.
    """
    check_replaceable(path)
    with whole(path) as aside:
        dataset.to_zarr(aside, mode="w", consolidated=False)
