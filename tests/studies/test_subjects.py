"""The automatic region of interest, and one stiffness per subject."""

import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import xarray as xr

from dime.learning import checkpoints
from dime.metrics import roi
from dime.network import unet
from dime.physics import axis_m
from dime.reporting import stage
from dime.simulation import cohort
from dime.studies import subjects

ONE = cohort.Protocol(slices=1)


@pytest.mark.parametrize("contrast", [0.5, 0.75, 1.35, 1.6])
def test_vessels_are_told_by_their_brightness_under_shading(contrast):
    """A disc of radius 80 mm, shaded by 40 % across, noise of 2 %, a vessel 9 mm wide across its middle."""
    axis = axis_m(128, 1.5e-3)
    x, y = np.meshgrid(axis, axis)
    mask, vessel = np.hypot(x, y) < 0.08, (np.abs(y) < 4.5e-3) & (np.abs(x) < 0.05)
    noise = np.random.default_rng(0).normal(1, 0.02, (8, 128, 128))
    magnitude = np.where(mask, (1 + 2.5 * x) * np.where(vessel, contrast, 1.0), 0) * noise
    region = roi.parenchyma(magnitude, mask, 1.5e-3, 10e-3)
    assert np.mean(region[vessel]) < 0.05
    deep = mask & (np.hypot(x, y) < 0.068) & (np.abs(y) > 8e-3)
    assert np.mean(region[deep]) > 0.97
    assert not region[np.hypot(x, y) > 0.0715].any()


def test_reliable_keeps_confident_pixels_and_narrow_trusted_intervals():
    """Direct inversions: confidence >= 0.95. A network: trusted, interval <= twice the median."""
    region = np.array([[True, True, True, False]])
    direct = xr.Dataset({"confidence": (("y", "x"), np.array([[0.99, 0.95, 0.90, 0.99]]))})
    assert roi.reliable(direct, region).tolist() == [[True, True, False, False]]
    unet = xr.Dataset(
        {
            "uncertainty": (("y", "x"), np.array([[0.1, 0.1, 0.25, 9.0]])),
            "trusted": (("y", "x"), np.array([[True, False, True, True]])),
        }
    )
    assert roi.reliable(unet, region).tolist() == [[True, False, False, False]]
    assert not roi.reliable(unet, region & False).any()


def test_a_region_too_small_gives_no_stiffness():
    """10 cm2 are 445 pixels of 1.5 mm: a mean over fewer is absent."""
    values = np.full((1, 30, 30), 2e3)
    region = np.arange(900).reshape(1, 30, 30) < 445
    assert roi.mean_over(values, region, 1.5e-3) == 2e3
    assert np.isnan(roi.mean_over(values, region & (np.arange(30) > 0), 1.5e-3))


def test_stages_by_the_published_bands():
    found = roi.staged(np.array([2.0, 2.89, 3.0, 3.3, 4.0, 4.6, 9.0]) * 1e3)
    assert found.tolist() == [0, 0, 1, 2, 3, 4, 4]


def test_a_stiffness_per_subject_near_the_truth_whoever_computes_it():
    """MMDI needs no training: each subject within 20 % of the truth; two processes give one's numbers."""
    visits = [{"subject": 0, "stage": "F0"}, {"subject": 1, "stage": "F4"}]
    alone, maps = subjects.measure_all(visits, ONE, {}, 1, 10e-3, workers=1, keep_maps=True)
    values = {(row["subject"], row["method"]): row["stiffness"] for row in alone}
    for subject in (0, 1):
        assert values[subject, "mmdi"] == pytest.approx(values[subject, "truth"], rel=0.2)
    assert values[1, "mmdi"] > values[0, "mmdi"]
    assert maps[0]["mmdi"].shape == maps[0]["region_mmdi"].shape
    together, _ = subjects.measure_all(visits, ONE, {}, 1, 10e-3, workers=2)
    np.testing.assert_equal(together, alone)


def test_a_cohort_too_small_for_its_statistics_says_so_without_nan(tmp_path):
    """One healthy subject: nothing to part, correlate or agree with; notebook 05 writes null and a dash."""
    checkpoints.save_model(unet.UNet((8, 8, 8)), {}, tmp_path / "model")
    parameters = {"model": str(tmp_path / "model"), "stages": ["F0"], "slices": 1, "workers": 1}
    parameters |= {"maps_output": str(tmp_path / "c.zarr"), "metrics_output": str(tmp_path / "c.json")}
    notebook = Path(__file__).parents[2] / "notebooks/mre/05-cohort.ipynb"
    stage.execute(notebook, tmp_path / "05.ipynb", parameters)
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["auc"]["mmdi"] is None and found["icc_truth"]["mmdi"]["icc"] is None
    assert found["truth_correlation"]["mmdi"]["r"] is None and found["dime_mmdi"]["r"] is None
    assert found["stage_agreement"]["drawn"]["mmdi"]["kappa"] is None
    assert isinstance(found["means_kpa"]["mmdi"][0], float)
    said = "".join(
        output.get("text", "")
        for cell in nbformat.read(tmp_path / "05.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
    )
    assert "MMDI" in said and not re.search(r"\bnan\b", said)
