"""Many abdominal examinations on disk: in parallel, restartable, equal bytes for equal cohorts."""

import json
import shutil
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from dime.files import datasets
from dime.files.sources import code_digest
from dime.files.whole import alone, named, partial_path, whole
from dime.phantoms.distributions import STAGES
from dime.physics import axis_m
from dime.processes import run_all
from dime.simulation import abdominal

DIMS = {
    **dict.fromkeys(("phase", "magnitude"), ("exam", "slice", "offset", "y", "x")),
    **dict.fromkeys(("stiffness", "tissue", "liver"), ("exam", "slice", "y", "x")),
}


@dataclass(frozen=True)
class Cohort:
    """Parameters that determine a cohort of examinations.

    subjects, seed : number of subjects, and the seed of all random numbers
    stages : fibrosis stages, which the subjects take in turn
    volunteers : young and healthy subjects, whatever the stages
    visits : examinations of each subject
    planted : failures of `abdominal.PLANTED`, which the subjects take in turn; empty for none
    """

    subjects: int
    seed: int
    stages: tuple = tuple(STAGES)
    volunteers: bool = False
    visits: int = 1
    planted: tuple = ()

    def __post_init__(self):
        if self.subjects < 1 or self.visits < 1:
            raise ValueError(
                f"subjects, visits: expected at least 1, found {self.subjects} and {self.visits}"
            )
        for name, values, known in (
            ("stages", self.stages, tuple(STAGES)),
            ("planted", self.planted, abdominal.PLANTED),
        ):
            if unknown := [value for value in values if value not in known]:
                raise ValueError(f"{name}: expected some of {', '.join(known)}, found {unknown[0]!r}")

    def examine(self, row):
        """Examination `row`: the first subject's visits, then the second's."""
        subject, visit = divmod(row, self.visits)
        stage = self.stages[subject % len(self.stages)]
        planted = self.planted[subject % len(self.planted)] if self.planted else ""
        return abdominal.examine(self.seed, subject, stage, self.volunteers, visit, planted)


def simulate(cohort, path, workers=2):
    """Simulate a cohort to a zarr folder, continuing where a killed run stopped.

    Each examination is a file beside `path` until all are done. Unfinished work of another cohort or of other
    source code is replaced.

    Parameters
    ----------
    cohort : Cohort
    path : path
        Zarr folder; replaced if it exists.
    workers : int
        Processes.

    Raises
    ------
    ValueError
        Another process writes `path`, or something there is no dataset.
    """
    path = Path(path).absolute()
    datasets.check_replaceable(path)
    with alone(path), named(path):
        folder = partial_path(path).with_suffix(".exams")
        identity = f"{json.dumps(asdict(cohort))}\n{code_digest(__name__)}\n"
        if not (folder / "begun.txt").is_file() or (folder / "begun.txt").read_text() != identity:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / "begun.txt").write_text(identity)
        rows = range(cohort.subjects * cohort.visits)
        files = run_all([partial(_keep, cohort, folder, row) for row in rows], workers, path.name)
        exams = [dict(np.load(file)) for file in files]
        stacked = {name: (dims, np.stack([one[name] for one in exams])) for name, dims in DIMS.items()}
        stacked["label"] = ("exam", np.array([str(one["label"]) for one in exams], dtype=object))
        axis = axis_m(abdominal.MATRIX, abdominal.SPACING_M)
        attrs = {"spacing_m": abdominal.SPACING_M, "frequency_hz": abdominal.FREQUENCY_HZ}
        attrs["cohort"] = json.dumps(asdict(cohort))
        units = {"phase": "rad", "stiffness": "Pa"}
        data = xr.Dataset(stacked, {"y": axis, "x": axis}, attrs)
        for name, unit in units.items():
            data[name].attrs["units"] = unit
        datasets.write(data, path)
        shutil.rmtree(folder)


def labels(dataset):
    """What was drawn for each examination: list of dict (`abdominal.examine`)."""
    return [json.loads(str(text)) for text in dataset["label"].values]


def _keep(cohort, folder, row):
    """File of one examination, simulated unless an earlier run has left it."""
    file = folder / f"{row}.npz"
    if not file.is_file():
        with whole(file) as aside, open(aside, "wb") as stream:
            np.savez_compressed(stream, **cohort.examine(row))
    return file
