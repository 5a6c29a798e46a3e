"""Figures of the direct inversions: the steps of MMDI, and bias and spread over a sweep."""

import matplotlib.pyplot as plt
import numpy as np

from dime.plotting.maps import map_image, scale_bar


def mmdi_steps(steps, spacing_m, reference, limit_kpa):
    """Steps of MMDI on one slice: waves above, fits and stiffness below.

    Parameters
    ----------
    steps : dict of (y, x) arrays
        From `fast_inversions.chain`.
    spacing_m : float
    reference : str
        Title of the map that the stiffness is compared with.
    limit_kpa : float
        Top of the stiffness scale [kPa].
    """
    waves_shown = {"wave": "1. first harmonic", "extended": "2. extended", "filtered": "3. band-passed"}
    waves_shown |= {side: f"4. travelling {side}" for side in ("right", "down", "left", "up")}
    maps = {"window": ("5. window [mm]", 1e3, "cividis", (15, 28))}
    maps["goodness"] = ("5. goodness of fit", 1, "magma", (0.8, 1))
    for name, title in (("raw", "6. combined"), ("stiffness", "7. median filter"), ("reference", reference)):
        maps[name] = (f"{title} [kPa]", 1e-3, "viridis", (0, limit_kpa))
    mask = steps["mask"]
    everywhere = np.ones(mask.shape, bool)
    grid = [np.arange(n) * spacing_m for n in mask.shape]
    height = 1.6 * mask.shape[0] / mask.shape[1]
    figure, axes = plt.subplots(2, 7, figsize=(11.5, 2 * height + 1.3), layout="constrained")
    for ax, (name, title) in zip(axes[0], waves_shown.items(), strict=True):
        shown = np.where(mask | (name in ("extended", "filtered")), steps[name], np.nan).real
        limit = np.nanpercentile(np.abs(steps["filtered" if title[0] > "2" else name][mask].real), 98)
        map_image(ax, shown, everywhere, grid, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set_title(title, fontsize=8)
    for ax, (name, (title, unit, colours, limits)) in zip(axes[1], maps.items(), strict=False):
        shown = map_image(ax, np.where(mask, steps[name] * unit, np.nan), everywhere, grid, cmap=colours)
        shown.set_clim(*limits)
        ax.set_title(title, fontsize=8)
        if name != "raw":
            bar = {"location": "bottom", "shrink": 0.8, "pad": 0.02, "aspect": 15}
            figure.colorbar(shown, ax=[axes[1, 2], ax] if name == "stiffness" else ax, **bar)
    for ax in axes[1, len(maps) :]:
        ax.axis("off")
    scale_bar(axes[0, 0])
    return figure


def sweep(table, by, label, style, band=None):
    """Bias and spread [%] of each method against one column of a sweep, side by side.

    Parameters
    ----------
    table : pandas.DataFrame
        From `fast_inversions.sweep`.
    by : str
        Column of the abscissa.
    label : str
        Name of the abscissa on the axes.
    style : dict
        Method -> line style, in the order of the legend.
    band : (low, high), optional
        Part of the abscissa to shade.
    """
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
    for ax, quantity, limits in zip(axes, ("bias", "spread"), ((-60, 40), (0, 40)), strict=True):
        for method, line in style.items():
            rows = table[table["method"] == method]
            ax.plot(rows[by], 100 * rows[quantity], marker=".", **line)
        if band:
            ax.axvspan(*band, color="0.93", zorder=0)
        ax.axhline(0, color="0.8", lw=0.8, zorder=0)
        ax.set(xlabel=label, ylabel=f"{quantity} [%]", ylim=limits)
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=7)
    return figure
