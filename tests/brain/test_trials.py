"""Trials: what is wrong costs, what is right does not, and a voxel's misfit has the minima it must have."""

import numpy as np
import pytest
import torch
import xarray as xr
from brain_maps import synthetic

from dime.brain import trials
from dime.brain.sequences import COMBINATIONS, Contrast, Train
from dime.brain.signal import closed_form
from dime.brain.tissues import AT_3T

TRAIN = Train(lines=32)
CONTRASTS = COMBINATIONS["+ T2"]


@pytest.fixture(scope="module")
def brain():
    return trials.known(synthetic(32)[0])


def test_all_starts_end_in_the_optimum_and_none_is_further_than_certified(brain):
    images = trials.measure(brain, CONTRASTS, TRAIN, 1e-3, 0, simulator="closed")
    starts = {"empty": torch.zeros_like(brain.fractions), "truth": brain.fractions}
    rows = trials.convergence(images, brain, CONTRASTS, TRAIN, starts, (5, 400), 1e-5)
    for row in rows:
        assert row["distance"] <= row["certified"] + 2e-5
        assert row["distance"] < 1e-3 or row["steps"] == 5


def test_a_voxel_without_signs_has_two_minima():
    """Of grey and white matter, s = s_g + p (s_w - s_g); |s| is that of p also at 2 p_0 - p, p_0 the null."""
    contrasts, shares = (Contrast(inversion_s=0.75),), np.linspace(0, 1, 2001)
    grey, white = (float(closed_form(AT_3T[one], contrasts, TRAIN)[0, 0]) for one in ("gm", "wm"))
    null = grey / (grey - white)
    found = trials.misfit_of_shares(("gm", "wm"), 0.4, shares, contrasts, TRAIN)
    for signs, known in (("kept", [0.4]), ("lost", [0.4, 2 * null - 0.4])):
        lows = shares[1:-1][np.diff(np.sign(np.diff(found[signs]))) > 0]
        assert lows.tolist() == pytest.approx(known, abs=1e-3)
    assert 0.5 < 2 * null - 0.4 < 0.95


def test_each_mixing_is_read_best_by_its_own_model(brain):
    few = COMBINATIONS["+ T2"][2:6]
    found = trials.mixings(brain, few, TRAIN, 1e-4, 0, steps=150)
    errors = {key: float((one - brain.fractions).square().mean()) for key, one in found.items()}
    assert errors["signal", "signal"] < errors["signal", "property"]
    assert errors["property", "property"] < errors["property", "signal"]


def test_reliability_counts_repeats_and_levels(brain):
    shares, sure = trials.reliability(brain, CONTRASTS, TRAIN, 1e-3, (0.2, 0.9), 2, 0)
    assert shares["free"].shape == (2, 2)
    assert shares["free"].mean(0).tolist() == pytest.approx([0.2, 0.9], abs=0.05)
    assert sure.free_sd.shape == brain.fractions.shape


def test_the_first_labelled_slice_is_taken_and_a_template_drawn_where_there_is_none():
    label = np.zeros((2, 48, 48), np.uint8)
    label[0, 12:36, 12:36] = 2
    coords = {name: ("subject", np.array(["axial", "other"], object)) for name in ("name", "source")}
    slices = xr.Dataset({"label": (("subject", "y", "x"), label)}, coords)
    found, origin = trials.labelled_or_drawn(slices, 1, 16)
    assert origin == "axial of axial"
    assert found.fractions[1, 4:12, 4:12].min() == 1
    assert found.fractions.sum() == 64
    assert found.mask.sum() == 64
    drawn, origin = trials.labelled_or_drawn(slices.isel(subject=[]), 1, 16)
    assert origin == "deformed template"
    assert drawn.fractions.sum() > 50
