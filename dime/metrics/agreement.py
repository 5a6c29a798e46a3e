"""Agreement and repeatability of readings of the same subjects: ICC, kappa, Bland-Altman, with intervals.

Every statistic is over subjects. It is None, never NaN, where there are too few subjects for it.
"""

import numpy as np
from scipy import stats

from dime.metrics import statistics

LEVEL = statistics.CONFIDENCE_LEVEL

Z = stats.norm.ppf((1 + LEVEL) / 2)

LEAST = 3
"""Smallest number of subjects that an agreement or a repeatability is computed from."""


def complete(*columns):
    """Drop from columns (subject,) every subject that has NaN in any of them: a method gave no value."""
    columns = [np.asarray(column) for column in columns]
    known = np.all([np.isfinite(column.astype(float)) for column in columns], axis=0)
    return [column[known] for column in columns]


def icc_values(ratings):
    """ICC(A,1) of ratings (..., subject, rater): absolute agreement of single ratings, two-way model.

    ICC = (MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n),

    MSR, MSC and MSE are the mean squares of rows (subjects), columns (raters) and the residual; n subjects,
    k raters. NaN where nothing varies.

    Source: McGraw and Wong 1996, Psychological Methods 1:30; Shrout and Fleiss 1979, ICC(2,1).
    """
    rows, columns, rest = _mean_squares(ratings)
    n, k = ratings.shape[-2:]
    total = rows + (k - 1) * rest + k * (columns - rest) / n
    return np.where(total > 0, (rows - rest) / np.where(total > 0, total, 1), np.nan)


def icc(*raters):
    """ICC(A,1) of two or more columns (subject,) of readings, with McGraw and Wong's interval.

    Returns
    -------
    dict
        icc, low, high (95 % interval), n; None for fewer than three subjects or where nothing varies.
    """
    ratings = np.stack(complete(*raters), axis=-1)
    n, k = ratings.shape
    absent = {"icc": None, "low": None, "high": None, "n": int(n)}
    if n < LEAST:
        return absent
    value = float(icc_values(ratings))
    if not np.isfinite(value):
        return absent
    if value > 1 - 1e-12:  # equal readings
        return {"icc": 1.0, "low": 1.0, "high": 1.0, "n": int(n)}
    rows, columns, rest = _mean_squares(ratings)
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    freedom = (a * columns + b * rest) ** 2 / (
        (a * columns) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1))
    )
    below = stats.f.ppf((1 + LEVEL) / 2, n - 1, freedom)
    above = stats.f.ppf((1 + LEVEL) / 2, freedom, n - 1)
    others = k * columns + (k * n - k - n) * rest
    low = n * (rows - below * rest) / (below * others + n * rows)
    high = n * (above * rows - rest) / (others + n * above * rows)
    return {"icc": value, "low": float(low), "high": float(high), "n": int(n)}


def _mean_squares(ratings):
    """Mean squares of subjects, of raters and of the residual, for ratings (..., subject, rater)."""
    n, k = ratings.shape[-2:]
    mean = ratings.mean(axis=(-2, -1), keepdims=True)
    by_row = ratings.mean(axis=-1, keepdims=True) - mean
    by_column = ratings.mean(axis=-2, keepdims=True) - mean
    rest = ratings - mean - by_row - by_column
    return (
        k * np.sum(by_row**2, axis=(-2, -1)) / (n - 1),
        n * np.sum(by_column**2, axis=(-2, -1)) / (k - 1),
        np.sum(rest**2, axis=(-2, -1)) / ((n - 1) * (k - 1)),
    )


def repeatability(first, second):
    """Repeatability of a reading, from two scans of the same subjects between which nothing has changed.

    sd^2 = mean d^2 / 2 with d the difference of a subject's scans. The repeatability coefficient
    RC = 1.96 sqrt(2) sd bounds 95 % of such differences: a smaller change of one subject cannot be
    distinguished from none. cv^2 = mean (d / m)^2 / 2 with m the mean of a subject's scans; the smallest
    detectable change in percent is 1.96 sqrt(2) cv. Intervals follow from n sd^2 / sigma^2 ~ chi^2(n).

    Source: Bland and Altman 1996, BMJ 313:744; Raunig et al. 2015, Stat Methods Med Res 24:27.

    Returns
    -------
    dict
        within_sd, coefficient (unit of the readings) with low, high; cv_percent, change_percent with
        change_low, change_high; bias, the mean of second - first; n. None for fewer than three subjects.
    """
    first, second = complete(first, second)
    n = first.size
    names = ("within_sd", "coefficient", "low", "high", "cv_percent", "change_percent")
    names += ("change_low", "change_high", "bias")
    if n < LEAST:
        return dict.fromkeys(names) | {"n": int(n)}
    difference = second - first
    sd = np.sqrt(np.mean(difference**2) / 2)
    cv = np.sqrt(np.mean((2 * difference / (first + second)) ** 2) / 2)
    reach = Z * np.sqrt(2)
    narrow, wide = np.sqrt(n / stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], n))
    values = (sd, reach * sd, narrow * reach * sd, wide * reach * sd, 100 * cv, 100 * reach * cv)
    values += (100 * narrow * reach * cv, 100 * wide * reach * cv, difference.mean())
    return {name: float(value) for name, value in zip(names, values, strict=True)} | {"n": int(n)}


def kappa(x, y, seed=0):
    """Cohen's kappa, weighted: agreement of ordered classes beyond chance, errors weighted by their square.

    kappa = 1 - sum (x_i - y_i)^2 n / sum_ij (x_i - y_j)^2

    Source: Cohen 1968, Psychological Bulletin 70:213. The interval is a bootstrap over subjects.

    Parameters
    ----------
    x, y : (subject,) arrays of int
        Ranks of the classes.

    Returns
    -------
    dict
        kappa, low, high (95 % interval), None for fewer than four subjects or where all are of one class;
        same (share of equal classes), n.
    """
    x, y = complete(np.asarray(x, float), np.asarray(y, float))
    n = x.size
    result = dict.fromkeys(("kappa", "low", "high")) | {"same": float(np.mean(x == y)) if n else None}
    result["n"] = int(n)
    if n < LEAST + 1 or not np.isfinite(_kappas(x, y)):
        return result
    rows = np.random.default_rng(seed).integers(0, n, (statistics.BOOTSTRAP_RESAMPLES, n))
    low, high = np.nanquantile(_kappas(x[rows], y[rows]), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return result | {"kappa": float(_kappas(x, y)), "low": float(low), "high": float(high)}


def _kappas(x, y):
    """Weighted kappa of classes (..., subject); NaN where all are of one class."""
    observed = np.mean((x - y) ** 2, axis=-1)
    expected = x.var(axis=-1) + y.var(axis=-1) + (x.mean(axis=-1) - y.mean(axis=-1)) ** 2
    return np.where(expected > 0, 1 - observed / np.where(expected > 0, expected, 1), np.nan)


def bland_altman(x, y):
    """Bias and limits of agreement (Bland-Altman) of two methods on the same slices or subjects.

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
