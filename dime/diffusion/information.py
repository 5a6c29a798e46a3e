"""What a protocol can tell of membranes: how many combinations of permeabilities rise above the noise.

    rank = number of singular values of dS/dlog10(kappa) above the noise's standard deviation

A combination with singular value s, changed by one decade, changes the signal by s; below the noise it is
not seen. The count is local: it holds near one permeability, binds every method that follows a gradient, and
does not prove that no other membranes far away explain the signal.
"""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from dime.diffusion import asymmetric, gradient, pulses
from dime.diffusion.asymmetric import LongNarrow, long_narrow
from dime.diffusion.basis import slow_basis
from dime.diffusion.fit import chi
from dime.diffusion.geometries import MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS
from dime.diffusion.operators import assemble
from dime.diffusion.sequence import fibonacci, pgse

NOISE = (1e-2, 3e-3, 1e-3, 1e-4)
"""Standard deviations of the noise over the signal without gradients: 1 / SNR."""

STATES = {"true": (MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS), "soft": (0.3, 5.0), "uniform": (1.0, 1.0)}
"""Permeability of membranes and of all other faces [um/ms] about which a rank is counted.

Assumption: an estimate starts near "uniform" and ends near "true"."""

B_TO_20 = (4.0, 8.0, 12.0, 16.0, 20.0)
"""As many b-values as the original's, to 20 ms/um^2."""

TIMES_MS = (20.0, 60.0, 100.0, 200.0)
"""Separations of a protocol of several diffusion times, all with gradients of 10 ms."""


def parts(directions=30):
    """The parts that protocols consist of: name -> Block or LongNarrow, each measured by `directions`.

    The second set of directions of a timing is the first, turned by 120 degrees about the z axis, where the
    two lie furthest apart.

    Returns
    -------
    dict
    """
    vectors = fibonacci(directions)
    turned = Rotation.from_euler("z", 120, degrees=True).apply(vectors)
    found = {f"10/{time:.0f}": pgse((10, time), directions=vectors)[0] for time in TIMES_MS}
    found["5/6"] = pgse((5, 6), directions=vectors)[0]
    for time in (60, 20):
        found[f"10/{time}, b to 20"] = pgse((10, time), b_ms_per_um2=B_TO_20, directions=vectors)[0]
        found[f"10/{time}, turned"] = pgse((10, time), directions=turned)[0]
    return found | {"long-narrow": long_narrow(directions=directions)}


PROTOCOLS = {
    "10/60": ("10/60",),
    "10/60 + 10/20": ("10/60", "10/20"),
    "+ 5/6": ("10/60", "10/20", "5/6"),
    "b to 20": ("10/60, b to 20", "10/20, b to 20"),
    "60 directions": ("10/60", "10/60, turned", "10/20", "10/20, turned"),
    "4 diffusion times": tuple(f"10/{time:.0f}" for time in TIMES_MS),
    "long-narrow alone": ("long-narrow",),
    "+ long-narrow": ("10/60", "10/20", "long-narrow"),
}
"""Protocol -> names of its `parts`. A "+" adds to 10/60 + 10/20."""


def permeability(geometry, state):
    """kappa of each face (face,) [um/ms] of a geometry in one of `STATES`."""
    closed, opened = STATES[state]
    return np.where(geometry.membrane, closed, opened)


def sensitivity(reduced, permeability_um_per_ms, block, steps=pulses.STEPS):
    """dS/dlog10(kappa) of one block (measurement, face).

    Parameters
    ----------
    reduced : Reduced
    permeability_um_per_ms : (face,) array
    block : Block or LongNarrow
        The latter's complex signals count as two measurements each: real parts first, then imaginary ones.
    steps : int
        Of a gradient of a Block; LongNarrow has its own.

    Returns
    -------
    float64 array
    """
    kappa = torch.as_tensor(permeability_um_per_ms)
    if isinstance(block, LongNarrow):
        found = asymmetric.jacobian(reduced, kappa, asymmetric.prepare(reduced, block))[1].numpy()
        found = np.concatenate([found.real, found.imag])
    else:
        found = gradient.jacobian(reduced, kappa, pulses.prepare(reduced, [block], steps))[1].numpy()
    return found * np.log(10) * permeability_um_per_ms


def singular_values(geometry, states, protocols, blocks, modes=160):
    """Singular values of dS/dlog10(kappa) by state and protocol.

    Parameters
    ----------
    geometry : Geometry
    states : sequence of `STATES`
    protocols : dict of tuple of str
        Such as `PROTOCOLS`.
    blocks : dict
        Such as `parts()`.
    modes : int
        K.

    Returns
    -------
    dict of dict
        State -> protocol -> (values, number of measurements).
    """
    operators = assemble(geometry.grid)
    needed = {name for names in protocols.values() for name in names}
    values = {state: {} for state in states}
    for state in states:
        kappa = permeability(geometry, state)
        reduced = slow_basis(operators, kappa, min(modes, len(operators.start)))
        found = {name: sensitivity(reduced, kappa, blocks[name]) for name in needed}
        for protocol, names in protocols.items():
            stacked = np.concatenate([found[name] for name in names])
            values[state][protocol] = np.linalg.svd(stacked, compute_uv=False), len(stacked)
    return values


def rank_table(values, noises=NOISE):
    """Ranks by state, protocol and noise.

    Parameters
    ----------
    values : dict of dict
        From `singular_values`.
    noises : sequence of float

    Returns
    -------
    list of dict
        `state`, `protocol`, `noise`, `rank`, `measurements`.
    """
    return [
        {
            "state": state,
            "protocol": protocol,
            "noise": float(noise),
            "rank": int((found > noise).sum()),
            "measurements": count,
        }
        for state, protocols in values.items()
        for protocol, (found, count) in protocols.items()
        for noise in noises
    ]


def softened(geometry, blocks, exponents, noise, modes=120, steps=pulses.STEPS):
    """Misfit of the true membranes while the contrast of permeabilities is softened from its true value.

    Three ways: membranes 10^-c and all else 10^c um/ms, or only one of the two, the other as it truly is.
    The true contrast is c = 2. Each misfit is against the noise-free signal of the same modes and steps.

    Parameters
    ----------
    geometry : Geometry
    blocks : tuple of Block
    exponents : sequence of float
        c, at most 2.
    noise : float
    modes, steps : int

    Returns
    -------
    list of dict
        `exponent` and chi in `both`, `membranes` and `others`.
    """
    operators = assemble(geometry.grid)

    def made(closed, opened):
        kappa = np.where(geometry.membrane, closed, opened)
        reduced = slow_basis(operators, kappa, min(modes, len(operators.start)))
        return pulses.signal(reduced, kappa, pulses.prepare(reduced, blocks, steps)).numpy()

    truth = made(MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS)
    rows = []
    for exponent in exponents:
        closed, opened = 10.0**-exponent, 10.0**exponent
        pairs = {
            "both": (closed, opened),
            "membranes": (closed, OPEN_UM_PER_MS),
            "others": (MEMBRANE_UM_PER_MS, opened),
        }
        misfits = {name: chi(made(*pair), truth, noise) for name, pair in pairs.items()}
        rows.append({"exponent": float(exponent)} | misfits)
    return rows
