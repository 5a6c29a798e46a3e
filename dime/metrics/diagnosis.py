"""Rate how well stiffness separates diseased from healthy subjects: ROC curves and their areas."""

import numpy as np
from scipy import optimize, stats

from dime.metrics.agreement import Z, complete


def roc(values, diseased):
    """ROC curve: false and true positive rates of "value >= cut-off", from the largest cut-off down.

    Returns
    -------
    false_positive, true_positive : arrays from 0 to 1
    """
    values, diseased = complete(values, diseased)
    diseased = diseased.astype(bool)
    cuts = np.r_[np.inf, np.unique(values)[::-1]]
    above = values >= cuts[:, None]
    return above[:, ~diseased].mean(axis=1), above[:, diseased].mean(axis=1)


def roc_area(values, diseased):
    """Area A under the ROC curve (`diagnosis.separation`), with an interval that remains valid at A = 1.

    The interval is all A for which |A - found| <= 1.96 sd(A), with the variance of exponential laws,
    A (1 - A) [1 + (N - 1) ((1 - A) / (2 - A) + A / (1 + A))] / (n m), N = (n + m) / 2.

    Source: Newcombe 2006, Statistics in Medicine 25:559, method 5, after Hanley and McNeil 1982.

    Returns
    -------
    dict
        auc, low, high (95 % interval), None where a group is empty; healthy, diseased (numbers of subjects).
    """
    values, diseased = complete(values, diseased)
    diseased = diseased.astype(bool)
    n, m = int((~diseased).sum()), int(diseased.sum())
    found = separation(values, diseased)
    result = {"auc": found, "low": None, "high": None, "healthy": n, "diseased": m}
    if found is None:
        return result

    def excess(area):
        spread = 1 + ((n + m) / 2 - 1) * ((1 - area) / (2 - area) + area / (1 + area))
        return (area - found) ** 2 - Z**2 * area * (1 - area) * spread / (n * m)

    # Areas of 0 and 1 are roots too, because their variance vanishes; they are not the limits sought.
    low = 0.0 if found == 0 else optimize.brentq(excess, 0, min(found, 1 - 1e-9))
    high = 1.0 if found == 1 else optimize.brentq(excess, max(found, 1e-9), 1)
    return result | {"low": float(low), "high": float(high)}


def compare_areas(x, y, diseased):
    """Difference of two ROC areas of the same subjects, with DeLong's interval and p-value.

    A subject's placement is the share of the other group that is ordered correctly with respect to it. The
    variance of the difference of areas is var(difference of placements) / size, summed over both groups.

    Source: DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837.

    Returns
    -------
    dict
        difference (x - y), low, high, p; n. None for fewer than two subjects in a group; low, high and p None
        where the difference of placements does not vary (such as two areas of 1).
    """
    x, y, diseased = complete(x, y, diseased)
    diseased = diseased.astype(bool)
    result = dict.fromkeys(("difference", "low", "high", "p")) | {"n": int(x.size)}
    if min(diseased.sum(), (~diseased).sum()) < 2:
        return result
    placed = [_placements(values, diseased) for values in (x, y)]
    by_group = [a - b for a, b in zip(*placed, strict=True)]
    result["difference"] = difference = float(by_group[0].mean())
    sd = float(np.sqrt(sum(d.var(ddof=1) / d.size for d in by_group)))
    if sd < 1e-12:
        return result
    reach = Z * sd
    p = 2 * stats.norm.sf(abs(difference) / sd)
    return result | {"low": difference - reach, "high": difference + reach, "p": float(p)}


def _placements(values, diseased):
    """Share of healthy below each diseased, and of diseased above each healthy subject; ties count half."""
    gap = values[diseased][:, None] - values[~diseased]
    right = (gap > 0) + 0.5 * (gap == 0)
    return right.mean(axis=1), right.mean(axis=0)


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
