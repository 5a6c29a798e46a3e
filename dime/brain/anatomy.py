"""Deformed templates: axial slices of brains that are drawn from the average of 152 people.

The template says with which probability a place is grey or white matter. An anatomy is drawn from it in
four steps. A slice is cut near the lateral ventricles. A smooth, invertible map deforms it. Atrophy shifts
the odds from grey matter to fluid. Each place then gets one tissue by the Gumbel-max rule,

    label(x) = argmax_t [s log p_t(x) + g_t(x)],   P(label(x) = t) = p_t(x)^s / sum_u p_u(x)^s,

with Gumbel noise g_t that is smooth in space, so that neighbours agree. A single draw has sharp borders, as a
brain has. With s = 1 the labels of many draws would average to the template; s > 1 takes back some of the
blur that averaging over people has put into it, which the deformation puts in again.

These are not people: their folds are random, and their spread is chosen here.

Source: the template is ICBM 2009a, nonlinear, symmetric (Fonov 2009, NeuroImage 47:S102), as `nilearn` ships
it: maps of grey and white matter at 1 mm, and the T1-weighted image without skull. Deformation by scaling and
squaring: Arsigny 2006 (MICCAI). Gumbel-max: Gumbel 1954; Maddison 2014 (NeurIPS).
Licence: anyone may use, copy, change and distribute the template, provided that this notice appears in all
copies: Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological
Institute, McGill University. It comes without warranty.
Assumption: what is neither grey nor white matter inside the template's brain is fluid, since it has no map of
fluid. Around the brain lies a shell of fluid, which the template's mask cuts off.
"""

from functools import cache

import numpy as np
import torch
import xarray as xr
from nilearn import datasets
from scipy import ndimage, special

from dime.brain.tissues import TISSUES

EXTENT_M = 0.216
"""Side of the square field of view [m], that of the original's grid: 432 pixels of 0.5 mm."""

FINE = 256
"""Pixels along a side of the labels."""

SLICE_M = (2e-3, 22e-3)
"""Range of the slice's height above the anterior commissure [m], uniform: it holds lateral ventricles."""

VELOCITY_M = ((2.5e-3, 60e-3), (1.2e-3, 16e-3))
"""Deformation: rms displacement along an axis [m] and length over which it is smooth [m], coarse and fine.

Assumption: brains that were aligned by their size differ by several millimetres in the place of a sulcus.
"""

SCALE = 0.05
"""Standard deviation of the log size along each axis.

Assumption: about that of the length and width of adult brains."""

ATROPHY = (0.5, 0.5)
"""Mean and standard deviation of the log of the factor on the odds of fluid.

Assumption: the template underrates the fluid of sulci, which its average fills; ages differ."""

SHELL_M = (1e-3, 4e-3)
"""Range of the thickness of the fluid around the brain [m], uniform.

Assumption: the subarachnoid space over the convexity is a few millimetres wide in adults."""

SHARPNESS = 2.5
"""s, the power of the template's probabilities.

Assumption: with 1 the cortex falls to pieces, with 5 and more every draw has the same folds."""

TEXTURE_M = 2e-3
"""Standard deviation of the filter [m] that makes the Gumbel noise smooth.

Assumption: borders then wander over the scale of the cortex's thickness, 2 to 4 mm, and no speckle arises."""

STEPS = 6
"""Squarings of the deformation."""


def draw(count, seed):
    """Draw anatomies.

    Parameters
    ----------
    count : int
    seed : int
        With the place of a subject it fixes the draw: the first of ten equal the ten of a longer series.

    Returns
    -------
    xarray.Dataset
        `label` (subject, y, x) uint8: 0 none, then 1, 2, 3 in the order of `TISSUES`. The front of the head
        is at y = 0. Attributes `spacing_m` and `source`.
    """
    labels = np.stack([_labels(np.random.default_rng([seed, place])) for place in range(count)])
    attrs = {"spacing_m": EXTENT_M / FINE, "source": "deformed template"}
    return xr.Dataset({"label": (("subject", "y", "x"), labels)}, attrs=attrs)


def fractions_of(labels, size):
    """Fraction of every voxel of a coarser grid that each tissue fills, by area.

    Parameters
    ----------
    labels : (..., n, n) array of 0 to 3, as `draw` gives them
    size : int
        Voxels along a side, at most n.

    Returns
    -------
    (..., tissue, size, size) float32 tensor
    """
    labels = np.asarray(labels)
    weights = torch.tensor(area_weights(labels.shape[-1], size), dtype=torch.float32)
    parts = np.stack([labels == number for number in range(1, len(TISSUES) + 1)], axis=-3)
    return weights @ torch.tensor(parts, dtype=torch.float32) @ weights.T


def area_weights(count, size):
    """Share of each of `count` pixels in each of `size` voxels of the same length: (size, count)."""
    edges = np.arange(size + 1) * count / size
    pixels = np.arange(count)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(overlap, 0, None) * size / count


@cache
def _template():
    """Grey and white matter and the brain's inside, each (x, y, z) float32 0 to 1, and the affine [mm]."""
    images = [
        load(resolution=1)
        for load in (
            datasets.load_mni152_gm_template,
            datasets.load_mni152_wm_template,
            datasets.load_mni152_template,
        )
    ]
    grey, white, t1 = (np.asarray(one.dataobj, dtype=np.float32) for one in images)
    return grey, white, (t1 > 0).astype(np.float32), images[0].affine


def _labels(rng):
    grey, white, inside, spacing = _slice(rng.uniform(*SLICE_M))
    places = deformation(rng)
    grey, white, inside = (_sampled(one, places, spacing) for one in (grey, white, inside))
    fluid = np.clip(inside - grey - white, 0, 1) * np.exp(rng.normal(*ATROPHY) / SHARPNESS)
    weights = np.stack([fluid, grey, white])
    noise = np.stack([_gumbel(rng) for _ in TISSUES])
    with np.errstate(divide="ignore"):
        chosen = (SHARPNESS * np.log(weights) + noise).argmax(axis=0)
    shell_m = rng.uniform(*SHELL_M)
    distance_m = ndimage.distance_transform_edt(inside < 0.5) * EXTENT_M / FINE
    chosen[inside < 0.5] = 0
    return np.where(distance_m <= shell_m, chosen + 1, 0).astype(np.uint8)


def _slice(height_m):
    """A slice of the template, front first: grey, white, inside, each (y, x), and the pixel [m]."""
    *volumes, affine = _template()
    place = (height_m * 1e3 - affine[2, 3]) / affine[2, 2]
    low = int(place)
    cut = [(1 - place + low) * one[..., low] + (place - low) * one[..., low + 1] for one in volumes]
    return *(one.T[::-1] for one in cut), affine[0, 0] * 1e-3


def deformation(rng):
    """Where each pixel of a drawn slice lies in the template: (2, FINE, FINE) array [m] from the centre.

    A velocity v, smooth Gaussian noise, is integrated over one unit of time by scaling and squaring:
    phi_0 = id + v / 2^s, phi_{k+1} = phi_k o phi_k. Its Jacobian is positive for the amplitudes used here.
    """
    coarse = FINE // 4
    pixel_m = EXTENT_M / coarse
    step = np.zeros((2, coarse, coarse))
    for rms_m, length_m in VELOCITY_M:
        step += rms_m * np.stack([_smooth(rng, coarse, length_m / pixel_m / 2) for _ in range(2)])
    step /= 2**STEPS
    for _ in range(STEPS):
        places = np.indices(step.shape[1:]) + step / pixel_m
        moved = [ndimage.map_coordinates(one, places, order=1, mode="nearest") for one in step]
        step = step + np.stack(moved)
    finer = FINE // coarse
    fine = ndimage.zoom(step, (1, finer, finer), order=3, grid_mode=True, mode="nearest")
    grid = (np.indices((FINE, FINE)) + 0.5) * EXTENT_M / FINE - EXTENT_M / 2
    return (grid + fine) * np.exp(rng.normal(0, SCALE, (2, 1, 1)))


def _sampled(image, places_m, spacing_m):
    """Values of an image (y, x) at places [m] from its brain's centre; 0 outside."""
    middle = (np.array(image.shape) - 1) / 2
    return ndimage.map_coordinates(image, places_m / spacing_m + middle[:, None, None], order=1)


def _smooth(rng, size, sigma_px):
    """Gaussian noise (size, size), smooth over `sigma_px` pixels, of variance 1 everywhere."""
    margin = int(4 * sigma_px) + 1
    noise = ndimage.gaussian_filter(rng.normal(size=(size + 2 * margin,) * 2), sigma_px, mode="wrap")
    width = np.exp(-(np.fft.fftfreq(len(noise), 1 / len(noise)) ** 2) / (2 * sigma_px**2))
    power = (width**2).sum() / width.sum() ** 2
    return noise[margin:-margin, margin:-margin] / power


def _gumbel(rng):
    """Gumbel noise (FINE, FINE), smooth over `TEXTURE_M`."""
    normal = _smooth(rng, FINE, TEXTURE_M / (EXTENT_M / FINE))
    return -np.log(-special.log_ndtr(normal))
