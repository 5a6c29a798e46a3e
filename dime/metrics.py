"""How far from the truth, how alike two methods: figures of merit per slice and over slices."""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.ndimage import distance_transform_edt

CONFIDENCE_LEVEL = 0.95
BOOTSTRAP_RESAMPLES = 2000


def slice_figures(estimate, truth, mask):
    """Figures of merit of one stiffness map against its truth, over the pixels of a mask.

    Relative error e = (estimate - truth) / truth;  MAPE = 100 mean |e|;  bias = 100 mean e;
    RMSE = sqrt(mean (estimate - truth)^2);  r is Pearson's, R2 = 1 - SS_residual / SS_total about the truth.
    In a homogeneous slice r and R2 have no meaning and are NaN.

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

    They are taken in the precision of the arrays; r and R2 are differences of them and keep about six digits
    of float32, ten and more of float64.

    Parameters
    ----------
    x, t : (pixel,) arrays
        Estimate and truth, both in one unit, here [kPa].

    Returns
    -------
    dict
        pixels; x, t, xx, tt, xt: sums of the estimate, the truth and their products; residual: of (x - t)^2.
    """
    return {
        "pixels": x.size,
        "x": x.sum(),
        "t": t.sum(),
        "xx": (x * x).sum(),
        "tt": (t * t).sum(),
        "xt": (x * t).sum(),
        "residual": ((x - t) ** 2).sum(),
    }


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
    table = pd.DataFrame(sums)[["pixels", "x", "t", "xx", "tt", "xt", "residual"]].to_numpy(float)
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
    """r and R2 over the pixels of all slices together, and over the slices' means, with bootstrap intervals.

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


def paired_tests(values, reference, seed=0):
    """Each method's values against a reference method's on the same cases: Wilcoxon's signed-rank test.

    The p values are corrected for the number of methods by Holm's step-down rule.
    Source: Wilcoxon 1945, Biometrics Bull 1:80; Holm 1979, Scand J Stat 6:65.

    Parameters
    ----------
    values : dict
        Method -> (case,) array.
    reference : str
        One of them.
    seed : int

    Returns
    -------
    dict
        Method -> difference (`bootstrap_mean` of value - reference), p, p_holm, n; p and p_holm are None for
        fewer than six cases, which cannot reach p < 0.05 two-sided.
    """
    table = {}
    for method, own in values.items():
        if method == reference:
            continue
        difference = np.asarray(own, float) - np.asarray(values[reference], float)
        p = None
        if difference.size >= 6 and np.any(difference):
            p = float(stats.wilcoxon(difference).pvalue)
        table[method] = {"difference": bootstrap_mean(difference, seed), "p": p, "n": int(difference.size)}
    tested = [method for method in table if table[method]["p"] is not None]
    corrected = dict(zip(tested, holm([table[method]["p"] for method in tested]), strict=True))
    return {method: row | {"p_holm": corrected.get(method)} for method, row in table.items()}


def holm(p):
    """Holm's corrected p values: the k-th smallest of m times m - k + 1, made monotone, at most 1."""
    p = np.asarray(p, float)
    order = np.argsort(p)
    corrected = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1)
    return [float(v) for v in corrected[np.argsort(order)]]


def slice_table(estimates, truths, masks):
    """`slice_figures` of each slice, as a DataFrame with one row per slice."""
    return pd.DataFrame([slice_figures(*maps) for maps in zip(estimates, truths, masks, strict=True)])


def bootstrap_mean(values, seed=0):
    """Mean over slices or subjects with its bootstrap interval (BCa; never over pixels).

    Returns
    -------
    dict
        mean, low, high (95 % interval), n; low and high are None for fewer than three finite values.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return {"mean": None, "low": None, "high": None, "n": 0}
    result = {"mean": float(values.mean()), "low": None, "high": None, "n": int(values.size)}
    if values.size >= 3 and np.ptp(values) > 0:
        interval = stats.bootstrap(
            (values,),
            np.mean,
            confidence_level=CONFIDENCE_LEVEL,
            n_resamples=BOOTSTRAP_RESAMPLES,
            rng=np.random.default_rng(seed),
        ).confidence_interval
        result |= {"low": float(interval.low), "high": float(interval.high)}
    return result


def bootstrap_correlation(x, y, seed=0):
    """Pearson's r between paired values (a slice or subject each) with its bootstrap interval.

    Returns
    -------
    dict
        r, low, high (95 % interval), n; None where fewer than four pairs cannot tell.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.size < 4:
        return {"r": None, "low": None, "high": None, "n": int(x.size)}
    interval = stats.bootstrap(
        (x, y),
        lambda a, b: stats.pearsonr(a, b).statistic,
        paired=True,
        vectorized=False,
        confidence_level=CONFIDENCE_LEVEL,
        n_resamples=BOOTSTRAP_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    r = stats.pearsonr(x, y).statistic
    return {"r": float(r), "low": float(interval.low), "high": float(interval.high), "n": int(x.size)}


def bland_altman(x, y):
    """Agreement of two methods on the same slices or subjects.

    d = x - y;  bias = mean d;  limits of agreement = bias -+ 1.96 sd(d), sd with n - 1.

    Source: Bland and Altman 1986, Lancet 327:307.

    Returns
    -------
    dict
        bias, lower, upper (unit of x); n. The limits are None for fewer than three pairs, the bias for none.
    """
    difference = np.asarray(x, float) - np.asarray(y, float)
    if difference.size == 0:
        return {"bias": None, "lower": None, "upper": None, "n": 0}
    result = {"bias": float(difference.mean()), "lower": None, "upper": None, "n": int(difference.size)}
    if difference.size >= 3:
        spread = 1.96 * difference.std(ddof=1)
        result |= {"lower": result["bias"] - spread, "upper": result["bias"] + spread}
    return result


def interior(masks, rim):
    """Masks without the pixels closer to the outline than `rim` [pixels]; a small mask keeps its core.

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
        # Padding: the edge of the image is an outline too.
        depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        inner[row] = depth > min(rim, 0.5 * depth.max())
    return inner


def region_means(maps, regions):
    """Mean of each map over its region: (slice, y, x) arrays -> (slice,) array."""
    return np.array([values[region].mean() for values, region in zip(maps, regions, strict=True)])


def summarise(table):
    """Means over slices with bootstrap intervals, of the columns of `slice_table` that are reported."""
    return {name: bootstrap_mean(table[name]) for name in ("mape", "bias", "rmse", "r", "r2")}


def separation(values, diseased):
    """Area under the ROC curve: the chance that a diseased subject has the larger value, U / (n m).

    U is the Mann-Whitney statistic.

    Returns
    -------
    float, or None where one of the groups is empty.
    """
    values, diseased = np.asarray(values), np.asarray(diseased)
    if diseased.all() or not diseased.any():
        return None
    u = stats.mannwhitneyu(values[diseased], values[~diseased]).statistic
    return float(u / (diseased.sum() * (~diseased).sum()))
