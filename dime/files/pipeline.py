"""Read the pipeline: the stages of every dvc.yaml, what they need and what they write.

A file that is missing is named with the command that makes it.
"""

import itertools
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from dime.files import project, yaml12

FILES = ("dvc.yaml", "notebooks/*/dvc.yaml")
"""Pipeline files, as globs from the project's folder."""

VARIABLE = re.compile(r"\$\{item\.(\w+)\}")


@dataclass(frozen=True)
class Stage:
    """One stage, a matrix's items one by one.

    name : as DVC prints it, without its file: "train", "simulate@liver"
    part : folder of its dvc.yaml under notebooks/; "" at the top
    command : str
    needs, writes : paths
    """

    name: str
    part: str
    command: str
    needs: tuple
    writes: tuple

    @property
    def notebook(self):
        """Path of the notebook that it executes, or None."""
        words = shlex.split(self.command)
        return words[2] if words[:2] == ["dime", "run"] else None

    @property
    def target(self):
        """What DVC calls it on the command line, in the project's folder."""
        return f"notebooks/{self.part}/dvc.yaml:{self.name}" if self.part else self.name


def files(root="."):
    """Pipeline files of a project, the top one first."""
    return [path for pattern in FILES for path in sorted(Path(root).glob(pattern))]


def stages(root="."):
    """All stages of a project.

    Parameters
    ----------
    root : path
        Folder of the project.

    Returns
    -------
    list of Stage
    """
    found = []
    for path in files(root):
        part = path.parent.name if path.parent != Path(root) else ""
        for name, content in yaml12.read(path)["stages"].items():
            matrix = content.get("matrix", {})
            for values in itertools.product(*matrix.values()):
                item = dict(zip(matrix, values, strict=True))
                found.append(_stage("@".join([name, *values]), part, content, item))
    return found


def _stage(name, part, content, item):
    def filled(text):
        return VARIABLE.sub(lambda match: item[match[1]], text)

    def paths(*keys):
        entries = [entry for key in keys for entry in content.get(key, ())]
        return tuple(filled(next(iter(e)) if isinstance(e, dict) else e) for e in entries)

    return Stage(name, part, filled(content["cmd"]), paths("deps"), paths("outs", "metrics"))


def writer(path, among):
    """The stage that writes a path, or None."""
    return next((stage for stage in among if path in stage.writes), None)


def present(path):
    """A path that something is to be read from, checked to be there.

    Parameters
    ----------
    path : path
        Relative to the working directory, or absolute.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        Nothing is there. The message ends with the command that makes it, where a stage writes it.
    """
    path = Path(path)
    if path.exists():
        return path
    root = project.find()
    if root is None:
        raise FileNotFoundError(f"{path}: missing")
    stage = writer(Path(os.path.relpath(path.absolute(), root)).as_posix(), stages(root))
    hint = f"make it with: dvc repro {stage.target}" if stage else "no stage of the pipeline writes it"
    raise FileNotFoundError(f"{path}: missing; {hint}")
