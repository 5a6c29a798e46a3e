"""Cohorts, and what every model reads in them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dime.files.pipeline import present

COHORTS = ("internal", "temporal", "external")

LABORATORY = ("ast_u_l", "alt_u_l", "platelets_1e9_l", "albumin_g_dl", "bilirubin_mg_dl", "ggt_u_l")

FIELDS = ("age_years", "bmi_kg_m2", "diabetes", *LABORATORY)
"""Fields of the records that may be missing."""

SEQUENCES = ("t1w", "t2w", "dwi")
"""Sequences that may not have been acquired."""


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


def known(cohort, *models):
    """Examinations (exam,) for which every one of the models has a prediction."""
    return np.isfinite(cohort.kpa[list(models)].to_numpy(float)).all(axis=1)


def part(cohort, rows):
    """The examinations of a cohort in which rows (exam,) is true."""
    return Cohort(*(frame[np.asarray(rows, bool)] for frame in cohort))


def added(cohort, kpa):
    """The cohort with further models: kpa (exam, model) is a DataFrame; they have no intervals."""
    columns = [*cohort.kpa, *kpa]
    limits = (frame.reindex(columns=columns) for frame in (cohort.low, cohort.high))
    return Cohort(cohort.exams, cohort.kpa.join(kpa), *limits)


def missing(exams):
    """Number of measured fields and of sequences that each examination lacks: (exam,) array of int."""
    fields = exams[list(FIELDS)].isna().sum(axis=1)
    return (fields + (~exams[list(SEQUENCES)].astype(bool)).sum(axis=1)).to_numpy()
