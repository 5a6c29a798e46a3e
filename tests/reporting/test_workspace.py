"""A copy of the sources, for runs that leave the project as it is."""

import os
import subprocess
import sys

import pytest

from dime.reporting import workspace

PIPELINE = "stages:\n  paper:\n    cmd: typeset\n    outs:\n      - paper/one.pdf: {cache: false}\n"


def write(folder, **texts):
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def project(tmp_path):
    """A project with sources tracked and not, a link, ignored files, and what its pipeline wrote."""
    root = tmp_path / "project"
    write(root, dvc_dot_yaml=PIPELINE, dvc_dot_lock="old", _dot_gitignore="/data\nscratch/\n")
    write(root, dime__a_dot_py="a = 1", dime__old__b_dot_py="b = 1", paper__one_dot_typ="#p")
    write(root, paper__one_dot_pdf="old", results__mre__one_dot_json="old", scratch__x="ignored")
    write(root, params__smoke_dot_yaml="n: 1", params__default_dot_yaml="n: 9")
    write(root, notebooks__mre__dvc_dot_yaml="stages: {}", notebooks__mre__dvc_dot_lock="old")
    (root / "params.yaml").symlink_to("params/default.yaml")
    (root / "dime/link.py").symlink_to("a.py")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    write(root, dime__new_dot_py="new = 1")
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
    made = dict(
        results__mre__one_dot_json="run", dvc_dot_lock="run", paper__one_dot_pdf="run", scratch__m="run"
    )
    write(copy, **made, dime__mine_dot_py="mine", dime__old____pycache__b="byte code")
    write(project, dime__a_dot_py="a = 2")
    (project / "dime/new.py").rename(project / "dime/newer.py")
    (project / "dime/old/b.py").unlink()
    workspace.copy(copy, "default", project)
    found = {name: seen[-1] for name, seen in files(copy).items()}
    for name in ("results/mre/one.json", "dvc.lock", "paper/one.pdf", "scratch/m"):
        assert found[name] == b"run"
    assert found["dime/a.py"] == b"a = 2" and found["dime/newer.py"] == b"new = 1"
    assert found["dime/mine.py"] == b"mine", "only what was copied is removed"
    assert "dime/new.py" not in found and not (copy / "dime/old").exists()
    assert found["params.yaml"] == b"n: 9"


def test_measured_data_are_linked_as_long_as_there_are_any(project):
    copy = project / "scratch/smoke"
    write(project, data__slice="measured")
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
