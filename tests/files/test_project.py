"""The project's folder is found from wherever a notebook or a command is started."""

import os
from pathlib import Path

import pytest

from dime.files import pipeline, project, sources

ROOT = Path(__file__).parents[2]


@pytest.fixture
def other(tmp_path, monkeypatch):
    """Another project, with a part whose own dvc.yaml is no mark of it."""
    for name in ("dime/__init__.py", "dvc.yaml", "notebooks/mre/dvc.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)  # `enter` changes it, and this puts it back
    return tmp_path


@pytest.mark.parametrize("start", [".", "notebooks", "notebooks/mre", "dime"])
def test_the_nearest_folder_at_or_above_is_entered(other, monkeypatch, start):
    monkeypatch.chdir(other / start)
    project.enter()
    assert Path.cwd() == other


def test_elsewhere_it_is_the_project_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert project.find() == ROOT
    project.enter()
    assert Path.cwd() == ROOT


def test_without_a_project_one_line_says_what_was_expected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"not in the project; expected a folder with dvc\.yaml, "):
        project.enter()
    assert Path.cwd() == tmp_path
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json: missing$"):
        pipeline.present("nowhere.json")


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("results/mre/datasets/liver.zarr", "make it with: dvc repro notebooks/mre/dvc.yaml:simulate@liver"),
        ("results/mre/figures", "make it with: dvc repro figures"),
        ("results/mre/figures/other.pdf", "no stage of the pipeline writes it"),
    ],
)
@pytest.mark.parametrize("start", [".", "notebooks/mre"])
def test_a_missing_file_is_named_with_the_command_that_makes_it(tmp_path, monkeypatch, start, path, made):
    for name in ("dvc.yaml", "notebooks/mre/dvc.yaml", "dime/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.chdir(tmp_path / start)
    for spelt in (str(tmp_path / path), os.path.relpath(tmp_path / path)):
        with pytest.raises(FileNotFoundError) as error:
            pipeline.present(spelt)
        assert str(error.value) == f"{spelt}: missing; {made}"
