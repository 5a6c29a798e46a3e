"""Check a simulated wave against its stated map: which level and contrast, and which mesh, explain it best?

A simulated wave should obey the wave equation with the stiffness that its file states. `fit_stiffness`
changes the stated map t to |G*| = s m (t / m)^p, m = 2.5 kPa, with one loss tangent for the slice, until the
waves of that map (`dime.authors.allowed_waves`) leave the least of the given wave unexplained. s = p = 1
where wave and map agree. A wrong pixel size changes the level s and not the contrast p. Coarse meshes make
waves too long, in soft tissue first, and so give p < 1: see `unexplained_by_mesh` and `recomputed`.

Gains and offsets of the channels do not matter: each channel is fitted alone.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage, optimize

from dime.authors.allowed_waves import PIVOT_PA, AllowedWaves, rms
from dime.fem.pixels import sampler
from dime.inversion.masked_wave import check_field

LOSS_TANGENTS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Loss tangents that are tried; the search starts from the best one."""

BOUNDS = np.array([[0.2, np.log(0.3), np.log(0.005)], [3.0, np.log(3.0), np.log(3.0)]])
"""Lower and upper bounds of p, log s and the log of the loss tangent."""

MESH_TRIALS = [[1.0, 0.0, np.log(loss)] for loss in LOSS_TANGENTS[2:5]]
"""Trials of `AllowedWaves` in which meshes are compared: the stated map, with the loss tangents of tissue."""

CUTOFF = 0.2
"""Boundary motions to which the wave answers less than this, relative to the strongest answer, are left out.
Assumption: fast ripples along the outline hardly reach the tissue, but would fit noise and edge motion with
large amplitudes. From 0.05 to 0.5 the recomputed waves are inverted with the same errors."""

RIM_PX = 2
"""Outermost pixels of the stated map that are not fitted: the authors' maps fade there."""


class StiffnessFit(NamedTuple):
    """exponent, scale : contrast p and level s; p of a homogeneous map is 1
    exponent_error : standard error of p from the wave's noise alone; 0 for a homogeneous map
    loss_tangent : one for the slice
    unexplained : rms of the unexplained part over rms of the wave, both channels alike
    unexplained_by_truth : the same with s = p = 1 and the loss tangent fitted
    """

    exponent: float
    exponent_error: float
    scale: float
    loss_tangent: float
    unexplained: float
    unexplained_by_truth: float

    def stiffness(self, truth):
        """The map that explains the wave best, from the stated one [Pa]."""
        return self.scale * PIVOT_PA * (truth / PIVOT_PA) ** self.exponent


def fitted_cases(part):
    """Stated map [Pa], wave and fitted pixels, all (y, x), of each case of a dataset, one case at a time.

    Parameters
    ----------
    part : xarray.Dataset or dict
        stiffness, wave, mask: (case, y, x).
    """
    for truth, wave, mask in zip(*(np.asarray(part[n]) for n in ("stiffness", "wave", "mask")), strict=True):
        yield truth, wave, ndimage.binary_erosion(mask & (truth > 0), iterations=RIM_PX)


def fit_stiffness(truth, wave, mask, spacing_m, frequency_hz):
    """Fit the level s and the contrast p with which the stated map explains a wave best.

    Parameters
    ----------
    truth : (y, x) array [Pa], positive inside the mask
    wave : (y, x) complex array, any unit
    mask : (y, x) bool array
        Its largest connected part is used.
    spacing_m, frequency_hz : float

    Returns
    -------
    StiffnessFit

    Raises
    ------
    ValueError
        See `dime.inversion.masked_wave.check_field` and `dime.phantoms.phantom.from_maps`.
    """
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    waves = AllowedWaves(truth, wave, mask, spacing_m, frequency_hz)
    log_loss = min(np.log(LOSS_TANGENTS), key=lambda log_loss: rms(waves.unexplained([1.0, 0.0, log_loss])))
    begin = np.array([1.0, 0.0, log_loss])

    def search(*free):
        """The trial with the named unknowns fitted, its unexplained rms, and their covariance."""
        trial, free = begin.copy(), list(free)

        def unexplained(values):
            trial[free] = values
            return waves.unexplained(trial)

        options = {"bounds": BOUNDS[:, free], "diff_step": 1e-3, "xtol": 1e-3}
        found = optimize.least_squares(unexplained, begin[free], **options)
        trial[free] = found.x
        return trial, rms(found.fun), np.mean(found.fun**2) * np.linalg.inv(found.jac.T @ found.jac)

    homogeneous = np.ptp(np.log(truth[mask])) < 0.01
    (exponent, *logs), unexplained, covariance = search(1, 2) if homogeneous else search(0, 1, 2)
    error = 0.0 if homogeneous else np.sqrt(covariance[0, 0])
    return StiffnessFit(*map(float, (exponent, error, *np.exp(logs), unexplained, search(2)[1])))


def unexplained_by_mesh(truth, wave, mask, spacing_m, frequency_hz, edges_m):
    """The part of a wave that the waves of its stated map do not explain, for several meshes.

    Parameters
    ----------
    truth, wave, mask, spacing_m, frequency_hz
        As in `fit_stiffness`.
    edges_m : sequence of float or None
        Edges of quadratic, nearly equilateral triangles [m]; None for a mesh on which waves have converged.

    Returns
    -------
    (edge,) array
        Rms of the unexplained part over rms of the wave, with the loss tangent of tissue that makes it least.

    Raises
    ------
    ValueError
        An edge that is not a positive length; and as `fit_stiffness`.
    """
    _check_edges(edges_m)
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    meshes = (AllowedWaves(truth, wave, mask, spacing_m, frequency_hz, edge_m) for edge_m in edges_m)
    return np.array([min(rms(waves.unexplained(trial)) for trial in MESH_TRIALS) for waves in meshes])


def recomputed(truth, wave, mask, spacing_m, frequency_hz, fitted_edge_m, edges_m):
    """Compute the shear wave of a phantom again on several meshes, driven as its given wave is.

    div(G* grad u) + rho omega^2 u = 0 with |G*| the stated map and one loss tangent. The outline moves as
    explains the given wave best on a mesh with edges of `fitted_edge_m`. The wave's noise, and what the fit
    takes for motion that decays from the edge, are left out.

    Parameters
    ----------
    truth, wave, mask, spacing_m, frequency_hz
        As in `fit_stiffness`; the wave at e^(+i omega t).
    fitted_edge_m : float or None
        Edges of the mesh on which the outline's motion is fitted [m]: see `unexplained_by_mesh`.
    edges_m : sequence of float or None
        Edges of the meshes on which the wave is computed [m]; None for one on which it has converged.

    Returns
    -------
    (edge, y, x) complex array
        Relative to the wave's rms (gains of its channels removed), 0 outside the mask.

    Raises
    ------
    ValueError
        An edge that is not a positive length; and as `fit_stiffness`.
    """
    _check_edges([fitted_edge_m, *edges_m])
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    tissue = truth, wave, mask, spacing_m, frequency_hz
    fitted = AllowedWaves(*tissue, fitted_edge_m)
    fits = [(*fitted.boundary_motion(trial, CUTOFF), trial) for trial in MESH_TRIALS]
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
