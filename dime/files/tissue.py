"""Which pixels are tissue: those of a mask, of a bright magnitude, of coherent phases, or not background."""

import warnings

import nibabel
import numpy as np
from scipy import ndimage

from dime.files.nifti import open_image
from dime.files.orientation import affine_free

BACKGROUND_SHARE = 0.25
"""Share of an image's border that must hold one value for this to be the background."""

BRIGHT = 0.1
"""Magnitude, relative to its 99th percentile, from which a pixel is tissue."""

SPECK = 0.05
"""Size of a piece over that of the largest in its slice, below which it is noise. Assumption: an organ that
is imaged on purpose is no smaller."""

WINDOW_PX = 5
"""Side of the window in which the coherence of phases is measured [pixels]."""

COHERENT = 0.5
"""Coherence of phases above which a pixel is tissue."""

FULL = 0.9
"""Share of the image from which tissue is said to fill it: air may count as tissue."""

BORDER = 0.5
"""The same along the border of the image."""

UNDERSHOOT = 0.25
"""Share of its largest value by which a mask of fractions may be negative: splines undershoot."""

APART_PX = 0.5
"""Distance [pixels] from which two images that are matched by index count as lying elsewhere."""


def read_mask(path, shape, image):
    """Read a mask for the image of a wave.

    Parameters
    ----------
    path : path
        NIfTI (x, y) or (x, y, z). Whole numbers: tissue where it is not 0. Fractions, as of a mask that was
        resampled: tissue above half of the largest.
    shape : (z, y, x)
        Of the wave.
    image : nibabel.Nifti1Pair
        The wave's. Voxels are matched by index; headers that place them elsewhere raise a warning.

    Returns
    -------
    (z, y, x) bool array

    Raises
    ------
    ValueError
        Values that are negative or not finite, another shape, or no tissue.
    """
    mask_image, values = open_image(path)
    mask = as_mask(values, shape, path)
    _warn_of_place(path, mask_image, image, shape)
    return mask


def as_mask(values, shape, path):
    """The values (x, y) or (x, y, z) of a mask as (z, y, x) bool array; see `read_mask`."""
    found = values.shape
    values = values[:, :, None] if values.ndim == 2 else values
    values = values.reshape(values.shape[:3]) if values.shape[3:] == (1,) * (values.ndim - 3) else values
    if np.iscomplexobj(values) or not np.isfinite(values).all():
        raise ValueError(f"{path}: expected finite values, found NaN, infinity or complex numbers")
    whole = np.allclose(values, np.rint(values), rtol=0, atol=1e-3)
    if values.min() < (0 if whole else -UNDERSHOOT * values.max()):
        raise ValueError(f"{path}: expected 0 outside and positive inside, found {values.min():g}")
    mask = np.moveaxis(np.rint(values) > 0 if whole else values > values.max() / 2, (2, 1, 0), (0, 1, 2))
    if mask.shape != shape:
        expected = tuple(reversed(shape))
        raise ValueError(f"{path}: expected the wave's shape {expected}, found {found}")
    if not mask.any():
        raise ValueError(f"{path}: the mask is empty, expected at least one pixel of tissue")
    return mask


def mean_magnitude(magnitude, shape, path):
    """Mean of a magnitude over offsets and components.

    Parameters
    ----------
    magnitude : (x, y, z, ...) array, or (x, y, ...) for one slice
    shape : (z, y, x)
        Of the wave.
    path : path

    Returns
    -------
    (z, y, x) float32 array

    Raises
    ------
    ValueError
        Another grid than the wave's; values that are negative, complex, or 0 everywhere.
    """
    x_y_z, found = shape[::-1], np.shape(magnitude)
    if found[:3] != x_y_z and shape[0] == 1 and found[:2] == x_y_z[:2]:
        magnitude = magnitude[:, :, None]
    if magnitude.shape[:3] != x_y_z:
        raise ValueError(f"{path}: magnitude: expected the wave's grid {x_y_z}, found {found}")
    if np.iscomplexobj(magnitude):
        raise ValueError(f"{path}: magnitude: expected real numbers, found complex ones")
    values = np.nan_to_num(np.asarray(magnitude, np.float32), posinf=0, neginf=0)
    if values.min() < 0 or not values.any():
        what = "values below 0" if values.min() < 0 else "0 everywhere"
        raise ValueError(f"{path}: magnitude: expected positive values, found {what}")
    return np.moveaxis(values.reshape(*x_y_z, -1).mean(axis=3), (2, 1, 0), (0, 1, 2))


def bright(magnitude):
    """Pixels (z, y, x) whose magnitude is above `BRIGHT` of its 99th percentile: tissue, not air."""
    return magnitude > BRIGHT * np.quantile(magnitude, 0.99)


def of_magnitude(magnitude):
    """Tissue (z, y, x) by its magnitude: bright pixels in pieces, slice by slice, without holes or specks.

    A piece smaller than `SPECK` of the largest in its slice is noise in air.
    """
    return _in_pieces(bright(magnitude))


def of_phases(phase, mask):
    """Tissue (z, y, x) by its phases, slice by slice, without specks.

    In tissue the phase goes on from pixel to pixel, so that it can be unwrapped; in air it is noise that
    fills its period. The coherence |mean of e^{i d}| over the differences d between neighbours in a window
    tells them apart: it is 1 for a linear phase, exp(-s^2) for one with noise of standard deviation s [rad],
    and 0.2 in air, but more where the image was interpolated.

    Parameters
    ----------
    phase : (n, z, y, x) array
        [rad], wrapped or not.
    mask : (z, y, x) bool array
        Pixels that may be tissue.

    Returns
    -------
    (z, y, x) bool array

    Source: phase-derivative variance as a map of quality, Ghiglia and Pritt, Two-Dimensional Phase
    Unwrapping, Wiley 1998, chapter 3. Assumption: `COHERENT` is a coherence of noise of 0.8 rad, above
    which a phase cannot be unwrapped.
    """
    turns = np.exp(1j * np.where(mask, phase, 0).astype(np.float32))
    coherence = np.zeros(mask.shape, np.float32)
    window = np.array([1, WINDOW_PX, WINDOW_PX])
    for axis in (-2, -1):
        ahead = np.roll(mask, -1, axis)
        ahead.swapaxes(axis, -1)[..., -1] = False
        both = mask & ahead
        counted = np.maximum(ndimage.uniform_filter(both.astype(np.float32), window, mode="constant"), 1e-6)
        for one in turns:
            steps = np.where(both, np.roll(one, -1, axis) * one.conj(), 0)
            coherence += np.abs(ndimage.uniform_filter(steps, window, mode="constant")) / counted
    return mask & _in_pieces(mask & (coherence > COHERENT * 2 * len(turns)))


def _in_pieces(mask):
    """A mask (z, y, x) without holes, and without specks: pieces small beside the slice's largest."""
    mask = np.stack([ndimage.binary_fill_holes(one) for one in mask])
    for one in mask:
        pieces, count = ndimage.label(one)
        sizes = ndimage.sum_labels(one, pieces, np.arange(count + 1))
        one &= (sizes >= SPECK * sizes.max())[pieces]
    return mask


def not_background(channels):
    """Tissue without a mask: all pixels that differ from the background in some channel.

    The background is, for each channel and slice, the value that most of the image's border has, 0 where it
    has no such value; NaN counts as 0. It is not 0 where phases are stored with an offset.

    Parameters
    ----------
    channels : (channel, z, y, x) array

    Returns
    -------
    (z, y, x) bool array
    """
    values = np.nan_to_num(channels, posinf=0, neginf=0)
    border = _border(values)
    background = np.array([[_common(one) for one in channel] for channel in border])[..., None, None]
    apart = np.abs(values - background)
    return (apart > 1e-6 * apart.max()).any(axis=0)


def remark(mask):
    """What makes a mask doubtful, in words, or ""."""
    used = mask[mask.any(axis=(1, 2))]
    share, border = (f"{100 * part.mean():.0f} %" for part in (used, _border(used)))
    found = f"tissue fills the image ({share})" if used.mean() > FULL else ""
    if not found and _border(used).mean() > BORDER:
        found = f"tissue reaches {border} of the image's border"
    return f"{found}: air may count as tissue; give a mask" if found else ""


def _border(images):
    """Outermost pixels (..., pixel) of images (..., y, x)."""
    edges = images[..., 0, :], images[..., -1, :], images[..., 1:-1, 0], images[..., 1:-1, -1]
    return np.concatenate(edges, axis=-1)


def _common(values):
    """The most frequent value, or 0 where none is frequent."""
    found, counts = np.unique(values, return_counts=True)
    return found[counts.argmax()] if counts.max() >= BACKGROUND_SHARE * values.size else 0


def _warn_of_place(path, mask, wave, shape):
    """Warn where the headers place mask and wave differently; voxels are matched by index all the same."""
    if affine_free(mask) or affine_free(wave):
        return
    codes = ["".join(map(str, nibabel.aff2axcodes(one.affine))) for one in (wave, mask)]
    corners = np.array([[i, j, k, 1] for i in (0, shape[2]) for j in (0, shape[1]) for k in (0, shape[0])])
    distance = np.linalg.norm((corners @ (wave.affine - mask.affine).T)[:, :3], axis=1).max()
    said = ""
    if codes[0] != codes[1]:
        said = f"its header says {codes[1]}, the wave's {codes[0]}"
    elif not distance <= APART_PX * np.linalg.norm(wave.affine[:3, 0]):
        said = f"its header places it up to {distance:.3g} mm away from the wave"
    if said:
        warnings.warn(f"{path}: {said}; voxels are matched by index", stacklevel=2)
