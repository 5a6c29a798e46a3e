"""Which results stem from which: what a stage still lacks, what follows from it, what an earlier run left."""

from pathlib import Path

from dime.files import pipeline, yaml12


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


def check_inputs(name):
    """Refuse to start a stage whose inputs are missing.

    Parameters
    ----------
    name : str
        Of the stage.

    Raises
    ------
    FileNotFoundError
        Names the first missing file and the command that makes it; or the working directory has no such
        stage.
    """
    among = pipeline.stages()
    stage = next((stage for stage in among if stage.name == name), None)
    if stage is None:
        raise FileNotFoundError(f"dvc.yaml: no stage {name!r} here; expected the project's folder")
    for path in stage.needs:
        if pipeline.writer(path, among):
            pipeline.present(path)


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
    for path in pipeline.files(root):
        lock = path.with_suffix(".lock")
        part = path.parent.name if path.parent != Path(root) else ""
        content = yaml12.read(lock)["stages"] if lock.is_file() else {}
        locks |= {f"{part}/{name}".lstrip("/"): entry for name, entry in content.items()}
    written = {out["path"]: out["md5"] for entry in locks.values() for out in entry.get("outs", ())}
    return [
        name
        for name, entry in locks.items()
        if any(written.get(dep["path"], dep["md5"]) != dep["md5"] for dep in entry.get("deps", ()))
    ]
