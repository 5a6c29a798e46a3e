"""Invert waves to stiffness: one call for every method of `dime.inversion.registry`.

A method's function is imported when it is used, so that the direct methods load no torch.
"""

import inspect
import json
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, is_dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from dime.inversion import trust
from dime.inversion.masked_wave import check_field, dissipation
from dime.inversion.registry import BUILT_IN, LEFT_OUT, METHODS
from dime.progress import bar

PRETRAINED = Path(__file__).parents[1] / "weights" / "pretrained"
"""Folder of the network that comes with the package; its `card.json` says what it learnt from."""

DEFAULT = "dime"
"""The method that is used where none is named."""

COMPARED = ("dime", "pretrained", "mmdi", "lfe", "ahi")
"""Methods that the studies of conditions compare: this run's network, the pretrained one, and three direct
inversions."""


class Loaded(NamedTuple):
    """A method that is ready to invert a slice.

    invert_slice : (wave, mask, spacing_m, frequency_hz) -> stiffness [Pa] and a second map, both (y, x)
    second : what the second map is: "uncertainty" (Laplace scale of log stiffness) or "confidence" (0..1)
    settings : plain values that reproduce the maps
    least_confidence : confidence from which a pixel is trusted; None with an uncertainty
    """

    invert_slice: Callable
    second: str
    settings: dict
    least_confidence: float | None


def load_method(name: str, model: str | Path = PRETRAINED, **settings: float | list[float]) -> Loaded:
    """Import a method's function and change its settings.

    Parameters
    ----------
    name : one of `dime.inversion.registry.METHODS`
    model : path
        Folder of a trained network, for method "dime".
    settings :
        Those that differ from the method's defaults; a network has none.

    Returns
    -------
    Loaded

    Raises
    ------
    ValueError
        Unknown method or setting.
    """
    if name not in METHODS:
        known = ", ".join(METHODS)
        why = "".join(f"; {line}" for line in LEFT_OUT if line.startswith(f"method {name} "))
        raise ValueError(f"method: expected one of {known}, found {name!r}{why}")
    method = METHODS[name]
    function = _imported(name)
    known = {} if method.learnt else _defaults(function)
    if unknown := sorted(settings.keys() - known.keys()):
        raise ValueError(f"settings: {name} has no {', '.join(unknown)}; it has {', '.join(known) or 'none'}")
    if method.learnt:
        invert_slice, plain = function(model)
        return Loaded(invert_slice, "uncertainty", plain, None)
    return Loaded(_changed(function, settings), "confidence", known | settings, method.least_confidence)


def _imported(name):
    """The function of a method; that of another package may be missing, or be called in another way."""
    module, _, attribute = METHODS[name].function.partition(":")
    try:
        function = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        if name in BUILT_IN:
            raise
        raise ValueError(f"method {name}: {METHODS[name].function} cannot be imported ({error})") from None
    expected = ("model",) if METHODS[name].learnt else ("wave", "mask", "spacing_m", "frequency_hz")
    try:
        inspect.signature(function).bind(*expected)
    except TypeError as error:
        raise ValueError(
            f"method {name}: {METHODS[name].function} cannot be called with ({', '.join(expected)}): {error}"
        ) from None
    return function


def _defaults(function):
    """Default values of a function's settings, those of a dataclass one by one."""
    settings = {}
    for parameter in inspect.signature(function).parameters.values():
        default = parameter.default
        if is_dataclass(default):
            settings |= asdict(default)
        elif default is not parameter.empty:
            settings[parameter.name] = default
    return settings


def _changed(function, settings):
    """A function with some settings changed, those of a dataclass one by one."""
    for parameter in inspect.signature(function).parameters.values():
        if is_dataclass(parameter.default):
            settings = {parameter.name: replace(parameter.default, **settings)}
    return partial(function, **settings)


def invert(
    waves: xr.Dataset, method: str = DEFAULT, model: str | Path = PRETRAINED, **settings: float | list[float]
) -> xr.Dataset:
    """Compute the stiffness of every slice of a dataset by one method.

    A file does not say whether its waves follow e^{+i omega t} or e^{-i omega t}, nor whether the gain of a
    channel is negative. Tissue absorbs energy, and that fixes the sign: where the `dissipation` of all slices
    together is negative, the waves are conjugated, because the network and the nonlinear inversion assume
    e^{+i omega t}. The sign makes no difference to the direct methods.

    Parameters
    ----------
    waves : xarray.Dataset
        `wave` complex (..., y, x), any unit; `mask` bool of that shape; attrs `spacing_m`, `frequency_hz`.
    method : one of `dime.METHODS`
        "nonlinear" takes seconds to a minute for a slice, the others less than a second.
    model : path
        Folder of a trained network (`dime.learning.checkpoints.save_model`), for method "dime"; default: the
        pretrained one.
    settings :
        Settings of the method that differ from its defaults, such as windows_m=[0.015] of "mmdi".

    Returns
    -------
    xarray.Dataset
        `stiffness` |G*| [Pa], 0 outside the mask; `trusted` bool, see `dime.inversion.trust`. With "dime":
        `uncertainty`, the Laplace scale of log stiffness (relative, 1); with the others: `confidence` 0..1.
        Attrs `method`, `settings` (JSON), `time_sign`: 1, or -1 where the conjugates were inverted.

    Raises
    ------
    ValueError
        Unknown method or setting, wave and mask of different shapes; no slice that can be inverted, see
        `dime.inversion.masked_wave.check_field`. A single slice of several that cannot, such as one without
        motion, stays 0, and a warning names it.

    Examples
    --------
    >>> import dime
    >>> waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
    >>> maps = dime.invert(waves, "mmdi")
    >>> float(maps["stiffness"].max()) > 1000  # Pa
    True
    """
    wave, mask = waves["wave"], waves["mask"]
    if wave.shape != mask.shape:
        raise ValueError(f"mask: expected the wave's shape {wave.shape}, found {mask.shape}")
    chosen = load_method(method, model, **settings)
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    # a slice beyond the organ stays 0
    rows = [row for row in np.ndindex(wave.shape[:-2]) if mask.values[row].any() or not mask.values.any()]
    slices = _each(rows, waves, lambda row: check_field(wave.values[row], mask.values[row], *scale))
    sign = -1 if sum(dissipation(*tissue, *scale) for tissue in slices.values()) < 0 else 1

    def invert_one(row):
        image, tissue = slices[row]
        found = chosen.invert_slice(image if sign > 0 else image.conj(), tissue, *scale)[:2]
        if [np.shape(one) for one in found] != [image.shape] * 2:  # of another package's method
            shapes = ", ".join(str(np.shape(one)) for one in found)
            raise ValueError(f"method {method}: expected two maps of shape {image.shape}, found {shapes}")
        return *found, trust.trusted(image, tissue, *found, *scale, chosen.least_confidence)

    found = np.zeros((3, *wave.shape), np.float32)
    with bar(slices, method) if len(slices) > 1 else nullcontext(slices) as shown:
        inverted = _each(shown, waves, invert_one)
    for row, images in inverted.items():
        found[:, *row] = images
    maps = {"stiffness": found[0], chosen.second: found[1], "trusted": found[2] > 0}
    result = xr.Dataset({name: (wave.dims, values) for name, values in maps.items()}, coords=wave.coords)
    result["stiffness"].attrs["units"] = "Pa"
    used = json.dumps(chosen.settings, default=list)
    result.attrs = waves.attrs | {"method": method, "settings": used, "time_sign": sign}
    return result


def _each(rows, waves, work):
    """What `work` gives for each slice; one that it refuses is left out with a warning, unless all are."""
    done, refused = {}, {}
    for row in rows:
        try:
            done[row] = work(row)
        except ValueError as error:
            refused[row] = f"{_name(row, waves)}: {error}".removeprefix(": ")
    if refused and not done:
        raise ValueError(next(iter(refused.values())))
    for message in refused.values():
        warnings.warn(f"{message}; the slice stays 0", stacklevel=3)
    return done


def _name(row, waves):
    """File and slice, counted from 1, as far as there are several: "wave.nii.gz, slice 2 of 4"."""
    sizes = waves["wave"].sizes
    places = [
        f"{dim.replace('z', 'slice')} {index + 1} of {sizes[dim]}"
        for dim, index in zip(waves["wave"].dims, row, strict=False)
    ]
    several = np.prod(waves["wave"].shape[:-2]) > 1
    return ", ".join(filter(None, [waves.attrs.get("source", ""), *(places if several else ())]))


def inverters(model, methods=COMPARED):
    """Load several methods as functions of one slice.

    Parameters
    ----------
    model : path
        Folder of the network called "dime".
    methods : sequence of str
        Names of `dime.METHODS`, and "pretrained" for the network that comes with the package.

    Returns
    -------
    dict
        Name -> (wave, mask, spacing_m, frequency_hz) -> stiffness (y, x) [Pa].
    """
    folders = {"dime": model, "pretrained": PRETRAINED}
    loaded = {m: load_method("dime" if m in folders else m, folders.get(m, PRETRAINED)) for m in methods}
    return {m: lambda *place, method=method: method.invert_slice(*place)[0] for m, method in loaded.items()}
