"""Read the pipeline: the stages of every dvc.yaml, what they need, what they write, and in which order."""

import itertools
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

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
        for name, content in yaml.safe_load(path.read_text())["stages"].items():
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


def after(first, among):
    """Stages that follow from one, itself included: a list in the order of `among`."""
    reached, written = {first}, set(first.writes)
    grown = True
    while grown:
        grown = False
        for stage in among:
            if stage not in reached and any(_touches(need, written) for need in stage.needs):
                reached.add(stage)
                written |= set(stage.writes)
                grown = True
    return [stage for stage in among if stage in reached]


def _touches(need, written):
    """Whether a needed path is written, lies in a written folder, or is a folder of written paths."""
    return any(need == one or need.startswith(one + "/") or one.startswith(need + "/") for one in written)


def check_inputs(name, root="."):
    """Refuse to start a stage whose inputs are missing.

    Parameters
    ----------
    name : str
        Of the stage.
    root : path
        Folder of the project.

    Raises
    ------
    FileNotFoundError
        Names the first missing file and the stage that writes it.
    """
    among = stages(root)
    for path in next(stage for stage in among if stage.name == name).needs:
        source = writer(path, among)
        if source and not (Path(root) / path).exists():
            stage = source.name.split("@")[0]
            raise FileNotFoundError(f"{path}: missing; the stage `{stage}` writes it")


def foreign(root="."):
    """Stages whose lock names other inputs than the stages that write these have now.

    A part that runs alone leaves the other parts' results as they are. They then stem from an earlier run,
    with another network for instance, and readers must be told.

    Parameters
    ----------
    root : path

    Returns
    -------
    list of str
        "part/stage"; stages without a lock entry never ran here, and are left out.
    """
    locks = {}
    for path in files(root):
        lock = path.with_suffix(".lock")
        part = path.parent.name if path.parent != Path(root) else ""
        content = yaml.safe_load(lock.read_text())["stages"] if lock.is_file() else {}
        locks |= {f"{part}/{name}".lstrip("/"): entry for name, entry in content.items()}
    written = {out["path"]: out["md5"] for entry in locks.values() for out in entry.get("outs", ())}
    return [
        name
        for name, entry in locks.items()
        if any(written.get(dep["path"], dep["md5"]) != dep["md5"] for dep in entry.get("deps", ()))
    ]
