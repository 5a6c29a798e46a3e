"""Changes of a geometry whose signal is known."""

import numpy as np
import pytest

from dime.diffusion import pulses
from dime.diffusion.asymmetric import long_narrow
from dime.diffusion.basis import slow_basis
from dime.diffusion.detectability import (
    changes,
    exchanges,
    mirror_change,
    places,
    sample,
    shares_seen,
)
from dime.diffusion.geometries import draw, from_labels
from dime.diffusion.grid import lattice, make_grid
from dime.diffusion.operators import assemble
from dime.diffusion.sequence import pgse

BLOCKS = pgse((10, 60), directions=4)


@pytest.fixture(scope="module")
def tube():
    return draw("bent tube", lattice(3), 101)


def test_a_flip_is_the_difference_of_signals_computed_anew(tube):
    """From cold modes of the changed geometry, which the warm ones must find: a piece may come apart."""
    operators = assemble(tube.grid)

    def cold(geometry):
        reduced = slow_basis(operators, geometry.permeability_um_per_ms, 60)
        kappa = geometry.permeability_um_per_ms
        return pulses.signal(reduced, kappa, pulses.prepare(reduced, BLOCKS)).numpy()

    groups = [[int(np.argmax(places(tube)[1]))], [int(np.argmin(places(tube)[1]))], [3, 100]]
    found = changes(tube, groups, BLOCKS, 60, operators=operators)
    for group, change in zip(groups, found, strict=True):
        labels = tube.labels.copy()
        labels[group] = 1 - labels[group]
        other = from_labels("other", tube.grid, labels)
        assert change == pytest.approx(np.linalg.norm(cold(other) - cold(tube)), rel=0.02)


def test_a_flip_forth_and_back_and_of_all_is_no_change(tube):
    everything = np.arange(len(tube.labels))
    assert changes(tube, [[], everything], BLOCKS, 60) == pytest.approx([0, 0], abs=1e-9)


def test_places_of_tetrahedra(tube):
    place, depth_um = places(tube)
    walls = np.unique(tube.grid.sides[tube.membrane])
    assert set(np.flatnonzero(place == "interface")) == set(walls)
    assert (tube.labels[place == "inside"] > 0).all() and (tube.labels[place == "outside"] == 0).all()
    assert ((depth_um > 0) == (tube.labels > 0)).all()
    assert np.abs(depth_um[place == "interface"]).max() < 20 / 3


def test_a_sample_keeps_the_shares_of_depth(tube):
    depth_um = places(tube)[1]
    chosen = sample(tube, 54)
    assert len(np.unique(chosen)) == 54
    assert np.mean(depth_um[chosen] > 0) == pytest.approx(np.mean(depth_um > 0), abs=0.03)
    assert len(sample(tube, 10_000)) == len(depth_um)


def test_an_exchange_keeps_the_volume(tube):
    pairs = exchanges(tube, 20, seed=1)
    assert (tube.labels[pairs[:, 0]] > 0).all() and (tube.labels[pairs[:, 1]] == 0).all()
    assert (places(tube)[0][pairs] == "interface").all()


def test_shares_of_flips_that_are_seen():
    change = np.array([0.01, 0.02, 0.04, 0.08])
    place = np.array(["inside", "inside", "outside", "outside"])
    rows = shares_seen(change, place, [0.005, 0.01])
    seen = {(row["place"], row["noise"]): row["seen"] for row in rows}
    assert seen["all", 0.005] == 0.75 and seen["all", 0.01] == 0.5
    assert seen["inside", 0.005] == 0.5 and seen["outside", 0.01] == 1
    assert ("interface", 0.01) not in seen


def test_the_mirror_image_is_seen_by_long_narrow_gradients_alone(tube):
    assert mirror_change(tube, BLOCKS[0], 90)["largest"] < 1e-9
    assert mirror_change(tube, long_narrow(directions=4), 90)["largest"] > 1e-3


def test_a_grid_that_is_not_its_own_mirror_image_is_refused():
    grid = lattice(2)
    points = grid.points_um + 0.1 * np.arange(3) * grid.points_um[:, :1] ** 2 / 10
    geometry = from_labels("askew", make_grid(points, grid.tetrahedra), np.zeros(48, int))
    with pytest.raises(ValueError, match="grid: expected one that is its own mirror image"):
        mirror_change(geometry, BLOCKS[0])
