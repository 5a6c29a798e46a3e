"""What makes membranes doubtful: input that says too little, nothing found, a poor fit, a small basis."""

from typing import NamedTuple

import numpy as np
import torch

from dime.diffusion.basis import ENOUGH, reduce
from dime.diffusion.fit import Fit, chi
from dime.diffusion.operators import coupled
from dime.diffusion.pulses import prepare, signal
from dime.diffusion.sequence_file import STRONG_MT_PER_M

POOR = 1.5
"""chi above which a warning says that the membranes do not explain the signal.

Assumption: with hundreds of measurements, noise alone stays below 1.1."""


class Examined(NamedTuple):
    """One fit, its signal (measurement,), and lambda_K [1/ms] of its basis, inf if that holds all modes."""

    fit: Fit
    signal: np.ndarray
    fastest_per_ms: float


def examined(fit, operators, blocks):
    """The signal of a fit, and the rate of its basis's fastest mode.

    Parameters
    ----------
    fit : Fit
    operators : Operators
    blocks : tuple of Block

    Returns
    -------
    Examined
    """
    kappa = fit.permeability_um_per_ms
    reduced = reduce(operators, fit.modes)
    fitted = signal(reduced, torch.as_tensor(kappa), prepare(reduced, blocks)).numpy()
    rates = np.linalg.eigvalsh(fit.modes.T @ (coupled(operators, kappa) @ fit.modes))
    return Examined(fit, fitted, rates[-1] if len(rates) < len(operators.start) else np.inf)


def of_input(data, sequence):
    """What of the input makes membranes doubtful.

    Parameters
    ----------
    data : Measured
    sequence : Sequence

    Returns
    -------
    list of str
        A noise that nothing says; gradients above `STRONG_MT_PER_M`.
    """
    doubts = []
    if data.noise_from == "assumed":
        doubts.append(f"no noise is stated and none is seen: {data.noise:g} of the signal at b = 0 is taken")
    if sequence.strongest_mt_per_m > STRONG_MT_PER_M:
        found = sequence.strongest_mt_per_m
        doubts.append(
            f"the sequence needs {found:.0f} mT/m, more than almost any scanner has: are units right?"
        )
    return doubts


def of_fit(best, blocks, data):
    """What of a fit makes its membranes doubtful.

    Parameters
    ----------
    best : Examined
    blocks : tuple of Block
    data : Measured

    Returns
    -------
    list of str
        No membrane; chi above `POOR`; lambda_K * duration of the shortest gradient below `ENOUGH`.
    """
    doubts, left = [], chi(best.signal, data.signal, data.noise)
    if not best.fit.membrane.any():
        doubts.append("no face is a membrane: nothing was found")
    if left > POOR:
        doubts.append(
            f"chi is {left:.2g}: the membranes do not explain the signal to within its noise; mesh, "
            "sequence, noise or water are other than stated, or the fit has not found them"
        )
    shortest = min(block.duration_ms for block in blocks)
    if best.fastest_per_ms * shortest < ENOUGH:
        doubts.append(
            f"the basis of {best.fit.modes.shape[1]} modes is small for gradients of {shortest:g} ms: "
            f"lambda_K * duration is {best.fastest_per_ms * shortest:.2g}, expected at least {ENOUGH:g}"
        )
    return doubts
