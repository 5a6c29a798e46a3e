"""What do few modes, few steps and a basis that is kept cost in accuracy, and save in time?

Errors of S are the largest over a block's measurements; errors of derivatives by log10 kappa are relative, in
the Frobenius norm. Used by the notebooks `01-solver` and `02-gradient`.
"""

import time

import numpy as np
import torch

from dime.diffusion.basis import reduce, slow_modes
from dime.diffusion.gradient import Signal, jacobian
from dime.diffusion.pulses import prepare, signal
from dime.diffusion.sequence import measurements
from dime.diffusion.verification import whole_signals


def name(block):
    """A block's timing in print: duration/separation [ms]."""
    return f"{block.duration_ms:g}/{block.separation_ms:g}"


def splitting_errors(operators, permeability_um_per_ms, blocks, steps, modes):
    """Errors of S by the number of steps of a gradient, against exponentials of whole gradients.

    Returns
    -------
    list of dict
        timing, steps, error
    """
    reduced = reduce(operators, slow_modes(operators, permeability_um_per_ms, modes)[1])
    rows = []
    for block in blocks:
        known = whole_signals(reduced, permeability_um_per_ms, [block])
        for count in steps:
            found = signal(reduced, permeability_um_per_ms, prepare(reduced, [block], count)).numpy()
            rows.append({"timing": name(block), "steps": count, "error": float(np.abs(found - known).max())})
    return rows


def basis_errors(operators, permeability_um_per_ms, blocks, modes, known_modes, steps, *, derivatives=True):
    """Errors of S and of its Jacobian by the number of modes, against those of `known_modes`.

    Parameters
    ----------
    derivatives : bool
        Whether to ask for the Jacobian, which takes most of the time.

    Returns
    -------
    list of dict
        timing, modes, signal_error, jacobian_error, and enough: lambda_K times the gradient's duration
    """
    rates, vectors = slow_modes(operators, permeability_um_per_ms, known_modes)
    permeability = torch.as_tensor(permeability_um_per_ms)

    def computed(count, block):
        reduced = reduce(operators, vectors[:, :count])
        prepared = prepare(reduced, [block], steps)
        if derivatives:
            return jacobian(reduced, permeability, prepared)
        return signal(reduced, permeability, prepared), None

    rows = []
    for block in blocks:
        known, known_derivative = computed(known_modes, block)
        for count in modes:
            found, derivative = computed(count, block)
            row = {"timing": name(block), "modes": count}
            row["enough"] = float(rates[count - 1] * block.duration_ms)
            row["signal_error"] = float((found - known).abs().max())
            if derivatives:
                row["jacobian_error"] = _relative(derivative * permeability, known_derivative * permeability)
            rows.append(row)
    return rows


def drift_errors(operators, permeability_um_per_ms, blocks, decades, modes, steps, seed=0):
    """Errors of S and of its Jacobian in a basis that is kept while every kappa moves away from it.

    Each log10 kappa moves by a normal number times the decades.

    Returns
    -------
    list of dict
        decades, timing, signal_error, jacobian_error: against the slow modes of the moved permeability
    """
    away = np.random.default_rng(seed).standard_normal(len(permeability_um_per_ms))
    kept = reduce(operators, slow_modes(operators, permeability_um_per_ms, modes)[1])
    rows = []
    for far in decades:
        moved = permeability_um_per_ms * 10 ** (far * away)
        permeability = torch.as_tensor(moved)
        own = reduce(operators, slow_modes(operators, moved, modes)[1])
        for block in blocks:
            one, other = (jacobian(r, permeability, prepare(r, [block], steps)) for r in (kept, own))
            row = {"decades": far, "timing": name(block)}
            row["signal_error"] = float((one[0] - other[0]).abs().max())
            row["jacobian_error"] = _relative(one[1] * permeability, other[1] * permeability)
            rows.append(row)
    return rows


def _relative(found, known):
    return float((found - known).norm() / known.norm())


def adjoint_error(operators, permeability_um_per_ms, blocks, steps, faces, step=1e-4, seed=0):
    """Relative error of the adjoint in all modes against central differences by log kappa.

    A weighted sum of the signals is differentiated; weights are drawn, and as many faces as are asked for.
    Each difference is made in modes of its own.
    """
    reduced = reduce(operators, slow_modes(operators, permeability_um_per_ms, len(operators.start))[1])
    prepared = prepare(reduced, blocks, steps)
    rng = np.random.default_rng(seed)
    weights = torch.as_tensor(rng.standard_normal(measurements(blocks)))
    chosen = rng.permutation(len(permeability_um_per_ms))[:faces]
    permeability = torch.as_tensor(permeability_um_per_ms).requires_grad_()
    (weights @ Signal.apply(permeability, reduced, prepared)).backward()
    differences = []
    for face in chosen:
        pair = []
        for sign in (1, -1):
            moved = permeability_um_per_ms.copy()
            moved[face] *= np.exp(sign * step)
            vectors = slow_modes(operators, moved, len(operators.start))[1]
            other = reduce(operators, vectors)
            pair.append(float(weights @ signal(other, moved, prepare(other, blocks, steps))))
        differences.append((pair[0] - pair[1]) / (2 * step))
    found = permeability.grad * permeability.detach()
    return _relative(found[chosen], torch.as_tensor(differences))


def seconds(operators, permeability_um_per_ms, blocks, modes, steps, repeats):
    """Time of the parts of an iteration, the median of the repeats.

    It is the processor's time of this process, so that other work on the machine counts little; on one thread
    of a quiet machine that is the time that passes.

    Returns
    -------
    dict
        tetrahedra, measurements, modes, and cold_s (slow modes from nothing), modes_s (from a guess, with its
        factorisation and the reduced equations), prepare_s, signal_s, gradient_s (with the signal) and
        jacobian_s (with the signal)
    """
    guess = slow_modes(operators, permeability_um_per_ms, modes)[1]
    moved = permeability_um_per_ms * 1.02
    permeability = torch.as_tensor(moved)
    reduced = reduce(operators, slow_modes(operators, moved, modes, guess)[1])
    prepared = prepare(reduced, blocks, steps)

    def gradient():
        leaf = permeability.clone().requires_grad_()
        Signal.apply(leaf, reduced, prepared).square().sum().backward()

    parts = {
        "cold_s": lambda: slow_modes(operators, permeability_um_per_ms, modes),
        "modes_s": lambda: reduce(operators, slow_modes(operators, moved, modes, guess)[1]),
        "prepare_s": lambda: prepare(reduced, blocks, steps),
        "signal_s": lambda: signal(reduced, permeability, prepared),
        "gradient_s": gradient,
        "jacobian_s": lambda: jacobian(reduced, permeability, prepared),
    }
    size = {
        "tetrahedra": len(operators.grid.tetrahedra),
        "measurements": measurements(blocks),
        "modes": modes,
    }
    return size | {part: _median(work, repeats) for part, work in parts.items()}


def _median(work, repeats):
    taken = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return float(np.median(taken))
