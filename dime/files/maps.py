"""Write maps as NIfTI on the grid of a wave, each with a sidecar that says how it was made."""

import importlib.metadata
import json
from contextlib import ExitStack
from pathlib import Path

import nibabel
import numpy as np
import xarray as xr

from dime.files import opening, sidecars
from dime.files.whole import named, whole

SHOWN = 0.99
"""Share of the values of a map, where it is not 0, that the display range of its header holds."""

COPIED = (sidecars.OFFSETS, sidecars.SENSITIVITY)
"""Fields of the wave's sidecar that the map's takes over."""


def write_map(
    path: str | Path,
    values: np.ndarray | xr.DataArray,
    like: str | Path | nibabel.Nifti1Image,
    attrs: dict | None = None,
    units: str = "",
) -> None:
    """Write a map (z, y, x) as NIfTI with the grid, orientation and affine of a wave.

    Parameters
    ----------
    path : path
        Takes its name when it is whole; replaced if it exists.
    values : (z, y, x) array
        Any unit; the command line writes kPa.
    like : path or NIfTI image
        The wave whose first axes are the map's: a file or folder that `read_wave` takes, or an image.
    attrs : dict, optional
        Those of the maps of `dime.invert`: then a sidecar, the JSON file of the same name, says how the map
        was made (`statement`). Without them, the sidecar of an earlier map of that name is removed.
    units : str
        Unit of the values, for the header and the sidecar.

    Raises
    ------
    ValueError
        The file beside it that has the sidecar's name is not one that this package has written.

    Examples
    --------
    >>> import dime
    >>> waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
    >>> maps = dime.invert(waves, "mmdi")
    >>> stiffness_kpa = maps["stiffness"] / 1e3
    >>> dime.write_map("stiffness.nii.gz", stiffness_kpa, dime.EXAMPLE_WAVE, maps.attrs, units="kPa")
    """
    quantity = getattr(values, "name", None) or Path(path).name.split(".")[0]
    said = None if attrs is None else statement(attrs, units, quantity)
    write_maps({path: (values, said, units)}, like)


def write_maps(maps, like):
    """Write several maps and their sidecars; they take their names when all are whole.

    Parameters
    ----------
    maps : dict
        Path -> (values (z, y, x), content of the sidecar or None, unit).
    like : path or NIfTI image
        As in `write_map`.

    Raises
    ------
    ValueError
        As in `write_map`.
    OSError
        One cannot be written; all earlier files stay as they were.
    """
    grid = like if hasattr(like, "affine") else opening.grid(like)
    for path, (_, said, _) in maps.items():
        if said is not None:
            sidecars.check_own(path)
    with ExitStack() as stack:
        for path, (values, said, units) in maps.items():
            aside = stack.enter_context(whole(path))
            with named(path):
                nibabel.save(image_of(values, grid, units), aside)
            if said is not None:
                beside = sidecars.beside(path)
                aside = stack.enter_context(whole(beside))
                with named(beside):
                    aside.write_text(json.dumps(said, indent=2, ensure_ascii=False, default=str) + "\n")
    for path, (_, said, _) in maps.items():
        if said is None:
            sidecars.remove_own(path)


def statement(attrs, units, quantity, warned=()):
    """What a sidecar says of a map.

    Parameters
    ----------
    attrs : dict
        Of the maps of `dime.inversion.methods.invert`.
    units, quantity : str
        What the map holds, such as "kPa" and "stiffness".
    warned : sequence of str
        What was doubtful.

    Returns
    -------
    dict
        `Software`, `Version`, `Quantity`, `Units`, `Method`, `Settings`, for a network `WeightsSHA256`,
        `Source` (the wave's file), `ReadAs`, `MechanicalFrequency` [Hz], `PixelSpacing` [mm], `TimeSign`,
        `Warnings`, and the fields `COPIED` of the wave's own sidecar.
    """
    settings = json.loads(attrs.get("settings", "{}"))
    weights = settings.pop("sha256", None)
    own = json.loads(attrs.get("sidecar", "{}"))
    copied = {name: sidecars.value(own, name) for name in COPIED}
    spacing_m = attrs.get("spacing_m")
    content = sidecars.SOFTWARE | {
        "Version": importlib.metadata.version("dime"),
        "Quantity": quantity,
        "Units": units,
        "Method": attrs.get("method"),
        "WeightsSHA256": weights,
        "Settings": settings,
        "Source": attrs.get("source"),
        "ReadAs": attrs.get("read_as"),
        sidecars.FREQUENCY: attrs.get("frequency_hz"),
        "PixelSpacing": None if spacing_m is None else [round(spacing_m * 1e3, 9)] * 2,
        "TimeSign": attrs.get("time_sign"),
        **copied,
    }
    return {name: one for name, one in content.items() if one is not None} | {"Warnings": list(warned)}


def image_of(values, grid, units=""):
    """A map (z, y, x) as an image (x, y, z) on the grid of another.

    Its header keeps the affine and the unit of length, and says what the numbers are: their unit and the
    range in which `SHOWN` of them lie.
    """
    values = np.moveaxis(np.asarray(values, np.float32), (2, 1, 0), (0, 1, 2))
    header = grid.header.copy()
    header.set_data_dtype(np.float32)
    header.set_slope_inter(1, 0)
    used = values[np.isfinite(values) & (values != 0)]
    header["cal_min"], header["cal_max"] = 0, np.quantile(used, SHOWN) if used.size else 0
    header["descrip"] = f"dime {importlib.metadata.version('dime')}{units and f', {units}'}"[:79].encode()
    return nibabel.Nifti1Image(values, grid.affine, header)
