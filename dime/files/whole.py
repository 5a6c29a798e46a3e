"""Write a file or folder aside, alone, and give it its name only when it is whole."""

import errno
import fcntl
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

    Raises
    ------
    OSError
        It cannot be written; the message names `path`, not the place where it grew.
    """
    path = Path(path)
    aside = partial_path(path)
    with named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(aside)
        try:
            yield aside
            take_name(aside, path)
        finally:
            remove(aside)


@contextmanager
def alone(path):
    """Refuse to work on a file or folder that another process of this machine works on.

    The lock is the system's, on an empty file beside `path`. It ends with its process, however that ends.

    Parameters
    ----------
    path : path
        What is to be written.

    Raises
    ------
    ValueError
        Another process holds the lock.
    OSError
        There can be no lock beside `path`.
    """
    lock = Path(f"{partial_path(path)}.lock")
    with named(path):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = not os.fstat(file.fileno()).st_nlink  # deleted by its holder since it was opened
        except BlockingIOError:
            held = True
        if held:
            raise ValueError(f"{path}: another process is writing it")
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextmanager
def named(path):
    """Errors of the place where a file grows name the file itself.

    Raises
    ------
    OSError
    """
    parents = [str(parent) for parent in (*Path(path).parents, *Path(path).absolute().parents)]
    try:
        yield
    except OSError as error:
        about = str(error.filename or "")
        if str(partial_path(path)) in str(error) or about in parents or error.errno == errno.ENOSPC:
            reason = (error.strerror or type(error).__name__).lower()
            raise OSError(f"{path}: cannot be written ({reason})") from None
        raise


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
