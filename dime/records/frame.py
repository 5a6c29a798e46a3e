"""Bring the images of any scanner to one frame: the body in the middle, one grid, units of its own taken out.

The models see a volume of three channels and one finer slice:

    T1w, T2w   log(S / S_body), S_body the median over the body
    DWI        ln(S_0 / S_b) / b, the apparent coefficient of diffusion [1e-3 mm2/s]
    surface    log(S / S_body) of the T1-weighted slice in the middle, about the right half of the body

Ratios take the scanner's gain out.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from dime.records.columns import SEQUENCES
from dime.records.resample import resampling

SHAPE, SPACING_M = (8, 48, 72), (0.020, 0.005, 0.005)
"""Slices, rows and columns of the volume, and their distance [m]: 16 x 24 x 36 cm.

The frame is wider than the liver, because the spleen is to be seen too."""

SURFACE_PIXELS, SURFACE_SPACING_M, MARGIN_M = 128, 0.0015, 0.005
"""Rows and columns of the surface slice, their distance [m], and the air beside the body's right edge [m]."""

DARKEST = 0.02
"""Smallest signal relative to the body's; darker pixels are noise."""

LARGEST_ADC = 4.0
"""Largest coefficient of diffusion [1e-3 mm2/s]: a little above that of water at 37 degrees, 3.0."""

BODY = 0.15
"""Signal relative to the body's median above which the coefficient of diffusion is computed."""


class Framed(NamedTuple):
    """volume (3, 8, 48, 72) and surface (128, 128), float16, NaN for a sequence that is absent.

    liver : (128, 128) bool, where it is in the fine slice; None unless images["liver"] says so
    """

    volume: np.ndarray
    surface: np.ndarray
    liver: np.ndarray | None = None


def framed(images):
    """Bring the images of one examination to the frame.

    Parameters
    ----------
    images : dict of str -> dime.records.scans.Image
        Some of `SEQUENCES`: (z, y, x), of dwi (2, z, y, x) with the smaller b first.

    Returns
    -------
    Framed
    """
    volume = np.full((len(SEQUENCES), *SHAPE), np.nan, np.float16)
    surface = np.full((SURFACE_PIXELS, SURFACE_PIXELS), np.nan, np.float16)
    liver = None
    for channel, name in enumerate(SEQUENCES):
        if name not in images:
            continue
        values, spacing_m = images[name].values, images[name].spacing_m
        first = values[0] if name == "dwi" else values
        left, middle = _place(first, spacing_m)
        one = _resampled(first, spacing_m, middle)
        seen = _body_signal(one)
        if name == "dwi":
            volume[channel] = _coefficient(one, _resampled(values[1], spacing_m, middle), seen, images[name])
            continue
        volume[channel] = np.log(np.maximum(one / seen, DARKEST))
        if name == "t1w":
            level = (len(first) - 1) // 2
            fine = _surface(first[level], spacing_m, left, middle)
            surface[:] = np.log(np.maximum(fine / seen, DARKEST))
            if "liver" in images:
                liver = _surface(images["liver"].values[level], spacing_m, left, middle) > 0.5
    return Framed(volume, surface, liver)


def _place(values, spacing_m):
    """The body's edge at the patient's right, and its middle (y, x); both from the image's middle [m]."""
    mean = np.log(values.mean(axis=0) + 1e-6 * values.max())
    pieces, _ = ndimage.label(mean > threshold_otsu(mean))  # in the logarithm, air is far from dark tissue
    body = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    edges = []
    for axis, pixel_m in ((0, spacing_m[1]), (1, spacing_m[2])):
        filled = np.flatnonzero(body.any(axis=1 - axis))
        edges.append((filled[[0, -1]] + [0, 1] - body.shape[axis] / 2) * pixel_m)
    return edges[1][0], tuple(np.mean(edge) for edge in edges)


def _resampled(values, spacing_m, middle):
    """Means over the cells of the frame (8, 48, 72), about a place (y, x) [m] of the image."""
    levels, rows, columns = (
        resampling(count, old, new_count, new, shift)
        for count, old, new_count, new, shift in zip(
            values.shape, spacing_m, SHAPE, SPACING_M, (0.0, *np.round(middle, 4)), strict=True
        )
    )
    across = np.tensordot(levels, values, 1)
    return rows @ across @ columns.T


def _body_signal(values):
    """Median signal of the body in a framed volume."""
    logarithms = np.log(values + 1e-6 * values.max())
    return np.median(values[logarithms > threshold_otsu(logarithms)])


def _coefficient(unweighted, weighted, seen, image):
    """Apparent coefficient of diffusion [1e-3 mm2/s], 0 outside the body."""
    body = unweighted > BODY * seen
    ratio = np.where(body, unweighted, 1) / np.maximum(np.where(body, weighted, 1), DARKEST * seen)
    low, high = image.b_s_mm2
    return np.clip(1e3 * np.log(np.maximum(ratio, 1)) / (high - low), 0, LARGEST_ADC)


def _surface(values, spacing_m, left, middle):
    """Fine image (128, 128) of one slice, from the body's right edge inwards."""
    half = SURFACE_PIXELS * SURFACE_SPACING_M / 2
    rows, columns = (
        resampling(values.shape[axis], spacing_m[1 + axis], SURFACE_PIXELS, SURFACE_SPACING_M, shift)
        for axis, shift in ((0, round(middle[0], 4)), (1, round(left - MARGIN_M + half, 4)))
    )
    return rows @ values @ columns.T
