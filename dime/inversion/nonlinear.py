"""Nonlinear inversion: fit the stiffness until its finite-element wave matches the measured one.

Direct inversions differentiate the wave and assume locally homogeneous tissue. This one solves the wave
equation div(G* grad u) + rho omega^2 u = 0 without that assumption and changes G* until u fits. It is slow
and accurate: a target for the fast methods. Motion is antiplane, so one displacement component suffices.

J(m, t, g) = N log(1 + |P(S u - d)|^2 / (2 N sigma^2)) + 1/l int sqrt(|grad m|^2 + eps^2) dx

m = log|G*|, t = tan(delta); d are the N pixels of the first harmonic at e^{+i omega t}; u = g on the outline;
S samples the elements on the pixels; P subtracts a constant and a slope (the tissue moving as a whole); l is
the length that weighs total variation. The first term has the gradient of |P(S u - d)|^2 / (2 s^2), where
s^2 = sigma^2 + the misfit per pixel: sigma is the noise, and any part of the wave that no antiplane motion
explains (in measured livers) counts as noise too. m is linear on the triangles, u quadratic.

With A u = 0 inside, the adjoint w solves A w = S^T P conj(S u - d) / s^2, w = 0 on the outline, by the same
factors of A (complex symmetric), and dJ/dm_j = -Re int G* phi_j grad u . grad w dx + d(total variation)/dm_j.

Source: Van Houten et al. 2001, Magn Reson Med 45:827 (finite elements, measured boundary values); McGarry
et al. 2012, Med Phys 39:6388 (adjoint gradient); Rudin, Osher & Fatemi 1992, Physica D 60:259 (total
variation).
"""

import numpy as np
from scipy import ndimage, optimize
from scipy.sparse.linalg import splu
from skfem import Basis, ElementTriP1, ElementTriP2, LinearForm
from skfem.helpers import dot, grad

from dime.fem.antiplane import assemble_antiplane
from dime.fem.mesh import mesh_region
from dime.fem.pixels import axes_m, local_fit, rigid_motion, sampler
from dime.fem.solvers import RESIDUAL, SYMMETRIC
from dime.inversion import mmdi
from dime.inversion.masked_wave import Inverted, check_field
from dime.mri.noise import noise_deviation
from dime.phantoms.phantom import from_maps
from dime.physics import shear_wavelength

STIFFNESS_PA = (200.0, 60e3)
"""Bounds of |G*| [Pa]. Assumption: below 0.2 kPa a wave of 45 Hz or more is shorter than 10 mm."""

LOSS_TANGENT = (0.0, 2.0)
"""Bounds of an estimated loss tangent."""


def nonlinear(
    wave,
    mask,
    spacing_m,
    frequency_hz,
    *,
    loss_tangent=None,
    elements_per_wavelength=6.0,
    total_variation_m=0.0003,
    least_noise=0.01,
    iterations=150,
):
    """Stiffness by nonlinear inversion: finite elements, adjoint gradient, total variation, L-BFGS-B.

    Parameters
    ----------
    wave : complex array (y, x)
        First harmonic, any unit; values outside the mask are ignored.
    mask : bool array (y, x)
        Its largest connected part is inverted; other parts keep the starting value with confidence 0.
    spacing_m, frequency_hz : float
        Pixel size [m], vibration frequency [Hz].
    loss_tangent : None, float or array (y, x)
        tan(delta), held fixed if given. None: one value for the slice is estimated with the stiffness.
    elements_per_wavelength : float
        Edges of the mesh per wavelength of the softest quarter of the starting map; they also set the
        resolution of the stiffness. Assumption: 6, where quadratic elements are right to 1-2 %.
    total_variation_m : float
        l, the length that weighs the total variation [m]; larger gives rougher maps. Assumption: 0.3 mm; of
        0.1 to 10 mm, 0.2 to 0.5 mm was best on simulated livers at a signal-to-noise ratio of 20.
    least_noise : float
        Lower bound of sigma, the noise found in the wave, as a fraction of the wave's rms.
    iterations : int
        Largest number of L-BFGS-B iterations.

    Returns
    -------
    Inverted
        stiffness [Pa]; confidence 0..1, the share of the wave's energy around a pixel that the
        computed wave explains.

    Raises
    ------
    ValueError
        See `dime.inversion.masked_wave.check_field`; a field of view smaller than MMDI's widest window (the
        starting map is MMDI's); a mask without interior; a loss tangent that is negative or of another shape.
    """
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    rigid = rigid_motion(mask)
    wave[mask] -= rigid @ (rigid.T @ wave[mask])
    start = _starting_map(wave, mask, spacing_m, frequency_hz)
    settings = loss_tangent, elements_per_wavelength, total_variation_m, least_noise
    problem = Problem(wave, mask, start, spacing_m, frequency_hz, *settings)
    found = optimize.minimize(
        problem.value_and_gradient,
        problem.start,
        jac=True,
        method="L-BFGS-B",
        bounds=problem.bounds,
        options={"maxiter": iterations, "maxcor": 30, "ftol": 1e-7},
    )
    return problem.maps(found.x)


class Problem:
    """Objective J of one slice and its gradient; the module's docstring defines them.

    The vector of unknowns holds m at the vertices, then tan(delta) if it is estimated, then the real and
    imaginary parts of the wave on the outline, in units of the wave's rms.

    Assumption: the outline's wave is an unknown that starts at its smoothed measured value, so that no
    driver need be known. If it were held there, its noise would be read as tissue.
    """

    def __init__(
        self,
        wave,
        mask,
        start,
        spacing_m,
        frequency_hz,
        loss_tangent,
        elements_per_wavelength,
        total_variation_m,
        least_noise,
    ):
        self.wave, self.mask, self.start_map, self.spacing_m = wave, mask, start, spacing_m
        self.frequency_hz, self.total_variation_m = frequency_hz, total_variation_m
        known_loss = 0.0 if loss_tangent is None else loss_tangent
        phantom = from_maps(mask, np.where(mask, start, 1), known_loss, spacing_m)
        edge = shear_wavelength(np.percentile(start[mask], 25), frequency_hz) / elements_per_wavelength
        mesh = mesh_region(phantom.outline, lambda x, y: np.full(np.shape(x), edge))
        self.basis = Basis(mesh, ElementTriP2(), intorder=4)
        self.linear = self.basis.with_element(ElementTriP1())
        self.edge = self.basis.get_dofs(mesh.boundary_facets()).flatten()
        self.inner = np.setdiff1d(np.arange(self.basis.N), self.edge)
        self.image = sampler(self.basis, mask, spacing_m)
        self.stiffness_image = sampler(self.linear, mask, spacing_m)
        rows, columns = np.nonzero(self.image.covered)
        self.rigid = rigid_motion(self.image.covered)
        data = self.deformation(wave[rows, columns])
        scale = np.sqrt(np.mean(np.abs(data) ** 2))
        self.data = data / scale
        self.sigma = max(noise_deviation(wave / scale, mask), least_noise)
        y, x = axes_m(mask, spacing_m)
        pixels, outline = np.stack([x[columns], y[rows]], 1), self.basis.doflocs[:, self.edge].T
        trace = local_fit(pixels, self.data, outline, spacing_m, edge)
        self.held_loss = None
        if loss_tangent is not None:
            self.held_loss = phantom.loss_tangent(*self.basis.global_coordinates())
        modulus = phantom.stiffness(*self.linear.doflocs)
        guess = [
            np.log(np.clip(modulus, *STIFFNESS_PA)),
            [0.2] if loss_tangent is None else [],
            trace.real,
            trace.imag,
        ]
        self.start = np.concatenate(guess)
        n = self.linear.N
        self.bounds = [tuple(np.log(STIFFNESS_PA))] * n + [LOSS_TANGENT] * len(guess[1])
        self.bounds += [(None, None)] * (2 * len(trace))

    def deformation(self, values):
        """Pixel values (pixel,) without their constant and slope, the tissue's motion as a whole."""
        return values - self.rigid @ (self.rigid.T @ values)

    def split(self, unknowns):
        """Split into m (vertex,), tan(delta) at quadrature points or one number, g (outline's unknown,)."""
        m = unknowns[: self.linear.N]
        rest = unknowns[self.linear.N :]
        loss = self.held_loss
        if loss is None:
            loss, rest = rest[0], rest[1:]
        real, imaginary = np.split(rest, 2)
        return m, loss, real + 1j * imaginary

    def solve(self, m, loss, g):
        """Solve for the wave u (unknown,); also return A's factors inside, A, G* at the quadrature points."""
        G = np.exp(np.asarray(self.linear.interpolate(m)) + 1j * np.arctan(loss))
        A = assemble_antiplane(self.basis, lambda x, y: G, self.frequency_hz)[0].tocsc()
        inside = A[self.inner][:, self.inner]
        u = np.zeros(self.basis.N, complex)
        u[self.edge] = g
        load = -(A @ u)[self.inner]
        factors = splu(inside, **SYMMETRIC)
        u[self.inner] = factors.solve(load)
        if np.linalg.norm(inside @ u[self.inner] - load) > RESIDUAL * np.linalg.norm(load):
            factors = splu(inside)  # pivots off the diagonal, see `dime.fem.solvers`
            u[self.inner] = factors.solve(load)
        return u, factors, A, G

    def value_and_gradient(self, unknowns):
        """Objective J and its gradient (unknown,)."""
        m, loss, g = self.split(unknowns)
        u, factors, A, G = self.solve(m, loss, g)
        residual = self.deformation(self.image.matrix @ u) - self.data
        misfit = np.vdot(residual, residual).real / self.sigma**2
        count = len(residual)
        weight = 1 / (1 + misfit / (2 * count)) / self.sigma**2
        q = weight * (self.image.matrix.T @ residual.conj())
        w = np.zeros_like(u)
        w[self.inner] = factors.solve(q[self.inner])
        fields = {"u": self.basis.interpolate(u), "w": self.basis.interpolate(w)}
        by_log = -_sensitivity.assemble(self.linear, G=G, **fields)
        variation, by_variation = self.total_variation(m)
        parts = [by_log.real + by_variation]
        if self.held_loss is None:  # dG*/dt = i G* / (1 + t^2), the same everywhere; the phi_j sum to 1
            parts.append([np.real(1j / (1 + loss**2) * by_log.sum())])
        by_edge = q[self.edge] - (A.T @ w)[self.edge]
        parts += [by_edge.real, -by_edge.imag]
        return count * np.log1p(misfit / (2 * count)) + variation, np.concatenate(parts)

    def total_variation(self, m):
        """Total variation 1/l int sqrt(|grad m|^2 + eps^2) dx and its gradient; eps is 1 % per element."""
        slope = self.linear.interpolate(m).grad
        eps = 0.01 / self.linear.mesh.params().mean()
        size = np.sqrt((slope**2).sum(0) + eps**2)
        value = np.sum(size * self.linear.dx) / self.total_variation_m
        return value, _variation.assemble(self.linear, slope=slope, size=size) / self.total_variation_m

    def maps(self, unknowns):
        """Stiffness and confidence on the pixels; mask pixels just off the mesh take the nearest values."""
        m, loss, g = self.split(unknowns)
        covered = self.image.covered
        stiffness, residual, measured = np.zeros((3, *covered.shape))
        stiffness[covered] = np.exp(self.stiffness_image.matrix @ m)
        u = self.solve(m, loss, g)[0]
        residual[covered] = np.abs(self.deformation(self.image.matrix @ u) - self.data) ** 2
        measured[covered] = np.abs(self.data) ** 2
        width = max(3, round(0.01 / self.spacing_m))
        left, all_of_it = (ndimage.uniform_filter(a, width) for a in (residual, measured))
        confidence = np.clip(1 - left / np.where(all_of_it > 0, all_of_it, np.inf), 0, 1)
        distance, nearest = ndimage.distance_transform_edt(~covered, return_indices=True)
        rim = self.mask & ~covered & (distance <= 3)
        apart = self.mask & ~covered & ~rim
        for values in (stiffness, confidence):
            values[rim] = values[tuple(nearest)][rim]
        stiffness[apart] = self.start_map[apart]
        return Inverted(np.where(self.mask, stiffness, 0), np.where(self.mask & ~apart, confidence, 0))


@LinearForm(dtype=np.complex128)
def _sensitivity(v, w):
    """int G* grad u . grad w phi dx, without conjugation."""
    return w.G * dot(w.u.grad, w.w.grad) * v


@LinearForm
def _variation(v, w):
    return dot(w.slope, grad(v)) / w.size


def _starting_map(wave, mask, spacing_m, frequency_hz):
    """MMDI's stiffness within a factor 2 of its median, smoothed over 5 mm inside the mask."""
    found = mmdi.invert(wave, mask, spacing_m, frequency_hz).stiffness
    middle = np.median(found[mask])
    values = np.where(mask, np.log(np.clip(found, middle / 2, 2 * middle)), 0)
    sums, weight = (ndimage.gaussian_filter(a, 0.005 / spacing_m) for a in (values, mask.astype(float)))
    return np.where(mask, np.exp(sums / np.where(mask, weight, 1)), 0)
