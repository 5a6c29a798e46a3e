"""Waves of two or three components in nearly incompressible tissue: displacement-pressure (Taylor-Hood).

-div(2 G* eps(u)) - grad p - rho omega^2 u = f,  div u = p / lambda,  lambda = 2 G* nu / (1 - 2 nu).

A separate unknown for the pressure avoids locking as nu -> 1/2 (where 1/lambda = 0).
Source: Hughes, The Finite Element Method (1987), chapter 4.3.
Assumption: nu is real, so that lambda has the loss tangent of G*.
"""

import warnings

import numpy as np
from scipy.sparse import bmat
from skfem import BilinearForm, FacetBasis, LinearForm
from skfem.helpers import ddot, div, dot, sym_grad

from dime.physics import DENSITY_KG_M3 as RHO

# a complex form assembled as float64 loses its imaginary part with only this warning
warnings.filterwarnings("error", category=np.exceptions.ComplexWarning)


def compliance(modulus, poisson_ratio):
    """Inverse of the first Lame parameter: 1/lambda = (1 - 2 nu) / (2 nu G*) [1/Pa]."""
    return (1 - 2 * poisson_ratio) / (2 * poisson_ratio * modulus)


def assemble_elastic(
    u_basis, p_basis, modulus, frequency_hz, poisson_ratio=0.4999, *, absorbing=(), body_force=None
):
    """Complex symmetric matrix and load for the unknowns (u, p).

    int 2 G* eps(u):eps(v) - rho omega^2 u.v + p div v + q div u - p q / lambda + i omega int_absorbing Z u.v

    Parameters
    ----------
    u_basis, p_basis : skfem.Basis on one mesh with one quadrature: vector quadratic, scalar linear
    modulus : callable, (x, y) [m] -> complex G* [Pa]
    frequency_hz : [Hz]
    poisson_ratio : nu, 0 < nu <= 1/2
    absorbing : boundary facets with traction -i omega Z u, Z = sqrt(rho G*)
    body_force : callable, coordinates (axis, element, point) [m] -> f (axis, element, point) [N/m3], or None

    Returns
    -------
    A : sparse (unknown, unknown) complex; b : (unknown,) complex

    Raises
    ------
    ValueError : Poisson's ratio outside (0, 1/2].

    Assumption: all components have the impedance of shear waves, because compressional waves at these
    frequencies are metres long and none leaves an organ.
    """
    if not 0 < poisson_ratio <= 0.5:
        raise ValueError(f"poisson_ratio: expected a number in (0, 0.5], got {poisson_ratio}")
    omega = 2 * np.pi * frequency_hz

    @BilinearForm(dtype=np.complex128)
    def shear(u, v, w):
        return 2 * w.G * ddot(sym_grad(u), sym_grad(v)) - RHO * omega**2 * dot(u, v)

    @BilinearForm
    def dilatation(u, q, w):
        return div(u) * q

    @BilinearForm(dtype=np.complex128)
    def volume(p, q, w):
        return p * q * compliance(w.G, poisson_ratio)

    @BilinearForm(dtype=np.complex128)
    def impedance(u, v, w):
        return 1j * omega * np.sqrt(RHO * w.G) * dot(u, v)

    @LinearForm(dtype=np.complex128)
    def load(v, w):
        return dot(body_force(w.x), v)

    G = modulus(*u_basis.global_coordinates()[:2])
    K = shear.assemble(u_basis, G=G)
    if len(absorbing):
        walls = FacetBasis(u_basis.mesh, u_basis.elem, facets=absorbing, intorder=4)
        K = K + impedance.assemble(walls, G=modulus(*walls.global_coordinates()[:2]))
    B = dilatation.assemble(u_basis, p_basis)
    C = volume.assemble(p_basis, G=G)
    b = np.zeros(u_basis.N + p_basis.N, np.complex128)
    if body_force is not None:
        b[: u_basis.N] = load.assemble(u_basis)
    return bmat([[K, B.T], [B, -C]], "csr"), b
