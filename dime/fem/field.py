"""A computed wave: its values on an image grid, the power put in and the power dissipated."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from skfem import Basis, MeshTri
from skfem.helpers import sym_grad

from dime.fem.elastic import compliance
from dime.fem.locate import locate_on_grid
from dime.fem.slab import locate_in_slab


@dataclass(frozen=True)
class Field:
    """A displacement field with one component (antiplane), two (in-plane) or three (slab).

    Parameters
    ----------
    basis : skfem.Basis of the displacement
    coefficients : (unknown,) complex nodal displacements [m], then nodal pressures [Pa] where there are any
    frequency_hz : drive frequency [Hz]
    modulus : callable, (x, y) [m] -> complex shear modulus G* at that frequency [Pa]
    matrix : sparse (unknown, unknown), stiffness - rho omega^2 mass (+ impedance)
    elements_per_wavelength : fewest over the mesh, local wavelength / mean edge length of the element
    base : the slice's triangles (of a slab: those it was extruded from)
    pressure_basis : skfem.Basis of the pressure, None for antiplane
    poisson_ratio : Poisson's ratio in-plane and in a slab, None for antiplane
    """

    basis: Basis
    coefficients: np.ndarray
    frequency_hz: float
    modulus: Callable
    matrix: object
    elements_per_wavelength: float
    base: MeshTri
    pressure_basis: Basis | None = None
    poisson_ratio: float | None = None

    @property
    def displacement(self):
        """Nodal displacements [m], (unknown of `basis`,)."""
        return self.coefficients[: self.basis.N]

    def sample(self, x_m, y_m, z_m=0.0):
        """Displacement on an image grid, interpolated by the elements' own basis functions.

        Parameters: x_m (nx,), y_m (ny,) increasing pixel centres [m]; z_m height of the slice in a slab [m].
        Returns: complex (ny, nx) for antiplane, else (component, ny, nx) [m], NaN outside the mesh.

        Raises
        ------
        ValueError : axes that do not increase, or a height outside the slab.
        """
        x_m, y_m = np.asarray(x_m, float), np.asarray(y_m, float)
        for name, axis in (("x_m", x_m), ("y_m", y_m)):
            if axis.ndim != 1 or not (np.diff(axis) > 0).all():
                raise ValueError(f"{name}: expected increasing pixel centres [m], one axis")
        if self.basis.mesh.dim() == 3:
            row, column, element, local = locate_in_slab(self.basis.mesh, self.base, x_m, y_m, z_m)
        else:
            row, column, element, local = locate_on_grid(self.base, x_m, y_m)
        components = 1 if self.pressure_basis is None else self.basis.mesh.dim()
        shape = self.basis.elem if components == 1 else self.basis.elem.elem
        image = np.full((components, len(y_m), len(x_m)), np.nan + 1j * np.nan)
        # (node, component, point)
        dofs = self.basis.element_dofs[:, element].reshape(-1, components, len(element))
        image[:, row, column] = sum(
            shape.lbasis(local, node)[0] * self.displacement[dofs[node]] for node in range(len(dofs))
        )
        return image[0] if components == 1 else image

    def power_in(self):
        """Mean power that the drivers put in, 1/2 Re sum_i r_i conj(i omega u_i), r = A u [W; in 2D W/m].

        It equals the power dissipated in the tissue plus the power that absorbing boundaries take.
        """
        omega = 2 * np.pi * self.frequency_hz
        reaction = (self.matrix @ self.coefficients)[: self.basis.N]
        return 0.5 * np.real(np.sum(reaction * np.conj(1j * omega * self.displacement)))

    def power_dissipated(self):
        """Mean power lost in the tissue [W; in 2D W/m, per depth].

        omega/2 int G'' |grad u|^2 dx, or omega/2 int 2 G'' |eps(u)|^2 + |p|^2 Im(-1/lambda) dx.
        """
        basis = self.basis
        u = basis.interpolate(self.displacement)
        G = self.modulus(*basis.global_coordinates()[:2])
        if self.pressure_basis is None:
            density = G.imag * (np.abs(u.grad) ** 2).sum(0)
        else:
            p = self.pressure_basis.interpolate(self.coefficients[basis.N :])
            density = 2 * G.imag * (np.abs(sym_grad(u)) ** 2).sum((0, 1))
            density = density - np.abs(p) ** 2 * compliance(G, self.poisson_ratio).imag
        return np.pi * self.frequency_hz * np.sum(density * basis.dx)
