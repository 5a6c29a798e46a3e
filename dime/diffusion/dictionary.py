"""Shapes and their signals on one grid: where a search of labels starts."""

from typing import NamedTuple

import numpy as np
import torch

from dime.diffusion.basis import slow_basis
from dime.diffusion.geometries import KINDS, draw
from dime.diffusion.pulses import prepare, signal

FIRST_SEED = 10_000
"""Seeds of the dictionary's shapes: from here on. No geometry that is to be found may have one of them."""


class Dictionary(NamedTuple):
    """Shapes of one grid and their signals under one sequence.

    labels : (shape, tetrahedron) int8
    signals : (shape, measurement)
    """

    labels: np.ndarray
    signals: np.ndarray


def build(operators, blocks, count, permeabilities_um_per_ms, modes, steps):
    """Draw shapes of every kind in turn and compute their signals.

    Parameters
    ----------
    operators : Operators
    blocks : tuple of Block
    count : int
        Shapes.
    permeabilities_um_per_ms : pair of float
        Of membranes and of all other faces.
    modes, steps : int

    Returns
    -------
    Dictionary
    """
    labels, signals = [], []
    for number in range(count):
        kind, seed = KINDS[number % len(KINDS)], FIRST_SEED + number // len(KINDS)
        geometry = draw(kind, operators.grid, seed)
        kappa = np.where(geometry.membrane, *permeabilities_um_per_ms)
        reduced = slow_basis(operators, kappa, modes)
        labels.append(geometry.labels.astype(np.int8))
        signals.append(signal(reduced, torch.as_tensor(kappa), prepare(reduced, blocks, steps)).numpy())
    return Dictionary(np.stack(labels), np.stack(signals))
