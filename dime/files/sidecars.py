"""What a JSON file beside an image says of it, and the one that is written beside every map.

The names of the fields are BIDS-like; capitals and underscores do not matter. One rule holds for all: what
the user gives counts, and a warning says what the sidecar says otherwise.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np

FREQUENCY = "MechanicalFrequency"
"""Frequency of the vibration [Hz]."""

OFFSETS = "NumberOfPhaseOffsets"
"""Phase offsets over one period of the vibration."""

TIMES = "TriggerTimes"
"""When each phase offset was taken, in the order of the image [s]."""

UNEVEN = 0.05
"""Share of their step by which the times or numbers of offsets may miss an even grid."""

MILLISECOND = 1e-3
"""Scanners round such times to it [s]."""

SOFTWARE = {"Software": "dime"}
"""What every sidecar holds that this package has written."""

SENSITIVITY = "MotionEncodingSensitivity"
"""Phase over displacement; one number, or one for each component. Stiffness does not depend on it."""

WRAPPED = "PhaseWrapped"
"""Whether the phases jump by their period."""

TOLERANCE = 1e-3
"""Relative difference up to which two numbers say the same."""


def beside(path):
    """The sidecar's path: `wave.json` for `wave.nii.gz`, whether it is there or not."""
    path = Path(path)
    return path.with_name(path.name.removesuffix(".gz")).with_suffix(".json")


def named(path):
    """What messages call the statements about an image: its sidecar, or the image where it has none."""
    path = Path(path)
    return path if path.is_dir() or not beside(path).is_file() else beside(path)


def by(path):
    """Who states something about an image, in words: "by wave.json"."""
    return "by its headers" if Path(path).is_dir() else f"by {named(path).name}"


def read(path):
    """Fields of the sidecar beside an image; {} where there is none.

    Raises
    ------
    ValueError
        It is no JSON object, or says that the image is a map that this package has made.
    """
    content = _content(beside(path)) if beside(path).is_file() else {}
    if SOFTWARE.items() <= content.items() and "Quantity" in content:
        raise ValueError(
            f"{beside(path)}: Quantity: expected a wave beside it, found a map of {content['Quantity']}"
        )
    return content


def _content(sidecar):
    """The fields in a JSON file; see `read`."""
    try:
        raw = sidecar.read_bytes()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:  # names of institutions, by older programs
            text = raw.decode("latin-1")
        content = json.loads(text)
    except (ValueError, OSError, RecursionError) as error:
        raise ValueError(f"{sidecar}: expected a sidecar in JSON, cannot be read ({error})") from None
    if not isinstance(content, dict):
        raise ValueError(f"{sidecar}: expected an object with fields, found {type(content).__name__}")
    return content


def check_own(path):
    """Refuse to replace a sidecar that this package has not written.

    Parameters
    ----------
    path : path
        The image that a sidecar is to be written beside.

    Raises
    ------
    ValueError
    """
    if beside(path).exists() and not SOFTWARE.items() <= _content(beside(path)).items():
        raise ValueError(
            f"{beside(path)}: expected no file, or one that dime has written beside {Path(path).name}, "
            "found another"
        )


def remove_own(path):
    """Delete the sidecar beside an image that this package has written; another's stays."""
    try:
        own = beside(path).is_file() and SOFTWARE.items() <= _content(beside(path)).items()
    except ValueError:
        own = False
    if own:
        beside(path).unlink()


def agreed(fields, path):
    """Fields that a file states itself, and those of the sidecar beside it.

    Raises
    ------
    ValueError
        As `read`; or the two state different things.
    """
    content = read(path)
    for name, own in fields.items():
        other = value(content, name)
        if other is not None and not _same(own, other):
            raise ValueError(
                f"{beside(path)}: {name}: expected {own!r} as in {Path(path).name}, found {other!r}"
            )
    return content | fields


def _same(one, other):
    """Whether two values of a field say the same: numbers, and those in lists, within `TOLERANCE`."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in (one, other)):
        return one == other
    try:
        return math.isclose(one, other, rel_tol=TOLERANCE)
    except OverflowError:  # a whole number of hundreds of digits
        return one == other


def without(content, names):
    """The fields but for some names, in any spelling."""
    plain = set(map(_plain, names))
    return {key: one for key, one in content.items() if _plain(key) not in plain}


def value(content, name):
    """A field by its name, whatever its capitals and underscores; None where it is missing or null."""
    plain = _plain(name)
    return next((one for key, one in content.items() if _plain(key) == plain), None)


def number(content, name, path, unit=""):
    """A field that is a finite number, or None where it is missing.

    Raises
    ------
    ValueError
        It is anything else. Text that holds a number counts as one.
    """
    found = value(content, name)
    if found is None:
        return None
    try:
        read_as = math.nan if isinstance(found, bool) else float(found)
    except (TypeError, ValueError, OverflowError):
        read_as = math.nan
    if not math.isfinite(read_as):
        raise ValueError(f"{named(path)}: {name}: expected a number{unit and f' [{unit}]'}, found {found!r}")
    return read_as


def frequency(content, path, given_hz=None):
    """Frequency of the vibration [Hz]: the one that is given, else the sidecar's, else None.

    Raises
    ------
    ValueError
        The sidecar's is no number.
    """
    stated = number(content, FREQUENCY, path, "Hz")
    if given_hz is None:
        return stated
    if stated is not None and not math.isclose(stated, given_hz, rel_tol=TOLERANCE):
        disagree(path, f"{FREQUENCY} is {stated:g} Hz, {given_hz:g} Hz as given is used")
    return given_hz


def wrapped(content, path):
    """Whether the sidecar says that phases are wrapped: True, False, or None where it says nothing.

    Raises
    ------
    ValueError
        The field is neither true nor false.
    """
    found = value(content, WRAPPED)
    if found is not None and not isinstance(found, bool):
        raise ValueError(f"{named(path)}: {WRAPPED}: expected true or false, found {found!r}")
    return found


def check_offsets(content, count, path):
    """Refuse phase offsets that are not as many as the sidecar says, or not evenly spaced.

    Raises
    ------
    ValueError
        Or a field is no number.
    """
    stated = number(content, OFFSETS, path)
    if stated is not None and stated != count:
        raise ValueError(f"{named(path)}: {OFFSETS}: expected the {count} of the image, found {stated:g}")
    times = value(content, TIMES)
    if times is None:
        return
    if not isinstance(times, list) or len(times) != count:
        raise ValueError(f"{named(path)}: {TIMES}: expected {count} times, found {times!r}")
    times = [number({TIMES: one}, TIMES, path, "s") for one in times]
    if None in times or not even(times, MILLISECOND):
        raise ValueError(f"{named(path)}: {TIMES}: expected evenly spaced phase offsets, found {times!r}")


def even(values, step=0):
    """Whether values ascend on an even grid, each but for `UNEVEN` of its step and a rounding.

    Every two of them bound the step; an even grid has a step within all bounds.

    Parameters
    ----------
    values : sequence of at least two numbers
    step : float
        What values that are multiples of it may have been rounded to.
    """
    values = np.asarray(values, float)
    if not (np.diff(values) > 0).all():
        return False
    rounded = step > 0 and np.allclose(values / step, np.rint(values / step), rtol=0, atol=1e-3)
    error = UNEVEN * (values[-1] - values[0]) / (len(values) - 1) + rounded * step / 2
    first, second = np.triu_indices(len(values), 1)
    apart = values[second] - values[first]
    low, high = ((apart + sign * 2 * error) / (second - first) for sign in (-1, 1))
    return bool(low.max() < high.min())


def check_sensitivity(content, path):
    """Refuse a motion encoding sensitivity that is no number, or none for each component.

    Raises
    ------
    ValueError
    """
    found = value(content, SENSITIVITY)
    for one in found if isinstance(found, list) else [found]:
        if number({SENSITIVITY: one}, SENSITIVITY, path) == 0:
            raise ValueError(f"{named(path)}: {SENSITIVITY}: expected numbers other than 0, found {found!r}")


def disagree(path, text):
    """Warn that a sidecar says otherwise than the user, whose word counts."""
    warnings.warn(f"{named(path)}: {text}", stacklevel=4)


def _plain(name):
    return str(name).replace("_", "").lower()
