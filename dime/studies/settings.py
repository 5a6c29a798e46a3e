"""Find the settings that suit each direct inversion best, on validation phantoms and never on a test set.

`trials` lists changes of a method's published settings, `score` inverts every phantom with every change,
`summarise` averages over phantoms, and `choose` applies the rule: the lowest mean error over the whole tissue
wins, unless the interval of its paired difference to the published settings includes 0.
"""

from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from dime.inversion.methods import load_method
from dime.inversion.registry import METHODS
from dime.metrics.errors import slice_figures, without_rim
from dime.metrics.statistics import bootstrap_mean
from dime.mri.noise import add_noise
from dime.processes import run_all

PUBLISHED = "published"
"""Name of the settings that nothing changes."""

FIGURES = ("mape", "mape_interior", "mape_confident", "confident", "bias")
"""What `score` gives [%]: mean of |error| in the whole tissue, in its interior and where the method is
confident there; the confident share of the interior; mean error in the whole tissue."""


def trials(method, grids):
    """Published settings of a method and changes of them.

    Parameters
    ----------
    method : name in `dime.inversion.registry.METHODS`
    grids : sequence of dict
        Setting -> list of values. A grid of one setting changes it alone; one of several changes them
        jointly, in every combination. A value that is the published one is no change.

    Returns
    -------
    dict
        Name -> keyword arguments that differ from the published ones; `PUBLISHED` -> {} comes first.
    """
    published = {key: _plain(value) for key, value in load_method(method).settings.items()}
    changed = {PUBLISHED: {}}
    for grid in grids:
        for values in product(*grid.values()):
            pairs = zip(grid, map(_plain, values), strict=True)
            changes = {key: value for key, value in pairs if value != published[key]}
            changed[describe(changes)] = changes
    return changed


def describe(changes):
    """Name of changed settings for tables: {"windows_m": [0.01, 0.02]} is "windows 10/20 mm"."""
    return ", ".join(_words(key, value) for key, value in changes.items()) or PUBLISHED


def score(phantoms, tried, snr, rim_m, seed=0, workers=2):
    """Invert every phantom with every change of settings.

    Parameters
    ----------
    phantoms : xarray.Dataset
        wave without noise, stiffness, mask (phantom, y, x); attrs spacing_m, frequency_hz.
    tried : dict
        Method -> {name -> changes}, from `trials`.
    snr : float
        Of the noise that is added, see `dime.mri.noise.add_noise`; the same for every trial.
    rim_m : float
        Left out of the interior [m].
    seed : int
    workers : int
        Number of processes; 1 runs in the calling process. The result does not depend on it.

    Returns
    -------
    pandas.DataFrame
        phantom, truth_kpa (mean of the tissue), method, name, and `FIGURES`; mape_confident is NaN where no
        pixel is confident.
    """
    scale = phantoms.attrs["spacing_m"], phantoms.attrs["frequency_hz"]
    maps = [phantoms[name].values for name in ("wave", "mask", "stiffness")]
    tasks = [
        partial(_score_one, tried, snr, rim_m, seed, scale, row, *(values[row] for values in maps))
        for row in range(phantoms.sizes["phantom"])
    ]
    found = run_all(tasks, workers, "phantoms")
    return pd.DataFrame([row for part in found for row in part])


def summarise(rows, soft_kpa):
    """Means over phantoms with bootstrap intervals, for all phantoms, soft and stiff ones.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `score`.
    soft_kpa : float
        Phantoms of a mean stiffness below this are soft, the others stiff.

    Returns
    -------
    dict
        Method -> name -> group ("all", "soft", "stiff") -> `FIGURES` and `difference`, the paired difference
        of mape to the published settings; each as `bootstrap_mean` gives it.
    """
    published = rows[rows["name"] == PUBLISHED].set_index(["method", "phantom"])["mape"]
    table = {}
    for (method, name), own in rows.groupby(["method", "name"], sort=False):
        soft = own["truth_kpa"] < soft_kpa
        groups = table.setdefault(method, {}).setdefault(name, {})
        for group, part in (("all", own), ("soft", own[soft]), ("stiff", own[~soft])):
            groups[group] = {figure: bootstrap_mean(part[figure]) for figure in FIGURES}
            change = part.set_index("phantom")["mape"] - published[method].loc[part["phantom"]]
            groups[group]["difference"] = bootstrap_mean(change)
    return table


def choose(table):
    """Name of the settings to use, from one method's part of `summarise`.

    The lowest mean of mape over all phantoms, unless the interval of its paired difference to the published
    settings includes 0 or is unknown, as for fewer than three phantoms: then the published ones.
    """
    best = min(table, key=lambda name: table[name]["all"]["mape"]["mean"])
    high = table[best]["all"]["difference"]["high"]
    return best if high is not None and high < 0 else PUBLISHED


def _score_one(tried, snr, rim_m, seed, scale, row, wave, mask, truth):
    noisy = add_noise(wave, mask, snr, np.random.default_rng([seed, row]))
    interior = without_rim(mask[None], rim_m / scale[0])[0]
    common = {"phantom": row, "truth_kpa": float(truth[mask].mean()) / 1e3}
    rows = []
    for method, changes in tried.items():
        least = METHODS[method].least_confidence
        for name, settings in changes.items():
            found, second = load_method(method, **settings).invert_slice(noisy, mask, *scale)[:2]
            sure = interior & (second >= least)
            whole, inner = (slice_figures(found, truth, region) for region in (mask, interior))
            rows.append(
                common
                | {"method": method, "name": name, "mape": whole["mape"], "mape_interior": inner["mape"]}
                | {"mape_confident": slice_figures(found, truth, sure)["mape"] if sure.any() else np.nan}
                | {"confident": 100 * np.mean(sure[interior]), "bias": whole["bias"]}
            )
    return rows


def _plain(value):
    return list(value) if isinstance(value, tuple | list) else value


def _words(key, value):
    if key == "windows_m":
        return f"windows {'/'.join(f'{1e3 * width:g}' for width in value)} mm"
    unit = "/m" if key.endswith("_per_m") else " px" if key.endswith("_px") else ""
    return f"{key.removesuffix('_per_m').removesuffix('_px').replace('_', ' ')} {value:g}{unit}"
