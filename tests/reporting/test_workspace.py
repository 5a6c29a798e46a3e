"""A copy of the sources, for runs that leave the project as it is."""

import os
import subprocess
import sys

import pytest

from dime.reporting import workspace

PIPELINE = "stages:\n  paper:\n    cmd: typeset\n    outs:\n      - paper/one.pdf: {cache: false}\n"


def write(folder, texts):
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def project(tmp_path):
    """A project with sources tracked and not, a link, ignored files, and what its pipeline wrote."""
    root = tmp_path / "project"
    sources = {
        ".gitignore": "/data\nscratch/\n__pycache__/\n",
        "dvc.yaml": PIPELINE,
        "dime/a.py": "a = 1",
        "dime/old/b.py": "b = 1",
        "notebooks/mre/dvc.yaml": "stages: {}",
        "paper/one.typ": "#p",
        "params/smoke.yaml": "n: 1",
        "params/default.yaml": "n: 9",
    }
    others = ["dvc.lock", "notebooks/mre/dvc.lock", "paper/one.pdf", "results/mre/one.json", "scratch/x"]
    write(root, sources | dict.fromkeys(others, "old"))
    (root / "params.yaml").symlink_to("params/default.yaml")
    (root / "dime/link.py").symlink_to("a.py")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    write(root, {"dime/new.py": "new = 1"})
    return root


def files(folder):
    """Files and links of a folder with all that `stat` and a reader see of them, git's own left out."""
    return {
        path.relative_to(folder).as_posix(): (
            path.lstat().st_ino,
            path.lstat().st_mtime_ns,
            path.read_bytes(),
        )
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def test_sources_are_copied_and_nothing_that_the_pipeline_writes(project):
    before = files(project)
    copy = project / "scratch/smoke"
    workspace.copy(copy, "smoke", project)
    assert set(files(copy)) == {
        *(".gitignore", "dvc.yaml", "notebooks/mre/dvc.yaml", "paper/one.typ"),
        *("dime/a.py", "dime/new.py", "dime/old/b.py", "dime/link.py"),
        *("params.yaml", "params/smoke.yaml", "params/default.yaml"),
    }
    assert (copy / "params.yaml").read_text() == "n: 1" and not (
        copy / "params.yaml"
    ).readlink().is_absolute()
    assert (copy / "dime/link.py").is_symlink() and (copy / ".git").is_dir()
    assert {
        name: seen for name, seen in files(project).items() if not name.startswith("scratch/smoke")
    } == before
    status = ["git", "status", "--short", "scratch"]
    assert subprocess.run(status, cwd=project, capture_output=True, check=True).stdout == b""


def test_a_second_copy_touches_nothing(project):
    workspace.copy(project / "scratch/smoke", "smoke", project)
    before = files(project / "scratch/smoke")
    os.utime(project / "dime/a.py")
    workspace.copy(project / "scratch/smoke", "smoke", project)
    assert files(project / "scratch/smoke") == before


def test_changes_follow_and_what_was_made_in_the_copy_stays(project):
    copy = project / "scratch/smoke"
    workspace.copy(copy, "smoke", project)
    made = ["results/mre/one.json", "dvc.lock", "notebooks/mre/dvc.lock", "paper/one.pdf", "scratch/m"]
    write(copy, dict.fromkeys([*made, "dime/old/__pycache__/b.pyc", "dime/mine.py"], "made here"))
    write(project, {"dime/a.py": "a = 2"})
    (project / "dime/new.py").rename(project / "dime/newer.py")
    (project / "dime/old/b.py").unlink()
    workspace.copy(copy, "default", project)
    found = {name: seen[-1] for name, seen in files(copy).items()}
    assert {found[name] for name in [*made, "dime/mine.py"]} == {b"made here"}
    assert found["dime/a.py"] == b"a = 2" and found["dime/newer.py"] == b"new = 1"
    assert "dime/new.py" not in found and not (copy / "dime/old").exists()
    assert found["params.yaml"] == b"n: 9"


def test_measured_data_are_linked_as_long_as_there_are_any(project):
    copy = project / "scratch/smoke"
    write(project, {"data/slice": "measured"})
    workspace.copy(copy, "smoke", project)
    assert (copy / "data").is_symlink() and (copy / "data/slice").read_text() == "measured"
    (project / "data").rename(project / "scratch/elsewhere")
    workspace.copy(copy, "smoke", project)
    assert not (copy / "data").is_symlink()
    assert (project / "scratch/elsewhere/slice").exists()


def test_what_cannot_be_copied_or_would_be_overwritten_is_refused(project, tmp_path):
    for profile in ("smok", "../params/smoke"):
        with pytest.raises(ValueError, match=r"profile '.*smok.*': expected one of default, smoke"):
            workspace.copy(tmp_path / "copy", profile, project)
    with pytest.raises(ValueError, match="this is the project itself"):
        workspace.copy(project / "dime/..", "smoke", project)
    with pytest.raises(ValueError, match="holds something else"):
        workspace.copy(tmp_path, "smoke", project)
    with pytest.raises(ValueError, match="expected a folder"):
        workspace.copy(project / "dvc.yaml", "smoke", project)
    (project / ".git").rename(tmp_path / "no-git")
    with pytest.raises(ValueError, match="expected a git checkout"):
        workspace.copy(tmp_path / "copy", "smoke", project)
    assert not (tmp_path / "copy").exists()


def test_the_command_says_in_one_line_what_is_wrong(project):
    command = [sys.executable, "-m", "dime", "workspace", "scratch/smoke", "--profile"]
    done = subprocess.run([*command, "large"], cwd=project, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr == "dime: profile 'large': expected one of default, smoke\n"
    done = subprocess.run([*command, "smoke"], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0 and (project / "scratch/smoke/dime/a.py").is_file(), done.stderr
