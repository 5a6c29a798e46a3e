"""Conditions: what the images are of, how wrong the known values are, and that seeds fix everything."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from dime.brain import anatomy, conditions
from dime.brain.conditions import HONEST, ORIGINAL
from dime.brain.scanner import Fields, acquire
from dime.brain.sequences import COMBINATIONS, Train
from dime.brain.tissues import AT_3T, TISSUES


@pytest.fixture(scope="module")
def labels():
    return anatomy.draw(1, 5)["label"].values


@pytest.fixture(scope="module")
def original(labels):
    return conditions.measure(labels, ORIGINAL, [0])


def test_original_is_the_model_that_is_inverted(original):
    fields = Fields(*(one[0] for one in original.fields))
    for name in ("T1 x 1", "T1", "+ T2*"):
        wanted = acquire(original.truth[0], COMBINATIONS[name], Train(), fields=fields, mixing="property")
        assert (original.of(name)[0] - wanted).abs().max() < 1e-6


def test_combinations_have_their_contrasts(original):
    for name, contrasts in COMBINATIONS.items():
        assert original.of(name).shape == (1, len(contrasts), 64, 64)


def test_noise_has_the_asked_for_size(labels):
    clean = replace(ORIGINAL, snr=None)
    pair = [conditions.measure(labels, one, [3]).images for one in (clean, replace(clean, snr=20.0))]
    noise = torch.view_as_real(pair[1] - pair[0])
    assert noise.std() == pytest.approx(conditions.reference() / 20, rel=0.01)


def test_tissues_are_off_by_as_much_as_asked_and_nothing_else_is():
    found = [conditions.off(AT_3T, (0.05, 0.1), np.random.default_rng(seed)) for seed in range(40)]
    ratios = np.array(
        [[(one[t].t1_s / AT_3T[t].t1_s, one[t].t2_s / AT_3T[t].t2_s) for t in TISSUES] for one in found]
    )
    size = np.abs(ratios - 1)
    assert size.min() >= 0.05
    assert size.max() <= 0.1
    assert 0.35 < (ratios > 1).mean() < 0.65
    assert np.ptp(size.reshape(40, -1), axis=1).min() > 0  # each has its own
    assert all(one[t].t2_prime_s == AT_3T[t].t2_prime_s for one in found for t in TISSUES)


def test_error_of_b1_is_smooth_and_as_large_as_asked(labels):
    error = conditions.smooth_error((64, 64), 0.08, np.random.default_rng(0))
    assert error.abs().max() == pytest.approx(0.08)
    assert error.diff(dim=0).abs().max() < 0.08 / 5
    known = replace(ORIGINAL, b1_error=(0.06, 0.06))
    truth, estimated = (conditions.measure(labels, one, [4]).fields.b1 for one in (ORIGINAL, known))
    assert (estimated / truth - 1).abs().max() == pytest.approx(0.06, rel=1e-4)


def test_absent_b1_changes_knowledge_and_no_image(labels):
    known = conditions.measure(labels, replace(HONEST, factor=1, simulator="closed"), [6])
    absent = known.without_b1()
    assert torch.equal(absent.images, known.images) and torch.equal(absent.fields.b0_hz, known.fields.b0_hz)
    assert (absent.fields.b1 == 1).all() and not (known.fields.b1 == 1).any()


def test_finer_grid_with_window_is_near_the_image_of_averages(labels):
    """The window undoes most of what a grid of points does to the image of a voxel's average."""
    fine = replace(HONEST, simulator="closed", snr=None, tissue_error=(0, 0), b1_error=(0, 0))
    finer = {
        window: conditions.measure(labels, replace(fine, window=window), [0]) for window in (True, False)
    }
    coarse = conditions.measure(labels, replace(fine, factor=1, window=False), [0])
    apart = {one: (finer[one].images - coarse.images).abs().square().mean() for one in finer}
    assert apart[True] < 0.7 * apart[False]


def test_seeds_fix_a_subject_whatever_comes_with_it():
    cheap = replace(HONEST, factor=1, simulator="closed")
    alone, pair = conditions.draw([8], cheap), conditions.draw([7, 8], cheap)
    for one, other in zip((alone.images, alone.truth), (pair.images, pair.truth), strict=True):
        assert torch.equal(one[0], other[1])
    assert not torch.equal(pair.truth[0], pair.truth[1])


def test_normals_are_used_only_where_there_are_enough(tmp_path):
    assert conditions.normals(tmp_path / "missing.zarr", 2) is None
    source = ("subject", np.array(["BrainWeb", "BrainWeb", "KomaMRI.jl"], object))
    label = (
        ("subject", "y", "x"),
        np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8),
    )
    xr.Dataset({"label": label}, {"source": source}).to_zarr(tmp_path / "l.zarr", consolidated=False)
    assert conditions.normals(tmp_path / "l.zarr", 3) is None
    assert conditions.normals(tmp_path / "l.zarr", 2)[:, 0, 0].tolist() == [0, 1]
