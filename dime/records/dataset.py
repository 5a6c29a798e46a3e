"""A simulated cohort on disk: records, hidden truth and framed images; in parallel, restartable.

A cohort is a folder with `records.csv` and `truth.csv`, one row an examination, and `images.zarr`: `volume`
(exam, sequence, z, y, x) and `surface` (exam, v, u) of `dime.records.frame`, float16, NaN where a sequence
was not acquired.
"""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from dime.files import datasets
from dime.files.pipeline import present
from dime.files.sources import code_digest
from dime.files.whole import alone, named, partial_path, whole
from dime.processes import run_all
from dime.records import cohort, frame, images, scans

RECORDS, TRUTH, IMAGES, FILES = "records.csv", "truth.csv", "images.zarr", "images"
"""Names of a cohort's parts in its folder; images are framed in one, or as a scanner leaves them in many."""

BATCH = 20
"""Examinations that a process simulates and keeps at a time."""


def simulate(kind, exams, patients, seed, folder, workers=2):
    """Simulate a cohort to a folder, continuing where a killed run stopped.

    Unfinished work of another cohort or of other source code is replaced.

    Parameters
    ----------
    kind, exams, patients, seed
        As `cohort.draw_cohort`.
    folder : path
        Replaced if it holds a cohort.
    workers : int
        Processes.

    Raises
    ------
    ValueError
        As `draw_cohort`; another process writes the folder, or it holds something else.
    """
    folder = Path(folder).absolute()
    check_replaceable(folder)
    records, truth = cohort.draw_cohort(kind, exams, patients, seed)
    with alone(folder), named(folder):
        parts = partial_path(folder).with_suffix(".parts")
        identity = f"{json.dumps([kind, exams, patients, seed])}\n{code_digest(__name__)}\n"
        if not (parts / "begun.txt").is_file() or (parts / "begun.txt").read_text() != identity:
            shutil.rmtree(parts, ignore_errors=True)
            parts.mkdir(parents=True)
            (parts / "begun.txt").write_text(identity)
        batches = [slice(start, start + BATCH) for start in range(0, exams, BATCH)]
        jobs = [(records[rows], truth[rows], seed, parts / f"{rows.start}.npz") for rows in batches]
        files = run_all([partial(_keep, *job) for job in jobs], workers, folder.name)
        found = [np.load(file) for file in files]
        stacked = {name: np.concatenate([one[name] for one in found]) for name in ("volume", "surface")}
        _write(folder, records, truth, stacked)
        shutil.rmtree(parts)


def simulate_files(kind, exams, seed, folder, workers=2):
    """Simulate a cohort as a hospital stores it: `records.csv`, `truth.csv` and images/<exam>/*.nii.gz.

    Parameters
    ----------
    kind : as `cohort.draw_cohort`; every patient is examined once
    exams, seed : int
    folder : path
        Replaced if it holds a cohort.
    workers : int
        Processes.

    Raises
    ------
    ValueError
        As `simulate`.
    """
    folder = Path(folder).absolute()
    check_replaceable(folder)
    records, truth = cohort.draw_cohort(kind, exams, exams, seed)
    rows = [(records.iloc[row], truth.iloc[row]) for row in range(exams)]
    with alone(folder), whole(folder) as aside:
        run_all([partial(_keep_files, seed, aside / FILES, *row) for row in rows], workers, folder.name)
        _write_tables(aside, records, truth)


def load_tables(folder):
    """Read a cohort's records and truth, two DataFrames.

    Raises
    ------
    FileNotFoundError
        Names what is missing and the command that makes it.
    """
    folder = Path(present(folder))
    return tuple(pd.read_csv(present(folder / name)) for name in (RECORDS, TRUTH))


def load_images(folder):
    """Read a cohort's images: xarray.Dataset, volume (exam, sequence, z, y, x), surface (exam, v, u).

    Raises
    ------
    FileNotFoundError
        Names what is missing and the command that makes it.
    """
    return datasets.load(Path(present(folder)) / IMAGES, ("volume", "surface"))


def check_replaceable(folder):
    """Refuse a folder that holds anything but a simulated cohort, whose mark is the file of its truth.

    Raises
    ------
    ValueError
        A file, or a folder that holds something else, such as a hospital's records and images.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: expected a simulated cohort or nothing there, found a file")
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    other = names - {RECORDS, TRUTH, IMAGES, FILES} or (names if TRUTH not in names else set())
    if other:
        raise ValueError(f"{folder}: expected a simulated cohort or nothing there, found {min(other)}")


def body_seed(seed, exam):
    """Entropy of a patient's body: the seed and the patient's name, so that two visits show one body."""
    return seed, int.from_bytes(str(exam["patient"]).encode(), "big")


def _scan(seed, records, truth):
    visit = int.from_bytes(str(records["exam"]).encode(), "big")
    return images.scan(truth, records, body_seed(seed, records), visit)


def _keep(records, truth, seed, file):
    """File of one batch, simulated unless an earlier run has left it."""
    if not file.is_file():
        rows = [(records.iloc[row], truth.iloc[row]) for row in range(len(records))]
        found = [frame.framed(_scan(seed, *row)) for row in rows]
        with whole(file) as aside, open(aside, "wb") as stream:
            np.savez(
                stream,
                **{name: np.stack([getattr(one, name) for one in found]) for name in ("volume", "surface")},
            )
    return file


def _keep_files(seed, folder, records, truth):
    scans.write_images(folder, records["exam"], _scan(seed, records, truth))


def _write_tables(folder, records, truth):
    """Records, and the truth with the examinations' names."""
    records.to_csv(folder / RECORDS, index=False)
    pd.concat([records["exam"], truth], axis=1).to_csv(folder / TRUTH, index=False)


def _write(folder, records, truth, stacked):
    """Write a cohort's folder whole."""
    data = xr.Dataset(
        {
            "volume": (("exam", "sequence", "z", "y", "x"), stacked["volume"]),
            "surface": (("exam", "v", "u"), stacked["surface"]),
        },
    )
    with whole(folder) as aside:
        aside.mkdir()
        _write_tables(aside, records, truth)
        datasets.write(data, aside / IMAGES)
