"""Errors of stiffness maps against the truth, slice by slice, and pooled correlations, with intervals."""

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt

from dime.metrics.statistics import BOOTSTRAP_RESAMPLES, CONFIDENCE_LEVEL, bootstrap_mean


def slice_figures(estimate, truth, mask):
    """Figures of merit of one stiffness map against its truth, over the pixels of a mask.

    Relative error e = (estimate - truth) / truth;  MAPE = 100 mean |e|;  bias = 100 mean e;
    RMSE = sqrt(mean (estimate - truth)^2);  r is Pearson's, R2 = 1 - SS_residual / SS_total about the truth.
    In a homogeneous slice, or for a constant estimate, r and R2 have no meaning and are NaN.

    Parameters
    ----------
    estimate, truth : (y, x) array [Pa]
    mask : (y, x) bool array

    Returns
    -------
    dict
        mean, truth_mean, median, iqr, rmse [kPa]; bias, mape [%]; r, r2; pixels.

    Raises
    ------
    ValueError
        The mask is empty, or the estimate holds no stiffness (NaN) somewhere inside it.
    """
    if not mask.any():
        raise ValueError("mask: expected at least one pixel, found none")
    x, t = estimate[mask] / 1e3, truth[mask] / 1e3
    if not np.isfinite(x).all():
        raise ValueError(
            f"estimate: {np.count_nonzero(~np.isfinite(x))} of {x.size} mask pixels are not finite"
        )
    error = x - t
    varies = np.ptp(t) > 1e-6 * t.mean() and np.ptp(x) > 0
    quartiles = np.percentile(x, [25, 75])
    return {
        "mean": x.mean(),
        "truth_mean": t.mean(),
        "median": np.median(x),
        "iqr": quartiles[1] - quartiles[0],
        "rmse": np.sqrt(np.mean(error**2)),
        "bias": 100 * np.mean(error / t),
        "mape": 100 * np.mean(np.abs(error) / t),
        "r": np.corrcoef(x, t)[0, 1] if varies else np.nan,
        "r2": 1 - np.sum(error**2) / np.sum((t - t.mean()) ** 2) if varies else np.nan,
        "pixels": int(x.size),
    }


def correlation_sums(x, t):
    """Sums over the pixels of one slice, from which r and R2 of any set of slices follow: see `pooled`.

    They are taken in double precision: r and R2 are small differences of large sums. In single precision a
    resample that draws one slice over and over would give intervals far outside -1 to 1.

    Parameters
    ----------
    x, t : (pixel,) arrays
        Estimate and truth, both in one unit, here [kPa].

    Returns
    -------
    dict
        pixels; x, t, xx, tt, xt: sums of the estimate, the truth and their products; residual: of (x - t)^2.
    """
    x, t = np.asarray(x, float), np.asarray(t, float)
    return {
        "pixels": x.size,
        "x": x.sum(),
        "t": t.sum(),
        "xx": (x * x).sum(),
        "tt": (t * t).sum(),
        "xt": (x * t).sum(),
        "residual": ((x - t) ** 2).sum(),
    }


SUMS = ["pixels", "x", "t", "xx", "tt", "xt", "residual"]
"""Columns of `correlation_sums` in the order that `_correlations` takes them."""


def pooled(sums, seed=None):
    """Pearson's r and R2 over the pixels of all slices together, with bootstrap intervals if wanted.

    Both follow from sums, so that a resample adds the sums of the slices it draws: whole slices, with all
    their pixels. R2 = 1 - SS_residual / SS_total about the truth.

    Parameters
    ----------
    sums : pandas.DataFrame or list of dict
        `correlation_sums` of each slice; other columns are ignored.
    seed : int, optional
        Of the resamples; None for no intervals.

    Returns
    -------
    dict
        r, r2 -> value, low, high (95 % interval), n slices. value is None where truth or estimate is one
        constant; low and high are None there, without a seed and below three slices.
    """
    table = pd.DataFrame(sums)[SUMS].to_numpy(float)
    count = len(table)
    rows = np.arange(count)[None]
    if seed is not None and count >= 3:
        drawn = np.random.default_rng(seed).integers(count, size=(BOOTSTRAP_RESAMPLES, count))
        rows = np.vstack([rows, drawn])
    figures = {}
    for name, values in zip(("r", "r2"), _correlations(table[rows].sum(axis=1)), strict=True):
        value, draws = values[0], values[1:][np.isfinite(values[1:])]
        known = bool(np.isfinite(value))
        figures[name] = {"value": float(value) if known else None, "low": None, "high": None, "n": count}
        if known and draws.size:
            tail = 50 * (1 - CONFIDENCE_LEVEL)
            low, high = np.percentile(draws, [tail, 100 - tail])
            figures[name] |= {"low": float(low), "high": float(high)}
    return figures


def _correlations(totals):
    """Pearson's r and R2 of rows of sums (row, 7), (row,) each; NaN where either variable is a constant."""
    n, x, t, xx, tt, xt, residual = totals.T
    vary_x, vary_t = xx - x * x / n, tt - t * t / n
    usable = (vary_t > 1e-9 * tt) & (vary_x > 1e-9 * xx)
    safe_x, safe_t = np.where(usable, vary_x, 1), np.where(usable, vary_t, 1)
    r = np.where(usable, (xt - x * t / n) / np.sqrt(safe_x * safe_t), np.nan)
    return r, np.where(usable, 1 - residual / safe_t, np.nan)


def bootstrap_pooled(estimates, truths, masks, seed=0):
    """Pooled r and R2, over the pixels of all slices and over the means of slices, with bootstrap intervals.

    Parameters
    ----------
    estimates, truths : (slice, y, x) array [Pa]
    masks : (slice, y, x) bool array
    seed : int

    Returns
    -------
    dict
        pixel_r, pixel_r2, slice_r, slice_r2 -> value, low, high, n as in `pooled`; slice figures are None
        below three slices.
    """
    pixels = [(x[m] / 1e3, t[m] / 1e3) for x, t, m in zip(estimates, truths, masks, strict=True)]
    means = [(x.mean()[None], t.mean()[None]) for x, t in pixels]
    figures = {}
    for unit, parts in (("pixel", pixels), ("slice", means)):
        found = pooled([correlation_sums(*part) for part in parts], seed)
        if unit == "slice" and len(parts) < 3:
            found = {name: figure | {"value": None} for name, figure in found.items()}
        figures |= {f"{unit}_{name}": figure for name, figure in found.items()}
    return figures


def bootstrap_r_difference(estimates, others, truths, masks, seed=0):
    """Difference of two methods' Pearson r over the pixels of all slices, with its interval over slices.

    Every resample draws the same slices for both methods, so the difference is a paired one.

    Parameters
    ----------
    estimates, others, truths : (slice, y, x) array [Pa]
    masks : (slice, y, x) bool array
    seed : int

    Returns
    -------
    dict
        mean (r of `estimates` less that of `others`), low, high (95 % interval), n slices; None below three
        slices or where a map is constant.
    """
    count = len(masks)
    nothing = {"mean": None, "low": None, "high": None, "n": count}
    if count < 3:
        return nothing
    drawn = np.random.default_rng(seed).integers(count, size=(BOOTSTRAP_RESAMPLES, count))
    rows = np.vstack([np.arange(count)[None], drawn])
    found = []
    for maps in (estimates, others):
        sums = [correlation_sums(x[m] / 1e3, t[m] / 1e3) for x, t, m in zip(maps, truths, masks, strict=True)]
        found.append(_correlations(pd.DataFrame(sums)[SUMS].to_numpy(float)[rows].sum(axis=1))[0])
    value, draws = (found[0] - found[1])[0], (found[0] - found[1])[1:]
    draws = draws[np.isfinite(draws)]
    if not (np.isfinite(value) and draws.size):
        return nothing
    tail = 50 * (1 - CONFIDENCE_LEVEL)
    low, high = np.percentile(draws, [tail, 100 - tail])
    return {"mean": float(value), "low": float(low), "high": float(high), "n": count}


def slice_table(estimates, truths, masks):
    """`slice_figures` of each slice, as a DataFrame with one row per slice."""
    return pd.DataFrame([slice_figures(*maps) for maps in zip(estimates, truths, masks, strict=True)])


def without_rim(masks, rim):
    """Masks without the pixels within `rim` [pixels] of the outline; a small mask keeps its core.

    Parameters
    ----------
    masks : (slice, y, x) bool array
    rim : float

    Returns
    -------
    (slice, y, x) bool array
    """
    inner = np.zeros_like(masks)
    for row, mask in enumerate(masks):
        # Padding: the edge of the image counts as outline.
        depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        inner[row] = depth > min(rim, 0.5 * depth.max())
    return inner


def region_means(maps, regions):
    """Mean of each map over its region: (slice, y, x) arrays -> (slice,) array."""
    return np.array([values[region].mean() for values, region in zip(maps, regions, strict=True)])


def summarise_slices(table):
    """Means over slices, with bootstrap intervals, of the reported columns of `slice_table`."""
    return {name: bootstrap_mean(table[name]) for name in ("mape", "bias", "rmse", "r", "r2")}
