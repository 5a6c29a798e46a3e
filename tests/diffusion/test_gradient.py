"""The adjoint is the derivative: by central differences, by every measurement, and by gradcheck."""

import numpy as np
import pytest
import torch

from dime.diffusion import accuracy
from dime.diffusion.basis import reduce, slow_basis, slow_modes
from dime.diffusion.geometries import draw
from dime.diffusion.gradient import Signal, jacobian
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.pulses import prepare, signal
from dime.diffusion.sequence import pgse

SMALL = assemble(lattice(2))
KAPPA = 10 ** np.random.default_rng(0).uniform(-2, 2, len(SMALL.grid.faces))
BLOCKS = pgse((10, 20), (5, 6), b_ms_per_um2=[1, 5], directions=2)


def test_in_all_modes_the_adjoint_agrees_with_central_differences():
    assert accuracy.adjoint_error(SMALL, KAPPA, BLOCKS, steps=6, faces=8) < 1e-5


@pytest.mark.parametrize("leak", [0.0, 100.0])
def test_each_measurement_agrees_with_central_differences(leak):
    reduced = slow_basis(SMALL, KAPPA, 192, leak_um_per_ms=leak)
    prepared = prepare(reduced, BLOCKS, 4)
    found = jacobian(reduced, torch.as_tensor(KAPPA), prepared)[1].numpy()
    for face in (0, 17, 40):
        moved = [KAPPA.copy(), KAPPA.copy()]
        for one, sign in zip(moved, (1, -1), strict=True):
            one[face] *= 1 + sign * 1e-4
        up, down = (signal(reduced, one, prepared).numpy() for one in moved)
        difference = (up - down) / (2e-4 * KAPPA[face])
        assert found[:, face] == pytest.approx(difference, rel=1e-3, abs=1e-8)


@pytest.mark.parametrize("modes", [30, 192])
def test_the_jacobian_is_the_adjoint_of_every_measurement(modes):
    reduced = slow_basis(SMALL, KAPPA, modes)
    prepared = prepare(reduced, BLOCKS, 5)
    leaf = torch.as_tensor(KAPPA).requires_grad_()
    found = Signal.apply(leaf, reduced, prepared)
    signals, derivative = jacobian(reduced, torch.as_tensor(KAPPA), prepared)
    assert found.detach().numpy() == pytest.approx(signals.numpy(), abs=1e-14)
    for number, row in enumerate(derivative):
        (own,) = torch.autograd.grad(found[number], leaf, retain_graph=True)
        assert (own - row).abs().max() < 1e-12 * row.abs().max()
    weights = torch.as_tensor(np.random.default_rng(1).standard_normal(len(found)))
    (total,) = torch.autograd.grad(found @ weights, leaf)
    assert (total - weights @ derivative).norm() < 1e-12 * total.norm()


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("leak", [0.0, 100.0])
def test_autograd_checks_the_derivative_in_any_basis_and_any_number_of_steps(steps, leak):
    reduced = slow_basis(SMALL, KAPPA, 12, leak_um_per_ms=leak)
    prepared = prepare(reduced, pgse((5, 5), (5, 6), b_ms_per_um2=[1, 5], directions=2), steps)
    leaf = torch.as_tensor(KAPPA).clamp(0.1, 10).requires_grad_()
    assert torch.autograd.gradcheck(lambda one: Signal.apply(one, reduced, prepared), leaf, atol=1e-7)


def test_modes_of_one_rate_have_a_derivative():
    """The cube of equal permeabilities has modes that meet: eigenvectors have no derivative, signals do."""
    equal = np.full(len(KAPPA), 2.0)
    rates = slow_modes(SMALL, equal, 6)[0]
    assert np.diff(rates).min() < 1e-10
    assert accuracy.adjoint_error(SMALL, equal, BLOCKS[:1], steps=4, faces=4) < 1e-5


def test_a_basis_that_leaves_modes_out_comes_near_the_derivative():
    geometry = draw("ball", lattice(3), 101)
    operators = assemble(geometry.grid)
    blocks = pgse((10, 60), (10, 20), directions=3)
    rows = accuracy.basis_errors(operators, geometry.permeability_um_per_ms, blocks, [20, 40, 80], 200, 8)
    for timing in ("10/60", "10/20"):
        for error in ("signal_error", "jacobian_error"):
            errors = [row[error] for row in rows if row["timing"] == timing]
            assert errors == sorted(errors, reverse=True)
            assert errors[-1] < 0.03
    assert [row["enough"] for row in rows[:3]] == sorted(row["enough"] for row in rows[:3])


def test_a_basis_that_is_kept_goes_wrong_as_permeabilities_move():
    rows = accuracy.drift_errors(SMALL, KAPPA, BLOCKS[:1], [0.0, 0.1, 1.0], 40, 8)
    assert rows[0]["signal_error"] < 1e-12 and rows[0]["jacobian_error"] < 1e-8
    assert rows[0]["jacobian_error"] < rows[1]["jacobian_error"] < rows[2]["jacobian_error"]


def test_a_basis_of_all_modes_never_goes_wrong():
    some = reduce(SMALL, np.eye(len(SMALL.start)))
    other = slow_basis(SMALL, np.ones(len(KAPPA)), len(SMALL.start))
    found = [jacobian(one, torch.as_tensor(KAPPA), prepare(one, BLOCKS[:1], 6)) for one in (some, other)]
    assert (found[0][0] - found[1][0]).abs().max() < 1e-11
    assert (found[0][1] - found[1][1]).norm() < 1e-9 * found[0][1].norm()


def test_the_parts_of_an_iteration_are_timed():
    found = accuracy.seconds(SMALL, KAPPA, BLOCKS, modes=20, steps=2, repeats=1)
    assert found["tetrahedra"] == 48 and found["measurements"] == 8 and found["modes"] == 20
    assert all(found[f"{part}_s"] > 0 for part in "cold modes prepare signal gradient jacobian".split())
