"""In-plane and slab waves against closed and manufactured solutions, near and at incompressibility."""

import numpy as np
import pytest
from scipy.special import jv
from skfem import Basis, ElementTetP1, FacetBasis, MeshTri

from dime.fem import drivers, forward
from dime.fem.slab import extrude
from dime.physics import DENSITY_KG_M3 as RHO
from dime.studies import verification
from dime.studies.verification import FREQUENCY_HZ, OMEGA, Tissue, circle, observed_order

G0 = 3000.0 * np.exp(1j * np.arctan(0.2))


def observed(case, elements, poisson_ratio):
    """Order of convergence and errors of a case of `verification` on meshes of `elements` per wavelength."""
    found, errors = zip(*(case(n, poisson_ratio) for n in elements), strict=True)
    return observed_order(found, errors), errors


@pytest.mark.parametrize("poisson_ratio", [0.3, 0.4999, 0.4999999])
def test_in_plane_manufactured(poisson_ratio):
    """u = a e^{-ik.x} with varying G*: third order, and the error is the same at every Poisson ratio."""
    order, errors = observed(verification.inplane, (4, 6, 8), poisson_ratio)
    assert errors[-1] < 3e-3
    assert order == pytest.approx(3, abs=0.6)


@pytest.mark.parametrize("poisson_ratio", [0.3, 0.4999])
def test_slab_manufactured(poisson_ratio):
    """The same wave in a cube of tetrahedra: third order without locking."""
    order, errors = observed(verification.cube, (2.3, 2.9, 4), poisson_ratio)
    assert errors[-1] < 3e-2
    assert order == pytest.approx(3, abs=0.6)


def test_torsional_cylinder():
    """A rim that turns to and fro with U makes U J1(kr)/J1(ka), whatever Poisson's ratio: third order."""
    for poisson_ratio in (0.4, 0.4999):
        order, errors = observed(verification.torsional_cylinder, (5, 7, 10), poisson_ratio)
        assert errors[-1] < 3e-3
        assert order == pytest.approx(3, abs=0.5)
    field = forward.solve(
        Tissue(circle(0.05), 3000.0), drivers.Driver(direction="tangential"), FREQUENCY_HZ, physics="inplane"
    )
    assert field.power_in() == pytest.approx(field.power_dissipated(), rel=1e-6)


@pytest.mark.parametrize("physics", ["antiplane", "inplane"])
def test_absorbing_walls_take_the_rest(physics):
    """Power in = dissipated + 1/2 omega^2 int Re Z |u|^2 over the walls that no driver holds."""
    phantom = Tissue(circle(0.04), 3000.0)
    field = forward.solve(
        phantom, drivers.Driver(0.1, 0.4), FREQUENCY_HZ, physics=physics, boundary="impedance"
    )
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
    drive, errors = drivers.Driver(amplitude=U, direction="tangential"), []
    for n in (4, 6):
        field = forward.solve(
            Tissue(circle(a), 3000.0),
            drive,
            FREQUENCY_HZ,
            physics="3d",
            thickness_m=0.01,
            elements_per_wavelength=n,
        )
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
    phantom = Tissue(circle(0.03), 3000.0)
    with pytest.raises(ValueError, match="poisson_ratio"):
        forward.solve(phantom, drivers.Driver(), FREQUENCY_HZ, physics="inplane", poisson_ratio=0.6)
    with pytest.raises(ValueError, match="direction"):
        drivers.Driver(direction="sideways")
    with pytest.raises(ValueError, match="direction"):
        forward.solve(phantom, drivers.Driver(direction=(0, 0, 1)), FREQUENCY_HZ, physics="inplane")
    with pytest.raises(ValueError, match="thickness_m"):
        forward.solve(phantom, drivers.Driver(), FREQUENCY_HZ, physics="3d", thickness_m=-1)
