"""Examples in all rotations of the lattice, equal for any number of processes, kept and reread."""

import numpy as np
import pytest
import torch

from dime.diffusion import face_training
from dime.diffusion.acquisition import acquire
from dime.diffusion.face_training import examples_of, rotations, simulate, turned_faces
from dime.diffusion.geometries import draw, from_labels
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.sequence import pgse

GRID = lattice(3)
BLOCKS = pgse((10, 60), (10, 20), b_ms_per_um2=(2,), directions=4)


def test_a_cube_has_24_rotations():
    turns = rotations()
    assert len(np.unique(turns.reshape(24, 9), axis=0)) == 24
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape))
    np.testing.assert_allclose(np.linalg.det(turns), 1)


def test_faces_turn_with_their_centres():
    centres = GRID.points_um[GRID.faces].mean(1)
    for turn in rotations()[::5]:
        images = turned_faces(GRID, turn)
        np.testing.assert_allclose(centres[images], centres @ turn.T, atol=1e-9)


def test_a_grid_that_turns_into_another_is_refused():
    points = GRID.points_um * [1, 1, 2]
    with pytest.raises(ValueError, match=r"^grid: expected a lattice that a rotation maps onto itself"):
        turned_faces(GRID._replace(points_um=points), np.eye(3)[[1, 2, 0]])


def test_an_example_is_the_signal_of_the_turned_cell():
    """The cell is turned and measured anew, with all its modes: only the basis is cut in the example."""
    geometry, operators = draw("bent tube", GRID, 100), assemble(GRID)
    blocks = pgse((10, 60), b_ms_per_um2=(2,), directions=2)
    signals, membranes = examples_of(geometry, operators, blocks, modes=240, steps=16)
    centres = GRID.centres_um
    for row in (5, 17):
        turn = rotations()[row]
        place = {tuple(one): number for number, one in enumerate(centres.round(3).tolist())}
        images = [place[tuple(one)] for one in ((centres @ turn.T).round(3) + 0.0).tolist()]
        labels = np.zeros_like(geometry.labels)
        labels[images] = geometry.labels
        turned = from_labels("turned", GRID, labels)
        np.testing.assert_array_equal(membranes[row], turned.membrane)
        np.testing.assert_allclose(signals[row], acquire(turned, blocks, operators=operators), atol=5e-4)
    assert np.ptp(signals, 0).max() > 0.01


def test_examples_are_kept_and_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(face_training, "CHUNK", 1)
    monkeypatch.setattr(face_training, "draw_two", lambda grid, seed: draw("tube", grid, seed))
    setting = {"cells": 3, "modes": 20, "steps": 2, "workers": 1}
    first, truth = simulate(2, BLOCKS, tmp_path / "a", 100, **setting)
    assert first.shape == (48, 8) and truth.shape == (48, len(GRID.faces))
    assert set(truth.unique().tolist()) == {0.0, 1.0}
    simulate(1, BLOCKS, tmp_path / "b", 100, **setting)
    begun = {path: path.stat().st_mtime_ns for path in (tmp_path / "b").rglob("*.npz")}
    again, _ = simulate(2, BLOCKS, tmp_path / "b", 100, **setting)
    torch.testing.assert_close(again, first, rtol=0, atol=0)
    assert len(begun) == 1 and all(path.stat().st_mtime_ns == time for path, time in begun.items())
