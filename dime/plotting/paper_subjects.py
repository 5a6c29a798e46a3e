"""The paper's figures of subjects, simulated and measured: each point is one person or one slice."""

import numpy as np

from dime.plotting.maps import map_image, scale_bar, tissue_box, wave_image
from dime.plotting.scatter import bland_altman, identity_scatter
from dime.plotting.style import ABSENT, MAIN, METHOD_COLOURS, METHOD_NAMES, PAGE_IN, note, panels


def subjects(found):
    """Simulated subjects: means against the truth, differences from the truth, healthy beside fibrotic."""
    figure, axes = panels(3, height=2.4)
    means = {name: np.array(values, float) for name, values in found["means_kpa"].items()}
    known = np.all([np.isfinite(values) for values in means.values()], axis=0)
    methods = [method for method in MAIN if method in means]
    truth = means["truth"][known]
    estimates = {method: means[method][known] for method in methods}
    identity_scatter(axes[0, 0], truth, estimates, ("truth [kPa]", "subject mean [kPa]"))
    for method, values in estimates.items():
        agreement = found["truth_agreement"][method]
        bland_altman(
            axes[0, 1], values, truth, agreement, METHOD_COLOURS[method], "difference from the truth [kPa]"
        )
    fibrotic = np.array([stage != "F0" for stage in found["stages"]])
    for place, name in enumerate(("truth", *methods)):
        for group, marker in ((False, "o"), (True, "^")):
            values = means[name][fibrotic == group]
            style = {"color": METHOD_COLOURS[name], "marker": marker, "s": 14, "lw": 0, "alpha": 0.8}
            axes[0, 2].scatter(np.full(values.size, place + (0.15 if group else -0.15)), values, **style)
    axes[0, 2].set_xticks(
        range(len(methods) + 1), ["truth", *(METHOD_NAMES[m].replace(", ", ",\n") for m in methods)]
    )
    axes[0, 2].set(ylabel="subject mean [kPa]", ylim=(0, None), title="healthy ○, fibrotic △")
    return figure


def measured_maps(data, methods):
    """Measured slices (columns): wave, estimates and the clinical map, stiffness on one scale.

    Parameters
    ----------
    data : xarray.Dataset
        wave, mask, `methods`, clinical_stiffness; dims (slice, y, x); no slice where data are absent.
    methods : sequence of str
    """
    if data.sizes["slice"] == 0:
        return note(ABSENT)
    rows = {"wave (real)": data["wave"].values}
    rows |= {METHOD_NAMES[method].replace(", ", ",\n"): data[method].values / 1e3 for method in methods}
    rows["clinical\nMMDI"] = data["clinical_stiffness"].values / 1e3
    masks, coordinates = data["mask"].values, (data["y"], data["x"])
    in_mm = [1e3 * np.asarray(c) for c in coordinates]
    window = tuple(np.max([tissue_box(mask, in_mm)[1] for mask in masks], axis=0))
    height = PAGE_IN / len(masks) * len(rows) * window[0] / window[1] + 0.8
    figure, axes = panels(len(masks), rows=len(rows), height=height)
    for row, (title, maps) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(title)
        for ax, values, mask in zip(row, maps, masks, strict=True):
            if np.iscomplexobj(values):
                wave_image(ax, values, mask, coordinates, window)
            else:
                shown = map_image(ax, values, mask, coordinates, window, vmin=0, vmax=6)
    for ax, number in zip(axes[0], data["slice"].values, strict=True):
        ax.set_title(f"slice {number}")
    scale_bar(axes[-1, 0])
    bar = {"location": "bottom", "shrink": 0.5, "aspect": 40, "pad": 0.02, "extend": "max"}
    figure.colorbar(shown, ax=axes, label="stiffness |G*| [kPa]", **bar)
    return figure


def measured_agreement(found, reference="clinical"):
    """Measured slices: means of each method against those of the clinical maps, and their differences."""
    figure, axes = panels(2, width=PAGE_IN, height=2.3, width_ratios=[1, 1.4])
    means = {name: np.array(values, float) for name, values in found["means_kpa"].items()}
    methods = [method for method in MAIN if method in means]
    estimates = {method: means[method] for method in methods}
    identity_scatter(axes[0, 0], means[reference], estimates, ("clinical MMDI [kPa]", "slice mean [kPa]"))
    for method in methods:
        agreement = found[f"{method}_{reference}_agreement"]
        label = "difference from the clinical map [kPa]"
        bland_altman(axes[0, 1], means[method], means[reference], agreement, METHOD_COLOURS[method], label)
    return figure


def population(found, curves):
    """Simulated population: ROC curves, areas by stage, repeatability by noise, power by study size.

    Parameters
    ----------
    found : dict
        Content of population.json.
    curves : dict
        Method -> (false, true) positive rates for stage F2 or above, from `diagnosis.roc`; empty where one of
        the groups is.
    """
    figure, axes = panels(4, height=2.3)
    methods = [name for name in ("truth", *MAIN) if name in found["readings_kpa"]]
    names = METHOD_NAMES | {"truth": "true stiffness"}
    stages = list(found["roc"])
    for place, m in enumerate(methods):
        style = {"color": METHOD_COLOURS[m], "label": names[m]}
        if m in curves:
            axes[0, 0].plot(*curves[m], lw=1, **style)
        shift = 0.15 * (place - (len(methods) - 1) / 2)
        areas = [found["roc"][stage][m] for stage in stages]
        _points(axes[0, 1], np.arange(len(stages)) + shift, areas, "auc", style["color"])
        if m != "truth":
            repeats = [entry[m] for entry in found["repeatability"]]
            _points(axes[0, 2], np.arange(len(repeats)) + shift, repeats, "coefficient", style["color"])
            curve = found["power"]["parted"]["power"][m]
            if curve is not None:
                axes[0, 3].plot(found["power"]["sizes"], curve, "o-", lw=1, **style)
    for m, curve in found["power"]["areas_differ"]["power"].items():
        if curve is not None:
            axes[0, 3].plot(found["power"]["sizes"], curve, "o:", lw=1, color=METHOD_COLOURS[m])
    axes[0, 0].set(
        xlabel="false positive rate", ylabel="true positive rate", title="stage F2 or above", aspect="equal"
    )
    axes[0, 1].set_xticks(range(len(stages)), [f"{stage}+" for stage in stages])
    axes[0, 1].set(ylabel="area under the ROC curve", ylim=(None, 1.01))
    axes[0, 2].set_xticks(range(len(found["snrs"])), [f"{snr:g}" for snr in found["snrs"]])
    axes[0, 2].set(xlabel="SNR", ylabel="repeatability coefficient [kPa]", ylim=(0, None))
    axes[0, 3].set(xscale="log", xlabel="subjects per study", ylabel="statistical power", ylim=(0, 1.02))
    axes[0, 3].set_xticks(found["power"]["sizes"], found["power"]["sizes"])
    axes[0, 3].minorticks_off()
    axes[0, 3].axhline(0.8, color="0.8", lw=0.8, zorder=0)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _points(ax, x, entries, key, colour):
    """Draw values with their intervals; entries that are None are left out."""
    for place, entry in zip(x, entries, strict=True):
        if entry[key] is not None:
            ax.plot(place, entry[key], "o", color=colour)
            if entry["low"] is not None:
                ax.plot([place, place], [entry["low"], entry["high"]], color=colour, lw=1)
