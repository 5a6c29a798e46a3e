"""The dependencies in the dvc.yaml files are those of the imports."""

from pathlib import Path

import pytest

from dime.files import pipeline
from dime.reporting import dependencies

ROOT = Path(__file__).parents[2]


def test_dependencies_are_those_of_the_imports(monkeypatch):
    """Otherwise `dime deps --write` mends them. Nothing else in the files would change either."""
    monkeypatch.chdir(ROOT)
    assert dependencies.stale() == []


def test_a_notebook_stage_depends_on_its_modules_and_on_what_runs_it(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = dependencies.modules("dime run notebooks/mre/02-train.ipynb out.ipynb")
    assert {"dime.reporting.stage", "dime.network.training", "dime.files.datasets"} <= found
    assert dependencies.modules("dime authors livers out.zarr") == {"dime.authors.livers"}
    with pytest.raises(ValueError, match="dime fly away: no such command"):
        dependencies.modules("dime fly away")


def test_a_new_import_is_noticed_and_written(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    path = tmp_path / "dvc.yaml"
    path.write_text(
        "# A comment that stays.\nstages:\n  livers:\n    cmd: dime authors livers out.zarr\n"
        "    deps:\n      - data/of-mine\n      - dime/plotting/maps.py\n    outs:\n      - out.zarr\n"
    )
    assert dependencies.stale(tmp_path) == [path]
    assert dependencies.write(tmp_path) == [path]
    text = path.read_text()
    assert "# A comment that stays." in text and "dime/plotting" not in text
    assert text.index("data/of-mine") < text.index("dime/authors/livers.py")
    assert dependencies.stale(tmp_path) == []
    assert pipeline.stages(tmp_path)[0].writes == ("out.zarr",)
