"""Numbers and texts in MATLAB's .mat file: versions 4 to 7 by SciPy, 7.3 by h5py."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np

NUMERIC = "double single logical int8 uint8 int16 uint16 int32 uint32 int64 uint64".split()
"""Classes of MATLAB that hold numbers; a table is stored as numbers that mean nothing here."""

LARGEST = 2**26
"""Numbers of a sparse matrix, zeros too, above which it is no image but a system of equations."""

HDF5 = b"\x89HDF\r\n\x1a\n"
"""How HDF5 begins: at 0, or at 512 after MATLAB's own header."""


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
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: not a MATLAB file, or not whole ({reason})") from None
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
