"""Segment the liver, and the region that a stiffness may be reported from, by a convolutional network.

The network sees four scale-free images on a grid of 3 mm (`dime.liver.features`) and marks every pixel twice.
`segment` turns its probabilities into masks on the grid of the images.
"""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import ndimage
from torch.nn import functional as F

from dime.learning import checkpoints
from dime.liver.features import features, reportable_region
from dime.liver.networks import KINDS, marked
from dime.metrics.overlap import dice, hd95, volume_error
from dime.phantoms.abdomen import ID

LARGEST_HOLE_M2 = 3e-4
"""Holes of a slice's mask up to this area are filled [m^2]: vessels, which belong to the liver."""

LEAST_PIECE_M2 = 3e-4
"""Pieces of a slice's mask below this area are removed [m^2]."""


class Segmentation(NamedTuple):
    """What a segmenter says about one examination, on the grid of its images.

    liver, reportable : (slice, y, x) bool; the reportable region lies in the liver
    probability : (slice, y, x) float32, that a pixel is liver, before any cleaning
    bottleneck : (slice, channel) float32, mean over the slice of the network's deepest features; None where
        the mask was given
    """

    liver: np.ndarray
    reportable: np.ndarray
    probability: np.ndarray
    bottleneck: np.ndarray


def load_segmenter(folder):
    """Read a trained segmenter.

    Returns
    -------
    network : SegmentationUNet or ResidualSegmenter
        In evaluation mode.
    card : dict

    Raises
    ------
    FileNotFoundError, ValueError
        As `dime.learning.checkpoints.load_model`; or the card's `kind` is none of `KINDS`.
    """
    kind = checkpoints.read_card(folder).get("kind")
    if kind not in KINDS:
        raise ValueError(f"{folder}: expected a segmenter of kind {', '.join(KINDS)}, found {kind!r}")
    return checkpoints.load_model(folder, KINDS[kind])


@torch.no_grad()
def segment(network, magnitude, phase, spacing_m):
    """Mark the liver and its reportable region in one examination.

    The network's probabilities are resampled linearly to the grid of the images and cut at 1/2. Of the liver
    the largest connected part over all slices is kept (`clean`). The reportable region is cut to the liver.

    Parameters
    ----------
    network : SegmentationUNet or ResidualSegmenter
        From `load_segmenter`.
    magnitude, phase : (slice, offset, y, x) arrays, any unit and [rad]
    spacing_m : float

    Returns
    -------
    Segmentation
        Its masks are empty where there is no liver.

    Raises
    ------
    ValueError
        As `features`.
    """
    images = torch.from_numpy(features(magnitude, phase, spacing_m))
    logits, deepest = marked(network, images)
    shares = F.interpolate(logits.sigmoid(), np.shape(phase)[2:], mode="bilinear", align_corners=False)
    probability, reportable = shares.numpy().transpose(1, 0, 2, 3)
    liver = clean(probability > 0.5, spacing_m)
    return Segmentation(liver, liver & (reportable > 0.5), probability, deepest.numpy())


def clean(mask, spacing_m):
    """Largest connected part of a mask (slice, y, x), its small holes filled, its small pieces removed.

    Parts are connected through faces of pixels, from slice to slice too. Holes up to `LARGEST_HOLE_M2` are
    filled and pieces below `LEAST_PIECE_M2` removed, slice by slice.
    """
    parts, count = ndimage.label(mask)
    if count == 0:
        return mask
    largest = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    return np.stack([_without_specks(one, spacing_m) for one in largest])


def _without_specks(mask, spacing_m):
    holes, _ = ndimage.label(~mask)
    areas = np.bincount(holes.ravel()) * spacing_m**2
    mask = mask | ((areas <= LARGEST_HOLE_M2)[holes] & (holes > 0))
    pieces, _ = ndimage.label(mask)
    areas = np.bincount(pieces.ravel()) * spacing_m**2
    return mask & (areas >= LEAST_PIECE_M2)[pieces]


def segment_cohort(network, dataset):
    """Segment every examination of a cohort.

    Parameters
    ----------
    network : SegmentationUNet or ResidualSegmenter
    dataset : xarray.Dataset
        `magnitude`, `phase` (exam, slice, offset, y, x); `spacing_m` in attrs.

    Returns
    -------
    list of Segmentation
    """
    found = []
    for place in range(dataset.sizes["exam"]):
        exam = dataset.isel(exam=place)
        images = (exam[name].values for name in ("magnitude", "phase"))
        found.append(segment(network, *images, dataset.attrs["spacing_m"]))
    return found


def judge(found, dataset):
    """How far segmentations are from the truth of a simulated cohort.

    Parameters
    ----------
    found : list of Segmentation
        From `segment_cohort`.
    dataset : xarray.Dataset
        `liver`, `tissue` (exam, slice, y, x), `phase`, and `label`, a JSON text of each examination.

    Returns
    -------
    pandas.DataFrame
        A row per examination: exam; dice, volume_error, dice_reportable over all slices; hd95_mm, the mean
        over the slices in which both masks have pixels; dice_by_slice, a list; stage, bmi, field_t.
    """
    spacing_m, rows = dataset.attrs["spacing_m"], []
    for place, own in enumerate(found):
        exam = dataset.isel(exam=place)
        liver, label = exam["liver"].values, json.loads(str(exam["label"].values))
        region = reportable_region(
            liver, exam["tissue"].values == ID["vessel"], exam["phase"].values, spacing_m
        )
        slices = list(zip(own.liver, liver, strict=True))
        distances = np.array([hd95(*pair, spacing_m) for pair in slices])
        row = {"exam": place, "dice": dice(own.liver, liver), "volume_error": volume_error(own.liver, liver)}
        row["dice_reportable"] = dice(own.reportable, region)
        known = np.isfinite(distances)
        row["hd95_mm"] = 1e3 * distances[known].mean() if known.any() else np.nan
        row["dice_by_slice"] = [dice(*pair) for pair in slices]
        rows.append(row | {name: label[name] for name in ("stage", "bmi", "field_t")})
    return pd.DataFrame(rows)
