"""The wave solver against closed solutions, reciprocity and the balance of power."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import h2vp, hankel2, jv, jvp
from skfem import Basis, ElementTriP2, FacetBasis, MeshTri

from dime import DENSITY_KG_M3 as RHO
from dime import fem

FREQUENCY_HZ = 60.0
OMEGA = 2 * np.pi * FREQUENCY_HZ


def tissue(outline, stiffness, loss_tangent=0.2, interfaces=()):
    """A phantom of constant or given (x, y) -> value maps."""

    def as_map(value):
        return value if callable(value) else lambda x, y: np.full(np.shape(x), float(value))

    return SimpleNamespace(outline=outline, stiffness=as_map(stiffness), loss_tangent=as_map(loss_tangent),
                           interfaces=interfaces)


def circle(radius, n=2000, centre=(0.0, 0.0)):
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([centre[0] + radius * np.cos(t), centre[1] + radius * np.sin(t)], 1)


def rectangle(width, height):
    return np.array([[0, 0], [width, 0], [width, height], [0, height]])


def wavenumber(stiffness, loss_tangent=0.2):
    return OMEGA * np.sqrt(RHO / (stiffness * np.exp(1j * np.arctan(loss_tangent))))


def with_trace(phantom, exact, mesh, body_force=None):
    """Solve with the exact solution imposed on the whole boundary; relative L2 error, mean element length."""
    basis = Basis(mesh, ElementTriP2(), intorder=4)
    A, b = fem.assemble_antiplane(basis, fem.complex_modulus(phantom), FREQUENCY_HZ, body_force=body_force)
    known = basis.get_dofs().flatten()
    u = fem.solve_with_known(A, b, known, exact(*basis.doflocs[:, known]))
    return relative_error(basis, u, exact), np.sqrt(basis.dx.sum() / mesh.nelements)


def relative_error(basis, u, exact):
    truth = exact(*basis.global_coordinates())
    error = basis.interpolate(u) - truth
    return np.sqrt(np.sum(np.abs(error) ** 2 * basis.dx) / np.sum(np.abs(truth) ** 2 * basis.dx))


def observed_order(errors, sizes):
    """Slope of log error against log element size."""
    return np.polyfit(np.log(sizes), np.log(errors), 1)[0]


def test_plane_wave():
    """u = e^{-ik.x} on a disc, imposed on its rim: third order, and < 0.3 % at 10 elements per wavelength."""
    phantom, k = tissue(circle(0.06), 2000.0), wavenumber(2000.0)

    def exact(x, y):
        return np.exp(-1j * k * (x * np.cos(0.4) + y * np.sin(0.4)))

    errors, sizes = zip(*(with_trace(phantom, exact, fem.fit_mesh(phantom, [], FREQUENCY_HZ, n))
                          for n in (7, 10, 14, 20)), strict=True)
    assert errors[1] < 3e-3
    assert observed_order(errors, sizes) == pytest.approx(3, abs=0.35)


def test_axially_driven_cylinder():
    """u = U J0(kr)/J0(ka) when the whole rim moves with U: third order, straight edges and all, as imaged."""
    a, U = 0.06, 1e-5
    k = wavenumber(3000.0, 0.3)
    x = np.arange(-59.5e-3, 60e-3, 1e-3)
    truth = U * jv(0, k * np.hypot(*np.meshgrid(x, x))) / jv(0, k * a)
    errors, elements = [], (7, 10, 14, 20)
    for n in elements:
        field = fem.solve(tissue(circle(a), 3000.0, 0.3), fem.Driver(amplitude=U), FREQUENCY_HZ,
                          elements_per_wavelength=n)
        u = field.sample(x, x)
        inside = ~np.isnan(u)
        assert inside.sum() == pytest.approx(np.pi * 60**2, rel=0.01)
        errors.append(np.linalg.norm((u - truth)[inside]) / np.linalg.norm(truth[inside]))
    assert errors[1] < 3e-3
    assert observed_order(errors, 1 / np.array(elements)) > 2.6


def test_slab():
    """u = U cos(k(x - L/2))/cos(kL/2) between two walls that move with U, the other two free."""
    L, H, U = 0.12, 0.05, 1e-5
    k = wavenumber(2500.0)
    around = 2 * (L + H)
    walls = [fem.Driver(L / around, (L + H) / around, U), fem.Driver((2 * L + H) / around, 1.0, U)]
    field = fem.solve(tissue(rectangle(L, H), 2500.0), walls, FREQUENCY_HZ)
    exact = relative_error(field.basis, field.coefficients,
                           lambda x, y: U * np.cos(k * (x - L / 2)) / np.cos(k * L / 2))
    assert exact < 2e-3


def test_line_source():
    """A unit force on one node makes u = -(i/4G) H0^(2)(kr): third order away from it, where u is smooth."""
    stiffness, tangent = 2000.0, 0.2
    phantom, k = tissue(circle(0.05), stiffness, tangent), wavenumber(stiffness, tangent)
    G = stiffness * np.exp(1j * np.arctan(tangent))
    errors, sizes = [], []
    for n in (8, 12, 18):
        mesh = fem.fit_mesh(phantom, [], FREQUENCY_HZ, n)
        basis = Basis(mesh, ElementTriP2(), intorder=4)
        node = np.argmin(np.linalg.norm(basis.doflocs[:, : mesh.nvertices], axis=0))
        source = basis.doflocs[:, node]

        def exact(x, y, source=source):
            return -0.25j / G * hankel2(0, k * np.hypot(x - source[0], y - source[1]))

        A, b = fem.assemble_antiplane(basis, fem.complex_modulus(phantom), FREQUENCY_HZ)
        b[node] = 1.0
        known = basis.get_dofs().flatten()
        u = fem.solve_with_known(A, b, known, exact(*basis.doflocs[:, known]))
        away = np.linalg.norm(basis.doflocs, axis=0) > 0.02
        truth = exact(*basis.doflocs[:, away])
        errors.append(np.linalg.norm(u[away] - truth) / np.linalg.norm(truth))
        sizes.append(1 / n)
    assert errors[0] < 5e-3
    assert observed_order(errors, sizes) > 2.7


def test_interface_reflection_and_transmission():
    """Normal incidence on a jump of modulus: R = (Z1-Z2)/(Z1+Z2), T = 2 Z1/(Z1+Z2), Z = sqrt(rho G*)."""
    L, H = 0.12, 0.03
    soft, stiff = 2000.0, 6000.0
    k1, k2 = wavenumber(soft), wavenumber(stiff)
    Z1, Z2 = RHO * OMEGA / k1, RHO * OMEGA / k2
    R, T = (Z1 - Z2) / (Z1 + Z2), 2 * Z1 / (Z1 + Z2)
    phantom = tissue(rectangle(L, H), lambda x, y: np.where(x < L / 2, soft, stiff))

    def exact(x, y):
        s = x - L / 2
        return np.where(s < 0, np.exp(-1j * k1 * s) + R * np.exp(1j * k1 * s), T * np.exp(-1j * k2 * s))

    errors, cells = [], (24, 36, 60)
    for n in cells:  # an edge of every mesh lies on the interface
        mesh = MeshTri.init_tensor(np.linspace(0, L, n + 1), np.linspace(0, H, n // 4 + 1))
        basis = Basis(mesh, ElementTriP2(), intorder=4)
        wall = mesh.facets_satisfying(lambda x: np.isclose(x[0], L))
        A, b = fem.assemble_antiplane(basis, fem.complex_modulus(phantom), FREQUENCY_HZ, absorbing=wall)
        known = basis.get_dofs(lambda x: np.isclose(x[0], 0)).flatten()
        u = fem.solve_with_known(A, b, known, exact(*basis.doflocs[:, known]))
        errors.append(relative_error(basis, u, exact))
    assert errors[-1] < 1.5e-3
    assert observed_order(errors, 1 / np.array(cells)) == pytest.approx(3, abs=0.4)


def test_cylindrical_inclusion():
    """A plane wave scattered by a softer cylinder of radius a: the series that matches u and G du/dr at a.

    Outside sum_n [(-i)^n J_n(k1 r) + b_n H_n^(2)(k1 r)] e^{i n t}, inside sum_n c_n J_n(k2 r) e^{i n t}. The
    field has a kink on a circle that straight edges follow: better than second order, and small.
    """
    a, outer, soft, tangent = 0.015, 0.05, 1500.0, 0.1
    G1, G2 = (G * np.exp(1j * np.arctan(tangent)) for G in (3000.0, soft))
    k1, k2 = wavenumber(3000.0, tangent), wavenumber(soft, tangent)
    n = np.arange(-16, 17)
    match = np.array([[hankel2(n, k1 * a), -jv(n, k2 * a)],
                      [G1 * k1 * h2vp(n, k1 * a), -G2 * k2 * jvp(n, k2 * a)]])  # (equation, unknown, order)
    incident = np.array([(-1j) ** n * jv(n, k1 * a), G1 * k1 * (-1j) ** n * jvp(n, k1 * a)])
    b_n, c_n = np.linalg.solve(match.transpose(2, 0, 1), -incident.T[..., None])[..., 0].T

    def exact(x, y):
        r, turn = np.hypot(x, y), np.exp(1j * np.multiply.outer(n, np.arctan2(y, x)))
        inside, outside = np.minimum(r, a), np.maximum(r, a)
        scattered = sum(b * hankel2(m, k1 * outside) * e for b, m, e in zip(b_n, n, turn, strict=True))
        within = sum(c * jv(m, k2 * inside) * e for c, m, e in zip(c_n, n, turn, strict=True))
        return np.where(r < a, within, np.exp(-1j * k1 * x) + scattered)

    phantom = tissue(circle(outer), lambda x, y: np.where(np.hypot(x, y) < a, soft, 3000.0), tangent,
                     (circle(a),))
    errors, sizes = zip(*(with_trace(phantom, exact, fem.fit_mesh(phantom, [], FREQUENCY_HZ, m))
                          for m in (7, 10, 14)), strict=True)
    assert errors[1] < 3e-3
    assert observed_order(errors, sizes) > 2
    blind = fem.fit_mesh(tissue(circle(outer), soft), [], FREQUENCY_HZ, 10)
    blurred = with_trace(phantom, exact, blind)[0]
    assert blurred > 2 * errors[1]  # a mesh that ignores the inclusion


def test_manufactured_varying_modulus():
    """u = e^{-i(px+qy)} and G* = G0 (1 + gx x + gy y^2), with the force it needs: third order."""
    p, q, G0, gx, gy = 180.0, 90.0, 3000.0 * (1 + 0.3j), 6.0, 200.0

    def G(x, y):
        return G0 * (1 + gx * x + gy * y**2)

    def exact(x, y):
        return np.exp(-1j * (p * x + q * y))

    def force(x, y):
        stretch = -1j * (p * G0 * gx + q * G0 * 2 * gy * y) - (p**2 + q**2) * G(x, y)
        return -(stretch + RHO * OMEGA**2) * exact(x, y)

    phantom = tissue(circle(0.05), lambda x, y: np.abs(G(x, y)), 0.3)
    errors, sizes = zip(*(with_trace(phantom, exact, fem.fit_mesh(phantom, [], FREQUENCY_HZ, n), force)
                          for n in (7, 10, 14, 20)), strict=True)
    assert errors[1] < 3e-3
    assert observed_order(errors, sizes) == pytest.approx(3, abs=0.35)


def test_absorbing_boundary():
    """A plane wave that meets an impedance wall head on leaves no echo: u = U e^{-ikx} from a driven wall."""
    L, H, U = 0.15, 0.04, 1e-5
    k = wavenumber(2000.0, 0.1)
    phantom = tissue(rectangle(L, H), 2000.0, 0.1)
    mesh = fem.fit_mesh(phantom, [], FREQUENCY_HZ, 10)
    basis = Basis(mesh, ElementTriP2(), intorder=4)
    wall = mesh.facets_satisfying(lambda x: np.isclose(x[0], L))
    A, b = fem.assemble_antiplane(basis, fem.complex_modulus(phantom), FREQUENCY_HZ, absorbing=wall)
    known = basis.get_dofs(lambda x: np.isclose(x[0], 0)).flatten()
    u = fem.solve_with_known(A, b, known, np.full(len(known), U + 0j))
    assert relative_error(basis, u, lambda x, y: U * np.exp(-1j * k * x)) < 3e-3
    A, b = fem.assemble_antiplane(basis, fem.complex_modulus(phantom), FREQUENCY_HZ)
    u = fem.solve_with_known(A, b, known, np.full(len(known), U + 0j))
    assert relative_error(basis, u, lambda x, y: U * np.exp(-1j * k * x)) > 0.1  # a free wall does echo


def test_reciprocity():
    """A force at P moves Q as the same force at Q moves P, in tissue that varies."""
    phantom = tissue(circle(0.05), lambda x, y: 2000 + 20000 * x, lambda x, y: 0.2 + 2 * y)
    basis = Basis(fem.fit_mesh(phantom, [], FREQUENCY_HZ, 8), ElementTriP2(), intorder=4)
    A, b = fem.assemble_antiplane(basis, fem.complex_modulus(phantom), FREQUENCY_HZ)
    P, Q = (basis.doflocs.T @ np.array(q) for q in ([1.0, 0.3], [-0.7, 1.0]))
    P, Q = P.argmax(), Q.argmax()
    known = np.setdiff1d(basis.get_dofs(lambda x: x[1] < -0.03).flatten(), [P, Q])
    u = []
    for source in (P, Q):
        force = b.copy()
        force[source] = 1.0
        u.append(fem.solve_with_known(A, force, known, np.zeros(len(known), complex)))
    assert abs(u[0][Q]) > 0
    assert u[0][Q] == pytest.approx(u[1][P], rel=1e-9)


def test_power_in_is_dissipated():
    """1/2 Re int t.conj(v) over the rim, from the field's own gradient, tends to the loss inside."""
    phantom = tissue(circle(0.05), lambda x, y: 3000 + 1000 * np.sin(60 * x), 0.3)
    misfit = []
    for n in (8, 16):
        field = fem.solve(phantom, fem.Driver(phase_slope_rad=2 * np.pi), FREQUENCY_HZ,
                          elements_per_wavelength=n)
        assert field.power_in() == pytest.approx(field.power_dissipated(), rel=1e-9)
        rim = FacetBasis(field.basis.mesh, field.basis.elem, intorder=4)
        u = rim.interpolate(field.coefficients)
        traction = field.modulus(*rim.global_coordinates()) * np.einsum("iek,iek->ek", u.grad, rim.normals)
        through = 0.5 * np.sum(np.real(traction * np.conj(1j * OMEGA * u)) * rim.dx)
        misfit.append(abs(through / field.power_dissipated() - 1))
    assert misfit[1] < 1e-2
    assert misfit[0] / misfit[1] > 3  # near second order: the traction is a derivative


def test_driver_arc():
    """Two half arcs with one amplitude are the full rim; an arc may pass the outline's first point."""
    phantom = tissue(circle(0.04), 3000.0)
    x = np.linspace(-0.025, 0.025, 25)
    whole = fem.solve(phantom, fem.Driver(), FREQUENCY_HZ).sample(x, x)
    halves = fem.solve(phantom, [fem.Driver(0.8, 0.3), fem.Driver(0.3, 0.8)], FREQUENCY_HZ).sample(x, x)
    assert np.linalg.norm(halves - whole) < 2e-3 * np.linalg.norm(whole)
    late = fem.solve(phantom, fem.Driver(0.9, 0.1, phase_slope_rad=2.0), FREQUENCY_HZ)
    at = late.basis.doflocs
    rim = late.basis.get_dofs().flatten()
    angle = np.arctan2(at[1, rim], at[0, rim])
    driven = np.abs(angle) < 0.2 * np.pi * 0.99
    lag = (angle[driven] / (0.2 * np.pi) + 1) / 2 * 2.0
    np.testing.assert_allclose(late.coefficients[rim][driven], 1e-5 * np.exp(-1j * lag), rtol=1e-3)


@pytest.mark.parametrize("change, message", [
    (dict(frequency_hz=60000.0), "mesh too coarse for 60000.0 Hz.*elements per wavelength, 10 needed"),
    (dict(elements_per_wavelength=2), "2 elements per wavelength found, 4 needed"),
    (dict(mesh=MeshTri().refined(2).scaled(0.06)), "elements per wavelength found, 10 needed"),
    (dict(phantom=tissue(circle(0.04), -1.0)), "stiffness: expected positive"),
    (dict(phantom=tissue(circle(0.04), 2000.0, -0.1)), "loss_tangent: expected values >= 0"),
    (dict(phantom=tissue(circle(0.04), lambda x, y: np.where(x > 0, np.nan, 2e3))), "stiffness.*finite"),
    (dict(phantom=tissue(np.full((9, 2), np.nan), 2000.0)), "outline: expected finite"),
    (dict(phantom=tissue(0.1 * rectangle(1, 1)[[0, 2, 1, 3]], 2000.0)), "outline: expected a curve"),
    (dict(drivers=[]), "at least one driver"),
    (dict(boundary="soft"), "boundary: expected"),
    (dict(physics="acoustic"), "physics: expected"),
])
def test_bad_input(change, message):
    """One line that names what is wrong."""
    arguments = dict(phantom=tissue(circle(0.04), 2000.0), drivers=fem.Driver(), frequency_hz=FREQUENCY_HZ)
    with pytest.raises(ValueError, match=message) as caught:
        fem.solve(**{**arguments, **change})
    assert "\n" not in str(caught.value)


def test_axes_must_increase():
    """An image axis that runs backwards is refused: its pixels would be looked up wrongly."""
    field = fem.solve(tissue(circle(0.02), 3000.0), fem.Driver(), FREQUENCY_HZ)
    with pytest.raises(ValueError, match="y_m: expected increasing"):
        field.sample(np.arange(3), np.arange(3)[::-1])


def test_driver_that_misses_the_mesh():
    """A short arc between two boundary nodes of a given mesh holds nothing: refused."""
    phantom = tissue(rectangle(0.04, 0.04), 2000.0)
    mesh = MeshTri().refined(5).scaled(0.04)
    with pytest.raises(ValueError, match="touches no boundary node"):
        fem.solve(phantom, fem.Driver(0.1005, 0.1006), FREQUENCY_HZ, mesh=mesh)
    with pytest.raises(ValueError, match="profile"):
        fem.Driver(profile="square")
    with pytest.raises(ValueError, match="finite"):
        fem.Driver(amplitude=np.nan)
