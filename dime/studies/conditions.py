"""Errors of the methods on the same tissue at other noise, pixel size or frequency, and in other organs."""

from dataclasses import replace

import numpy as np
import pandas as pd

from dime.metrics import statistics
from dime.metrics.errors import slice_figures, without_rim
from dime.network import prediction, trust
from dime.physics import DENSITY_KG_M3
from dime.simulation.examination import simulate_phantom


def errors(recipe, invert, rim_m, **changes):
    """Errors of every method on the phantoms of a recipe, with some of its fields changed.

    Tissue and drive follow from the recipe's seed alone: frequency, pixel and noise do not alter them.

    Parameters
    ----------
    recipe : examination.Recipe
    invert : dict of `inverters`
    rim_m : float
        Tissue this close to the outline is left out [m].
    changes : new values of fields of the recipe, such as snr=5.0

    Returns
    -------
    list of dict
        phantom; method; mape, bias [%]; covered, share of the judged tissue whose true wavelength, in pixels
        of the network, lies in the range of the training data (`trust.LOG_RANGE`); wavelength_px, the median
        wavelength in pixels of the image.
    """
    recipe = replace(recipe, **changes)
    place = recipe.spacing_m, recipe.frequency_hz
    rows = []
    for index in range(recipe.count):
        phantom = simulate_phantom(recipe, index)
        wave, mask, truth = (phantom[name] for name in ("wave", "mask", "stiffness"))
        inner = without_rim(mask[None], rim_m / recipe.spacing_m)[0]
        speed = np.sqrt(truth[inner] / DENSITY_KG_M3)
        low, high = trust.LOG_RANGE
        ratio = 2 * np.log(speed / prediction.PIXEL_M_PER_S)
        about = {
            "phantom": index,
            "covered": float(np.mean((ratio > low) & (ratio < high))),
            "wavelength_px": float(np.median(speed) / (recipe.frequency_hz * recipe.spacing_m)),
        }
        for method, stiffness in invert.items():
            figures = slice_figures(stiffness(wave, mask, *place), truth, inner)
            rows.append({"method": method, "mape": figures["mape"], "bias": figures["bias"]} | about)
    return rows


def sweep(recipes, invert, rim_m, field, values):
    """Errors (`errors`) of several recipes for each value of one of their fields.

    Returns a pandas.DataFrame: `field`, family, and the columns of `errors`; one row per phantom and method.
    """
    rows = [
        {field: value, "family": recipe.family} | row
        for value in values
        for recipe in recipes
        for row in errors(recipe, invert, rim_m, **{field: value})
    ]
    return pd.DataFrame(rows)


def summarise(table, field):
    """Summarise a `sweep`: means with bootstrap intervals for each value of the field and each method."""
    groups = table.groupby(field, sort=False)
    return {
        field: [value for value, _ in groups],
        "cases": int(groups.ngroup().eq(0).sum() / table["method"].nunique()),
        "covered": [float(rows["covered"].mean()) for _, rows in groups],
        "wavelength_px": [float(rows["wavelength_px"].median()) for _, rows in groups],
        "methods": {
            method: {
                name: [statistics.bootstrap_mean(rows[name]) for _, rows in part.groupby(field, sort=False)]
                for name in ("mape", "bias")
            }
            for method, part in table.groupby("method", sort=False)
        },
    }
