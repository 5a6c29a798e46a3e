"""What happens to the signal when one tetrahedron changes its label: all such moves at once.

A move changes the permeability of the four faces of a tetrahedron by decades, far beyond a derivative. The
change of the resolvent is known in closed form (Woodbury), and acts on the slow modes V like

    dH = V^T B^T T B V,   T = Delta (I + R Delta)^-1,   R = B (A + s)^-1 B^T,   Delta = diag(new - old kappa)

over the rows B of its faces, at a rate s below those of the signal. T is to a permeability's change what the
T-matrix of scattering theory is to a potential: all orders within the tetrahedron, none between two of them.
Then dS = sum_ij (dS/dH)_ij dH_ij. Where the tetrahedron lies at a membrane this predicts the change of the
signal to about a fifth; where it would become a pocket of its own it does not.

Source: Woodbury, Inverting modified matrices (1950); Taylor, Scattering theory (1972), for T.
Assumption: the use of both for diffusion between membranes is ours.
"""

from typing import NamedTuple

import numpy as np
import torch

from dime.diffusion.basis import shifted_inverse
from dime.diffusion.operators import coupled
from dime.diffusion.pulses import cotangent, propagate

RATE_PER_MS = 0.005
"""s [1/ms]. Assumption: below the rates of all timings; a tenth or ten times predict worse."""


AT_ONCE = 64
"""Right-hand sides solved together: more do not stay in the cache."""


class Moves(NamedTuple):
    """Changes of one tetrahedron each.

    tetrahedron, label : (move,) int, which one takes which label
    """

    tetrahedron: np.ndarray
    label: np.ndarray


def faces_of(grid):
    """The faces of each tetrahedron (tetrahedron, 4) int, -1 where it has one on the outside."""
    found = np.full((len(grid.tetrahedra), 4), -1)
    taken = np.zeros(len(grid.tetrahedra), int)
    for side in grid.sides.T:
        for face, one in enumerate(side):
            found[one, taken[one]] = face
            taken[one] += 1
    return found


def neighbours(grid, faces):
    """The tetrahedron behind each face of each tetrahedron (tetrahedron, 4) int; any where there is none."""
    sides = grid.sides[faces]
    return np.where(sides[..., 0] == np.arange(len(faces))[:, None], sides[..., 1], sides[..., 0])


def permeability_of(grid, labels, permeabilities):
    """kappa of each face (face,) [um/ms]: the first of two where labels are unlike, the second elsewhere."""
    left, right = labels[grid.sides].T
    return np.where(left != right, *permeabilities)


def boundary_moves(grid, labels):
    """Every tetrahedron at a membrane takes the label of each unlike neighbour: Moves, sorted."""
    left, right = grid.sides.T
    pairs = np.concatenate(
        [
            np.stack([left, labels[right]], 1),
            np.stack([right, labels[left]], 1),
        ]
    )
    pairs = np.unique(pairs[labels[pairs[:, 0]] != pairs[:, 1]], axis=0)
    return Moves(*pairs.T)


def sensitivities(reduced, spectral, prepared):
    """Signals (measurement,) and dS/dH of each (measurement, K, K), in the eigenbasis of H."""
    signals, matrices = [], []
    for pulses in prepared:
        one, echo = propagate(reduced, spectral, pulses)
        signals.append(one.flatten())
        matrices.append(cotangent(reduced, spectral, pulses, echo, None).flatten(0, 1))
    return torch.cat(signals), torch.cat(matrices)


def price_changes(grid, faces, labels, moves):
    """Change of the number of membrane faces by each move (move,) int."""
    return (_unlike(grid, faces, labels, moves, moves.label) - _unlike(grid, faces, labels, moves)).sum(1)


def predict(operators, faces, reduced, spectral, matrices, labels, permeabilities, moves):
    """Predicted change of every signal by each move.

    Parameters
    ----------
    operators : Operators
    faces : (tetrahedron, 4) int, of `faces_of`
    reduced : Reduced, whose basis are the slow modes of these labels
    spectral, matrices : Spectrum of H, and dS/dH from `sensitivities`
    labels : (tetrahedron,) int
    permeabilities : pair of float
        kappa between unlike and between like labels [um/ms].
    moves : Moves

    Returns
    -------
    (move, measurement) array
    """
    touched = faces[moves.tetrahedron]
    inner = touched >= 0
    used, place = np.unique(np.where(inner, touched, touched.max()), return_inverse=True)
    place = place.reshape(touched.shape)
    before, after = (_unlike(operators.grid, faces, labels, moves, taken) for taken in (None, moves.label))
    closed, opened = permeabilities
    change = (after - before) * (closed - opened)
    rows = operators.rows[(3 * used[:, None] + np.arange(3)).ravel()]
    matrix = coupled(operators, permeability_of(operators.grid, labels, permeabilities))
    inverse, columns = shifted_inverse(matrix, RATE_PER_MS), rows.T.tocsc()
    resolvent = np.hstack(
        [
            rows @ inverse.solve(columns[:, first : first + AT_ONCE].toarray(order="F"))
            for first in range(0, len(used) * 3, AT_ONCE)
        ]
    )
    corner = (3 * place[:, :, None] + np.arange(3)).reshape(len(place), 12)
    local = resolvent[corner[:, :, None], corner[:, None, :]]
    delta = np.repeat(change, 3, axis=1)
    scattering = delta[:, :, None] * np.linalg.inv(np.eye(12) + local * delta[:, None, :])
    slow = (torch.as_tensor(rows @ reduced.basis) @ spectral.turn)[corner]
    changed = slow.mT @ (torch.as_tensor(scattering) @ slow)  # dH of each move
    return (changed.flatten(1) @ matrices.flatten(1).T).numpy()


def _unlike(grid, faces, labels, moves, taken=None):
    """Which faces of the moves' tetrahedra are membranes (move, 4) int, by the labels there are or taken."""
    touched = faces[moves.tetrahedron]
    own = labels[moves.tetrahedron] if taken is None else taken
    return ((labels[neighbours(grid, faces)[moves.tetrahedron]] != own[:, None]) & (touched >= 0)).astype(int)
