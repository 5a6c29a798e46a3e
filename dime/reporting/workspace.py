"""Copy the project's sources to a folder of their own: a run there leaves the project as it is."""

import shutil
import subprocess
from pathlib import Path

from dime.files import pipeline

COPIED = ".git/copied"
"""File in the copy that lists what was copied: it marks a copy as one, and nothing else is ever removed."""


def copy(folder, profile, root="."):
    """Copy the project's sources to a folder, or bring an earlier copy up to date.

    Sources are the files that git tracks or would track, but nothing that the pipeline writes: results,
    `dvc.lock` files, the paper. What the pipeline wrote in the copy stays there, so that a second run
    continues from it. An unchanged file is not touched. `params.yaml` links to the profile, and `data` to the
    project's measured data if there are any. The copy is a git repository without commits, because DVC
    refuses a folder that the surrounding repository ignores.

    Parameters
    ----------
    folder : path
        Of the copy: absent, empty, or an earlier copy.
    profile : str
        Name of a file `params/<profile>.yaml` of the project.
    root : path
        Folder of the project.

    Raises
    ------
    ValueError
        There is no such profile, the project is no git checkout, or the folder is the project or holds
        something else.
    """
    folder, root = Path(folder).absolute(), Path(root).absolute()
    profiles = sorted(path.stem for path in (root / "params").glob("*.yaml"))
    if profile not in profiles:
        raise ValueError(f"profile {profile!r}: expected one of {', '.join(profiles) or 'params/*.yaml'}")
    names = sources(root)
    _check(folder, root)
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / COPIED
    earlier = listed.read_text().split("\0") if listed.exists() else []
    for name in sorted(set(earlier) - set(names)):
        _remove(folder, name)
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    listed.write_text("\0".join(names))
    for name in names:
        _bring(root / name, folder / name)
    _link(folder / "params.yaml", Path("params", f"{profile}.yaml"))
    if (root / "data").is_dir():
        _link(folder / "data", (root / "data").resolve())
    elif (folder / "data").is_symlink():
        (folder / "data").unlink()


def sources(root):
    """Names of the project's sources, see `copy`: a sorted list of paths relative to its folder."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=root, capture_output=True, text=True)
    listed = {name for name in done.stdout.split("\0") if (root / name).is_file()}
    if "dvc.yaml" not in listed:
        raise ValueError(f"{root}: expected a git checkout of the project, with a dvc.yaml")
    written = {path for stage in pipeline.stages(root) for path in stage.writes} | {"params.yaml", "results"}
    return sorted(
        name
        for name in listed
        if Path(name).name != "dvc.lock" and not written & {name, *map(str, Path(name).parents)}
    )


def _check(folder, root):
    """Refuse a folder that is not there for a copy."""
    if folder.resolve() == root.resolve():
        raise ValueError(f"{folder}: this is the project itself; expected another folder")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder")
    if folder.exists() and not (folder / COPIED).exists() and any(folder.iterdir()):
        raise ValueError(f"{folder}: holds something else; expected an empty folder or an earlier copy")


def _bring(source, target):
    """Copy a file with its time and mode, unless an equal one is there."""
    if not source.is_symlink() and not target.is_symlink() and target.is_file():
        if source.read_bytes() == target.read_bytes():
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)


def _link(path, target):
    """Make a path a link to a target, unless it is."""
    if path.is_symlink() and path.readlink() == target:
        return
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _remove(folder, name):
    """Remove a file, and the folders that it leaves empty or with nothing but byte code."""
    (folder / name).unlink(missing_ok=True)
    for parent in list(Path(name).parents)[:-1]:
        left = folder / parent
        if not left.is_dir() or any(path.name != "__pycache__" for path in left.iterdir()):
            return
        shutil.rmtree(left)
