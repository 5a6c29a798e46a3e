"""One stiffness for each subject: an automatic region of interest, and every method's mean over it.

The region is what erosion, the magnitude's vessels and a method's own confidence leave.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import torch

from dime.inversion import methods
from dime.metrics.roi import mean_over, parenchyma, reliable
from dime.simulation import cohort


def invert_all(waves, models):
    """Every method's maps: MMDI's and those of each network.

    Parameters
    ----------
    waves : xarray.Dataset
        For `methods.invert`.
    models : dict
        Name -> folder of a trained network.

    Returns
    -------
    dict
        Name -> xarray.Dataset.
    """
    maps = {name: methods.invert(waves, "dime", model) for name, model in models.items()}
    return maps | {"mmdi": methods.invert(waves, "mmdi")}


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
    examined = cohort.examine(protocol, seed, subject, stage, visit)
    rows, spacing = [], protocol.spacing_m
    for snr in snrs or (protocol.snr,):
        waves = cohort.first_harmonic(cohort.record(examined, replace(protocol, snr=snr)))
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
