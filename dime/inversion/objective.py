"""What the nonlinear inversion minimises: the misfit of a finite-element wave, and the map's total variation.

J(q, g) = N log(1 + |P(S u - d)|^2 / (2 N sigma^2)) + 1/l int sqrt(|grad q|^2 + eps^2) dx

A u = 0 inside is the wave equation div(G* grad u) + rho omega^2 u = 0, and u = g on the outline, quadratic on
triangles; q = log G* = log|G*| + i delta is linear on them. d are the N pixels of the first harmonic at
e^{+i omega t}; S samples the elements on the pixels; P subtracts a constant and a slope (the tissue moving as
a whole); l is the length that weighs total variation. The first term has the gradient of
|P(S u - d)|^2 / (2 s^2), where s^2 = sigma^2 + the misfit per pixel: sigma is the noise, and any part of the
wave that no antiplane motion explains (in measured livers) counts as noise too.

P S u is a holomorphic function of q and g. Its change R (dq, dg) costs one solution with A's factors, the
adjoint another, as A is complex symmetric. The gradient of the second term is V q, with
V = 1/l int grad . grad / sqrt(|grad q|^2 + eps^2) dx.

Source: McGarry et al. 2012, Med Phys 39:6388 (adjoint); Rudin, Osher & Fatemi 1992, Physica D 60:259 (total
variation).
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array, hstack
from scipy.sparse.linalg import LinearOperator, SuperLU, splu
from skfem import Basis, BilinearForm, ElementTriP1, ElementTriP2
from skfem.helpers import dot, grad

from dime.fem.antiplane import assemble_antiplane
from dime.fem.mesh import mesh_region
from dime.fem.pixels import axes_m, local_fit, rigid_motion, sampler
from dime.fem.solvers import RESIDUAL, SYMMETRIC
from dime.mri.noise import noise_deviation
from dime.phantoms.phantom import from_maps
from dime.physics import shear_wavelength

STIFFNESS_PA = (200.0, 60e3)
"""Bounds of |G*| [Pa]. Assumption: below 0.2 kPa a wave of 45 Hz or more is shorter than 10 mm."""

LOSS_TANGENT = (0.0, 2.0)
"""Bounds of an estimated loss tangent."""

LEAST_CHANGE = 0.003
"""eps, as the change of log G* along a triangle's edge below which a slope counts as flat."""


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
        """Linear operator R from a change of g (outline's unknown,) to that of P S u (pixel,).

        by_tissue : None, or d(A u)/dq (inner unknown, vertex), for R from a change of (q, g).
        """
        loads = A[self.inner][:, self.edge]
        loads = (loads if by_tissue is None else hstack([by_tissue, loads])).tocsr()
        back = loads.conj().T.tocsr()
        inside, rim = (self.image.matrix[:, n] for n in (self.inner, self.edge))
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
        by_tissue = _coupling.assemble(self.linear, self.basis, G=state.modulus, wave=wave)
        response = self.response(state.factors, state.matrix, by_tissue.tocsr()[self.inner])
        variation = _variation.assemble(self.linear, size=state.steepness) / self.total_variation_m
        gradient = state.weight * response.rmatvec(state.residual)
        gradient[: self.linear.N] += variation @ state.unknowns.view(complex)[: self.linear.N]
        gradient = gradient.view(float)
        return np.where(self.low < self.high, gradient, 0), response, variation


@BilinearForm(dtype=np.complex128)
def _coupling(q, v, w):
    """int G* q grad u . grad v, the change of A u by that of log G*."""
    return w.G * q * dot(w.wave.grad, grad(v))


@BilinearForm
def _variation(q, v, w):
    return dot(grad(q), grad(v)) / w.size
