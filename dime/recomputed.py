"""Which waves a phantom carries when they are computed again, on a mesh of one's choice.

A phantom's stiffness and its wave are taken from someone's files; where its drivers were, these do not say.
The motion of its outline is found instead: that which, with the true map, explains the wave best. With that
motion the wave is computed anew. What an inversion makes of it, beside what it makes of the wave in the
file, tells errors of the inversion from those of the file.
"""

import numpy as np
from scipy import ndimage

from dime.allowed import Waves
from dime.apparent import TISSUE_LOSSES
from dime.filters import check_field
from dime.pixels import sampler

CUTOFF = 0.2
"""Motions of the outline to which the wave answers less than this, relative to the strongest answer, are
left out. Assumption: fast ripples along it, which hardly reach the tissue, would fit noise and edge motion,
and not be small; from 0.05 to 0.5 maps of the recomputed waves err alike."""


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
        Of the mesh whose waves explain the given one: see `dime.apparent.unexplained_by_mesh`.
    edges_m : sequence of float or None
        Of the meshes on which the wave is computed; None for one on which it has converged.

    Returns
    -------
    (edge, y, x) complex array
        Relative to the wave's rms (gains of its channels removed), 0 outside the mask.

    Raises
    ------
    ValueError
        As `dime.apparent.apparent`.
    """
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    tissue = truth, wave, mask, spacing_m, frequency_hz
    fitted = Waves(*tissue, fitted_edge_m)
    trials = [[1.0, 0.0, np.log(loss)] for loss in TISSUE_LOSSES]
    fits = [fitted.together(trial, CUTOFF)[0] for trial in trials]
    best = int(np.argmin([left for left, _ in fits]))
    motion = fits[best][1]
    found = np.zeros((len(edges_m), *mask.shape), complex)
    for image, edge_m in zip(found, edges_m, strict=True):
        waves = fitted if edge_m == fitted_edge_m else Waves(*tissue, edge_m)
        pixels = sampler(waves.basis, mask, spacing_m)
        image[pixels.covered] = pixels.matrix @ (waves.solutions(trials[best]) @ motion)
        # slivers between the outline and coarse edges
        nearest = ndimage.distance_transform_edt(~pixels.covered, return_distances=False, return_indices=True)
        image[:] = np.where(mask, image[tuple(nearest)], 0)
    return found
