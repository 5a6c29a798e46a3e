"""Map the stiffness inside a liver: from the phase to the first harmonic, and on by any method.

phase, liver -> unwrap -> first harmonic -> sign of time -> stiffness, its uncertainty, trust
"""

from pathlib import Path

import numpy as np
import xarray as xr

from dime.inversion import methods, registry, trust
from dime.inversion.masked_wave import check_field, dissipation
from dime.liver.translation import translator
from dime.simulation import cohort

WEIGHTS = Path(__file__).parents[1] / "weights" / "liver"
"""Folder of the networks that come with the package; a run leaves its own in results/liver/models."""

METHODS = ("dime", "mmdi", "map-unet", "map-resnet")
"""How the map is made: DIME, MMDI, or a network that learnt on simulated livers."""

WITHIN = 0.15
"""Relative error of a stiffness that `confidence` speaks of."""

LEAST_SLICE_M2 = 1e-4
"""Smallest liver of a slice that is inverted [m^2]. Assumption: a cm2 holds no wave to measure."""

MARGIN_PX = 2
"""Margin of the box in which phases are unwrapped [pixels]; the mask does not touch its edge."""


def waves_in(scan, liver):
    """First harmonic of the phase, unwrapped inside the liver; slices with hardly any liver stay 0.

    Parameters
    ----------
    scan : xarray.Dataset
        `phase` (slice, offset, y, x) [rad]; attrs spacing_m, frequency_hz.
    liver : (slice, y, x) bool array

    Returns
    -------
    xarray.Dataset
        The scan with `wave` complex [rad] and `mask`, (slice, y, x), as `methods.invert` takes it.
    """
    enough = liver.sum(axis=(1, 2)) * scan.attrs["spacing_m"] ** 2 >= LEAST_SLICE_M2
    mask = liver & enough[:, None, None]
    scan = scan.assign(mask=(("slice", "y", "x"), mask))
    wave = np.zeros(mask.shape, complex)
    if enough.any():
        sides = [np.flatnonzero(mask.any(axis=axes)) for axes in ((0, 2), (0, 1))]
        rows, columns = (slice(max(0, one[0] - MARGIN_PX), one[-1] + 1 + MARGIN_PX) for one in sides)
        part = scan[["phase", "mask"]].isel(slice=enough, y=rows, x=columns)
        wave[enough, rows, columns] = cohort.first_harmonic(part)["wave"].values
    return scan.assign(wave=(("slice", "y", "x"), wave))


def map_of(waves, method, weights=WEIGHTS):
    """Map of all slices by a method; 0 where there is no liver, and everywhere if no slice can be inverted.

    Parameters
    ----------
    waves : xarray.Dataset
        From `waves_in`.
    method : str
        One of `METHODS`, or another folder of a map network below the weights.
    weights : path

    Returns
    -------
    xarray.Dataset
        stiffness [Pa], uncertainty or confidence, trusted, (slice, y, x); attrs method, time_sign.
    """
    empty = _nothing(waves, method)
    if not waves["mask"].values.any():
        return empty
    try:
        return (
            methods.invert(waves, method)
            if method in registry.METHODS
            else _translated(waves, method, weights)
        )
    except ValueError:  # constant or vanishing phases in all slices
        return empty


def confidence(maps):
    """Chance that a pixel's stiffness is off by less than `WITHIN`, from its Laplace scale b.

    P(|ln m - ln m_true| < ln(1 + w)) = 1 - exp(-ln(1 + w) / b), with w = `WITHIN`; 0 where there is no map.

    Parameters
    ----------
    maps : xarray.Dataset
        stiffness, and uncertainty b, (slice, y, x).

    Returns
    -------
    xarray.DataArray
        (slice, y, x), 0 to 1.
    """
    scale = maps["uncertainty"].where(maps["uncertainty"] > 0, np.inf)
    chance = 1 - np.exp(-np.log1p(WITHIN) / scale)
    return chance.where(maps["stiffness"] > 0, 0).astype(np.float32)


def _nothing(waves, method):
    mask = waves["mask"]
    second = "confidence" if method == "mmdi" else "uncertainty"
    maps = {name: (mask.dims, np.zeros(mask.shape, np.float32)) for name in ("stiffness", second)}
    maps["trusted"] = mask.dims, np.zeros(mask.shape, bool)
    return xr.Dataset(maps, attrs=waves.attrs | {"method": method, "time_sign": 1})


def _translated(waves, method, weights):
    """Map by a network of `dime.liver.translation`, with sign of time and trust as in `methods.invert`."""
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    sign, stiffness, uncertainty = translated(waves, Path(weights) / method)
    trusted = np.zeros(stiffness.shape, bool)
    for row in np.flatnonzero(stiffness.any(axis=(1, 2))):
        one = (waves[name].values[row] for name in ("wave", "mask"))
        trusted[row] = trust.trusted(*one, stiffness[row], uncertainty[row], *scale, None)
    maps = {"stiffness": stiffness, "uncertainty": uncertainty, "trusted": trusted}
    maps = {name: (waves["mask"].dims, values) for name, values in maps.items()}
    return xr.Dataset(maps, attrs=waves.attrs | {"method": method, "time_sign": sign})


def translated(waves, folder):
    """Maps of all slices by a network, without a judgement where to trust them.

    Parameters
    ----------
    waves : xarray.Dataset
        From `waves_in`.
    folder : path
        Of the network, see `dime.liver.translation.translator`.

    Returns
    -------
    sign : 1, or -1 where time ran the other way
    stiffness, uncertainty : (slice, y, x) arrays
        |G*| [Pa] and Laplace scale of log stiffness; 0 where there is no liver.

    Raises
    ------
    ValueError
        No slice can be inverted, see `dime.inversion.masked_wave.check_field`; one that cannot stays 0.
    """
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    fields, refused = {}, None
    for row, pair in enumerate(zip(waves["wave"].values, waves["mask"].values, strict=True)):
        try:
            fields |= {row: check_field(*pair, *scale)} if pair[1].any() else {}
        except ValueError as error:
            refused = error
    if refused and not fields:
        raise refused
    sign = -1 if sum(dissipation(*field, *scale) for field in fields.values()) < 0 else 1
    found = np.zeros((2, *waves["mask"].shape), np.float32)
    translate = translator(folder)
    for row, (wave, mask) in fields.items():
        found[:, row] = translate(wave if sign > 0 else wave.conj(), mask, *scale)
    return sign, *found
