"""Read an examination by every combination of mask and map, and say which part of an error each brings."""

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pandas as pd
import torch
import xarray as xr

from dime.files import datasets
from dime.inversion import methods
from dime.liver.features import reportable_region
from dime.liver.segmentation import load_segmenter, segment
from dime.liver.translation import translator
from dime.metrics import agreement, diagnosis, overlap, roi, statistics
from dime.phantoms.abdomen import ID
from dime.simulation import cohort

MASKS = ("unet", "resnet")
"""Segmenters whose masks are compared."""

TRUE = "true"
"""The simulated liver itself, as a mask."""

LEARNT = ("unet", "resnet", "unet_cycle", "resnet_cycle")
"""Networks of `translation` that turn a wave into a map."""

PHYSICS = ("dime", "mmdi")
"""Methods of `inversion` that do."""


def read_exam(path, folders, row):
    """Readings of one examination by every mask and map.

    Parameters
    ----------
    path : path
        Cohort, a zarr folder.
    folders : dict
        Folders of the trained networks: "segment-unet", "map-unet" and so on.
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
    torch.set_num_threads(1)
    data = datasets.load(path, ("phase", "magnitude")).isel(exam=row)
    label = json.loads(str(data["label"].values))
    scale = data.attrs["spacing_m"], data.attrs["frequency_hz"]
    magnitude, phase = (data[name].values.astype(np.float32) for name in ("magnitude", "phase"))
    truth, liver = data["stiffness"].values, data["liver"].values
    region = reportable_region(liver, data["tissue"].values == ID["vessel"], phase, scale[0])
    masks = {TRUE: (liver, region)}
    for name in MASKS:
        found = segment(load_segmenter(folders[f"segment-{name}"])[0], magnitude, phase, scale[0])
        masks[name] = (found.liver, found.reportable)
    translate = {name: translator(folders[f"map-{name}"]) for name in LEARNT}
    of_exam = {"exam": row, **{name: label[name] for name in ("subject", "visit", "stage")}}
    of_exam["truth_kpa"] = roi.mean_over(truth, region, scale[0]) / 1e3
    rows = []
    for mask, (organ, reportable) in masks.items():
        waves = _waves(phase, organ, scale)
        of_mask = of_exam | {"mask": mask, "dice": overlap.dice(organ, liver)}
        for name in (*LEARNT, *PHYSICS):
            maps = _map(waves, name, translate)
            kept = reportable & organ & (maps["stiffness"].values > 0)
            kept = roi.reliable(maps, kept)
            kpa, same = (
                roi.mean_over(values, kept, scale[0]) / 1e3 for values in (maps["stiffness"].values, truth)
            )
            area = 1e4 * np.count_nonzero(kept) * scale[0] ** 2
            rows.append(of_mask | {"map": name, "kpa": kpa, "same_kpa": same, "area_cm2": area})
    return rows


def read_cohort(path, folders, workers=2):
    """Apply `read_exam` to a cohort in parallel: a table with one row per mask, map and examination."""
    count = datasets.load(path, ("label",)).sizes["exam"]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(partial(read_exam, path, folders), range(count)))
    return pd.DataFrame([row for rows in found for row in rows])


def _waves(phase, mask, scale):
    """First harmonic (slice, y, x) of the phases in a mask, as `methods.invert` takes it."""
    dims = ("slice", "offset", "y", "x")
    attrs = {"spacing_m": scale[0], "frequency_hz": scale[1]}
    recorded = xr.Dataset({"phase": (dims, phase), "mask": (("slice", "y", "x"), mask)}, attrs=attrs)
    if not mask.any():
        return recorded.assign(wave=(("slice", "y", "x"), np.zeros(mask.shape, complex)))
    return cohort.first_harmonic(recorded)[["wave", "mask"]]


def _map(waves, name, translate):
    """Map of a method or network as a dataset: stiffness [Pa], uncertainty or confidence, trusted."""
    mask, empty = waves["mask"].values, np.zeros(waves["mask"].shape, np.float32)
    dims = ("slice", "y", "x")
    if not mask.any():
        return xr.Dataset({"stiffness": (dims, empty), "confidence": (dims, empty)})
    if name in PHYSICS:
        return methods.invert(waves, name)
    stiffness, uncertainty = empty, empty.copy()
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    for index in np.flatnonzero(mask.sum(axis=(1, 2)) > 1):
        stiffness[index], uncertainty[index] = translate[name](
            waves["wave"].values[index], mask[index], *scale
        )
    maps = {"stiffness": stiffness, "uncertainty": uncertainty, "trusted": stiffness > 0}
    return xr.Dataset({name: (dims, values) for name, values in maps.items()})


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
