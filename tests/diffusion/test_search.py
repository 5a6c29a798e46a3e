"""Search of labels: proposals with a known best, a wrong tetrahedron, wrong permeabilities."""

import numpy as np
import pytest

from dime.diffusion import search
from dime.diffusion.acquisition import acquire
from dime.diffusion.flips import Moves, faces_of
from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.sequence import pgse

TRUE = (0.01, 100.0)
NOISE = 5e-3
GRID = lattice(2)
OPERATORS = assemble(GRID)
BLOCKS = pgse((10, 20), (10, 60), directions=6)
GEOMETRY = draw("ball", GRID, 100)


@pytest.fixture(scope="module")
def problem():
    measured = acquire(GEOMETRY, BLOCKS, NOISE, 1, OPERATORS)
    return search.Problem(OPERATORS, BLOCKS, measured, NOISE, faces_of(GRID), 0.5, 40, 24)


def outlook(change, exclusive=None):
    count = len(change)
    exclusive = np.zeros((count, count), bool) if exclusive is None else exclusive
    moves = Moves(np.arange(count), np.ones(count, int))
    return search.Outlook(moves, change, np.zeros(count, int), exclusive)


def test_cold_proposals_are_the_set_that_takes_the_residual_away():
    change = 10 * np.eye(6)
    residual = -change[[1, 4]].sum(0)
    chosen = search.propose(outlook(change), residual, 0.0, 0.01, 6, np.random.default_rng(0))
    assert list(chosen) == [1, 4]


def test_proposals_hold_no_more_than_they_may_and_no_two_neighbours():
    change = 10 * np.eye(6)
    residual = -change.sum(0)
    rng = np.random.default_rng(0)
    assert len(search.propose(outlook(change), residual, 0.0, 1.0, 2, rng)) == 2
    exclusive = np.zeros((6, 6), bool)
    exclusive[:3, :3] = ~np.eye(3, dtype=bool)
    for _ in range(20):
        chosen = search.propose(outlook(change, exclusive), residual, 0.0, 1.0, 6, rng)
        assert (chosen < 3).sum() <= 1 <= len(chosen)


def test_a_price_beyond_the_gain_leaves_a_move_out():
    change, residual = np.array([[3.0]]), np.array([-3.0])
    one = outlook(change)._replace(added=np.array([1]))
    rng = np.random.default_rng(0)
    assert list(search.propose(one, residual, 5.0, 1e-3, 1, rng)) == [0]
    assert list(search.propose(one, residual, 20.0, 1e-3, 1, rng)) == []


def test_hot_proposals_follow_the_distribution():
    """One move that costs 2 T is on with the odds e^-1."""
    change, residual = np.array([[2.0]]), np.array([0.0])
    rng = np.random.default_rng(0)
    on = [len(search.propose(outlook(change), residual, 0.0, 2.0, 1, rng)) for _ in range(4000)]
    # an odd number of sweeps over one place: the chain of three steps from "off", exactly
    step = np.array([[1 - np.exp(-1), np.exp(-1)], [1, 0]])
    assert np.mean(on) == pytest.approx((np.array([1, 0]) @ np.linalg.matrix_power(step, 3))[1], abs=0.03)


def test_polishing_puts_a_wrong_tetrahedron_right(problem):
    moves = search.look(problem, search.evaluate(problem, GEOMETRY.labels, TRUE)).moves
    for place in (0, len(moves.label) // 2):
        wrong = GEOMETRY.labels.copy()
        wrong[moves.tetrahedron[place]] = moves.label[place]
        found = search.polish(problem, search.evaluate(problem, wrong, TRUE), 200)
        assert np.array_equal(found.labels, GEOMETRY.labels)


def test_permeabilities_return_to_the_truth(problem):
    state = search.evaluate(problem, GEOMETRY.labels, (0.02, 30.0))
    for _ in range(6):
        state = search.refit(problem, state)
    assert state.permeabilities[0] == pytest.approx(TRUE[0], rel=0.1)
    assert state.objective < 1.5 * len(problem.measured)


def test_annealing_lowers_a_bad_start(problem):
    start = search.evaluate(problem, draw("tube", GRID, 101).labels, TRUE)
    state, most = start, 4
    rng = np.random.default_rng(0)
    for temperature in np.geomspace(100, 1, 8):
        state, most = search.anneal(problem, state, temperature, most, rng)
    assert state.objective < start.objective
