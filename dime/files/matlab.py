"""Read a wave from the variables of MATLAB's .mat file.

A file does not say which of its variables is the wave. Where one alone could be, it is taken; frequency,
pixel, mask and magnitude come from variables whose name and value leave no doubt, and what was taken is said.
"""

import warnings

import nibabel
import numpy as np

from dime.files import sidecars
from dime.files.header import SPACING_RANGE_M
from dime.files.matlab_variables import variables

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

ADVICE = {
    "frequency": "--frequency [Hz] (in Python: frequency_hz)",
    "pixel": "--spacing [mm] (in Python: spacing_m)",
}
"""What to give where variables do not agree."""

STATED = (sidecars.OFFSETS, sidecars.SENSITIVITY, sidecars.WRAPPED, "PhaseUnits", "PhasePeriod", "PhaseRange")
"""Fields of a sidecar that variables of the same name state."""

LISTED = 8
"""Variables that a message names at most."""


def read(path, variable=None, spacing_m=None, frequency_hz=None):
    """Read the wave in a file, and what else the file says of it.

    Parameters
    ----------
    path : path
        Arrays are (x, y, ...), as `dime.files.layouts` says; x is MATLAB's first axis.
    variable : str, optional
        The wave's name, "result.wave" for a field of a struct. Default: the one numeric array with at least
        `LEAST_SIDE` pixels along x and y that is complex or has a third axis.
    spacing_m, frequency_hz : float, optional
        What the user gives, where the file states none, or several.

    Returns
    -------
    image, values, sidecar, magnitude, mask, said
        As in `dime.files.opening.Opened`.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file, no MATLAB file, or not whole; no variable of that name, none that could be the wave, or
        several: the message lists them. Several variables with a frequency or a pixel that differ, where none
        is given. A sidecar that contradicts the file.
    """
    found = variables(path)
    name = _wave(found, variable, path)
    wave = found.pop(name)
    said = [f"variable {name}"]

    def take(role, names, understood, given=None):
        """What the one variable of such a name says, or several that agree; else None."""
        known = {key: _plain(key) for key in found}
        fitting = {key: understood(found[key], unit) for key, (one, unit) in known.items() if one in names}
        fitting = {key: one for key, one in fitting.items() if one is not None}
        several = " and ".join(fitting)
        if len(fitting) == 1 or (role in ADVICE and _agree(fitting.values())):
            said.append(f"{role} by {several}")
            return fitting[max(fitting, key=lambda one: np.size(found[one]))]  # what says most
        if fitting and role in ADVICE and given is None:
            raise ValueError(f"{path}: {role}: {several} differ; give {ADVICE[role]}")
        if fitting and role not in ADVICE:
            warnings.warn(f"{path}: {role}: found {several}, and none is taken", stacklevel=4)
        return None

    fields = {field: _field(found, field) for field in STATED}
    fields[sidecars.FREQUENCY] = take("frequency", FREQUENCIES, _number, frequency_hz)
    fields = {field: one for field, one in fields.items() if one is not None}
    given_mm = None if spacing_m is None else (spacing_m * 1e3,) * 3
    image = _image(wave.shape, take("pixel", PIXELS, _pixel_mm, spacing_m) or given_mm)
    mask, magnitude = (
        take(role, names, lambda one, _: _on_grid(one, wave))
        for role, names in (("mask", MASKS), ("magnitude", MAGNITUDES))
    )
    return image, wave, sidecars.agreed(fields, path), magnitude, mask, ", ".join(said)


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


def _agree(values):
    """Whether numbers, or the pixels (x, y, z), are the same but for rounding; slices do not count."""
    values = [np.atleast_1d(one)[:2] for one in values]
    return bool(values) and all(np.allclose(one, values[0], rtol=1e-3) for one in values)


def _on_grid(value, wave):
    """An array that has the pixels of the wave, or None."""
    return value if not isinstance(value, str) and value.shape[:2] == wave.shape[:2] else None


def _number(value, _=""):
    """A single real number that is finite, or None."""
    single = not isinstance(value, str) and value.size == 1 and not np.iscomplexobj(value)
    return float(value.item()) if single and np.isfinite(value.item()) else None


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
