"""Which wave a tissue carries: time-harmonic finite elements, complex shear modulus (e^{+i omega t})."""

import warnings
from collections.abc import Sequence

import numpy as np
from skfem import (
    Basis,
    BilinearForm,
    ElementTetP1,
    ElementTetP2,
    ElementTriP1,
    ElementTriP2,
    ElementVector,
    FacetBasis,
    LinearForm,
    MeshTri,
)
from skfem.helpers import dot, grad

from dime.fem import rheology as rheologies
from dime.fem.drivers import Driver, driven
from dime.fem.elastic import assemble_elastic
from dime.fem.field import Field
from dime.fem.locate import arc_fraction
from dime.fem.mesh import check_polygon, mean_edge_length, mesh_region
from dime.fem.slab import extrude
from dime.fem.solvers import solve_with_known
from dime.physics import DENSITY_KG_M3 as RHO
from dime.physics import shear_wavelength

# a complex form assembled as float64 loses its imaginary part with only this warning
warnings.filterwarnings("error", category=np.exceptions.ComplexWarning)

MIN_ELEMENTS_PER_WAVELENGTH = 4.0  # fewer than this do not resolve a wave with P2 (error above 5 %)
MESH_TOLERANCE = 0.5  # the worst element, next to a curve or in a thin vessel, may be coarser by this factor
MAX_UNKNOWNS = 2_000_000
MAX_SLAB_UNKNOWNS = 400_000  # a direct factorisation in three dimensions takes about 30 kB for each
COMPONENTS = {"antiplane": 1, "inplane": 2, "3d": 3}


def solve(
    phantom,
    drivers: Driver | Sequence[Driver],
    frequency_hz: float,
    *,
    elements_per_wavelength: float | None = None,
    boundary: str = "free",
    physics: str = "antiplane",
    rheology: str = "hysteretic",
    reference_hz: float = 60.0,
    poisson_ratio: float = 0.4999,
    thickness_m: float = 0.04,
    through_plane_per_m: float = 0.0,
    mesh: MeshTri | None = None,
) -> Field:
    """Displacement of a driven phantom at one frequency.

    antiplane: div(G* grad u) + (rho omega^2 - G* kappa^2) u = 0, motion along z, the same at every z or, with
    kappa, as cos(kappa z): that wave is longer in the slice, or does not travel there at all. inplane (plane
    strain) and 3d (the slice as a slab with free faces): div(2 G* eps(u)) + grad p + rho omega^2 u = 0 with
    p = lambda div u an unknown of its own. u is given on the drivers' arcs; elsewhere the boundary is free or
    absorbing: traction -i omega Z u, Z = sqrt(rho G*). Quadratic elements.

    Parameters
    ----------
    phantom : has `outline` (n, 2) [m], `stiffness(x, y)` -> |G*| [Pa], `loss_tangent(x, y)`, `interfaces`
    drivers : one Driver or several
    frequency_hz : drive frequency [Hz]
    elements_per_wavelength : local shear wavelength / mean edge length of the element. In 2D 10 by default,
        which keeps the relative L2 error of a plane wave under 0.3 %; in 3d 5, which keeps it under 5 %
    boundary : "free" or "impedance", where no driver acts
    physics : "antiplane", "inplane" or "3d"
    rheology : how the phantom's modulus, given at `reference_hz`, depends on frequency: `rheology.MODELS`
    reference_hz : [Hz]
    poisson_ratio : of inplane and 3d
    thickness_m : of the slab in 3d [m]
    through_plane_per_m : kappa of antiplane motion [rad/m]
    mesh : triangles to use in place of those fitted to the phantom

    Returns
    -------
    Field

    Raises
    ------
    ValueError : mesh too coarse for the frequency; stiffness not positive, loss negative or NaN in them;
        driver that touches no boundary node; unknown boundary, physics or rheology.
    """
    if physics not in COMPONENTS:
        raise ValueError(f"physics: expected one of {', '.join(COMPONENTS)}, got {physics!r}")
    if boundary not in ("free", "impedance"):
        raise ValueError(f"boundary: expected 'free' or 'impedance', got {boundary!r}")
    if not (np.isfinite(frequency_hz) and frequency_hz > 0):
        raise ValueError(f"frequency_hz: expected a positive number [Hz], got {frequency_hz}")
    if not (np.isfinite(thickness_m) and thickness_m > 0):
        raise ValueError(f"thickness_m: expected a positive length [m], got {thickness_m}")
    drivers = [drivers] if isinstance(drivers, Driver) else list(drivers)
    outline = check_polygon(phantom.outline, "outline")
    modulus = complex_modulus(phantom, frequency_hz, rheology, reference_hz)
    components = COMPONENTS[physics]
    if elements_per_wavelength is None:
        elements_per_wavelength = 5 if physics == "3d" else 10
    base = mesh
    if base is None:
        fine_ends = physics != "3d"  # there, long thin tetrahedra would cost more than the singularity
        base = fit_mesh(
            phantom, drivers, frequency_hz, elements_per_wavelength, modulus=modulus, fine_ends=fine_ends
        )
    found = resolution(base, modulus, frequency_hz)
    if found < MESH_TOLERANCE * elements_per_wavelength:
        raise ValueError(
            f"mesh too coarse for {frequency_hz} Hz: {found:.1f} elements per wavelength found, "
            f"{elements_per_wavelength} needed"
        )

    if physics == "3d":
        layers = max(int(np.ceil(thickness_m / np.median(mean_edge_length(base)))), 1)
        unknowns = 24 * base.nvertices * layers
        if unknowns > MAX_SLAB_UNKNOWNS:
            most = elements_per_wavelength * (MAX_SLAB_UNKNOWNS / unknowns) ** (1 / 3)
            raise ValueError(f"mesh too coarse for {frequency_hz} Hz: {MAX_SLAB_UNKNOWNS} unknowns give "
                             f"{most:.1f} elements per wavelength, {elements_per_wavelength} needed")
        solid, quadratic, linear = extrude(base, thickness_m, layers), ElementTetP2(), ElementTetP1()
    else:
        solid, quadratic, linear = base, ElementTriP2(), ElementTriP1()
    basis = Basis(solid, quadratic if components == 1 else ElementVector(quadratic), intorder=4)
    pressure = None if components == 1 else basis.with_element(linear)
    facets = solid.boundary_facets()
    if physics == "3d":  # the slab's faces are free
        facets = facets[np.ptp(solid.p[2, solid.facets[:, facets]], axis=0) > 1e-6 * thickness_m]
    nodes = basis.get_dofs(facets).flatten()
    known, values = _known(basis, nodes, drivers, outline, components)
    absorbing = np.empty(0, int)
    if boundary == "impedance":
        middle = solid.p[:, solid.facets[:, facets]].mean(1)
        fraction = arc_fraction(outline, middle[:2])
        absorbing = facets[np.all([np.isnan(d.displacement(fraction)) for d in drivers], axis=0)]
    if components == 1:
        A, b = assemble_antiplane(
            basis, modulus, frequency_hz, absorbing=absorbing, through_plane_per_m=through_plane_per_m
        )
    else:
        A, b = assemble_elastic(basis, pressure, modulus, frequency_hz, poisson_ratio, absorbing=absorbing)
    u = solve_with_known(A, b, known, values)
    return Field(
        basis, u, frequency_hz, modulus, A, found, base, pressure, None if components == 1 else poisson_ratio
    )


def complex_modulus(phantom, frequency_hz=60.0, rheology="hysteretic", reference_hz=60.0):
    """G*(x, y) [Pa] of a phantom at a frequency, as a function that refuses impossible tissue.

    |G*| e^{i delta} at `reference_hz`, moved to `frequency_hz` by the rheology.
    """

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
        reference = rheologies.hysteretic(stiffness, loss_tangent)
        return rheologies.at_frequency(reference, frequency_hz, rheology, reference_hz)

    return modulus


def fit_mesh(phantom, drivers, frequency_hz, elements_per_wavelength=10, *, modulus=None, fine_ends=True):
    """Mesh of a phantom: edges of wavelength / elements_per_wavelength, vertices at driver ends.

    Parameters: as in `solve`; modulus, callable (x, y) -> G* [Pa], the phantom's own by default; fine_ends,
    whether the mesh is refined where a driver ends. Returns skfem.MeshTri.

    Raises
    ------
    ValueError : too few elements per wavelength asked for, or more unknowns needed than are allowed.
    """
    if not elements_per_wavelength >= MIN_ELEMENTS_PER_WAVELENGTH:
        raise ValueError(
            f"mesh too coarse for {frequency_hz} Hz: {elements_per_wavelength} elements per "
            f"wavelength found, {MIN_ELEMENTS_PER_WAVELENGTH:g} needed"
        )
    modulus = modulus or complex_modulus(phantom)
    x, y = np.asarray(phantom.outline, float).T
    area = 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))

    def size(x, y):
        edge = shear_wavelength(modulus(x, y), frequency_hz) / elements_per_wavelength
        unknowns = 2 * area * np.mean(1 / edge**2) / (np.sqrt(3) / 4)
        if unknowns > MAX_UNKNOWNS:
            found = elements_per_wavelength * np.sqrt(MAX_UNKNOWNS / unknowns)
            raise ValueError(
                f"mesh too coarse for {frequency_hz} Hz: {MAX_UNKNOWNS} unknowns give "
                f"{found:.1f} elements per wavelength, {elements_per_wavelength} needed"
            )
        return edge

    breaks = [end for driver in drivers if driver.length < 1 for end in (driver.start, driver.stop)]
    return mesh_region(phantom.outline, size, phantom.interfaces, breaks, fine=fine_ends)


def resolution(mesh, modulus, frequency_hz):
    """Fewest elements per wavelength: shortest wavelength seen in each triangle / its mean edge length."""
    vertex = mesh.p[:, mesh.t]  # (axis, corner, element)
    middle = vertex.mean(1, keepdims=True)
    inside = middle + 0.5 * (vertex - middle)  # on its own side of every interface
    wavelength = shear_wavelength(modulus(*np.concatenate([inside, middle], axis=1)), frequency_hz)
    return float((wavelength.min(0) / mean_edge_length(mesh)).min())


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
    absorbing : boundary facets with G* du/dn = -i omega Z u, Z = sqrt(G* (rho - G* kappa^2 / omega^2)): waves
        that leave straight on
    body_force : callable, (x, y) [m] -> f [N/m3], or None
    through_plane_per_m : kappa [rad/m]

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


def _known(basis, nodes, drivers, outline, components):
    """Unknowns that drivers hold, and the displacements [m] they hold them at."""
    if components == 1:
        values = driven(drivers, outline, basis.doflocs[:, nodes])[0]
    else:
        values = driven(drivers, outline, basis.doflocs[:, nodes], components)
        component = _component(basis, components)[nodes]
        values = values[component, np.arange(len(nodes))]
    held = ~np.isnan(values)
    return nodes[held], values[held]


def _component(basis, components):
    """Which component of the displacement each unknown is."""
    number = np.empty(basis.N, int)
    number[basis.element_dofs] = (np.arange(len(basis.element_dofs)) % components)[:, None]
    return number
