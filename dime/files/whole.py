"""Write a file or folder aside, and give it its name only when it is whole."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path


def partial_path(path):
    """Where a file or folder grows before it takes its name: `map.nii.gz` in `map.partial.nii.gz`."""
    path = Path(path)
    first, *rest = path.name.split(".")
    return path.with_name(".".join([first, "partial", *rest]))


@contextmanager
def whole(path):
    """A path to write to, which takes the name `path` when the block ends without an error.

    A reader therefore never sees a half-written file, and a writer that fails leaves the earlier one as it
    was. Several `whole` contexts in one `contextlib.ExitStack` take their names together or not at all.

    Parameters
    ----------
    path : path
        File or folder; replaced if it exists. Its folder is made where it is missing.

    Yields
    ------
    pathlib.Path
        Beside `path`, with the same suffixes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = partial_path(path)
    remove(aside)
    try:
        yield aside
        take_name(aside, path)
    finally:
        remove(aside)


def take_name(aside, path):
    """Rename a finished file or folder to the name it is to have, in place of what had it."""
    if Path(path).is_dir():
        shutil.rmtree(path)
    os.replace(aside, path)


def remove(path):
    """Delete a file or a folder, if it is there."""
    path = Path(path)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
