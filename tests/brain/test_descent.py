"""Constrained least squares: projection and minimum are those of a general solver; certificates hold."""

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear, minimize

from dime.brain.descent import TOLERANCE, Gram, at_least_zero, minimise, on_simplex
from dime.brain.design import by_column


def problem(seed, condition=30.0, voxels=4):
    """G and b of one column of voxels, whose optimum without constraints lies outside them."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((3 * voxels, 3 * voxels)))[0]
    matrix = (turn * np.geomspace(1, condition, 3 * voxels)) @ turn.T
    return torch.tensor(matrix)[None], torch.tensor(matrix @ rng.uniform(-0.7, 1.2, 3 * voxels))


def value(matrix, b, p):
    return 0.5 * p @ matrix @ p - b @ p


def slowly(matrix, b):
    """The minimum by sequential quadratic programming."""
    voxels = len(b) // 3
    rooms = {"type": "ineq", "fun": lambda p: 1 - p.reshape(3, voxels).sum(0)}
    options = {"ftol": 1e-15, "maxiter": 500}
    return minimize(
        lambda p: value(matrix, b, p),
        np.full(len(b), 0.2),
        jac=lambda p: matrix @ p - b,
        bounds=[(0, None)] * len(b),
        constraints=rooms,
        options=options,
    ).x


def test_projection_is_the_nearest_point():
    points = torch.randn(1, 3, 200, dtype=torch.float64) * 0.8 + 0.2
    nearest = on_simplex(points)[0]
    assert (nearest >= 0).all()
    assert (nearest.sum(0) <= 1 + 1e-12).all()
    other = torch.distributions.Dirichlet(torch.ones(4, dtype=torch.float64)).sample((5000,))[:, :3]
    gap = torch.einsum("ty,sty->sy", points[0] - nearest, other[:, :, None] - nearest)
    assert (gap <= 1e-12).all()  # what defines the projection onto a convex set


@pytest.mark.parametrize("seed", range(5))
def test_minimum_is_that_of_a_general_solver(seed):
    matrix, b = problem(seed)
    found = minimise(Gram(matrix), b.reshape(3, -1)[..., None])
    known = slowly(matrix[0].numpy(), b.numpy())
    assert np.abs(by_column(found.maps)[0].numpy() - known).max() < TOLERANCE
    assert found.distance <= TOLERANCE


def test_without_the_sum_it_is_the_non_negative_least_squares():
    matrix, b = problem(3)
    root = np.linalg.cholesky(matrix[0].numpy()).T
    known = lsq_linear(root, np.linalg.solve(root.T, b.numpy()), (0, np.inf), tol=1e-12).x
    found = minimise(Gram(matrix), b.reshape(3, -1)[..., None], at_least_zero)
    assert np.abs(by_column(found.maps)[0].numpy() - known).max() < TOLERANCE


@pytest.mark.parametrize("steps", [1, 3, 8, 20])
def test_certificates_hold_on_the_way(steps):
    """After few steps the point is off, and no further than the bound says; nor is the value."""
    matrix, b = problem(7, condition=300.0)
    found = minimise(Gram(matrix), b.reshape(3, -1)[..., None], start=torch.zeros(3, 4, 1), steps=steps)
    known = slowly(matrix[0].numpy(), b.numpy())
    reached = by_column(found.maps)[0].double().numpy()
    assert np.abs(reached - known).max() <= found.distance
    excess = value(matrix[0].numpy(), b.numpy(), reached) - value(matrix[0].numpy(), b.numpy(), known)
    assert -1e-6 < excess <= found.gap


def test_two_starts_agree():
    matrix, b = problem(11, condition=1e3)
    target = b.reshape(3, -1)[..., None]
    one, other = (minimise(Gram(matrix), target, start=torch.full((3, 4, 1), at)).maps for at in (0.0, 1 / 3))
    assert (one - other).abs().max() <= 2 * TOLERANCE


def test_without_information_no_distance_is_promised():
    matrix = torch.eye(3, dtype=torch.float64)[None].clone()
    matrix[0, 0, 1] = matrix[0, 1, 0] = 1.0  # only the sum of the first two is told
    found = minimise(Gram(matrix), torch.tensor([0.5, 0.5, 0.3])[:, None, None], steps=200)
    assert np.isinf(found.distance)
    assert found.maps.sum(0).item() == pytest.approx(0.8, abs=1e-3)
    assert found.gap == pytest.approx(0, abs=1e-3)


def test_what_is_outside_the_mask_stays_zero_and_changes_nothing():
    """Voxel 1 is outside in the first of three columns, and all of the last."""
    matrix, b = problem(2)
    smaller = torch.tensor([place for place in range(12) if place % 4 != 1])
    known = minimise(Gram(matrix[:, smaller][:, :, smaller]), b[smaller].reshape(3, 3, 1)).maps
    matrices, target = matrix.repeat(3, 1, 1), b.reshape(3, 4, 1).repeat(1, 1, 3)
    matrices[0, 1::4], matrices[0, :, 1::4], target[:, 1, 0] = 0, 0, 0
    matrices[2], target[..., 2] = 0, 0
    found = minimise(Gram(matrices), target)
    assert not found.maps[:, 1, 0].any()
    assert not found.maps[..., 2].any()
    assert torch.allclose(found.maps[:, [0, 2, 3], 0], known[..., 0], atol=2 * TOLERANCE)
    assert found.distance <= TOLERANCE


def test_without_a_voxel_there_is_nothing_to_do():
    found = minimise(Gram(torch.zeros(2, 6, 6, dtype=torch.float64)), torch.ones(3, 2, 2))
    assert not found.maps.any()
    assert found.distance == found.gap == 0
