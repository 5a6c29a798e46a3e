"""Bootstrap intervals, paired tests and their correction for several comparisons."""

import numpy as np
from scipy import stats

CONFIDENCE_LEVEL = 0.95

BOOTSTRAP_RESAMPLES = 2000

FEW = 7
"""Number of cases up to which `bootstrap_mean` also returns the values: an interval of so few says little."""


def paired_tests(values, reference, seed=0):
    """Test each method against a reference method on the same cases, by Wilcoxon's signed-rank test.

    The p values are corrected for the number of methods by Holm's step-down rule.
    Source: Wilcoxon 1945, Biometrics Bull 1:80; Holm 1979, Scand J Stat 6:65.

    Parameters
    ----------
    values : dict
        Method -> (case,) array.
    reference : str
        Name of the reference method in `values`.
    seed : int

    Returns
    -------
    dict
        Method -> difference (`bootstrap_mean` of value - reference), p, p_holm, n; p and p_holm are None for
        fewer than six cases, which cannot reach p < 0.05 two-sided, and where no case differs.
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
    """P values after Holm's correction: the k-th smallest of m times m - k + 1, made monotone, at most 1."""
    p = np.asarray(p, float)
    order = np.argsort(p)
    corrected = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1)
    return [float(v) for v in corrected[np.argsort(order)]]


def bootstrap_mean(values, seed=0):
    """Mean over slices or subjects (never pixels) with its bootstrap interval (BCa).

    Returns
    -------
    dict
        mean, low, high (95 % interval), n; low and high are None for fewer than three values or equal ones.
        values, the cases themselves, where there are `FEW` of them or less.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return {"mean": None, "low": None, "high": None, "n": 0}
    result = {"mean": float(values.mean()), "low": None, "high": None, "n": int(values.size)}
    if values.size <= FEW:
        result["values"] = [float(value) for value in values]
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


def side(entry, limit=0.0):
    """On which side of a limit an interval lies: what every verdict of this project follows from.

    Parameters
    ----------
    entry : dict or None
        low, high: a 95 % interval; None where there are too few cases for one.
    limit : float

    Returns
    -------
    int or None
        1 if the whole interval lies above the limit, -1 below, 0 across it; None without an interval.
    """
    if entry is None or entry["low"] is None or entry["high"] is None:
        return None
    return 1 if entry["low"] > limit else -1 if entry["high"] < limit else 0


def bootstrap_correlation(x, y, seed=0):
    """Pearson's r of paired values, one per slice or subject, with its bootstrap interval.

    Returns
    -------
    dict
        r, low, high (95 % interval), n; r and interval are None for fewer than four pairs.
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
