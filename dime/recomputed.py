"""Was a phantom's wave computed finely enough? Its waves again, on meshes of one's choice.

Waves on coarse meshes are too long, in soft tissue, where they are short, before they are in stiff one. Waves
that the true map allows on such meshes (`dime.allowed`) tell whether a given one is of their kind.

A phantom's stiffness and its wave are taken from someone's files; where its drivers were, these do not say.
The motion of its outline is found instead: that which, with the true map, explains the wave best. With that
motion the wave is computed anew. What an inversion makes of it, beside what it makes of the wave in the
file, tells errors of the inversion from those of the file.
"""

import numpy as np
from scipy import ndimage

from dime.allowed import Waves, rms
from dime.apparent import TISSUE_LOSSES
from dime.filters import check_field
from dime.pixels import sampler

TRIALS = [[1.0, 0.0, np.log(loss)] for loss in TISSUE_LOSSES]
"""Of `dime.allowed.Waves`: the true map as it is, one loss tangent or another."""

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
        Rms of what is left over rms of the wave; the loss tangent is that of `apparent.TISSUE_LOSSES` that
        leaves least.

    Raises
    ------
    ValueError
        An edge that is no positive length; and as `dime.apparent.apparent`.
    """
    _check_edges(edges_m)
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    meshes = (Waves(truth, wave, mask, spacing_m, frequency_hz, edge_m) for edge_m in edges_m)
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
        An edge that is no positive length; and as `dime.apparent.apparent`.
    """
    _check_edges([fitted_edge_m, *edges_m])
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    tissue = truth, wave, mask, spacing_m, frequency_hz
    fitted = Waves(*tissue, fitted_edge_m)
    fits = [(*fitted.together(trial, CUTOFF)[0], trial) for trial in TRIALS]
    _, motion, trial = min(fits, key=lambda fit: fit[0])
    found = np.zeros((len(edges_m), *mask.shape), complex)
    for image, edge_m in zip(found, edges_m, strict=True):
        waves = fitted if edge_m == fitted_edge_m else Waves(*tissue, edge_m)
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
