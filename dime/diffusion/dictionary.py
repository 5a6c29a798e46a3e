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

    Raises
    ------
    ValueError
        A mesh that holds none of the kinds.
    """
    kinds = [kind for kind in KINDS if _holds(operators.grid, kind)]
    if not kinds:
        extents = " x ".join(f"{one:.3g}" for one in np.ptp(operators.grid.points_um, 0))
        raise ValueError(
            "mesh: expected one about as long as wide and with tens of tetrahedra, so that it holds a "
            f"{', '.join(KINDS)}, found {extents} um of {len(operators.grid.tetrahedra)} tetrahedra"
        )
    labels, signals = [], []
    for number in range(count):
        geometry = draw(kinds[number % len(kinds)], operators.grid, FIRST_SEED + number // len(kinds))
        kappa = np.where(geometry.membrane, *permeabilities_um_per_ms)
        reduced = slow_basis(operators, kappa, modes)
        labels.append(geometry.labels.astype(np.int8))
        signals.append(signal(reduced, torch.as_tensor(kappa), prepare(reduced, blocks, steps)).numpy())
    return Dictionary(np.stack(labels), np.stack(signals))


def _holds(grid, kind):
    """Whether a grid is fine and compact enough for a kind of shape."""
    try:
        draw(kind, grid, FIRST_SEED)
    except ValueError:
        return False
    return True
