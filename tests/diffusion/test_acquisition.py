"""Simulated measurements: finer than an inversion's, with noise of the size that was asked for."""

import numpy as np
import pytest

from dime.diffusion import verification
from dime.diffusion.acquisition import acquire
from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.sequence import measurements, pgse

GEOMETRY = draw("ball", lattice(3), 101)
BLOCKS = pgse((10, 60), (10, 20), directions=3)


def test_data_differ_from_the_signal_of_all_modes_by_far_less_than_noise():
    finer = verification.signals(GEOMETRY.grid, GEOMETRY.permeability_um_per_ms, BLOCKS[:1], 500, 96)
    assert np.abs(acquire(GEOMETRY, BLOCKS[:1]) - finer).max() < 2e-4


def test_noise_has_its_size_and_its_seed():
    clean = acquire(GEOMETRY, BLOCKS)
    assert clean.shape == (measurements(BLOCKS),)
    noise = [acquire(GEOMETRY, BLOCKS, 0.01, seed) - clean for seed in (1, 1, 2)]
    assert (noise[0] == noise[1]).all() and np.abs(noise[0] - noise[2]).max() > 1e-3
    assert noise[0].std() == pytest.approx(0.01, rel=0.25)


def test_a_leak_and_given_operators_are_used():
    given = acquire(GEOMETRY, BLOCKS[:1], operators=assemble(GEOMETRY.grid))
    assert given == pytest.approx(acquire(GEOMETRY, BLOCKS[:1]), abs=1e-12)
    assert (acquire(GEOMETRY, BLOCKS[:1], leak_um_per_ms=100.0) < given).all()
