"""Figures of merit of inclusions (contrast, outline, edge width), and of variability in uniform tissue.

`find` locates each inclusion in the true map. All figures of merit are then taken on the same pixels of every
estimate. The truth itself scores a recovered contrast of 100 % and a Dice coefficient of 1.
"""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage, optimize
from scipy.special import ndtr

from dime.metrics import statistics
from dime.physics import shear_wavelength

SURROUNDINGS_M = 0.010
"""Width of the ring around an inclusion that gives its background [m].

Assumption: a third to a half of a shear wavelength.
"""

LEAST_CONTRAST = 1.25
"""An inclusion is not judged if it is stiffer or softer than its surroundings by less than this factor."""

LEAST_PIXELS = 12
"""Smallest inclusion or ring that is judged [pixels]; a uniform region must have three times as many."""

TENTHS = 2 * 1.2815515655446004
"""10-90 % width of a Gaussian-blurred edge, in standard deviations of the blur."""

SEEN = 0.2
"""An estimate whose step is below this fraction of the true step shows no edge and has no edge width."""


class Inclusion(NamedTuple):
    """Pixels, size and contrast of one inclusion; all maps are (y, x).

    core, around : pixels of the inclusion and of the ring, away from the edge; they define the contrast
    inside : pixels past half contrast; window : these and all pixels near enough to be confused with them
    depth_m : distance to the edge [m], positive inside
    contrast : true stiffness of the inclusion over that of its surroundings
    diameter_m : diameter of the disc of equal area [m]
    diameter_wavelengths : the same in shear wavelengths of the surroundings
    """

    core: np.ndarray
    around: np.ndarray
    inside: np.ndarray
    window: np.ndarray
    depth_m: np.ndarray
    contrast: float
    diameter_m: float
    diameter_wavelengths: float


def find(truth, mask, lesions, coordinates, frequency_hz):
    """Find the inclusions of a phantom that can be judged.

    Inclusions below `LEAST_CONTRAST`, or with fewer than `LEAST_PIXELS` inside or around, are left out.

    Parameters
    ----------
    truth : (y, x) array [Pa]
    mask : (y, x) bool array
    lesions : list of dict
        From the phantom's label: x_m, y_m, reach_m, edge_m, stiffness_pa.
    coordinates : (y_m, x_m)
        Pixel centres [m].
    frequency_hz : float

    Returns
    -------
    list of Inclusion
    """
    y, x = (np.asarray(c, float) for c in coordinates)
    spacing_m = x[1] - x[0]
    away = [np.hypot(x - lesion["x_m"], y[:, None] - lesion["y_m"]) for lesion in lesions]
    found = []
    for number, lesion in enumerate(lesions):
        margin = spacing_m + 1.5 * lesion["edge_m"]
        others = np.zeros(mask.shape, bool)
        for distance, other in zip(away, lesions, strict=True):
            if other is not lesion:
                others |= distance < other["reach_m"] + 1.5 * other["edge_m"] + spacing_m
        beyond = away[number] - lesion["reach_m"] - margin
        ring = mask & ~others & (beyond > 0) & (beyond < SURROUNDINGS_M)
        if ring.sum() < LEAST_PIXELS:
            continue
        background = np.median(truth[ring])
        half = (lesion["stiffness_pa"] + background) / 2
        past = truth > half if lesion["stiffness_pa"] > background else truth < half
        inside = mask & past & (away[number] <= lesion["reach_m"] + spacing_m)
        contrast = lesion["stiffness_pa"] / background
        if inside.sum() < LEAST_PIXELS or abs(np.log(contrast)) < np.log(LEAST_CONTRAST):
            continue
        depth = _depth(inside) * spacing_m
        window = mask & ~others & (depth > -margin - SURROUNDINGS_M)
        diameter = 2 * np.sqrt(inside.sum() / np.pi) * spacing_m
        found.append(
            Inclusion(
                core=inside & (depth > min(margin, depth.max() / 2)),
                around=window & (depth < -margin),
                inside=inside,
                window=window,
                depth_m=depth,
                contrast=float(contrast),
                diameter_m=float(diameter),
                diameter_wavelengths=float(diameter / shear_wavelength(background, frequency_hz)),
            )
        )
    return found


def judge(estimate, truth, inclusion):
    """All figures of merit of one inclusion on one map (y, x).

    Returns
    -------
    dict
        recovered_contrast [%], cnr, dice, edge_width_mm (NaN where the edge is not seen), edge_seen (0 or 1).
    """
    width = edge_width(estimate, truth, inclusion)
    return {
        "recovered_contrast": 100 * recovered_contrast(estimate, truth, inclusion),
        "cnr": contrast_to_noise(estimate, inclusion),
        "dice": dice(estimate, truth, inclusion),
        "edge_width_mm": 1e3 * width,
        "edge_seen": float(np.isfinite(width)),
    }


def recovered_contrast(estimate, truth, inclusion):
    """Step from surroundings to core of the estimate over that of the truth; 1 is perfect, 0 a flat map."""
    return _step(estimate, inclusion) / _step(truth, inclusion)


def contrast_to_noise(estimate, inclusion):
    """|mean core - mean around| / sqrt((var core + var around) / 2); infinite where both are constant."""
    spread = np.sqrt((estimate[inclusion.core].var() + estimate[inclusion.around].var()) / 2)
    with np.errstate(divide="ignore"):
        return float(abs(_step(estimate, inclusion)) / spread)


def dice(estimate, truth, inclusion):
    """Dice 2 |A and B| / (|A| + |B|): A the inclusion, B the window's pixels past half the true contrast."""
    half = (truth[inclusion.core].mean() + truth[inclusion.around].mean()) / 2
    past = estimate > half if _step(truth, inclusion) > 0 else estimate < half
    past &= inclusion.window
    return float(2 * (past & inclusion.inside).sum() / (past.sum() + inclusion.inside.sum()))


def edge_width(estimate, truth, inclusion):
    """10-90 % width [m] of an inclusion's edge, from the blurred and shifted step that fits the window best.

    E(d) = a + b Phi((d - d0) / s) over the distances d to the true edge; width = 2.56 s. The blur s is kept
    below the window's extent on its narrower side: wider edges cannot be distinguished there.

    Returns
    -------
    float
        NaN where b is less than the fraction `SEEN` of the true step: there is no edge.
    """
    d, values = inclusion.depth_m[inclusion.window], estimate[inclusion.window]
    reach = min(d.max(), -d.min())
    near = np.abs(d) <= reach
    d, values = d[near], values[near]
    smallest = 0.1 * np.min(np.abs(d))

    def fit(unknowns):
        d0, log_s = unknowns
        terms = np.stack([np.ones_like(d), ndtr((d - d0) / np.exp(log_s))], 1)
        solution = np.linalg.lstsq(terms, values, rcond=None)[0]
        return solution, terms @ solution - values

    bounds = ([-reach / 2, np.log(smallest)], [reach / 2, np.log(reach)])
    scale = np.abs(_step(truth, inclusion))
    starts = [(0.0, np.log(max(share * reach, 2 * smallest))) for share in (0.05, 0.3)]
    fits = [optimize.least_squares(lambda u: fit(u)[1] / scale, start, bounds=bounds) for start in starts]
    best = min(fits, key=lambda found: found.cost).x
    step = fit(best)[0][1]
    if step * np.sign(_step(truth, inclusion)) < SEEN * scale:
        return np.nan
    return float(TENTHS * np.exp(best[1]))


def variation(estimate, truth, mask):
    """Inter-pixel variability [%]: sd / mean of an estimate where the truth is constant.

    Regions are connected pixels whose truth equals that of their neighbours. The mean over regions is
    weighted by their number of pixels.

    Returns
    -------
    float
        NaN where no region is large enough.
    """
    values = np.where(mask, truth, 0)
    high, low = ndimage.maximum_filter(values, 3), ndimage.minimum_filter(values, 3)
    labels, count = ndimage.label(mask & (high - low < 1e-4 * high))
    parts = [labels == number for number in range(1, count + 1)]
    parts = [part for part in parts if part.sum() >= 3 * LEAST_PIXELS]
    if not parts:
        return np.nan
    spread = [100 * estimate[part].std() / estimate[part].mean() for part in parts]
    return float(np.average(spread, weights=[part.sum() for part in parts]))


FIGURES = ("recovered_contrast", "cnr", "dice", "edge_width_mm", "edge_seen")


def judge_study(maps, study):
    """Judge every inclusion of every slice on every map; one row each.

    Parameters
    ----------
    maps : dict
        Method -> (phantom, y, x) array [Pa].
    study : xarray.Dataset
        stiffness, mask, label (JSON with `lesions`), y, x; attrs frequency_hz.

    Returns
    -------
    pandas.DataFrame
        method, case (from 1), contrast, diameter_mm, diameter_wavelengths, and `FIGURES`; no row for a study
        without inclusions.
    """
    rows, coordinates = [], (study["y"].values, study["x"].values)
    columns = ["method", "case", "contrast", "diameter_mm", "diameter_wavelengths", *FIGURES]
    for case, label in enumerate(study["label"].values):
        truth, mask = (study[name].values[case] for name in ("stiffness", "mask"))
        lesions = json.loads(str(label)).get("lesions", [])
        for one in find(truth, mask, lesions, coordinates, study.attrs["frequency_hz"]):
            place = {"case": case + 1, "contrast": one.contrast}
            place |= {"diameter_mm": 1e3 * one.diameter_m, "diameter_wavelengths": one.diameter_wavelengths}
            rows += [place | {"method": m} | judge(maps[m][case], truth, one) for m in maps]
    return pd.DataFrame(rows, columns=columns)


def summarise_inclusions(table, methods):
    """Means of `FIGURES` by method, with intervals; a case counts once, as the mean of its inclusions."""
    per_case = table.groupby(["method", "case"], as_index=False)[list(FIGURES)].mean()
    return {
        m: {name: statistics.bootstrap_mean(per_case.loc[per_case["method"] == m, name]) for name in FIGURES}
        for m in methods
    }


def _step(values, inclusion):
    return values[inclusion.core].mean() - values[inclusion.around].mean()


def _depth(inside):
    """Distance to the edge [pixels], positive inside; 0.5 in the pixels next to it."""
    inner = ndimage.distance_transform_edt(inside)
    outer = ndimage.distance_transform_edt(~inside)
    return np.where(inside, inner - 0.5, 0.5 - outer)
