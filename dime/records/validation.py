"""Figures of merit of predicted stiffness against MR elastography, with a bootstrap over patients.

One set of resamples (`weights`) serves all models of a cohort, so that differences between models are paired.
A figure of merit is an array (1 + resample,): its first element belongs to the cohort as it is, the others to
the resamples. `entry` makes an estimate with its interval of it. What too few cases leave undefined is NaN in
such arrays and None in an entry.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dime.files.pipeline import present
from dime.metrics.agreement import Z
from dime.metrics.statistics import BOOTSTRAP_RESAMPLES, CONFIDENCE_LEVEL

COHORTS = ("internal", "temporal", "external")

THRESHOLDS_KPA = (2.5, 3.0, 3.5, 4.0, 5.0)
"""Measured stiffness from which a patient counts as diseased, five diagnoses. Source: Ali et al. 2024,
European Radiology, 10.1007/s00330-024-11312-3."""

PUBLISHED_R = {"internal": 0.78, "temporal": 0.77, "external": 0.76}
"""r of kPa of the multi-channel transformer in patients. Source: abstract, European Radiology, May 2026."""

LEAST_EXAMS = 4
"""Smallest number of examinations that a figure of merit is computed from, as in `bootstrap_correlation`."""

LEAST_PATIENTS = 10
"""Smallest number of patients of an interval. Assumption: resamples of fewer are too much alike."""

LEAST_DEFINED = 0.995
"""Share of the resamples in which a figure must exist for an interval. An area under the ROC curve then needs
about six diseased patients: a resample misses all of k patients with probability e^-k."""


class Cohort(NamedTuple):
    """Examinations of a cohort, and what each model predicts for them.

    `exams` has a row an examination, with the columns of records.csv and truth.csv, and `cohort`. The others
    have a column a model: stiffness [kPa] and the limits of its 90 % interval, NaN where a model has none.
    """

    exams: pd.DataFrame
    kpa: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame


def read(datasets, predictions, cohorts=COHORTS):
    """Read cohorts and what every model predicts for them.

    Parameters
    ----------
    datasets : path
        Folder of the cohorts' folders, each with records.csv and truth.csv.
    predictions : path
        Table with the columns cohort, exam, model, kpa, low_kpa, high_kpa.
    cohorts : sequence of str

    Returns
    -------
    dict
        Name -> `Cohort`.

    Raises
    ------
    FileNotFoundError
        Names the file and the command that makes it.
    ValueError
        A prediction is there twice, is not positive, or belongs to no examination of its cohort.
    """
    table = pd.read_csv(present(predictions), dtype={"exam": str})
    for wrong, expected in (
        (table.duplicated(["cohort", "exam", "model"]), "one prediction of a model and an examination"),
        (table["kpa"] <= 0, "kpa above 0"),
    ):
        _refuse(predictions, table[wrong], expected)
    return {name: _cohort(Path(datasets) / name, table, predictions) for name in cohorts}


def _cohort(folder, table, predictions):
    records, truth = (
        pd.read_csv(present(folder / f"{name}.csv"), dtype={"exam": str}) for name in ("records", "truth")
    )
    exams = records.merge(truth, on="exam", validate="1:1").set_index("exam").assign(cohort=folder.name)
    rows = table[table["cohort"] == folder.name]
    if rows.empty:
        raise ValueError(f"{predictions}: expected predictions of cohort {folder.name}, found none")
    _refuse(predictions, rows[~rows["exam"].isin(exams.index)], f"examinations of {folder}")
    wide = rows.pivot(index="exam", columns="model", values=["kpa", "low_kpa", "high_kpa"]).reindex(
        exams.index
    )
    return Cohort(exams, *(wide[name] for name in ("kpa", "low_kpa", "high_kpa")))


def _refuse(path, rows, expected):
    if len(rows):
        found = ", ".join(f"{key} {rows[key].iloc[0]}" for key in ("cohort", "exam", "model", "kpa"))
        raise ValueError(f"{path}: expected {expected}, found {found}")


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


def known(cohort, *models):
    """Examinations (exam,) for which every one of the models has a prediction."""
    return np.isfinite(cohort.kpa[list(models)].to_numpy(float)).all(axis=1)


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


def part(cohort, rows):
    """The examinations of a cohort in which rows (exam,) is true."""
    return Cohort(*(frame[np.asarray(rows, bool)] for frame in cohort))


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


def relative(r, bound, seed=1):
    """Pearson's r of ln kPa over its bound, r_b / R_b in every resample b.

    The interval holds the sampling of r at this number of patients, by the bootstrap, and that of the bound,
    R_b = tanh(artanh R + s e_b) with normal e_b, and s so that the interval of R is its 95 % interval.

    Parameters
    ----------
    r : (1 + resample,) array
        `r_ln` of `figures`.
    bound : dict
        r_ln, low, high (None: exact).

    Returns
    -------
    (1 + resample,) array
    """
    spread = 0.0
    if bound["low"] is not None and bound["high"] is not None:
        spread = (np.arctanh(bound["high"]) - np.arctanh(bound["low"])) / (2 * Z)
    e = np.random.default_rng(seed).normal(size=r.shape)
    e[0] = 0
    return r / np.tanh(np.arctanh(bound["r_ln"]) + spread * e)


def binned(values, x, edges, w):
    """Means of values (exam,) in the bins of x, each with its low edge.

    Returns
    -------
    list of (1 + resample,) arrays, NaN in the resamples of fewer than ten examinations; list of int
        Means, and numbers of examinations.
    """
    place = np.digitize(x, edges)
    inside = [place == number for number in range(len(edges) + 1)]
    few = [np.r_[False, np.full(w.shape[1] - 1, rows.sum() < LEAST_PATIENTS)] for rows in inside]
    means = [np.where(f, np.nan, average(values[rows], w[rows])) for f, rows in zip(few, inside, strict=True)]
    return means, [int(rows.sum()) for rows in inside]
