"""Tabular models on the measured records of `dime.records.nhanes`: cross-validation, and what it shows.

Each person is tested by models that did not learn from this person. The survey's weights say how many people
a person stands for; training does not use them, because a model is to be right for a person and not for the
nation's mean.
"""

import tempfile
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import torch

from dime.learning import loop
from dime.learning.folds import folds
from dime.metrics.agreement import Z
from dime.processes import run_all
from dime.records import nhanes, validation
from dime.records.baselines import fit_boosting, fit_mean, fit_ridge
from dime.records.bias import bias
from dime.records.readings import Cohort
from dime.records.tabular import TabularTask
from dime.records.training import reach

BASELINES = {"boosting": fit_boosting, "ridge": fit_ridge, "mean": fit_mean}

MODELS = ("transformer", *BASELINES)

HELD_BACK = 8
"""A network holds back one in so many people, who choose its epoch and the width of its interval."""

FIGURES = ("r_ln", "r_kpa", "mae_kpa", "slope_ln", "coverage")
"""Figures of merit of `validation.figures` that are told, besides areas under the ROC curve."""

GROUPS = {
    "all": ("age_years", 0, np.inf),
    "women": ("male", 0, 1),
    "men": ("male", 1, np.inf),
    "18 to 39 years": ("age_years", 18, 40),
    "40 to 59 years": ("age_years", 40, 60),
    "60 years and more": ("age_years", 60, np.inf),
    "BMI below 25": ("bmi_kg_m2", 0, 25),
    "BMI 25 to 30": ("bmi_kg_m2", 25, 30),
    "BMI 30 and more": ("bmi_kg_m2", 30, np.inf),
    "no steatosis": ("cap_db_m", 0, nhanes.STEATOSIS_CAP_DB_M),
    "steatosis": ("cap_db_m", nhanes.STEATOSIS_CAP_DB_M, np.inf),
}
"""Group -> trait, its least value, and the value that it stays below. A person without the trait is in none.

Assumption: ages in about equal thirds; the limits of BMI are the usual ones."""

CONTRASTS = ("men", "60 years and more", "BMI 30 and more", "steatosis")
"""Groups that are compared with all others."""


def cross_validate(table, count, schedule, networks, seed, workers):
    """Predict every person by models that learnt from the other folds.

    Parameters
    ----------
    table : DataFrame
        From `nhanes.load`; may be empty.
    count : int
        Number of folds; the classes between `nhanes.STIFF_KPA` are spread evenly.
    schedule : dime.records.tabular.Schedule
    networks : int
        How many networks' mean the transformer's prediction is.
    seed : int
        Of the folds.
    workers : int
        Processes, with one thread each; any number gives the same predictions.

    Returns
    -------
    DataFrame
        A row a person: ln kPa by each of `MODELS`, and `half`, half the width of the transformer's 90 %
        interval of ln kPa.
    """
    if table.empty:
        return pd.DataFrame(columns=[*MODELS, "half"], index=table.index, dtype=float)
    values, ln_kpa = nhanes.fields(table), np.log(table["stiffness_kpa"].to_numpy())
    fold = folds(table.index, _classes(ln_kpa), count, seed)
    parts = [fold == number for number in range(count)]
    tasks = [
        partial(_predict, values[~tested], ln_kpa[~tested], values[tested], schedule, networks)
        for tested in parts
    ]
    predicted = run_all(tasks, workers, "folds")
    found = [pd.DataFrame(one, table.index[tested]) for one, tested in zip(predicted, parts, strict=True)]
    return pd.concat(found).loc[table.index]


def _classes(ln_kpa):
    return np.digitize(np.exp(ln_kpa), nhanes.STIFF_KPA)


def _predict(values, ln_kpa, others, schedule, networks):
    """Predictions of one fold by all models, by name."""
    location, half = fit_transformer(values, ln_kpa, schedule, networks)(others)
    found = {name: fit(values, ln_kpa)(others) for name, fit in BASELINES.items()}
    return {"transformer": location, **found, "half": half}


def fit_transformer(values, ln_kpa, schedule, networks):
    """Train several networks, each with other people held back.

    Parameters
    ----------
    values : (n, field) array, NaN = missing
    ln_kpa : (n,) array
    schedule : dime.records.tabular.Schedule
    networks : int
        At most `HELD_BACK`.

    Returns
    -------
    callable
        values -> location and half the width of the 90 % interval (n,), both of ln kPa: means over networks.
    """
    part = folds(np.arange(len(ln_kpa)), _classes(ln_kpa), HELD_BACK, schedule.seed)
    models = []
    for member in range(networks):
        held = part == member
        pairs = ((values[~held], ln_kpa[~held]), (values[held], ln_kpa[held]))
        task = TabularTask(*pairs, replace(schedule, seed=schedule.seed + member))
        with tempfile.TemporaryDirectory() as folder:
            model, _ = loop.train(task, folder, report=str)
        law = _law(model, values[held])
        models.append((model, reach(*law, torch.as_tensor(ln_kpa[held], dtype=torch.float32))))
    return partial(_mean, models)


def _mean(models, values):
    laws = [(*_law(model, values), width) for model, width in models]
    location = np.mean([law[0].numpy() for law in laws], axis=0)
    half = np.mean([width * scale.exp().numpy() for _, scale, width in laws], axis=0)
    return location.astype(float), half.astype(float)


@torch.no_grad()
def _law(model, values):
    return model(torch.as_tensor(np.asarray(values), dtype=torch.float32))


def cohort(table, predictions):
    """People and predictions as `dime.records.validation` takes them.

    Parameters
    ----------
    table, predictions : DataFrames
        From `nhanes.load` and `cross_validate`.

    Returns
    -------
    dime.records.readings.Cohort
        `true_kpa` is NaN: nobody knows the stiffness without the error of the measurement.
    """
    people = {"patient": table.index, "stiffness_kpa": table["stiffness_kpa"], "true_kpa": np.nan}
    location, half = predictions[list(MODELS)], predictions["half"]
    low, high = (location.assign(**dict.fromkeys(BASELINES, np.nan)) for _ in range(2))
    low["transformer"], high["transformer"] = location["transformer"] - half, location["transformer"] + half
    return Cohort(pd.DataFrame(people, table.index), *(np.exp(part) for part in (location, low, high)))


def weights(table, resamples, seed):
    """`validation.weights` of the people; (0, 1 + resamples) where there are none."""
    return validation.weights(table.index, resamples, seed) if len(table) else np.ones((0, 1 + resamples))


def merits(people, model, w):
    """Figures of merit of one model.

    Parameters
    ----------
    people : dime.records.readings.Cohort
    model : one of `MODELS`
    w : (n, 1 + resamples) array

    Returns
    -------
    dict
        `FIGURES`, and auc_8_2 and auc_12 for a measured stiffness of `nhanes.STIFF_KPA` or more -> mean, low,
        high; None for what a model has not: a correlation of a constant, or an interval.
    """
    found = {name: validation.figures(people, model, w)[name] for name in FIGURES}
    diseased = np.array([people.exams["stiffness_kpa"] >= cut for cut in nhanes.STIFF_KPA])
    areas = validation.areas(people.kpa[model].to_numpy(), diseased, w)
    found |= {
        f"auc_{cut:g}".replace(".", "_"): area for cut, area in zip(nhanes.STIFF_KPA, areas, strict=True)
    }
    if model == "mean":  # it differs between folds alone
        found = {name: v if name == "mae_kpa" else np.full(len(v), np.nan) for name, v in found.items()}
    return {name: validation.entry(values) for name, values in found.items()}


def weighted_r(table, ln_kpa):
    """r of ln kPa with each person counted as often as the survey's weight says; None without people."""
    w = table["survey_weight"].to_numpy()[:, None]
    r = validation.regression(np.asarray(ln_kpa), np.log(table["stiffness_kpa"].to_numpy()), w)["r"]
    return validation.entry(r)["mean"]


def members(table, group):
    """Membership (n,) in one of `GROUPS`: 1 or 0, NaN where the trait is missing."""
    trait, least, limit = GROUPS[group]
    values = table[trait].to_numpy()
    return np.where(np.isfinite(values), (values >= least) & (values < limit), np.nan)


def residuals(table, ln_kpa, w):
    """Mean error, ln predicted - ln measured, in each of `GROUPS`.

    Parameters
    ----------
    table : DataFrame
    ln_kpa : (n,) array
        Predictions of one model.
    w : (n, 1 + resamples) array
        From `validation.weights` of the persons.

    Returns
    -------
    dict
        Group -> mean, low, high (95 % interval over persons), n.
    """
    error = np.asarray(ln_kpa) - np.log(table["stiffness_kpa"].to_numpy())
    found = {}
    for group in GROUPS:
        inside = members(table, group) == 1
        found[group] = validation.entry(validation.average(error[inside], w[inside]))
        found[group]["n"] = int(inside.sum())
    return found


def at_equal_prediction(table, ln_kpa):
    """How much higher each of `CONTRASTS` is read than others with the same prediction, in ln kPa.

    Returns
    -------
    dict
        Group -> mean, low, high (95 % interval), from `dime.records.bias.bias`; None where ten people are
        not in the group, or not outside it.
    """
    ln_kpa = np.asarray(ln_kpa)
    found = {group: dict.fromkeys(("mean", "low", "high")) for group in CONTRASTS}
    error = ln_kpa - np.log(table["stiffness_kpa"].to_numpy())
    for group in CONTRASTS:
        g = members(table, group)
        known = np.flatnonzero(np.isfinite(g))
        if min((g == 0).sum(), (g == 1).sum()) >= validation.LEAST_PATIENTS:
            d, sd = bias(error[known], ln_kpa[known], g[known], known, np.zeros(len(known)))
            found[group] = {"mean": d, "low": float(d - Z * sd), "high": float(d + Z * sd)}
    return found
