"""Read a wave from MATLAB's .mat file: versions 4 to 7 by SciPy, 7.3 by h5py.

A file does not say which of its variables is the wave. Where one alone could be, it is taken; frequency,
pixel, mask and magnitude come from variables whose name and value leave no doubt, and what was taken is said.
"""

import warnings
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np

from dime.files import sidecars
from dime.files.header import SPACING_RANGE_M

LEAST_SIDE = 8
"""Pixels along x and y from which an array counts as an image."""

FREQUENCIES = (
    "frequency",
    "freq",
    "mechanicalfrequency",
    "vibrationfrequency",
    "drivingfrequency",
    "excitationfrequency",
)
PIXELS = ("spacing", "pixel", "pixelsize", "pixelspacing", "voxelsize", "voxelspacing", "resolution", "dx")
MASKS = ("mask", "tissue", "roi")
MAGNITUDES = ("magnitude", "mag")
"""Names of variables, without capitals, underscores and a unit at the end (hz, mm, m)."""

STATED = (sidecars.OFFSETS, sidecars.SENSITIVITY, sidecars.WRAPPED, "PhaseUnits", "PhasePeriod", "PhaseRange")
"""Fields of a sidecar that variables of the same name state."""

NUMERIC = "double single logical int8 uint8 int16 uint16 int32 uint32 int64 uint64".split()
"""Classes of MATLAB that hold numbers; a table is stored as numbers that mean nothing here."""

LARGEST = 2**26
"""Numbers of a sparse matrix, zeros too, above which it is no image but a system of equations."""

HDF5 = b"\x89HDF\r\n\x1a\n"
"""How HDF5 begins: at 0, or at 512 after MATLAB's own header."""

LISTED = 8
"""Variables that a message names at most."""


def read(path, variable=None, spacing_m=None):
    """Read the wave in a file, and what else the file says of it.

    Parameters
    ----------
    path : path
        Arrays are (x, y, ...), as `dime.files.layouts` says; x is MATLAB's first axis.
    variable : str, optional
        The wave's name, "result.wave" for a field of a struct. Default: the one numeric array with at least
        `LEAST_SIDE` pixels along x and y that is complex or has a third axis.
    spacing_m : float, optional
        The pixel that the user gives, where the file states none.

    Returns
    -------
    image, values, sidecar, magnitude, mask, said
        As in `dime.files.opening.Opened`.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file, no MATLAB file, or not whole; no variable of that name, none that could be the wave, or
        several: the message lists them. A sidecar that contradicts the file.
    """
    found = variables(path)
    name = _wave(found, variable, path)
    wave = found.pop(name)
    said = [f"variable {name}"]

    def take(role, names, understood):
        """What the one variable of such a name says, or None."""
        known = {key: _plain(key) for key in found}
        fitting = {
            key: understood(found[key], unit) for key, (plain, unit) in known.items() if plain in names
        }
        fitting = {key: one for key, one in fitting.items() if one is not None}
        if len(fitting) != 1:
            return None
        said.append(f"{role} by {next(iter(fitting))}")
        return next(iter(fitting.values()))

    fields = {field: _field(found, field) for field in STATED}
    fields[sidecars.FREQUENCY] = take("frequency", FREQUENCIES, _number)
    fields = {field: one for field, one in fields.items() if one is not None}
    given_mm = None if spacing_m is None else (spacing_m * 1e3,) * 3
    image = _image(wave.shape, take("pixel", PIXELS, _pixel_mm) or given_mm)
    mask, magnitude = (
        take(role, names, lambda one, _: _on_grid(one, wave))
        for role, names in (("mask", MASKS), ("magnitude", MAGNITUDES))
    )
    return image, wave, sidecars.agreed(fields, path), magnitude, mask, ", ".join(said)


def variables(path):
    """Numbers and texts in a .mat file, those in structs by the names "struct.field".

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        Name -> array with MATLAB's axes; text as str.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file; no MATLAB file, or not whole.
    """
    from scipy.io import loadmat

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as file:
        start = file.read(520)
    is_hdf5 = HDF5 in (start[:8], start[512:])
    if is_hdf5 and find_spec("h5py") is None:
        raise ValueError(f"{path}: MATLAB's version 7.3 needs h5py: pip install h5py (or save it with -v7)")
    try:
        if is_hdf5:
            import h5py

            with h5py.File(path) as file:
                found = _of_group(file)
        else:
            with warnings.catch_warnings():  # objects have no name, and so all have the same
                warnings.filterwarnings("ignore", 'Duplicate variable name "None"')
                content = loadmat(path, chars_as_strings=True)
            parts = [_of_struct(name, one) for name, one in content.items() if not name.startswith("__")]
            found = {key: one for part in parts for key, one in part.items()}
    except Exception as error:  # the readers meet damaged bytes with errors of every kind
        raise ValueError(
            f"{path}: not a MATLAB file, or not whole ({error or type(error).__name__})"
        ) from None
    if is_hdf5 and not found and start[:6] != b"MATLAB":
        raise ValueError(f"{path}: expected variables of MATLAB, found HDF5 of another program")
    return found


def _of_struct(name, value):
    """An array by its name, or the fields of a struct by theirs; nothing of an object or a function."""
    from scipy.io.matlab import MatlabFunction, MatlabOpaque

    if hasattr(value, "toarray") and np.prod(value.shape, dtype=float) <= LARGEST:  # a sparse matrix
        value = value.toarray()
    if not isinstance(value, np.ndarray) or isinstance(value, MatlabFunction | MatlabOpaque):
        return {}
    if value.dtype.names:
        if value.size != 1:
            return {}
        fields = value.reshape(-1)[0]
        parts = [_of_struct(f"{name}.{field}", fields[field]) for field in value.dtype.names]
        return {key: one for part in parts for key, one in part.items()}
    if value.dtype.kind in "US":
        return {name: str(value.reshape(-1)[0])} if value.size == 1 else {}
    return {name: value} if value.dtype.kind in "biufc" else {}


def _of_group(group, prefix=""):
    """Variables of version 7.3, HDF5, where axes are in reverse order and texts are numbers."""
    found = {}
    for name, one in group.items():
        kind = one.attrs.get("MATLAB_class", b"")
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        if "MATLAB_sparse" in one.attrs and kind in NUMERIC:
            found |= _of_struct(prefix + name, _sparse(one, kind == "logical"))
        elif hasattr(one, "items"):
            found |= _of_group(one, f"{prefix}{name}.") if kind == "struct" else {}
        elif "MATLAB_empty" in one.attrs or kind not in ("char", *NUMERIC):
            continue
        elif kind == "char":
            found[prefix + name] = "".join(map(chr, one[()].T.reshape(-1, order="F")))
        else:
            found |= _of_struct(prefix + name, _numbers(one, kind == "logical").T)
    return found


def _numbers(dataset, logical=False):
    """Values of HDF5, whose complex numbers are pairs."""
    values = dataset[()]
    if values.dtype.names == ("real", "imag"):
        return values["real"] + 1j * values["imag"]
    return values.astype(bool) if logical else values


def _sparse(group, logical):
    """A sparse matrix of HDF5: values by column, their rows, and where each column begins."""
    from scipy.sparse import csc_array

    begins = group["jc"][()]
    shape = int(group.attrs["MATLAB_sparse"]), len(begins) - 1
    if "data" not in group:
        return csc_array(shape)
    return csc_array((_numbers(group["data"], logical), group["ir"][()], begins), shape)


def _wave(found, variable, path):
    """Name of the variable that holds the wave."""
    arrays = {name: one for name, one in found.items() if not isinstance(one, str)}
    if variable is not None:
        if variable not in arrays:
            raise ValueError(f"{path}: variable: expected one of {_listed(arrays)}, found {variable!r}")
        return variable
    others = (*MASKS, *MAGNITUDES)
    waves = {
        name: one
        for name, one in arrays.items()
        if min(one.shape[:2]) >= LEAST_SIDE
        and (one.ndim > 2 or np.iscomplexobj(one))
        and one.dtype != bool
        and _plain(name)[0] not in others
    }
    if not waves:
        raise ValueError(
            f"{path}: expected an array (x, y, ...) that could be a wave, complex or with a third axis, "
            f"found {_listed(arrays)}"
        )
    if len(waves) > 1:
        raise ValueError(
            f"{path}: expected one variable that could be the wave, found {_listed(waves)}; name one with "
            "--variable (in Python: variable)"
        )
    return next(iter(waves))


def _listed(arrays):
    """Names and shapes: "u (96 x 96 x 4), v (96 x 96)"."""
    words = [f"{name} ({' x '.join(map(str, one.shape))})" for name, one in arrays.items()]
    more = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return (", ".join(words[:LISTED]) or "no numbers") + more


def _plain(name):
    """A name without struct, capitals, underscores and unit; and the unit, "mm", "m" or ""."""
    plain = name.split(".")[-1].lower()
    unit = next((unit for unit in ("mm", "m") if plain.endswith(f"_{unit}")), "")
    plain = plain.removesuffix(f"_{unit}" if unit else "_hz")
    return plain.replace("_", ""), unit


def _on_grid(value, wave):
    """An array that has the pixels of the wave, or None."""
    return value if not isinstance(value, str) and value.shape[:2] == wave.shape[:2] else None


def _number(value, _=""):
    """A single real number, or None."""
    single = not isinstance(value, str) and value.size == 1 and not np.iscomplexobj(value)
    return float(value.item()) if single else None


def _field(found, name):
    """The plain value of a variable that has the name of a sidecar's field, or None."""
    value = sidecars.value({key.split(".")[-1]: one for key, one in found.items()}, name)
    if value is None or isinstance(value, str):
        return value
    if name == sidecars.WRAPPED and value.size == 1:
        return bool(value.item())
    return value.item() if value.size == 1 else value.ravel().tolist()


def _pixel_mm(value, unit):
    """Pixel (x, y, z) [mm] that a variable states, or None where its unit is not clear.

    Assumption: without a unit in the name, 0.2 to 10 are mm and 0.0002 to 0.01 are m; the ranges do not meet.
    """
    if isinstance(value, str) or np.iscomplexobj(value) or not 1 <= value.size <= 3:
        return None
    sizes = np.asarray(value, float).ravel()
    sizes = np.append(sizes, [sizes[-1]] * (3 - len(sizes)))
    low, high = SPACING_RANGE_M
    scales = [scale for name, scale in (("m", 1e3), ("mm", 1.0)) if unit in ("", name)]
    fits = [
        scale
        for scale in scales
        if ((low <= sizes[:2] * scale / 1e3) & (sizes[:2] * scale / 1e3 <= high)).all()
    ]
    return tuple(float(size) for size in sizes * fits[0]) if fits and (sizes > 0).all() else None


def _image(shape, pixel_mm):
    """An image with the grid of an array, without its values; its header states the pixel, if any."""
    shape = (*shape, 1)[:3]
    header = nibabel.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.float32)
    if pixel_mm:
        header.set_zooms(pixel_mm)
        header.set_xyzt_units("mm")
    return nibabel.Nifti1Image(np.broadcast_to(np.float32(0), shape), header.get_base_affine(), header)
