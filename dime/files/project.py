"""Find the project's folder: one rule for JupyterLab, papermill, `dime run` and DVC.

JupyterLab and `dime run` start a notebook in the notebook's own folder, papermill starts it in the shell's.
Every notebook calls `enter` after its imports. A relative path in a parameter is then relative to the
project's folder, whatever started the notebook.
"""

import os
from pathlib import Path

from dime.files import sources

MARKS = ("dvc.yaml", "dime/__init__.py", "notebooks")
"""What lies in the project's folder; the folders in `notebooks/` hold a `dvc.yaml` too, but no package."""


def find():
    """Find the project's folder: the nearest at or above the working directory, else the installed package's.

    Returns
    -------
    pathlib.Path or None
        None where neither is a project: the package was installed without its notebooks.
    """
    here = Path.cwd()
    candidates = [here, *here.parents, sources.ROOT]
    return next((folder for folder in candidates if all((folder / mark).exists() for mark in MARKS)), None)


def enter():
    """Make the project's folder the working directory.

    Raises
    ------
    FileNotFoundError
        There is no project, see `find`.
    """
    folder = find()
    if folder is None:
        raise FileNotFoundError(
            f"{Path.cwd()}: not in the project; expected a folder with {', '.join(MARKS)} here or above"
        )
    os.chdir(folder)
