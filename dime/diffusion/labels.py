"""Estimate a label for every tetrahedron, and with it membranes that are closed by construction.

A membrane is where labels are unlike, so that no edge is open; a sheet that ends inside cannot be said this
way. Beside the labels there are two permeabilities, of membranes and of all other faces. The search starts
from a shape of a dictionary whose signal is near, anneals, and polishes (`dime.diffusion.search`).

Softening the contrast between the two permeabilities, so that labels become a smooth problem, does not help:
the optimum of the softened problem lies elsewhere (notebooks/diffusion/05-what-can-be-seen.ipynb).
"""

from typing import NamedTuple

import numpy as np

from dime.diffusion import search
from dime.diffusion.dictionary import build
from dime.diffusion.fit import Fit, chi
from dime.diffusion.flips import faces_of, permeability_of
from dime.diffusion.geometries import from_labels
from dime.diffusion.sequence import measurements

FIRST_REFITS = 5
"""Steps of the permeabilities before the first move, so that labels need not make up for them."""

ORIGINAL_SIZE = 576
"""Tetrahedra of the original's grid."""

MOST_TRIALS = 4
"""How many times the trials a small grid gets at most."""


class Settings(NamedTuple):
    """How the search goes.

    permeabilities_um_per_ms : where both permeabilities start. Assumption: a factor of three from the
        original's, towards each other, so that the truth of a simulation is not given away.
    shapes : int, of the dictionary
    iterations : int, steps of annealing
    hot : float, first temperature over chi^2 a measurement at the start
    cold : float, last temperature; 1 is that of the noise
    price : float, chi^2 that a face of membrane costs. Assumption: little beside chi^2, so that of surfaces
        that fit alike the smoother one is taken.
    most : int, tetrahedra of the first proposal
    polishing : int, rounds at most
    trials : int, states that a round computes in full on the original's grid; more on a smaller one
    refit : int, iterations between two fits of the permeabilities
    modes, steps : int, of the forward model
    """

    permeabilities_um_per_ms: tuple = (0.03, 30.0)
    shapes: int = 200
    iterations: int = 60
    hot: float = 0.3
    cold: float = 0.5
    price: float = 0.5
    most: int = 8
    polishing: int = 12
    trials: int = 40
    refit: int = 5
    modes: int = 75
    steps: int = 16


def estimate(
    operators,
    blocks,
    measured,
    noise,
    settings=Settings(),  # noqa: B008 - a tuple does not change
    *,
    seed=0,
    rank=None,
    dictionary=None,
    state=None,
    on_step=None,
):
    """Labels whose signal fits what was measured.

    Parameters
    ----------
    operators : Operators
    blocks : tuple of Block
    measured : (measurement,) array, relative to the signal without gradients
    noise : float, its standard deviation
    settings : Settings
    seed : int
        Of the annealing.
    rank : int, optional
        0 starts from the shape of the nearest signal, 1 from the second nearest and so on; default: the seed.
    dictionary : Dictionary, optional
        Of the same grid and sequence, see `dictionary_for`; else it is built, which takes minutes.
    state : dict, optional
        Where to go on, as given to `on_step`.
    on_step : callable, optional
        Called after every iteration with all that is needed to go on: dict of arrays, numbers and lists.

    Returns
    -------
    Fit
        The best state that the search met. `trace` has `iteration`, `objective`, `chi`, `faces`, `closed` and
        `open` [um/ms].

    Raises
    ------
    ValueError
        Measurements of another number than the sequence has.
    """
    measured = np.asarray(measured, float)
    if measured.shape != (measurements(blocks),):
        raise ValueError(
            f"measured: expected {measurements(blocks)} signals, as many as the sequence has, "
            f"found shape {measured.shape}"
        )
    modes = min(settings.modes, len(operators.start))
    faces = faces_of(operators.grid)
    problem = search.Problem(
        operators, tuple(blocks), measured, noise, faces, settings.price, modes, settings.steps
    )
    if state is None:
        found = dictionary or dictionary_for(operators, blocks, settings)
        distance = ((found.signals - measured) ** 2).sum(1)
        place = (seed if rank is None else rank) % len(distance)
        labels = found.labels[np.argsort(distance, kind="stable")[place]].astype(int)
        state = {
            "iteration": 0,
            "labels": labels,
            "best": labels,
            "permeabilities": settings.permeabilities_um_per_ms,
            "best_permeabilities": settings.permeabilities_um_per_ms,
            "best_objective": np.inf,
            "most": settings.most,
            "trace": [],
            "done": False,
        }
    state = dict(state)
    labels, kept = np.asarray(state["labels"]), state.get("modes")
    now = search.evaluate(problem, labels, state["permeabilities"], modes=kept)
    if "hot" not in state:
        for _ in range(FIRST_REFITS):
            now = search.refit(problem, now)
        state["hot"] = max(settings.hot * chi(now.signal, measured, noise) ** 2, settings.cold)
    while not state["done"] and state["iteration"] < settings.iterations + settings.polishing:
        now = _step(problem, settings, state, now, seed)
        if on_step is not None:
            on_step(dict(state))
    last = search.evaluate(problem, np.asarray(state["best"]), state["best_permeabilities"])
    geometry = from_labels("found", operators.grid, last.labels)
    return Fit(
        permeability_of(operators.grid, last.labels, last.permeabilities),
        geometry.membrane,
        geometry.outer_membrane,
        last.labels,
        chi(last.signal, measured, noise),
        state["trace"],
        last.reduced.basis,
    )


def dictionary_for(operators, blocks, settings=Settings()):  # noqa: B008
    """The shapes that a search with these settings starts from."""
    modes = min(settings.modes, len(operators.start))
    return build(operators, blocks, settings.shapes, settings.permeabilities_um_per_ms, modes, settings.steps)


def _step(problem, settings, state, now, seed):
    """One iteration; writes the state and returns the labels' `search.State`."""
    iteration = state["iteration"]
    rng = np.random.default_rng([seed, iteration])
    if iteration % settings.refit == 0:
        now = search.refit(problem, now)
    if iteration < settings.iterations:
        share = iteration / max(settings.iterations - 1, 1)
        temperature = state["hot"] * (settings.cold / state["hot"]) ** share
        now, state["most"] = search.anneal(problem, now, temperature, state["most"], rng)
    else:
        if iteration == settings.iterations:
            now = search.evaluate(problem, np.asarray(state["best"]), state["best_permeabilities"])
        trials = settings.trials * min(max(1, ORIGINAL_SIZE // len(now.labels)), MOST_TRIALS)
        following = search.polish(problem, now, trials)
        state["done"] = following is None
        now = following or now
    if now.objective < state["best_objective"]:
        state |= {
            "best": now.labels,
            "best_permeabilities": now.permeabilities,
            "best_objective": now.objective,
        }
    state |= {
        "iteration": iteration + 1,
        "labels": now.labels,
        "permeabilities": now.permeabilities,
        "modes": now.reduced.basis,
        "trace": [*state["trace"], _told(problem, now, iteration)],
    }
    return now


def _told(problem, now, iteration):
    left, right = now.labels[problem.operators.grid.sides].T
    return {
        "iteration": iteration,
        "objective": now.objective,
        "chi": chi(now.signal, problem.measured, problem.noise),
        "faces": int((left != right).sum()),
        "closed": float(now.permeabilities[0]),
        "open": float(now.permeabilities[1]),
    }
