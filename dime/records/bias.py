"""Is a predictor biased by age, sex, weight or fat? An audit, and cohorts that show whether it can fail.

What bias is. A predictor is biased in a group if, among patients with the same prediction, the measured
stiffness of the group differs from that of the others: the same number then means two things. The audit
therefore looks at the error e = ln predicted - ln measured given the prediction.

What bias is not. A calibrated prediction is the mean of what may be measured, and so varies less than what
is measured: stiff livers are under-read and soft ones over-read on average (regression to the mean). An
audit given the measured stiffness takes this for bias: of two patients of 3 kPa, the one whose group rarely
has stiff livers rightly gets the lower prediction. Given the prediction, a calibrated predictor has no
error on average, however much groups differ in stiffness. No predictor but a perfect one is fair in both
ways where groups differ (Kleinberg et al. 2016, arXiv:1609.05807; recalled, not compared). This choice has
another side: a predictor that cannot see a group in which the same images mean a stiffer liver is not
calibrated in it. It is called biased, and rightly, since its readings of that group are too low.

How it is tested. Weighted least squares over examinations of

    e = c + a_1 m + a_2 m^2 + d g,    m = ln predicted, less its mean,

with g = 1 in the group and 0 outside it, and a constant c for each cohort. The terms in m take out a
calibration that is wrong for all alike, which is no bias of a group. exp(d) - 1 is the share of kPa by
which the group is read too high. Weights are 1 / s(m)^2 with ln s linear in m, because errors grow with
stiffness; the standard error is a sandwich with patients as clusters, which is valid whatever the weights.

Verdicts; the margin of 5 % of kPa was fixed beforehand:

equivalent   two one-sided tests at 5 % put the bias within the margin: its 90 % interval lies in it. Such a
             bias is negligible even where it is not zero
biased       not equivalent, and the bias differs from zero at 5 % after Holm's correction over the family
undecided    neither: there are too few cases

Equivalence needs no correction, since to claim it of all groups all tests must succeed.

Source: Schuirmann 1987, J Pharmacokinet Biopharm 15:657 (two one-sided tests); Lakens, Scheel and Isager
2018, Adv Methods Pract Psychol Sci 1:259 (three verdicts); Liang and Zeger 1986, Biometrika 73:13
(clusters). Recalled, not compared.
Assumption: a bias is a factor that does not depend on the stiffness.
"""

import numpy as np
import pandas as pd
from scipy import special, stats

from dime.metrics.statistics import CONFIDENCE_LEVEL, holm
from dime.records.validation import LEAST_PATIENTS

MARGIN = 0.05
"""Bias that is negligible, as a share of kPa. Assumption: less than the 7 % by which MRE itself repeats."""

LEVEL = 0.05
"""Of the tests: each one-sided test of equivalence, and Holm's family."""

STEATOSIS = 0.055
"""PDFF from which a liver is steatotic. Source: 5.5 % in the published study's groups (recalled)."""

PUBLISHED_R = {"steatosis": 0.74, "no steatosis": 0.76}
"""r of kPa in patients with and without steatosis. Source: abstract, European Radiology, May 2026."""

OUTSIDE = {
    "age >= 50": "age < 50",
    "men": "women",
    "BMI >= 30": "BMI < 30",
    "BMI > 35": "BMI <= 35",
    "steatosis": "no steatosis",
}
"""Group -> the patients that it is compared with."""

TRAITS = {"age": ("age_years", 10.0, "10 years"), "BMI": ("bmi_kg_m2", 5.0, "5 kg/m2")}
"""Trait whose slope is tested -> its column, and the step in which the slope is told."""

STRATA = 5
"""Classes of the prediction within which `planted` exchanges errors. Assumption: errors are alike in them."""

LEAST_ERROR = 0.01
"""Smaller errors of ln kPa count as this in the fit of their size. Assumption: MRE shows no smaller one."""


def groups(exams):
    """Membership in each group of `OUTSIDE`: (exam,) arrays of 1 and 0, NaN where the trait is missing."""
    age, bmi, fat = (exams[name].to_numpy(float) for name in ("age_years", "bmi_kg_m2", "fat_share"))
    male = (exams["sex"] == "male").to_numpy(float)
    inside = ((age, age >= 50), (male, male > 0), (bmi, bmi >= 30), (bmi, bmi > 35), (fat, fat >= STEATOSIS))
    return {
        name: np.where(np.isfinite(trait), member, np.nan)
        for name, (trait, member) in zip(OUTSIDE, inside, strict=True)
    }


def audit(exams, kpa):
    """Test every group and every trait's slope for bias; the module tells the method and the verdicts.

    The bias of a trait is the one over two standard deviations of it, which lie as far apart as the two
    halves of the patients, so that the margin means the same (Gelman 2008, Stat Med 27:2865; recalled).

    Parameters
    ----------
    exams : DataFrame
        patient, cohort, stiffness_kpa, age_years, sex, bmi_kg_m2, fat_share; a row an examination.
    kpa : (exam,) array
        Predicted stiffness; NaN is left out.

    Returns
    -------
    list of dict
        question; against: the other patients, or the step of a slope; exams; inside: examinations of the
        group; plain: bias [%] whatever the prediction; mean, low, high: bias [%] given the prediction and
        its 95 % interval; low_90, high_90: the interval of the equivalence test; step: bias [%] per step of
        a trait; p, p_holm, p_tost; verdict. None where fewer than ten patients are in the group or outside
        it.
    """
    m = np.log(np.asarray(kpa, float))
    error = m - np.log(exams["stiffness_kpa"].to_numpy(float))
    patients, cohorts = (pd.factorize(exams[name])[0] for name in ("patient", "cohort"))
    table = np.column_stack([error, m, patients, cohorts])
    rows = [
        {"question": name, "against": OUTSIDE[name], "inside": int(np.nansum(g)), "step": None}
        | _test(g, table)
        for name, g in groups(exams).items()
    ]
    for name, (column, step, told) in TRAITS.items():
        trait = exams[column].to_numpy(float)
        unit = 2 * np.nanstd(trait)
        row = {"question": f"slope on {name}", "against": f"per {told}", "inside": None, "step": None}
        row |= _test(trait / unit if unit > 0 else trait, table)
        if row["mean"] is not None:
            row["step"] = percent(np.log1p(row["mean"] / 100) * step / unit)
        rows.append(row)
    tested = [row for row in rows if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        equivalent, differs = row["p_tost"] < LEVEL, p < LEVEL
        row["p_holm"] = p
        row["verdict"] = "equivalent" if equivalent else "biased" if differs else "undecided"
    return rows


def _test(g, table):
    """Bias of g (exam,), given columns of error, prediction, patient and cohort (exam, 4)."""
    used = np.isfinite(g) & np.isfinite(table[:, 1])
    g, (error, m, patients, cohorts) = g[used], table[used].T
    row = {"exams": len(g), "verdict": "undecided"}
    row |= dict.fromkeys(("plain", "mean", "low", "high", "low_90", "high_90", "p", "p_holm", "p_tost"))
    parts = [patients[g == 0], patients[g == 1]] if np.isin(g, (0, 1)).all() else [patients]
    fewest = min(len(np.unique(part)) for part in parts)
    if fewest < LEAST_PATIENTS or np.ptp(g) == 0:
        return row
    d, sd = bias(error, m, g, patients, cohorts)
    if not sd > 0:
        return row
    for level, names in ((CONFIDENCE_LEVEL, ("low", "high")), (1 - 2 * LEVEL, ("low_90", "high_90"))):
        half = special.stdtrit(fewest - 1, (1 + level) / 2) * sd
        row |= {names[0]: percent(d - half), names[1]: percent(d + half)}
    low, high = np.log1p([-MARGIN, MARGIN])
    row["p_tost"] = float(special.stdtr(fewest - 1, -min(d - low, high - d) / sd))
    row["p"] = float(2 * special.stdtr(fewest - 1, -abs(d) / sd))
    return row | {"mean": percent(d), "plain": percent(np.cov(g, error)[0, 1] / g.var(ddof=1))}


def at_equal_truth(exams, kpa):
    """The difference of groups given the measured stiffness, which is no bias but regression to the mean.

    Returns
    -------
    dict
        Group -> mean, low, high [%]: how much higher it is read than others of the same measured stiffness.
    """
    measured = np.log(exams["stiffness_kpa"].to_numpy(float))
    patients, cohorts = (pd.factorize(exams[name])[0] for name in ("patient", "cohort"))
    table = np.column_stack([np.log(np.asarray(kpa, float)) - measured, measured, patients, cohorts])
    names = ("mean", "low", "high")
    return {group: {name: _test(g, table)[name] for name in names} for group, g in groups(exams).items()}


def percent(d):
    """A factor e^d as a change in percent."""
    return float(100 * np.expm1(d))


def bias(error, m, g, patients, cohorts):
    """Bias d of a group or a trait g given the prediction, and its standard error.

    Parameters
    ----------
    error, m, g : (exam,) arrays
        ln predicted - ln measured; ln predicted; membership or trait.
    patients, cohorts : (exam,) arrays
        Clusters, and what has a constant of its own.

    Returns
    -------
    float, float
    """
    m = m - m.mean()
    one = np.ones_like(m)
    x = np.column_stack([*(one * (cohorts == name) for name in np.unique(cohorts)), m, m**2, g])
    rest = error - x[:, :-1] @ _solved(x[:, :-1], error, one)[0]
    line = np.column_stack([one, m])
    ln_s = line @ _solved(line, np.log(np.maximum(np.abs(rest), LEAST_ERROR)), one)[0]
    weight = np.exp(-2 * (ln_s - ln_s.mean()))
    found, bread = _solved(x, error, weight)
    code = np.unique(patients, return_inverse=True)[1]
    scores = (weight * (error - x @ found))[:, None] * x
    clusters = np.stack([np.bincount(code, column) for column in scores.T])
    n, count = len(error), clusters.shape[1]
    inflation = count / (count - 1) * (n - 1) / (n - x.shape[1])  # as usual for few clusters
    variance = inflation * bread @ (clusters @ clusters.T) @ bread
    return float(found[-1]), float(np.sqrt(variance[-1, -1]))


def _solved(x, y, weight):
    """Weighted least squares of y on the columns of x: coefficients, and (x' W x)^-1."""
    weighted = x.T * weight
    bread = np.linalg.pinv(weighted @ x)
    return bread @ (weighted @ y), bread


def planted(exams, kpa, n, excess, seed):
    """Draw examinations with a calibrated predictor, whose readings at BMI > 35 are then made too high.

    n examinations are drawn with replacement, each as a patient of its own, with their traits and
    prediction m. Errors are drawn from those found in the same fifth of the predictions, less their mean,
    whatever the group; ln measured = m - e. So the predictor is calibrated in every group, the errors have
    the size and the law of those found, and the groups keep their sizes and their difference in stiffness.
    The predictions at BMI > 35 are multiplied by 1 + excess.

    Returns
    -------
    DataFrame, (n,) array
        What `audit` takes.
    """
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(np.isfinite(kpa))
    order = known[np.argsort(np.asarray(kpa, float)[known], kind="stable")]
    predicted = np.asarray(kpa, float)[order]
    error = np.log(predicted / exams["stiffness_kpa"].to_numpy(float)[order])
    edges = np.linspace(0, len(order), STRATA + 1).astype(int)
    error = np.concatenate([one - one.mean() for one in np.split(error, edges[1:-1])])
    drawn = rng.integers(0, len(order), n)
    stratum = np.searchsorted(edges, drawn, side="right")
    other = rng.integers(edges[stratum - 1], edges[stratum])
    columns = ["age_years", "sex", "bmi_kg_m2", "fat_share"]
    cohort = exams[columns].iloc[order[drawn]].reset_index(drop=True)
    predicted = predicted[drawn]
    cohort = cohort.assign(stiffness_kpa=predicted * np.exp(-error[other]), patient=np.arange(n), cohort="")
    return cohort, predicted * np.where(cohort["bmi_kg_m2"] > 35, 1 + excess, 1)


def verdicts(exams, kpa, n, excess, seeds):
    """Verdicts of audits of planted cohorts: DataFrame (seed, question); see `planted`."""
    found = [audit(*planted(exams, kpa, n, excess, seed)) for seed in range(seeds)]
    return pd.DataFrame([{row["question"]: row["verdict"] for row in rows} for rows in found])


def share(hits):
    """Share of cases, with the interval of Clopper and Pearson: mean, low, high, n; None without a case."""
    hits = np.asarray(hits, bool)
    if not hits.size:
        return {"mean": None, "low": None, "high": None, "n": 0}
    low, high = stats.binomtest(int(hits.sum()), hits.size).proportion_ci(CONFIDENCE_LEVEL)
    return {"mean": float(hits.mean()), "low": float(low), "high": float(high), "n": hits.size}
