"""What one tetrahedron's change of label does to the signal: predictions beside signals computed anew."""

import numpy as np
import pytest
import torch

from dime.diffusion.basis import slow_basis
from dime.diffusion.flips import (
    Moves,
    boundary_moves,
    faces_of,
    neighbours,
    permeability_of,
    predict,
    price_changes,
    sensitivities,
)
from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.pulses import prepare, signal, spectrum
from dime.diffusion.sequence import pgse

BLOCKS = pgse((10, 20), (10, 60), b_ms_per_um2=(1, 5), directions=4)


def changes(grid, labels, permeabilities, moves, modes):
    """Predicted and true changes of the signal (move, measurement)."""
    operators = assemble(grid)

    def reduced_at(labels):
        kappa = permeability_of(grid, labels, permeabilities)
        reduced = slow_basis(operators, kappa, modes)
        return kappa, reduced, prepare(reduced, BLOCKS, 8)

    kappa, reduced, prepared = reduced_at(labels)
    spectral = spectrum(reduced, torch.as_tensor(kappa))
    now, matrices = sensitivities(reduced, spectral, prepared)
    faces = faces_of(grid)
    predicted = predict(operators, faces, reduced, spectral, matrices, labels, permeabilities, moves)
    true = []
    for one, label in zip(*moves, strict=True):
        after = labels.copy()
        after[one] = label
        kappa, reduced, prepared = reduced_at(after)
        true.append((signal(reduced, kappa, prepared) - now).numpy())
    return predicted, np.array(true)


def relative(predicted, true):
    return np.linalg.norm(predicted - true, axis=1) / np.linalg.norm(true, axis=1)


def test_a_small_contrast_is_predicted_to_first_order():
    """With all modes T tends to the change of kappa itself, and the prediction to the derivative."""
    grid = lattice(2)
    labels = draw("ball", grid, 100).labels
    moves = Moves(*(part[::4] for part in boundary_moves(grid, labels)))
    errors = [
        np.median(relative(*changes(grid, labels, (1.0, 1.0 + step), moves, 192))) for step in (0.1, 0.05)
    ]
    assert errors[0] < 0.1
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.2)


def test_a_move_of_a_membrane_is_predicted_at_the_full_contrast():
    grid = lattice(4)
    labels = draw("ball", grid, 100).labels
    moves = Moves(*(part[::15] for part in boundary_moves(grid, labels)))
    predicted, true = changes(grid, labels, (0.01, 100.0), moves, 90)
    assert np.median(relative(predicted, true)) < 0.3
    aligned = (predicted * true).sum(1) / np.linalg.norm(predicted, axis=1) / np.linalg.norm(true, axis=1)
    assert np.median(aligned) > 0.95


def test_faces_and_neighbours_name_each_other():
    grid = lattice(2)
    faces = faces_of(grid)
    assert (faces >= 0).sum() == 2 * len(grid.faces)
    near = neighbours(grid, faces)
    for one in range(len(faces)):
        for face, other in zip(faces[one], near[one], strict=True):
            assert face < 0 or sorted(grid.sides[face]) == sorted((one, other))


def test_moves_are_at_membranes_and_their_price_is_the_change_of_faces():
    grid = lattice(3)
    labels = draw("ring", grid, 100).labels
    moves = boundary_moves(grid, labels)
    at_membrane = np.unique(grid.sides[labels[grid.sides[:, 0]] != labels[grid.sides[:, 1]]])
    assert set(moves.tetrahedron) == set(at_membrane)
    added = price_changes(grid, faces_of(grid), labels, moves)
    for one, label, change in zip(*moves, added, strict=True):
        after = labels.copy()
        after[one] = label
        faces = [np.sum(some[grid.sides[:, 0]] != some[grid.sides[:, 1]]) for some in (labels, after)]
        assert faces[1] - faces[0] == change
