"""Scores of estimated tissue maps, as the original has them: Dice, PSNR and SSIM of each tissue.

Dice compares labels: a voxel belongs to the tissue of its largest fraction, or to none where all are small.
PSNR and SSIM compare the fractions themselves, over the whole image.

    PSNR = -10 log10 mean (p - p_true)^2  [dB]
"""

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dime.brain.tissues import TISSUES
from dime.metrics.overlap import dice

EMPTY = 0.35
"""A voxel with no fraction of at least this much belongs to no tissue.

Source: BMapEst's repository (arXiv 2404.14739)."""

SCORES = ("dice", "psnr_db", "ssim")


def scores(estimate, truth):
    """Score maps of one brain.

    Parameters
    ----------
    estimate, truth : (tissue, y, x) arrays or tensors
        Fractions in the order of `TISSUES`; those of the estimate are cut to 0 to 1.

    Returns
    -------
    list of dict
        tissue, and the figures of `SCORES`; PSNR is infinite where the maps are equal.

    Source: Wang 2004, IEEE Transactions on Image Processing 13:600, for SSIM, with the 7 x 7 window of
    scikit-image. Assumption: the original's window is not known.
    """
    estimate, truth = (np.asarray(one, dtype=np.float64) for one in (estimate, truth))
    if estimate.shape != truth.shape or len(truth) != len(TISSUES):
        raise ValueError(f"estimate: expected the truth's shape {truth.shape}, found {estimate.shape}")
    estimate = estimate.clip(0, 1)
    found, known = labels_of(estimate), labels_of(truth)
    rows = []
    for place, name in enumerate(TISSUES):
        with np.errstate(divide="ignore"):
            psnr = peak_signal_noise_ratio(truth[place], estimate[place], data_range=1)
        ssim = structural_similarity(truth[place], estimate[place], data_range=1)
        shared = dice(found == place + 1, known == place + 1)
        rows.append({"tissue": name, "dice": shared, "psnr_db": float(psnr), "ssim": float(ssim)})
    return rows


def labels_of(fractions):
    """Label of every voxel: 0 none, then 1, 2, 3 in the order of `TISSUES`; (y, x) of (tissue, y, x)."""
    fractions = np.asarray(fractions)
    return np.where(fractions.max(axis=0) < EMPTY, 0, fractions.argmax(axis=0) + 1)
