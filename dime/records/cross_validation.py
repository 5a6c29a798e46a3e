"""Train every network on every fold and let it judge every examination: one table of predictions.

The internal cohort is divided into folds by patient. A network of a fold learns from the other folds, of
whose patients one in `VALIDATION` chooses its epoch and the width of its interval. Temporal and external sets
are judged by the mean over the folds' networks.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from dime.files.sources import code_digest
from dime.files.whole import whole
from dime.learning.folds import folds
from dime.learning.loop import data_hash
from dime.records import baselines, dataset, reader, surface, table
from dime.records.training import COVERAGE, Examples, Schedule, judged, load_judge, train
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

    judges : tuple of (name of the predictions, withheld parts); tested : rows that it is tested on, else None
    """

    model: str
    schedule: Schedule
    training: np.ndarray
    validation: np.ndarray
    folder: Path
    judges: tuple
    fold: int


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
    fold[inside] = folds(records["patient"][inside], _strata(records[inside]), count, seed)
    return Cohorts(records, truth, fold)


def _strata(records):
    kinds = np.digitize(records["stiffness_kpa"], CLASSES_KPA)
    return records["site"].astype(str).to_numpy() + "/" + kinds.astype(str).astype(object)


def read_images(folders, networks, path):
    """Write what is read from all cohorts' images, (n, 33) .npy: the readings, and the roughness [mm].

    folders : dict of cohort -> folder; networks : folder with `reader` and `outliner`; path : .npy to write.
    """
    tissue, _ = reader.load_reader(Path(networks) / "reader")
    outliner, _ = surface.load_outliner(Path(networks) / "outliner")
    found = []
    for folder in folders.values():
        images = dataset.load_images(folder)
        seen = images["volume"].values, images["surface"].values
        readings = reader.read(tissue, *seen).reshape(len(seen[0]), -1)
        found.append(np.column_stack([readings, surface.roughness_of(outliner, seen[1])]))
    with whole(path) as aside, open(aside, "wb") as stream:
        np.save(stream, np.concatenate(found).astype(np.float32))


def jobs(cohorts, models, folder, seed):
    """Networks of all folds, those with one site left out, and what each of them judges.

    Parameters
    ----------
    cohorts : Cohorts
    models : dict of str -> Schedule
        Name of the predictions -> how that network is trained. "fused-loso" leaves out a site in place of a
        fold.
    folder : path
        Networks are kept in folder/<name>-<fold or site>.
    seed : int

    Returns
    -------
    list of Job
    """
    found = []
    sites = cohorts.records["site"].to_numpy()
    for name, schedule in models.items():
        left = (
            np.unique(sites[cohorts.fold >= 0]) if name.endswith("-loso") else range(cohorts.fold.max() + 1)
        )
        for one in left:
            tested = (sites == one) if name.endswith("-loso") else cohorts.fold == one
            known = np.flatnonzero((cohorts.fold >= 0) & ~tested)
            part = folds(
                cohorts.records["patient"][known], _strata(cohorts.records.iloc[known]), VALIDATION, seed
            )
            judges = ((name, ()),)
            if name == "fused":
                judges += tuple((f"fused/without {part}", (part,)) for part in ("t1w", "t2w", "dwi", "labs"))
            path = Path(folder) / f"{name.replace('/', '-').replace(' ', '-')}-{one}"
            found.append(Job(name, schedule, known[part > 0], known[part == 0], path, judges, one))
    return found


def run(jobs, paths, workers):
    """Train the networks, those that are there already excepted, and let each judge all examinations.

    Parameters
    ----------
    jobs : list of Job
    paths : dict
        `readings`: .npy of `read_images`; `folders`: of the cohorts.
    workers : int
        Processes, with one thread each.

    Returns
    -------
    dict
        Job's number -> dict of the predictions' name -> (location, half width) arrays of ln kPa.
    """
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        tasks = [pool.submit(_judge, job, paths) for job in jobs]
        return [task.result() for task in tasks]


@lru_cache(maxsize=2)
def _examples(pixels, readings, folders):
    """All examinations with their pixels or their readings."""
    records = pd.concat([dataset.load_tables(folder)[0] for folder in folders], ignore_index=True)
    if pixels:
        seen = [dataset.load_images(folder) for folder in folders]
        parts = (np.concatenate([one[name].values for one in seen]) for name in ("volume", "surface"))
        images = packed(*map(torch.from_numpy, parts))
    else:
        images = torch.from_numpy(np.load(readings))
    fields, target = table.fields(records), np.log(records["stiffness_kpa"].to_numpy())
    fields, target = (torch.from_numpy(part.astype(np.float32)) for part in (fields, target))
    return Examples(images, fields, target)


def _judge(job, paths):
    examples = _examples(job.schedule.kind in PIXELS, paths["readings"], tuple(paths["folders"]))
    inputs = job.training, job.validation, examples.images.numpy(), examples.fields.numpy()
    identity = [repr(job.schedule), code_digest(train.__module__), *map(data_hash, inputs)]
    try:
        model, card = load_judge(job.folder)
    except (FileNotFoundError, ValueError, KeyError):
        card = {}
    if card.get("identity") != identity:
        parts = (examples.rows(index) for index in (job.training, job.validation))
        model, card = train(*parts, job.schedule, job.folder, {"identity": identity}, report=str)
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
        rows = np.zeros((2, len(cohorts.records)))
        those = [(job, one[name]) for job, one in zip(jobs, found, strict=True) if name in one]
        elsewhere = cohorts.fold < 0
        for job, law in those:
            tested = np.zeros(len(cohorts.records), bool)
            tested[_tested(cohorts, job)] = True
            rows[:, tested] = np.array(law)[:, tested]
            rows[:, elsewhere] += np.array(law)[:, elsewhere] / len(those)
        judged = ~elsewhere if name.endswith("-loso") else slice(None)
        tables.append(_table(cohorts.records[["cohort", "exam"]][judged], name, *rows[:, judged]))
    return pd.concat(tables, ignore_index=True)


def _tested(cohorts, job):
    """Internal rows that a network is tested on: those of its site or of its fold."""
    of = cohorts.records["site"].to_numpy() if job.model.endswith("-loso") else cohorts.fold
    return (of == job.fold) & (cohorts.fold >= 0)


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
    laws = [
        {job.fold: (job, one[name]) for job, one in zip(jobs, found, strict=True) if job.model == name}
        for name in of
    ]
    made, judged = [], []
    for fold, (job, _) in laws[0].items():
        x = np.column_stack([np.ones(len(target)), *(law[fold][1][0] for law in laws)])
        weights = np.linalg.lstsq(x[job.validation], target[job.validation], rcond=None)[0]
        errors = np.abs(target - x @ weights)[job.validation]
        half = np.quantile(errors, COVERAGE)
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
