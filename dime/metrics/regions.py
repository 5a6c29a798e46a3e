"""Score maps over regions as they are read: whole tissue, interior, trusted pixels, pixels that all trust."""

import numpy as np

from dime.metrics.errors import bootstrap_pooled, slice_table
from dime.metrics.statistics import bootstrap_mean

LEAST_PIXELS = 50
"""Smallest region of a slice that is scored. Assumption: 1 cm2 of 1.4 mm pixels; less is no reading."""

REGIONS = ("whole", "interior", "own", "common")
"""whole: all tissue; interior: without the rim; own: pixels of the interior that the method itself trusts, as
a clinic reads it; common: pixels of the interior that all the methods compared trust."""


def regions_of(masks, interior, trusted):
    """Regions of each method.

    Parameters
    ----------
    masks, interior : (slice, y, x) bool arrays
        Tissue, and tissue away from the outline.
    trusted : dict
        Method -> (slice, y, x) bool array, pixels that it trusts.

    Returns
    -------
    dict
        Method -> dict of `REGIONS` -> (slice, y, x) bool array.
    """
    common = interior & np.logical_and.reduce(list(trusted.values()))
    return {
        method: {"whole": masks, "interior": interior, "own": interior & own, "common": common}
        for method, own in trusted.items()
    }


def score(estimates, truths, regions, masks):
    """Figures of merit of one method in one region.

    The error of a slice's mean is mean(estimate) - mean(truth) over the same pixels, in kPa.

    Parameters
    ----------
    estimates, truths : (slice, y, x) arrays [Pa]
    regions, masks : (slice, y, x) bool arrays
        The region, and the whole tissue.

    Returns
    -------
    figures : dict
        slices (scored: those with `LEAST_PIXELS`), share (pixels of the region over those of all tissue),
        mape, bias, rmse, mean_error_kpa (each with its interval over slices), and pooled, from
        `errors.bootstrap_pooled`.
    table : pandas.DataFrame
        `errors.slice_table` with the column mean_error_kpa; one row per slice, NaN where it is not scored.
    """
    used = np.flatnonzero(regions.sum(axis=(1, 2)) >= LEAST_PIXELS)
    if not used.size:
        nothing = bootstrap_mean([])
        figures = dict.fromkeys(("mape", "bias", "rmse", "mean_error_kpa"), nothing)
        return figures | {"slices": 0, "share": 0.0, "pooled": None}, None
    chosen = estimates[used], truths[used], regions[used]
    table = slice_table(*chosen)
    table["mean_error_kpa"] = table["mean"] - table["truth_mean"]
    table.index = used
    figures = {name: bootstrap_mean(table[name]) for name in ("mape", "bias", "rmse", "mean_error_kpa")}
    figures |= {"slices": int(used.size), "share": float(regions.sum() / masks.sum())}
    figures["pooled"] = bootstrap_pooled(*chosen)
    return figures, table.reindex(range(len(masks)))


def paired(table, reference, column):
    """Difference of a column of two tables on the slices that both score, with its interval over slices.

    Parameters
    ----------
    table, reference : pandas.DataFrame or None
        From `score`.
    column : str

    Returns
    -------
    dict
        mean, low, high, n: `bootstrap_mean` of table - reference.
    """
    if table is None or reference is None:
        return bootstrap_mean([])
    return bootstrap_mean((table[column] - reference[column]).dropna())
