"""Matrices of diffusion between faces: integrals of polynomials come out exactly."""

import numpy as np
import pytest

from dime.diffusion.grid import lattice, make_grid
from dime.diffusion.operators import assemble, coupled
from dime.diffusion.verification import bar, mass_errors

GRID = lattice(2, 3.0)
OPERATORS = assemble(GRID, diffusivity_um2_per_ms=1.5)
KAPPA = np.random.default_rng(0).uniform(0.1, 10, len(GRID.faces))


def state(function, grid=GRID):
    """A function's coordinates x = C^T phi, without the solver's mass matrix."""
    factor = np.linalg.cholesky((np.ones((4, 4)) + np.eye(4)) / 20)
    values = function(*np.moveaxis(grid.points_um[grid.tetrahedra], 2, 0))
    return (np.sqrt(grid.volumes_um3)[:, None] * (values @ factor)).ravel()


def test_the_density_one_has_the_volume_as_its_square_and_does_not_move():
    assert OPERATORS.start == pytest.approx(state(lambda x, y, z: np.ones_like(x)))
    assert OPERATORS.start @ OPERATORS.start == pytest.approx(GRID.volumes_um3.sum())
    assert np.abs(coupled(OPERATORS, KAPPA) @ OPERATORS.start).max() < 1e-12


def test_a_linear_density_crosses_no_membrane_and_has_the_energy_of_its_slope():
    x = state(lambda x, y, z: 2 * x - y + 3)
    assert np.abs(OPERATORS.rows @ x).max() < 1e-12
    assert x @ coupled(OPERATORS, KAPPA) @ x == pytest.approx(1.5 * 5 * GRID.volumes_um3.sum())


def test_a_jump_costs_permeability_times_area_times_its_square():
    grid = bar((-1, 1), 2)
    operators = assemble(grid)
    kappa = np.where(np.abs(grid.points_um[grid.faces, 0]).max(1) < 1e-9, 0.3, 7.0)
    right = np.repeat(grid.centres_um[:, 0] > 0, 4)
    x = operators.start * np.where(right, 5.0, 3.0)
    assert x @ coupled(operators, kappa) @ x == pytest.approx(0.3 * 1 * 2**2)


def test_moments_are_integrals_of_the_coordinates():
    one = OPERATORS.start.reshape(-1, 4)
    for axis, moment in enumerate(OPERATORS.moments):
        found = np.einsum("ti,tij,tj->t", one, moment, one)
        assert found == pytest.approx(GRID.volumes_um3 * GRID.centres_um[:, axis], abs=1e-12)
        assert moment == pytest.approx(moment.transpose(0, 2, 1))
    x, y = state(lambda x, y, z: x).reshape(-1, 4), state(lambda x, y, z: y).reshape(-1, 4)
    cubic = np.einsum("ti,tij,tj->", x, OPERATORS.moments[1], y)
    shifted = make_grid(GRID.points_um + np.array([0, 0, 9.0]), GRID.tetrahedra)
    assert np.einsum("ti,tij,tj->", x, assemble(shifted).moments[1], y) == pytest.approx(cubic)


def test_a_leak_costs_permeability_times_the_outer_area():
    first, *others = np.moveaxis(GRID.points_um[GRID.outer_faces], 1, 0)
    area = np.linalg.norm(np.cross(*(one - first for one in others)), axis=1).sum() / 2
    one = OPERATORS.start
    assert one @ coupled(OPERATORS, KAPPA, 2.0) @ one == pytest.approx(2 * area)


def test_magnetisation_is_kept_within_walls_and_leaves_through_leaky_ones():
    assert max(mass_errors(OPERATORS, KAPPA, leak_um_per_ms=100.0)) < 1e-13


def test_a_matrix_is_symmetric_and_never_negative():
    matrix = coupled(OPERATORS, KAPPA, 1.0).toarray()
    assert matrix == pytest.approx(matrix.T)
    assert np.linalg.eigvalsh(coupled(OPERATORS, KAPPA).toarray())[:2] == pytest.approx([0, 0.1], abs=0.5)
    assert np.linalg.eigvalsh(matrix).min() > 0


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_a_permeability_that_is_not_positive_is_refused(wrong):
    kappa = KAPPA.copy()
    kappa[3] = wrong
    with pytest.raises(ValueError, match="permeability: expected positive numbers, found " + str(wrong)):
        coupled(OPERATORS, kappa)


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_a_leak_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=f"leak: expected a number of at least 0, found {wrong}"):
        coupled(OPERATORS, KAPPA, wrong)


def test_a_permeability_for_other_faces_is_refused():
    with pytest.raises(ValueError, match="permeability: expected 72 numbers, one a face"):
        coupled(OPERATORS, KAPPA[1:])
