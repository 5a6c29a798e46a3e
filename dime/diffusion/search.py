"""Search for labels whose signal fits: annealing by several tetrahedra at once, then polishing.

The objective is chi^2 + price * (faces of the membrane). A state knows the predicted change of the signal by
every move (`dime.diffusion.flips`), D, so that the objective of any set x of moves is predicted too,

    |r + D x|^2 + price * faces(x),   r = (S - measured) / noise

Gibbs' sampler draws sets from exp(-predicted / 2T), of tetrahedra that share no face. A set's signal is then
computed in full, and Metropolis' rule at the same temperature takes or refuses it.

Source: Geman and Geman, IEEE PAMI 6 (1984), 721-741, for the sampler; Zanella, J. Am. Stat. Assoc. 115
(2020), 852-865, for proposals that know the target.
Assumption: the asymmetry of the proposals is left out of Metropolis' rule, so that this is a search and no
sampler of a posterior.
"""

from typing import NamedTuple

import numpy as np
import torch

from dime.diffusion.basis import reduce, slow_modes
from dime.diffusion.flips import (
    boundary_moves,
    neighbours,
    permeability_of,
    predict,
    price_changes,
    sensitivities,
)
from dime.diffusion.operators import Operators
from dime.diffusion.pulses import prepare, signal, spectrum

SWEEPS = 3
"""Sweeps of Gibbs' sampler over all moves for one proposal."""

REFITTED = 3
"""States of a round of polishing that get their own permeabilities."""

SHARES = (1.0, 0.3, 0.1)
"""Shares of a step of the permeabilities that are tried."""

LIMITS_UM_PER_MS = np.array([[1e-3, 1.0], [1.0, 1e3]])
"""Least and largest permeability of a membrane and of an open face.

Assumption: a decade beyond the original's."""


class Problem(NamedTuple):
    """What is to be explained, and how finely.

    operators : Operators
    blocks : tuple of Block
    measured : (measurement,) array
    noise : float
    faces : (tetrahedron, 4) int, of `dime.diffusion.flips.faces_of`
    price : float, chi^2 that a face of membrane costs
    modes, steps : int
    """

    operators: Operators
    blocks: tuple
    measured: np.ndarray
    noise: float
    faces: np.ndarray
    price: float
    modes: int
    steps: int


class State(NamedTuple):
    """Labels, permeabilities (closed, open) [um/ms], and what follows from them."""

    labels: np.ndarray
    permeabilities: tuple
    reduced: object
    prepared: list
    signal: np.ndarray
    objective: float


class Outlook(NamedTuple):
    """Predictions at one state.

    moves : Moves
    change : (move, measurement), D, over the noise
    added : (move,) int, faces of membrane that each adds
    exclusive : (move, move) bool, which change the same tetrahedron or two that share a face
    """

    moves: object
    change: np.ndarray
    added: np.ndarray
    exclusive: np.ndarray


def evaluate(problem, labels, permeabilities, guess=None, modes=None):
    """The state of labels and permeabilities, with the best modes near a guess, or in given modes."""
    operators = problem.operators
    kappa = permeability_of(operators.grid, labels, permeabilities)
    if modes is None:
        modes = slow_modes(operators, kappa, problem.modes, guess)[1]
    reduced = reduce(operators, modes)
    prepared = prepare(reduced, problem.blocks, problem.steps)
    found = signal(reduced, torch.as_tensor(kappa), prepared).numpy()
    misfit = np.sum(((found - problem.measured) / problem.noise) ** 2)
    left, right = labels[operators.grid.sides].T
    objective = float(misfit + problem.price * (left != right).sum())
    return State(labels, tuple(permeabilities), reduced, prepared, found, objective)


def look(problem, state):
    """Predict what every move at a membrane does."""
    operators, grid = problem.operators, problem.operators.grid
    moves = boundary_moves(grid, state.labels)
    kappa = permeability_of(grid, state.labels, state.permeabilities)
    spectral = spectrum(state.reduced, torch.as_tensor(kappa))
    matrices = sensitivities(state.reduced, spectral, state.prepared)[1]
    change = predict(
        operators, problem.faces, state.reduced, spectral, matrices, state.labels, state.permeabilities, moves
    )
    added = price_changes(grid, problem.faces, state.labels, moves)
    one = moves.tetrahedron
    near = neighbours(grid, problem.faces)[one][:, :, None] == one
    near &= (problem.faces[one] >= 0)[:, :, None]
    return Outlook(moves, change / problem.noise, added, near.any(1) | (one[:, None] == one))


def propose(outlook, residual, price, temperature, most, rng):
    """Draw a set of moves from exp(-predicted objective / 2T): indices, at most `most`."""
    gram = outlook.change @ outlook.change.T
    cost = np.diag(gram)
    gain = 2 * outlook.change @ residual + cost + price * outlook.added  # of switching each on
    on = np.zeros(len(gain), bool)
    for one in rng.integers(len(gain), size=SWEEPS * len(gain)):
        if not on[one] and (on.sum() >= most or (outlook.exclusive[one] & on).any()):
            continue
        step = -gain[one] if on[one] else gain[one]
        if step <= 0 or rng.random() < np.exp(-step / (2 * temperature)):
            sign = -1 if on[one] else 1
            on[one] = not on[one]
            gain += 2 * sign * gram[one]
            gain[one] -= 2 * sign * cost[one]
    return np.flatnonzero(on)


def moved(problem, state, outlook, chosen):
    """The state after a set of moves, or None where no membrane would be left."""
    labels = state.labels.copy()
    labels[outlook.moves.tetrahedron[chosen]] = outlook.moves.label[chosen]
    if labels.min() == labels.max():
        return None
    return evaluate(problem, labels, state.permeabilities, state.reduced.basis)


def anneal(problem, state, temperature, most, rng, tries=3):
    """One step of annealing: up to `tries` proposals from one outlook, until one is taken.

    Returns
    -------
    state : State, the next; most : int, tetrahedra of the next proposal: one more, or fewer
    """
    outlook = look(problem, state)
    residual = (state.signal - problem.measured) / problem.noise
    for _ in range(tries):
        chosen = propose(outlook, residual, problem.price, temperature, most, rng)
        following = moved(problem, state, outlook, chosen) if len(chosen) else None
        if following is None:
            continue
        rise = following.objective - state.objective
        if rise <= 0 or rng.random() < np.exp(-rise / (2 * temperature)):
            return following, most + 1
        most = max(most - 1, 2)
    return state, most


def polish(problem, state, trials):
    """The best state one or two moves away, or None where none of the likely ones is better.

    The most promising moves are computed in full, then the most promising pairs by the sums of these. The
    best of either get their own permeabilities before they are compared: wrong labels hide behind wrong ones.
    """
    outlook = look(problem, state)
    residual = (state.signal - problem.measured) / problem.noise
    gain = 2 * outlook.change @ residual + (outlook.change**2).sum(1) + problem.price * outlook.added
    likely = np.argsort(gain, kind="stable")[: trials // 2]
    tried = [(one, moved(problem, state, outlook, [one])) for one in likely]
    tried = [(one, found) for one, found in tried if found is not None]
    best = _best(problem, [found for _, found in tried])
    if best is not None and best.objective < state.objective:
        return best
    change = np.array([found.signal - state.signal for _, found in tried]) / problem.noise
    alone = np.array([found.objective - state.objective for _, found in tried])
    which = np.array([one for one, _ in tried], int)
    pairs = alone[:, None] + alone + 2 * change @ change.T
    pairs[outlook.exclusive[np.ix_(which, which)]] = np.inf
    first, second = np.triu_indices(len(which), 1)
    order = np.argsort(pairs[first, second], kind="stable")[: trials // 2]
    order = order[np.isfinite(pairs[first, second][order])]
    found = [moved(problem, state, outlook, which[[first[one], second[one]]]) for one in order]
    best = _best(problem, [one for one in found if one is not None])
    return best if best is not None and best.objective < state.objective else None


def _best(problem, states):
    """The best of some states, of which the first few get their own permeabilities; None of none."""
    ranked = sorted(states, key=lambda one: one.objective)
    fitted = [refit(problem, refit(problem, one)) for one in ranked[:REFITTED]]
    return min(fitted, key=lambda one: one.objective, default=None)


def refit(problem, state):
    """One Gauss-Newton step of the logarithms of both permeabilities, shortened until the objective falls.

    dS/dlog kappa = kappa * tr(dS/dH V^T B^T B V), over the rows B of the faces with that permeability.
    """
    grid = problem.operators.grid
    kappa = torch.as_tensor(permeability_of(grid, state.labels, state.permeabilities))
    spectral = spectrum(state.reduced, kappa)
    matrices = sensitivities(state.reduced, spectral, state.prepared)[1]
    rows = (state.reduced.rows @ spectral.turn).unflatten(0, (-1, 3))
    left, right = state.labels[grid.sides].T
    columns = []
    for chosen, value in zip((left != right, left == right), state.permeabilities, strict=True):
        some = rows[torch.as_tensor(chosen)].flatten(0, 1)
        columns.append(value * (matrices * (some.T @ some)).sum((1, 2)).numpy() / problem.noise)
    design = np.stack(columns, 1)
    residual = (state.signal - problem.measured) / problem.noise
    step = -np.linalg.solve(design.T @ design + np.eye(2), design.T @ residual)
    for share in SHARES:
        following = np.array(state.permeabilities) * np.exp(share * np.clip(step, -1, 1))
        following = np.clip(following, *LIMITS_UM_PER_MS.T)
        found = evaluate(problem, state.labels, following, state.reduced.basis)
        if found.objective < state.objective:
            return found
    return state
