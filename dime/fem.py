"""Which wave a tissue carries: time-harmonic finite elements, complex shear modulus (e^{+i omega t})."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from skfem import Basis, BilinearForm, ElementTriP2, FacetBasis, LinearForm, MeshTri
from skfem.helpers import dot, grad

from dime import DENSITY_KG_M3 as RHO
from dime.locate import arc_fraction, locate_on_grid
from dime.mesh import check_polygon, mean_edge_length, mesh_region
from dime.solvers import solve_with_known

# a complex form assembled as float64 loses its imaginary part with only this warning
warnings.filterwarnings("error", category=np.exceptions.ComplexWarning)

MIN_ELEMENTS_PER_WAVELENGTH = 4.0  # fewer than this do not resolve a wave with P2 (error above 5 %)
MESH_TOLERANCE = 0.6  # a few elements next to curves may be larger than asked for by this factor
MAX_UNKNOWNS = 2_000_000
PROFILES = {"uniform": np.ones_like, "smooth": lambda t: np.sin(np.pi * t) ** 2}


@dataclass(frozen=True)
class Driver:
    """A harmonic displacement imposed on an arc of the outline: u = amplitude * profile(t) * e^{-i slope t}.

    t runs from 0 to 1 along the arc. Where arcs overlap, the later driver holds.

    Parameters
    ----------
    start, stop : fractions of the outline's arc length, counted from its first point along it; an arc with
        stop <= start passes the first point; 0 to 1 is the whole outline
    amplitude : complex amplitude [m]
    profile : "uniform" or "smooth" (sin^2: no edge in the wave where the driver ends)
    phase_slope_rad : phase that the drive lags from start to stop [rad]
    """

    start: float = 0.0
    stop: float = 1.0
    amplitude: complex = 1e-5
    profile: str = "uniform"
    phase_slope_rad: float = 0.0

    def __post_init__(self):
        if not np.isfinite([self.start, self.stop, abs(self.amplitude), self.phase_slope_rad]).all():
            raise ValueError("driver: expected finite numbers, got NaN or infinity")
        if self.profile not in PROFILES:
            raise ValueError(f"driver profile: expected one of {sorted(PROFILES)}, got {self.profile!r}")
        if not 0 < self.length <= 1:
            raise ValueError(f"driver: expected an arc of length in (0, 1], got {self.start} to {self.stop}")

    @property
    def length(self):
        """Length of the arc as a fraction of the outline."""
        return self.stop - self.start if self.stop > self.start else self.stop - self.start + 1

    def displacement(self, fraction):
        """Displacement [m] at places on the outline (fractions of arc length), NaN off the arc."""
        end = 5e-6  # a mesh vertex at the arc's end may be this far off
        t = ((fraction - self.start + end) % 1.0 - end) / self.length
        value = self.amplitude * PROFILES[self.profile](t) * np.exp(-1j * self.phase_slope_rad * t)
        return np.where(t * self.length <= self.length + end, value, np.nan)


@dataclass(frozen=True)
class Field:
    """A computed displacement field.

    Parameters
    ----------
    basis : skfem.Basis of the displacement
    coefficients : (unknown,) complex nodal displacements [m]
    frequency_hz : drive frequency [Hz]
    modulus : callable, (x, y) [m] -> complex shear modulus G* at that frequency [Pa]
    matrix : sparse (unknown, unknown), stiffness - rho omega^2 mass (+ impedance)
    elements_per_wavelength : fewest over the mesh, local wavelength / mean edge length of the element
    """

    basis: Basis
    coefficients: np.ndarray
    frequency_hz: float
    modulus: Callable
    matrix: object
    elements_per_wavelength: float

    def sample(self, x_m, y_m):
        """Displacement on an image grid by the element's own basis.

        Parameters: x_m (nx,), y_m (ny,) increasing pixel centres [m].
        Returns: complex (ny, nx) [m], NaN outside the mesh.
        """
        x_m, y_m = np.asarray(x_m, float), np.asarray(y_m, float)
        row, column, element, local = locate_on_grid(self.basis.mesh, x_m, y_m)
        image = np.full((len(y_m), len(x_m)), np.nan + 1j * np.nan)
        dofs = self.basis.element_dofs[:, element]
        image[row, column] = sum(
            self.basis.elem.lbasis(local, i)[0] * self.coefficients[dofs[i]] for i in range(len(dofs))
        )
        return image

    def power_in(self):
        """Mean power the drivers put in, 1/2 Re sum_i r_i conj(i omega u_i), r = A u [W/m of depth]."""
        omega = 2 * np.pi * self.frequency_hz
        reaction = self.matrix @ self.coefficients
        return 0.5 * np.real(np.sum(reaction * np.conj(1j * omega * self.coefficients)))

    def power_dissipated(self):
        """Mean power lost in the tissue, 1/2 omega int G'' |grad u|^2 dx [W/m of depth]."""
        basis = self.basis
        u = basis.interpolate(self.coefficients)
        loss = self.modulus(*basis.global_coordinates()).imag
        return np.pi * self.frequency_hz * np.sum(loss * (np.abs(u.grad) ** 2).sum(0) * basis.dx)


def solve(
    phantom,
    drivers: Driver | Sequence[Driver],
    frequency_hz: float,
    *,
    elements_per_wavelength: float = 10,
    boundary: str = "free",
    physics: str = "antiplane",
    mesh: MeshTri | None = None,
) -> Field:
    """Displacement of a driven phantom at one frequency.

    div(G* grad u) + rho omega^2 u = 0, u given on the drivers' arcs, elsewhere free (G* du/dn = 0) or
    absorbing (G* du/dn = -i omega Z u, Z = sqrt(rho G*)); quadratic triangles.

    Parameters
    ----------
    phantom : has `outline` (n, 2) [m], `stiffness(x, y)` -> |G*| [Pa], `loss_tangent(x, y)`, `interfaces`
    drivers : one Driver or several
    frequency_hz : drive frequency [Hz]
    elements_per_wavelength : local shear wavelength / mean edge length of the element; 10 keeps the relative
        L2 error of a plane wave under 0.3 %
    boundary : "free" or "impedance", where no driver acts
    physics : "antiplane"
    mesh : triangles to use in place of those fitted to the phantom

    Returns
    -------
    Field

    Raises
    ------
    ValueError : mesh too coarse for the frequency; stiffness not positive, loss negative or NaN in them;
        driver that touches no boundary node; unknown boundary or physics.
    """
    if physics != "antiplane":
        raise ValueError(f"physics: expected 'antiplane', got {physics!r}")
    if boundary not in ("free", "impedance"):
        raise ValueError(f"boundary: expected 'free' or 'impedance', got {boundary!r}")
    if not (np.isfinite(frequency_hz) and frequency_hz > 0):
        raise ValueError(f"frequency_hz: expected a positive number [Hz], got {frequency_hz}")
    drivers = [drivers] if isinstance(drivers, Driver) else list(drivers)
    outline = check_polygon(phantom.outline, "outline")
    modulus = complex_modulus(phantom)
    if mesh is None:
        mesh = fit_mesh(phantom, drivers, frequency_hz, elements_per_wavelength)
    basis = Basis(mesh, ElementTriP2(), intorder=4)
    found = resolution(basis, modulus, frequency_hz)
    if found < MESH_TOLERANCE * elements_per_wavelength:
        raise ValueError(f"mesh too coarse for {frequency_hz} Hz: {found:.1f} elements per wavelength found, "
                         f"{elements_per_wavelength} needed")
    known, values = _driven(basis, outline, drivers)
    absorbing = np.empty(0, int)
    if boundary == "impedance":
        facets = mesh.boundary_facets()
        driven = np.isin(basis.dofs.facet_dofs[0, facets], known)
        absorbing = facets[~driven]
    A, b = assemble_antiplane(basis, modulus, frequency_hz, absorbing=absorbing)
    u = solve_with_known(A, b, known, values)
    return Field(basis, u, frequency_hz, modulus, A, found)


def complex_modulus(phantom):
    """G*(x, y) = |G*| e^{i delta} [Pa] of a phantom, as a function that refuses impossible tissue."""

    def modulus(x, y):
        stiffness = np.broadcast_to(phantom.stiffness(x, y), np.shape(x))
        loss_tangent = np.broadcast_to(phantom.loss_tangent(x, y), np.shape(x))
        for name, value in (("stiffness", stiffness), ("loss_tangent", loss_tangent)):
            if not np.isfinite(value).all():
                raise ValueError(f"{name}: expected finite values inside the outline, got NaN or infinity")
        if (stiffness <= 0).any():
            raise ValueError(f"stiffness: expected positive values [Pa], got {stiffness.min():.6g}")
        if (loss_tangent < 0).any():
            raise ValueError(f"loss_tangent: expected values >= 0, got {loss_tangent.min():.6g}")
        return stiffness * np.exp(1j * np.arctan(loss_tangent))

    return modulus


def shear_wavelength(modulus, frequency_hz):
    """Wavelength c/f of shear waves [m], rho c^2 = 2 |G|^2 / (|G| + G'), from G* [Pa]."""
    return np.sqrt(2 * np.abs(modulus) ** 2 / (RHO * (np.abs(modulus) + np.real(modulus)))) / frequency_hz


def fit_mesh(phantom, drivers, frequency_hz, elements_per_wavelength=10):
    """Mesh of a phantom: edges of wavelength / elements_per_wavelength, vertices at driver ends.

    Raises
    ------
    ValueError : too few elements per wavelength asked for, or more unknowns needed than are allowed.
    """
    if not elements_per_wavelength >= MIN_ELEMENTS_PER_WAVELENGTH:
        raise ValueError(f"mesh too coarse for {frequency_hz} Hz: {elements_per_wavelength} elements per "
                         f"wavelength found, {MIN_ELEMENTS_PER_WAVELENGTH:g} needed")
    modulus = complex_modulus(phantom)
    x, y = np.asarray(phantom.outline, float).T
    area = 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))

    def size(x, y):
        edge = shear_wavelength(modulus(x, y), frequency_hz) / elements_per_wavelength
        unknowns = 2 * area * np.mean(1 / edge**2) / (np.sqrt(3) / 4)
        if unknowns > MAX_UNKNOWNS:
            found = elements_per_wavelength * np.sqrt(MAX_UNKNOWNS / unknowns)
            raise ValueError(f"mesh too coarse for {frequency_hz} Hz: {MAX_UNKNOWNS} unknowns give "
                             f"{found:.1f} elements per wavelength, {elements_per_wavelength} needed")
        return edge

    breaks = [end for driver in drivers if driver.length < 1 for end in (driver.start, driver.stop)]
    return mesh_region(phantom.outline, size, phantom.interfaces, breaks)


def resolution(basis, modulus, frequency_hz):
    """Fewest elements per wavelength: shortest wavelength in each element / its mean edge length."""
    wavelength = shear_wavelength(modulus(*basis.global_coordinates()), frequency_hz)
    return float((wavelength.min(1) / mean_edge_length(basis.mesh)).min())


def assemble_antiplane(basis, modulus, frequency_hz, *, absorbing=(), body_force=None):
    """Matrix and load of int G* grad u . grad v - rho omega^2 u v + i omega int_absorbing Z u v = int f v.

    Parameters
    ----------
    basis : skfem.Basis, quadratic triangles
    modulus : callable, (x, y) [m] -> complex G* [Pa]
    frequency_hz : [Hz]
    absorbing : boundary facets with G* du/dn = -i omega Z u, Z = sqrt(rho G*)
    body_force : callable, (x, y) [m] -> f [N/m3], or None

    Returns
    -------
    A : sparse (unknown, unknown) complex; b : (unknown,) complex
    """
    omega = 2 * np.pi * frequency_hz

    @BilinearForm(dtype=np.complex128)
    def wave(u, v, w):
        return w.G * dot(grad(u), grad(v)) - RHO * omega**2 * u * v

    @BilinearForm(dtype=np.complex128)
    def impedance(u, v, w):
        return 1j * omega * np.sqrt(RHO * w.G) * u * v

    @LinearForm(dtype=np.complex128)
    def load(v, w):
        return body_force(*w.x) * v

    A = wave.assemble(basis, G=modulus(*basis.global_coordinates()))
    if len(absorbing):
        edges = FacetBasis(basis.mesh, basis.elem, facets=absorbing, intorder=4)
        A = A + impedance.assemble(edges, G=modulus(*edges.global_coordinates()))
    b = np.zeros(A.shape[0], np.complex128) if body_force is None else load.assemble(basis)
    return A, b


def _driven(basis, outline, drivers):
    """Unknowns that drivers hold, and the displacements [m] they hold them at."""
    dofs = basis.get_dofs().flatten()
    fraction = arc_fraction(outline, basis.doflocs[:, dofs])
    values = np.full(len(dofs), np.nan + 0j)
    for driver in drivers:
        u = driver.displacement(fraction)
        touched = ~np.isnan(u)
        if not touched.any():
            raise ValueError(f"driver: arc {driver.start} to {driver.stop} touches no boundary node")
        values[touched] = u[touched]
    if np.isnan(values).all():
        raise ValueError("drivers: expected at least one driver")
    held = ~np.isnan(values)
    return dofs[held], values[held]
