"""Put measured slices through the chain of an examination, and compare its maps with the clinic's.

Nobody knows the truth of a measured slice. The clinic's map is a second opinion.
"""

import numpy as np
import xarray as xr

from dime.liver.examination import examine_liver
from dime.metrics import regions, statistics

LEAST_R = 0.95
"""Target: smallest correlation of a map with the clinic's. The specification of this project."""

LARGEST_BIAS_KPA = 0.15
"""Target: largest mean difference between a map and the clinic's, either way [kPa]."""

OFFSETS = 8
"""Phase offsets that are formed from a wave: as many as the measured slices had."""

LARGEST_RAD = np.pi / 2
"""Largest phase that is formed [rad]: two pixels then differ by pi at most, and nothing wraps."""


def offsets_of(wave, count=OFFSETS):
    """Phase offsets of which a wave is the first harmonic: phi_j = s Re(u exp(2 pi i j / N)).

    Parameters
    ----------
    wave : (y, x) complex array, any unit
    count : int
        N, at least 3.

    Returns
    -------
    (count, y, x) float32 array [rad]
        The scale s makes |u| `LARGEST_RAD` at most.

    Assumption: any scale will do, as every map depends on the shape of the wave alone. What else the measured
    offsets held (static phase, higher harmonics, part of the noise) is in no map either.
    """
    turns = np.exp(2j * np.pi * np.arange(count) / count)[:, None, None]
    scale = LARGEST_RAD / (np.abs(wave).max() or 1.0)
    return (scale * wave * turns).real.astype(np.float32)


def examine_slices(waves, method, weights):
    """Examine every slice by `examination.examine_liver`, each alone, with its mask in place of a magnitude.

    Parameters
    ----------
    waves : xarray.Dataset
        `wave` complex, any unit, and `mask`, (slice, y, x); attrs spacing_m, frequency_hz.
    method : one of `examination.METHODS`
    weights : path

    Returns
    -------
    maps : xarray.Dataset
        stiffness [Pa], trusted and reportable (slice, y, x).
    readings : list of dict
        Of each slice, see `examination.reading_of`.

    Assumption: every slice is another person's.
    """
    shape = waves["mask"].shape
    maps = {"stiffness": np.zeros(shape, np.float32)}
    maps |= {name: np.zeros(shape, bool) for name in ("trusted", "reportable")}
    scale, readings = (waves.attrs["spacing_m"], waves.attrs["frequency_hz"]), []
    for row, pair in enumerate(zip(waves["wave"].values, waves["mask"].values, strict=True)):
        phase, mask = offsets_of(pair[0]).T[:, :, None], pair[1].T[:, :, None]
        found = examine_liver(None, phase, *scale, mask=mask, method=method, weights=weights)
        for name, values in maps.items():
            values[row] = found[name].values[0]
        readings.append(found.attrs["reading"])
    return xr.Dataset({name: (waves["mask"].dims, values) for name, values in maps.items()}), readings


def agreement(stiffness, clinical, region, mask):
    """Agreement of maps with the clinic's over a region of each slice.

    Parameters
    ----------
    stiffness, clinical : (slice, y, x) arrays [Pa]
    region, mask : (slice, y, x) bool arrays
        The pixels that are compared, and the whole liver.

    Returns
    -------
    dict
        slices (compared: those with `regions.LEAST_PIXELS`) and share (of the liver that is compared).
        By slice, None where it is not compared: r (over its pixels), difference_kpa (of its means).
        r_median and r_least over slices, enough (slices with `LEAST_R`); means, the correlation of the
        slices' means; bias_kpa, the mean difference (both with an interval over slices). holds: whether each
        target is met, "yes", "no" or "undecided".
    """
    figures, table = regions.score(stiffness, clinical, region, mask)
    if table is None:
        table = {name: np.full(len(mask), np.nan) for name in ("r", "mean", "truth_mean", "mean_error_kpa")}
    r, ours, theirs, change = (
        np.asarray(table[name], float) for name in ("r", "mean", "truth_mean", "mean_error_kpa")
    )
    known = r[np.isfinite(r)]
    both = np.isfinite(ours)
    found = {"r": r.tolist(), "difference_kpa": change.tolist(), "bias_kpa": figures["mean_error_kpa"]}
    found |= {"slices": figures["slices"], "share": figures["share"], "enough": int((known >= LEAST_R).sum())}
    found |= {"r_median": None, "r_least": None}
    if known.size:
        found |= {"r_median": float(np.median(known)), "r_least": float(known.min())}
    found["means"] = statistics.bootstrap_correlation(ours[both], theirs[both])
    return found | {"holds": _holds(found)}


def _holds(found):
    """Whether each target is met: the interval lies wholly on the right side, on the wrong one, or across."""
    words = {1: "yes", -1: "no"}
    pixels = "undecided" if not found["slices"] else "yes" if found["enough"] == found["slices"] else "no"
    bias = found["bias_kpa"]
    above, below = (
        statistics.side(bias, -LARGEST_BIAS_KPA),
        statistics.side(bias, LARGEST_BIAS_KPA),
    )
    within = "yes" if (above, below) == (1, -1) else "no" if below == 1 or above == -1 else "undecided"
    means = words.get(statistics.side(found["means"], LEAST_R), "undecided")
    return {"pixels": pixels, "means": means, "bias": within}


def read_beside(readings, reportable, clinical):
    """Readings beside the mean of the clinic's map over the region of each reading.

    Parameters
    ----------
    readings : list of dict
        From `examine_slices`.
    reportable : (slice, y, x) bool array
        Its regions.
    clinical : (slice, y, x) array [Pa], 0 where the clinic's map has no value

    Returns
    -------
    list of dict
        By slice, None where there is no reading: kpa, low, high (95 % interval), clinical_kpa, inside
        (whether the interval holds the clinic's mean); covered, the share of the region in which the clinic's
        map has a value.
    """
    rows = []
    for reading, region, theirs in zip(readings, reportable, clinical, strict=True):
        seen = region & (theirs > 0)
        row = dict.fromkeys(("kpa", "low", "high", "clinical_kpa", "inside", "covered"))
        if reading["mean_kpa"] is not None and seen.any():
            low, high = reading["interval_kpa"]
            mean = float(theirs[seen].mean()) / 1e3
            row |= {"kpa": reading["mean_kpa"], "low": low, "high": high, "clinical_kpa": mean}
            row |= {"inside": low <= mean <= high, "covered": float(seen.sum() / region.sum())}
        rows.append(row)
    return rows
