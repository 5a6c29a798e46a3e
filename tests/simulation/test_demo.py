"""The scan that comes with the package is what its recipe makes, and its truth is what an inversion finds."""

import json

import nibabel
import numpy as np
import pytest

from dime.files.example import EXAMPLE_SCAN
from dime.files.waves import read_wave
from dime.inversion import methods
from dime.simulation import demo, exported


def values(folder, name):
    return nibabel.load(folder / f"{name}.nii.gz").get_fdata()


def test_the_shipped_scan_is_what_its_recipe_makes(tmp_path):
    demo.make(tmp_path)
    fresh, shipped = (values(folder, "phase") for folder in (tmp_path, EXAMPLE_SCAN))
    steps = np.abs(np.angle(np.exp(1j * (fresh - shipped)))) / (2 * np.pi / exported.LEVELS)
    assert steps.max() < 1.5 and (steps > 0.5).mean() < 1e-3  # of rounding, on another processor
    for name in ("magnitude", "mask", "truth"):
        fresh, shipped = (values(folder, name) for folder in (tmp_path, EXAMPLE_SCAN))
        assert np.linalg.norm(fresh - shipped) < 1e-3 * np.linalg.norm(shipped), name
    assert (tmp_path / "phase.json").read_text() == (EXAMPLE_SCAN / "phase.json").read_text()


def test_the_scan_is_small_noisy_and_wrapped():
    assert sum(path.stat().st_size for path in EXAMPLE_SCAN.iterdir()) < 300_000
    phase, mask = values(EXAMPLE_SCAN, "phase"), values(EXAMPLE_SCAN, "mask") > 0
    neighbours = mask[1:] & mask[:-1]
    assert (np.abs(np.diff(phase, axis=0))[neighbours] > np.pi).any()
    magnitude = values(EXAMPLE_SCAN, "magnitude")
    air = ~mask
    assert 0.01 < magnitude[air].mean() / magnitude[mask].mean() < 0.2


@pytest.mark.parametrize(("method", "most"), [("dime", 0.05), ("mmdi", 0.15)])
def test_an_inversion_finds_liver_and_lesion(method, most):
    frequency_hz = json.loads((EXAMPLE_SCAN / "phase.json").read_text())["MechanicalFrequency"]
    waves = read_wave(EXAMPLE_SCAN / "phase.nii.gz", frequency_hz, mask_path=EXAMPLE_SCAN / "mask.nii.gz")
    found = methods.invert(waves, method)["stiffness"].values / 1e3
    truth = np.moveaxis(values(EXAMPLE_SCAN, "truth"), (2, 1, 0), (0, 1, 2))
    assert np.median(np.abs(found / np.where(truth > 0, truth, 1) - 1)[truth > 0]) < most
    lesion, liver = truth > 6.5, (truth > 0) & (truth < 6.5)
    assert np.median(found[lesion]) > 1.5 * np.median(found[liver])
