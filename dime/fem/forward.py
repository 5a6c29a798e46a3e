"""Solve for the time-harmonic wave that a driven phantom carries (e^{+i omega t})."""

from collections.abc import Sequence

import numpy as np
from skfem import (
    Basis,
    ElementTetP1,
    ElementTetP2,
    ElementTriP1,
    ElementTriP2,
    ElementVector,
    MeshTri,
)

from dime.fem.antiplane import assemble_antiplane
from dime.fem.drivers import Driver, driven
from dime.fem.elastic import assemble_elastic
from dime.fem.field import Field
from dime.fem.locate import arc_fraction
from dime.fem.mesh import check_polygon, mean_edge_length
from dime.fem.rheology import complex_modulus
from dime.fem.sizing import fit_mesh, resolution
from dime.fem.slab import extrude
from dime.fem.solvers import solve_with_known

MESH_TOLERANCE = 0.5  # the worst element, next to a curve or in a thin vessel, may be coarser by this factor

MAX_SLAB_UNKNOWNS = 400_000  # a direct factorisation in 3D takes about 30 kB per unknown

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

    antiplane: div(G* grad u) + (rho omega^2 - G* kappa^2) u = 0, with motion along z that varies as
    cos(kappa z); kappa > 0 lengthens the wave in the slice, or prevents it from travelling there.
    inplane (plane strain) and 3d (the slice as a slab with free faces): div(2 G* eps(u)) + grad p
    + rho omega^2 u = 0, where p = lambda div u is a separate unknown.
    u is given on the drivers' arcs; elsewhere the boundary is free or absorbing: traction -i omega Z u,
    Z = sqrt(rho G*). Elements are quadratic.

    Parameters
    ----------
    phantom : has `outline` (n, 2) [m], `stiffness(x, y)` -> |G*| [Pa], `loss_tangent(x, y)`, `interfaces`
    drivers : one Driver or several
    frequency_hz : drive frequency [Hz]
    elements_per_wavelength : local shear wavelength / mean edge length of the element. In 2D 10 by default,
        which keeps the relative L2 error of a plane wave under 0.3 %; in 3d 5, which keeps it under 5 %
    boundary : "free" or "impedance" (absorbing), where no driver acts
    physics : "antiplane", "inplane" or "3d"
    rheology : how the phantom's modulus, given at `reference_hz`, depends on frequency: `rheology.MODELS`
    reference_hz : frequency at which the phantom's modulus is given [Hz]
    poisson_ratio : Poisson's ratio of the tissue, inplane and 3d only
    thickness_m : thickness of the slab, 3d only [m]
    through_plane_per_m : kappa of antiplane motion [rad/m]
    mesh : triangles to use in place of those fitted to the phantom

    Returns
    -------
    Field

    Raises
    ------
    ValueError : mesh too coarse for the frequency; frequency or thickness not positive; stiffness not
        positive, loss negative or NaN in them; driver that touches no boundary node; unknown boundary,
        physics or rheology.

    Examples
    --------
    >>> import dime
    >>> import numpy as np
    >>> from dime.fem.drivers import Driver
    >>> phantom = dime.draw("homogeneous", np.random.default_rng(7))
    >>> field = dime.solve(phantom, Driver(0.1, 0.3), frequency_hz=30.0)
    >>> field.sample([0.0], [0.0]).shape  # one point [m]
    (1, 1)
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
            raise ValueError(
                f"mesh too coarse for {frequency_hz} Hz: {MAX_SLAB_UNKNOWNS} unknowns give "
                f"{most:.1f} elements per wavelength, {elements_per_wavelength} needed"
            )
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


def _known(basis, nodes, drivers, outline, components):
    """Indices (m,) of the unknowns that drivers prescribe, and their displacements (m,) [m]."""
    if components == 1:
        values = driven(drivers, outline, basis.doflocs[:, nodes])[0]
    else:
        values = driven(drivers, outline, basis.doflocs[:, nodes], components)
        component = _component(basis, components)[nodes]
        values = values[component, np.arange(len(nodes))]
    held = ~np.isnan(values)
    return nodes[held], values[held]


def _component(basis, components):
    """Component (0, 1 or 2) of the displacement that each unknown holds, (unknown,)."""
    number = np.empty(basis.N, int)
    number[basis.element_dofs] = (np.arange(len(basis.element_dofs)) % components)[:, None]
    return number
