"""In-plane and slab waves against closed and manufactured solutions, near and at incompressibility."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import jv
from skfem import (
    Basis,
    ElementTetP1,
    ElementTetP2,
    ElementTriP1,
    ElementTriP2,
    ElementVector,
    FacetBasis,
    MeshTet,
    MeshTri,
)

from dime import DENSITY_KG_M3 as RHO
from dime import fem
from dime.fem import elastic
from dime.fem.mesh import mesh_region
from dime.fem.slab import extrude

FREQUENCY_HZ = 60.0
OMEGA = 2 * np.pi * FREQUENCY_HZ
G0 = 3000.0 * np.exp(1j * np.arctan(0.2))


def disc(radius, n=2000):
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return radius * np.stack([np.cos(t), np.sin(t)], 1)


def homogeneous(outline):
    return SimpleNamespace(outline=outline, stiffness=lambda x, y: np.full(np.shape(x), 3000.0),
                           loss_tangent=lambda x, y: np.full(np.shape(x), 0.2), interfaces=())


def manufactured(axes, poisson_ratio):
    """u = a e^{-ik.x}, G* = G0 (1 + g.x): displacement, modulus and the body force that they need.

    a is transverse but for a part of order 1/lambda along k, which makes the pressure as large as the shear
    stress however near to incompressible the tissue is.
    """
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
        return -(np.multiply.outer(gradients * G0, e) + np.multiply.outer(stress, G * e)
                 + RHO * OMEGA**2 * np.multiply.outer(a, e))

    return modulus, exact, force


def relative_error(mesh, quadratic, linear, poisson_ratio):
    """Relative L2 error of the displacement when the exact one is imposed on the whole boundary."""
    modulus, exact, force = manufactured(mesh.dim(), poisson_ratio)
    basis = Basis(mesh, ElementVector(quadratic), intorder=4)
    pressure = basis.with_element(linear)
    A, b = elastic.assemble_elastic(basis, pressure, modulus, FREQUENCY_HZ, poisson_ratio, body_force=force)
    known = basis.get_dofs().flatten()
    component = fem._component(basis, mesh.dim())[known]
    values = exact(basis.doflocs[:, known])[component, np.arange(len(known))]
    u = fem.solve_with_known(A, b, known, values)[: basis.N]
    truth = exact(basis.global_coordinates())
    error = np.asarray(basis.interpolate(u)) - truth
    return np.sqrt(np.sum(np.abs(error) ** 2 * basis.dx) / np.sum(np.abs(truth) ** 2 * basis.dx))


@pytest.mark.parametrize("poisson_ratio", [0.3, 0.4999, 0.4999999])
def test_in_plane_manufactured(poisson_ratio):
    """u = a e^{-ik.x} with varying G*: third order, and the error is the same at every Poisson ratio."""
    sizes, errors = (0.008, 0.0055, 0.004), []
    for h in sizes:
        mesh = mesh_region(disc(0.04), lambda x, y, h=h: np.full(np.shape(x), h))
        errors.append(relative_error(mesh, ElementTriP2(), ElementTriP1(), poisson_ratio))
    assert errors[-1] < 3e-3
    assert np.polyfit(np.log(sizes), np.log(errors), 1)[0] == pytest.approx(3, abs=0.6)


@pytest.mark.parametrize("poisson_ratio", [0.3, 0.4999])
def test_slab_manufactured(poisson_ratio):
    """The same wave in a cube of tetrahedra: third order without locking."""
    cells, errors = (4, 5, 7), []
    for n in cells:
        axis = np.linspace(0, 0.04, n + 1)
        mesh = MeshTet.init_tensor(axis, axis, axis)
        errors.append(relative_error(mesh, ElementTetP2(), ElementTetP1(), poisson_ratio))
    assert errors[-1] < 3e-2
    assert -np.polyfit(np.log(cells), np.log(errors), 1)[0] == pytest.approx(3, abs=0.6)


def test_torsional_cylinder():
    """A rim that turns to and fro with U makes u_theta = U J1(kr)/J1(ka), whatever Poisson's ratio."""
    a, U = 0.05, 1e-5
    k = OMEGA * np.sqrt(RHO / G0)
    x = np.arange(-49e-3, 50e-3, 2e-3)
    X, Y = np.meshgrid(x, x)
    r = np.hypot(X, Y)
    truth = U * jv(1, k * r) / jv(1, k * a) * np.stack([-Y, X]) / r
    for poisson_ratio in (0.4, 0.4999):
        field = fem.solve(homogeneous(disc(a)), fem.Driver(amplitude=U, direction="tangential"), FREQUENCY_HZ,
                          physics="inplane", poisson_ratio=poisson_ratio)
        u = field.sample(x, x)
        inside = ~np.isnan(u)
        assert np.linalg.norm((u - truth)[inside]) < 5e-3 * np.linalg.norm(truth[inside])
        assert field.power_in() == pytest.approx(field.power_dissipated(), rel=1e-6)


@pytest.mark.parametrize("physics", ["antiplane", "inplane"])
def test_absorbing_walls_take_the_rest(physics):
    """Power in = dissipated + 1/2 omega^2 int Re Z |u|^2 over the walls that no driver holds."""
    phantom = homogeneous(disc(0.04))
    field = fem.solve(phantom, fem.Driver(0.1, 0.4), FREQUENCY_HZ, physics=physics, boundary="impedance")
    mesh = field.basis.mesh
    facets = mesh.boundary_facets()
    turn = np.arctan2(*mesh.p[::-1, mesh.facets[:, facets]].mean(1)) / (2 * np.pi) % 1.0
    walls = FacetBasis(mesh, field.basis.elem, facets=facets[(turn < 0.1) | (turn > 0.4)], intorder=4)
    u = np.asarray(walls.interpolate(field.displacement))
    power = np.abs(u.reshape(-1, *walls.dx.shape)) ** 2 * np.sqrt(RHO * G0).real
    absorbed = 0.5 * OMEGA**2 * np.sum(power * walls.dx)
    assert absorbed > 0.01 * field.power_in()
    assert field.power_in() == pytest.approx(field.power_dissipated() + absorbed, rel=1e-6)


def test_torsional_slab():
    """A slab with free faces whose rim turns: u_theta = U J1(kr)/J1(ka) again, for no stress acts there."""
    a, U = 0.03, 1e-5
    x = np.arange(-28e-3, 29e-3, 2e-3)
    X, Y = np.meshgrid(x, x)
    r = np.maximum(np.hypot(X, Y), 1e-12)
    k = OMEGA * np.sqrt(RHO / G0)
    truth = U * jv(1, k * r) / jv(1, k * a) * np.stack([-Y, X, 0 * X]) / r
    drive, errors = fem.Driver(amplitude=U, direction="tangential"), []
    for n in (4, 6):
        field = fem.solve(homogeneous(disc(a)), drive, FREQUENCY_HZ, physics="3d", thickness_m=0.01,
                          elements_per_wavelength=n)
        u = field.sample(x, x, 0.002)
        inside = ~np.isnan(u)
        assert inside[0].sum() > 0.95 * (r < a).sum()
        errors.append(np.linalg.norm((u - truth)[inside]) / np.linalg.norm(truth[inside]))
        assert field.power_in() == pytest.approx(field.power_dissipated(), rel=1e-6)
    assert errors[0] < 0.05
    assert errors[0] / errors[1] > 1.5**2
    with pytest.raises(ValueError, match="z_m"):
        field.sample(x, x, 0.02)


def test_extruded_mesh_fills_the_slab():
    """Neighbouring prisms agree on their diagonals: the volume is right and only the surface is boundary."""
    base = MeshTri().refined(3)
    mesh = extrude(base, 0.5, 4)
    volume = Basis(mesh, ElementTetP1()).dx.sum()
    assert volume == pytest.approx(0.5)
    walls = len(base.boundary_facets()) * 4 * 2
    assert len(mesh.boundary_facets()) == walls + 2 * base.nelements


def test_bad_input():
    """One line that names the field."""
    phantom = homogeneous(disc(0.03))
    with pytest.raises(ValueError, match="poisson_ratio"):
        fem.solve(phantom, fem.Driver(), FREQUENCY_HZ, physics="inplane", poisson_ratio=0.6)
    with pytest.raises(ValueError, match="direction"):
        fem.Driver(direction="sideways")
    with pytest.raises(ValueError, match="direction"):
        fem.solve(phantom, fem.Driver(direction=(0, 0, 1)), FREQUENCY_HZ, physics="inplane")
    with pytest.raises(ValueError, match="thickness_m"):
        fem.solve(phantom, fem.Driver(), FREQUENCY_HZ, physics="3d", thickness_m=-1)
