"""The whole pipeline, end to end in the smoke profile."""

import base64
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

from dime.files import pipeline
from dime.reporting import lineage, workspace

ROOT = Path(__file__).parent.parent


def run(command, folder, environment):
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


CORE = "notebooks/mre/dvc.yaml"
EVERYTHING = [
    "dvc.yaml",
    *(
        f"notebooks/{part}/dvc.yaml"
        for part in ("mre", "methods", "studies", "authors", "liver", "records", "brain", "diffusion")
    ),
]
PARTS = [f"notebooks/{part}/dvc.yaml" for part in ("authors", "methods", "studies")]
MEASURED = [f"{CORE}:measured", f"{CORE}:in_vivo"]


def reproduce(clone, environment, *targets):
    done = run(["dvc", "--wait-for-lock", "repro", *targets], clone, environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def side_by_side(clone, environment, rows):
    """Run rows of targets in processes of their own, all stages of a row whose inputs are there already."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda row: reproduce(clone, environment, "--single-item", *row), rows))


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The working tree, cloned elsewhere, after its pipelines ran in the smoke profile, each part once.

    The measured slices are absent at first, as for most people; then, where there are any, they arrive. The
    third value is what the first run found: its output and the number of measured slices in its results.
    """
    clone = tmp_path_factory.mktemp("smoke") / "dime"
    workspace.copy(clone, "smoke", ROOT)
    (clone / "data").unlink(missing_ok=True)
    # The clone's own package, not the installed one; the tools of this environment, activated or not.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PYTHONPATH": str(clone), "PATH": path}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each of fifty kernels would compile the package
    environment["DASK_NUM_WORKERS"] = "1"  # two rows run side by side; more would cost their start
    absent = {key: value for key, value in environment.items() if key != "DIME_REFERENCE"}

    sets = [one.target for one in pipeline.stages(clone) if one.name.startswith("simulate")]
    side_by_side(clone, absent, [sets[::2], sets[1::2]])
    reproduce(clone, absent, f"{CORE}:train", f"{PARTS[1]}:settings")
    printed = reproduce(clone, absent, "--single-item", *MEASURED)
    found = printed, measured_slices(clone)
    rest = [f"{CORE}:compare@{study}" for study in ("homogeneous", "heterogeneous", "liver")]
    first = [*rest, PARTS[0], PARTS[1]]
    if environment != absent:
        first = [*MEASURED, *first]
    side_by_side(
        clone, environment, [[*first, *LIVER], [f"{CORE}:cohort", *RECORDS, *STUDIES, *BRAIN, *DIFFUSION]]
    )
    reproduce(clone, environment, *EVERYTHING)
    return clone, environment, found


LIVER = [
    f"notebooks/liver/dvc.yaml:{name}"
    for name in "segment translate readers compare failure measured".split()
]

RECORDS = [
    f"notebooks/records/dvc.yaml:{name}"
    for name in "cohort bound train validation bias missing survey nhanes".split()
]

BRAIN = [
    f"notebooks/brain/dvc.yaml:{name}"
    for name in "simulator labelled one_brain table honest_table contrasts".split()
]

DIFFUSION = [
    f"notebooks/diffusion/dvc.yaml:{name}"
    for name in "geometries solver gradient one_geometry tables seen".split()
]

STUDIES = [
    f"{PARTS[2]}:{name}"
    for name in "ablation limits transfer direction organs population inclusions fresh_test".split()
]
"""Side studies that ask nothing of each other; the one on uncertainty follows the comparison."""


def measured_slices(clone):
    return json.loads((clone / "results/mre/metrics/in-vivo.json").read_text())["slices"]


def test_smoke_profile_ends_with_the_paper_and_every_figure(smoke):
    clone, environment, _ = smoke
    shown = set()
    for name in ("dime", "supplement"):
        assert (clone / f"paper/{name}.pdf").read_bytes().startswith(b"%PDF")
        shown |= set(re.findall(r'#plot\("([\w-]+)"', (clone / f"paper/{name}.typ").read_text()))
    for kind in ("pdf", "png"):
        assert {path.stem for path in clone.glob(f"results/*/figures/*.{kind}")} == shown
    for one in pipeline.stages(clone):
        for path in one.writes:
            assert (clone / path).exists(), f"{one.name} did not write {path}"
    done = run(["dime", "summary"], clone, environment)
    assert done.returncode == 0 and "heterogeneous" in done.stdout and "earlier" not in done.stdout


def test_smoke_metrics_are_numbers_of_this_run(smoke):
    clone, _, _ = smoke
    for study in ("homogeneous", "heterogeneous", "liver"):
        found = json.loads((clone / f"results/mre/metrics/compare-{study}.json").read_text())
        assert found["slices"] == 3
        # The smoke network has barely learnt, but MMDI needs no training: it must be near the truth.
        assert 0 < found["methods"]["mmdi"]["mape"]["mean"] < 60
        assert found["methods"]["dime"]["mape"]["mean"] > 0


def test_executed_notebooks_carry_light_pictures(smoke):
    """PNG with a palette (colour type 3), at most 100 dots per inch of fifteen inches."""
    clone, _, _ = smoke
    pictures = 0
    for path in clone.glob("results/*/notebooks/*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", ()):
                png = base64.b64decode(output.get("data", {}).get("image/png", ""))
                pictures += bool(png)
                assert not png or (png[25] == 3 and int.from_bytes(png[16:20], "big") <= 1500), path
    assert pictures > 20


def test_measured_data_that_are_absent_are_said_to_be_and_noticed_when_they_arrive(smoke):
    clone, _, (printed, before) = smoke
    assert "measured slices: none" in printed and before == 0
    assert measured_slices(clone) == (10 if "DIME_REFERENCE" in os.environ else 0)


def test_results_that_would_lose_the_measured_data_are_named_before_a_run(smoke):
    clone, environment, _ = smoke
    absent = {key: value for key, value in environment.items() if key != "DIME_REFERENCE"}
    said = run(["dime", "inputs"], clone, absent).stderr
    if "DIME_REFERENCE" in os.environ:
        assert (
            "absent now" in said and "results/mre/metrics/in-vivo.json" in said and "paper/dime.pdf" in said
        )
        assert "compare-liver" not in said
    else:
        assert said == ""
    assert run(["dime", "inputs"], clone, environment).stderr == ""


def test_a_second_repro_does_nothing(smoke):
    clone, environment, _ = smoke
    locks = sorted(clone.rglob("dvc.lock"))
    before = [path.read_bytes() for path in locks]
    done = run(["dvc", "repro", *EVERYTHING], clone, environment)
    assert done.returncode == 0, done.stderr
    running = {line for line in done.stdout.splitlines() if line.startswith("Running stage")}
    looking = {f"{CORE}:measured", f"{PARTS[0]}:convert", "notebooks/records/dvc.yaml:survey"}
    looking |= {"notebooks/brain/dvc.yaml:labelled", "notebooks/diffusion/dvc.yaml:geometries"}
    assert running == {f"Running stage '{name}':" for name in looking}  # these always look
    assert [path.read_bytes() for path in locks] == before and len(locks) == 9


def test_a_forced_rerun_is_byte_identical(smoke):
    clone, environment, _ = smoke
    locks = sorted(clone.rglob("dvc.lock"))
    before = [path.read_bytes() for path in locks]
    forced = [f"{CORE}:simulate@validation", f"{CORE}:train", f"{CORE}:compare@liver", "figures"]
    forced += ["paper", "supplement"]
    reproduce(clone, environment, "--force", "--single-item", *forced)
    assert [path.read_bytes() for path in locks] == before


def test_results_of_another_run_are_named(smoke):
    """A study whose lock names another network than the one that is there now is of another run."""
    clone, _, _ = smoke
    assert lineage.foreign(clone) == []
    lock = clone / "notebooks/studies/dvc.lock"
    kept = lock.read_text()
    weights = re.search(
        r"path: results/mre/model/weights.safetensors\n      hash: md5\n      md5: (\w+)", kept
    )[1]
    try:
        lock.write_text(kept.replace(weights, "0" * 32, 1))
        assert len(lineage.foreign(clone)) == 1 and lineage.foreign(clone)[0].startswith("studies/")
    finally:
        lock.write_text(kept)


def test_a_missing_input_is_named_with_the_command_that_makes_it(smoke):
    clone, environment, _ = smoke
    liver = clone / "results/mre/datasets/liver.zarr"
    shutil.rmtree(liver)
    done = run("dime run notebooks/mre/03-compare.ipynb scratch/o.ipynb".split(), clone, environment)
    assert done.returncode == 1
    made = f"dvc repro {CORE}:simulate@liver"
    assert f"results/mre/datasets/liver.zarr: missing; make it with: {made}\n" in done.stderr
    assert not (clone / "scratch/o.ipynb").exists() and not (clone / "scratch/maps").exists()
    done = run(made.split(), clone, environment)
    assert done.returncode == 0 and liver.is_dir(), done.stderr


def test_a_notebook_runs_as_jupyterlab_starts_it(smoke, tmp_path):
    """With default parameters and the kernel in the notebook's folder, by plain papermill."""
    clone, environment, _ = smoke
    source = clone / "notebooks/methods/04-training-data.ipynb"
    command = ["papermill", "-k", "python3", "--cwd", str(source.parent), str(source), "out.ipynb"]
    done = run(command, tmp_path, environment)
    assert done.returncode == 0, done.stderr
    assert (clone / "scratch/metrics/training-data.json").is_file()
