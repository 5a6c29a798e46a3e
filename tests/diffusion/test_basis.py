"""Slow modes are the slowest, from nothing or from modes nearby; too few are told."""

import numpy as np
import pytest
import torch

from dime.diffusion.basis import reduce, slow_basis, slow_modes
from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble, coupled
from dime.diffusion.pulses import prepare, signal
from dime.diffusion.sequence import pgse

GEOMETRY = draw("ball", lattice(3), 101)
OPERATORS = assemble(GEOMETRY.grid)
KAPPA = GEOMETRY.permeability_um_per_ms
BLOCKS = pgse((10, 20), directions=4)


def known(kappa, leak=0.0):
    return np.linalg.eigvalsh(coupled(OPERATORS, kappa, leak).toarray())


@pytest.mark.parametrize("leak", [0.0, 100.0])
def test_modes_from_nothing_are_the_slowest_of_the_whole_spectrum(leak):
    rates, modes = slow_modes(OPERATORS, KAPPA, 40, leak_um_per_ms=leak)
    assert rates == pytest.approx(known(KAPPA, leak)[:40], abs=1e-10)
    assert modes.T @ modes == pytest.approx(np.eye(40), abs=1e-10)
    assert np.abs(coupled(OPERATORS, KAPPA, leak) @ modes - modes * rates).max() < 1e-9


def test_all_modes_and_more_than_half_come_from_the_whole_spectrum():
    size = len(OPERATORS.start)
    rates, modes = slow_modes(OPERATORS, KAPPA, size)
    assert rates == pytest.approx(known(KAPPA), abs=1e-8) and modes.shape == (size, size)


def test_modes_from_a_guess_nearby_give_the_signal_of_the_exact_ones():
    guess = slow_modes(OPERATORS, KAPPA, 60)[1]
    moved = KAPPA * 10 ** (0.3 * np.random.default_rng(0).standard_normal(len(KAPPA)))
    exact, warm = slow_modes(OPERATORS, moved, 60), slow_modes(OPERATORS, moved, 60, guess)
    assert (warm[0] > exact[0] - 1e-12).all(), "rates of a guess are never too slow"
    assert warm[0] == pytest.approx(exact[0], abs=0.02)
    found = []
    for _, modes in (exact, warm):
        reduced = reduce(OPERATORS, modes)
        found.append(signal(reduced, moved, prepare(reduced, BLOCKS)))
    assert (found[0] - found[1]).abs().max() < 1e-3


def test_more_sweeps_come_nearer():
    guess = slow_modes(OPERATORS, KAPPA, 30)[1]
    moved = KAPPA * 10 ** np.random.default_rng(0).standard_normal(len(KAPPA))
    exact = slow_modes(OPERATORS, moved, 30)[0]
    errors = np.array([slow_modes(OPERATORS, moved, 30, guess, n)[0] - exact for n in (1, 2, 4, 8)])
    assert (np.diff(errors.max(1)) < 0).all()
    assert errors[-1, :20].max() < 1e-3 * errors[0, :20].max()


def test_reduced_rates_are_those_of_the_modes():
    reduced = slow_basis(OPERATORS, KAPPA, 30)
    assert reduced.rates(torch.as_tensor(KAPPA)).numpy() == pytest.approx(
        np.diag(known(KAPPA)[:30]), abs=1e-9
    )
    other = np.random.default_rng(0).uniform(0.1, 1, len(KAPPA))
    whole = reduced.basis.T @ (coupled(OPERATORS, other, 3.0) @ reduced.basis)
    leaky = reduce(OPERATORS, reduced.basis, 3.0)
    assert leaky.rates(torch.as_tensor(other)).numpy() == pytest.approx(whole, abs=1e-9)
    assert leaky.volume_um3 == pytest.approx(GEOMETRY.grid.volumes_um3.sum())


@pytest.mark.parametrize("count", [0, 865])
def test_more_modes_than_unknowns_are_refused(count):
    with pytest.raises(ValueError, match=f"modes: expected 1 to 864 for 216 tetrahedra, found {count}"):
        slow_modes(OPERATORS, KAPPA, count)
