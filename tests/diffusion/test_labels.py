"""Labels: a cell is found again on a small grid, surfaces are closed, a stopped search goes on."""

import numpy as np
import pytest

from dime.diffusion import labels
from dime.diffusion.acquisition import acquire
from dime.diffusion.dictionary import FIRST_SEED, Dictionary, build
from dime.diffusion.geometries import KINDS, draw
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.sequence import pgse
from dime.diffusion.shape_scores import agreement

GRID = lattice(2)
OPERATORS = assemble(GRID)
BLOCKS = pgse((10, 20), (10, 60), directions=6)
TRUTH = draw("ball", GRID, 100)
NOISE = 5e-3
SMALL = labels.Settings(shapes=8, iterations=12, most=4, modes=40, steps=24, polishing=6)


@pytest.fixture(scope="module")
def measured():
    return acquire(TRUTH, BLOCKS, NOISE, 1, OPERATORS)


@pytest.fixture(scope="module")
def dictionary():
    return labels.dictionary_for(OPERATORS, BLOCKS, SMALL)


def test_a_dictionary_holds_every_kind_and_its_own_signals(dictionary):
    assert dictionary.labels.shape == (8, 48) and dictionary.signals.shape == (8, 60)
    for number in (1, 6):
        kind, seed = KINDS[number % 4], FIRST_SEED + number // 4
        assert np.array_equal(dictionary.labels[number], draw(kind, GRID, seed).labels)
    again = build(OPERATORS, BLOCKS, 2, SMALL.permeabilities_um_per_ms, 40, 24)
    assert again.signals == pytest.approx(dictionary.signals[:2])


def test_a_cell_and_its_permeabilities_are_found_from_a_start_nearby(measured):
    """One wrong tetrahedron, both permeabilities wrong by a factor of three: polishing ends at the truth."""
    near = TRUTH.labels.copy()
    at_membrane = np.unique(GRID.sides[TRUTH.membrane])
    near[at_membrane[3]] ^= 1
    shapes = Dictionary(near[None].astype(np.int8), measured[None])
    settings = SMALL._replace(iterations=0)
    fit = labels.estimate(OPERATORS, BLOCKS, measured, NOISE, settings, dictionary=shapes)
    assert fit.chi < 1.2
    assert agreement(TRUTH, fit.membrane, fit.labels)["dice"] == 1
    assert fit.permeability_um_per_ms[fit.membrane] == pytest.approx(0.01, rel=0.3)
    assert np.array_equal(fit.membrane, fit.labels[GRID.sides[:, 0]] != fit.labels[GRID.sides[:, 1]])


def test_every_edge_of_the_surface_belongs_to_an_even_number_of_faces(measured, dictionary):
    fit = labels.estimate(
        OPERATORS, BLOCKS, measured, NOISE, SMALL._replace(iterations=4, polishing=1), dictionary=dictionary
    )
    faces = np.concatenate([GRID.faces[fit.membrane], GRID.outer_faces[fit.outer_membrane]])
    edges = np.sort(faces[:, [[0, 1], [0, 2], [1, 2]]].reshape(-1, 2), 1)
    assert not (np.unique(edges, axis=0, return_counts=True)[1] % 2).any()


def test_a_stopped_search_ends_as_if_it_had_not_been(measured, dictionary):
    short = SMALL._replace(iterations=5, polishing=1)
    states = []
    given = OPERATORS, BLOCKS, measured, NOISE, short
    straight = labels.estimate(*given, seed=1, dictionary=dictionary, on_step=states.append)
    assert [one["iteration"] for one in states] == list(range(1, len(states) + 1))
    again = labels.estimate(*given, seed=1, state=states[2])
    assert np.array_equal(again.labels, straight.labels)
    assert again.chi == pytest.approx(straight.chi)
    assert [one["faces"] for one in again.trace] == [one["faces"] for one in straight.trace]


def test_a_search_on_a_larger_grid_goes_on_to_the_last_bit():
    """Where modes are found near those of the last state, they are kept as they are."""
    grid = lattice(3)
    operators = assemble(grid)
    given = operators, BLOCKS, acquire(draw("ball", grid, 100), BLOCKS, NOISE, 1, operators), NOISE
    short = SMALL._replace(shapes=4, iterations=4, polishing=0)
    states = []
    straight = labels.estimate(*given, short, on_step=states.append)
    again = labels.estimate(*given, short, state=states[1])
    assert [one["objective"] for one in again.trace] == [one["objective"] for one in straight.trace]


def test_signals_of_another_number_are_refused():
    with pytest.raises(ValueError, match=r"measured: expected 60 signals, .* found shape"):
        labels.estimate(OPERATORS, BLOCKS, np.ones(59), NOISE, SMALL)


def test_ranks_start_from_other_shapes(measured, dictionary):
    first = {}
    for rank in (0, 1):

        def keep(state, rank=rank):
            first.setdefault(rank, state["labels"])

        labels.estimate(
            OPERATORS,
            BLOCKS,
            measured,
            NOISE,
            SMALL._replace(iterations=1, polishing=1, trials=2),
            rank=rank,
            dictionary=dictionary,
            on_step=keep,
        )
    assert not np.array_equal(first[0], first[1])
