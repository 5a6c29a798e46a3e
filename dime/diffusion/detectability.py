"""Which changes of a geometry are seen in its signal: a wrong tetrahedron, an exchange, the mirror image.

    change = |S(changed) - S(true)|_2,   seen at 3 sigma where change > 3 noise

The change over the noise is that of a matched filter that knows what to ask for: no method can see more.
"""

import numpy as np

from dime.diffusion import asymmetric, pulses
from dime.diffusion.asymmetric import LongNarrow
from dime.diffusion.basis import reduce, slow_basis, slow_modes
from dime.diffusion.geometries import MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS
from dime.diffusion.operators import assemble
from dime.diffusion.shape_scores import mirror

PLACES = ("interface", "inside", "outside")
"""Where a tetrahedron lies: at a membrane, or in the bulk of a cell or of what surrounds it."""

SWEEPS = 4
"""Sweeps of warm modes. Two leave errors of 5 to 10 % in the change of the signal, four less than 1 %."""

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


def exchanges(geometry, count, seed=0):
    """Pairs (count, 2) of tetrahedra at membranes, one in a cell and one outside: the volume stays."""
    grid, cells = geometry.grid, geometry.labels > 0
    walls = np.unique(grid.sides[geometry.membrane])
    rng = np.random.default_rng(seed)
    return np.stack([rng.choice(walls[cells[walls] == side], count) for side in (True, False)], 1)


def changes(geometry, groups, blocks, modes=90, steps=pulses.STEPS, operators=None):
    """Change of the signal when tetrahedra change sides.

    A face with one of them on one side only that was a membrane no longer is one, or becomes one. The modes
    are computed anew for each group, from those of the true geometry.

    Parameters
    ----------
    geometry : Geometry
    groups : sequence of (tetrahedron,) int arrays
        Tetrahedra that change sides together; a number is a group of one.
    blocks : tuple of Block
    modes, steps : int
    operators : Operators, optional

    Returns
    -------
    (group,) array
        |S(changed) - S(true)|_2 over all measurements, relative to the signal without gradients.
    """
    operators = assemble(geometry.grid) if operators is None else operators
    count = min(modes, len(operators.start))

    def made(membrane, guess):
        kappa = np.where(membrane, MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS)
        found = slow_modes(operators, kappa, count, guess, SWEEPS)[1]
        reduced = reduce(operators, found)
        return pulses.signal(reduced, kappa, pulses.prepare(reduced, blocks, steps)).numpy(), found

    truth, true_modes = made(geometry.membrane, None)
    found = []
    for group in groups:
        turned = np.isin(geometry.grid.sides, group).sum(1) == 1
        found.append(np.linalg.norm(made(geometry.membrane ^ turned, true_modes)[0] - truth))
    return np.array(found)


def mirror_change(geometry, block, modes=160, operators=None):
    """Difference between the signals of a geometry and of its mirror image through the grid's middle.

    Parameters
    ----------
    geometry : Geometry
        On a grid that is its own mirror image.
    block : Block or LongNarrow
    modes : int
    operators : Operators, optional

    Returns
    -------
    dict
        `norm` |S - S_mirror|_2 and `largest` |S - S_mirror|, relative to the signal without gradients.

    Raises
    ------
    ValueError
        A grid that is not its own mirror image.
    """
    faces = mirror(geometry.grid)[0]
    if faces is None:
        raise ValueError("grid: expected one that is its own mirror image, found another")
    operators = assemble(geometry.grid) if operators is None else operators
    found = []
    for kappa in (geometry.permeability_um_per_ms, geometry.permeability_um_per_ms[faces]):
        reduced = slow_basis(operators, kappa, min(modes, len(operators.start)))
        if isinstance(block, LongNarrow):
            found.append(asymmetric.signal(reduced, kappa, asymmetric.prepare(reduced, block)).numpy())
        else:
            found.append(pulses.signal(reduced, kappa, pulses.prepare(reduced, [block])).numpy())
    difference = np.abs(found[0] - found[1])
    return {"norm": float(np.linalg.norm(difference)), "largest": float(difference.max())}


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
