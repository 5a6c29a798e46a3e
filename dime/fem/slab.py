"""A slab of tissue: a triangulated slice extruded along z into tetrahedra."""

import numpy as np
from skfem import MeshTet

from dime.fem.locate import locate_on_grid


def extrude(mesh, thickness_m, layers):
    """Tetrahedra of the slab |z| <= thickness / 2 over a mesh of triangles.

    Each prism is cut into three along diagonals chosen by the vertices' numbers, so that neighbours agree.
    Tetrahedron number = (cut * layers + layer) * triangles + triangle.

    Parameters: mesh skfem.MeshTri; thickness_m [m]; layers >= 1. Returns skfem.MeshTet.
    """
    n = mesh.nvertices
    z = np.linspace(-thickness_m / 2, thickness_m / 2, layers + 1)
    points = np.concatenate([np.tile(mesh.p, layers + 1), np.repeat(z, n)[None]])
    a, b, c = np.sort(mesh.t, axis=0)
    cuts = [np.stack(cut) for cut in ((a, b, c, c + n), (a, b, b + n, c + n), (a, a + n, b + n, c + n))]
    tets = [cut + n * layer for cut in cuts for layer in range(layers)]
    return MeshTet(points, np.concatenate(tets, axis=1))


def locate_in_slab(mesh, base, x, y, z):
    """Tetrahedron and reference coordinates, in an extruded mesh, of each point of an image at height z.

    Parameters: mesh of the slab; base, its triangles; x (nx,), y (ny,) increasing axes [m]; z height [m].
    Returns: row, column, element (n,) of the grid points inside; reference coordinates (3, n).
    Raises ValueError for a height outside the slab.
    """
    row, column, triangle, _ = locate_on_grid(base, x, y)
    layers = mesh.nelements // base.nelements // 3
    height = mesh.p[2].max()
    if abs(z) > height * (1 + 1e-9):
        raise ValueError(f"z_m: expected a height inside the slab, -{height:g} to {height:g} m, got {z:g}")
    layer = np.clip(int((z / height + 1) / 2 * layers), 0, layers - 1)
    best = np.full(len(triangle), -np.inf)
    element, local = np.zeros(len(triangle), int), np.zeros((3, len(triangle)))
    point = np.stack([x[column], y[row], np.full(len(row), z)])
    for cut in range(3):
        candidate = (cut * layers + layer) * base.nelements + triangle
        corner = mesh.p[:, mesh.t[:, candidate]]  # (axis, corner, point)
        edges = (corner[:, 1:] - corner[:, :1]).transpose(2, 0, 1)
        at = np.linalg.solve(edges, (point - corner[:, 0]).T[..., None])[..., 0].T
        depth = np.minimum(at.min(0), 1 - at.sum(0))  # negative outside the tetrahedron
        better = depth > best
        best[better], element[better], local[:, better] = depth[better], candidate[better], at[:, better]
    return row, column, element, local
