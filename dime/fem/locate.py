"""Locate points: their nearest place on an outline, the element of a mesh that holds them."""

import numpy as np


def point_at(curve, fraction):
    """Points (n, 2) [m] at fractions (n,) of a closed curve's arc length; curve (m, 2) [m]."""
    closed = np.concatenate([curve, curve[:1]])
    s = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    t = np.asarray(fraction, float) % 1.0 * s[-1]
    return np.stack([np.interp(t, s, closed[:, 0]), np.interp(t, s, closed[:, 1])], 1)


def arc_fraction(outline, points):
    """Arc-length fraction, in [0, 1), of the place on an outline nearest to each given point.

    Parameters: outline (n, 2) [m]; points (2, m) [m]. Returns (m,) fractions.
    """
    start = outline
    along = np.roll(outline, -1, axis=0) - start
    length = np.linalg.norm(along, axis=1)
    offset = points.T[:, None, :] - start  # (point, side, axis)
    t = np.clip((offset * along).sum(2) / length**2, 0, 1)
    side = np.argmin(((offset - t[..., None] * along) ** 2).sum(2), axis=1)
    s = (np.cumsum(length) - length)[side] + t[np.arange(len(side)), side] * length[side]
    return (s / length.sum()) % 1.0


def locate_on_grid(mesh, x, y):
    """Element and reference coordinates of each grid point inside a mesh.

    Parameters: mesh, skfem.MeshTri of straight triangles; x (nx,), y (ny,) increasing axes [m].
    Returns: row, column, element (n,) of the grid points inside the mesh; reference coordinates (2, n).
    """
    vertex = mesh.p[:, mesh.t]  # (axis, corner, element)
    tolerance = 1e-9 * np.ptp(mesh.p)
    first = [np.searchsorted(q, v.min(0) - tolerance) for q, v in zip((x, y), vertex, strict=True)]
    after = [np.searchsorted(q, v.max(0) + tolerance, "right") for q, v in zip((x, y), vertex, strict=True)]
    columns, rows = (b - a for a, b in zip(first, after, strict=True))
    # every grid point of every element's bounding box, as one flat list
    element = np.repeat(np.arange(mesh.nelements), columns * rows)
    number = np.arange(len(element)) - np.repeat(np.cumsum(columns * rows) - columns * rows, columns * rows)
    row = first[1][element] + number // columns[element]
    column = first[0][element] + number % columns[element]
    (ax, ay), (bx, by) = vertex[:, 1] - vertex[:, 0], vertex[:, 2] - vertex[:, 0]
    px, py = x[column] - vertex[0, 0, element], y[row] - vertex[1, 0, element]
    double_area = (ax * by - ay * bx)[element]
    local = np.stack([px * by[element] - py * bx[element], py * ax[element] - px * ay[element]]) / double_area
    inside = (local >= -1e-9).all(0) & (local.sum(0) <= 1 + 1e-9)
    # a point on a shared edge belongs to the first of its elements
    _, once = np.unique(row[inside] * len(x) + column[inside], return_index=True)
    return row[inside][once], column[inside][once], element[inside][once], local[:, inside][:, once]
