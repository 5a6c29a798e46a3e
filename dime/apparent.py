"""Which stiffness does a phantom's wave show? The true map's level and contrast that explain it best.

A simulated wave should obey the wave equation with the stiffness that it is said to have. Here the true map t
becomes |G*| = s m (t / m)^p, m = 2.5 kPa, with one loss tangent for the slice; s, p and the loss tangent are
those that leave least of the wave. s = p = 1 where wave and truth agree. A wrong pixel size changes s, not p;
coarse meshes, whose waves are too long in soft tissue before they are in stiff one, give p < 1.

No inversion is involved and no driver need be known: for each trial, all waves that
div(G* grad u) + rho omega^2 u = 0 allows in the outline (on it a Fourier series) are computed, and what they
fit of each channel by least squares is taken off, with a constant and motion that decays from the edge,
lap e = e / d^2 (`dime.augment.edge_motion`). Channels are fitted each alone, so that neither their gain and
offset nor the phase and the sign of time matter.

Source: Golub and Pereyra 1973, SIAM J Numer Anal 10:413 (least squares whose linear unknowns are eliminated).
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize
from skfem import Basis, ElementTriP2
from skfem.models.poisson import laplace, mass

from dime.fem import arc_fraction, assemble_antiplane, complex_modulus, fit_mesh, shear_wavelength
from dime.fem.solvers import solve_sparse
from dime.filters import check_field
from dime.phantoms import from_maps
from dime.pixels import sampler

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

LOSS_TANGENTS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""The search starts from the one of these that leaves least."""

GAINS = np.geomspace(0.4, 2.5, 9)
"""Of the imaginary channel over the real one, both of unit rms: tried where they are fitted together."""

THROUGH_PLANE_M = np.geomspace(17e-3, 50e-3, 6)
"""Wavelengths through the slice of uneven motion that are tried. Assumption: shorter ones do not reach into
the tissue, longer ones pass for antiplane."""

TRIED_LOSSES = (0.1, 0.2, 0.4)
"""Loss tangents of measured tissue that are tried."""

BOUNDS = np.array([[0.2, np.log(0.3), np.log(0.005)], [3.0, np.log(3.0), np.log(3.0)]])
"""Of p, log s and the log of the loss tangent."""


class Apparent(NamedTuple):
    """exponent, scale : p and s; p of a homogeneous map is 1
    exponent_error : standard error of p, from the wave's noise alone
    loss_tangent : one for the slice
    unexplained : rms of what is left over rms of the wave, channels alike
    unexplained_by_truth : the same with s = p = 1, the loss tangent sought
    unexplained_forward, unexplained_backward : the same as `unexplained` with both channels fitted together,
        at e^(+i omega t) and at its conjugate, the loss tangent sought for each
    unexplained_uneven : the same as `unexplained`, with a part that varies through the slice
    through_plane_m : wavelength of that part, of `THROUGH_PLANE_M`
    """

    exponent: float
    exponent_error: float
    scale: float
    loss_tangent: float
    unexplained: float
    unexplained_by_truth: float
    unexplained_forward: float
    unexplained_backward: float
    unexplained_uneven: float
    through_plane_m: float

    def stiffness(self, truth):
        """The map that explains the wave best, of the true one [Pa]."""
        return self.scale * PIVOT_PA * (truth / PIVOT_PA) ** self.exponent


def apparent(truth, wave, mask, spacing_m, frequency_hz):
    """The stiffness that the wave of a phantom shows, relative to the one it is said to have.

    Parameters
    ----------
    truth : (y, x) array [Pa], positive inside the mask
    wave : (y, x) complex array, any unit
    mask : (y, x) bool array
        Its largest connected part is used.
    spacing_m, frequency_hz : float

    Returns
    -------
    Apparent

    Raises
    ------
    ValueError
        See `dime.filters.check_field` and `dime.phantoms.from_maps`.
    """
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    waves = _Waves(truth, wave, mask, spacing_m, frequency_hz)
    log_loss = min(np.log(LOSS_TANGENTS), key=lambda log_loss: _rms(waves.left([1.0, 0.0, log_loss])))
    begin = np.array([1.0, 0.0, log_loss])

    def search(*free):
        """The unknowns with the named ones sought, what they leave, and the covariance of those."""
        trial, free = begin.copy(), list(free)

        def left(values):
            trial[free] = values
            return waves.left(trial)

        found = optimize.least_squares(left, begin[free], bounds=BOUNDS[:, free], diff_step=1e-3, xtol=1e-3)
        trial[free] = found.x
        return trial, _rms(found.fun), np.mean(found.fun**2) * np.linalg.inv(found.jac.T @ found.jac)

    homogeneous = np.ptp(np.log(truth[mask])) < 0.01
    (exponent, *logs), unexplained, covariance = search(1, 2) if homogeneous else search(0, 1, 2)
    error = 0.0 if homogeneous else np.sqrt(covariance[0, 0])
    tried = [waves.left_together([exponent, logs[0], log_loss]) for log_loss in np.log(LOSS_TANGENTS)]
    even = waves.fields([exponent, *logs])
    uneven = {
        length: _rms(waves.rest(even, waves.fields([exponent, *logs], 2 * np.pi / length)))
        for length in THROUGH_PLANE_M
    }
    length = min(uneven, key=uneven.get)
    left = unexplained, search(2)[1], *np.min(tried, axis=0), uneven[length]
    return Apparent(*map(float, (exponent, error, *np.exp(logs), *left, length)))


def unexplained_by_level(stiffness, wave, mask, spacing_m, frequency_hz, levels):
    """What the waves of a map, made stiffer or softer as a whole, leave of a measured wave.

    Parameters
    ----------
    stiffness : (y, x) array [Pa], positive inside the mask
    wave, mask, spacing_m, frequency_hz
        As in `apparent`.
    levels : sequence of float
        Factors of the stiffness.

    Returns
    -------
    (level, 2) array
        Rms of what is left over rms of the wave: of shear alone, and with a part that varies through the
        slice. Loss tangent and wavelength of the part are those of `TRIED_LOSSES` and every second of
        `THROUGH_PLANE_M` that leave least.

    Raises
    ------
    ValueError
        As `apparent`.
    """
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    waves = _Waves(stiffness, wave, mask, spacing_m, frequency_hz)
    left = np.full((len(levels), 2), np.inf)
    for row, level in enumerate(levels):
        for loss in TRIED_LOSSES:
            trial = [1.0, np.log(level), np.log(loss)]
            even = waves.fields(trial)
            parts = (waves.fields(trial, 2 * np.pi / length) for length in THROUGH_PLANE_M[::2])
            found = _rms(waves.rest(even)), min(_rms(waves.rest(even, part)) for part in parts)
            left[row] = np.minimum(left[row], found)
    return left


class _Waves:
    """All waves that a map allows in an outline, and what they leave of a measured one."""

    def __init__(self, truth, wave, mask, spacing_m, frequency_hz):
        self.frequency_hz = frequency_hz
        phantom = from_maps(mask, np.where(mask, truth, 1.0), 0.0, spacing_m)
        mesh = fit_mesh(phantom, [], frequency_hz, ELEMENTS_PER_WAVELENGTH)
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
        self.sample, values = image.matrix[::EVERY], wave[image.covered][::EVERY]
        gradients, identity = laplace.assemble(self.basis), mass.assemble(self.basis)
        others = [self.sample @ self.extend(gradients + identity / reach**2) for reach in REACHES_M]
        others.append(np.ones((len(values), 1)))
        self.others = linalg.qr(np.hstack(others), mode="economic")[0]
        channels = np.stack([values.real, values.imag], axis=1)
        channels = channels - channels.mean(axis=0)
        self.channels = self.without_others(channels / channels.std(axis=0))

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

    def fields(self, unknowns, kappa=0.0):
        """The waves of a trial's map, with wavenumber kappa through the slice: (pixel, harmonic), complex."""
        exponent, log_scale, log_loss = unknowns
        size = np.exp(log_scale) * PIVOT_PA * (self.truth / PIVOT_PA) ** exponent
        G = size * np.exp(1j * np.arctan(np.exp(log_loss)))
        A, _ = assemble_antiplane(self.basis, lambda x, y: G, self.frequency_hz, through_plane_per_m=kappa)
        return self.without_others(self.sample @ self.extend(A))

    def left(self, unknowns):
        """What a trial's waves leave of both channels, of unit rms each, as one array."""
        return self.rest(self.fields(unknowns))

    def rest(self, *fields):
        """What any sum of fields leaves of each channel."""
        waves = np.hstack([part for u in fields for part in (u.real, u.imag)])
        fit = waves @ linalg.lstsq(waves, self.channels, cond=1e-8)[0]
        return (self.channels - fit).ravel()

    def left_together(self, unknowns):
        """Least rms that one wave leaves of both channels, at e^(+i omega t) and at its conjugate.

        With Q R = [Re u, Im u] only the part of the channels in the range of Q is left to fit.
        """
        u = self.fields(unknowns)
        Q, R = linalg.qr(np.hstack([u.real, u.imag]), mode="economic")
        inside = Q.T @ self.channels
        beyond = np.sum((self.channels - Q @ inside) ** 2)
        re, im = np.hsplit(R, 2)
        real, imaginary, sought = np.hstack([re, -im]), np.hstack([im, re]), inside.T.ravel()

        def least(sign):
            rows = (np.vstack([real, sign * gain * imaginary]) for gain in GAINS)
            left = (sought - A @ linalg.lstsq(A, sought, cond=1e-8)[0] for A in rows)
            return np.sqrt((min(np.sum(one**2) for one in left) + beyond) / self.channels.size)

        return least(1), least(-1)


def _rms(values):
    return np.sqrt(np.mean(values**2))
