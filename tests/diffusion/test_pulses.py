"""Echoes of gradients: the limits of the signal, and the order of the splitting."""

import numpy as np
import pytest
import torch

from dime.diffusion import accuracy
from dime.diffusion.basis import slow_basis
from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.pulses import prepare, signal
from dime.diffusion.sequence import TIMINGS_MS, fibonacci, measurements, pgse
from dime.diffusion.verification import order, whole_signals

GEOMETRY = draw("tube", lattice(3), 101)
OPERATORS = assemble(GEOMETRY.grid)
KAPPA = GEOMETRY.permeability_um_per_ms
REDUCED = slow_basis(OPERATORS, KAPPA, 60)


def found(blocks, steps=16, reduced=REDUCED):
    return signal(reduced, KAPPA, prepare(reduced, blocks, steps)).numpy()


def test_no_gradient_gives_the_whole_signal_and_a_gradient_less():
    (block,) = pgse((10, 20), b_ms_per_um2=[0, 0.1, 1, 5, 20], directions=6)
    signals = found([block]).reshape(6, 5)
    assert signals[:, 0] == pytest.approx(np.ones(6), abs=1e-12)
    assert (signals[:, 1:] > 0).all() and (signals[:, 1:] < 1).all()
    assert (np.diff(signals[:, :3]) < 0).all()


def test_opposite_gradients_and_a_mirrored_geometry_give_the_same_signal():
    blocks = pgse((10, 20), directions=4)
    opposite = [block._replace(directions=-block.directions) for block in blocks]
    assert found(opposite) == pytest.approx(found(blocks), abs=1e-12)


def test_measurements_are_ordered_by_block_direction_and_b():
    blocks = pgse((10, 20), (5, 20), b_ms_per_um2=[1, 3], directions=3)
    together = found(blocks).reshape(2, 3, 2)
    assert together.size == measurements(blocks)
    for place, block in np.ndenumerate(np.array([0, 1])):
        for way in range(3):
            for b in range(2):
                one = blocks[block]._replace(
                    directions=blocks[block].directions[way : way + 1],
                    b_ms_per_um2=blocks[block].b_ms_per_um2[b : b + 1],
                )
                assert found([one])[0] == pytest.approx(together[place[0], way, b], abs=1e-12)


def test_splitting_is_of_second_order_in_the_step():
    rows = accuracy.splitting_errors(OPERATORS, KAPPA, pgse(*TIMINGS_MS, directions=2), [8, 16, 32], 60)
    for timing in {row["timing"] for row in rows}:
        part = [row for row in rows if row["timing"] == timing]
        sizes, errors = zip(*((1 / row["steps"], row["error"]) for row in part), strict=True)
        assert order(sizes, errors) == pytest.approx(2, abs=0.1) and errors[1] < 1e-3


def test_gradients_without_a_pause_are_an_echo_too():
    blocks = pgse((10, 10), b_ms_per_um2=[1.0], directions=2)
    assert found(blocks, 128) == pytest.approx(whole_signals(REDUCED, KAPPA, blocks), abs=5e-5)


def test_a_leak_loses_signal_without_a_gradient():
    leaky = slow_basis(OPERATORS, KAPPA, 60, leak_um_per_ms=100.0)
    (one,) = found(pgse((10, 20), b_ms_per_um2=[0], directions=1), reduced=leaky)
    assert 0 < one < 0.9


def test_one_step_is_enough_where_nothing_moves_within_a_gradient():
    blocks = pgse((1e-4, 20), b_ms_per_um2=[1.0], directions=3)
    assert found(blocks, 1) == pytest.approx(found(blocks, 16), abs=1e-5)


def test_directions_are_even_unit_vectors():
    directions = fibonacci(30)
    assert np.linalg.norm(directions, axis=1) == pytest.approx(np.ones(30))
    assert directions.T @ directions / 30 == pytest.approx(np.eye(3) / 3, abs=0.01)
    assert torch.as_tensor(directions @ directions.T).sub(torch.eye(30)).max() < 0.97


def test_strengths_give_their_b():
    (block,) = pgse((10, 60), b_ms_per_um2=[0, 1, 5])
    assert block.strengths**2 * 100 * (60 - 10 / 3) == pytest.approx([0, 1, 5])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"timings": [(10, 5)]}, "expected 0 < duration <= separation, found 10, 5"),
        ({"timings": [(0, 5)]}, "expected 0 < duration <= separation, found 0, 5"),
        ({"timings": [(10, np.nan)]}, "expected 0 < duration <= separation"),
        ({"b_ms_per_um2": [-1.0]}, "b_ms_per_um2: expected numbers of at least 0"),
        ({"b_ms_per_um2": []}, "b_ms_per_um2: expected numbers of at least 0"),
        ({"directions": [[0, 0, 0]]}, "directions: expected vectors with a length"),
        ({"directions": [[1, 0]]}, "directions: expected (direction, 3), found shape (1, 2)"),
        ({"directions": 0}, "directions: expected (direction, 3)"),
    ],
)
def test_a_sequence_that_is_none_is_refused(given, message):
    timings = given.pop("timings", [(10, 20)])
    with pytest.raises(ValueError) as told:
        pgse(*timings, **given)
    assert message in str(told.value) and "\n" not in str(told.value)
