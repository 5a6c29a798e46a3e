"""From a table and images to stiffness, its interval, what each part contributed, and what limits it.

A model is a folder: `reader` and `outliner` read the images, the networks `fused-0`, ... judge stiffness, and
`card.json` says what they were trained on.
"""

import json
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from dime.files.pipeline import present
from dime.records.columns import FIELDS, SEQUENCES
from dime.records.inputs import examinations, examples_of, load_readers, read_folder
from dime.records.table import in_range, missing
from dime.records.tabular import FARTHEST
from dime.records.training import COLUMNS, columns, judged, load_judge

WEIGHTS = Path(__file__).parents[1] / "weights" / "records"
"""The package's own model."""

NETWORKS = "fused-[0-9]*"
"""Folders of the networks that judge stiffness, in the folder of a model."""

RECORDS = "records"
"""The part that is no sequence: all fields together."""

UNLIKE = "images unlike the training"
"""Flag of an examination whose images are read far from those of the training."""


class Model(NamedTuple):
    """Networks that read images and judge stiffness.

    judges : list of (network, reach), reach the half width of the interval in scales
    ranges : dict of column -> (low, high), the training's
    """

    reader: torch.nn.Module
    outliner: torch.nn.Module
    judges: list
    ranges: dict


def predict_stiffness(
    table: str | Path | pd.DataFrame,
    images: str | Path | None = None,
    model: str | Path | None = None,
) -> pd.DataFrame:
    """Stiffness of the liver from images and records, without a wave.

    With location m and half width h of ln kPa, both means over the model's networks,

        kpa = exp(m),   low_kpa = exp(m - h),   high_kpa = exp(m + h),
        percent of a part = 100 (kpa / kpa without the part - 1).

    Parameters
    ----------
    table : path or DataFrame
        One row an examination: exam, patient, site, date and what is known of `dime.records.columns.COLUMNS`.
    images : path, optional
        Folder with EXAM/t1w.nii.gz, t2w.nii.gz, dwi.nii.gz and dwi.bval; default: the records alone.
    model : path, optional
        Folder that `dime records train` has written; default: the package's own, taught on simulated images.

    Returns
    -------
    DataFrame
        One row an examination, in the table's order: exam; kpa, low_kpa, high_kpa, stiffness [kPa] and its
        90 % interval; t1w_percent, t2w_percent, dwi_percent, records_percent, what each part contributed [%],
        0 where it is absent; flags, what limits the prediction, "; " between.

    Raises
    ------
    FileNotFoundError, ValueError
        One line that names the file or table, what was expected and what was found. All images are read
        before a stiffness is computed, so that there are predictions for all examinations or for none.

    Assumption: the mean over networks of location and half width, as the package's own were validated.

    Examples
    --------
    >>> import dime
    >>> import pandas as pd
    >>> exam = {"exam": "1", "patient": "1", "site": "A", "date": "2024-05-01"}
    >>> table = pd.DataFrame([exam | {"age_years": 54, "bmi_kg_m2": 27.0, "platelets_1e9_l": 210}])
    >>> found = dime.predict_stiffness(table)
    >>> bool(found["low_kpa"][0] < found["kpa"][0] < found["high_kpa"][0])
    True
    """
    records = examinations(table, images)
    model = load(WEIGHTS if model is None else model)
    examples = examples_of(records, read_folder(records, images, model.reader, model.outliner))
    location, half = law(model.judges, examples)
    limits = {"kpa": location, "low_kpa": location - half, "high_kpa": location + half}
    found = {"exam": records["exam"]} | {name: np.exp(values) for name, values in limits.items()}
    for part in (*SEQUENCES, RECORDS):
        found[f"{part}_percent"] = contribution(model.judges, examples, part, location)
    lists = missing(records), unlike(model.judges, examples.images), in_range(records, model.ranges)
    return pd.DataFrame(found | {"flags": ["; ".join(chain(*flags)) for flags in zip(*lists, strict=True)]})


def load(folder):
    """Read a `Model`.

    Raises
    ------
    FileNotFoundError, ValueError
        One line: a part of it is missing, or is not what its card says.
    """
    card_path = present(Path(folder) / "card.json")
    try:
        ranges = json.loads(card_path.read_text())["ranges"]
        ranges = {name: (float(low), float(high)) for name, (low, high) in ranges.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{card_path}: expected the card of a model with ranges, found {error!r}") from None
    judges = [_load_judge(path) for path in sorted(Path(folder).glob(NETWORKS))]
    if not judges:
        raise FileNotFoundError(f"{folder}: expected networks fused-0, ..., found none")
    return Model(*load_readers(folder), judges, ranges)


def _load_judge(path):
    try:
        network, card = load_judge(path)
        both = card["architecture"]["sees"], card["architecture"]["images"]
        if both == ("both", COLUMNS):
            return network, float(card["reach"])
    except KeyError:
        pass
    raise ValueError(
        f"{path / 'card.json'}: expected a network that judges images and records, found another"
    )


def law(judges, examples):
    """Location and half width (n,) of ln kPa: means over the networks.

    A network is not shown columns that none of its training examinations had: it has learnt no token for
    their values.

    judges : list of (network, reach); examples : training.Examples, n of them
    """
    found = []
    for network, reach in judges:
        known = learnt(network)
        shown = examples._replace(
            fields=examples.fields.where(known[: len(FIELDS)], torch.nan),
            images=examples.images.where(known[len(FIELDS) :], torch.nan),
        )
        location, log_scale = judged(network, shown)
        found.append((location.numpy(), reach * log_scale.exp().numpy()))
    return np.mean(np.array(found, float), axis=0)


def learnt(network):
    """Columns of fields and readings, (14 + 33,) bool, that had values in a network's training.

    Where there was none, or 0 alone, `FieldTokens.standardise` leaves a mean of 0 and a deviation of 1.
    """
    return (network.tokens.mean != 0) | (network.tokens.deviation != 1)


def contribution(judges, examples, part, location):
    """Change (n,) of kPa when a part is shown, 100 (kpa / kpa without it - 1) [%]; 0 where it is absent.

    part : t1w, t2w, dwi or records; location : (n,), of ln kPa with all parts
    """
    if part == RECORDS:
        here = examples.fields.isfinite().any(dim=1)
        rest = examples._replace(fields=torch.full_like(examples.fields, torch.nan))
    else:
        of = columns(part, examples.images.shape[1])
        here = examples.images[:, of].isfinite().any(dim=1)
        rest = examples.without((part,))
    return np.where(here.numpy(), 100 * np.expm1(location - law(judges, rest)[0]), 0.0)


def unlike(judges, images):
    """Flag images that are read far from those of the training, and sequences that it had none of.

    Far: |x - mean| / deviation of any reading x in images (n, 33) is beyond `FARTHEST`, with the mean and the
    deviation of the training, which each network keeps with its weights, in the mean over the networks.

    Returns
    -------
    list of n lists of str
        `UNLIKE`; "no dwi in the training", and so for the others.

    Assumption: the networks cut a reading off at this distance, so that what lies farther looks alike to
    them. Readings follow no normal law, but in any law at most one in 25 lies beyond five deviations.
    """
    distances = [
        ((images - network.tokens.mean[len(FIELDS) :]) / network.tokens.deviation[len(FIELDS) :]).abs()
        for network, _ in judges
    ]
    known = torch.stack([learnt(network)[len(FIELDS) :] for network, _ in judges]).any(dim=0)
    distance = torch.stack(distances).mean(dim=0).where(known, 0).nan_to_num(0)
    flags = {UNLIKE: (distance > FARTHEST).any(dim=1)}
    for name in SEQUENCES:
        of = columns(name, images.shape[1])
        flags[f"no {name} in the training"] = images[:, of].isfinite().any(dim=1) & ~known[of].any()
    return [[words for words, where in flags.items() if where[row]] for row in range(len(images))]
