"""Assemble the antiplane wave equation (one displacement component, through the slice) by finite elements."""

import warnings

import numpy as np
from skfem import (
    BilinearForm,
    FacetBasis,
    LinearForm,
)
from skfem.helpers import dot, grad

from dime.physics import DENSITY_KG_M3 as RHO

# a complex form assembled as float64 loses its imaginary part with only this warning
warnings.filterwarnings("error", category=np.exceptions.ComplexWarning)


def assemble_antiplane(
    basis, modulus, frequency_hz, *, absorbing=(), body_force=None, through_plane_per_m=0.0
):
    """Matrix and load of the antiplane wave equation in weak form.

    int G* (grad u . grad v + kappa^2 u v) - rho omega^2 u v + i omega int_absorbing Z u v = int f v.

    Parameters
    ----------
    basis : skfem.Basis, quadratic triangles
    modulus : callable, (x, y) [m] -> complex G* [Pa]
    frequency_hz : [Hz]
    absorbing : boundary facets with G* du/dn = -i omega Z u, Z = sqrt(G* (rho - G* kappa^2 / omega^2)), which
        absorbs waves at normal incidence
    body_force : callable, (x, y) [m] -> f [N/m3], or None
    through_plane_per_m : kappa, wavenumber through the slice [rad/m]

    Returns
    -------
    A : sparse (unknown, unknown) complex; b : (unknown,) complex
    """
    omega, kappa = 2 * np.pi * frequency_hz, through_plane_per_m

    @BilinearForm(dtype=np.complex128)
    def wave(u, v, w):
        return w.G * dot(grad(u), grad(v)) + (w.G * kappa**2 - RHO * omega**2) * u * v

    @BilinearForm(dtype=np.complex128)
    def impedance(u, v, w):
        return 1j * omega * np.sqrt(w.G * (RHO - w.G * (kappa / omega) ** 2)) * u * v

    @LinearForm(dtype=np.complex128)
    def load(v, w):
        return body_force(*w.x) * v

    A = wave.assemble(basis, G=modulus(*basis.global_coordinates()))
    if len(absorbing):
        edges = FacetBasis(basis.mesh, basis.elem, facets=absorbing, intorder=4)
        A = A + impedance.assemble(edges, G=modulus(*edges.global_coordinates()))
    b = np.zeros(A.shape[0], np.complex128) if body_force is None else load.assemble(basis)
    return A, b
