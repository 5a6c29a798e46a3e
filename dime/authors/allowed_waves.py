"""Fit a wave with every solution of the wave equation in a stiffness map; report the part that none explains.

No inversion is involved and the drivers need not be known. Finite elements give all solutions of
div(G* grad u) + rho omega^2 u = 0 in the outline, one for each term of a Fourier series on it. They are
fitted by least squares beside a constant and motion that decays from the edge, lap e = e / d^2
(`dime.network.augment.edge_motion`).

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
"""Stiffness m at which the contrast p changes nothing [Pa]."""

REACHES_M = (4e-3, 8e-3, 16e-3, np.inf)
"""Depths d of the motion that decays from the edge [m]. Assumption: from a thin layer to the whole slice."""

ELEMENTS_PER_WAVELENGTH = 8.0
"""Quadratic elements of the converged mesh: their dispersion stays below a thousandth of the stiffness."""

HARMONICS_PER_WAVELENGTH = 2.0
"""Fourier terms of the boundary motion per wavelength of outline. Assumption: two, because one cannot resolve
where a driver ends."""

STRIDE = 4
"""Every fourth pixel is fitted: pixels are denser than the wave needs; interpolated ones share noise."""

GAINS = np.geomspace(0.4, 2.5, 9)
"""Trial ratios of the imaginary to the real channel's gain, where both (of unit rms) are fitted together."""


class AllowedWaves:
    """All waves that a stiffness map allows in its outline, to be fitted to one given wave.

    A `trial` is (p, log s, log of the loss tangent) of a map |G*| = s m (t / m)^p, with t the true map. Both
    channels of the wave are scaled to unit rms. The mesh resolves the waves or has edges of `edge_m` [m].
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
        self.sample, self.values = image.matrix[::STRIDE], wave[image.covered][::STRIDE]

    @cached_property
    def background(self):
        """A constant and motion that decays from the edge, orthonormal (pixel, field)."""
        gradients, identity = laplace.assemble(self.basis), mass.assemble(self.basis)
        fields = [self.sample @ self.extend(gradients + identity / reach**2) for reach in REACHES_M]
        return linalg.qr(np.hstack([*fields, np.ones((len(self.values), 1))]), mode="economic")[0]

    @cached_property
    def channels(self):
        """Real and imaginary part of the given wave, each of unit rms, without the background: (pixel, 2)."""
        channels = np.stack([self.values.real, self.values.imag], axis=1)
        channels = channels - channels.mean(axis=0)
        return self.without_background(channels / channels.std(axis=0))

    def without_background(self, fields):
        """Fields (pixel, field) without the part that `background` explains."""
        return fields - self.background @ (self.background.T @ fields)

    def extend(self, A):
        """The solutions of A u = 0 inside (unknown, harmonic) with the Fourier series on the outline."""
        A = A.tocsc()
        inside, coupling = A[self.inner][:, self.inner], A[self.inner][:, self.edge]
        u = np.zeros((self.basis.N, self.boundary.shape[1]), A.dtype)
        u[self.edge] = self.boundary
        u[self.inner] = solve_sparse(inside, -(coupling @ self.boundary))
        return u

    def solutions(self, trial):
        """The waves that a trial's map allows: (unknown, harmonic), complex."""
        exponent, log_scale, log_loss = trial
        size = np.exp(log_scale) * PIVOT_PA * (self.truth / PIVOT_PA) ** exponent
        G = size * np.exp(1j * np.arctan(np.exp(log_loss)))
        return self.extend(assemble_antiplane(self.basis, lambda x, y: G, self.frequency_hz)[0])

    def fields(self, trial):
        """The same waves on the fitted pixels, without the background: (pixel, harmonic), complex."""
        return self.without_background(self.sample @ self.solutions(trial))

    def unexplained(self, trial):
        """The part of each channel that a trial's waves do not explain, fitted alone: (2 pixel,)."""
        u = self.fields(trial)
        waves = np.hstack([u.real, u.imag])
        return (self.channels - waves @ linalg.lstsq(waves, self.channels, cond=1e-8)[0]).ravel()

    def boundary_motion(self, trial, cutoff):
        """Fit one wave at e^(+i omega t) to both channels together.

        With Q R = [Re u, Im u] only the part of the channels in the range of Q has to be fitted. Motions of
        the outline to which the wave answers less than `cutoff` times its strongest answer are left out.

        Returns
        -------
        rms of the unexplained part, the outline's motion (harmonic,), complex
        """
        u = self.fields(trial)
        Q, R = linalg.qr(np.hstack([u.real, u.imag]), mode="economic")
        inside = Q.T @ self.channels
        beyond = np.sum((self.channels - Q @ inside) ** 2)
        re, im = np.hsplit(R, 2)
        real, imaginary, sought = np.hstack([re, -im]), np.hstack([im, re]), inside.T.ravel()

        def fit(gain):
            rows = np.vstack([real, gain * imaginary])
            parts = linalg.lstsq(rows, sought, cond=cutoff)[0]
            re, im = np.split(parts, 2)
            return np.sqrt((np.sum((sought - rows @ parts) ** 2) + beyond) / self.channels.size), re + 1j * im

        return min((fit(gain) for gain in GAINS), key=lambda found: found[0])


def rms(values):
    """Root of the mean square."""
    return np.sqrt(np.mean(values**2))
