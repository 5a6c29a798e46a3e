"""Signal of a long gradient and a short one of equal and opposite area, which has a phase.

    S = b^H e^{-H gap} a / volume,
    a = e^{-d_L (H + i q/d_L J_g)} start,   b = e^{-d_S (H + i q/d_S J_g)} start

The long gradient marks each spin by the mean of its places, the short one by one place, so that the signal
is no longer the same for a shape and its mirror image through a point: that one's signal is the conjugate.
A shape that is its own mirror image has a real signal. Propagation and derivative are those of
`dime.diffusion.pulses`, once for each of the two gradients.

Source: Laun et al., Phys. Rev. Lett. 107 (2011), 048102, for long-narrow gradients.
"""

from typing import NamedTuple

import numpy as np
import torch

from dime.diffusion.basis import reduce, slow_modes
from dime.diffusion.gradient import by_face
from dime.diffusion.pulses import (
    after_gradient,
    gradient,
    gradient_cotangent,
    outer,
    places_along,
    spectrum,
)
from dime.diffusion.sequence import fibonacci

LONG_MS, NARROW_MS = 60.0, 3.0
"""Durations of the two gradients. Assumption: 60 ms is the longest separation of the original's timings."""

AREAS_RAD_PER_UM = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Areas of each gradient: 1 rad/um turns the phase once in 6 um, a quarter of the grid's side."""

LONG_STEPS, NARROW_STEPS = 48, 12
"""Steps of the two gradients. Errors of S: see notebooks/diffusion/05-what-can-be-seen.ipynb."""


class LongNarrow(NamedTuple):
    """Echoes of one long and one short gradient: every direction with every area.

    long_ms, narrow_ms : float, durations of the first and the second gradient
    gap_ms : float, time between them
    areas_rad_per_um : (area,) array, strength times duration of each
    directions : (direction, 3) unit vectors
    """

    long_ms: float
    narrow_ms: float
    gap_ms: float
    areas_rad_per_um: np.ndarray
    directions: np.ndarray

    @property
    def size(self):
        """Number of complex measurements."""
        return len(self.areas_rad_per_um) * len(self.directions)


def long_narrow(areas_rad_per_um=AREAS_RAD_PER_UM, directions=30, long_ms=LONG_MS, narrow_ms=NARROW_MS):
    """Long-narrow gradients that follow each other without a gap.

    Parameters
    ----------
    areas_rad_per_um : sequence of float [rad/um]
    directions : int, that many of `dime.diffusion.sequence.fibonacci`
    long_ms, narrow_ms : float

    Returns
    -------
    LongNarrow

    Raises
    ------
    ValueError
        A duration that is not positive, or an area that is not a finite number.
    """
    areas = np.asarray(areas_rad_per_um, float)
    if not (long_ms > 0 and narrow_ms > 0):
        raise ValueError(f"long_ms, narrow_ms: expected positive, found {long_ms}, {narrow_ms}")
    if areas.ndim != 1 or not len(areas) or not np.isfinite(areas).all():
        raise ValueError(f"areas_rad_per_um: expected finite numbers, found {areas_rad_per_um}")
    return LongNarrow(float(long_ms), float(narrow_ms), 0.0, areas, fibonacci(directions))


def prepare(reduced, block, long_steps=LONG_STEPS, narrow_steps=NARROW_STEPS):
    """Both gradients of a LongNarrow in a basis: a pair of Pulses, for any permeability."""
    places = places_along(reduced, block.directions)
    areas, gap = block.areas_rad_per_um, block.gap_ms
    return tuple(
        gradient(places, areas / duration, duration, gap, steps)
        for duration, steps in ((block.long_ms, long_steps), (block.narrow_ms, narrow_steps))
    )


def signal(reduced, permeability, prepared):
    """Complex signals over the signal without gradients.

    Parameters
    ----------
    reduced : Reduced
    permeability : (face,) array or tensor [um/ms]
    prepared : pair of Pulses, from `prepare` with the same basis

    Returns
    -------
    (measurement,) complex128 tensor, in the order direction, area
    """
    spectral = spectrum(reduced, torch.as_tensor(permeability))
    ends = [after_gradient(reduced, spectral, pulses).end for pulses in prepared]
    return _joined(reduced, spectral, prepared[0].mixing_ms, *ends).flatten()


def jacobian(reduced, permeability, prepared):
    """Complex signals and their full derivative by the adjoint, the basis held fixed.

    With L = Re(conj(w) S), w = 1 for the real part of S and w = i for the imaginary one,

        dL = Re((w E b)^H da) + Re((conj(w) E a)^H db) + Re((w b)^H dE a),   E = e^{-H gap}

    Parameters
    ----------
    reduced : Reduced
    permeability : (face,) tensor [um/ms]
    prepared : pair of Pulses

    Returns
    -------
    signal : (measurement,); derivative : (measurement, face) [ms/um], complex128 tensors
    """
    spectral = spectrum(reduced, torch.as_tensor(permeability))
    first, second = (after_gradient(reduced, spectral, pulses) for pulses in prepared)
    gap_ms = prepared[0].mixing_ms
    decay = torch.exp(-gap_ms * spectral.rates)[:, None] / reduced.volume_um3
    rows = reduced.rows @ spectral.turn
    parts = []
    for weight in (1.0, 1j):
        pulls = weight * decay * second.end, np.conj(weight) * decay * first.end
        total = sum(
            gradient_cotangent(reduced, spectral, pulses, echo, pull, each=True)
            for pulses, echo, pull in zip(prepared, (first, second), pulls, strict=True)
        )
        gap_sum = outer(weight / reduced.volume_um3 * second.end, first.end, each=True)
        total = (total + spectral.through_decay(gap_sum, gap_ms)).flatten(0, 1)
        parts.append(by_face(rows, (total + total.mT) / 2))
    return _joined(reduced, spectral, gap_ms, first.end, second.end).flatten(), torch.complex(*parts)


def truncation(
    operators, permeability_um_per_ms, block, counts, steps=((LONG_STEPS, NARROW_STEPS),), fine=400
):
    """Largest errors of the signal by the number of modes, and by the steps of the two gradients.

    Parameters
    ----------
    operators : Operators
    permeability_um_per_ms : (face,) array
    block : LongNarrow
    counts : sequence of int, numbers of modes
    steps : sequence of pairs of int
    fine : int
        Modes of the reference, whose gradients have 192 and 96 steps.

    Returns
    -------
    list of dict
        `modes` and `error`, with the reference's steps; then `steps` and `error`, with its modes.
    """
    most, kappa = (192, 96), np.asarray(permeability_um_per_ms)
    fine = min(fine, len(operators.start))
    modes = slow_modes(operators, kappa, fine)[1]

    def made(count, pair):
        reduced = reduce(operators, modes[:, :count])
        return signal(reduced, kappa, prepare(reduced, block, *pair))

    reference = made(fine, most)
    rows = [{"modes": one, "error": float((made(one, most) - reference).abs().max())} for one in counts]
    return rows + [
        {"steps": list(pair), "error": float((made(fine, pair) - reference).abs().max())} for pair in steps
    ]


def _joined(reduced, spectral, gap_ms, first, second):
    """b^H e^{-H gap} a / volume (direction, area) of the two ends in the eigenbasis of H."""
    decay = torch.exp(-gap_ms * spectral.rates)[:, None]
    return (second.conj() * decay * first).sum(1) / reduced.volume_um3
