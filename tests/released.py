"""Reads the DIME authors' released maps (environment variable DIME_REFERENCE) and compares MMDI with theirs.

The released waves were rescaled per channel and set to 0 outside the mask: their zero of displacement is
lost. MMDI as the authors ran it saw a step at the outline whose height is that zero level, and its ringing
fills the maps of study 1a (a uniform disc: all that varies there is ringing). `zero_level` recovers those
two numbers per case from the map itself; with `dime.mmdi`'s default continuation of the wave past the
outline there is no step and no level to know.
"""

import os
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage, optimize
from scipy.io import loadmat

from dime import mmdi

FREQUENCY_HZ = 60.0
STUDIES = {"study1a": 1250, "study1b": 1350, "study2": 1450}
CASES = (1, 2, 3, 4, 5)
CALIBRATION = (1, 2)
ASSUMED_SPACING_M = 1.0e-3
"""Pixel size that the authors' MMDI assumed in the phantoms, inferred: with it the median ratio is 1."""
IN_VIVO_SPACING_M = 1.40625e-3
SLICES = tuple(range(51, 61))
ERODE_PX = 10
CEILING_PA = 15e3


def folder():
    """The released data, or None."""
    path = os.environ.get("DIME_REFERENCE")
    return Path(path) if path else None


def read_case(study, case):
    """Wave (y, x) complex, mask, and the authors' MMDI map [Pa]."""
    stem = f"{folder() / study / str(STUDIES[study] + case)}_"
    channels = np.asarray(nibabel.load(stem + "wave.nii.gz").dataobj, float)
    mask = ndimage.binary_fill_holes((channels != 0).any(-1))
    theirs = loadmat(stem + "authors_mmdi.mat")["mmdi_stiff"].astype(float) * 1e3
    return channels[..., 0] + 1j * channels[..., 1], mask, theirs


def read_slice(number):
    """Measured liver: first harmonic, mask, the authors' MMDI map [Pa] (frames are transposed against it)."""
    root = folder() / "study3_in_vivo"
    frames = np.squeeze(np.asarray(nibabel.load(root / "Processed Data" / f"{number}.nii").dataobj, float))
    frames = frames.transpose(1, 0, 2)  # (y, x, offset)
    mask = (frames != 0).any(-1)
    turns = np.exp(-2j * np.pi * np.arange(frames.shape[-1]) / frames.shape[-1])
    wave = 2 / frames.shape[-1] * ((frames - 2047.5) * turns).sum(-1)
    theirs = loadmat(root / "Processed Stiffness" / f"{number}.mat")["stiff"] * 10.0
    return wave, mask, theirs


def agreement(ours, mask, theirs, erode_px=ERODE_PX):
    """Pearson r and ratio of the medians in the eroded mask, their pixels above 15 kPa (or at 0) left out."""
    inner = ndimage.binary_erosion(mask, iterations=erode_px) & (theirs < CEILING_PA) & (theirs > 0)
    r = np.corrcoef(ours[inner], theirs[inner])[0, 1]
    return float(r), float(np.median(ours[inner]) / np.median(theirs[inner]))


def zero_level(wave, mask, theirs, settings):
    """Complex zero of displacement of a released wave: the one whose step at the outline explains their map.

    Maximises the correlation of log stiffness over the whole mask, the smallest window alone; the filtered
    wave and the filtered mask are computed once, each trial combines them.
    """
    mean = wave[mask].mean()
    scale = np.sqrt(np.mean(np.abs(wave[mask] - mean) ** 2) / 2)
    every_third = np.zeros(mask.shape, bool)
    every_third[::3, ::3] = True
    used = mask & every_third & (theirs < CEILING_PA) & (theirs > 0)
    target = np.log(theirs[used])

    def respond(image):
        filtered = mmdi.band_pass(
            image.astype(complex),
            ASSUMED_SPACING_M,
            settings.low_cut_per_m,
            settings.high_cut_per_m,
            settings.band_pass_order,
        )
        parts = mmdi.directional_filters(filtered, settings.directions, settings.directional_power)
        fitted = mmdi.fit_laplacian(parts, ASSUMED_SPACING_M, min(settings.windows_m))
        return np.stack([part[:, used] for part in fitted])

    of_wave, of_step = respond(np.where(mask, wave - mean, 0)), respond(mask * scale)

    def mismatch(level):
        value, laplacian = of_wave - (level[0] + 1j * level[1]) * of_step
        return -np.corrcoef(np.log(mmdi.combine_directions(value, laplacian, FREQUENCY_HZ)), target)[0, 1]

    axis = np.linspace(-3.5, 3.5, 15)
    start = min(((a, b) for a in axis for b in axis), key=mismatch)
    simplex = np.array(start) + np.array([[0, 0], [0.3, 0], [0, 0.3]])
    options = {"maxfev": 80, "initial_simplex": simplex}
    best = optimize.minimize(mismatch, start, method="Nelder-Mead", options=options).x
    return mean + scale * (best[0] + 1j * best[1])


def compare_case(study, case, restore, erode_px=ERODE_PX):
    """Agreement of one case by default settings, or with the zero level restored and the step kept."""
    settings = mmdi.Settings()
    wave, mask, theirs = read_case(study, case)
    if restore:
        settings = replace(settings, decay_m=0)
        wave = wave - zero_level(wave, mask, theirs, settings)
    ours = mmdi.invert(wave, mask, ASSUMED_SPACING_M, FREQUENCY_HZ, settings).stiffness
    return agreement(ours, mask, theirs, erode_px)


def compare_slice(number, spacing_m=IN_VIVO_SPACING_M, erode_px=5):
    """Agreement of one measured slice, default settings."""
    wave, mask, theirs = read_slice(number)
    ours = mmdi.invert(wave, mask, spacing_m, FREQUENCY_HZ).stiffness
    return agreement(ours, mask, theirs, erode_px)
