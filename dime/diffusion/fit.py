"""What an estimate of membranes consists of."""

from typing import NamedTuple

import numpy as np

CLOSED_UM_PER_MS = 1.0
"""Permeability below which a face counts as a membrane. Source: the original's threshold (1e-3 um/us)."""


class Fit(NamedTuple):
    """Membranes that explain a signal.

    permeability_um_per_ms : (face,) array
    membrane : (face,) bool array
    outer_membrane : (outer face,) bool array, faces on the outside that close a cell
    labels : (tetrahedron,) int array, 0 outside the cells, or None where faces were estimated one by one
    chi : float, root mean square of (signal - measured) / noise
    trace : list of dict, one an iteration: at least `iteration` and `chi`
    modes : (N, K) array, the slow modes of the last state
    """

    permeability_um_per_ms: np.ndarray
    membrane: np.ndarray
    outer_membrane: np.ndarray
    labels: np.ndarray | None
    chi: float
    trace: list
    modes: np.ndarray


def chi(signal, measured, noise):
    """Root mean square misfit in units of the noise: sqrt(mean(((S - measured) / noise)^2))."""
    return float(np.sqrt(np.mean(((np.asarray(signal) - np.asarray(measured)) / noise) ** 2)))
