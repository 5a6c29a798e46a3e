"""Solve for the antiplane wave in tissue with cavities: gas and lung, which carry no shear wave."""

import numpy as np
from scipy.spatial import cKDTree
from skfem import Basis, ElementTriP2

from dime.fem.antiplane import assemble_antiplane
from dime.fem.drivers import driven
from dime.fem.field import Field
from dime.fem.rheology import complex_modulus
from dime.fem.sizing import fit_mesh, resolution
from dime.fem.solvers import solve_with_known


def solve_around(phantom, cavity, drivers, frequency_hz, elements_per_wavelength=6, moved=None):
    """Displacement of a driven phantom whose cavities and undriven outline are free of traction.

    div(G* grad u) + rho omega^2 u = 0 in the tissue, G* du/dn = 0 on the walls of the cavities, by quadratic
    triangles. The phantom is meshed as a whole; the triangles whose middle lies in a cavity are then taken
    out, so that its wall follows the edges of elements. No triangle at the outline is taken out.

    Parameters
    ----------
    phantom : has `outline` (n, 2) [m], `stiffness(x, y)` -> |G*| [Pa], `loss_tangent(x, y)`, `interfaces`
    cavity : callable, (x, y) arrays [m] -> bool array
    drivers : list of Driver
        They act on the outline alone.
    frequency_hz : float
    elements_per_wavelength : float
        Assumption: six keep the relative error of a plane wave near 1 %, below the noise of a scan.
    moved : callable, optional
        (x, y) arrays [m] -> complex displacement [m] of what is moved inside the tissue, such as ribs; NaN
        where the tissue moves freely.

    Returns
    -------
    Field
        NaN where it is sampled in a cavity.

    Raises
    ------
    ValueError
        As `forward.solve`.
    """
    modulus = complex_modulus(phantom, frequency_hz, "hysteretic", 60.0)
    whole = fit_mesh(
        phantom, drivers, frequency_hz, elements_per_wavelength, modulus=modulus, fine_ends=False
    )
    outer = whole.boundary_nodes()
    touches = np.isin(whole.t, outer).any(axis=0)
    mesh = whole.restrict(np.flatnonzero(touches | ~cavity(*whole.p[:, whole.t].mean(axis=1))))
    basis = Basis(mesh, ElementTriP2(), intorder=4)
    facets = mesh.boundary_facets()
    on_outline = cKDTree(whole.p[:, outer].T)
    distance, _ = on_outline.query(mesh.p[:, mesh.facets[:, facets]].reshape(2, -1).T)
    nodes = basis.get_dofs(facets[(distance.reshape(2, -1) < 1e-9).all(axis=0)]).flatten()
    values = driven(drivers, phantom.outline, basis.doflocs[:, nodes])[0]
    known = np.full(basis.N, np.nan + 0j)
    if moved is not None:
        known[:] = moved(*basis.doflocs)
    known[nodes] = np.where(np.isnan(values), known[nodes], values)
    held = np.flatnonzero(~np.isnan(known))
    A, b = assemble_antiplane(basis, modulus, frequency_hz)
    u = solve_with_known(A, b, held, known[held])
    return Field(basis, u, frequency_hz, modulus, A, resolution(mesh, modulus, frequency_hz), mesh)
