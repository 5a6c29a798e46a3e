"""Read one stiffness per subject: an automatic region of interest, and the mean of every method over it.

The region excludes the rim of the liver, vessels seen in the magnitude, and pixels in which a method reports
low confidence.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from dime.inversion import methods
from dime.metrics.roi import mean_over, parenchyma, reliable
from dime.processes import run_all
from dime.simulation import cohort


def invert_all(waves, models):
    """Maps of MMDI and of each network.

    Parameters
    ----------
    waves : xarray.Dataset
        Input of `methods.invert`.
    models : dict
        Name -> folder of a trained network.

    Returns
    -------
    dict
        Name -> xarray.Dataset, from `methods.invert`.
    """
    maps = {name: methods.invert(waves, "dime", model) for name, model in models.items()}
    return maps | {"mmdi": methods.invert(waves, "mmdi")}


def measure(protocol, models, seed, rim_m, subject, stage, visit=0, snrs=None, keep_maps=False):
    """Simulate one visit of a subject and read one stiffness by each method, once per signal-to-noise ratio.

    Parameters
    ----------
    protocol : cohort.Protocol
    models : dict
        Name -> folder of a trained network.
    seed : int
        Seed of the cohort.
    rim_m : float
        Depth of the erosion [m].
    subject, visit : int
    stage : str
    snrs : sequence of float, optional
        Signal-to-noise ratios of the magnitude; default: the protocol's.
    keep_maps : bool
        Return the maps of the last ratio too.

    Returns
    -------
    rows : list of dict
        One per method and ratio, "truth" among the methods: subject, stage, visit, snr, method, stiffness
        [kPa] (NaN where the region is too small), area [cm2], and the shares of the eroded mask's vessels
        (`vessels_left_out`) and parenchyma (`tissue_lost`) that the region leaves out.
    maps : xarray.Dataset or None
        wave, stiffness, mask, a map per method, and `region_NAME`.
    """
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
    """Apply `measure` to many visits in parallel; the result does not depend on the number of processes.

    Parameters
    ----------
    visits : list of dict
        subject, stage and, optionally, visit.
    workers : int
        Number of processes; 1 runs in the calling process.
    options : snrs, keep_maps of `measure`

    Returns
    -------
    rows : list of dict
    maps : list of xarray.Dataset or None, one per visit
    """
    tasks = [partial(_measure, protocol, models, seed, rim_m, options, visit) for visit in visits]
    found = run_all(tasks, workers, "visits")
    return [row for rows, _ in found for row in rows], [maps for _, maps in found]


def _measure(protocol, models, seed, rim_m, options, visit):
    return measure(protocol, models, seed, rim_m, **visit, **options)
