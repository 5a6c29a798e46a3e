"""Figures of merit of predicted stiffness against MR elastography, with a bootstrap over patients.

One set of resamples (`weights`) serves all models of a cohort, so that differences between models are paired.
A figure of merit is an array (1 + resample,): its first element belongs to the cohort as it is, the others to
the resamples. `entry` makes an estimate with its interval of it. What too few cases leave undefined is NaN in
such arrays and None in an entry.
"""

import numpy as np
import pandas as pd

from dime.metrics.statistics import BOOTSTRAP_RESAMPLES, CONFIDENCE_LEVEL
from dime.records.readings import known, part

THRESHOLDS_KPA = (2.5, 3.0, 3.5, 4.0, 5.0)
"""Measured stiffness from which a patient counts as diseased, five diagnoses. Source: Ali et al. 2024,
European Radiology, 10.1007/s00330-024-11312-3."""

LEAST_EXAMS = 4
"""Smallest number of examinations that a figure of merit is computed from, as in `bootstrap_correlation`."""

LEAST_PATIENTS = 10
"""Smallest number of patients of an interval. Assumption: resamples of fewer are too much alike."""

LEAST_DEFINED = 0.995
"""Share of the resamples in which a figure must exist for an interval. An area under the ROC curve then needs
about six diseased patients: a resample misses all of k patients with probability e^-k."""


def weights(patients, resamples=BOOTSTRAP_RESAMPLES, seed=0):
    """How often each examination is in each resample: as often as its patient was drawn.

    As many patients as there are, are drawn with replacement, and all examinations of a drawn patient come
    along. Examinations of one patient are alike, so that an interval over examinations would be too narrow.

    Returns
    -------
    (exam, 1 + resamples) array
        The first column is 1: the cohort as it is.

    Source: Davison and Hinkley 1997, Bootstrap Methods and their Application, section 3.8 (recalled).
    """
    code, names = pd.factorize(np.asarray(patients))
    drawn = np.random.default_rng(seed).integers(0, len(names), (resamples, len(names)))
    drawn += len(names) * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
    return np.concatenate([np.ones((len(code), 1)), counts.T[code]], axis=1)


def figures(cohort, model, w):
    """All figures of merit of a model, in the cohort and in every resample of `weights`.

    With x the predicted and y the measured stiffness and t the one without label noise:

    r_kpa, r_ln         Pearson's r of x and y, and of ln x and ln y; r_true_kpa, r_true_ln: of x and t
    mae_kpa             mean |x - y|
    error_percent       geometric mean of x / y, less 1
    slope, intercept    regression of y on x [kPa], 1 and 0 if calibrated; slope_ln: of ln y on ln x
    shrinkage           slope of ln x on ln t. It is not 1: var(ln x) / var(ln t) if calibrated
    coverage            share of y inside the 90 % interval
    auc_T               area under the ROC curve of x, for y >= T kPa

    Returns
    -------
    dict
        Name -> (1 + resample,) array, from the examinations that have a prediction. NaN in the cohort of
        fewer than four examinations, and in the resamples of fewer than ten patients.
    """
    used = known(cohort, model)
    exams = cohort.exams[used]
    y, t = (exams[name].to_numpy(float) for name in ("stiffness_kpa", "true_kpa"))
    x, low, high = (frame[model].to_numpy(float)[used] for frame in (cohort.kpa, cohort.low, cohort.high))
    found = _figures(x, y, t, np.where(np.isfinite(high - low), (low <= y) & (y <= high), np.nan), w[used])
    absent = np.zeros(w.shape[1], bool)
    absent[0] = len(exams) < LEAST_EXAMS
    absent[1:] = exams["patient"].nunique() < LEAST_PATIENTS
    return {name: np.where(absent, np.nan, values) for name, values in found.items()}


def _figures(x, y, t, covered, w):
    plain, logs = regression(x, y, w), regression(np.log(x), np.log(y), w)
    truth, true_logs = regression(t, x, w), regression(np.log(t), np.log(x), w)
    absolute, error, coverage = average(np.array([np.abs(x - y), np.log(x / y), covered]), w)
    cuts = areas(x, np.array([y >= cut for cut in THRESHOLDS_KPA]), w)
    return {
        "r_kpa": plain["r"],
        "r_ln": logs["r"],
        "r_true_kpa": truth["r"],
        "r_true_ln": true_logs["r"],
        "mae_kpa": absolute,
        "error_percent": 100 * np.expm1(error),
        "slope": plain["slope"],
        "intercept": plain["intercept"],
        "slope_ln": logs["slope"],
        "shrinkage": true_logs["slope"],
        "coverage": coverage,
    } | {f"auc_{cut:g}": area for cut, area in zip(THRESHOLDS_KPA, cuts, strict=True)}


def average(values, w):
    """Means of values (..., exam) in every resample (exam, resample); NaN where one of the values is."""
    total = w.sum(axis=0)
    return values @ w / np.where(total > 0, total, np.nan)


def regression(x, y, w):
    """Regression of y on x (exam,) in every resample: r, slope and intercept, NaN where x is constant."""
    if not x.size:
        return dict.fromkeys(("r", "slope", "intercept"), np.full(w.shape[1], np.nan))
    at, level = x.mean(), y.mean()
    x, y = x - at, y - level
    mx, my, xx, yy, xy = average(np.array([x, y, x * x, y * y, x * y]), w)
    cov, vx, vy = xy - mx * my, xx - mx**2, yy - my**2
    vx, vy = (np.where(v > 1e-12 * (1 + c**2), v, np.nan) for v, c in ((vx, at), (vy, level)))
    slope = cov / vx
    return {"r": cov / np.sqrt(vx * vy), "slope": slope, "intercept": level + my - slope * (at + mx)}


def areas(x, diseased, w):
    """Areas under the ROC curves of x for several diagnoses, in every resample.

    A = U / (n m) for n healthy and m diseased cases, with U = (sum of the ranks of the diseased) - m^2 / 2.
    Ranks are among all cases; ties and the case itself count half. One ranking serves all diagnoses.

    Returns
    -------
    (diagnosis, resample) array
        For diseased (diagnosis, exam), bool; NaN where there is no healthy or no diseased case.

    Source: Mann and Whitney 1947, Ann Math Stat 18:50 (recalled, not compared).
    """
    order = np.argsort(x, kind="stable")
    x, w, diseased = x[order], w[order], diseased[:, order].astype(float)
    total = np.concatenate([np.zeros((1, w.shape[1])), np.cumsum(w, axis=0)])
    rank = (total[np.searchsorted(x, x, "left")] + total[np.searchsorted(x, x, "right")]) / 2
    m = diseased @ w
    both = m * (total[-1] - m)
    return (diseased @ (w * rank) - m**2 / 2) / np.where(both > 0, both, np.nan)


def entry(values):
    """A figure of merit (1 + resample,) as an estimate with its interval, which `statistics.side` reads.

    Returns
    -------
    dict
        mean: the figure in the cohort as it is; low, high: 95 % interval, quantiles of the resamples. None
        where it is undefined, and for the interval where it is undefined in too many resamples.
    """
    value, resampled = float(values[0]), values[1:][np.isfinite(values[1:])]
    result = {"mean": value if np.isfinite(value) else None, "low": None, "high": None}
    if result["mean"] is None or len(resampled) < max(LEAST_DEFINED * (len(values) - 1), 1):
        return result
    low, high = np.quantile(resampled, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2])
    return result | {"low": float(low), "high": float(high)}


def merits(cohort, model, w):
    """`figures` as entries (mean, low, high), and the numbers of examinations and patients behind them."""
    patients = cohort.exams["patient"][known(cohort, model)]
    found = {name: entry(values) for name, values in figures(cohort, model, w).items()}
    return found | {"exams": len(patients), "patients": patients.nunique()}


def difference(cohort, first, second, w):
    """First model less second, in every figure of merit, on the examinations and resamples of both.

    Returns
    -------
    dict
        Name of a figure -> entry (mean, low, high).
    """
    both = known(cohort, first, second)
    one, other = (figures(part(cohort, both), model, w[both]) for model in (first, second))
    return {name: entry(one[name] - other[name]) for name in one}


def ratio(cohort, first, second, w):
    """r of ln kPa of the first model over that of the second, on the examinations and resamples of both.

    Over the best predictor there is, it is the share of the bound that a model reaches. The luck of the
    cohort's patients is in both and cancels, unlike in r over the bound of a population.

    Returns
    -------
    (1 + resample,) array
    """
    both = known(cohort, first, second)
    one, other = (figures(part(cohort, both), model, w[both])["r_ln"] for model in (first, second))
    return one / other


def by_prediction(cohort, model, w, bins=8):
    """Measured stiffness of examinations with like predictions: a calibration curve.

    Returns
    -------
    list of dict
        A row a quantile of the predictions: predicted_kpa and measured_kpa (entry), geometric means; exams.
    """
    x, y, _, w = _known(cohort, model, w)
    means, sizes = _binned(np.array([np.log(x), np.log(y)]), x, np.quantile(x, np.arange(1, bins) / bins), w)
    return [
        {"predicted_kpa": entry(np.exp(one))["mean"], "measured_kpa": entry(np.exp(other)), "exams": size}
        for (one, other), size in zip(means, sizes, strict=True)
    ]


def by_truth(cohort, model, w):
    """Error of the prediction by the stiffness without label noise: what shrinks, and by how much.

    The calibrated predictor with the same r has the mean error (r^2 - 1) (ln t - mean ln t) at a stiffness t:
    soft livers are read too high, stiff ones too low, the more the smaller r is.

    Returns
    -------
    list of dict
        A row a class between `THRESHOLDS_KPA`: true_kpa, geometric mean; error_percent (entry); calibrated,
        the error [%] of that predictor; exams.
    """
    x, _, t, w = _known(cohort, model, w)
    r = regression(np.log(t), np.log(x), w[:, :1])["r"]
    calibrated = (r**2 - 1) * (np.log(t) - np.log(t).mean())
    means, sizes = _binned(np.array([np.log(t), np.log(x / t), calibrated]), t, THRESHOLDS_KPA, w)
    return [
        {
            "true_kpa": entry(np.exp(truth))["mean"],
            "error_percent": entry(100 * np.expm1(error)),
            "calibrated": entry(100 * np.expm1(expected))["mean"],
            "exams": size,
        }
        for (truth, error, expected), size in zip(means, sizes, strict=True)
    ]


def _known(cohort, model, w):
    """Predicted, measured and true stiffness, and the weights, where the model has a prediction."""
    used = known(cohort, model)
    measured, true = (cohort.exams[name].to_numpy(float)[used] for name in ("stiffness_kpa", "true_kpa"))
    return cohort.kpa[model].to_numpy(float)[used], measured, true, w[used]


def _binned(values, x, edges, w):
    """Means of values (kind, exam) in the bins of x: a list of (kind, 1 + resample) arrays, and of sizes.

    The resamples of bins of fewer than ten examinations are NaN.
    """
    place = np.digitize(x, edges)
    means, sizes = [], []
    for number in range(len(edges) + 1):
        inside = place == number
        means.append(average(values[:, inside], w[inside]))
        sizes.append(int(inside.sum()))
        if sizes[-1] < LEAST_PATIENTS:
            means[-1][:, 1:] = np.nan
    return means, sizes
