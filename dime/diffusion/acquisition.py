"""Simulated measurements of a geometry, made more finely than any inversion computes them."""

import numpy as np
import torch

from dime.diffusion.basis import slow_basis
from dime.diffusion.operators import assemble
from dime.diffusion.pulses import prepare, signal

FINE_MODES, FINE_STEPS = 240, 48
"""Modes and steps of the data, so that no inversion fits its own errors.

Assumption: errors of the signal are then below a thousandth on the original's grid; those of fewer modes and
steps are in notebooks/diffusion/01-solver.ipynb."""


def acquire(geometry, blocks, noise=0.0, seed=0, operators=None, leak_um_per_ms=0.0):
    """Signals of a geometry over the signal without gradients, with noise.

    Parameters
    ----------
    geometry : Geometry
    blocks : tuple of Block
    noise : float
        Standard deviation, relative to the signal without gradients: 1 / SNR.
    seed : int
    operators : Operators, optional
        Of the geometry's grid, where they are at hand.
    leak_um_per_ms : float
        Permeability of the outside.

    Returns
    -------
    (measurement,) float64 array

    Assumption: noise is normal, because a symmetric echo is real after its phase is corrected; the magnitude
    alone would be Rician, which matters where S is below three times the noise.
    """
    operators = assemble(geometry.grid) if operators is None else operators
    kappa = geometry.permeability_um_per_ms
    count = min(FINE_MODES, len(operators.start))
    reduced = slow_basis(operators, kappa, count, leak_um_per_ms=leak_um_per_ms)
    clean = signal(reduced, torch.as_tensor(kappa), prepare(reduced, blocks, FINE_STEPS)).numpy()
    return clean + noise * np.random.default_rng(seed).standard_normal(clean.shape)
