"""Entries of a settings file that a person wrote: which there are, and whether numbers are in range."""

from collections.abc import Mapping

import numpy as np


def check_keys(content, required, optional, where):
    """Refuse what is no mapping, and entries that are unknown or missing.

    Parameters
    ----------
    content : object
        What was read.
    required, optional : sequence of str
        Names of entries.
    where : str
        File and place, for the message.

    Raises
    ------
    ValueError
        One line that names the place and the entry.
    """
    known = (*required, *optional)
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: expected entries {', '.join(known)}, found {content!r}")
    for name in content:
        if name not in known:
            raise ValueError(f"{where}: {name}: unknown, expected {', '.join(known)}")
    for name in required:
        if name not in content:
            raise ValueError(f"{where}: {name}: missing")


def number_in(content, name, where, ranges):
    """A number within its range.

    Parameters
    ----------
    content : dict
    name : str
        The entry.
    where : str
        File and place, for the message.
    ranges : dict
        Name -> (low, high, unit).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        One line: no number, or outside the range.
    """
    value, (low, high, unit) = content[name], ranges[name]
    real = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not real or not low <= value <= high:
        found = f"{value:g}" if real else repr(value)
        raise ValueError(f"{where}: {name}: expected {low:g} to {high:g} {unit}, found {found}")
    return float(value)
