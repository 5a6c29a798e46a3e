"""Pulsed-gradient spin echoes: timings, directions and strengths of the gradient.

Units of this room: um, ms, and b in ms/um^2 (1 ms/um^2 = 1000 s/mm^2).
"""

from typing import NamedTuple

import numpy as np

DIFFUSIVITY_UM2_PER_MS = 2.0
"""Diffusivity of the water. Source: the original's settings (2e-3 um^2/us)."""

B_MS_PER_UM2 = (1.0, 2.0, 3.0, 4.0, 5.0)
"""b-values of the original, without b = 0, which only sets the scale."""

TIMINGS_MS = ((5.0, 6.0), (10.0, 20.0), (10.0, 60.0))
"""Duration and separation of the two gradients in the original's three timings."""


class Block(NamedTuple):
    """Echoes of one timing: every direction with every b-value.

    duration_ms : delta, of each gradient [ms]
    separation_ms : Delta, between the starts of the two gradients [ms], at least the duration
    b_ms_per_um2 : (b,) array [ms/um^2]
    directions : (direction, 3) unit vectors
    """

    duration_ms: float
    separation_ms: float
    b_ms_per_um2: np.ndarray
    directions: np.ndarray

    @property
    def strengths(self):
        """Gradient times gyromagnetic ratio for each b (b,) [rad/um/ms]: sqrt(b / (d^2 (D - d/3)))."""
        duration, separation = self.duration_ms, self.separation_ms
        return np.sqrt(self.b_ms_per_um2 / (duration**2 * (separation - duration / 3)))

    @property
    def size(self):
        """Number of measurements."""
        return len(self.b_ms_per_um2) * len(self.directions)


def fibonacci(count):
    """Directions on a Fibonacci sphere (count, 3), as in the original: nearly even, never antipodal pairs."""
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    return np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], 1)


def pgse(*timings_ms, b_ms_per_um2=B_MS_PER_UM2, directions=30):
    """Blocks of pulsed-gradient spin echoes.

    Parameters
    ----------
    timings_ms : pairs (duration, separation) [ms]
    b_ms_per_um2 : sequence of float [ms/um^2]
    directions : int or (direction, 3) array
        A number means that many of `fibonacci`; vectors are scaled to length 1.

    Returns
    -------
    tuple of Block

    Raises
    ------
    ValueError
        One line: a duration that is not positive, a separation below the duration, a negative b-value, a
        direction of no length.
    """
    vectors = fibonacci(directions) if np.ndim(directions) == 0 else np.asarray(directions, float)
    if vectors.ndim != 2 or vectors.shape[1:] != (3,) or not len(vectors):
        raise ValueError(f"directions: expected (direction, 3), found shape {vectors.shape}")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(length) & (length > 0)).all():
        raise ValueError("directions: expected vectors with a length, found one of 0 or not a number")
    b = np.asarray(b_ms_per_um2, float)
    if b.ndim != 1 or not len(b) or not (np.isfinite(b) & (b >= 0)).all():
        raise ValueError(f"b_ms_per_um2: expected numbers of at least 0, found {b_ms_per_um2}")
    for duration, separation in timings_ms:
        if not (np.isfinite([duration, separation]).all() and 0 < duration <= separation):
            raise ValueError(
                f"duration_ms, separation_ms: expected 0 < duration <= separation, found {duration}, "
                f"{separation}"
            )
    return tuple(Block(float(d), float(s), b, vectors / length) for d, s in timings_ms)


def measurements(blocks):
    """Number of measurements: the signal's order is block, direction, b-value."""
    return sum(block.size for block in blocks)
