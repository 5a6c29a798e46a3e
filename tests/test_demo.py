"""`dime demo` and `dime simulate --nifti`: first maps, without data of one's own."""

import re
import shlex

import nibabel
import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

from dime.cli import app
from dime.reporting import demo

SIMULATE = "simulate --family homogeneous --seed 4 --spacing 3"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "my demo"
    return folder, demo.write(folder)


def test_the_demo_writes_scan_map_mask_and_picture(written):
    folder, (error, share) = written
    assert {path.name for path in folder.iterdir()} == {*demo.FILES, *demo.MAPS, demo.PICTURE}
    stiffness, trusted, truth, mask = (
        nibabel.load(folder / f"{name}.nii.gz").get_fdata()
        for name in ("stiffness", "trusted", "truth", "mask")
    )
    inside = mask > 0
    assert np.median(np.abs(stiffness / np.where(inside, truth, 1) - 1)[inside]) == pytest.approx(
        error, rel=1e-3
    )
    assert error < 0.05 and share == pytest.approx(trusted[inside].mean(), rel=1e-3)
    assert not stiffness[~inside].any() and not trusted[~inside].any()
    width, height = Image.open(folder / demo.PICTURE).size
    assert 800 < width < 1600 and 800 < height < 1600


def test_the_commands_that_the_demo_names_exist_and_the_inversion_runs(written, here, tmp_path):
    folder, _ = written
    invert, report = map(shlex.split, demo.next_commands(folder))
    assert {invert[1], report[1]} <= set(get_command(app).commands)
    done = here(*invert[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert nibabel.load(tmp_path / "mmdi.nii.gz").shape == nibabel.load(folder / "mask.nii.gz").shape


def test_the_demo_is_written_again_but_spares_another_folder(written, here, tmp_path):
    folder, _ = written
    done = here("demo", folder.name, cwd=folder.parent)
    assert (
        done.returncode == 0
        and "median error" in done.stdout
        and f"'{folder.name}/phase.nii.gz'" in done.stdout
    )
    (tmp_path / "thesis.txt").write_text("three years")
    done = here("demo", ".", cwd=tmp_path)
    assert done.returncode == 2 and "found thesis.txt" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_simulated_scans_are_inverted_as_they_are_written(here, tmp_path):
    done = here(*f"{SIMULATE} --count 2 --snr 30 --nifti scans".split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scans"]
    command = shlex.split(re.search(r"dime (invert .*)", done.stdout).group(1))
    done = here(*command, "--method", "mmdi", cwd=tmp_path)
    assert done.returncode == 0 and "4 offsets" in done.stdout, done.stderr
    found, truth = (
        nibabel.load(tmp_path / name).get_fdata()
        for name in ("stiffness.nii.gz", "scans/phantom-1/truth.nii.gz")
    )
    assert np.median(found[truth > 0]) == pytest.approx(np.median(truth[truth > 0]), rel=0.15)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (f"{SIMULATE} --count 1", "-o, --nifti: expected one of them, found neither"),
        (f"{SIMULATE} --count 1 --nifti scans -o set.zarr", "-o, --nifti: expected one of them, found both"),
        (f"{SIMULATE} --count 1 --nifti .", "expected a new name or earlier scans of phantoms, found thesis"),
        (f"{SIMULATE} --count 0 --nifti scans", "count: expected at least 1 phantom"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(here, tmp_path, words, message):
    (tmp_path / "thesis.txt").write_text("three years")
    done = here(*words.split(), cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and done.stderr.strip().count("\n") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
