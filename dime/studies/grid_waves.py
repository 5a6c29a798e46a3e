"""Compute antiplane waves by finite volumes on a regular grid: a second solver beside the finite elements.

The grid does not follow the tissue. Its cells are squares, and those that the outline cuts count by the share
of their area and of their sides that lies inside. The solver has no mesh, element or quadrature in common
with `dime.fem`, only the routine for sparse linear systems.
"""

import numpy as np
from scipy.sparse import coo_matrix

from dime.fem.solvers import solve_sparse
from dime.physics import DENSITY_KG_M3

NEAREST = 1e-3
"""Smallest distance from a cell's centre to a driven outline that is told from 0 [cells]."""

SLIVER = 1e-6
"""Cells with a smaller share of tissue than this are left out."""


def grid_wave(level, modulus, drive, frequency_hz, x_m, y_m, *, absorbing=False):
    """Displacement of driven tissue in the cells of a regular grid.

    div(G* grad u) + rho omega^2 u = 0 inside the tissue, u = drive on the driven part of its outline, and on
    the rest G* du/dn = 0 (free) or G* du/dn = -i omega Z u, Z = sqrt(rho G*) (absorbing). Integrated over
    the part of cell P inside the tissue, with h the side of a cell,

        sum_Q a_PQ G_PQ (u_Q - u_P) + rho omega^2 h^2 v_P u_P
            = i omega Z h l_P u_P / (1 + i omega Z d_P / G_P).

    G_PQ is the harmonic mean of both cells, a_PQ the share of their common side inside, v_P the share of the
    cell, h l_P the length of the outline in it, and d_P the distance of its centre from the outline. Beside a
    driver whole cells count, and a neighbour across the outline gives G_PQ (drive - u_P) / theta, where
    theta h is the distance to the outline.

    The error is of order h^2 where G* is smooth, and of order h at sharp borders of the tissue and at the
    ends of drivers, which the grid renders as steps (`tests/studies/test_grid_waves.py`).

    Source: Ng, Min and Gibou 2009, J Comput Phys 228:8807 (cells cut by a free outline); Papac, Gibou and
    Ratsch 2010, J Comput Phys 229:875 (impedance); Gibou et al. 2002, J Comput Phys 176:205 (given values).

    Parameters
    ----------
    level : callable, (x, y) [m] -> real
        Negative inside the tissue, 0 on its outline, smooth near it.
    modulus : callable, (x, y) [m] -> complex G* [Pa], defined everywhere
    drive : callable, (x, y) [m] -> complex [m]
        Displacement of the outline, NaN where no driver acts; constant or smooth across the outline.
    frequency_hz : float
    x_m, y_m : (x,), (y,) arrays
        Centres of the cells, evenly and equally spaced [m]; the tissue ends at least one cell within.
    absorbing : bool

    Returns
    -------
    u : (y, x) complex array [m]
        At e^{+i omega t}; NaN in cells that hold no tissue.
    inside : (y, x) bool array
        Cells that lie wholly inside the tissue.

    Raises
    ------
    ValueError
        The tissue touches the border of the grid, no cell is driven, or the equations are singular.
    """
    omega, h = 2 * np.pi * frequency_hz, x_m[1] - x_m[0]
    x, y = np.meshgrid(x_m, y_m)
    corners = level(*np.meshgrid(*(np.append(c - h / 2, c[-1] + h / 2) for c in (x_m, y_m))))
    if (corners[[0, -1]] < 0).any() or (corners[:, [0, -1]] < 0).any():
        raise ValueError("x_m, y_m: expected a grid with room around the tissue, found tissue at its border")
    upright, level_side = _share(corners[:-1], corners[1:]), _share(corners[:, :-1], corners[:, 1:])
    phi = level(x, y)
    depth = -phi / (h * np.maximum(np.hypot(*np.gradient(phi, h)), np.finfo(float).tiny))  # [cells]
    length = np.hypot(np.diff(upright, axis=1), np.diff(level_side, axis=0))
    sides = upright[:, 1:] + upright[:, :-1] + level_side[1:] + level_side[:-1]
    # Gauss: twice the area of a polygon is the sum over its sides of length times distance from the centre.
    share = np.clip(sides / 4 + np.where(length > 0, depth * length / 2, 0), 0, 1)
    given = np.full(x.shape, np.nan + 0j)
    rim = np.abs(depth) < 3
    given[rim] = drive(x[rim], y[rim])
    reached = np.isfinite(given)
    driven = reached & ((length > 0) | (phi >= 0))
    driven |= (phi < 0) & _beside((phi >= 0) & reached)
    used = np.where(driven, phi < 0, share > SLIVER)
    if not (driven & used).any():
        raise ValueError("drive: expected a driver on the outline, found none")

    g = np.asarray(modulus(x, y), complex)
    area = np.where(driven, 1.0, share)
    diagonal = (-DENSITY_KG_M3 * (omega * h) ** 2 * area).astype(complex)
    if absorbing:
        impedance = 1j * omega * np.sqrt(DENSITY_KG_M3 * g)
        outflow = impedance * h * length / (1 + impedance * h * depth / g)
        diagonal += np.where(driven, 0, outflow)
    load = np.zeros(x.shape, complex)
    number = np.cumsum(used).reshape(used.shape) - 1
    entries = []
    for axis, aperture in ((1, upright[:, 1:-1]), (0, level_side[1:-1])):
        p, q = (slice(None, -1), slice(1, None)) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        face = 2 * g[p] * g[q] / (g[p] + g[q])
        whole = (driven[p] | driven[q]) & (phi[p] < 0) & (phi[q] < 0)
        flow = np.where(used[p] & used[q], face * np.where(whole, 1.0, aperture), 0)
        diagonal[p] += flow
        diagonal[q] += flow
        joined = np.nonzero(flow)
        entries.append((number[p][joined], number[q][joined], -flow[joined]))
        for own, other in ((p, q), (q, p)):
            held = np.nonzero((phi[own] < 0) & (phi[other] >= 0) & reached[other])
            near, far = phi[own][held], phi[other][held]
            theta = np.maximum(near / (near - far), NEAREST)
            value = drive(*(c[own][held] + theta * (c[other] - c[own])[held] for c in (x, y)))
            value = np.where(np.isfinite(value), value, given[other][held])  # past the end of a driver
            diagonal[own][held] += face[held] / theta
            load[own][held] += face[held] / theta * value
    rows, columns, values = (np.concatenate(part) for part in zip(*entries, strict=True))
    every = np.arange(used.sum())
    places = np.concatenate([rows, columns, every]), np.concatenate([columns, rows, every])
    matrix = coo_matrix((np.concatenate([values, values, diagonal[used]]), places)).tocsc()
    u = np.full(x.shape, np.nan + 0j)
    u[used] = solve_sparse(matrix, load[used])
    return u, sides == 4


def _share(first, second):
    """Share of the way between two corners that lies inside, where the level set is negative."""
    inner = np.maximum(-first, 0) + np.maximum(-second, 0)
    return inner / np.maximum(np.abs(first) + np.abs(second), np.finfo(float).tiny)


def _beside(cells):
    """Cells that share a side with one of the given cells (y, x)."""
    found = np.zeros_like(cells)
    found[1:] |= cells[:-1]
    found[:-1] |= cells[1:]
    found[:, 1:] |= cells[:, :-1]
    found[:, :-1] |= cells[:, 1:]
    return found


def on_pixels(u, inside, cells):
    """Average a field over pixels of `cells` x `cells` grid cells, as a voxel does.

    Parameters
    ----------
    u : (y, x) complex array
    inside : (y, x) bool array
    cells : int
        Divides both sides of the grid.

    Returns
    -------
    wave : complex array (y / cells, x / cells), 0 outside the mask
    mask : bool array, pixels that lie wholly inside the tissue
    """
    blocks = (u.shape[0] // cells, cells, u.shape[1] // cells, cells)
    mask = inside.reshape(blocks).all(axis=(1, 3))
    return np.where(mask, np.where(inside, u, 0).reshape(blocks).mean(axis=(1, 3)), 0), mask
