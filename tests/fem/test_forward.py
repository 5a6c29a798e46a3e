"""The wave solver against closed solutions, reciprocity and the balance of power."""

import numpy as np
import pytest
from skfem import Basis, ElementTriP2, MeshTri

from dime.fem import antiplane, drivers, forward, rheology, sizing, solvers
from dime.physics import DENSITY_KG_M3 as RHO
from dime.studies import verification
from dime.studies.verification import (
    FREQUENCY_HZ,
    OMEGA,
    Tissue,
    circle,
    observed_order,
    relative_error,
    wavenumber,
)


def observed(case, elements):
    """Order of convergence and errors of a case of `verification` on meshes of `elements` per wavelength."""
    found, errors = zip(*(case(n) for n in elements), strict=True)
    return observed_order(found, errors), errors


def test_plane_wave():
    """u = e^{-ik.x} on a disc, imposed on its rim: third order, and < 0.3 % at 10 elements per wavelength."""
    order, errors = observed(verification.plane_wave, (7, 10, 14, 20))
    assert errors[1] < 3e-3
    assert order == pytest.approx(3, abs=0.35)


def test_axially_driven_cylinder():
    """u = U J0(kr)/J0(ka) when the whole rim moves with U: third order, straight edges and all, as imaged."""
    order, errors = observed(verification.axial_cylinder, (7, 10, 14, 20))
    assert errors[1] < 3e-3
    assert order > 2.6


def test_the_image_covers_the_disc():
    """Pixels whose wave is known, times their area, are the disc's own."""
    field = forward.solve(Tissue(circle(0.06), 3000.0), drivers.Driver(), FREQUENCY_HZ)
    x = np.arange(-59.5e-3, 60e-3, 1e-3)
    assert np.isfinite(field.sample(x, x)).sum() == pytest.approx(np.pi * 60**2, rel=0.01)


def test_line_source():
    """A unit force on one node makes u = -(i/4G) H0^(2)(kr): third order away from it, where u is smooth."""
    order, errors = observed(verification.line_source, (8, 12, 18))
    assert errors[0] < 5e-3
    assert order == pytest.approx(3, abs=0.5)


def test_cylindrical_inclusion():
    """A plane wave scattered by a softer cylinder of radius a: the series that matches u and G du/dr at a.

    The field has a kink on a circle that straight edges follow: better than second order, and small.
    """
    order, errors = observed(verification.inclusion, (7, 10, 14))
    assert errors[1] < 3e-3
    assert order > 2
    assert verification.inclusion(10, mesh_follows=False)[1] > 2 * errors[1]  # a mesh that ignores it


def test_manufactured_varying_modulus():
    """u = e^{-i(px+qy)} and G* = G0 (1 + gx x + gy y^2), with the force it needs: third order."""
    order, errors = observed(verification.varying_modulus, (7, 10, 14, 20))
    assert errors[1] < 3e-3
    assert order == pytest.approx(3, abs=0.35)


@pytest.mark.parametrize("kappa", [150.0, 400.0])
def test_motion_that_varies_through_the_slice(kappa):
    """A shaken cylinder again, J0(qr) with q^2 = k^2 - kappa^2, Re k 215 /m: a longer wave, or none."""
    elements, errors = zip(*(verification.axial_cylinder(n, 1e-3, kappa) for n in (8, 12, 18)), strict=True)
    assert errors[-1] < 2e-3
    assert observed_order(elements, errors) == pytest.approx(3, abs=0.4)


def test_reciprocity():
    """A force at P moves Q as the same force at Q moves P, in tissue that varies."""
    assert verification.reciprocity() < 1e-9


def test_power_in_is_dissipated():
    """1/2 Re int t.conj(v) over the rim, from the field's own gradient, tends to the loss inside."""
    (balance, coarse), (_, fine) = verification.power(8), verification.power(16)
    assert abs(balance) < 1e-9
    assert abs(fine) < 1e-2
    assert coarse / fine > 3  # near second order: the traction is a derivative


def rectangle(width, height):
    return np.array([[0, 0], [width, 0], [width, height], [0, height]])


def test_slab():
    """u = U cos(k(x - L/2))/cos(kL/2) between two walls that move with U, the other two free."""
    L, H, U = 0.12, 0.05, 1e-5
    k = wavenumber(2500.0)
    around = 2 * (L + H)
    walls = [drivers.Driver(L / around, (L + H) / around, U), drivers.Driver((2 * L + H) / around, 1.0, U)]
    field = forward.solve(Tissue(rectangle(L, H), 2500.0), walls, FREQUENCY_HZ)
    exact = relative_error(
        field.basis, field.coefficients, lambda x: U * np.cos(k * (x[0] - L / 2)) / np.cos(k * L / 2)
    )
    assert exact < 2e-3


def test_interface_reflection_and_transmission():
    """Normal incidence on a jump of modulus: R = (Z1-Z2)/(Z1+Z2), T = 2 Z1/(Z1+Z2), Z = sqrt(rho G*)."""
    L, H = 0.12, 0.03
    soft, stiff = 2000.0, 6000.0
    k1, k2 = wavenumber(soft), wavenumber(stiff)
    Z1, Z2 = RHO * OMEGA / k1, RHO * OMEGA / k2
    R, T = (Z1 - Z2) / (Z1 + Z2), 2 * Z1 / (Z1 + Z2)
    phantom = Tissue(rectangle(L, H), lambda x, y: np.where(x < L / 2, soft, stiff))

    def exact(x, y):
        s = x - L / 2
        return np.where(s < 0, np.exp(-1j * k1 * s) + R * np.exp(1j * k1 * s), T * np.exp(-1j * k2 * s))

    errors, cells = [], (24, 36, 60)
    for n in cells:  # an edge of every mesh lies on the interface
        mesh = MeshTri.init_tensor(np.linspace(0, L, n + 1), np.linspace(0, H, n // 4 + 1))
        basis = Basis(mesh, ElementTriP2(), intorder=4)
        wall = mesh.facets_satisfying(lambda x: np.isclose(x[0], L))
        A, b = antiplane.assemble_antiplane(
            basis, rheology.complex_modulus(phantom), FREQUENCY_HZ, absorbing=wall
        )
        known = basis.get_dofs(lambda x: np.isclose(x[0], 0)).flatten()
        u = solvers.solve_with_known(A, b, known, exact(*basis.doflocs[:, known]))
        errors.append(relative_error(basis, u, lambda x: exact(*x)))
    assert errors[-1] < 1.5e-3
    assert observed_order(cells, errors) == pytest.approx(3, abs=0.4)


@pytest.mark.parametrize("kappa", [0.0, 150.0, 400.0])
def test_absorbing_boundary(kappa):
    """A plane wave that meets an impedance wall head on leaves no echo: u = U e^{-ikx} from a driven wall.

    With kappa it varies through the slice, and k in the slice is sqrt(k^2 - kappa^2).
    """
    L, H, U = 0.15, 0.04, 1e-5
    free = wavenumber(2000.0, 0.1)
    k = np.sqrt(free**2 - kappa**2)
    through = {"through_plane_per_m": kappa}
    phantom = Tissue(rectangle(L, H), 2000.0, 0.1)
    mesh = sizing.fit_mesh(phantom, [], FREQUENCY_HZ, 10)
    basis = Basis(mesh, ElementTriP2(), intorder=4)
    wall = mesh.facets_satisfying(lambda x: np.isclose(x[0], L))
    A, b = antiplane.assemble_antiplane(
        basis, rheology.complex_modulus(phantom), FREQUENCY_HZ, absorbing=wall, **through
    )
    known = basis.get_dofs(lambda x: np.isclose(x[0], 0)).flatten()
    u = solvers.solve_with_known(A, b, known, np.full(len(known), U + 0j))
    assert relative_error(basis, u, lambda x: U * np.exp(-1j * k * x[0])) < 3e-3
    A, b = antiplane.assemble_antiplane(basis, rheology.complex_modulus(phantom), FREQUENCY_HZ, **through)
    u = solvers.solve_with_known(A, b, known, np.full(len(known), U + 0j))
    if kappa < free.real:  # what does not travel has no echo
        assert relative_error(basis, u, lambda x: U * np.exp(-1j * k * x[0])) > 0.05  # a free wall does echo


def test_driver_arc():
    """Two half arcs with one amplitude are the full rim; an arc may pass the outline's first point."""
    phantom = Tissue(circle(0.04), 3000.0)
    x = np.linspace(-0.025, 0.025, 25)
    whole = forward.solve(phantom, drivers.Driver(), FREQUENCY_HZ).sample(x, x)
    halves = forward.solve(
        phantom, [drivers.Driver(0.8, 0.3), drivers.Driver(0.3, 0.8)], FREQUENCY_HZ
    ).sample(x, x)
    assert np.linalg.norm(halves - whole) < 2e-3 * np.linalg.norm(whole)
    late = forward.solve(phantom, drivers.Driver(0.9, 0.1, phase_slope_rad=2.0), FREQUENCY_HZ)
    at = late.basis.doflocs
    rim = late.basis.get_dofs().flatten()
    angle = np.arctan2(at[1, rim], at[0, rim])
    driven = np.abs(angle) < 0.2 * np.pi * 0.99
    lag = (angle[driven] / (0.2 * np.pi) + 1) / 2 * 2.0
    np.testing.assert_allclose(late.coefficients[rim][driven], 1e-5 * np.exp(-1j * lag), rtol=1e-3)


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(frequency_hz=60000.0), "mesh too coarse for 60000.0 Hz.*elements per wavelength, 10 needed"),
        (dict(elements_per_wavelength=2), "2 elements per wavelength found, 4 needed"),
        (dict(mesh=MeshTri().refined(2).scaled(0.06)), "elements per wavelength found, 10 needed"),
        (dict(phantom=Tissue(circle(0.04), -1.0)), "stiffness: expected positive"),
        (dict(phantom=Tissue(circle(0.04), 2000.0, -0.1)), "loss_tangent: expected values >= 0"),
        (dict(phantom=Tissue(circle(0.04), lambda x, y: np.where(x > 0, np.nan, 2e3))), "stiffness.*finite"),
        (dict(phantom=Tissue(np.full((9, 2), np.nan), 2000.0)), "outline: expected finite"),
        (dict(phantom=Tissue(0.1 * rectangle(1, 1)[[0, 2, 1, 3]], 2000.0)), "outline: expected a curve"),
        (dict(drivers=[]), "at least one driver"),
        (dict(boundary="soft"), "boundary: expected"),
        (dict(physics="acoustic"), "physics: expected"),
    ],
)
def test_bad_input(change, message):
    """One line that names what is wrong."""
    arguments = dict(
        phantom=Tissue(circle(0.04), 2000.0), drivers=drivers.Driver(), frequency_hz=FREQUENCY_HZ
    )
    with pytest.raises(ValueError, match=message) as caught:
        forward.solve(**{**arguments, **change})
    assert "\n" not in str(caught.value)


def test_axes_must_increase():
    """An image axis that runs backwards is refused: its pixels would be looked up wrongly."""
    field = forward.solve(Tissue(circle(0.02), 3000.0), drivers.Driver(), FREQUENCY_HZ)
    with pytest.raises(ValueError, match="y_m: expected increasing"):
        field.sample(np.arange(3), np.arange(3)[::-1])


def test_driver_that_misses_the_mesh():
    """A short arc between two boundary nodes of a given mesh holds nothing: refused."""
    phantom = Tissue(rectangle(0.04, 0.04), 2000.0)
    mesh = MeshTri().refined(5).scaled(0.04)
    with pytest.raises(ValueError, match="touches no boundary node"):
        forward.solve(phantom, drivers.Driver(0.1005, 0.1006), FREQUENCY_HZ, mesh=mesh)
    with pytest.raises(ValueError, match="profile"):
        drivers.Driver(profile="square")
    with pytest.raises(ValueError, match="finite"):
        drivers.Driver(amplitude=np.nan)
