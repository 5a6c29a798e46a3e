"""Membranes face by face: the permeability of every face, by Adam, as in the original.

    log10 kappa = -2 + 4 sigmoid(v)   [um/ms]
    loss = 100 mean((S - measured)^2) + w_c continuity + w_m manifold

The learning rate warms up and falls along a cosine in each stage. Stages use timings in turn, the longest
mixing time first, or all timings at once (`joint`). The slow modes are those of an earlier iterate and are
refreshed every ten iterations; in between, their basis is frozen.

Source: Spinverse, arXiv 2603.04638, and its settings.
"""

from dataclasses import dataclass

import numpy as np
import torch

from dime.diffusion.basis import reduce, slow_modes
from dime.diffusion.fit import CLOSED_UM_PER_MS, Fit, chi
from dime.diffusion.geometries import compartments
from dime.diffusion.gradient import Signal
from dime.diffusion.priors import continuity, edges_of, manifold
from dime.diffusion.pulses import prepare, signal
from dime.diffusion.sequence import measurements

LOW, HIGH = -2.0, 2.0
"""log10 of the least and the largest kappa [um/ms]. Source: settings (1e-5 to 1e-1 um/us)."""

MISFIT_WEIGHT = 100.0

LEARNING_RATE, LAST_RATE = 0.6, 0.1
"""Peak of a stage's learning rate, and the share of it at the stage's end. Source: settings."""

WARM_UP = 0.25
"""Share of a stage in which the learning rate rises. Source: settings (50 of 200 iterations)."""

LARGEST_GRADIENT = 1.0
"""Norm to which gradients are clipped. Source: settings."""

START_SPREAD = 0.1
"""Standard deviation of v at the start.

Assumption: the original starts from 0. A symmetric start stays symmetric, as the signal is blind to mirror
images; a small random one chooses between them."""


@dataclass(frozen=True)
class Settings:
    """How faces are estimated.

    iterations : int, of all stages together, in equal parts
    stages : tuple of tuples of int, or None
        Blocks that each stage uses. Default: one block a stage, the longest mixing time first, as in the
        original. For a joint schedule, see `joint`.
    continuity, manifold : float
        Weights of the priors; that of the manifold rises from 0 at the start to its value at the end.
    modes : tuple of int, or None
        Number of slow modes in each stage; default: `modes_for` the stage's blocks.
    steps : int, of each gradient
    refresh : int, iterations that share a basis
    seed : int, of the start

    Assumption: the manifold's weight rises linearly over all iterations; 8 steps, whose error of S at 60
    modes is below that of the basis.
    """

    iterations: int = 400
    stages: tuple | None = None
    continuity: float = 2.0
    manifold: float = 2.0
    modes: tuple | None = None
    steps: int = 8
    refresh: int = 10
    seed: int = 0


def joint(blocks, cycles=2):
    """Stages that use all blocks in every iteration, with as many cycles of the learning rate."""
    return (tuple(range(len(blocks))),) * cycles


def modes_for(blocks):
    """Slow modes that the shortest mixing time among blocks needs.

    Source: errors of S below 0.002 near a true geometry, notebooks/diffusion/01-solver.ipynb.
    """
    mixing_ms = min(block.separation_ms - block.duration_ms for block in blocks)
    return 60 if mixing_ms >= 30 else 120 if mixing_ms >= 5 else 300


def estimate(operators, blocks, measured, noise, settings=None, *, state=None, on_step=None):
    """Estimate the permeability of every face from a signal.

    Parameters
    ----------
    operators : Operators
    blocks : tuple of Block
    measured : (measurement,) array
        Signals over the signal without gradients.
    noise : float
        Standard deviation of the noise, for chi alone: the loss does not depend on it.
    settings : Settings, optional
    state : dict, optional
        From `on_step`, to go on from: the result is that of a run which was not interrupted.
    on_step : callable, optional
        Called with the state, plain arrays and numbers, before every refresh of the basis and at the end:
        `iteration`, `parameters` v, Adam's `first` and `second` moments, `modes` and `trace`.

    Returns
    -------
    Fit
        `membrane` where kappa < 1 um/ms; `labels` is None.

    Raises
    ------
    ValueError
        Another number of signals than of measurements, signals that are not finite, or stages that name no
        block.

    Assumption: the outside reflects, and faces on it have no permeability to be estimated. The surface is
    closed by the outer faces of every compartment but the largest.
    """
    settings = settings or Settings()
    measured = torch.as_tensor(np.asarray(measured, float))
    if measured.shape != (measurements(blocks),) or not measured.isfinite().all():
        raise ValueError(
            f"signal: expected {measurements(blocks)} finite numbers, found shape {tuple(measured.shape)}"
        )
    stages = _stages(blocks, settings)
    state = dict(state) if state else _start(operators, settings)
    edges, parts = edges_of(operators.grid), measured.split([block.size for block in blocks])
    v = torch.tensor(state["parameters"], requires_grad=True)
    optimiser = torch.optim.Adam([v])
    optimiser.state[v] = {
        "step": torch.tensor(float(state["iteration"])),
        "exp_avg": torch.tensor(state["first"]),
        "exp_avg_sq": torch.tensor(state["second"]),
    }
    trace, modes, reduced = list(state["trace"]), state["modes"], None

    def report(iteration):
        if on_step:
            moments = (optimiser.state[v][name].numpy().copy() for name in ("exp_avg", "exp_avg_sq"))
            now = {"iteration": iteration, "parameters": v.detach().numpy().copy()}
            now |= dict(zip(("first", "second"), moments, strict=True))
            on_step(now | {"modes": modes, "trace": list(trace)})

    length = settings.iterations // len(stages)
    for iteration in range(state["iteration"], length * len(stages)):
        used, count = stages[iteration // length]
        fresh = iteration % settings.refresh == 0 or iteration % length == 0
        if fresh:
            report(iteration)
            modes = _refreshed(operators, permeability(v.detach().numpy()), count, modes)
        if fresh or reduced is None:
            reduced = reduce(operators, modes)
            prepared = prepare(reduced, [blocks[one] for one in used], settings.steps)
            wanted = torch.cat([parts[one] for one in used])
        optimiser.param_groups[0]["lr"] = learning_rate(iteration % length, length)
        optimiser.zero_grad()
        log10 = LOW + (HIGH - LOW) * torch.sigmoid(v)
        misfit = (Signal.apply(10**log10, reduced, prepared) - wanted).square().mean()
        weight = settings.manifold * iteration / max(settings.iterations - 1, 1)
        priors = continuity(edges, log10), manifold(edges, log10)
        loss = MISFIT_WEIGHT * misfit + settings.continuity * priors[0] + weight * priors[1]
        loss.backward()
        torch.nn.utils.clip_grad_norm_([v], LARGEST_GRADIENT)
        optimiser.step()
        row = {"iteration": iteration, "chi": misfit.item() ** 0.5 / noise, "loss": loss.item()}
        trace.append(row | {"continuity": priors[0].item(), "manifold": priors[1].item()})
    report(length * len(stages))
    kappa = permeability(v.detach().numpy())
    modes = _refreshed(operators, kappa, max(count for _, count in stages), modes)
    reduced = reduce(operators, modes)
    found = signal(reduced, kappa, prepare(reduced, blocks, settings.steps))
    membrane, outer = membranes(operators.grid, kappa)
    return Fit(kappa, membrane, outer, None, chi(found, measured, noise), trace, modes)


def permeability(v):
    """kappa (face,) [um/ms] of the unbounded parameters v (face,), an array."""
    return 10 ** (LOW + (HIGH - LOW) / (1 + np.exp(-v)))


def membranes(grid, permeability_um_per_ms):
    """Faces that count as membranes, and outer faces that close the cells.

    Parameters
    ----------
    grid : Grid
    permeability_um_per_ms : (face,) array

    Returns
    -------
    membrane : (face,) bool array, kappa < `CLOSED_UM_PER_MS`
    outer_membrane : (outer face,) bool array, outer faces of every compartment but the largest
    """
    membrane = np.asarray(permeability_um_per_ms) < CLOSED_UM_PER_MS
    return membrane, compartments(grid, membrane)[grid.outer_sides] > 0


def learning_rate(iteration, length):
    """Learning rate in a stage: a linear warm-up, then a cosine to `LAST_RATE` of the peak."""
    warm = max(round(WARM_UP * length), 1)
    if iteration < warm:
        return LEARNING_RATE * (iteration + 1) / warm
    share = (iteration - warm) / max(length - warm, 1)
    return LEARNING_RATE * (LAST_RATE + (1 - LAST_RATE) * (1 + np.cos(np.pi * share)) / 2)


def _stages(blocks, settings):
    """Blocks and number of modes of each stage."""
    mixing = [block.duration_ms - block.separation_ms for block in blocks]
    stages = settings.stages or tuple((int(one),) for one in np.argsort(mixing, kind="stable"))
    for one in stages:
        if not one or not set(one) <= set(range(len(blocks))):
            raise ValueError(f"stages: expected blocks 0 to {len(blocks) - 1} in each, found {one}")
    counts = settings.modes or [modes_for([blocks[i] for i in one]) for one in stages]
    return list(zip(stages, counts, strict=True))


def _start(operators, settings):
    """The state before the first iteration."""
    size = len(operators.grid.faces)
    v = START_SPREAD * np.random.default_rng([1, settings.seed]).standard_normal(size)
    state = {"iteration": 0, "parameters": v, "first": np.zeros(size), "second": np.zeros(size)}
    return state | {"modes": np.zeros((len(operators.start), 0)), "trace": []}


def _refreshed(operators, kappa, count, modes):
    """The slow modes of a permeability, from those of an earlier one where there are as many."""
    count = min(count, len(operators.start))
    guess = modes if modes.shape[1] == count else None
    return slow_modes(operators, kappa, count, guess)[1]
