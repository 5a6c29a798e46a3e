"""Refuse to write into a folder that holds anything but this package's own earlier work."""

import re
from pathlib import Path


def check_own(folder, made, what, inputs=(), marks=()):
    """Refuse to replace anything but what an earlier run has written.

    Parameters
    ----------
    folder : path
        To be written; need not exist.
    made : str
        Regular expression that every file in a folder of one's own matches, by its path within the folder
        with slashes: "truth/white.nii.gz". So does every folder that is empty, and every link.
    what : str
        Such a folder in words, for the message.
    inputs : paths
        Files that are read; none may be the folder or lie in it.
    marks : sequence of str
        Files that a folder of one's own always holds, unless it is empty. People call their files mask.nii.gz
        and 0001.dcm too: names alone prove little, a whole set of them more.

    Raises
    ------
    ValueError
        One line that names the folder and what was found in it.
    """
    place = Path(folder).resolve()
    if not place.exists():
        return
    names = content(place) if place.is_dir() else [place.name]
    others = [name for name in names if not place.is_dir() or not re.fullmatch(made, name)]
    if set(marks) - set(names):
        others += names
    others += [
        Path(path).name for path in inputs if place in (Path(path).resolve(), *Path(path).resolve().parents)
    ]
    if others:
        raise ValueError(f"{folder}: expected a new name or {what}, found {others[0]}")


def content(folder):
    """Sorted paths within a folder, with slashes: its files and links at any depth, and empty folders."""
    folder = Path(folder)
    found = []
    for path in folder.iterdir():
        within = content(path) if path.is_dir() and not path.is_symlink() else []
        found += [f"{path.name}/{name}" for name in within] or [path.name]
    return sorted(found)
