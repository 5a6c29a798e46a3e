"""Compute the ceiling: the largest correlation with stiffness that the markers of an examination allow.

It is the correlation of `dime.records.conditional`'s best prediction with the label, in many simulated
patients. Regressions that know nothing of the model check it: they come near it, and not above it.

The base case (`assumptions.BASE`) was fixed before any network was trained. No result of any network is read
here or in what this module imports.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import optimize
from sklearn.ensemble import HistGradientBoostingRegressor

from dime.metrics.statistics import CONFIDENCE_LEVEL
from dime.records import distributions as d
from dime.records.assumptions import BASE, solve
from dime.records.cohort import draw_cohort, draw_patients
from dime.records.conditional import SOURCES, conditional_mean, joined

ALL = ("stage", "fibrosis", "records", "image", "both")
"""What a predictor may know: the true stage, the true continuous stage, the records, the image, or both."""

RESAMPLES = 1000
"""Cohorts that the spread of a correlation is taken from."""

GROUPS = {
    "T1": ("t1_ms",),
    "T2": ("t2_ms",),
    "ADC": ("adc_mm2_s",),
    "nodularity": ("nodularity",),
    "texture": ("texture",),
    "spleen": ("spleen_ml",),
    "AST, ALT, platelets": d.FIB4,
    "albumin": ("albumin_g_dl",),
    "bilirubin": ("bilirubin_mg_dl",),
    "GGT": ("ggt_u_l",),
    "age, BMI, diabetes": ("history",),
}
"""Markers that are added or left out together."""


def correlation(x, y):
    """Pearson's r of two columns (n,)."""
    return float(np.corrcoef(x, y)[0, 1])


def sampling_interval(predicted, observed, n, seed=0):
    """Interval of the correlations that cohorts of n patients show, though the predictor is the same.

    Parameters
    ----------
    predicted, observed : (patient,) arrays, of many more than n patients
    n : int
    seed : int

    Returns
    -------
    low, high : float
        The middle 95 % of `RESAMPLES` cohorts, drawn with replacement. A law of r for normal variables would
        be too narrow, since errors grow with stiffness.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, len(predicted), n)
        found.append(correlation(predicted[rows], observed[rows]))
    tail = (1 - CONFIDENCE_LEVEL) / 2
    return tuple(float(limit) for limit in np.quantile(found, [tail, 1 - tail]))


def bound(assumptions=BASE, subjects=60_000, seed=1, patients=1100, missing=False):
    """Compute the ceiling of an assumption.

    Parameters
    ----------
    assumptions : Assumptions
    subjects : int
        Simulated patients.
    seed : int
    patients : int
        Size of the cohorts whose interval is given.
    missing : bool
        With the missing values of the internal cohort.

    Returns
    -------
    dict
        For each of `ALL`: r_ln, r_kpa (correlation of the best prediction of ln kPa and of kPa with the
        label), low, high and low_kpa, high_kpa (`sampling_interval` of cohorts of `patients`), r_ln_true and
        r_kpa_true (with stiffness free of label noise), error (standard error of r_ln by `subjects`).
    """
    model = solve(assumptions)
    if missing:
        table = joined(*draw_cohort("internal", subjects, subjects, seed, model))
    else:
        table = draw_patients(model, subjects, seed)
    label, true = table["stiffness_kpa"].to_numpy(), table["true_kpa"].to_numpy()
    found = {}
    for source in ALL:
        ln_mean, mean = conditional_mean(model, table, source, missing=missing)
        low, high = sampling_interval(ln_mean, np.log(label), patients)
        low_kpa, high_kpa = sampling_interval(mean, label, patients)
        found[source] = {
            "r_ln": correlation(ln_mean, np.log(label)),
            "r_kpa": correlation(mean, label),
            "r_ln_true": correlation(ln_mean, np.log(true)),
            "r_kpa_true": correlation(mean, true),
            "low": low,
            "high": high,
            "low_kpa": low_kpa,
            "high_kpa": high_kpa,
            "error": (high - low) / 4 * np.sqrt(patients / subjects),
        }
    return found


def best_predictions(records, truth, assumptions=BASE):
    """What the best predictors say of the examinations of a cohort, with its missing values.

    A network's correlation on the same examinations can be set beside theirs, pair by pair.

    Parameters
    ----------
    records, truth : DataFrames of `cohort.draw_cohort`
    assumptions : Assumptions
        Those that the cohort was drawn with.

    Returns
    -------
    DataFrame
        exam, source (one of `ALL`), kpa (exp of the best prediction of ln kPa).
    """
    model, table = solve(assumptions), joined(records, truth)
    parts = []
    for source in ALL:
        ln_mean, _ = conditional_mean(model, table, source, missing=True)
        parts.append(pd.DataFrame({"exam": table["exam"], "source": source, "kpa": np.exp(ln_mean)}))
    return pd.concat(parts, ignore_index=True)


def cases(rhos, areas, prevalences, ends, shares, subjects, seed=1):
    """Compute the ceiling for every combination of rho, ROC area and prevalence, and for other departures.

    Parameters
    ----------
    rhos : sequence of float
    areas : sequence of tuples
        `Assumptions.auroc`.
    prevalences : sequence of str
    ends, shares : sequences of str and float
        `Assumptions.markers` and `inflammation`, each with all else as in the base, for every rho.
    subjects, seed : int

    Returns
    -------
    list of dict
        auroc, reached, rho, prevalence, markers, inflammation; r_ln and r_kpa of each of `ALL`.
    """
    wanted = [
        replace(BASE, auroc=tuple(area), rho=rho, prevalence=prevalence)
        for prevalence in prevalences
        for area in areas
        for rho in rhos
    ]
    wanted += [replace(BASE, markers=end, rho=rho) for end in ends for rho in rhos]
    wanted += [replace(BASE, inflammation=share, rho=rho) for share in shares for rho in rhos]
    return [_case(assumed, subjects, seed) for assumed in wanted]


def _case(assumed, subjects, seed):
    model = solve(assumed)
    table = draw_patients(model, subjects, seed)
    label = table["stiffness_kpa"].to_numpy()
    named = ("auroc", "rho", "prevalence", "markers", "inflammation")
    case = {name: getattr(assumed, name) for name in named} | {"reached": model.auroc}
    for source in ALL:
        ln_mean, mean = conditional_mean(model, table, source)
        case[source] = {"r_ln": correlation(ln_mean, np.log(label)), "r_kpa": correlation(mean, label)}
    return case


def growth(assumptions=BASE, subjects=20_000, seed=1):
    """How the ceiling of records and image together depends on each group of markers.

    Returns
    -------
    dict
        all : r of ln kPa with every group; alone, without : group -> r; added : list of (group, r), from the
        group that is best alone, each time the one that adds most. Confounders are known throughout.
    """
    model = solve(assumptions)
    table = draw_patients(model, subjects, seed)
    label = np.log(table["stiffness_kpa"].to_numpy())

    def r(groups):
        names = [name for group in groups for name in GROUPS[group]]
        markers = tuple(name for name in d.MARKERS if name in names)
        found, _ = conditional_mean(model, table, "both", markers, "history" in names)
        return correlation(found, label)

    alone = {group: r([group]) for group in GROUPS}
    without = {group: r([other for other in GROUPS if other != group]) for group in GROUPS}
    added, left = [], list(GROUPS)
    while left:
        found = {group: r([*(one for one, _ in added), group]) for group in left}
        best = max(found, key=found.get)
        added.append((best, found[best]))
        left.remove(best)
    return {"all": r(GROUPS), "alone": alone, "without": without, "added": added}


def needed(target, measure, assumptions=BASE, subjects=20_000, seed=1, most=2.0):
    """Factor on Phi^-1(AUC) of all image markers at which records and image together reach a correlation.

    Parameters
    ----------
    target : float
    measure : "r_ln" or "r_kpa"
    assumptions, subjects, seed : as in `bound`
    most : float
        Largest factor that is tried.

    Returns
    -------
    dict
        separation, r, and auc (image marker -> ROC area for >= F2). Where `most` is not enough, separation is
        None, and r and auc are those of `most`.
    """

    def reached(factor):
        return _case(replace(assumptions, separation=factor), subjects, seed)["both"][measure]

    enough = reached(most) >= target
    factor = float(optimize.brentq(lambda k: reached(k) - target, 1.0, most, xtol=0.005)) if enough else most
    auc = {name: replace(assumptions, separation=factor).target(name) for name in d.IMAGE_MARKERS}
    return {"separation": factor if enough else None, "r": reached(factor), "auc": auc}


def columns(table, source):
    """What a source shows as numbers (n, column), logarithms where markers have them; NaN where missing."""
    names = SOURCES[source] + (() if source == "records" else ("fat_share", "r2star_per_s"))
    found = {
        name: np.log(table[name]) if name not in d.MARKERS or d.MARKERS[name].log else table[name]
        for name in names
    }
    if source != "image":
        found |= {name: table[name] for name in ("age_years", "bmi_kg_m2", "diabetes")}
        found["male"] = table["sex"] == "male"
        found |= {name: table["aetiology"] == name for name in list(d.AETIOLOGIES)[:-1]}
    return pd.DataFrame(found).to_numpy(float)


def regressions(assumptions=BASE, subjects=60_000, seed=1, missing=False):
    """Correlations of regressions that know nothing of the model, fitted on one sample and tested on another.

    quadratic is least squares on all products of two standardised columns, boosting is gradient boosting of
    trees on histograms.

    Returns
    -------
    dict
        source -> {quadratic, boosting}: r of ln kPa; quadratic is None with missing values.
    """
    model = solve(assumptions)

    def draw(number):
        if missing:
            return joined(*draw_cohort("internal", subjects, subjects, seed + number, model))
        return draw_patients(model, subjects, seed + number)

    test, fitted = draw(0), draw(1)
    label, target = (np.log(table["stiffness_kpa"].to_numpy()) for table in (test, fitted))
    found = {}
    for source in SOURCES:
        seen, learnt = columns(test, source), columns(fitted, source)
        boosted = HistGradientBoostingRegressor(learning_rate=0.08, random_state=0).fit(learnt, target)
        found[source] = {
            "quadratic": None if missing else correlation(_quadratic(learnt, target, seen), label),
            "boosting": correlation(boosted.predict(seen), label),
        }
    return found


def _quadratic(learnt, target, seen):
    """Predictions of a quadratic regression; a little ridge, since products of two causes are always 0."""
    mean, spread = learnt.mean(axis=0), learnt.std(axis=0)
    pairs = np.triu_indices(learnt.shape[1])

    def products(x):
        z = (x - mean) / spread
        return np.hstack([np.ones((len(z), 1)), z, z[:, pairs[0]] * z[:, pairs[1]]])

    basis = products(learnt)
    square = basis.T @ basis + 1e-6 * len(basis) * np.eye(basis.shape[1])
    return products(seen) @ np.linalg.solve(square, basis.T @ target)
