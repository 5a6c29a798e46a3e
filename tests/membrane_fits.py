"""Fits of the diffusion wing that need no search: membranes at random, reached step by step."""

import numpy as np

from dime.diffusion import estimate
from dime.diffusion.basis import slow_modes
from dime.diffusion.fit import CLOSED_UM_PER_MS, Fit
from dime.diffusion.grid import lattice

GRID = lattice(2)

SEQUENCE = {
    "blocks": [{"duration_ms": 10, "separation_ms": 60, "b_ms_per_um2": [1, 3], "directions": 6}],
}

STEPS = 6


class Stopped(KeyboardInterrupt):
    """Ctrl-C at a step."""


def measured():
    """A signal (12,) on `GRID` that changes with b."""
    return np.tile([0.5, 0.2], 6)


def walk(operators, blocks, values, noise, seed, state, on_step, stop_at=None):
    """A fit with the interface of the wing's methods: every step multiplies kappa by random numbers.

    The state is a dict of arrays; `stop_at` interrupts at that step of a fit.
    """
    faces = len(operators.grid.faces)
    if state is None:
        state = {"iteration": 0, "log_kappa": np.zeros(faces), "chis": np.zeros(0)}
    log_kappa, chis = np.array(state["log_kappa"]), list(np.array(state["chis"]))
    for step in range(int(state["iteration"]), STEPS):
        if step == stop_at:
            raise Stopped
        log_kappa = log_kappa + np.random.default_rng([seed, step]).normal(size=faces)
        chis.append(1.0 + 1 / (1 + step) + seed)
        on_step({"iteration": step + 1, "log_kappa": log_kappa, "chis": np.array(chis)})
    kappa = np.exp(log_kappa)
    modes = slow_modes(operators, kappa, 40)[1]
    trace = [{"iteration": place, "chi": float(one)} for place, one in enumerate(chis)]
    outer = np.zeros(len(operators.grid.outer_faces), bool)
    return Fit(kappa, kappa < CLOSED_UM_PER_MS, outer, None, float(chis[-1]), trace, modes)


def walk_instead(monkeypatch):
    """Let `estimate` walk instead of search; returns a dict of the steps at which fits of a seed stop."""
    stop = {}

    def fit(method, operators, blocks, data, seed, number, kept, on_step):
        given = operators, blocks, data.signal, data.noise, seed + number
        return walk(*given, kept.state, on_step, stop.get(seed + number))

    monkeypatch.setattr(estimate, "_start", lambda *given: {})
    monkeypatch.setattr(estimate, "_fit", fit)
    monkeypatch.setattr(estimate, "SECONDS", 0.0)
    return stop
