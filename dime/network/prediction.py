"""Predict a stiffness map with a trained network: resampling, tiles, views, calibrated uncertainty."""

import math
from functools import partial

import numpy as np
import torch
from scipy import ndimage

from dime.mri import noise
from dime.network.unet import frozen, half_precision, load_model
from dime.physics import DENSITY_KG_M3, WORKING_PIXEL_M_PER_S

PIXEL_M_PER_S = WORKING_PIXEL_M_PER_S / 1.2
"""Frequency times pixel at which slices are inverted [m/s], 1.25 mm at 60 Hz.

It is finer than the pixel of the training data and well within the zoom of its patches. Edges come out
sharper: on noisy validation phantoms errors are smaller than at 1.5 mm in livers and heterogeneous phantoms,
a little larger in homogeneous ones. With finer pixels livers are worse again, and means over several pixel
sizes are no better than this one.
"""

TILE = 320
"""Largest side of a tile [pixels]. Most organs fit one tile, which is then the bounding box of the tissue."""

STRIDE = 240
"""Distance between tiles [pixels]; they overlap by a wavelength or more; a smooth window blends them."""

BATCH_PIXELS = 150_000
"""Pixels that the network takes at once; all tiles of a large slice at once would take twice as long."""

VIEWS = 4
"""Views of a slice whose predictions are averaged; each is a quarter turn and a quarter period further.

On validation phantoms four were as good as eight (with mirror images); one lost a tenth of the accuracy.
"""

LEAST_TISSUE = 0.02
"""Tiles with less than this fraction of tissue are skipped; their neighbours cover it."""

COVERAGE = 0.9
"""Coverage (0..1) of the interval on which `calibrate` sets the scale of the uncertainty."""

POWERS = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6)
"""Powers of the uncertainty that `calibrate` chooses from."""


def trained(model):
    """Load a trained network as an inversion method.

    Parameters
    ----------
    model : path
        Folder of the network.

    Returns
    -------
    invert_slice : callable
        `predict` with the network and its calibration.
    settings : dict
        SHA-256 of the weights: what the maps follow from.
    """
    network, card = load_model(model)
    invert_slice = partial(predict, frozen(network), calibration=tuple(card.get("calibration", (1.0, 1.0))))
    return invert_slice, {"sha256": card["sha256"]}


@torch.no_grad()
def predict(
    network,
    wave,
    mask,
    spacing_m,
    frequency_hz,
    calibration=(1.0, 1.0),
    views=VIEWS,
    tile=TILE,
    stride=STRIDE,
    pixel_m_per_s=PIXEL_M_PER_S,
):
    """Stiffness of one slice by the network.

    The wave is resampled (f dx = `pixel_m_per_s`). Where the tissue is larger than a tile, it is cut into
    overlapping tiles, each normalised on its own. The predicted logarithms are blended by a cosine window,
    averaged over views that change nothing physical (quarter turns, mirror images, quarter periods),
    resampled back and given their unit: |G*| = rho (f dx)^2 exp(mean). The views act as an ensemble: their
    scatter adds to the scale b that the network predicts, b_total = c (b + mean |view - mean|)^p.

    Parameters
    ----------
    network : UNet
    wave : (y, x) complex array, any unit
    mask : (y, x) bool array
    spacing_m, frequency_hz : float
    calibration : (float, float)
        Factor c and power p of the uncertainty, from `calibrate`.
    views : int
        1 to 8: four quarter turns, then four of the mirror image.
    tile, stride : int
        Largest side of the tiles, and distance between them [pixels].
    pixel_m_per_s : float
        Frequency times pixel that the network sees [m/s].

    Returns
    -------
    stiffness : (y, x) array [Pa], 0 outside the mask
    uncertainty : (y, x) array
        Laplace scale of log stiffness, 0 outside the mask.
    """
    magnification = spacing_m * frequency_hz / pixel_m_per_s
    whole, box = mask.shape, ndimage.find_objects(mask.astype(int))[0]
    wave, mask = wave[box], mask[box]
    tissue, parts = _resample(mask, wave, magnification)
    (height, width), padded, corners = _tiles(tissue, tile, stride)
    images = torch.from_numpy(np.pad(np.stack([*parts, tissue]), ((0, 0), *padded)).astype(np.float32))
    tiles = torch.stack([images[:, y : y + height, x : x + width] for y, x in corners])
    waves, masks = tiles[:, :2], tiles[:, 2:]
    covered = masks.mean(dim=(1, 2, 3))
    seen = covered >= min(LEAST_TISSUE, covered.max())
    corners = np.array(corners)[seen.numpy()]
    logs, scales = [], []
    for view in range(views):
        turned, turned_masks = (_view(part, view) for part in (waves[seen], masks[seen]))
        mean, log_scale = _forward(network, _advance(turned, view), turned_masks)
        blended = _blend(_unview(mean, view), _unview(log_scale.exp(), view), corners, images.shape[1:])
        logs.append(blended[0])
        scales.append(blended[1])
    known = blended[2] > 0
    log_ratio = np.mean(logs, axis=0)
    factor, power = calibration
    scale = factor * (np.mean(scales, axis=0) + np.mean(np.abs(logs - log_ratio), axis=0)) ** power

    (top, _), (left, _) = padded
    window = np.s_[top : top + tissue.shape[0], left : left + tissue.shape[1]]
    found = np.where(known[window] & tissue, np.stack([known, log_ratio, scale])[:, *window], 0)
    weight, *parts = _grid(found, mask.shape, magnification)
    reached = weight > 0.01
    log_ratio, scale = parts / np.where(reached, weight, 1)
    if not reached[mask].all():  # slivers of tissue, in no tile or lost in resampling
        nearest = ndimage.distance_transform_edt(~reached, return_distances=False, return_indices=True)
        log_ratio, scale = (image[tuple(nearest)] for image in (log_ratio, scale))
    stiffness, uncertainty = np.zeros(whole), np.zeros(whole)
    stiffness[box] = np.where(mask, DENSITY_KG_M3 * pixel_m_per_s**2 * np.exp(log_ratio), 0)
    uncertainty[box] = np.where(mask, scale, 0)
    return stiffness, uncertainty


def calibrate(network, dataset, seed=0):
    """Factor and power of the uncertainty that give the intervals their coverage on held-out phantoms.

    A Laplace law of scale b has the fraction `COVERAGE` of its mass within b log(1 / (1 - coverage)). For
    each of `POWERS` the factor is the quantile `COVERAGE` of |log error| / (b^p log(1 / (1 - coverage)))
    over pixels, with equal weight for every phantom. The power is the one for which the coverage differs
    least between phantoms: with a factor alone, intervals are too wide in even tissue and too narrow in the
    rest.

    Parameters
    ----------
    network : UNet
    dataset : xarray.Dataset
        Validation waves without noise; noise of a random SNR from 5 to 50 is added to each.
    seed : int

    Returns
    -------
    factor, power : float
    """
    errors, scales = [], []
    for row in range(dataset.sizes["phantom"]):
        one = dataset.isel(phantom=row)
        rng = np.random.default_rng([seed, row])
        mask, truth = one["mask"].values, one["stiffness"].values
        wave = noise.add_noise(one["wave"].values, mask, 5 * 10 ** rng.random(), rng)
        stiffness, b = predict(network, wave, mask, dataset.attrs["spacing_m"], dataset.attrs["frequency_hz"])
        chosen = rng.choice(np.count_nonzero(mask), 500)
        errors.append(np.abs(np.log(stiffness[mask] / truth[mask]))[chosen])
        scales.append(b[mask][chosen])
    return fit_calibration(np.array(errors), np.array(scales))


def fit_calibration(errors, scales):
    """Factor and power of `calibrate` from (phantom, pixel) arrays of |log error| and of scales b."""
    reach, spreads = math.log(1 / (1 - COVERAGE)), {}
    for power in POWERS:
        ratios = errors / (reach * scales**power)
        factor = float(np.quantile(ratios, COVERAGE))
        spreads[factor, power] = np.std(np.mean(ratios <= factor, axis=1))
    return min(spreads, key=spreads.get)


def _forward(network, waves, masks):
    """Apply the network to all tiles in batches; in bf16 where the processor has it, as in training."""
    count = max(1, BATCH_PIXELS // masks[0].numel())
    with torch.autocast("cpu", torch.bfloat16, enabled=half_precision()):
        parts = [network(*part) for part in zip(waves.split(count), masks.split(count), strict=True)]
    return [torch.cat(outputs) for outputs in zip(*parts, strict=True)]


def _view(tiles, view):
    """Apply one of the eight symmetries of the square to (tile, ..., y, x)."""
    turned = torch.rot90(tiles, view % 4, dims=(-2, -1))
    return turned.flip(-1) if view >= 4 else turned


def _unview(tiles, view):
    return torch.rot90(tiles.flip(-1) if view >= 4 else tiles, -(view % 4), dims=(-2, -1))


def _advance(waves, quarters):
    """Advance waves (tile, 2, y, x) by quarter periods; other phases would mix channels of unknown gains."""
    for _ in range(quarters % 4):
        waves = torch.stack([-waves[:, 1], waves[:, 0]], dim=1)
    return waves


def _blend(mean, scale, corners, shape):
    """Weighted means of both predictions over the tiles, and where there is any tile; three arrays (y, x)."""
    height, width = mean.shape[1:]
    across, down = (np.sin(np.pi * (np.arange(side) + 0.5) / side) for side in (width, height))
    window = np.outer(down, across) ** 2 + 1e-6
    total = np.zeros((3, *shape))
    for (y, x), m, s in zip(corners, mean.numpy(), scale.numpy(), strict=True):
        total[:, y : y + height, x : x + width] += window * np.stack([m, s, np.ones_like(m)])
    inside = total[2] > 0
    safe = np.where(inside, total[2], 1)
    return total[0] / safe, total[1] / safe, inside


def _resample(mask, wave, magnification):
    """Resample the mask and both parts of the wave to the network's grid, smoothed first if that is coarser.

    Interpolated values are divided by the interpolated mask, so the rim does not mix with the zeros outside.
    """
    shape = tuple(max(1, round(n * magnification)) for n in mask.shape)
    images = np.stack([mask, np.where(mask, wave.real, 0), np.where(mask, wave.imag, 0)])
    if magnification < 1:
        images = ndimage.gaussian_filter(images, 0.4 / magnification, axes=(1, 2))
    weight, *parts = _grid(images, shape, 1 / magnification)
    tissue = weight > 0.5
    if not tissue.any():
        tissue = weight >= weight.max()
    return tissue, np.where(tissue, parts / np.where(tissue, weight, 1), 0)


def _grid(images, shape, step):
    """Linear interpolation of (..., y, x) onto `shape` pixels, each `step` old ones wide, centres aligned.

    It uses torch, whose threads the network keeps busy: NumPy's own would wait for them at full speed.
    """
    down, across = (_hats(*sides, step) for sides in zip(images.shape[-2:], shape, strict=True))
    return (down @ torch.from_numpy(images.astype(np.float32)) @ across.T).numpy()


def _hats(length, count, step):
    """Interpolation matrix (count, length) of one axis; it repeats the outermost pixels beyond its ends."""
    place = (length - 1 - step * (count - 1)) / 2 + step * np.arange(count)
    hats = np.maximum(0, 1 - np.abs(np.clip(place, 0, length - 1)[:, None] - np.arange(length)))
    return torch.from_numpy(hats.astype(np.float32))


def _tiles(tissue, tile, stride):
    """Sides, padding and top-left corners of tiles that cover the mask's bounding box."""
    sides, padding, starts = [], [], []
    for axis in (0, 1):
        occupied = np.flatnonzero(tissue.any(axis=1 - axis))
        first, last = occupied[0], occupied[-1] + 1
        side = min(tile, last - first)
        # Half a stride of margin keeps the outermost tissue away from the vanishing edges of the windows.
        count = 1 if side == last - first else 1 - (side - (last - first) - stride) // stride
        span = side + (count - 1) * stride
        start = (first + last - span) // 2
        sides.append(side)
        padding.append((max(0, -start), max(0, start + span - tissue.shape[axis])))
        starts.append([max(0, start) + stride * k for k in range(count)])
    return sides, padding, [(y, x) for y in starts[0] for x in starts[1]]
