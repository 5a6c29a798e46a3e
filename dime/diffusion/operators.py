"""Diffusion between membranes as matrices: linear elements of their own in every tetrahedron.

    d phi/dt = D lap phi - i q(t) g.x phi,   D d phi/dn = kappa [phi] at every face

Every tetrahedron has four unknowns. A face couples its two tetrahedra by its permeability kappa:

    A(kappa) = D K + B^T diag(kappa) B,   (B u) . (B v) = sum over faces of int [u] [v]

All matrices are in coordinates in which the mass matrix is the identity, x = C^T phi with M = C C^T.

Source: Spinverse, arXiv 2603.04638, for the unknowns; Li et al., SpinDoctor, NeuroImage 202 (2019), 116120,
for the interface condition.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from skfem import Basis, BilinearForm, ElementDG, ElementTetP1, MeshTet
from skfem.helpers import dot, grad

from dime.diffusion.grid import Grid
from dime.diffusion.sequence import DIFFUSIVITY_UM2_PER_MS

FACE_MASS = np.array([[2, 1, 1], [1, 2, 1], [1, 1, 2]]) / 12
"""Mass matrix of linear functions on a triangle of area 1."""

FACE_FACTOR = np.linalg.cholesky(FACE_MASS).T
"""R with R^T R = FACE_MASS."""


class Operators(NamedTuple):
    """Matrices of one grid, in coordinates in which the mass is the identity; N = 4 tetrahedra.

    free : sparse (N, N), D K, diffusion within each tetrahedron [1/ms]
    rows : sparse (3 faces, N), B: sum over a face's three rows of (B x)^2 is int_face [phi]^2
    outer_rows : sparse (3 outer faces, N), the same of the outside, where nothing is on the other side
    moments : (3, tetrahedron, 4, 4), J_x, J_y, J_z, the blocks of the coordinates [um]
    start : (N,), the density 1 everywhere; its square is the volume
    grid : Grid
    """

    free: sp.csc_array
    rows: sp.csr_array
    outer_rows: sp.csr_array
    moments: np.ndarray
    start: np.ndarray
    grid: Grid


@BilinearForm
def _mass(u, v, _):
    return u * v


@BilinearForm
def _stiffness(u, v, _):
    return dot(grad(u), grad(v))


@BilinearForm
def _moment(u, v, w):
    return w.x[w.axis] * u * v


def assemble(grid, diffusivity_um2_per_ms=DIFFUSIVITY_UM2_PER_MS):
    """The matrices of a grid.

    Parameters
    ----------
    grid : Grid
    diffusivity_um2_per_ms : float
        D, the same everywhere.

    Returns
    -------
    Operators
    """
    size = len(grid.tetrahedra)
    mesh = MeshTet(grid.points_um.T.copy(), grid.tetrahedra.T.copy(), sort_t=False)
    basis = Basis(mesh, ElementDG(ElementTetP1()), intorder=3)
    numbers = basis.element_dofs.T  # (tetrahedron, 4), in the order of the grid's vertices

    def blocks(form, **given):
        whole = form.assemble(basis, **given).tocsr()
        picked = whole[np.repeat(numbers, 4, 1).ravel(), np.tile(numbers, (1, 4)).ravel()]
        return np.asarray(picked).reshape(size, 4, 4)

    factor = np.linalg.cholesky(blocks(_mass))
    back = np.linalg.inv(factor)

    def scaled(matrices):
        return back @ matrices @ back.transpose(0, 2, 1)

    free = sp.csc_array(sp.block_diag(diffusivity_um2_per_ms * scaled(blocks(_stiffness)), format="csc"))
    moments = np.stack([scaled(blocks(_moment, axis=axis)) for axis in range(3)])
    start = factor.transpose(0, 2, 1).sum(2).ravel()
    left, right = (_traces(grid, grid.faces, side, back) for side in grid.sides.T)
    outer = _traces(grid, grid.outer_faces, grid.outer_sides, back)
    return Operators(free, (left - right).tocsr(), outer.tocsr(), moments, start, grid)


def _traces(grid, faces, sides, back):
    """Rows R phi at the corners of faces, of the tetrahedra on one side: sparse (3 faces, N)."""
    corners = grid.points_um[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    local = (grid.tetrahedra[sides][:, None, :] == faces[:, :, None]).astype(float)  # (face, corner, vertex)
    values = np.sqrt(area)[:, None, None] * (FACE_FACTOR @ local) @ back[sides].transpose(0, 2, 1)
    row = np.broadcast_to(np.arange(3 * len(faces)).reshape(-1, 3, 1), values.shape)
    column = np.broadcast_to(4 * sides[:, None, None] + np.arange(4), values.shape)
    shape = (3 * len(faces), 4 * len(grid.tetrahedra))
    return sp.coo_array((values.ravel(), (row.ravel(), column.ravel())), shape=shape).tocsr()


def coupled(operators, permeability_um_per_ms, leak_um_per_ms=0.0):
    """A(kappa) = D K + B^T diag(kappa) B, sparse (N, N) [1/ms].

    Parameters
    ----------
    operators : Operators
    permeability_um_per_ms : (face,) array
        kappa of each face between two tetrahedra [um/ms].
    leak_um_per_ms : float
        kappa of the outside; 0 reflects every spin.

    Raises
    ------
    ValueError
        A permeability that is not positive, or not one for each face; a negative leak.
    """
    kappa = np.asarray(permeability_um_per_ms, float)
    if kappa.shape != (len(operators.grid.faces),):
        count = len(operators.grid.faces)
        raise ValueError(f"permeability: expected {count} numbers, one a face, found shape {kappa.shape}")
    wrong = ~(np.isfinite(kappa) & (kappa > 0))
    if wrong.any():
        raise ValueError(f"permeability: expected positive numbers, found {kappa[wrong][0]}")
    if not (np.isfinite(leak_um_per_ms) and leak_um_per_ms >= 0):
        raise ValueError(f"leak: expected a number of at least 0, found {leak_um_per_ms}")
    rows = operators.rows
    matrix = operators.free + rows.T @ rows.multiply(np.repeat(kappa, 3)[:, None]).tocsr()
    if leak_um_per_ms:
        matrix = matrix + leak_um_per_ms * (operators.outer_rows.T @ operators.outer_rows)
    return sp.csc_array(matrix)
