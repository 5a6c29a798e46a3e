"""One notebook as a stage, and the whole pipeline end to end in the smoke profile."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from dime.reporting import stage

ROOT = Path(__file__).parent.parent


def notebook(path, *cells):
    """A notebook with a parameters cell and the given code cells."""
    parameters = nbformat.v4.new_code_cell(
        'count = 1\nscale = 1.0\nname = "a"', metadata={"tags": ["parameters"]}
    )
    content = nbformat.v4.new_notebook(cells=[parameters, *map(nbformat.v4.new_code_cell, cells)])
    content.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(content, path)
    return path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cuont": 2}, "unknown parameter 'cuont'"),
        ({"count": "2"}, "'count' must be int"),
        ({"count": True}, "'count' must be int"),
        ({"scale": "1e-3"}, "'scale' must be float"),
    ],
)
def test_unknown_or_mistyped_parameter_is_refused_before_anything_runs(tmp_path, given, message):
    marker = tmp_path / "ran"
    source = notebook(tmp_path / "n.ipynb", f"open({str(marker)!r}, 'w')")
    with pytest.raises(ValueError, match=message):
        stage.execute(source, tmp_path / "out.ipynb", given)
    assert not marker.exists() and not (tmp_path / "out.ipynb").exists()


def test_integer_is_taken_for_a_float(tmp_path):
    stage.check_parameters(notebook(tmp_path / "n.ipynb"), {"scale": 2, "count": 3})


def test_notebook_without_parameters_cell_is_refused(tmp_path):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), tmp_path / "n.ipynb")
    with pytest.raises(ValueError, match="expected one cell tagged 'parameters', found 0"):
        stage.declared_parameters(tmp_path / "n.ipynb")


def test_missing_block_names_file_and_block(tmp_path):
    (tmp_path / "params.yaml").write_text("train: {epochs: 1}\n")
    assert stage.read_block(tmp_path / "params.yaml", "train") == {"epochs": 1}
    with pytest.raises(ValueError, match=r"params.yaml: no block 'trian'"):
        stage.read_block(tmp_path / "params.yaml", "trian")


def run(command, folder, environment):
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_executions_are_byte_identical_and_a_failed_one_leaves_nothing(tmp_path):
    """Two runs give equal files; a failing cell keeps the earlier output and exits 1 with one line."""
    source = notebook(
        tmp_path / "n.ipynb",
        "print(count)",
        "import sys; print('log', file=sys.stderr)",
        "[count] * 3",
        "from IPython.display import HTML\nHTML('<script>play()</script>')",
    )
    command = [sys.executable, "-m", "dime", "run", str(source)]
    for output in ("a.ipynb", "b.ipynb"):
        done = run([*command, output, "-p", "count=7"], tmp_path, os.environ)
        assert done.returncode == 0, done.stderr
    first = (tmp_path / "a.ipynb").read_bytes()
    assert first == (tmp_path / "b.ipynb").read_bytes()
    assert b'"7\\n"' in first
    assert b"<script>play()</script>" in first, "films are kept"

    notebook(source, "raise RuntimeError('no tissue')")
    failed = run([*command, "a.ipynb"], tmp_path, os.environ)
    assert failed.returncode == 1
    assert "RuntimeError: no tissue" in failed.stderr.splitlines()[-1]
    assert (tmp_path / "a.ipynb").read_bytes() == first
    assert not list(tmp_path.glob("*.partial*"))


def test_command_line_says_in_one_line_what_is_wrong(tmp_path):
    source = notebook(tmp_path / "n.ipynb")
    done = run(
        [sys.executable, "-m", "dime", "run", str(source), "o.ipynb", "-p", "seeed=1"], tmp_path, os.environ
    )
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0 and "unknown parameter 'seeed'" in done.stderr


SETS = ("simulate@train simulate@inplane simulate@oblique", "simulate@graded simulate@validation")
LEARNT = (
    "simulate@ablation ablation cohort population direction inclusions forward measured in_vivo mmdi",
    "simulate@homogeneous compare@homogeneous simulate@heterogeneous compare@heterogeneous simulate@liver "
    "compare@liver uncertainty limits organs transfer released_phantoms released meshes",
)
MEASURED = ("measured in_vivo mmdi", "released_phantoms released meshes")
"""Stages before the training, after it, and of measured data, in rows that ask nothing of each other."""


def reproduce(clone, environment, *targets):
    done = run(["dvc", "--wait-for-lock", "repro", *targets], clone, environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def side_by_side(clone, environment, rows, *options):
    """Each row of stages by a process of its own; what they print."""
    with ThreadPoolExecutor() as pool:
        return list(
            pool.map(lambda row: reproduce(clone, environment, "--single-item", *options, *row.split()), rows)
        )


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The working tree, cloned elsewhere, after `dvc repro` in the smoke profile.

    First without measured data, as most people have it; then, where there are any, with them. The third value
    is what the first run found: its output and the number of measured slices in its results.
    """
    clone = tmp_path_factory.mktemp("smoke") / "dime"
    clone.mkdir()
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    tracked = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, tracked):
        if not name.startswith("results/") and name != "dvc.lock" and (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name, follow_symlinks=False)
    (clone / "params.yaml").unlink()
    (clone / "params.yaml").symlink_to("params/smoke.yaml")
    subprocess.run(["git", "init", "-q"], cwd=clone, check=True)
    # The clone's own package, not the installed one; the tools of this environment, activated or not.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PYTHONPATH": str(clone), "PATH": path}
    absent = {key: value for key, value in environment.items() if key != "DIME_REFERENCE"}

    side_by_side(clone, absent, SETS)
    reproduce(clone, absent, "train")
    printed = "".join(side_by_side(clone, absent, LEARNT))
    reproduce(clone, absent)
    found = printed, measured_slices(clone)
    if environment != absent:
        side_by_side(clone, environment, MEASURED)
        reproduce(clone, environment)
    return clone, environment, found


def measured_slices(clone):
    return json.loads((clone / "results/mre/metrics/in-vivo.json").read_text())["slices"]


def test_smoke_profile_ends_with_the_paper_and_every_figure(smoke):
    clone, environment, _ = smoke
    assert (clone / "paper/dime.pdf").read_bytes().startswith(b"%PDF")
    shown = set(re.findall(r'#plot\("([\w-]+)"', (clone / "paper/dime.typ").read_text()))
    for kind in ("pdf", "png"):
        assert {path.stem for path in (clone / "results/mre/figures").glob(f"*.{kind}")} == shown
    executed = [path.stem for path in (clone / "results/notebooks").glob("*.ipynb")]
    for notebook in (clone / "notebooks").glob("*.ipynb"):
        assert any(name.startswith(notebook.stem) for name in executed), f"{notebook.stem} was not executed"
    done = run(["dime", "summary"], clone, environment)
    assert done.returncode == 0 and "heterogeneous" in done.stdout


def test_smoke_metrics_are_numbers_of_this_run(smoke):
    clone, _, _ = smoke
    for study in ("homogeneous", "heterogeneous", "liver"):
        found = json.loads((clone / f"results/mre/metrics/compare-{study}.json").read_text())
        assert found["slices"] == 3
        # The smoke network has barely learnt, but MMDI needs no training: it must be near the truth.
        assert 0 < found["methods"]["mmdi"]["mape"]["mean"] < 60
        assert found["methods"]["dime"]["mape"]["mean"] > 0


def test_measured_data_that_are_absent_are_said_to_be_and_noticed_when_they_arrive(smoke):
    clone, _, (printed, before) = smoke
    assert "measured slices: none" in printed and before == 0
    assert measured_slices(clone) == (10 if "DIME_REFERENCE" in os.environ else 0)


def test_a_second_repro_does_nothing(smoke):
    clone, environment, _ = smoke
    before = (clone / "dvc.lock").read_bytes()
    done = run(["dvc", "repro"], clone, environment)
    assert done.returncode == 0, done.stderr
    running = {line for line in done.stdout.splitlines() if line.startswith("Running stage")}
    assert running == {"Running stage 'measured':", "Running stage 'released_phantoms':"}  # these always look
    assert (clone / "dvc.lock").read_bytes() == before


def test_forced_stages_give_the_same_bytes(smoke):
    """dvc.lock holds the hash of every output: forcing stages must not change it."""
    clone, environment, _ = smoke
    before = (clone / "dvc.lock").read_bytes()
    side_by_side(clone, environment, ("simulate@validation", "compare@liver cohort"), "--force")
    reproduce(clone, environment, "--force", "--single-item", "train", "figures", "paper")
    assert (clone / "dvc.lock").read_bytes() == before


def test_a_stage_without_its_input_names_the_file_and_the_stage(smoke):
    clone, environment, _ = smoke
    command = [
        "dime",
        "run",
        "notebooks/mre/03-compare.ipynb",
        "scratch/o.ipynb",
        "-p",
        "test_set=nowhere.zarr",
    ]
    done = run(command, clone, environment)
    assert done.returncode == 1
    assert "nowhere.zarr: missing; the stage `simulate` writes it" in done.stderr
    assert not (clone / "scratch/o.ipynb").exists() and not (clone / "scratch/maps").exists()
