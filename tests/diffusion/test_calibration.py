"""Calibration of ensembles whose reliability is put in."""

import numpy as np
import pytest
from ensembles import ensemble_dataset

from dime.diffusion.calibration import (
    aligned,
    calibration,
    ensemble,
    ensembles,
    inclusion,
    overlap,
    reliability,
)
from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.shape_scores import mirror


def test_inclusion_is_the_share_of_members():
    assert inclusion([[True, False], [True, True]]) == pytest.approx([1, 0.5])


def test_overlap_is_dice():
    assert overlap(np.array([1, 1, 0], bool), np.array([0, 1, 1], bool)) == 0.5
    assert overlap(np.zeros(2, bool), np.zeros(2, bool)) == 1


def test_shares_that_are_probabilities_are_calibrated_and_others_are_not():
    rng = np.random.default_rng(0)
    share = rng.uniform(size=40_000)
    truth = rng.random(40_000) < share
    table = calibration(share, truth)
    assert table["error"] < 0.02
    assert sum(row["low"] <= row["promised"] <= row["high"] for row in table["bins"]) >= 8
    assert table["brier"] == pytest.approx(1 / 6, abs=0.005)  # the mean of p (1 - p)
    assert table["brier_constant"] == pytest.approx(0.25, abs=0.001)
    sure = calibration((share > 0.5).astype(float), truth)
    assert sure["error"] == pytest.approx(0.25, abs=0.01)


def test_bins_hold_what_their_edges_say():
    rows = reliability(np.array([0, 0.05, 0.1, 0.95, 1]), np.array([0, 0, 1, 1, 1], bool))
    assert [row["count"] for row in rows] == [2, 1, 2]
    assert [row["low_edge"] for row in rows] == pytest.approx([0, 0.1, 0.9])
    assert rows[0]["found"] == 0 and rows[2]["found"] == 1
    assert rows[2]["promised"] == pytest.approx(0.975)


def test_the_interval_is_wilsons():
    """5 of 10: the published 95 % interval is 0.2366 to 0.7634."""
    row = reliability(np.full(10, 0.5), np.arange(10) < 5)[0]
    assert (row["low"], row["high"]) == pytest.approx((0.2366, 0.7634), abs=1e-4)


@pytest.mark.parametrize(
    ("share", "truth", "words"),
    [([0.5], [True, False], "expected 1 places, found 2"), ([1.5], [True], "expected shares from 0 to 1")],
)
def test_wrong_input_is_refused(share, truth, words):
    with pytest.raises(ValueError, match=words):
        reliability(share, truth)


def test_mirrored_members_are_turned_to_the_best():
    grid = lattice(3)
    images = mirror(grid)[1]
    cells = draw("bent tube", grid, 101).labels > 0
    members = np.stack([cells, cells[images], cells])
    assert (aligned(members, cells, images) == cells).all()
    assert (aligned(members, cells[images], images) == cells[images]).all()
    assert (aligned(members, cells, None) == members).all()


def test_an_ensemble_of_the_truth_and_its_mirror_image_is_sure_and_right():
    grid = lattice(3)
    geometry = draw("bent tube", grid, 101)
    image = geometry.labels[mirror(grid)[1]]
    found = ensemble(grid, np.stack([geometry.labels, image, image]), [2.0, 1.0, 3.0], geometry.labels)
    assert (found["cells"] == (image > 0)).all() and (found["true_cells"] == (image > 0)).all()
    assert (found["faces"] == found["true_faces"]).all()
    assert found["true_faces"].sum() == geometry.membrane.sum()


def test_ensembles_of_a_dataset_are_those_of_its_targets():
    data = ensemble_dataset(3, targets=(("ball", 101), ("bent tube", 101)), fits=6)
    grid, found = ensembles(data)
    assert list(found) == ["ball 101", "bent tube 101"] and len(grid.tetrahedra) == data.sizes["tetrahedron"]
    for one in found.values():
        table = calibration(one["cells"], one["true_cells"])
        assert table["brier"] < 0.5 * table["brier_constant"]
        assert one["faces"].shape == (len(grid.faces),)
