"""Train a model on a table and a folder of images, such as a hospital's own.

What reads the images was taught on simulated bodies whose tissue is known; it is taken from the package. What
judges stiffness is trained anew: a network for each fold of patients left out. One in `VALIDATION` of the
others chooses its epoch and the width of its interval.
"""

import json
import shutil
from pathlib import Path

import numpy as np

from dime.files.whole import alone, remove, whole
from dime.learning.folds import folds
from dime.records.columns import LABEL
from dime.records.cross_validation import VALIDATION, Job, strata, trained
from dime.records.inputs import OUTLINER, READER, examples_of, load_readers, read_folder
from dime.records.prediction import NETWORKS, WEIGHTS
from dime.records.table import check_folds, training_ranges
from dime.records.training import Schedule, judged

FOLDS = 5
"""Networks of a model."""

LEAST_PATIENTS = 6
"""Fewest patients: two to learn from, two to choose the epoch, the others left out. With fewer nothing can be
computed; that these are enough is not said."""


def train_files(records, images_folder, folder, schedule):
    """Train a model and save it, as `prediction.predict_stiffness` reads it; a killed run goes on.

    Networks that an earlier run of the same records, images and schedule has finished are kept. `card.json`
    is written last.

    Parameters
    ----------
    records : DataFrame
        From `inputs.examinations`, with stiffness_kpa [kPa].
    images_folder : path
    folder : path
        `reader`, `outliner`, `fused-0`, ..., `card.json`.
    schedule : dict
        Entries of `training.Schedule` that differ from its own: epochs, seed.

    Raises
    ------
    FileNotFoundError, ValueError
        One line; as `scans.read_images`, or fewer than `LEAST_PATIENTS` patients, or another process trains
        into the folder. Nothing is written before all images are read.
    """
    folder, patients = Path(folder), records["patient"].nunique()
    if patients < LEAST_PATIENTS:
        raise ValueError(f"table: patient: expected at least {LEAST_PATIENTS}, found {patients}")
    readers = load_readers(WEIGHTS)
    examples = examples_of(records, read_folder(records, images_folder, *readers))
    work = jobs(records, folder, Schedule(**schedule))
    with alone(folder):
        for name in (READER, OUTLINER):
            with whole(folder / name) as aside:
                shutil.copytree(WEIGHTS / name, aside)
        remove(folder / "card.json")
        for path in set(folder.glob(NETWORKS)) - {job.folder for job in work}:
            remove(path)
        location = np.empty(len(records))
        for job in work:
            network, _ = trained(examples, job)
            left_out = np.setdiff1d(np.arange(len(records)), np.r_[job.training, job.validation])
            location[left_out] = judged(network, examples.rows(left_out))[0].numpy()
        card = {"ranges": training_ranges(records), "sites": sorted(set(records["site"])), "images": "files"}
        card |= {"examinations": len(records), "patients": patients, "schedule": schedule}
        errors = np.abs(np.exp(location) - records[LABEL].to_numpy())
        card["mean_absolute_error_kpa"] = float(errors.mean())  # of patients left out
        with whole(folder / "card.json") as aside:
            aside.write_text(json.dumps(card, indent=2, sort_keys=True, allow_nan=False) + "\n")


def jobs(records, folder, schedule):
    """Networks of a model: `cross_validation.Job` for each fold of patients."""
    fold = divided(records, FOLDS, schedule.seed)
    check_folds(records, fold)
    found = []
    for number in range(FOLDS):
        known = np.flatnonzero(fold != number)
        others = records.iloc[known]
        parts = min(VALIDATION, others["patient"].nunique() // 2)  # of two patients each or more
        chosen = divided(others, parts, schedule.seed) == 0
        rows = known[~chosen], known[chosen]
        found.append(Job("fused", schedule, *rows, folder / f"fused-{number}", (), number))
    return found


def divided(records, count, seed):
    """Number of each examination's fold (n,), by patient.

    Folds are even in site and stiffness if there are enough examinations of one kind for that.
    """
    kinds = strata(records)
    if np.unique(kinds, return_counts=True)[1].max() < count:
        kinds = np.zeros(len(records))
    return folds(records["patient"], kinds, count, seed)
