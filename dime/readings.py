"""One stiffness for each subject: an automatic region of interest, and every method's mean over it.

The region is what erosion, the magnitude's vessels and a method's own confidence leave.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import torch
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter

from dime import cohorts, inversion

STAGE_CUTOFFS_PA = (2.9e3, 3.2e3, 3.75e3, 4.5e3)
"""Stiffness from which a liver is staged F1, F2, F3, F4.

Source: reporting bands at 60 Hz, kPa: < 2.9 normal or inflammation; 2.9-3.5 F1-2; 3.5-4.0 F2-3; 4.0-5.0 F3-4;
> 5.0 F4. Assumption: a band that two stages share is split in its middle.
"""

LEAST_CONFIDENCE = 0.95
"""Below which clinical reports leave out a pixel of a direct inversion."""

LEAST_AREA_M2 = 10e-4
"""Smallest region, over all slices, that a subject's stiffness is read from.

Assumption: some 450 pixels of 1.5 mm; a smaller remainder does not speak for a liver.
"""


def parenchyma(magnitude, mask, spacing_m, rim_m, smoothing_m=15e-3, contrast=0.12):
    """Tissue away from the outline and from what differs in brightness from its surroundings: vessels.

    A pixel is left out where the median magnitude over the offsets, smoothed by a pixel, differs by more than
    `contrast` from its surroundings', a Gaussian mean of the tissue of standard deviation `smoothing_m`; so
    are its neighbours.

    Parameters
    ----------
    magnitude : (offset, y, x) array
    mask : (y, x) bool array
    spacing_m, rim_m : float
        Pixel, and the depth of the erosion [m].

    Returns
    -------
    (y, x) bool array

    Assumption: 12 % is several times the noise of eight offsets at a ratio of 15, where shading halves it.
    """
    log = np.where(mask, np.log(np.maximum(np.median(magnitude, axis=0), 1e-9)), 0)
    # The clip keeps a wide bright vessel from passing for its own surroundings.
    middle = np.median(log[mask])
    clipped = np.where(mask, np.clip(log, middle - 0.5, middle + 0.5), 0)
    fine, coarse = (
        gaussian_filter(image, sigma) / np.maximum(gaussian_filter(mask.astype(float), sigma), 1e-9)
        for image, sigma in ((log, 1), (clipped, smoothing_m / spacing_m))
    )
    differs = mask & (np.abs(fine - coarse) > contrast)
    # Padding: the edge of the image is an outline too.
    deep = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] * spacing_m > rim_m
    return deep & ~binary_dilation(differs)


def reliable(inverted, region, widest=2.0):
    """The part of a region where a method vouches for its own map.

    Parameters
    ----------
    inverted : xarray.Dataset
        From `inversion.invert`.
    region : (..., y, x) bool array
    widest : float
        Of a network: widest interval of log stiffness, relative to the median over the region.

    Returns
    -------
    (..., y, x) bool array

    Assumption: a network's interval is compared with its others in the same subject, not with a fixed width:
    how wide they are on the whole is the network's quality, and a poor one would vouch for nothing.
    """
    if "confidence" in inverted:
        return region & (inverted["confidence"].values >= LEAST_CONFIDENCE)
    uncertainty = inverted["uncertainty"].values
    if not region.any():
        return region
    return region & inverted["trusted"].values & (uncertainty <= widest * np.median(uncertainty[region]))


def mean_over(values, region, spacing_m):
    """Mean of maps (slice, y, x) over a region of all slices; NaN where that is below `LEAST_AREA_M2`."""
    if np.count_nonzero(region) * spacing_m**2 < LEAST_AREA_M2:
        return np.nan
    return float(values[region].mean())


def staged(stiffness_pa):
    """Fibrosis stage 0 to 4 of each stiffness [Pa], by `STAGE_CUTOFFS_PA`."""
    return np.digitize(stiffness_pa, STAGE_CUTOFFS_PA)


def invert_all(waves, models):
    """Every method's maps: MMDI's and those of each network.

    Parameters
    ----------
    waves : xarray.Dataset
        For `inversion.invert`.
    models : dict
        Name -> folder of a trained network.

    Returns
    -------
    dict
        Name -> xarray.Dataset.
    """
    maps = {name: inversion.invert(waves, "dime", model) for name, model in models.items()}
    return maps | {"mmdi": inversion.invert(waves, "mmdi")}


def measure(protocol, models, seed, rim_m, subject, stage, visit=0, snrs=None, keep_maps=False):
    """One subject's visit, from phase images to one stiffness by each method, once per signal-to-noise ratio.

    Parameters
    ----------
    protocol : cohorts.Protocol
    models : dict
        Name -> folder of a trained network.
    seed : int
        Of the cohort.
    rim_m : float
        Depth of the erosion [m].
    subject, visit : int
    stage : str
    snrs : sequence of float, optional
        By default the protocol's.
    keep_maps : bool
        Return the maps too, of the last ratio.

    Returns
    -------
    rows : list of dict
        One per method and ratio, "truth" among the methods: subject, stage, visit, snr, method, stiffness
        [kPa] (NaN where the region is too small), area [cm2], and how the region did: `vessels_left_out` and
        `tissue_lost`, shares of the eroded vessels and of the eroded parenchyma.
    maps : xarray.Dataset or None
        wave, stiffness, mask, a map per method, and `region_NAME`.
    """
    torch.set_num_threads(1)
    examined = cohorts.examine(protocol, seed, subject, stage, visit)
    rows, spacing = [], protocol.spacing_m
    for snr in snrs or (protocol.snr,):
        waves = cohorts.first_harmonic(cohorts.record(examined, replace(protocol, snr=snr)))
        mask, vessel = waves["mask"].values, waves["vessels"].values > 0.5
        pairs = list(zip(waves["magnitude"].values, mask, strict=True))
        anatomy = np.stack([parenchyma(m, inside, spacing, rim_m) for m, inside in pairs])
        flat = np.ones((1, *mask.shape[1:]))
        eroded = np.stack([parenchyma(flat, inside, spacing, rim_m) for inside in mask])
        seen, tissue = eroded & vessel, eroded & ~vessel
        common = {"subject": subject, "stage": stage, "visit": visit, "snr": snr}
        common["vessels_left_out"] = float(np.mean(~anatomy[seen])) if seen.any() else np.nan
        common["tissue_lost"] = float(np.mean(~anatomy[tissue])) if tissue.any() else np.nan
        inverted = invert_all(waves, models)
        regions = {"truth": anatomy} | {name: reliable(one, anatomy) for name, one in inverted.items()}
        values = {"truth": waves["stiffness"]} | {name: one["stiffness"] for name, one in inverted.items()}
        for name, region in regions.items():
            mean = mean_over(values[name].values, region, spacing) / 1e3
            area = 1e4 * np.count_nonzero(region) * spacing**2
            rows.append(common | {"method": name, "stiffness": mean, "area": area})
    if not keep_maps:
        return rows, None
    maps = waves[["wave", "stiffness", "mask", "turns", "phase", "magnitude"]]
    maps = maps.assign({name: one["stiffness"] for name, one in inverted.items()})
    return rows, maps.assign({f"region_{n}": (("slice", "y", "x"), region) for n, region in regions.items()})


def measure_all(visits, protocol, models, seed, rim_m, workers=2, **options):
    """`measure` of many visits, in several processes; the result does not depend on how many.

    Parameters
    ----------
    visits : list of dict
        subject, stage and, optionally, visit.
    workers : int
        1 works in this process.
    options : snrs, keep_maps

    Returns
    -------
    rows : list of dict
    maps : list of xarray.Dataset or None, one per visit
    """
    task = partial(_measure, protocol, models, seed, rim_m, options)
    if workers == 1:
        found = [task(visit) for visit in visits]
    else:
        # Fresh processes: a fork of one whose threads are in use may hang.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            found = list(pool.map(task, visits))
    return [row for rows, _ in found for row in rows], [maps for _, maps in found]


def _measure(protocol, models, seed, rim_m, options, visit):
    return measure(protocol, models, seed, rim_m, **visit, **options)
