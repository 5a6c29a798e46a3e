"""Plant failures in examinations, send them through the whole chain, and count which of them it notices."""

import json
from functools import partial

import numpy as np
import xarray as xr
from scipy import stats

from dime.liver import checks, examination
from dime.liver.segmentation import load_segmenter, segment
from dime.metrics import overlap
from dime.phantoms.abdomen import ID
from dime.processes import run_all

TOLD = {"spacing": (2.0, 1.0), "low frequency": (1.0, 0.5), "high frequency": (1.0, 1.5)}
"""Factors of the pixel and of the frequency that the chain is told, where these are wrong."""

TURNED = {"turned": 0, "upside down": 1, "mirrored": 2}
"""Wrong orientations, and their places in `checks.views`."""

PLANTED = (*TOLD, *TURNED, "missing magnitude", "repeated offset")
"""Failures that `plant` makes of any examination; `simulation.abdominal` simulates others."""

LARGEST_DEVIATION = 0.15
"""Relative deviation from the true stiffness beyond which a reading is bad.

Assumption: 15 %, a step that changes the stage in the middle of the scale of fibrosis."""

LEAST_DICE = 0.85
"""Dice coefficient of the liver below which a result is bad."""


def plant(kind, magnitude, phase, spacing_m, frequency_hz):
    """An examination with one thing wrong: copies of the images, and what the chain is told of them.

    "spacing": pixels twice as large as they are. "low frequency", "high frequency": half, and one and a half
    times the vibration's. "turned" by 180 degrees; "upside down", front to back; "mirrored", left to right.
    "missing magnitude": 1 everywhere. "repeated offset": the second offset is the first one again.

    Parameters
    ----------
    kind : one of `PLANTED`, or "" for no failure
    magnitude, phase : (slice, offset, y, x) arrays
    spacing_m, frequency_hz : float

    Returns
    -------
    magnitude, phase, spacing_m, frequency_hz

    Raises
    ------
    ValueError
        Unknown kind.
    """
    if kind not in ("", *PLANTED):
        raise ValueError(f"kind: expected one of {', '.join(PLANTED)}, found {kind!r}")
    pixel, cycles = TOLD.get(kind, (1.0, 1.0))
    images = [np.array(stored) for stored in (magnitude, phase)]
    if kind in TURNED:
        images = [checks.views(stored)[TURNED[kind]].copy() for stored in images]
    if kind == "missing magnitude":
        images[0][:] = 1
    if kind == "repeated offset":
        for stored in images:
            stored[:, 1] = stored[:, 0]
    return *images, spacing_m * pixel, frequency_hz * cycles


def is_bad(reading, truth, dice):
    """Whether a result misleads: the reading or the liver is wrong, or a liver was not read.

    With a liver: no reading, a reading further than `LARGEST_DEVIATION` from the truth, or a Dice coefficient
    below `LEAST_DICE`. Without one (`truth` NaN): any reading.
    """
    if not np.isfinite(truth):
        return bool(np.isfinite(reading))
    return bool(not abs(reading / truth - 1) <= LARGEST_DEVIATION or not dice >= LEAST_DICE)


def bottlenecks(exams, segmenter, spacing_m):
    """Bottlenecks (slice, channel) of all slices of a cohort by the segmenter of a folder."""
    network, found = load_segmenter(segmenter)[0], []
    for index in range(exams.sizes["exam"]):
        images = (exams[name][index].values.astype(np.float32) for name in ("magnitude", "phase"))
        found.append(segment(network, *images, spacing_m).bottleneck)
    return np.concatenate(found)


def examine(exam, kind, weights, density, spacing_m, frequency_hz):
    """Send one examination, with a failure planted, through the chain, and compare with the truth.

    The chain is `examination.examine`, as a user calls it.

    Parameters
    ----------
    exam : xarray.Dataset
        magnitude, phase (slice, offset, y, x), stiffness [Pa], tissue, liver (slice, y, x), label.
    kind : one of `PLANTED`, or ""
    weights : path
        Folder of the networks.
    density : dict
        From `quality.fit_density`.
    spacing_m, frequency_hz : float
        True values.

    Returns
    -------
    dict
        subject, kind, stage; reading and truth [kPa], low and high (its interval), dice, bad; the eight
        numbers; flags (a list), distance (mean over the slices, of the training's).
    """
    stored = (exam[name].values.astype(np.float32) for name in ("magnitude", "phase"))
    magnitude, phase, told_m, told_hz = plant(kind, *stored, spacing_m, frequency_hz)
    dims = ("slice", "offset", "y", "x")
    scan = xr.Dataset({"magnitude": (dims, magnitude), "phase": (dims, phase)})
    found = examination.examine(
        scan.assign_attrs(spacing_m=told_m, frequency_hz=told_hz), "dime", weights, {"density": density}
    )
    said = found.attrs["reading"]
    liver = exam["liver"].values
    liver = checks.views(liver)[TURNED[kind]] if kind in TURNED else liver
    parenchyma = exam["stiffness"].values[exam["liver"].values & (exam["tissue"].values == ID["liver"])]
    truth = float(parenchyma.mean()) / 1e3 if parenchyma.size else np.nan
    dice = overlap.dice(found["liver"].values, liver) if liver.any() else np.nan
    reading = np.nan if said["mean_kpa"] is None else said["mean_kpa"]
    label = json.loads(exam["label"].item())
    row = {"subject": label["subject"], "kind": kind or label["planted"], "stage": label["stage"]}
    row |= {"reading": reading, "truth": truth, "dice": dice, "bad": is_bad(reading, truth, dice)}
    row |= dict(zip(("low", "high"), said["interval_kpa"] or (np.nan, np.nan), strict=True))
    row |= {name: np.nan if value is None else value for name, value in said["numbers"].items()}
    return row | {"flags": said["flags"], "distance": said["distance"]}


def examine_all(pairs, weights, density, spacing_m, frequency_hz, workers=2):
    """Apply `examine` to many (exam, kind) in parallel; the rows do not depend on the number of processes."""
    tasks = [partial(examine, *pair, weights, density, spacing_m, frequency_hz) for pair in pairs]
    return run_all(tasks, workers, "examinations")


def plan(clean, simulated, each):
    """Examinations to send through the chain, with the half of the subjects that each belongs to.

    Every examination as it is, and `each` planted failures of every subject of the first clean cohort. The
    subjects of a clean cohort alternate between the halves, and both halves get the same kinds. In a cohort
    of simulated failures, whose kinds come in turn, rounds of all kinds alternate.

    Parameters
    ----------
    clean : list of xarray.Dataset
        Cohorts without failures, dims (exam, ...).
    simulated : xarray.Dataset
        Cohort in which each examination has a failure, in turn.
    each : int

    Returns
    -------
    pairs : list of (exam, kind)
    fitted : (pair,) bool array
        Whether the quality is fitted to the examination; the others test it.
    """
    pairs, fitted = [], []
    for place, group in enumerate(clean):
        for subject in range(group.sizes["exam"]):
            first = subject // 2 * each
            kinds = [PLANTED[(first + step) % len(PLANTED)] for step in range(each)] if place == 0 else []
            for kind in ("", *kinds):
                pairs.append((group.isel(exam=subject), kind))
                fitted.append(subject % 2 == 0)
    rounds = len({json.loads(label)["planted"] for label in simulated["label"].values})
    for subject in range(simulated.sizes["exam"]):
        pairs.append((simulated.isel(exam=subject), ""))
        fitted.append(subject // rounds % 2 == 1)
    return pairs, np.array(fitted)


def alarm_below(q, flagged, share=0.05):
    """Quality below which a result is doubted, so that at most a share of the good ones raises an alarm.

    Parameters
    ----------
    q, flagged : (examination,) arrays
        Quality of good results, and whether a rule flags them anyway, which uses up some of the share.
    share : float

    Returns
    -------
    float
        The alarm is raised where q is smaller; 0 where the rules alone use up all results.
    """
    q, flagged = np.asarray(q, float), np.asarray(flagged, bool)
    rest = np.sort(q[~flagged])
    allowed = max(0, int(share * q.size) - int(flagged.sum()))
    return float(rest[min(allowed, rest.size - 1)]) if rest.size else 0.0


def share(flagged):
    """Share of examinations that are flagged, with the interval of Clopper and Pearson.

    Returns
    -------
    dict
        share, low, high (95 % interval), None where there is none; count, n.
    """
    flagged = np.asarray(flagged, bool)
    count, n = int(flagged.sum()), int(flagged.size)
    if not n:
        return {"share": None, "low": None, "high": None, "count": 0, "n": 0}
    interval = stats.binomtest(count, n).proportion_ci(0.95)
    return {
        "share": count / n,
        "low": float(interval.low),
        "high": float(interval.high),
        "count": count,
        "n": n,
    }


def risk_coverage(error, q):
    """Mean error of the examinations that are kept, from the best quality down.

    Parameters
    ----------
    error, q : (examination,) arrays
        Error of the reading, any unit, and its quality.

    Returns
    -------
    coverage, risk : (examination,) arrays
        Share that is kept, from 1 / n to 1, and the mean error of that share.
    """
    order = np.argsort(-np.asarray(q), kind="stable")
    kept = np.arange(1, len(order) + 1)
    return kept / len(order), np.cumsum(np.asarray(error, float)[order]) / kept
