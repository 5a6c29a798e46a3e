"""Choose the element size that a wave needs, and check a mesh against it."""

import numpy as np

from dime.fem.mesh import mean_edge_length, mesh_region
from dime.fem.rheology import complex_modulus
from dime.physics import shear_wavelength

MIN_ELEMENTS_PER_WAVELENGTH = 4.0  # fewer P2 elements do not resolve a wave (error above 5 %)

MAX_UNKNOWNS = 2_000_000


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
    """Fewest elements per wavelength in a mesh: shortest wavelength in a triangle / its mean edge length."""
    vertex = mesh.p[:, mesh.t]  # (axis, corner, element)
    middle = vertex.mean(1, keepdims=True)
    inside = middle + 0.5 * (vertex - middle)  # off the edges, so on the triangle's side of every interface
    wavelength = shear_wavelength(modulus(*np.concatenate([inside, middle], axis=1)), frequency_hz)
    return float((wavelength.min(0) / mean_edge_length(mesh)).min())
