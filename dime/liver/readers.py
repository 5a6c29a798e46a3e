"""Simulated readers: each draws a region by a habit of their own, and reads the mean of MMDI's map over it.

outline with an error -> margin, vessels, left lobe, confidence -> a freehand part in each slice -> mean.
`calibrate` finds the size of freehand regions at which they differ as clinical readers do.
"""

import json
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np
import xarray as xr
from scipy import ndimage

from dime.files.pipeline import present
from dime.inversion import methods
from dime.metrics import agreement
from dime.metrics.roi import LEAST_AREA_M2, LEAST_CONFIDENCE, mean_over, parenchyma
from dime.mri.noise import unit_rms
from dime.processes import run_all
from dime.simulation import cohort

SMOOTH_M = 15e-3
"""Smoothness of a drawn outline's error [m]. Assumption: a straying hand comes back after a few cm."""

SPREAD = 0.095
"""Standard deviation of the relative difference between two readers that `calibrate` aims at.

Source: Dzyubak et al., a program (ALEC) against a reader: -0.8 +- 9.45 % (3D), -3.2 +- 10.43 % (2D).
Assumption: two readers differ as that program and its reader do."""

FACTORS = (0.25, 0.5, 1.0, 2.0, 3.0)
"""Factors of carelessness that `calibrate` tries: regions of 40 cm2 in a slice down to the least."""


@dataclass(frozen=True)
class Reader:
    """One reader's habit.

    margin_m : distance from the drawn outline [m], 5 to 12 mm
    left_lobe : probability that an examination's left lobe is kept, 0.3 to 0.9
    contrast : contrast of the magnitude from which a vessel is left out, 8 to 20 %; infinity leaves none out
    obeys : whether pixels of MMDI's confidence below `LEAST_CONFIDENCE` are left out
    slices : largest number of slices read, 2 to 4
    outline_error_m : rms error of the drawn outline [m], 2 to 4 mm
    area_m2 : area of the freehand region in each slice [m^2]; infinity takes all that is left
    """

    name: str
    margin_m: float
    left_lobe: float
    contrast: float
    obeys: bool
    slices: int
    outline_error_m: float
    area_m2: float


READERS = (
    Reader("A", 6e-3, 0.3, 0.10, False, 4, 2e-3, 10e-4),
    Reader("B", 8e-3, 0.6, 0.13, True, 3, 3e-3, 10e-4),
    Reader("C", 11e-3, 0.9, 0.18, True, 2, 4e-3, 10e-4),
)
"""Three readers who differ in every habit.

Assumption: guidelines fix the kinds of habit (stay inside the outline, leave out vessels and low confidence,
read several slices, at least 10 cm2 in all), not their values. These span the ranges of `Reader`. The rim,
the left lobe and pixels of low confidence read soft; no reader keeps all three, so on average they agree."""


def careless(reader, factor):
    """The reader with freehand regions smaller by a factor."""
    return replace(reader, area_m2=reader.area_m2 / factor)


def hand(seed, reader, exam, repeat=0):
    """Random numbers of a reader's reading of an examination, the same in every run and every process."""
    return np.random.default_rng([seed, *reader.name.encode(), exam, repeat])


def draw_region(reader, liver, magnitude, confidence, spacing_m, rng):
    """Region of interest that a reader draws in an examination.

    In each of the slices read: the signed distance to the outline plus a smooth random field is the depth
    under the drawn outline. The reader stays `margin_m` below it, leaves out vessels (`roi.parenchyma`),
    sometimes the left lobe (x > 0, the patient's left of the midline) and, if they obey it, low confidence.
    Of what remains, the freehand region takes the pixels nearest to a random place, up to `area_m2` or the
    slice's share of `LEAST_AREA_M2`.

    Parameters
    ----------
    reader : Reader
    liver : (slice, y, x) bool array
        The true liver. x grows to the patient's left; the middle column is the body's midline.
    magnitude : (slice, offset, y, x) array, any unit
    confidence : (slice, y, x) array, of MMDI, 0..1
    spacing_m : float [m]
    rng : numpy.random.Generator, see `hand`

    Returns
    -------
    (slice, y, x) bool array
        Inside the liver: beyond it there is no map.

    Assumption: slices and places are random; confidence stands for the strong waves that readers look for.
    """
    region = np.zeros(liver.shape, bool)
    left = rng.uniform() < reader.left_lobe
    order, places = rng.permutation(len(liver)), rng.uniform(size=len(liver))
    if not liver.any():
        return region
    margin = int(np.ceil(3 * SMOOTH_M / spacing_m))
    used = [np.flatnonzero(liver.any(axis=axes)) for axes in ((0, 2), (0, 1))]
    box = tuple(slice(max(rows[0] - margin, 0), rows[-1] + margin + 1) for rows in used)
    uneven = rng.standard_normal(liver[:, *box].shape)
    lobes = left | (np.arange(liver.shape[2])[box[1]] <= (liver.shape[2] - 1) / 2)
    chosen = [i for i in order if liver[i].any()][: reader.slices]
    area_m2 = max(reader.area_m2, LEAST_AREA_M2 / len(chosen))
    for i in chosen:
        inside = liver[i][box]
        drawn = _drawn(inside, reader.outline_error_m, uneven[i], spacing_m)
        if not drawn.any():
            continue
        kept = parenchyma(magnitude[i][:, *box], drawn, spacing_m, reader.margin_m, contrast=reader.contrast)
        kept &= inside & lobes
        if reader.obeys:
            kept &= confidence[i][box] >= LEAST_CONFIDENCE
        region[i][box] = _freehand(kept, area_m2, spacing_m, places[i])
    return region


def _drawn(inside, error_m, uneven, spacing_m):
    """Organ (y, x) within an outline that strays by `error_m` rms; `uneven` is white noise of its shape."""
    out = np.pad(inside, 1)
    depths = (ndimage.distance_transform_edt(side)[1:-1, 1:-1] - 0.5 for side in (out, ~out))  # pixel's edge
    depth_m = np.where(inside, *depths) * np.where(inside, spacing_m, -spacing_m)
    smooth = ndimage.gaussian_filter(uneven, SMOOTH_M / spacing_m)
    return depth_m + error_m * unit_rms(smooth, np.abs(depth_m) < SMOOTH_M) > 0


def _freehand(kept, area_m2, spacing_m, place):
    """Pixels of (y, x) nearest to one of them, up to an area [m^2]; `place` in 0..1 chooses that one."""
    if np.count_nonzero(kept) * spacing_m**2 <= area_m2:
        return kept
    pixels = np.argwhere(kept)
    away = np.sum((pixels - pixels[int(place * len(pixels))]) ** 2, axis=1)
    nearest = np.argsort(away, kind="stable")[: int(np.ceil(area_m2 / spacing_m**2))]
    part = np.zeros_like(kept)
    part[tuple(pixels[nearest].T)] = True
    return part


def read(reader, stiffness, liver, magnitude, confidence, spacing_m, rng):
    """Mean of a map (slice, y, x) [Pa] over the region that a reader draws (`draw_region`).

    In kPa; NaN for a region below `LEAST_AREA_M2`.
    """
    region = draw_region(reader, liver, magnitude, confidence, spacing_m, rng)
    return mean_over(stiffness, region, spacing_m) / 1e3


def mmdi_maps(exam):
    """MMDI's maps of one examination, over the true liver.

    Parameters
    ----------
    exam : xarray.Dataset
        `phase` (slice, offset, y, x) [rad], wrapped; `liver` (slice, y, x) bool; attrs spacing_m,
        frequency_hz.

    Returns
    -------
    stiffness [Pa], confidence (0..1) : (slice, y, x) float32 arrays
        0 outside the liver, and in slices that cannot be inverted.
    """
    if not exam["liver"].any():
        return np.zeros((2, *exam["liver"].shape), np.float32)
    images = {"phase": exam["phase"].astype(np.float32), "mask": exam["liver"]}
    inverted = methods.invert(cohort.first_harmonic(xr.Dataset(images, attrs=exam.attrs)), "mmdi")
    return inverted["stiffness"].values, inverted["confidence"].values


def read_cohort(path, readers, seed, workers=2, repeats=1):
    """Have every examination of a cohort read by every reader; the same for any number of processes.

    Parameters
    ----------
    path : zarr folder of a cohort of simulated abdominal examinations
    readers : sequence of Reader
        What a reader draws at random depends on seed, name, examination and repeat alone.
    seed, workers, repeats : int
        Workers are processes (1: the calling one), repeats the readings of an examination by each reader.

    Returns
    -------
    list of dict
        By examination, repeat and reader: exam, subject, visit, stage, reader, repeat; kpa, the reading
        [kPa]; truth_kpa, the mean of the true stiffness over the same region [kPa], both NaN where the region
        is too small; area_cm2; subject_kpa, the stiffness of the subject's parenchyma [kPa].
    """
    exams = range(xr.open_zarr(present(path), consolidated=False).sizes["exam"])
    tasks = [partial(_read_exam, path, tuple(readers), seed, repeats, exam) for exam in exams]
    found = run_all(tasks, workers, "examinations")
    return [row for rows in found for row in rows]


def load_exam(path, exam):
    """One examination of a cohort, in memory; its attrs hold also what was drawn for it (`label`)."""
    one = xr.open_zarr(present(path), consolidated=False).isel(exam=exam).load()
    return one.assign_attrs(json.loads(str(one["label"].values)))


def _read_exam(path, readers, seed, repeats, exam):
    """Rows of one examination."""
    one = load_exam(path, exam)
    stiffness, confidence = mmdi_maps(one)
    liver, truth = one["liver"].values, one["stiffness"].values
    magnitude, spacing_m = one["magnitude"].values.astype(np.float32), one.attrs["spacing_m"]
    who = {name: one.attrs[name] for name in ("subject", "visit", "stage")}
    who |= {"exam": exam, "subject_kpa": one.attrs["stiffness_pa"] / 1e3}
    rows = []
    for repeat in range(repeats):
        for reader in readers:
            rng = hand(seed, reader, exam, repeat)
            region = draw_region(reader, liver, magnitude, confidence, spacing_m, rng)
            row = {"reader": reader.name, "repeat": repeat, "area_cm2": 1e4 * region.sum() * spacing_m**2}
            for name, values in (("kpa", stiffness), ("truth_kpa", truth)):
                row[name] = mean_over(values, region, spacing_m) / 1e3
            rows.append(who | row)
    return rows


def calibrate(path, seed, readers=READERS, workers=2, repeats=2):
    """Find how careless the readers are: the factor at which they differ by `SPREAD`.

    The training cohort at `path` is read at each of `FACTORS`, with the same random numbers, and the factor
    interpolated. The parameters are those of `read_cohort`.

    Returns
    -------
    dict
        factor, for `careless`; reached, false where no factor gives that spread and the nearest end is taken;
        factors; spread_percent, of each.
    """
    tried = [careless(reader, factor) for factor in FACTORS for reader in readers]
    rows = read_cohort(path, tried, seed, workers, repeats)
    readings = np.reshape([row["kpa"] for row in rows], (-1, len(FACTORS), len(readers)))
    spread = [pooled_spread(at_factor) for at_factor in np.moveaxis(readings, 1, 0)]
    rising = np.maximum.accumulate(spread)
    factor = np.exp(np.interp(SPREAD, rising, np.log(FACTORS)))
    return {
        "factor": float(factor),
        "reached": bool(rising[0] <= SPREAD <= rising[-1]),
        "factors": list(FACTORS),
        "spread_percent": [100 * value for value in spread],
    }


def relative_differences(readings):
    """Differences 2 (a - b) / (a + b) of every pair of readers: (exam, reader) -> (exam, pair)."""
    pairs = combinations(np.moveaxis(np.asarray(readings, float), -1, 0), 2)
    return np.stack([2 * (a - b) / (a + b) for a, b in pairs], axis=-1)


def pooled_spread(readings):
    """Standard deviation of the relative difference of two readers, pooled over the pairs."""
    return float(np.sqrt(np.mean(np.nanvar(relative_differences(readings), axis=0))))


def components(readings):
    """Variance components of log readings (exam, reader), and the ICC that follows from them.

    log r_ij = m + s_i + o_j + e_ij, subjects s, readers o. With the mean squares of n subjects, of k readers
    and of the rest: var e = MSE, var s = (MSR - MSE) / k, var o = (MSC - MSE) / n. The same readers reach a
    higher ICC(A,1) = var s / (var s + var o + var e) where the subjects differ more.

    Source: McGraw and Wong 1996, Psychological Methods 1:30.

    Returns a dict: subjects, error, the standard deviations of s and of o + e [%]; icc. Each is None for
    fewer than three subjects.
    """
    log = np.log(np.stack(agreement.complete(*np.transpose(readings)), axis=-1))
    n, k = log.shape
    if n < agreement.LEAST:
        return dict.fromkeys(("subjects", "error", "icc"))
    rows, columns = log.mean(axis=1, keepdims=True), log.mean(axis=0)
    rest = np.sum((log - rows - columns + log.mean()) ** 2) / ((n - 1) * (k - 1))
    subjects = max(rows.var(ddof=1) - rest / k, 0)
    error = max(rest + columns.var(ddof=1) - rest / n, 0)
    icc = float(subjects / (subjects + error)) if subjects + error > 0 else None
    return {"subjects": 100 * float(np.sqrt(subjects)), "error": 100 * float(np.sqrt(error)), "icc": icc}
