"""Face by face: a known permeability is found again, and an interrupted run ends as one that was not."""

import numpy as np
import pytest
import torch

from dime.diffusion import faces
from dime.diffusion.basis import slow_basis
from dime.diffusion.geometries import from_labels
from dime.diffusion.grid import lattice, make_grid
from dime.diffusion.operators import assemble
from dime.diffusion.pulses import prepare, signal
from dime.diffusion.sequence import pgse

GRID = lattice(2)
BLOCKS = pgse((10, 60), (10, 20), b_ms_per_um2=(1, 3), directions=6)


@pytest.fixture(scope="module")
def operators():
    return assemble(GRID)


@pytest.fixture(scope="module")
def measured(operators):
    labels = (GRID.centres_um[:, 0] + GRID.centres_um[:, 1] < 0).astype(int)
    kappa = from_labels("halves", GRID, labels).permeability_um_per_ms
    return simulated(operators, kappa, BLOCKS)


def simulated(operators, kappa, blocks, steps=16):
    reduced = slow_basis(operators, kappa, len(operators.start))
    return signal(reduced, torch.as_tensor(kappa), prepare(reduced, blocks, steps)).numpy()


@pytest.mark.parametrize("kappa", [0.3, 0.4])
def test_the_permeability_of_one_face_is_found_again(kappa):
    """Two tetrahedra, one unknown, all modes, no priors, every timing at once: the signal says what it is."""
    points = np.array([[0, 0, 0], [8, 0, 0], [0, 8, 0], [0, 0, 8], [8, 8, 8]], float)
    operators = assemble(make_grid(points, [[0, 1, 2, 3], [1, 2, 3, 4]]))
    measured = simulated(operators, np.array([kappa]), BLOCKS, 4)
    priors = {"continuity": 0, "manifold": 0}
    settings = faces.Settings(80, faces.joint(BLOCKS, 1), **priors, modes=(8,), steps=4)
    fit = faces.estimate(operators, BLOCKS, measured, 0.01, settings)
    assert fit.permeability_um_per_ms[0] == pytest.approx(kappa, rel=0.1)
    assert fit.membrane[0]
    assert fit.chi < 0.1
    assert fit.labels is None


def test_the_misfit_falls(operators, measured):
    settings = faces.Settings(40, faces.joint(BLOCKS, 1), continuity=0, manifold=0, modes=(60,))
    fit = faces.estimate(operators, BLOCKS, measured, 0.005, settings)
    assert fit.trace[-1]["chi"] < fit.trace[0]["chi"] / 4
    assert [row["iteration"] for row in fit.trace] == list(range(40))


@pytest.mark.parametrize("stop", [3, 6, 9])
def test_an_interrupted_run_ends_as_one_that_was_not(operators, measured, stop):
    settings = faces.Settings(12, modes=(30, 40), refresh=3)
    whole = faces.estimate(operators, BLOCKS, measured, 0.005, settings)
    kept = []

    def interrupt(state):
        kept.append(state)
        if state["iteration"] >= stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        faces.estimate(operators, BLOCKS, measured, 0.005, settings, on_step=interrupt)
    assert kept[-1]["iteration"] == stop
    fit = faces.estimate(operators, BLOCKS, measured, 0.005, settings, state=kept[-1])
    np.testing.assert_array_equal(fit.permeability_um_per_ms, whole.permeability_um_per_ms)
    assert fit.trace == whole.trace
    assert fit.chi == whole.chi


def test_a_state_is_plain_and_is_not_changed_afterwards(operators, measured):
    kept, copies = [], []

    def keep(state):
        kept.append(state)
        copies.append({name: np.array(value) for name, value in state.items() if name != "trace"})

    faces.estimate(
        operators, BLOCKS, measured, 0.005, faces.Settings(6, modes=(30, 30), refresh=2), on_step=keep
    )
    assert [state["iteration"] for state in kept] == [0, 2, 3, 4, 6]
    for state, copy in zip(kept, copies, strict=True):
        assert len(state["trace"]) == state["iteration"]
        for name, value in copy.items():
            assert isinstance(state[name], (int, np.ndarray))
            np.testing.assert_array_equal(state[name], value)


def test_the_start_follows_from_the_seed(operators, measured):
    fits = [
        faces.estimate(operators, BLOCKS, measured, 0.005, faces.Settings(2, modes=(30, 30), seed=seed))
        for seed in (0, 0, 1)
    ]
    kappa = [fit.permeability_um_per_ms for fit in fits]
    np.testing.assert_array_equal(kappa[0], kappa[1])
    assert not np.allclose(kappa[0], kappa[2])


def test_the_learning_rate_rises_and_falls_as_in_the_original():
    rates = np.array([faces.learning_rate(one, 200) for one in range(200)])
    np.testing.assert_allclose(rates[[0, 49]], [0.6 / 50, 0.6])
    assert rates[50] == 0.6
    assert rates[125] == pytest.approx(0.6 * (0.1 + 0.9 / 2))
    assert rates[-1] == pytest.approx(0.06, rel=0.01)


def test_parameters_span_the_range_of_permeabilities():
    np.testing.assert_allclose(faces.permeability(np.array([-50.0, 0.0, 50.0])), [0.01, 1.0, 100.0])


def test_stages_begin_with_the_longest_mixing_time(operators):
    stages = faces._stages(pgse((10, 20), (10, 60), (5, 6)), faces.Settings())
    assert stages == [((1,), 60), ((0,), 120), ((2,), 300)]
    both = faces._stages(BLOCKS, faces.Settings(stages=faces.joint(BLOCKS)))
    assert both == [((0, 1), 120), ((0, 1), 120)]


def test_outer_faces_close_all_compartments_but_the_largest():
    grid = lattice(3)
    labels = np.zeros(len(grid.tetrahedra), int)
    labels[grid.centres_um[:, 0] < -4] = 1
    geometry = from_labels("slab", grid, labels)
    membrane, outer = faces.membranes(grid, geometry.permeability_um_per_ms)
    np.testing.assert_array_equal(membrane, geometry.membrane)
    np.testing.assert_array_equal(outer, geometry.outer_membrane)


def test_what_cannot_be_fitted_is_refused(operators, measured):
    with pytest.raises(ValueError, match=r"^signal: expected 24 finite numbers, found shape \(23,\)$"):
        faces.estimate(operators, BLOCKS, measured[:-1], 0.005)
    with pytest.raises(ValueError, match=r"^signal: expected 24 finite"):
        faces.estimate(operators, BLOCKS, np.full(24, np.nan), 0.005)
    with pytest.raises(ValueError, match=r"^stages: expected blocks 0 to 1 in each, found \(2,\)$"):
        faces.estimate(operators, BLOCKS, measured, 0.005, faces.Settings(stages=((2,),)))
