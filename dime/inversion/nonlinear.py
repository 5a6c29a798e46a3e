"""Nonlinear inversion: fit the stiffness until its finite-element wave matches the measured one.

Direct inversions differentiate the wave and assume locally homogeneous tissue. This one solves the wave
equation div(G* grad u) + rho omega^2 u = 0 without that assumption and changes G* until u fits. It is slow
and accurate: a target for the fast methods. Motion is antiplane, so one displacement component suffices.

J(q, g) = N log(1 + |P(S u - d)|^2 / (2 N sigma^2)) + 1/l int sqrt(|grad q|^2 + eps^2) dx

q = log G* = log|G*| + i delta, linear on the triangles; u = g on the outline, quadratic; d are the N pixels of
the first harmonic at e^{+i omega t}; S samples the elements on the pixels; P subtracts a constant and a slope
(the tissue moving as a whole); l is the length that weighs total variation. The first term has the gradient
of |P(S u - d)|^2 / (2 s^2), where s^2 = sigma^2 + the misfit per pixel: sigma is the noise, and any part of
the wave that no antiplane motion explains (in measured livers) counts as noise too.

With A u = 0 inside, u depends on q and g as a holomorphic function: its change R (dq, dg) costs one solution
with A's factors, R's adjoint another (A is complex symmetric). A Gauss-Newton step solves

(R^H R / s^2 + V) step = -(R^H P(S u - d) / s^2 + V q),  V = 1/l int grad . grad / sqrt(|grad q|^2 + eps^2) dx

by conjugate gradients. V preconditions them, with the diagonal of R^H R. Gradient descent with a limited
memory (L-BFGS) needs hundreds of steps here, because stiffness where the wave is weak hardly changes u.

Source: Van Houten et al. 2001, Magn Reson Med 45:827 (finite elements, measured boundary values); McGarry
et al. 2012, Med Phys 39:6388 (adjoint); Rudin, Osher & Fatemi 1992, Physica D 60:259 (total variation);
Vogel & Oman 1996, SIAM J Sci Comput 17:227 (its weights lag behind); Bekas, Kokiopoulou & Saad 2007, Appl
Numer Math 57:1214 (random signs estimate a diagonal).
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.sparse import csc_array, diags_array, hstack
from scipy.sparse.linalg import LinearOperator, SuperLU, cg, splu
from skfem import Basis, BilinearForm, ElementTriP1, ElementTriP2
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

ENOUGH = 1e-4
"""Gauss-Newton ends when a step lowers J by less than this part of it."""

LEAST_CHANGE = 0.003
"""eps, as the change of log G* along a triangle's edge below which a slope counts as flat."""

PROBES = 6
"""Random images of signs that estimate the diagonal of R^H R; it only preconditions."""


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
    iterations=30,
):
    """Stiffness by nonlinear inversion: finite elements, total variation, Gauss-Newton steps.

    Parameters
    ----------
    wave : complex array (y, x)
        First harmonic, any unit; values outside the mask are ignored.
    mask : bool array (y, x)
        Its largest connected part is inverted; other parts keep the starting value with confidence 0.
    spacing_m, frequency_hz : float
        Pixel size [m], vibration frequency [Hz].
    loss_tangent : None, float or array (y, x)
        tan(delta), held fixed if given. None: it is estimated with the stiffness, as a map too.
    elements_per_wavelength : float
        Edges of the mesh per wavelength of the softest quarter of the starting map; they also set the
        resolution of the stiffness. Assumption: 6, where quadratic elements are right to 1-2 %.
    total_variation_m : float
        l, the length that weighs the total variation [m]; larger gives rougher maps. Assumption: 0.3 mm; of
        0.1 to 10 mm, 0.2 to 0.5 mm was best on simulated livers at a signal-to-noise ratio of 20.
    least_noise : float
        Lower bound of sigma, the noise found in the wave, as a fraction of the wave's rms.
    iterations : int
        Largest number of Gauss-Newton steps; ten are usual.

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
    found = problem.evaluate(problem.start)
    for _ in range(iterations):
        before, found = found.value, problem.step(found)
        if before - found.value < ENOUGH * before:
            break
    return problem.maps(found)


class State(NamedTuple):
    """What `Problem.evaluate` finds at one vector of unknowns: J and what its derivatives are made of.

    wave : u (unknown,); factors, matrix : of A inside, and A; modulus : G* at the quadrature points.
    residual : P(S u - d) (pixel,); weight : 1 / s^2; steepness : sqrt(|grad q|^2 + eps^2).
    """

    unknowns: np.ndarray
    value: float
    wave: np.ndarray
    factors: SuperLU
    matrix: csc_array
    modulus: np.ndarray
    residual: np.ndarray
    weight: float
    steepness: np.ndarray


class Problem:
    """Objective J of one slice and its derivatives; the module's docstring defines them.

    The vector of unknowns holds the real and imaginary parts, in turn, of log G* at the vertices and of the
    wave on the outline, in units of the wave's rms. Where the loss tangent is held, delta is kept at 0 in it.

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
        delta = 0.0 if loss_tangent is not None else np.arctan(0.2)
        log_modulus = np.log(np.clip(modulus, *STIFFNESS_PA)) + 1j * delta
        self.start = np.concatenate([log_modulus, trace]).view(float)
        self.low, self.high = np.full((2, len(self.start)), [[-np.inf], [np.inf]])
        stiffness, loss = (slice(part, 2 * self.linear.N, 2) for part in (0, 1))
        self.low[stiffness], self.high[stiffness] = np.log(STIFFNESS_PA)
        self.low[loss], self.high[loss] = np.arctan(LOSS_TANGENT) if loss_tangent is None else (0.0, 0.0)

    def deformation(self, values):
        """Pixel values (pixel,) without their constant and slope, the tissue's motion as a whole."""
        return values - self.rigid @ (self.rigid.T @ values)

    def split(self, unknowns):
        """Split into log|G*| (vertex,), tan(delta) at the quadrature points, g (outline's unknown,)."""
        q, g = np.split(unknowns.view(complex), [self.linear.N])
        held = self.held_loss
        return q.real, np.tan(np.asarray(self.linear.interpolate(q.imag))) if held is None else held, g

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

    def evaluate(self, unknowns):
        """J and what its derivatives need, a `State`."""
        m, loss, g = self.split(unknowns)
        u, factors, A, G = self.solve(m, loss, g)
        residual = self.deformation(self.image.matrix @ u) - self.data
        count = len(residual)
        excess = 1 + np.vdot(residual, residual).real / (2 * count * self.sigma**2)
        parts = unknowns.view(complex)[: self.linear.N]
        slopes = np.concatenate([self.linear.interpolate(q).grad for q in (parts.real, parts.imag)])
        eps = LEAST_CHANGE / self.linear.mesh.params().mean()
        steepness = np.sqrt((slopes**2).sum(0) + eps**2)
        value = count * np.log(excess) + np.sum(steepness * self.linear.dx) / self.total_variation_m
        weight = 1 / (excess * self.sigma**2)
        return State(unknowns, value, u, factors, A, G, residual, weight, steepness)

    def response(self, factors, A, by_tissue=None):
        """Linear operator R from a change of the wave on the outline to that of P S u (pixel,), with its adjoint.

        by_tissue : None, or d(A u)/dq (inner unknown, vertex); then changes of log G* come before those of g.
        """
        loads = A[self.inner][:, self.edge]
        loads = (loads if by_tissue is None else hstack([by_tissue, loads])).tocsr()
        back, inside, rim = (
            loads.conj().T.tocsr(),
            *(self.image.matrix[:, n] for n in (self.inner, self.edge)),
        )
        first = loads.shape[1] - len(self.edge)

        def forward(change):
            return self.deformation(rim @ change[first:] - inside @ factors.solve(loads @ change))

        def adjoint(pixels):
            pixels = self.deformation(pixels)
            # A is complex symmetric: its adjoint's inverse is the conjugate of its inverse's conjugate.
            change = -(back @ factors.solve((inside.T @ pixels).conj()).conj())
            change[first:] += rim.T @ pixels
            return change

        shape = len(self.data), loads.shape[1]
        return LinearOperator(shape, matvec=forward, rmatvec=adjoint, dtype=complex)

    def linearise(self, state):
        """Gradient of J (unknown,), R, and V (vertex, vertex)."""
        wave = self.basis.interpolate(state.wave)
        by_tissue = _coupling.assemble(self.linear, self.basis, G=state.modulus, wave=wave).tocsr()[
            self.inner
        ]
        response = self.response(state.factors, state.matrix, by_tissue)
        variation = _variation.assemble(self.linear, size=state.steepness) / self.total_variation_m
        gradient = state.weight * response.rmatvec(state.residual)
        gradient[: self.linear.N] += variation @ state.unknowns.view(complex)[: self.linear.N]
        gradient = gradient.view(float)
        return np.where(self.low < self.high, gradient, 0), response, variation

    def step(self, state):
        """The state after one Gauss-Newton step within the bounds, or the same if none lowers J."""
        gradient, response, variation = self.linearise(state)
        n, x = self.linear.N, state.unknowns
        free = ~((x <= self.low) & (gradient >= 0) | (x >= self.high) & (gradient <= 0))
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (PROBES, len(self.data)))
        diagonal = np.mean([np.abs(response.rmatvec(row)) ** 2 for row in signs], 0)
        diagonal = state.weight * np.concatenate([d + 1e-3 * d.mean() for d in np.split(diagonal, [n])])
        near = splu((variation + diags_array(diagonal[:n])).tocsc())

        def curvature(v):
            v = (v * free).view(complex)
            change = state.weight * response.rmatvec(response.matvec(v))
            change[:n] += variation @ v[:n]
            return change.view(float) * free

        def precondition(v):
            v = (v * free).view(complex)
            tissue = near.solve(v[:n].real) + 1j * near.solve(v[:n].imag)
            return np.concatenate([tissue, v[n:] / diagonal[n:]]).view(float) * free

        square = len(x), len(x)
        H, M = (LinearOperator(square, matvec=f, dtype=float) for f in (curvature, precondition))
        change = cg(H, -gradient * free, rtol=0.1, maxiter=100, M=M)[0]
        for length in (1, 1 / 2, 1 / 4, 1 / 8, 1 / 16):
            found = self.evaluate(np.clip(x + length * change, self.low, self.high))
            if found.value < state.value:
                return found
        return state

    def maps(self, state):
        """Stiffness and confidence on the pixels; mask pixels just off the mesh take the nearest values."""
        m = self.split(state.unknowns)[0]
        covered = self.image.covered
        stiffness, residual, measured = np.zeros((3, *covered.shape))
        stiffness[covered] = np.exp(self.stiffness_image.matrix @ m)
        residual[covered] = np.abs(state.residual) ** 2
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


@BilinearForm(dtype=np.complex128)
def _coupling(q, v, w):
    """int G* q grad u . grad v, the change of A u by that of log G*."""
    return w.G * q * dot(w.wave.grad, grad(v))


@BilinearForm
def _variation(q, v, w):
    return dot(grad(q), grad(v)) / w.size


def _starting_map(wave, mask, spacing_m, frequency_hz):
    """MMDI's stiffness within a factor 2 of its median, smoothed over 5 mm inside the mask."""
    found = mmdi.invert(wave, mask, spacing_m, frequency_hz).stiffness
    middle = np.median(found[mask])
    values = np.where(mask, np.log(np.clip(found, middle / 2, 2 * middle)), 0)
    sums, weight = (ndimage.gaussian_filter(a, 0.005 / spacing_m) for a in (values, mask.astype(float)))
    return np.where(mask, np.exp(sums / np.where(mask, weight, 1)), 0)
