"""Diffusion without membranes: continuous linear elements on the same tetrahedra, as a reference.

Permeable faces come to this as kappa grows. Rates and moments are those of scikit-fem's own P1 matrices, and
pulses are taken whole by the matrix exponential: only the mesh is shared with the solver.
"""

import numpy as np
from scipy.linalg import eigh
from skfem import Basis, BilinearForm, ElementTetP1, MeshTet
from skfem.models.poisson import laplace, mass

from dime.diffusion.analytic import Shape, echo
from dime.diffusion.sequence import DIFFUSIVITY_UM2_PER_MS


@BilinearForm
def _moment(u, v, w):
    return w.x[w.axis] * u * v


def signals(grid, blocks, modes=None, diffusivity_um2_per_ms=DIFFUSIVITY_UM2_PER_MS):
    """Signals of a mesh without membranes whose outside reflects.

    Parameters
    ----------
    grid : Grid
    blocks : tuple of Block
    modes : int, optional
        The slowest ones; default: all, one a point.
    diffusivity_um2_per_ms : float

    Returns
    -------
    (measurement,) float64 array, in the order block, direction, b-value
    """
    basis = Basis(MeshTet(grid.points_um.T.copy(), grid.tetrahedra.T.copy()), ElementTetP1(), intorder=3)
    whole = mass.assemble(basis).toarray()
    chosen = None if modes is None else (0, modes - 1)
    rates, turn = eigh(
        diffusivity_um2_per_ms * laplace.assemble(basis).toarray(), whole, subset_by_index=chosen
    )
    moments = np.stack([turn.T @ (_moment.assemble(basis, axis=axis) @ turn) for axis in range(3)])
    start = turn.T @ whole.sum(1) / np.sqrt(whole.sum())
    found = [
        echo(Shape(rates, np.tensordot(direction, moments, 1), start), block)
        for block in blocks
        for direction in block.directions
    ]
    return np.concatenate(found)
