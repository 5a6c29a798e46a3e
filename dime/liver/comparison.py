"""Read an examination by every combination of mask and map, and say which part of an error each brings."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from dime.files import datasets
from dime.liver.features import reportable_region
from dime.liver.maps import map_of, waves_in
from dime.liver.segmentation import load_segmenter, segment
from dime.metrics import agreement, diagnosis, overlap, roi, statistics
from dime.phantoms.abdomen import ID
from dime.processes import run_all

MASKS = ("unet", "resnet")
"""Segmenters whose masks are compared."""

TRUE = "true"
"""The simulated liver itself, as a mask."""

LEARNT = ("unet", "resnet", "unet_cycle", "resnet_cycle")
"""Networks of `translation` that turn a wave into a map."""

PHYSICS = ("dime", "mmdi")
"""Methods of `inversion` that do."""


def read_exam(path, weights, row):
    """Readings of one examination by every mask and map.

    Parameters
    ----------
    path : path
        Cohort, a zarr folder.
    weights : path
        Folder of the networks: "segment-unet", "map-unet" and so on.
    row : int
        Examination.

    Returns
    -------
    list of dict
        exam, subject, visit, stage, mask, map; kpa, the reading, mean of the map over the region; truth_kpa,
        mean of the true stiffness over the true reportable region; same_kpa, the true mean over the reading's
        own region; area_cm2 and dice of the mask. NaN where nothing can be read. kpa - same_kpa is the error
        of the map, same_kpa - truth_kpa the error of the mask.
    """
    data = datasets.load(path, ("phase", "magnitude")).isel(exam=row)
    label = json.loads(str(data["label"].values))
    scale = data.attrs["spacing_m"], data.attrs["frequency_hz"]
    magnitude, phase = (data[name].values.astype(np.float32) for name in ("magnitude", "phase"))
    truth, liver = data["stiffness"].values, data["liver"].values
    region = reportable_region(liver, data["tissue"].values == ID["vessel"], phase, scale[0])
    scan = data[["phase"]].astype(np.float32)
    masks = {TRUE: (liver, region)}
    for name in MASKS:
        found = segment(load_segmenter(Path(weights) / f"segment-{name}")[0], magnitude, phase, scale[0])
        masks[name] = (found.liver, found.reportable)
    of_exam = {"exam": row, **{name: label[name] for name in ("subject", "visit", "stage")}}
    of_exam["truth_kpa"] = roi.mean_over(truth, region, scale[0]) / 1e3
    rows = []
    for mask, (organ, reportable) in masks.items():
        waves = waves_in(scan, organ)
        of_mask = of_exam | {"mask": mask, "dice": overlap.dice(organ, liver)}
        for name in (*LEARNT, *PHYSICS):
            maps = map_of(waves, name if name in PHYSICS else f"map-{name}", weights)
            kept = reportable & maps["trusted"].values
            kpa, same = (
                roi.mean_over(values, kept, scale[0]) / 1e3 for values in (maps["stiffness"].values, truth)
            )
            area = 1e4 * np.count_nonzero(kept) * scale[0] ** 2
            rows.append(of_mask | {"map": name, "kpa": kpa, "same_kpa": same, "area_cm2": area})
    return rows


def read_cohort(path, weights, workers=2):
    """Apply `read_exam` to a cohort in parallel: a table with one row per mask, map and examination."""
    count = datasets.load(path, ("label",)).sizes["exam"]
    found = run_all(
        [partial(read_exam, path, weights, exam) for exam in range(count)], workers, "examinations"
    )
    return pd.DataFrame([row for rows in found for row in rows])


def deviation(table, reference):
    """Deviation of readings from a reference, with intervals over examinations.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns exam, kpa, one row per examination.
    reference : (examination,) pandas.Series
        kPa by examination.

    Returns
    -------
    dict
        median, mean: of the absolute deviation [%], with 95 % intervals; bias [%]; n, and absent, the number
        of examinations without a value.
    """
    percent = 100 * (table.set_index("exam")["kpa"] / reference - 1)
    known = percent.dropna().to_numpy()
    found = {"mean": statistics.bootstrap_mean(np.abs(known)), "bias": statistics.bootstrap_mean(known)}
    found["median"] = _median(np.abs(known))
    return found | {"n": len(known), "absent": int(percent.isna().sum())}


def _median(values, seed=0):
    """Median with a percentile bootstrap interval; None for fewer than four values."""
    if len(values) < 4:
        return {"median": float(np.median(values)) if len(values) else None, "low": None, "high": None}
    rows = np.random.default_rng(seed).integers(0, len(values), (statistics.BOOTSTRAP_RESAMPLES, len(values)))
    low, high = np.quantile(np.median(values[rows], axis=1), [0.025, 0.975])
    return {"median": float(np.median(values)), "low": float(low), "high": float(high)}


def parts(table):
    """Error of the reading [kPa] from the map and from the mask, mean absolute, with intervals."""
    from_map = (table["kpa"] - table["same_kpa"]).abs()
    from_mask = (table["same_kpa"] - table["truth_kpa"]).abs()
    return {"map": statistics.bootstrap_mean(from_map), "mask": statistics.bootstrap_mean(from_mask)}


def staging(table):
    """Areas under the ROC curves for F2, F3 and F4, and weighted kappa of the stage by cut-offs."""
    stages = table["stage"].str[1].astype(int).to_numpy()
    kpa = table["kpa"].to_numpy()
    found = {f"F{least}": diagnosis.roc_area(kpa, stages >= least) for least in (2, 3, 4)}
    classes = np.where(np.isfinite(kpa), roi.staged(1e3 * kpa), np.nan)
    return found | {"kappa": agreement.kappa(classes, stages)}
