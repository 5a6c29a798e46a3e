"""In which unit phases are stored, and whether they are wrapped.

A wrapped phase jumps by its period. Only where the period is known can the jumps be taken out; otherwise they
are read as motion. What the user says comes first, then a sidecar file, then the values themselves.
"""

import math
from typing import NamedTuple

import numpy as np

from dime.files import sidecars

UNITS = {"rad": 2 * math.pi, "mrad": 2000 * math.pi, "deg": 360.0, "cycles": 1.0}
"""Period of a phase in each unit."""

SPELLINGS = {
    "rad": ("rad", "rads", "radian", "radians"),
    "mrad": ("mrad", "millirad", "milliradian", "milliradians", "radx1000", "1e-3rad"),
    "deg": ("deg", "degs", "degree", "degrees", "°"),
    "cycles": ("cycle", "cycles", "turn", "turns", "rev", "revolutions", "2pi", "2*pi"),
}

NO_UNIT = ("", "a.u.", "au", "arbitrary", "none", "unknown", "1", "n/a", "m", "mm", "um", "µm", "nm")
"""Words in place of a unit of phase: arbitrary numbers, and the units of displacements that are unwrapped."""

STATED = ("PhasePeriod", "PhaseRange", "PhaseUnits", "PhaseUnit", "Units", "Unit")
"""Fields of a sidecar that state the period, of which the first that is there counts."""

NOMINAL = (*UNITS.values(), *(2.0**bits for bits in range(7, 17)))
"""Periods that scanners use: those of the units, and the ranges of whole numbers of 7 to 16 bits (Siemens:
4096, or 8192 from -4096 to 4094)."""

SLACK = 0.01
"""Values may exceed their period by this fraction, because of rounding."""

JUMP = 0.35
"""A step between neighbours counts as a jump where it differs from the period by less than this fraction."""

LEAST_JUMPS = 4
"""Jumps from which an image counts as wrapped."""

MISSING = 0.1
"""Share of the period that the values may leave out."""

LEAST_SHARE = 1e-3
"""Share of the steps that must be jumps where outliers hide the range of the values."""

FILLED, SURE = 0.8, 0.95
"""Share of the range that 99.8 % of the values fill, where phases are wrapped, and where its width is the
period for sure. Outliers leave it empty."""


class Told(NamedTuple):
    """A period that somebody states: its value, and who states it, in words."""

    period: float
    by: str


def told(path, sidecar, units=None, period=None):
    """The period of the phases in a file, as far as the user or a sidecar states it.

    Parameters
    ----------
    path : path
        The image.
    sidecar : dict
        Of its fields `STATED` (`PhasePeriod` a number, `PhaseRange` two) the first that is there counts.
    units : one of UNITS, or None
        What the user says; a sidecar that says otherwise raises a warning.
    period : float or None
        What the user says instead.

    Returns
    -------
    Told or None

    Raises
    ------
    ValueError
        Both are given, or one is out of range; a field of the sidecar that makes no sense.
    """
    if units is not None and period is not None:
        raise ValueError("phase units and phase period: expected one of them, found both")
    if period is not None and not (math.isfinite(period) and period > 0):
        raise ValueError(f"phase period: expected a positive number, found {period:g}")
    if units is not None:
        unit = _unit(units)
        if unit is None:
            raise ValueError(f"phase units: expected one of {', '.join(UNITS)}, found {units!r}")
        period = UNITS[unit]
    stated = _stated(sidecar, path)
    if period is None:
        return stated
    if stated and not math.isclose(stated.period, period, rel_tol=sidecars.TOLERANCE):
        text = f"phases {_named(stated.period)}, but {_named(period)} as given is used"
        sidecars.disagree(path, text)
    return Told(float(period), "as given")


def resolve(phase, mask, statement, path, wrapped=None):
    """Decide whether phases are wrapped, and with which period.

    Parameters
    ----------
    phase : (n, z, y, x) array
    mask : (z, y, x) bool array
        Tissue; what lies outside does not count.
    statement : Told or None
    path : path
        For messages.
    wrapped : bool or None
        Whether a sidecar says that they are wrapped; None where it says nothing.

    Returns
    -------
    period : float or None
        None: they are not wrapped, and their unit does not matter.
    words : str
        What was taken and why, such as "phases in rad (by their range)".

    Raises
    ------
    ValueError
        Neighbours jump as in wrapped phases, but the period is not sure, not the one that is stated, or the
        phases are said to be unwrapped; they are said to be wrapped, and nothing tells the period.

    Assumption: values within -pi to pi, or 0 to 2 pi, whose neighbours do not jump by another period are in
    radians. To unwrap phases that have no jumps changes nothing.
    """
    values = phase[:, mask]
    low, high = float(values.min()), float(values.max())
    span = high - low
    period, sure = _period_of_jumps(phase, mask)
    if wrapped is False and period and sure:
        raise ValueError(
            f"{path}: {sidecars.WRAPPED} is false ({sidecars.by(path)}), but neighbouring values jump by "
            f"{period:.5g}"
        )
    if wrapped is False:
        return None, f"phases unwrapped before ({sidecars.by(path)})"
    if statement:
        if period and not math.isclose(period, statement.period, rel_tol=0.1):
            raise ValueError(
                f"{path}: phases {_named(statement.period)} ({statement.by}), but neighbouring values jump "
                f"by {period:.5g}; expected the unit or period that they have"
            )
        words = f"{_named(statement.period)} ({statement.by})"
        if period or span <= statement.period * (1 + SLACK):
            return statement.period, f"phases {words}"
        return None, f"phases {words}, taken as unwrapped"
    if period is None:
        if _in_radians(low, high):
            return UNITS["rad"], "phases in rad (by their range)"
        if wrapped:
            raise ValueError(
                f"{path}: {sidecars.WRAPPED} is true ({sidecars.by(path)}), but nothing tells the period; "
                "expected PhaseUnits or PhasePeriod beside it"
            )
        return None, "phases taken as unwrapped (no jumps)"
    if not sure:
        raise ValueError(
            f"{path}: neighbouring values jump by about {period:.3g} of {span:.3g}, as wrapped phases do; "
            "give --phase-units or --phase-period (in Python: phase_units, phase_period)"
        )
    return period, f"phases {_named(period)} (by their jumps)"


def harmonic_phase(phase, mask, statement, path):
    """Phase of a first harmonic [rad], whose period is what is stated or what its values fill.

    Parameters
    ----------
    phase : (z, y, x) array
    mask : (z, y, x) bool array
    statement : Told or None
    path : path

    Returns
    -------
    (z, y, x) array [rad]
    words : str

    Raises
    ------
    ValueError
        The values fill no period that is known.
    """
    span = float(np.ptp(phase[mask]))
    period, by = statement or (_nominal(phase[mask]), "by their range")
    if period is None:
        raise ValueError(
            f"{path}: expected phases that fill a circle, found values over {span:.3g}; give --phase-units "
            "or --phase-period (in Python: phase_units, phase_period)"
        )
    return phase * (2 * math.pi / period), f"phases {_named(period)} ({by})"


def _period_of_jumps(phase, mask):
    """Period by which neighbours jump, and whether it is sure; None where they do not."""
    values = phase[:, mask].astype(float)
    whole = float(np.ptp(values))
    low, high = np.quantile(values, [0.001, 0.999])
    inner = float(high - low)
    if inner <= 0:
        return None, False
    steps = np.concatenate([_steps(phase, mask, axis) for axis in (-2, -1)])
    found = _jumps(steps, whole)
    period = _nominal(values)
    filled = inner > FILLED * whole
    if found >= LEAST_JUMPS and (period or inner > SURE * whole):
        return period or whole, True
    period = _nominal(values[(values >= low) & (values <= high)])  # without outliers
    if period and _jumps(steps, inner) >= LEAST_SHARE * len(steps):
        return period, True
    period = UNITS["rad"]  # the difference of two wrapped phases, which fills two periods
    small = np.count_nonzero((steps > JUMP * period) & (steps < (1 - JUMP) * period))
    if math.isclose(whole, 2 * period, rel_tol=0.1) and _jumps(steps, period) > max(2 * small, LEAST_JUMPS):
        return period, True
    return (whole, False) if found >= LEAST_JUMPS and filled else (None, False)


def _steps(phase, mask, axis):
    """Size of the differences between neighbours in the tissue along one axis."""
    both = np.moveaxis(mask, axis, -1)
    both = both[..., 1:] & both[..., :-1]
    steps = np.abs(np.diff(np.moveaxis(phase, axis, -1).astype(float)))
    return steps[:, both].ravel()


def _jumps(steps, period):
    return np.count_nonzero(np.abs(steps / period - 1) < JUMP)


def _nominal(values):
    """The period that scanners use which the values fill, or None.

    What is missing of it must be like the gaps between the values at the ends of their range.
    """
    distinct = np.unique(values)
    whole = float(distinct[-1] - distinct[0])
    gap = max(distinct[-1] - distinct[-3:][0], distinct[:3][-1] - distinct[0])
    fits = (p for p in sorted(NOMINAL) if whole <= (1 + SLACK) * p and p - whole <= 3 * gap + 0.005 * p)
    period = next(fits, None)
    return period if period and whole > (1 - MISSING) * period else None


def _in_radians(low, high):
    start = 0 if low >= 0 and high > np.pi * (1 + SLACK) else -np.pi
    return start - SLACK * np.pi <= low and high <= start + 2 * np.pi * (1 + SLACK)


def _named(period):
    unit = next((unit for unit, one in UNITS.items() if math.isclose(one, period, rel_tol=1e-6)), None)
    return f"in {unit}" if unit else f"of period {period:.5g}"


def _unit(text):
    """Key of UNITS for a spelling, or None."""
    plain = str(text).strip().lower().replace(" ", "")
    return next((unit for unit, spellings in SPELLINGS.items() if plain in spellings), None)


def _stated(content, path):
    """The statement in a sidecar's content."""
    sidecar = sidecars.named(path)
    for name in STATED[:2]:
        value = sidecars.value(content, name)
        if value is not None:
            try:
                period = float(value[1] - value[0] if isinstance(value, list) else value)
            except (TypeError, ValueError, IndexError, OverflowError):
                period = math.nan
            if not (math.isfinite(period) and period > 0):
                raise ValueError(f"{sidecar}: {name}: expected a positive number or two, found {value!r}")
            return Told(period, sidecars.by(path))
    for name in STATED[2:]:
        value = sidecars.value(content, name)
        if value is not None:
            unit = _unit(value)
            if unit:
                return Told(UNITS[unit], sidecars.by(path))
            if name.startswith("Phase") and str(value).strip().lower() not in NO_UNIT:
                raise ValueError(f"{sidecar}: {name}: expected one of {', '.join(UNITS)}, found {value!r}")
    return None
