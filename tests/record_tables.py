"""Small tables of examinations, images of them and a model, that are right as they stand."""

import json

import nibabel
import numpy as np
import pandas as pd
import torch

from dime.learning import checkpoints
from dime.records.inputs import examples_of
from dime.records.reader import TissueReader
from dime.records.scans import Image, write_images
from dime.records.surface import Outliner
from dime.records.table import read_table, training_ranges
from dime.records.training import COLUMNS, JudgeTask, Schedule

SPACING_M = (0.006, 0.0015, 0.0017)
"""Slice, row and column: all differ, so that no two can be taken for each other."""

SHAPE = (5, 36, 40)


def table(exams=6):
    """Examinations of three patients at two sites, without a blank; no image was acquired."""
    rows = np.arange(exams)
    return pd.DataFrame(
        {
            "exam": [f"I{row:05}" for row in rows],
            "patient": [f"P{row // 2}" for row in rows],
            "site": np.where(rows % 2, "B", "A"),
            "date": [f"2021-03-{row % 28 + 1:02}" for row in rows],
            "age_years": 41.5 + rows % 40,
            "sex": np.where(rows // 2 % 2, "female", "male"),
            "bmi_kg_m2": 24.0 + rows % 9,
            "diabetes": rows % 2,
            "aetiology": np.resize(["MASLD", "viral", "alcohol", "autoimmune", "other"], exams),
            "ast_u_l": 30.0 + rows % 50,
            "alt_u_l": 28.0 + rows % 50,
            "platelets_1e9_l": 230.0 - rows % 50,
            "albumin_g_dl": 4.1,
            "bilirubin_mg_dl": 0.8,
            "ggt_u_l": 45.0,
            "stiffness_kpa": 2.5 + 0.1 * (rows % 20),
            "t1w": False,
            "t2w": False,
            "dwi": False,
        }
    )


def changed(**cells):
    """The table with other values in its third row (exam I00002); a column that is new is added."""
    frame = table().astype(object)
    for column, value in cells.items():
        frame.loc[2, column] = value
    return frame


def images(seed=0):
    """Images of one examination, seen from the feet: no two views of one are alike."""
    values = np.random.default_rng(seed).uniform(1, 2, (4, *SHAPE)).astype(np.float32)
    return {
        "t1w": Image(values[0], SPACING_M),
        "t2w": Image(values[1], SPACING_M),
        "dwi": Image(np.stack([2 + values[2], values[3]]), SPACING_M, (0.0, 800.0)),
    }


def write_cohort(folder, exams=2):
    """records.csv and images/ of a few examinations, as a simulation or a hospital leaves them."""
    frame = table(exams).assign(t1w=True, t2w=True, dwi=True)
    for row, exam in enumerate(frame["exam"]):
        write_images(folder / "images", exam, images(row))
    frame.to_csv(folder / "records.csv", index=False)
    return frame


def rewrite(path, change, header=None):
    """Save a NIfTI file again with its values changed, and with its header changed by `header`."""
    image = nibabel.load(path)
    new = nibabel.Nifti1Image(change(np.asarray(image.dataobj)), image.affine)
    new.header.set_xyzt_units("mm")
    if header:
        header(new)
    nibabel.save(new, path)


def write_model(folder, networks=2):
    """A model as a training leaves it, but of random weights; its scales and ranges are those of `table`."""
    torch.manual_seed(0)
    records, generator = read_table(table(12)), np.random.default_rng(0)
    checkpoints.save_model(TissueReader(), {}, folder / "reader")
    checkpoints.save_model(Outliner((4, 4)), {}, folder / "outliner")
    readings = generator.normal(0, 30, (len(records), COLUMNS)).astype(np.float32)  # random readers read far
    for number in range(networks):
        task = JudgeTask(*2 * [examples_of(records, readings)], Schedule())
        card = {"schedule": {"kind": "judge"}, "reach": 2.0 + number}
        checkpoints.save_model(task.model(), card, folder / f"fused-{number}")
    card = {"ranges": training_ranges(records), "images": "simulated"}
    (folder / "card.json").write_text(json.dumps(card))
    return folder
