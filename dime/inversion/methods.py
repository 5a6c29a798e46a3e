"""Invert waves into stiffness and its uncertainty: one function for every method."""

import inspect
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from dime.inversion import direct, mmdi
from dime.inversion.masked_wave import check_field, dissipation
from dime.inversion.nonlinear import nonlinear
from dime.learning.checkpoints import load_model
from dime.network import prediction, trust
from dime.network.unet import frozen

RELEASED = Path(__file__).parents[1] / "weights"
"""Folder of the network that comes with the package; its `card.json` describes the training."""


class Method(NamedTuple):
    """Method that inverts one slice.

    invert_slice : (wave, mask, spacing_m, frequency_hz) -> stiffness [Pa] and a second map, both (y, x)
    second : kind of the second map: "uncertainty" (Laplace scale of log stiffness) or "confidence" (0..1)
    settings : plain values that determine the maps, to be stored with them
    """

    invert_slice: Callable
    second: str
    settings: dict


def _trained(model):
    network, card = load_model(model)
    invert_slice = partial(prediction.predict, frozen(network), calibration=card.get("calibration", 1.0))
    return Method(invert_slice, "uncertainty", {"sha256": card["sha256"]})


def _direct(function):
    """`Method` of a function with the signature of those in `peers`, with its default settings."""
    parameters = inspect.signature(function).parameters.values()
    settings = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    return Method(function, "confidence", settings)


def _mmdi(wave, mask, spacing_m, frequency_hz):
    return mmdi.invert(wave, mask, spacing_m, frequency_hz)[:2]  # without the maps of each direction


METHODS = {
    "dime": _trained,
    "mmdi": lambda model: Method(_mmdi, "confidence", asdict(mmdi.Settings())),
    "ahi": lambda model: _direct(direct.ahi),
    "mdev": lambda model: _direct(direct.mdev),
    "kmdev": lambda model: _direct(direct.kmdev),
    "lfe": lambda model: _direct(direct.lfe),
    "nonlinear": lambda model: _direct(nonlinear),
}
"""Name -> function that takes the folder of a trained network and returns the `Method`."""


def invert(waves, method, model=RELEASED):
    """Stiffness of every slice of a dataset by one method.

    A file does not state whether its waves are u e^{+i omega t} or u e^{-i omega t}, nor whether the gain of
    a channel is negative; the energy that tissue absorbs from a wave reveals it. The network and nonlinear
    inversion assume e^{+i omega t}: all slices are conjugated if their summed `dissipation` is negative.
    The direct methods give the same map for both signs.

    Parameters
    ----------
    waves : xarray.Dataset
        `wave` complex (..., y, x), any unit; `mask` bool of that shape; attrs `spacing_m`, `frequency_hz`.
    method : one of `METHODS`
        "nonlinear" takes from seconds to a minute per slice, the others less than a second.
    model : path
        Folder of a trained network (`checkpoints.save_model`), for method "dime"; default: the released one.

    Returns
    -------
    xarray.Dataset
        `stiffness` |G*| [Pa], 0 outside the mask. With "dime": `uncertainty`, the Laplace scale of
        log stiffness (dimensionless), and `trusted` (bool), see `trust.trusted`. With the others:
        `confidence` 0..1. Attrs `method`, `settings` (JSON), `time_sign`: 1, or -1 if the conjugates were
        inverted.

    Raises
    ------
    ValueError
        The method is unknown, or wave and mask differ in shape; see also `dime.inversion.masked_wave.check_field`.
    """
    wave, mask = waves["wave"], waves["mask"]
    if wave.shape != mask.shape:
        raise ValueError(f"mask: expected the wave's shape {wave.shape}, found {mask.shape}")
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, found {method!r}")
    chosen = METHODS[method](model)
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    # a slice without tissue stays 0
    rows = [row for row in np.ndindex(wave.shape[:-2]) if mask.values[row].any() or not mask.values.any()]
    slices = {row: check_field(wave.values[row], mask.values[row], *scale) for row in rows}
    sign = -1 if sum(dissipation(*tissue, *scale) for tissue in slices.values()) < 0 else 1
    found = np.zeros((2, *wave.shape), np.float32)
    maps = dict(zip(("stiffness", chosen.second), found, strict=True))
    if method == "dime":
        maps["trusted"] = np.zeros(wave.shape, bool)
    for row, (image, tissue) in slices.items():
        signed = image if sign > 0 else image.conj()
        found[:, *row] = chosen.invert_slice(signed, tissue, *scale)
        if method == "dime":
            maps["trusted"][row] = trust.trusted(image, tissue, *found[:, *row], *scale)
    result = xr.Dataset({name: (wave.dims, values) for name, values in maps.items()}, coords=wave.coords)
    result["stiffness"].attrs["units"] = "Pa"
    settings = json.dumps(chosen.settings, default=list)
    result.attrs = waves.attrs | {"method": method, "settings": settings, "time_sign": sign}
    return result


COMPARED = ("dime", "released", "mmdi", "lfe", "ahi")
"""This run's network, the network that comes with the package, and three direct inversions."""


def inverters(model, methods=COMPARED):
    """Functions that invert one slice, by method name; `model` is the folder of the network "dime".

    Each is (wave, mask, spacing_m, frequency_hz) -> stiffness (y, x) [Pa].
    """
    folders = {"dime": model, "released": RELEASED}
    loaded = {m: METHODS["dime" if m in folders else m](folders.get(m)) for m in methods}
    return {m: lambda *place, method=method: method.invert_slice(*place)[0] for m, method in loaded.items()}
