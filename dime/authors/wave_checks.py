"""Which stiffness does a phantom's wave show? The true map's level and contrast that explain it best.

A simulated wave should obey the wave equation with the stiffness that it is said to have. Here the true map
t becomes |G*| = s m (t / m)^p, m = 2.5 kPa, with one loss tangent for the slice; s, p and the loss tangent
are those whose waves (`dime.authors.allowed_waves`) leave least of the given one. s = p = 1 where wave and truth agree. A
wrong pixel size changes s, not p; coarse meshes, whose waves are too long in soft tissue before they are in
stiff one, give p < 1 (`dime.authors.wave_checks` asks for them).

Channels are fitted each alone, so that neither their gain and offset nor the phase and the sign of time
matter; the sign is sought with both together.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage, optimize

from dime.authors.allowed_waves import PIVOT_PA, AllowedWaves, rms
from dime.fem.pixels import sampler
from dime.inversion.masked_wave import check_field

LOSS_TANGENTS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""The search starts from the one of these that leaves least."""

TISSUE_LOSSES = LOSS_TANGENTS[2:5]
"""Those of them that tissue has, tried where many maps or meshes are compared."""

THROUGH_PLANE_M = np.geomspace(17e-3, 50e-3, 6)
"""Wavelengths through the slice of uneven motion that are tried. Assumption: shorter ones do not reach into
the tissue, longer ones pass for antiplane."""

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
        See `dime.inversion.masked_wave.check_field` and `dime.phantoms.phantom.from_maps`.
    """
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    waves = AllowedWaves(truth, wave, mask, spacing_m, frequency_hz)
    log_loss = min(np.log(LOSS_TANGENTS), key=lambda log_loss: rms(waves.left([1.0, 0.0, log_loss])))
    begin = np.array([1.0, 0.0, log_loss])

    def search(*free):
        """The unknowns with the named ones sought, what they leave, and the covariance of those."""
        trial, free = begin.copy(), list(free)

        def left(values):
            trial[free] = values
            return waves.left(trial)

        found = optimize.least_squares(left, begin[free], bounds=BOUNDS[:, free], diff_step=1e-3, xtol=1e-3)
        trial[free] = found.x
        return trial, rms(found.fun), np.mean(found.fun**2) * np.linalg.inv(found.jac.T @ found.jac)

    homogeneous = np.ptp(np.log(truth[mask])) < 0.01
    (exponent, *logs), unexplained, covariance = search(1, 2) if homogeneous else search(0, 1, 2)
    error = 0.0 if homogeneous else np.sqrt(covariance[0, 0])
    tried = [waves.together([exponent, logs[0], log_loss]) for log_loss in np.log(LOSS_TANGENTS)]
    signs = [min(left for left, _ in fits) for fits in zip(*tried, strict=True)]
    even = waves.fields([exponent, *logs])
    uneven = {
        length: rms(waves.rest(even, waves.fields([exponent, *logs], 2 * np.pi / length)))
        for length in THROUGH_PLANE_M
    }
    length = min(uneven, key=uneven.get)
    left = unexplained, search(2)[1], *signs, uneven[length]
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
        slice. Loss tangent and wavelength of the part are those of `TISSUE_LOSSES` and every second of
        `THROUGH_PLANE_M` that leave least.

    Raises
    ------
    ValueError
        As `apparent`.
    """
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    waves = AllowedWaves(stiffness, wave, mask, spacing_m, frequency_hz)
    left = np.full((len(levels), 2), np.inf)
    for row, level in enumerate(levels):
        for loss in TISSUE_LOSSES:
            trial = [1.0, np.log(level), np.log(loss)]
            even = waves.fields(trial)
            parts = (waves.fields(trial, 2 * np.pi / length) for length in THROUGH_PLANE_M[::2])
            found = rms(waves.rest(even)), min(rms(waves.rest(even, part)) for part in parts)
            left[row] = np.minimum(left[row], found)
    return left


TRIALS = [[1.0, 0.0, np.log(loss)] for loss in TISSUE_LOSSES]
"""Of `dime.authors.allowed_waves.AllowedWaves`: the true map as it is, one loss tangent or another."""

CUTOFF = 0.2
"""Motions of the outline to which the wave answers less than this, relative to the strongest answer, are
left out. Assumption: fast ripples along it, which hardly reach the tissue, would fit noise and edge motion,
and not be small; from 0.05 to 0.5 maps of the recomputed waves err alike."""


def unexplained_by_mesh(truth, wave, mask, spacing_m, frequency_hz, edges_m):
    """What waves of the true map leave of a wave, were they computed on one mesh or another.

    Parameters
    ----------
    truth : (y, x) array [Pa], positive inside the mask
    wave : (y, x) complex array, any unit; its channels are fitted each alone
    mask : (y, x) bool array
        Its largest connected part is used.
    spacing_m, frequency_hz : float
    edges_m : sequence of float or None
        Edges of quadratic, nearly equilateral triangles [m]; None for a mesh on which waves have converged.

    Returns
    -------
    (edge,) array
        Rms of what is left over rms of the wave; the loss tangent is that of `wave_checks.TISSUE_LOSSES` that
        leaves least.

    Raises
    ------
    ValueError
        An edge that is no positive length; and as `dime.authors.wave_checks.apparent`.
    """
    _check_edges(edges_m)
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    meshes = (AllowedWaves(truth, wave, mask, spacing_m, frequency_hz, edge_m) for edge_m in edges_m)
    return np.array([min(rms(waves.left(trial)) for trial in TRIALS) for waves in meshes])


def recomputed(truth, wave, mask, spacing_m, frequency_hz, fitted_edge_m, edges_m):
    """The shear waves of a phantom, driven as its wave is, on several meshes.

    div(G* grad u) + rho omega^2 u = 0 with |G*| the true map and one loss tangent, and on the outline the
    motion that explains the wave best on a mesh with edges of `fitted_edge_m`. What the fit takes for motion
    that decays from the edge, and the wave's noise, are not in it.

    Parameters
    ----------
    truth : (y, x) array [Pa], positive inside the mask
    wave : (y, x) complex array, any unit, at e^(+i omega t)
    mask : (y, x) bool array
        Its largest connected part is used.
    spacing_m, frequency_hz : float
    fitted_edge_m : float or None
        Of the mesh whose waves explain the given one: see `unexplained_by_mesh`.
    edges_m : sequence of float or None
        Of the meshes on which the wave is computed; None for one on which it has converged.

    Returns
    -------
    (edge, y, x) complex array
        Relative to the wave's rms (gains of its channels removed), 0 outside the mask.

    Raises
    ------
    ValueError
        An edge that is no positive length; and as `dime.authors.wave_checks.apparent`.
    """
    _check_edges([fitted_edge_m, *edges_m])
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    tissue = truth, wave, mask, spacing_m, frequency_hz
    fitted = AllowedWaves(*tissue, fitted_edge_m)
    fits = [(*fitted.together(trial, CUTOFF)[0], trial) for trial in TRIALS]
    _, motion, trial = min(fits, key=lambda fit: fit[0])
    found = np.zeros((len(edges_m), *mask.shape), complex)
    for image, edge_m in zip(found, edges_m, strict=True):
        waves = fitted if edge_m == fitted_edge_m else AllowedWaves(*tissue, edge_m)
        pixels = sampler(waves.basis, mask, spacing_m)
        image[pixels.covered] = pixels.matrix @ (waves.solutions(trial) @ motion)
        # slivers between the outline and coarse edges
        nearest = ndimage.distance_transform_edt(~pixels.covered, return_distances=False, return_indices=True)
        image[:] = np.where(mask, image[tuple(nearest)], 0)
    return found


def _check_edges(edges_m):
    for edge_m in edges_m:
        if edge_m is not None and not 0 < edge_m < np.inf:
            raise ValueError(f"edges_m: expected positive lengths [m] or None, found {edge_m:g}")
