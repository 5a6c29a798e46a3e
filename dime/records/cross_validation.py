"""Train every network on every fold and let it judge every examination: one table of predictions.

The internal cohort is divided into folds by patient. A network of a fold learns from the other folds, of
whose patients one in `VALIDATION` chooses its epoch and the width of its interval. Temporal and external sets
are judged by the mean over the folds' networks.
"""

from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from dime.files.sources import code_digest
from dime.files.whole import whole
from dime.learning.folds import folds
from dime.learning.loop import data_hash
from dime.processes import run_all
from dime.records import baselines, dataset, table
from dime.records.columns import SEQUENCES
from dime.records.inputs import examples_of, load_readers, read_arrays
from dime.records.training import COVERAGE, Schedule, judged, load_judge, train
from dime.records.transformer import PIXELS, packed

INTERNAL = "internal"
"""Cohort that networks learn from."""

VALIDATION = 8
"""One in so many of a fold's training patients chooses epoch and interval."""

CLASSES_KPA = (2.5, 3.0, 3.5, 4.0, 5.0)
"""Limits of the classes that are spread evenly over the folds."""


class Cohorts(NamedTuple):
    """Examinations of all cohorts, one below the other.

    records, truth : DataFrames with a column `cohort`; fold : (n,) int, -1 outside the internal cohort
    """

    records: pd.DataFrame
    truth: pd.DataFrame
    fold: np.ndarray


class Job(NamedTuple):
    """One network: its name and schedule, its rows, where it goes, and what is withheld when it judges.

    training, validation : numbers of rows; validation chooses the epoch and the interval
    judges : tuple of (name of the predictions, withheld parts); fold : number of the fold, or name of the
        site, that it did not see
    """

    model: str
    schedule: Schedule
    training: np.ndarray
    validation: np.ndarray
    folder: Path
    judges: tuple
    fold: int | str


def load_cohorts(folders, count, seed):
    """Read cohorts and divide the internal one into folds, by patient, even in site and class of stiffness.

    folders : dict of cohort -> folder; count, seed : of the folds. Returns `Cohorts`.
    """
    records, truth = [], []
    for cohort, folder in folders.items():
        tables = dataset.load_tables(folder)
        for found, one in zip((records, truth), tables, strict=True):
            found.append(one.assign(cohort=cohort))
    records, truth = (pd.concat(found, ignore_index=True) for found in (records, truth))
    fold = np.full(len(records), -1)
    inside = (records["cohort"] == INTERNAL).to_numpy()
    fold[inside] = folds(records["patient"][inside], strata(records[inside]), count, seed)
    return Cohorts(records, truth, fold)


def strata(records):
    """Site and class of stiffness (n,) of each examination, which folds are to be even in."""
    kinds = np.digitize(records["stiffness_kpa"], CLASSES_KPA)
    return records["site"].astype(str).to_numpy() + "/" + kinds.astype(str).astype(object)


def read_images(folders, networks, path):
    """Write what is read from all cohorts' images, (n, 33) .npy: the readings, and the roughness [1/m].

    folders : dict of cohort -> folder; networks : folder with `reader` and `outliner`; path : .npy to write.
    """
    readers, found = load_readers(networks), []
    for folder in folders.values():
        images = dataset.load_images(folder)
        found.append(read_arrays(images["volume"].values, images["surface"].values, *readers))
    with whole(path) as aside, open(aside, "wb") as stream:
        np.save(stream, np.concatenate(found))


def jobs(cohorts, models, folder, members, seed):
    """Networks of all folds, those with one site left out, and what each of them judges.

    Parameters
    ----------
    cohorts : Cohorts
    models : dict of str -> Schedule
        Name of the predictions -> how that network is trained. "fused-loso" leaves out a site in place of a
        fold.
    folder : path
        Networks are kept in folder/<name>-<fold or site>-<member>.
    members : int
        Networks of each fold with other weights to begin with, and other patients who choose the epoch. Those
        that see pixels have one.
    seed : int

    Returns
    -------
    list of Job
    """
    found, sites = [], cohorts.records["site"].to_numpy()
    for name, schedule in models.items():
        loso = name.endswith("-loso")
        place = np.where(cohorts.fold >= 0, sites, "") if loso else cohorts.fold
        for one in np.unique(place[cohorts.fold >= 0]):
            known = np.flatnonzero((cohorts.fold >= 0) & (place != one))
            others = cohorts.records.iloc[known]
            part = folds(others["patient"], strata(others), VALIDATION, seed)
            judges = ((name, ()),)
            if name == "fused":
                judges += tuple((f"fused/without {lost}", (lost,)) for lost in (*SEQUENCES, "labs"))
            for member in range(1 if schedule.kind in PIXELS else members):
                path = Path(folder) / f"{name.replace('/', '-').replace(' ', '-')}-{one}-{member}"
                own, chosen = replace(schedule, seed=schedule.seed + member), part == member % VALIDATION
                found.append(Job(name, own, known[~chosen], known[chosen], path, judges, one))
    return found


def run(jobs, paths, workers):
    """Train the networks, those that are there already excepted, and let each judge all examinations.

    Parameters
    ----------
    jobs : list of Job
    paths : dict
        `readings`: .npy of `read_images`; `folders`: list of the cohorts' folders, in the order of
        `load_cohorts`.
    workers : int
        Processes, with one thread each.

    Returns
    -------
    list of dict
        For each job: the predictions' name -> (location, half width), (n,) arrays of ln kPa.
    """
    return run_all([partial(_judge, job, paths) for job in jobs], workers, "networks")


@lru_cache(maxsize=2)
def _examples(pixels, readings, folders):
    """All examinations with their pixels or their readings."""
    records = pd.concat([dataset.load_tables(folder)[0] for folder in folders], ignore_index=True)
    if not pixels:
        return examples_of(records, np.load(readings))
    seen = [dataset.load_images(folder) for folder in folders]
    parts = (np.concatenate([one[name].values for one in seen]) for name in ("volume", "surface"))
    return examples_of(records, packed(*map(torch.from_numpy, parts)))


def trained(examples, job):
    """The network of a job and its card: kept where it is there with the same identity, else trained.

    examples : training.Examples, those that the job's rows number
    """
    inputs = job.training, job.validation, *(part.numpy() for part in examples)
    identity = [repr(job.schedule), code_digest(train.__module__), *map(data_hash, inputs)]
    try:
        model, card = load_judge(job.folder)
    except (FileNotFoundError, ValueError, KeyError):
        card = {}
    if card.get("identity") != identity:
        parts = (examples.rows(index) for index in (job.training, job.validation))
        model, card = train(*parts, job.schedule, job.folder, {"identity": identity}, report=str)
    return model, card


def _judge(job, paths):
    examples = _examples(job.schedule.kind in PIXELS, paths["readings"], tuple(paths["folders"]))
    model, card = trained(examples, job)
    found = {}
    for name, withheld in job.judges:
        location, log_scale = judged(model, examples.without({*withheld, *job.schedule.withheld}))
        found[name] = location.numpy(), card["reach"] * log_scale.exp().numpy()
    return found


def assemble(cohorts, jobs, found):
    """Table of the networks' predictions: cohort, exam, model, kpa, low_kpa, high_kpa.

    Internal examinations are judged by the network that did not see them, others by the mean over the folds'
    networks of location and half width, in ln kPa; one with a site left out judges that site alone.

    Parameters
    ----------
    cohorts : Cohorts
    jobs : list of Job
    found : list of dict
        From `run`.

    Returns
    -------
    DataFrame
    """
    names = dict.fromkeys(name for one in found for name in one)
    tables = []
    for name in names:
        location, half = mean_law(cohorts, jobs, found, name)
        judged = cohorts.fold >= 0 if name.endswith("-loso") else slice(None)
        rows = cohorts.records[["cohort", "exam"]][judged]
        tables.append(_table(rows, name, location[judged], half[judged]))
    return pd.concat(tables, ignore_index=True)


def mean_law(cohorts, jobs, found, name):
    """Location and half width (n,) of ln kPa by name: means over the networks that judge an examination.

    NaN where none does.
    """
    law, count = np.zeros((2, len(cohorts.records))), np.zeros(len(cohorts.records))
    for job, one in zip(jobs, found, strict=True):
        if name in one:
            of = cohorts.records["site"].to_numpy() if name.endswith("-loso") else cohorts.fold
            rows = (cohorts.fold < 0) | (of == job.fold)
            law[:, rows] += np.array(one[name])[:, rows]
            count += rows
    return law / np.where(count > 0, count, np.nan)


def _table(rows, name, location, half=None):
    found = rows.assign(model=name, kpa=np.exp(location))
    sides = (np.nan, np.nan) if half is None else (np.exp(location - half), np.exp(location + half))
    return found.assign(low_kpa=sides[0], high_kpa=sides[1])


def stack(cohorts, jobs, found, of=("image", "records")):
    """Late fusion: ln kPa regressed on the locations of two networks, on each fold's validation patients.

    These patients taught neither network. The half width is the `COVERAGE` quantile of their errors. Returns
    jobs and found of a model "late", for `assemble`.
    """
    target = np.log(cohorts.records["stiffness_kpa"].to_numpy())
    by_place = {}
    for job, one in zip(jobs, found, strict=True):
        if job.model in of:
            by_place.setdefault((job.fold, job.folder.name.rsplit("-", 1)[1]), {})[job.model] = job, one
    made, judged = [], []
    for pair in by_place.values():
        job = pair[of[0]][0]
        x = np.column_stack([np.ones(len(target)), *(pair[name][1][name][0] for name in of)])
        weights = np.linalg.lstsq(x[job.validation], target[job.validation], rcond=None)[0]
        half = np.quantile(np.abs(target - x @ weights)[job.validation], COVERAGE)
        made.append(job._replace(model="late"))
        judged.append({"late": (x @ weights, np.full(len(target), half))})
    return made, judged


def compare(cohorts):
    """Predictions of the baselines: indices, ridge, boosting on records, and the oracle.

    Internal rows are out of fold; others are the mean over the folds' models. Returns a table as `assemble`.
    """
    target = np.log(cohorts.records["stiffness_kpa"].to_numpy())
    fields = table.fields(cohorts.records)
    inputs = {"mean": (baselines.fit_mean, fields), "ridge": (baselines.fit_ridge, fields)}
    inputs |= {
        name: (baselines.fit_index, index(cohorts.records)) for name, index in baselines.INDICES.items()
    }
    inputs["boosting"] = baselines.fit_boosting, fields
    inputs["oracle"] = baselines.fit_boosting, baselines.with_markers(fields, cohorts.truth)
    tables = []
    for name, (fit, values) in inputs.items():
        values, location = np.asarray(values, float), np.zeros(len(target))
        count = cohorts.fold.max() + 1
        for fold in range(count):
            known = (cohorts.fold >= 0) & (cohorts.fold != fold)
            predicted = fit(values[known], target[known])(values)
            location[cohorts.fold == fold] = predicted[cohorts.fold == fold]
            location[cohorts.fold < 0] += predicted[cohorts.fold < 0] / count
        tables.append(_table(cohorts.records[["cohort", "exam"]], name, location))
    return pd.concat(tables, ignore_index=True)
