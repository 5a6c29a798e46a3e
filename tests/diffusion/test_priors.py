"""Smoothness and closedness of membranes: known values, and derivatives by differences."""

import numpy as np
import pytest
import torch

from dime.diffusion.geometries import draw, from_labels, inside
from dime.diffusion.grid import lattice, make_grid
from dime.diffusion.priors import TAU, continuity, edges_of, manifold, membership

GRID = lattice(4)
EDGES = edges_of(GRID)


def decades(membrane):
    """log10 of kappa [um/ms] of membranes and open faces of the original's contrast."""
    return torch.where(torch.as_tensor(membrane), -2.0, 2.0).double()


def ball():
    """A cell that does not touch the outside."""
    labels = inside("ball", GRID.centres_um, np.zeros(3), np.eye(3)[0], (8.0,))
    return from_labels("ball", GRID, labels.astype(int))


def test_pairs_are_all_faces_that_share_an_edge():
    grid = lattice(2)
    sets = [{tuple(sorted(pair)) for pair in ((a, b), (a, c), (b, c))} for a, b, c in grid.faces.tolist()]
    known = {(i, j) for i in range(len(sets)) for j in range(i) if sets[i] & sets[j]}
    found = {tuple(sorted(pair, reverse=True)) for pair in edges_of(grid).pairs.T.tolist()}
    assert found == known
    assert edges_of(grid).pairs.shape[1] == len(known)


def test_edges_within_the_grid_touch_no_outer_face():
    outer = {tuple(pair) for a, b, c in GRID.outer_faces.tolist() for pair in ((a, b), (a, c), (b, c))}
    inner = {tuple(pair) for a, b, c in GRID.faces.tolist() for pair in ((a, b), (a, c), (b, c))}
    assert EDGES.count == len(inner - outer)
    assert len(EDGES.faces) == sum(
        pair not in outer for a, b, c in GRID.faces.tolist() for pair in ((a, b), (a, c), (b, c))
    )


def test_two_tetrahedra_have_one_face_and_no_pair():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], float)
    edges = edges_of(make_grid(points, [[0, 1, 2, 3], [1, 2, 3, 4]]))
    assert edges.pairs.shape == (2, 0)
    assert edges.count == 0
    log10 = torch.zeros(1, dtype=torch.float64)
    assert continuity(edges, log10) == manifold(edges, log10) == 0


def test_membership_is_one_half_at_the_threshold():
    p = membership(torch.tensor([0.0, 0.5, -2.0, 2.0], dtype=torch.float64))
    known = 1 / (1 + np.exp([0.0, 1.0, -4.0, 4.0]))
    np.testing.assert_allclose(p, known, rtol=1e-12)


def test_a_closed_surface_costs_nothing_and_a_hole_its_three_edges():
    membrane = ball().membrane
    sharp = 50 * decades(membrane)  # p is 0 or 1
    assert manifold(EDGES, sharp).abs() < 1e-12
    membrane = membrane.copy()
    membrane[np.flatnonzero(membrane)[0]] = False
    one_short = 1 - TAU * np.log(2)  # k = 1 is as far from 0 as from 2
    np.testing.assert_allclose(manifold(EDGES, 50 * decades(membrane)), 3 * one_short / EDGES.count)


def test_no_membrane_and_one_face():
    nothing = np.zeros(len(GRID.faces), bool)
    assert manifold(EDGES, 50 * decades(nothing)).abs() < 1e-12
    one = nothing.copy()
    one[int(EDGES.faces[0])] = True
    ends = int((EDGES.faces == EDGES.faces[0]).sum())
    found = manifold(EDGES, 50 * decades(one))
    np.testing.assert_allclose(found, ends * (1 - TAU * np.log(2)) / EDGES.count)


def test_a_cell_that_ends_at_the_outside_costs_nothing_there():
    for kind in ("tube", "bent tube"):
        geometry = draw(kind, GRID, 100)
        assert geometry.outer_membrane.any()
        inner = GRID.faces[geometry.membrane][:, [[0, 1], [0, 2], [1, 2]]].reshape(-1, 2)
        outer = GRID.outer_faces[:, [[0, 1], [0, 2], [1, 2]]].reshape(-1, 2)
        edges, count = np.unique(inner, axis=0, return_counts=True)
        off = ~np.array([tuple(edge) in {tuple(one) for one in outer.tolist()} for edge in edges.tolist()])
        known = (
            sum((k - 2) ** 2 for k in count[off]) / EDGES.count
        )  # edges where parts of a cell touch: k = 4
        np.testing.assert_allclose(manifold(EDGES, 50 * decades(geometry.membrane)), known, atol=1e-12)


def test_continuity_of_one_step_between_two_faces():
    """Half the square of the difference, gated, once for each pair that it splits."""
    log10 = torch.zeros(len(GRID.faces), dtype=torch.float64)
    log10[7] = 0.3
    split = int(((EDGES.pairs == 7).sum(0) == 1).sum())
    gate = 1 - abs(1 / (1 + np.exp(0.6)) - 0.5)
    known = split * gate * 0.3**2 / 2 / EDGES.pairs.shape[1]
    np.testing.assert_allclose(continuity(EDGES, log10), known)
    assert continuity(EDGES, torch.full_like(log10, 1.3)) == 0


def test_the_gate_spares_the_rim_of_a_membrane():
    membrane = ball().membrane
    sharp = continuity(EDGES, 50 * decades(membrane))
    assert sharp < 1e-12


def test_the_gate_has_no_derivative():
    log10 = torch.zeros(len(GRID.faces), dtype=torch.float64)
    log10[7] = 0.3
    log10.requires_grad_()
    (slope,) = torch.autograd.grad(continuity(EDGES, log10), log10)
    split = int(((EDGES.pairs == 7).sum(0) == 1).sum())
    gate = 1 - abs(1 / (1 + np.exp(0.6)) - 0.5)
    np.testing.assert_allclose(slope[7], split * gate * 0.3 / EDGES.pairs.shape[1])


@pytest.mark.parametrize("seed", [100, 101])
def test_the_derivative_of_manifold_is_that_of_differences(seed):
    edges = edges_of(lattice(2))
    generator = torch.Generator().manual_seed(seed)
    log10 = torch.randn(len(lattice(2).faces), dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda x: manifold(edges, x), log10.requires_grad_())
