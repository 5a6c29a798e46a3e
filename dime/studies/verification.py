"""Verify the finite elements against problems whose waves are known in closed form.

Each case takes the elements per wavelength asked of its mesh. It returns those found (shear wavelength over
mean edge length, averaged over the elements) and the relative L2 error of the displacement.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import h2vp, hankel2, jv, jvp
from skfem import (
    Basis,
    ElementTetP1,
    ElementTetP2,
    ElementTriP1,
    ElementTriP2,
    ElementVector,
    FacetBasis,
    MeshTet,
)

from dime.fem import antiplane, drivers, elastic, forward, rheology, sizing, solvers
from dime.physics import DENSITY_KG_M3 as RHO
from dime.physics import shear_wavelength

FREQUENCY_HZ = 60.0

OMEGA = 2 * np.pi * FREQUENCY_HZ

RIM_M = 1e-5  # displacement of a driven rim [m]


@dataclass(frozen=True)
class Tissue:
    """A phantom whose |G*| [Pa] and tan(delta) are constants or functions of (x, y); outline (n, 2) [m]."""

    outline: np.ndarray
    stiffness_pa: object
    tan_delta: object = 0.2
    interfaces: tuple = ()

    def stiffness(self, x, y):
        """|G*| [Pa]."""
        return _at(self.stiffness_pa, x, y)

    def loss_tangent(self, x, y):
        """tan(delta)."""
        return _at(self.tan_delta, x, y)


def _at(value, x, y):
    return value(x, y) if callable(value) else np.full(np.shape(x), float(value))


def circle(radius, n=2000):
    """Points (n, 2) of a circle around (0, 0), counter-clockwise."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return radius * np.stack([np.cos(t), np.sin(t)], 1)


def wavenumber(stiffness, loss_tangent=0.2):
    """k = omega sqrt(rho / G*) [1/m] at `FREQUENCY_HZ`; Im k < 0, so that e^{-ikx} decays."""
    return OMEGA * np.sqrt(RHO / (stiffness * np.exp(1j * np.arctan(loss_tangent))))


def relative_error(basis, u, exact):
    """L2 error ||u_h - u|| / ||u|| of a solution; `exact` maps coordinates (axis, element, point) to u."""
    truth = exact(basis.global_coordinates())
    error = np.asarray(basis.interpolate(u)) - truth
    return float(np.sqrt(np.sum(np.abs(error) ** 2 * basis.dx) / np.sum(np.abs(truth) ** 2 * basis.dx)))


def elements_per_wavelength(mesh, modulus):
    """Local shear wavelength over the element's mean edge length, mean over the elements."""
    corner = mesh.p[:, mesh.t]  # (axis, corner, element)
    ends = combinations(range(corner.shape[1]), 2)
    edge = np.mean([np.linalg.norm(corner[:, i] - corner[:, j], axis=0) for i, j in ends], axis=0)
    wavelength = shear_wavelength(modulus(*corner.mean(1)[:2]), FREQUENCY_HZ)
    return float(np.mean(wavelength / edge))


def observed_order(elements, errors):
    """Order of convergence: minus the slope of log error against log elements per wavelength."""
    return float(-np.polyfit(np.log(elements), np.log(errors), 1)[0])


def with_trace(phantom, exact, mesh, body_force=None):
    """Error of the antiplane solution when the exact one, (x, y) -> u, is imposed on the whole boundary.

    Returns the elements per wavelength and the relative error.
    """
    basis, modulus = Basis(mesh, ElementTriP2(), intorder=4), rheology.complex_modulus(phantom)
    A, b = antiplane.assemble_antiplane(basis, modulus, FREQUENCY_HZ, body_force=body_force)
    known = basis.get_dofs().flatten()
    u = solvers.solve_with_known(A, b, known, exact(*basis.doflocs[:, known]))
    return elements_per_wavelength(mesh, modulus), relative_error(basis, u, lambda x: exact(*x))


def plane_wave(elements):
    """Plane wave u = e^{-ik.x} in a disc."""
    phantom, k = Tissue(circle(0.06), 2000.0), wavenumber(2000.0)

    def exact(x, y):
        return np.exp(-1j * k * (x * np.cos(0.4) + y * np.sin(0.4)))

    return with_trace(phantom, exact, sizing.fit_mesh(phantom, [], FREQUENCY_HZ, elements))


def axial_cylinder(elements, spacing_m=1e-3, through_plane_per_m=0.0):
    """Cylinder whose rim moves along its axis with U cos(kappa z): u = U J0(kr)/J0(ka) on a grid at z = 0.

    k^2 = rho omega^2 / G* - kappa^2.
    """
    a, k = 0.06, np.sqrt(wavenumber(3000.0, 0.3) ** 2 - through_plane_per_m**2)
    field = forward.solve(
        Tissue(circle(a), 3000.0, 0.3),
        drivers.Driver(amplitude=RIM_M),
        FREQUENCY_HZ,
        elements_per_wavelength=elements,
        through_plane_per_m=through_plane_per_m,
    )
    x = np.arange(-a + spacing_m / 2, a, spacing_m)
    u, truth = field.sample(x, x), RIM_M * jv(0, k * np.hypot(*np.meshgrid(x, x))) / jv(0, k * a)
    return elements_per_wavelength(field.base, field.modulus), _image_error(u, truth)


def torsional_cylinder(elements, poisson_ratio=0.4999, spacing_m=1e-3):
    """Cylinder whose rim turns to and fro by U: in-plane u_theta = U J1(kr)/J1(ka) on an image grid."""
    a, k = 0.05, wavenumber(3000.0)
    field = forward.solve(
        Tissue(circle(a), 3000.0),
        drivers.Driver(amplitude=RIM_M, direction="tangential"),
        FREQUENCY_HZ,
        elements_per_wavelength=elements,
        physics="inplane",
        poisson_ratio=poisson_ratio,
    )
    x = np.arange(-a + spacing_m / 2, a, spacing_m)
    X, Y = np.meshgrid(x, x)
    r = np.hypot(X, Y)
    truth = RIM_M * jv(1, k * r) / jv(1, k * a) * np.stack([-Y, X]) / r
    return elements_per_wavelength(field.base, field.modulus), _image_error(field.sample(x, x), truth)


def _image_error(u, truth):
    inside = ~np.isnan(u)
    return float(np.linalg.norm((u - truth)[inside]) / np.linalg.norm(truth[inside]))


def line_source(elements):
    """Unit force on one node: u = -(i/4G) H0^(2)(kr), compared 2 cm and more away from it."""
    phantom, k, G = Tissue(circle(0.05), 2000.0), wavenumber(2000.0), 2000 * np.exp(1j * np.arctan(0.2))
    basis = Basis(sizing.fit_mesh(phantom, [], FREQUENCY_HZ, elements), ElementTriP2(), intorder=4)
    node = np.argmin(np.linalg.norm(basis.doflocs[:, : basis.mesh.nvertices], axis=0))
    source, modulus = basis.doflocs[:, node], rheology.complex_modulus(phantom)

    def exact(x):
        return -0.25j / G * hankel2(0, k * np.hypot(x[0] - source[0], x[1] - source[1]))

    A, b = antiplane.assemble_antiplane(basis, modulus, FREQUENCY_HZ)
    b[node] = 1.0
    known = basis.get_dofs().flatten()
    u = solvers.solve_with_known(A, b, known, exact(basis.doflocs[:, known]))
    middle = basis.mesh.p[:, basis.mesh.t].mean(1)
    far = np.flatnonzero(np.hypot(*(middle - source[:, None])) > 0.02)
    away = Basis(basis.mesh, basis.elem, elements=far, intorder=4)
    return elements_per_wavelength(basis.mesh, modulus), relative_error(away, u, exact)


def inclusion(elements, *, mesh_follows=True, a=0.015, outer=0.05, soft=1500.0, stiff=3000.0, tangent=0.1):
    """Plane wave scattered by a softer cylinder of radius a [m]: a series in which u and G du/dr match at a.

    Outside sum_n [(-i)^n J_n(k1 r) + b_n H_n^(2)(k1 r)] e^{i n t}, inside sum_n c_n J_n(k2 r) e^{i n t}.
    """
    G1, G2 = (G * np.exp(1j * np.arctan(tangent)) for G in (stiff, soft))
    k1, k2 = wavenumber(stiff, tangent), wavenumber(soft, tangent)
    n = np.arange(-16, 17)
    match = np.array(
        [
            [hankel2(n, k1 * a), -jv(n, k2 * a)],
            [G1 * k1 * h2vp(n, k1 * a), -G2 * k2 * jvp(n, k2 * a)],
        ]
    )  # (equation, unknown, order)
    incident = np.array([(-1j) ** n * jv(n, k1 * a), G1 * k1 * (-1j) ** n * jvp(n, k1 * a)])
    b_n, c_n = np.linalg.solve(match.transpose(2, 0, 1), -incident.T[..., None])[..., 0].T

    def exact(x, y):
        r, turn = np.hypot(x, y), np.exp(1j * np.multiply.outer(n, np.arctan2(y, x)))
        inside, outside = np.minimum(r, a), np.maximum(r, a)
        scattered = sum(b * hankel2(m, k1 * outside) * e for b, m, e in zip(b_n, n, turn, strict=True))
        within = sum(c * jv(m, k2 * inside) * e for c, m, e in zip(c_n, n, turn, strict=True))
        return np.where(r < a, within, np.exp(-1j * k1 * x) + scattered)

    phantom = Tissue(
        circle(outer), lambda x, y: np.where(np.hypot(x, y) < a, soft, stiff), tangent, (circle(a),)
    )
    followed = phantom if mesh_follows else Tissue(circle(outer), soft, tangent)
    return with_trace(phantom, exact, sizing.fit_mesh(followed, [], FREQUENCY_HZ, elements))


def varying_modulus(elements):
    """Manufactured wave u = e^{-i(px+qy)} for G* = G0 (1 + gx x + gy y^2), with the body force it needs."""
    p, q, G0, gx, gy = 180.0, 90.0, 3000.0 * (1 + 0.3j), 6.0, 200.0

    def G(x, y):
        return G0 * (1 + gx * x + gy * y**2)

    def exact(x, y):
        return np.exp(-1j * (p * x + q * y))

    def force(x, y):
        stretch = -1j * (p * G0 * gx + q * G0 * 2 * gy * y) - (p**2 + q**2) * G(x, y)
        return -(stretch + RHO * OMEGA**2) * exact(x, y)

    phantom = Tissue(circle(0.05), lambda x, y: np.abs(G(x, y)), 0.3)
    return with_trace(phantom, exact, sizing.fit_mesh(phantom, [], FREQUENCY_HZ, elements), force)


def elastic_manufactured(axes, poisson_ratio):
    """Manufactured wave u = a e^{-ik.x} for G* = G0 (1 + g.x): functions for modulus, u and body force.

    a is transverse except for a part of order 1/lambda along k. That part keeps the pressure as large as the
    shear stress however close to incompressible the tissue is.
    """
    G0 = 3000.0 * np.exp(1j * np.arctan(0.2))
    k = np.array([150.0, 90.0, 60.0])[:axes]
    g = np.array([4.0, 2.0, 0.0])[:axes]  # G* varies in the slice
    transverse = np.array([-k[1], k[0], 0.0])[:axes] / np.hypot(*k[:2])
    chi = 2 * poisson_ratio / (1 - 2 * poisson_ratio)  # lambda = chi G
    a = transverse + k / np.linalg.norm(k) / chi

    def modulus(x, y):
        return G0 * (1 + g[0] * x + g[1] * y)

    def exact(x):
        return np.multiply.outer(a, np.exp(-1j * np.tensordot(k, x, 1)))

    def force(x):
        G, e = modulus(*x[:2]), np.exp(-1j * np.tensordot(k, x, 1))
        divergence = -1j * (a @ k)
        strain = -0.5j * (np.outer(a, k) + np.outer(k, a))
        gradients = 2 * strain @ g + chi * g * divergence  # times G0
        stress = -(k @ k) * a - (1 + chi) * (a @ k) * k  # times G
        inertia = RHO * OMEGA**2 * np.multiply.outer(a, e)
        return -(np.multiply.outer(gradients * G0, e) + np.multiply.outer(stress, G * e) + inertia)

    return modulus, exact, force


def elastic_error(mesh, poisson_ratio):
    """Error when the manufactured wave is imposed on the boundary of triangles or tetrahedra.

    Returns the elements per wavelength and the relative error.
    """
    axes = mesh.dim()
    quadratic, linear = (ElementTriP2(), ElementTriP1()) if axes == 2 else (ElementTetP2(), ElementTetP1())
    modulus, exact, force = elastic_manufactured(axes, poisson_ratio)
    basis = Basis(mesh, ElementVector(quadratic), intorder=4)
    pressure = basis.with_element(linear)
    A, b = elastic.assemble_elastic(basis, pressure, modulus, FREQUENCY_HZ, poisson_ratio, body_force=force)
    known = basis.get_dofs().flatten()
    component = forward._component(basis, axes)[known]
    values = exact(basis.doflocs[:, known])[component, np.arange(len(known))]
    u = solvers.solve_with_known(A, b, known, values)[: basis.N]
    return elements_per_wavelength(mesh, modulus), relative_error(basis, u, exact)


def inplane(elements, poisson_ratio=0.4999):
    """Manufactured wave of two components in a disc."""
    phantom = Tissue(circle(0.04), 3000.0)
    return elastic_error(sizing.fit_mesh(phantom, [], FREQUENCY_HZ, elements), poisson_ratio)


def cube(elements, poisson_ratio=0.4999, side_m=0.04):
    """The manufactured wave of three components in a cube."""
    wavelength = float(shear_wavelength(3000.0 * np.exp(1j * np.arctan(0.2)), FREQUENCY_HZ))
    cells = round(1.3 * elements * side_m / wavelength)  # a cell's tetrahedra have edges of 1.3 cells
    axis = np.linspace(0, side_m, cells + 1)
    return elastic_error(MeshTet.init_tensor(axis, axis, axis), poisson_ratio)


CASES = {
    "plane wave": (plane_wave, 3),
    "axial cylinder, J0": (axial_cylinder, 3),
    "line source, H0": (line_source, 3),
    "varying modulus": (varying_modulus, 3),
    "inclusion, series": (inclusion, 2),
    "torsional cylinder, J1 (in-plane)": (torsional_cylinder, 3),
    "manufactured, in-plane": (inplane, 3),
    "manufactured, 3D": (cube, 3),
}
"""Name -> case and its theoretical order of convergence: 3 for quadratic elements in smooth waves.

Only order 2 is sure where straight edges follow a curve across which the modulus jumps, because slivers
between curve and edge have the wrong modulus.
"""


def power(elements):
    """Energy balance in varying tissue: power in / dissipated - 1, by the matrix and by rim traction."""
    phantom = Tissue(circle(0.05), lambda x, y: 3000 + 1000 * np.sin(60 * x), 0.3)
    drive = drivers.Driver(phase_slope_rad=2 * np.pi)
    field = forward.solve(phantom, drive, FREQUENCY_HZ, elements_per_wavelength=elements)
    rim = FacetBasis(field.basis.mesh, field.basis.elem, intorder=4)
    u = rim.interpolate(field.coefficients)
    traction = field.modulus(*rim.global_coordinates()) * np.einsum("iek,iek->ek", u.grad, rim.normals)
    through = 0.5 * np.sum(np.real(traction * np.conj(1j * OMEGA * u)) * rim.dx)
    lost = field.power_dissipated()
    return float(field.power_in() / lost - 1), float(through / lost - 1)


def reciprocity(elements=8):
    """Error of reciprocity |u_Q - u_P| / |u_Q|: u_Q at Q by a unit force at P, u_P at P by one at Q."""
    phantom = Tissue(circle(0.05), lambda x, y: 2000 + 20000 * x, lambda x, y: 0.2 + 2 * y)
    basis = Basis(sizing.fit_mesh(phantom, [], FREQUENCY_HZ, elements), ElementTriP2(), intorder=4)
    A, b = antiplane.assemble_antiplane(basis, rheology.complex_modulus(phantom), FREQUENCY_HZ)
    P, Q = (int((basis.doflocs.T @ np.array(q)).argmax()) for q in ([1.0, 0.3], [-0.7, 1.0]))
    known = np.setdiff1d(basis.get_dofs(lambda x: x[1] < -0.03).flatten(), [P, Q])
    u = []
    for source in (P, Q):
        force = b.copy()
        force[source] = 1.0
        u.append(solvers.solve_with_known(A, force, known, np.zeros(len(known), complex)))
    return float(abs(u[0][Q] - u[1][P]) / abs(u[0][Q]))
