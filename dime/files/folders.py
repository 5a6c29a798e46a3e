"""Refuse to write into a folder that holds anything but this package's own earlier work."""

import re
from pathlib import Path


def check_own(folder, made, what, inputs=(), mark=None):
    """Refuse to replace anything but what an earlier run has written.

    Parameters
    ----------
    folder : path
        To be written; need not exist.
    made : str
        Regular expression that every name in a folder of one's own matches.
    what : str
        Such a folder in words, for the message.
    inputs : paths
        Files that are read; none may be the folder or lie in it.
    mark : str, optional
        Name that a folder of one's own always holds, unless it is empty.

    Raises
    ------
    ValueError
        One line that names the folder and what was found in it.
    """
    place = Path(folder).resolve()
    if not place.exists():
        return
    names = sorted(path.name for path in place.iterdir()) if place.is_dir() else [place.name]
    others = [name for name in names if not place.is_dir() or not re.fullmatch(made, name)]
    if mark and mark not in names:
        others += names
    others += [
        Path(path).name for path in inputs if place in (Path(path).resolve(), *Path(path).resolve().parents)
    ]
    if others:
        raise ValueError(f"{folder}: expected a new name or {what}, found {others[0]}")
