"""Waves in, stiffness and its uncertainty out: one call for every method."""

import inspect
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from scipy import ndimage

from dime import DENSITY_KG_M3, mmdi, peers
from dime.network import normalise
from dime.nonlinear import nonlinear
from dime.training import WORKING_PIXEL_M_PER_S, load_model

TILE = 64
"""Pixels per side of the patches the network sees, as in training."""

STRIDE = 32
"""Pixels between patches: every pixel is seen by four, blended by a smooth window."""

LEAST_TISSUE = 0.02
"""Patches with less than this fraction of tissue are left to their neighbours."""


class Method(NamedTuple):
    """One way to invert a slice.

    invert_slice : (wave, mask, spacing_m, frequency_hz) -> stiffness [Pa] and a second map, both (y, x)
    second : what the second map is: "uncertainty" (Laplace scale of log stiffness) or "confidence" (0..1)
    settings : plain values that reproduce the maps
    """

    invert_slice: Callable
    second: str
    settings: dict


def _trained(model):
    if model is None:
        raise ValueError("model: method 'dime' needs the folder of a trained network")
    network, card = load_model(model)
    return Method(partial(predict, network), "uncertainty", {"sha256": card["sha256"]})


def _direct(function):
    """A method of `peers`' signature with its defaults."""
    parameters = inspect.signature(function).parameters.values()
    settings = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    return Method(function, "confidence", settings)


def _mmdi(wave, mask, spacing_m, frequency_hz):
    return mmdi.invert(wave, mask, spacing_m, frequency_hz)[:2]  # without the maps of each direction


METHODS = {
    "dime": _trained,
    "mmdi": lambda model: Method(_mmdi, "confidence", asdict(mmdi.Settings())),
    "ahi": lambda model: _direct(peers.ahi),
    "mdev": lambda model: _direct(peers.mdev),
    "kmdev": lambda model: _direct(peers.kmdev),
    "lfe": lambda model: _direct(peers.lfe),
    "nonlinear": lambda model: _direct(nonlinear),
}
"""Name -> the method, given the folder of a trained network or None."""


def invert(waves, method, model=None):
    """Stiffness of every slice of a dataset by one method.

    Parameters
    ----------
    waves : xarray.Dataset
        `wave` complex (..., y, x), any unit; `mask` bool of that shape; attrs `spacing_m`, `frequency_hz`.
    method : one of `METHODS`
        "nonlinear" takes seconds to a minute for a slice, the others less than a second.
    model : path, optional
        Folder of a trained network (`training.save_model`), for method "dime".

    Returns
    -------
    xarray.Dataset
        `stiffness` |G*| [Pa], 0 outside the mask. With "dime": `uncertainty`, the Laplace scale of
        log stiffness (relative, 1); with the others: `confidence` 0..1. Attrs `method`, `settings` (JSON).

    Raises
    ------
    ValueError
        Unknown method, no model, wave and mask of different shapes, empty mask, or NaN inside it.
    """
    wave, mask = waves["wave"], waves["mask"]
    if wave.shape != mask.shape:
        raise ValueError(f"mask: expected the wave's shape {wave.shape}, found {mask.shape}")
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, found {method!r}")
    chosen = METHODS[method](model)
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    maps = {name: np.zeros(wave.shape, np.float32) for name in ("stiffness", chosen.second)}
    for row in np.ndindex(wave.shape[:-2]):
        image, tissue = wave.values[row], mask.values[row]
        check_slice(image, tissue)
        maps["stiffness"][row], maps[chosen.second][row] = chosen.invert_slice(image, tissue, *scale)
    result = xr.Dataset({name: (wave.dims, values) for name, values in maps.items()}, coords=wave.coords)
    result["stiffness"].attrs["units"] = "Pa"
    settings = json.dumps(chosen.settings, default=list)
    result.attrs = waves.attrs | {"method": method, "settings": settings}
    return result


def check_slice(wave, mask):
    """Refuse a slice that no method can invert.

    Raises
    ------
    ValueError
        Empty mask, values that are not finite inside it (counted), or no motion.
    """
    if not mask.any():
        raise ValueError("mask: expected at least one pixel of tissue, found none")
    bad = np.count_nonzero(~np.isfinite(wave[mask]))
    if bad:
        raise ValueError(f"wave: {bad} of {mask.sum()} pixels inside the mask are not finite")
    if not np.any(wave[mask]):
        raise ValueError("wave: zero everywhere inside the mask")


@torch.no_grad()
def predict(network, wave, mask, spacing_m, frequency_hz):
    """Stiffness of one slice by the network.

    The wave is resampled to the working pixel (f dx = `WORKING_PIXEL_M_PER_S`) and cut into overlapping tiles
    that are normalised each on its own (waves decay: one gain per slice would not do). The predicted
    logarithms are blended by a cosine window, resampled back and given their unit:
    |G*| = rho (f dx)^2 exp(prediction).

    Parameters
    ----------
    network : UNet
    wave : (y, x) complex array, any unit
    mask : (y, x) bool array
    spacing_m, frequency_hz : float

    Returns
    -------
    stiffness : (y, x) array [Pa], 0 outside the mask
    uncertainty : (y, x) array
        Laplace scale of log stiffness, 0 outside the mask.
    """
    magnification = spacing_m * frequency_hz / WORKING_PIXEL_M_PER_S
    tissue, (real, imaginary) = _resample(
        mask, [np.where(mask, part, 0) for part in (wave.real, wave.imag)], magnification
    )
    padded, corners = _tiles(tissue)
    images = torch.from_numpy(
        np.pad(np.stack([real, imaginary, tissue]), ((0, 0), *padded)).astype(np.float32)
    )
    tiles = torch.stack([images[:, y : y + TILE, x : x + TILE] for y, x in corners])
    waves, masks = tiles[:, :2], tiles[:, 2:]
    seen = masks.mean(dim=(1, 2, 3)) >= min(LEAST_TISSUE, masks.mean(dim=(1, 2, 3)).max())
    mean, log_scale = network(
        normalise(waves[seen], masks[seen]).contiguous(memory_format=torch.channels_last)
    )

    window = np.sin(np.pi * (np.arange(TILE) + 0.5) / TILE)
    window = np.outer(window, window) ** 2 + 1e-6
    total = np.zeros((3, *images.shape[1:]))
    for (y, x), m, s in zip(np.array(corners)[seen.numpy()], mean.numpy(), log_scale.numpy(), strict=True):
        total[:, y : y + TILE, x : x + TILE] += window * np.stack([m, s, np.ones_like(m)])
    inside = total[2] > 0
    blended = np.where(inside, total[:2] / np.where(inside, total[2], 1), 0)
    (top, _), (left, _) = padded
    blended = blended[:, top : top + tissue.shape[0], left : left + tissue.shape[1]]
    # Tissue in no tile (slivers) and the pixels just outside the mask take their nearest neighbour's value.
    known = tissue & inside[top : top + tissue.shape[0], left : left + tissue.shape[1]]
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    log_ratio, log_b = (_grid(field[tuple(nearest)], mask.shape, magnification) for field in blended)
    stiffness = DENSITY_KG_M3 * WORKING_PIXEL_M_PER_S**2 * np.exp(log_ratio)
    return np.where(mask, stiffness, 0), np.where(mask, np.exp(log_b), 0)


def _resample(mask, parts, magnification):
    """Mask and wave parts on the working grid; smoothed by a Gaussian first where that is coarser.

    Interpolated values are divided by the interpolated mask: the rim does not mix with the zeros outside.
    """
    shape = tuple(max(1, round(n * magnification)) for n in mask.shape)
    weight = _grid(_soften(mask.astype(float), magnification), shape, 1 / magnification)
    tissue = weight > 0.5
    if not tissue.any():
        tissue = weight >= weight.max()
    safe = np.where(tissue, weight, 1)
    resampled = (_grid(_soften(part, magnification), shape, 1 / magnification) for part in parts)
    return tissue, [np.where(tissue, part / safe, 0) for part in resampled]


def _soften(image, magnification):
    return ndimage.gaussian_filter(image, 0.4 / magnification) if magnification < 1 else image


def _grid(image, shape, step):
    """Linear interpolation onto a grid of `shape` whose pixels are `step` old ones wide, corners aligned."""
    axes = [(np.arange(n) + 0.5) * step - 0.5 for n in shape]
    return ndimage.map_coordinates(image, np.meshgrid(*axes, indexing="ij"), order=1, mode="nearest")


def _tiles(tissue):
    """Padding and top-left corners of tiles that cover the mask's bounding box."""
    padding, starts = [], []
    for axis in (0, 1):
        occupied = np.flatnonzero(tissue.any(axis=1 - axis))
        first, last = occupied[0], occupied[-1] + 1
        # Half a stride of margin lets the outermost tissue lie off the window's vanishing edge.
        count = 1 + max(0, -(-(last - first + STRIDE - TILE) // STRIDE))
        span = TILE + (count - 1) * STRIDE
        start = (first + last - span) // 2
        padding.append((max(0, -start), max(0, start + span - tissue.shape[axis])))
        starts.append([max(0, start) + STRIDE * k for k in range(count)])
    return padding, [(y, x) for y in starts[0] for x in starts[1]]
