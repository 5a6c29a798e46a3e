"""The wave that comes with the package is a simulated liver of known stiffness, made by this recipe."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from dime.files.waves import EXAMPLE_WAVE
from dime.simulation.examination import Recipe, simulate_phantom

RECIPE = Recipe("liver", count=1, seed=2026, snr=20.0, stages=("F3",))


def made(folder):
    """Write the wave and its truth as the package holds them: `test_example.made("dime/data")`."""
    phantom, matrix = simulate_phantom(RECIPE, 0), np.diag([1.5, 1.5, 1.5, 1.0])
    parts = np.stack([phantom["wave"].real.T, phantom["wave"].imag.T], axis=-1).astype(np.float32)
    for name, values in {"wave": parts, "truth": phantom["stiffness"].T[..., None] / 1e3}.items():
        image = nibabel.Nifti1Image(values.astype(np.float32), matrix)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, Path(folder) / f"{name}.nii.gz")


@pytest.mark.parametrize("name", ["wave", "truth"])
def test_the_example_is_what_its_recipe_makes(name, tmp_path):
    made(tmp_path)
    fresh, shipped = (
        np.asarray(nibabel.load(folder / f"{name}.nii.gz").dataobj)
        for folder in (tmp_path, EXAMPLE_WAVE.parent)
    )
    assert np.linalg.norm(fresh - shipped) < 1e-3 * np.linalg.norm(shipped)
