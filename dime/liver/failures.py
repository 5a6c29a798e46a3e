"""Plant failures in examinations, send them through the whole chain, and count which of them it notices."""

import json
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context

import numpy as np
import torch
import xarray as xr
from scipy import stats

from dime.inversion import methods
from dime.liver import checks, quality
from dime.liver.segmentation import load_segmenter, segment
from dime.liver.translation import translator
from dime.metrics import overlap, roi
from dime.phantoms.abdomen import ID
from dime.simulation import cohort

TOLD = {"spacing": (2.0, 1.0), "low frequency": (1.0, 0.5), "high frequency": (1.0, 1.5)}
"""Factors of the pixel and of the frequency that the chain is told, where these are wrong."""

TURNED = {"turned": 0, "upside down": 1, "mirrored": 2}
"""Wrong orientations, and their places in `checks.views`."""

PLANTED = (*TOLD, *TURNED, "missing magnitude", "repeated offset")
"""Failures that `plant` makes of any examination; `simulation.abdominal` simulates others."""

LARGEST_DEVIATION = 0.15
"""Relative deviation from the true stiffness beyond which a reading is bad.

Assumption: 15 %, close to the smallest change that repeated examinations can show (19 %)."""

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


def is_bad(reading_pa, truth_pa, dice):
    """Whether a result misleads: the reading or the liver is wrong, or a liver was not read.

    With a liver: no reading, a reading further than `LARGEST_DEVIATION` from the truth, or a Dice coefficient
    below `LEAST_DICE`. Without one (`truth_pa` NaN): any reading.
    """
    if not np.isfinite(truth_pa):
        return bool(np.isfinite(reading_pa))
    return bool(not abs(reading_pa / truth_pa - 1) <= LARGEST_DEVIATION or not dice >= LEAST_DICE)


@cache
def load_networks(segmenter, other, maps):
    """Two segmenters and a map network from their folders; the folder of the maps may be None."""
    torch.set_num_threads(1)
    pair = tuple(load_segmenter(folder)[0] for folder in (segmenter, other))
    return *pair, translator(maps) if maps else None


def bottlenecks(exams, segmenter, spacing_m):
    """Bottlenecks (slice, channel) of all slices of a cohort by the segmenter of a folder."""
    network, found = load_segmenter(segmenter)[0], []
    for index in range(exams.sizes["exam"]):
        images = (exams[name][index].values.astype(np.float32) for name in ("magnitude", "phase"))
        found.append(segment(network, *images, spacing_m).bottleneck)
    return np.concatenate(found)


def examine(exam, kind, folders, density, spacing_m, frequency_hz):
    """Send one examination, with a failure planted, through the chain, and compare with the truth.

    Parameters
    ----------
    exam : xarray.Dataset
        magnitude, phase (slice, offset, y, x), stiffness [Pa], tissue, liver (slice, y, x), label.
    kind : one of `PLANTED`, or ""
    folders : (segmenter, other segmenter, map network or None)
    density : dict
        From `quality.fit_density`.
    spacing_m, frequency_hz : float
        True values.

    Returns
    -------
    dict
        subject, kind, stage; reading and truth [kPa], dice, bad; the eight numbers; flags (a list), distance
        (mean over the slices, of the training's).
    """
    network, second, translate = load_networks(*folders)
    stored = (exam[name].values.astype(np.float32) for name in ("magnitude", "phase"))
    magnitude, phase, told_m, told_hz = plant(kind, *stored, spacing_m, frequency_hz)
    liver = exam["liver"].values
    liver = checks.views(liver)[TURNED[kind]] if kind in TURNED else liver
    found, other = (segment(one, magnitude, phase, told_m) for one in (network, second))
    turned = checks.turned_bottlenecks(network, magnitude, phase, told_m)
    waves = maps = translated = None
    reading = np.nan
    if found.liver.any():
        waves = _waves(found.liver, magnitude, phase, told_m, told_hz)
        maps = _maps(waves)
    if maps is not None:
        region = found.reportable & maps["trusted"].values
        reading = roi.mean_over(maps["stiffness"].values, region, told_m)
        translated = _translated(translate, waves) if translate else None
    numbers = quality.measures(found, other, waves, maps, translated)
    label = json.loads(exam["label"].item())
    parenchyma = exam["stiffness"].values[exam["liver"].values & (exam["tissue"].values == ID["liver"])]
    truth = float(parenchyma.mean()) if parenchyma.size else np.nan
    dice = overlap.dice(found.liver, liver) if liver.any() else np.nan
    row = {"subject": label["subject"], "kind": kind or label["planted"], "stage": label["stage"]}
    row |= {"reading": reading / 1e3, "truth": truth / 1e3, "dice": dice}
    row |= {"bad": is_bad(reading, truth, dice), **numbers}
    row["flags"] = checks.flags(found, magnitude, waves, reading, told_m, density, turned, numbers)
    return row | {"distance": float(quality.distance(density, found.bottleneck).mean())}


def _waves(mask, magnitude, phase, spacing_m, frequency_hz):
    """First harmonic (slice, y, x) over a mask, in the slices that have any."""
    dims = ("slice", "offset", "y", "x")
    attrs = {"spacing_m": spacing_m, "frequency_hz": frequency_hz}
    data = {"phase": (dims, phase), "magnitude": (dims, magnitude), "mask": (("slice", "y", "x"), mask)}
    used = np.flatnonzero(mask.any(axis=(1, 2)))
    part = cohort.first_harmonic(xr.Dataset(data, attrs=attrs).isel(slice=used))
    wave = np.zeros(mask.shape, complex)
    wave[used] = part["wave"].values
    return xr.Dataset(data, attrs=attrs).assign(wave=(("slice", "y", "x"), wave))


def _maps(waves):
    """Maps of DIME, or None where no slice can be inverted."""
    try:
        return methods.invert(waves, "dime")
    except ValueError:
        return None


def _translated(translate, waves):
    """Stiffness (slice, y, x) [Pa] by a map network, 0 in slices without a mask."""
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    wave, mask = waves["wave"].values, waves["mask"].values
    found = np.zeros(mask.shape)
    for row in np.flatnonzero(mask.any(axis=(1, 2))):
        found[row] = translate(wave[row], mask[row], *scale)[0]
    return found


def examine_all(pairs, folders, density, spacing_m, frequency_hz, workers=2):
    """Apply `examine` to many (exam, kind) in parallel; the rows do not depend on the number of processes."""
    task = partial(_examine, folders, density, spacing_m, frequency_hz)
    if workers == 1:
        return [task(pair) for pair in pairs]
    # Spawn: a forked copy of a process whose threads are in use may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(task, pairs))


def _examine(folders, density, spacing_m, frequency_hz, pair):
    return examine(*pair, folders, density, spacing_m, frequency_hz)


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
