"""The paper's figures of subjects, simulated and measured: each point is one person or one slice."""

import matplotlib.pyplot as plt
import numpy as np

from dime.plotting.maps import UNTRUSTED, map_image, scale_bar, tissue_box, wave_image
from dime.plotting.scatter import bland_altman, identity_scatter
from dime.plotting.style import (
    ABSENT,
    MAIN,
    METHOD_NAMES,
    agreement_handles,
    dodge,
    intervals,
    method_handles,
    note,
    panels,
    signs,
)

TRUSTED = {"dime": "trusted", "pretrained": "trusted_pretrained", "mmdi": "trusted_mmdi"}
"""Method -> variable of the maps that says where to believe it."""


def subjects(found):
    """Simulated subjects: means against the truth, differences from the truth, healthy beside fibrotic."""
    figure, axes = panels(3, "Simulated cohort, one point a subject", height=2.7)
    means = {name: np.array(values, float) for name, values in found["means_kpa"].items()}
    known = np.all([np.isfinite(values) for values in means.values()], axis=0)
    methods = [method for method in MAIN if method in means]
    truth = means["truth"][known]
    estimates = {method: means[method][known] for method in methods}
    identity_scatter(axes[0, 0], truth, estimates, ("truth [kPa]", "subject mean [kPa]"))
    for method, values in estimates.items():
        sign, agreement = signs(method), found["truth_agreement"][method]
        label = "difference from the truth [kPa]"
        bland_altman(axes[0, 1], values, truth, agreement, sign["color"], label, sign["marker"])
    fibrotic = np.array([stage != "F0" for stage in found["stages"]])
    for place, name in enumerate(("truth", *methods)):
        for group, shift in ((False, -0.15), (True, 0.15)):
            values = means[name][fibrotic == group]
            style = {"s": 14, "lw": 0.6, "alpha": 0.8} | signs(name)
            if not group:
                style["facecolors"] = "none"
            axes[0, 2].scatter(np.full(values.size, place + shift), values, **style)
    axes[0, 2].set_xticks(range(len(methods) + 1), ["truth", *(METHOD_NAMES[m] for m in methods)])
    axes[0, 2].set(ylabel="subject mean [kPa]", ylim=(0, None), title="healthy (open), fibrotic (filled)")
    _legend_of_agreement(figure, axes[0, 0], methods)
    return figure


def _legend_of_agreement(figure, ax, methods):
    """Put one legend under all panels in place of the one in the panel of means."""
    if ax.get_legend():
        ax.get_legend().remove()
    figure.legend(handles=agreement_handles(methods), loc="outside lower center", ncols=5, frameon=False)


def measured_maps(data, methods):
    """Measured slices (columns): wave, estimates and the clinical map, stiffness on one scale.

    A method's map is grey where the method does not trust itself. All slices have one scale of length.

    Parameters
    ----------
    data : xarray.Dataset
        wave, mask, `methods`, their `TRUSTED` (bool), clinical_stiffness; dims (slice, y, x); no slice where
        data are absent.
    methods : sequence of str
    """
    if data.sizes["slice"] == 0:
        return note(ABSENT)
    masks, coordinates = data["mask"].values, (data["y"], data["x"])
    in_mm = [1e3 * np.asarray(c) for c in coordinates]
    sizes = np.array([tissue_box(mask, in_mm)[1] for mask in masks])
    tall, wide = sizes[:, 0].max(), sizes[:, 1]
    rows = len(methods) + 2
    per_mm = min(6.2 / wide.sum(), 1.2 / tall)  # inch
    title, height = "Measured livers (no truth exists)", per_mm * tall * rows + 1.1
    figure, axes = panels(len(masks), title, height=height, rows=rows, width_ratios=wide)
    clinical = data["clinical_stiffness"].values
    maps = [data[method].values for method in methods] + [np.where(clinical > 0, clinical, np.nan)]
    trusted = [data[TRUSTED[method]].values for method in methods] + [np.ones(masks.shape, bool)]
    for case, mask in enumerate(masks):
        window = tall, wide[case]
        axes[0, case].set_title(f"slice {data['slice'].values[case]}", fontsize=7)
        wave_image(axes[0, case], data["wave"].values[case], mask, coordinates, window)
        for ax, values, believed in zip(axes[1:, case], maps, trusted, strict=True):
            place = (mask, coordinates, window)
            grey = np.where(believed[case], np.nan, float(UNTRUSTED))
            map_image(ax, grey, *place, cmap="gray", vmin=0, vmax=1)
            own = np.where(believed[case], values[case] / 1e3, np.nan)
            shown = map_image(ax, own, *place, vmin=0, vmax=6)
    names = ["wave", *(METHOD_NAMES[method] for method in (*methods, "clinical"))]
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.set_ylabel(name.replace(" ", "\n"))
    scale_bar(axes[0, 0])
    bar = {"location": "bottom", "shrink": 0.5, "aspect": 40, "pad": 0.01, "extend": "max"}
    figure.colorbar(shown, ax=axes, label="stiffness |G*| [kPa]", **bar)
    grey = plt.Rectangle((0, 0), 1, 1, color=UNTRUSTED, label="not trusted")
    figure.legend(handles=[grey], loc="lower left", frameon=False)
    return figure


def measured_agreement(found, reference="clinical"):
    """Measured slices: means of each method against those of the clinical maps, and their differences."""
    figure, axes = panels(2, "Measured livers, one point a slice", height=2.7, width_ratios=[1, 1.4])
    means = {name: np.array(values, float) for name, values in found["means_kpa"].items()}
    methods = [method for method in MAIN if method in means]
    estimates = {method: means[method] for method in methods}
    identity_scatter(axes[0, 0], means[reference], estimates, ("clinical MMDI [kPa]", "slice mean [kPa]"))
    for method in methods:
        sign, agreement = signs(method), found[f"{method}_{reference}_agreement"]
        pair = means[method], means[reference]
        bland_altman(axes[0, 1], *pair, agreement, sign["color"], "method - clinical [kPa]", sign["marker"])
    _legend_of_agreement(figure, axes[0, 0], methods)
    return figure


def population(found):
    """Simulated population: readings and areas under the ROC curve by stage, repeatability by noise.

    Parameters
    ----------
    found : dict
        Content of population.json.
    """
    figure, axes = panels(3, "Simulated population", height=2.6, width_ratios=[1.5, 1.3, 1])
    methods = [name for name in ("truth", *MAIN) if name in found["readings_kpa"]]
    stages, drawn = list(found["roc"]), np.array(found["drawn"])
    for shift, method in zip(dodge(len(methods), 0.18), methods, strict=True):
        style, readings = signs(method), np.array(found["readings_kpa"][method], float)
        axes[0, 0].plot(drawn + shift, readings, ls="", ms=2.5, mew=0, alpha=0.6, **style)
        areas = [found["roc"][stage][method] for stage in stages]
        intervals(axes[0, 1], np.arange(len(stages)) + shift, areas, "auc", **style)
        repeats = [entry[method] for entry in found["repeatability"] if method in entry]
        intervals(axes[0, 2], np.arange(len(repeats)) + shift, repeats, "coefficient", **style)
    named = ["F0", *stages]
    axes[0, 0].set_xticks(range(len(named)), named)
    axes[0, 0].set(xlabel="stage, one point a subject", ylabel="reading [kPa]", ylim=(0, None))
    axes[0, 1].set_xticks(range(len(stages)), [f"{stage}+" for stage in stages])
    axes[0, 1].set(xlabel="stage and above", ylabel="area under the ROC curve", ylim=(None, 1.01))
    axes[0, 2].set_xticks(range(len(found["snrs"])), [f"{snr:g}" for snr in found["snrs"]])
    axes[0, 2].set(xlabel="SNR", ylabel="repeatability coefficient [kPa]", ylim=(0, None))
    axes[0, 2].set_xlim(-0.6, len(found["snrs"]) - 0.4)
    figure.legend(handles=method_handles(methods), loc="outside lower center", ncols=4, frameon=False)
    return figure
