"""All waves that a map of stiffness allows in an outline, and what they leave of a measured one.

No inversion is involved and no driver need be known: all solutions of div(G* grad u) + rho omega^2 u = 0 in
the outline (on it a Fourier series) are computed, and what they fit of a wave by least squares is taken off,
with a constant and motion that decays from the edge, lap e = e / d^2 (`dime.network.augment.edge_motion`).

Source: Golub and Pereyra 1973, SIAM J Numer Anal 10:413 (least squares whose linear unknowns are eliminated).
"""

from functools import cached_property

import numpy as np
from scipy import linalg
from skfem import Basis, ElementTriP2
from skfem.models.poisson import laplace, mass

from dime.fem.antiplane import assemble_antiplane
from dime.fem.locate import arc_fraction
from dime.fem.mesh import mesh_region
from dime.fem.pixels import sampler
from dime.fem.rheology import complex_modulus
from dime.fem.sizing import fit_mesh
from dime.fem.solvers import solve_sparse
from dime.phantoms.phantom import from_maps
from dime.physics import shear_wavelength

PIVOT_PA = 2.5e3
"""m, where p alone changes nothing."""

REACHES_M = (4e-3, 8e-3, 16e-3, np.inf)
"""d of the motion that decays from the edge. Assumption: from a thin layer to one that spans the slice."""

ELEMENTS_PER_WAVELENGTH = 8.0
"""Quadratic elements: their own dispersion stays below a thousandth of the stiffness."""

HARMONICS_PER_WAVELENGTH = 2.0
"""Of the series on the outline. Assumption: two; one does not resolve drivers' ends."""

EVERY = 4
"""Of the pixels, which lie far denser than the wave asks for, every fourth is fitted: their noise is alike in
neighbours where images were interpolated."""

GAINS = np.geomspace(0.4, 2.5, 9)
"""Of the imaginary channel over the real one, both of unit rms: tried where they are fitted together."""


class AllowedWaves:
    """All waves that a map t allows in its outline, and what they leave of a given one.

    `trial` is p, log s and the log of the loss tangent of a map |G*| = s m (t / m)^p. Channels of the given
    wave are taken to unit rms each. Triangles are as small as the waves ask for, or have edges of `edge_m`.
    """

    def __init__(self, truth, wave, mask, spacing_m, frequency_hz, edge_m=None):
        self.frequency_hz = frequency_hz
        phantom = from_maps(mask, np.where(mask, truth, 1.0), 0.0, spacing_m)
        if edge_m is None:
            mesh = fit_mesh(phantom, [], frequency_hz, ELEMENTS_PER_WAVELENGTH)
        else:
            mesh = mesh_region(phantom.outline, lambda x, y: np.full(np.shape(x), edge_m))
        self.basis = Basis(mesh, ElementTriP2(), intorder=4)
        self.truth = np.abs(complex_modulus(phantom)(*self.basis.global_coordinates()))
        self.edge = self.basis.get_dofs(mesh.boundary_facets()).flatten()
        self.inner = np.setdiff1d(np.arange(self.basis.N), self.edge)
        outline = phantom.outline
        perimeter = np.linalg.norm(np.diff(outline, axis=0, append=outline[:1]), axis=1).sum()
        wavelength = shear_wavelength(np.percentile(truth[mask], 25), frequency_hz)
        orders = np.arange(1, round(HARMONICS_PER_WAVELENGTH * perimeter / wavelength) + 1)
        angle = 2 * np.pi * arc_fraction(outline, self.basis.doflocs[:, self.edge])[:, None] * orders
        constant = np.ones((len(self.edge), 1))
        self.boundary = np.hstack([constant, np.cos(angle), np.sin(angle)])  # (outline's unknown, harmonic)

        image = sampler(self.basis, mask, spacing_m)
        self.sample, self.values = image.matrix[::EVERY], wave[image.covered][::EVERY]

    @cached_property
    def others(self):
        """A constant and motion that decays from the edge, orthonormal (pixel, field)."""
        gradients, identity = laplace.assemble(self.basis), mass.assemble(self.basis)
        fields = [self.sample @ self.extend(gradients + identity / reach**2) for reach in REACHES_M]
        return linalg.qr(np.hstack([*fields, np.ones((len(self.values), 1))]), mode="economic")[0]

    @cached_property
    def channels(self):
        """Real and imaginary part of the given wave, each of unit rms, without the others: (pixel, 2)."""
        channels = np.stack([self.values.real, self.values.imag], axis=1)
        channels = channels - channels.mean(axis=0)
        return self.without_others(channels / channels.std(axis=0))

    def without_others(self, fields):
        """Of fields (pixel, field), what is neither constant nor decays from the edge."""
        return fields - self.others @ (self.others.T @ fields)

    def extend(self, A):
        """The solutions of A u = 0 inside (unknown, harmonic) with the Fourier series on the outline."""
        A = A.tocsc()
        inside, coupling = A[self.inner][:, self.inner], A[self.inner][:, self.edge]
        u = np.zeros((self.basis.N, self.boundary.shape[1]), A.dtype)
        u[self.edge] = self.boundary
        u[self.inner] = solve_sparse(inside, -(coupling @ self.boundary))
        return u

    def solutions(self, trial, kappa=0.0):
        """Its waves, with wavenumber kappa through the slice [rad/m]: (unknown, harmonic), complex."""
        exponent, log_scale, log_loss = trial
        size = np.exp(log_scale) * PIVOT_PA * (self.truth / PIVOT_PA) ** exponent
        G = size * np.exp(1j * np.arctan(np.exp(log_loss)))
        A, _ = assemble_antiplane(self.basis, lambda x, y: G, self.frequency_hz, through_plane_per_m=kappa)
        return self.extend(A)

    def fields(self, trial, kappa=0.0):
        """The same on pixels, without what edge motion explains of them: (pixel, harmonic)."""
        return self.without_others(self.sample @ self.solutions(trial, kappa))

    def left(self, trial):
        """What its waves leave of both channels, fitted each alone, as one array."""
        return self.rest(self.fields(trial))

    def rest(self, *fields):
        """What any sum of fields leaves of each channel."""
        waves = np.hstack([part for u in fields for part in (u.real, u.imag)])
        fit = waves @ linalg.lstsq(waves, self.channels, cond=1e-8)[0]
        return (self.channels - fit).ravel()

    def together(self, trial, cutoff=1e-8):
        """One wave fitted to both channels, at e^(+i omega t) and at its conjugate.

        With Q R = [Re u, Im u] only the part of the channels in the range of Q is left to fit. Motions of the
        outline to which the wave answers less than `cutoff` times its strongest answer are left out.

        Returns
        -------
        two of (least rms that is left, the outline's motion (harmonic,), complex)
        """
        u = self.fields(trial)
        Q, R = linalg.qr(np.hstack([u.real, u.imag]), mode="economic")
        inside = Q.T @ self.channels
        beyond = np.sum((self.channels - Q @ inside) ** 2)
        re, im = np.hsplit(R, 2)
        real, imaginary, sought = np.hstack([re, -im]), np.hstack([im, re]), inside.T.ravel()

        def fit(sign, gain):
            rows = np.vstack([real, sign * gain * imaginary])
            parts = linalg.lstsq(rows, sought, cond=cutoff)[0]
            left = np.sqrt((np.sum((sought - rows @ parts) ** 2) + beyond) / self.channels.size)
            re, im = np.split(parts, 2)
            return left, re + 1j * im

        return [min((fit(sign, gain) for gain in GAINS), key=lambda found: found[0]) for sign in (1, -1)]


def rms(values):
    """Root of the mean square."""
    return np.sqrt(np.mean(values**2))
