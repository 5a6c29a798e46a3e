"""How much one tetrahedron on the wrong side of a membrane changes the signal, and where it is seen.

    change = |S(flipped) - S(true)|_2,   seen at 3 sigma where change > 3 noise

The change is that of a matched filter that knows which tetrahedron to ask for: no method can see more.
"""

import numpy as np

from dime.diffusion import pulses
from dime.diffusion.basis import reduce, slow_modes
from dime.diffusion.geometries import MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS
from dime.diffusion.operators import assemble

PLACES = ("interface", "inside", "outside")
"""Where a tetrahedron lies: at a membrane, or in the bulk of a cell or of what surrounds it."""

DETECTED = 3.0
"""Standard deviations of the noise from which on a change counts as seen."""


def places(geometry):
    """Where each tetrahedron lies.

    Parameters
    ----------
    geometry : Geometry

    Returns
    -------
    place : (tetrahedron,) str array of `PLACES`
    depth_um : (tetrahedron,) array
        Distance of its centre to the nearest centre of a membrane, positive in cells, negative outside [um].
    """
    grid, cells = geometry.grid, geometry.labels > 0
    walls = grid.points_um[grid.faces[geometry.membrane]].mean(1)
    distance = np.linalg.norm(grid.centres_um[:, None] - walls, axis=2).min(1)
    place = np.where(cells, "inside", "outside").astype("<U9")
    place[grid.sides[geometry.membrane].ravel()] = "interface"
    return place, np.where(cells, distance, -distance)


def sample(geometry, count):
    """Numbers of tetrahedra (count,) spread evenly over all depths, so that shares by place stay."""
    order = np.argsort(places(geometry)[1], kind="stable")
    return np.sort(order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)])


def changes(geometry, tetrahedra, blocks, modes=90, steps=pulses.STEPS, operators=None):
    """Change of the signal when a tetrahedron alone changes sides.

    Each of its faces that was a membrane no longer is one, and the others become membranes. The modes are
    computed anew for each, from those of the true geometry.

    Parameters
    ----------
    geometry : Geometry
    tetrahedra : sequence of int
    blocks : tuple of Block
    modes, steps : int
    operators : Operators, optional

    Returns
    -------
    (tetrahedron,) array
        |S(flipped) - S(true)|_2 over all measurements, relative to the signal without gradients.
    """
    operators = assemble(geometry.grid) if operators is None else operators
    count = min(modes, len(operators.start))

    def made(membrane, guess):
        kappa = np.where(membrane, MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS)
        found = slow_modes(operators, kappa, count, guess)[1]
        reduced = reduce(operators, found)
        return pulses.signal(reduced, kappa, pulses.prepare(reduced, blocks, steps)).numpy(), found

    truth, true_modes = made(geometry.membrane, None)
    own = [(geometry.grid.sides == one).any(1) for one in tetrahedra]
    return np.array([np.linalg.norm(made(geometry.membrane ^ one, true_modes)[0] - truth) for one in own])


def shares_seen(change, place, noises):
    """Share of flips seen at 3 sigma by place and noise.

    Parameters
    ----------
    change : (tetrahedron,) array, from `changes`
    place : (tetrahedron,) str array, from `places`
    noises : sequence of float

    Returns
    -------
    list of dict
        `place`, `count`, `median` change, `noise`, `seen`; a row also for "all" places.
    """
    rows = []
    for name in ("all", *PLACES):
        chosen = change if name == "all" else change[place == name]
        for noise in noises if len(chosen) else ():
            row = {"place": name, "count": len(chosen), "median": float(np.median(chosen))}
            rows.append(row | {"noise": float(noise), "seen": float((chosen > DETECTED * noise).mean())})
    return rows
