"""The built wheel, installed without the project around it, inverts the scan that comes with it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
SKIP = shutil.ignore_patterns("__pycache__", "*.partial*", "checkpoint.pt")


def run(*words, **more):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: setuptools leaves a folder build/ beside the sources, and would reuse one."""
    sources = tmp_path_factory.mktemp("sources")
    shutil.copytree(ROOT / "dime", sources / "dime", ignore=SKIP)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    offline = "--no-deps --no-build-isolation --no-index --quiet --wheel-dir"
    run(sys.executable, "-m", "pip", "wheel", *offline.split(), sources, sources)
    return next(sources.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    target = tmp_path_factory.mktemp("installed")
    offline = "--no-deps --no-index --no-compile --quiet --target"
    run(sys.executable, "-m", "pip", "install", *offline.split(), target, wheel)
    return target


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    """As git has them; what git does not track, such as a training that was stopped, is not asked for."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "dime"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split("\0")
    if not tracked[0]:
        pytest.skip("not a checkout of git")
    shipped = zipfile.ZipFile(wheel).namelist()
    assert {name for name in tracked if name and (ROOT / name).is_file()} <= set(shipped)
    assert not [name for name in shipped if not name.startswith(("dime/", "dime-"))]


def test_the_wheel_is_small(wheel):
    """The weights are most of it; nothing of a run has come into the package."""
    assert wheel.stat().st_size < 40e6


def test_the_wheel_inverts_its_scan_from_another_folder(installed, tmp_path):
    """With the package's own folder alone on the path, so that the checkout cannot help."""
    alone = {**os.environ, "PYTHONPATH": str(installed)}
    where = run(sys.executable, "-c", "import dime; print(dime.__file__)", cwd=tmp_path, env=alone)
    assert Path(where.strip()).is_relative_to(installed)
    scan = installed / "dime/data/demo"
    words = f"--mask {scan}/mask.nii.gz --frequency 60 --method mmdi -o stiffness.nii.gz"
    said = run(
        sys.executable, "-m", "dime", "invert", scan / "phase.nii.gz", *words.split(), cwd=tmp_path, env=alone
    )
    assert "4 slices" in said
    found, truth = (
        nibabel.load(path).get_fdata() for path in (tmp_path / "stiffness.nii.gz", scan / "truth.nii.gz")
    )
    assert np.median(np.abs(found / np.where(truth > 0, truth, 1) - 1)[truth > 0]) < 0.15
