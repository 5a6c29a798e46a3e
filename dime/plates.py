"""The figures of the paper, each from metrics files or saved maps alone, at the size it is printed in.

Every function takes the content of one metrics file (or of a few) and returns a matplotlib figure. Where a
study found nothing - no reference data, too few subjects - the figure says so.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FixedLocator

from dime.figures import (
    ABSENT,
    METHOD_COLOURS,
    METHOD_NAMES,
    bland_altman,
    comparison_grid,
    density_scatter,
    identity_scatter,
    image,
    note,
    scale_bar,
    tissue_box,
    use_house_style,
    waves,
)

COLUMN_IN, PAGE_IN = 3.4, 6.9
"""Widths of a column and of the page's text [inch]."""

MAIN = ("dime", "released", "mmdi")
"""The methods of most figures; the peers join where there is room."""

OTHER_NAMES = {
    "likelihood": "maximum likelihood",
    "authors_dime": "authors' DIME",
    "authors_mmdi": "authors' MMDI",
}
"""What is compared beside the methods of this package."""

STUDY_NUMBERS = {"homogeneous": "1a", "heterogeneous": "1b", "liver": "2"}
"""As the original counts its studies."""


def use_print_style():
    """House style with letters that are legible at the printed size."""
    use_house_style()
    sizes = {"font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "xtick.labelsize": 7}
    plt.rcParams.update(sizes | {"ytick.labelsize": 7, "legend.fontsize": 7, "lines.markersize": 3.5})


def panels(columns, width=PAGE_IN, height=2.1, rows=1, **kwargs):
    """A figure of `rows` x `columns` axes, as an array of axes."""
    return plt.subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **kwargs)


def legend_below(figure, ax, columns=4):
    """One legend under all panels."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def curve(ax, x, entries, method, **style):
    """Means with their intervals against x; what is absent is left out."""
    values = {key: np.array([entry[key] for entry in entries], float) for key in ("mean", "low", "high")}
    style = {"color": METHOD_COLOURS[method], "label": METHOD_NAMES[method], "marker": "o", "lw": 1.2} | style
    ax.plot(x, values["mean"], **style)
    ax.fill_between(x, values["low"], values["high"], color=style["color"], alpha=0.15, lw=0)


def study_maps(studies, rows):
    """Slices of the simulated studies: wave, truth, estimates on one scale, their errors on another.

    Parameters
    ----------
    studies : dict
        Study -> xarray.Dataset with wave, stiffness, mask and `MAIN`, dims (phantom, y, x), on one grid.
    rows : list of (study, phantom)
    """

    def stack(name):
        return np.stack([studies[study][name].values[case] for study, case in rows])

    truth = stack("stiffness") / 1e3
    estimates = {METHOD_NAMES[method]: stack(method) / 1e3 for method in MAIN}
    errors = {f"{name} - truth": values - truth for name, values in estimates.items()}
    columns = {"wave (real)": stack("wave"), "truth": truth} | estimates | errors
    first = next(iter(studies.values()))
    labels = [f"study {STUDY_NUMBERS[study]}" for study, _ in rows]
    figure = comparison_grid(columns, stack("mask"), (first["y"], first["x"]), labels, (0, 8), tuple(errors))
    return to_page(figure)


def to_page(figure):
    """Draw maps as wide as the page, with letters as large as elsewhere: scaled down they are too small."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(PAGE_IN, 0.55 + (height - 0.55) * PAGE_IN / width)
    for ax in figure.axes:
        title = ax.get_title().replace(" - truth", "\nerror").replace(", released", ",\nreleased")
        ax.set_title(title, fontsize=7)
    return figure


def study_agreement(studies, found, limit_kpa=12):
    """Each study a row: estimate against truth by pixel for the main methods, and differences by slice."""
    figure, axes = panels(len(MAIN) + 1, rows=len(studies), height=1.75 * len(studies))
    for ax, method in zip(axes[0], MAIN, strict=False):
        ax.set_title(METHOD_NAMES[method])
    for row, (study, data) in zip(axes, studies.items(), strict=True):
        inside = data["mask"].values
        for ax, method in zip(row, MAIN, strict=False):
            truth, estimate = (data[name].values[inside] / 1e3 for name in ("stiffness", method))
            density_scatter(ax, truth, estimate, limit_kpa, ax.get_title())
            ax.label_outer()
        row[0].set_ylabel(f"{study}\nestimate [kPa]")
        slices = found[study]
        for method in MAIN:
            table = slices["per_slice"][method]
            agreement = slices["methods"][method]["agreement"]
            colour = METHOD_COLOURS[method]
            bland_altman(
                row[-1], table["mean"], table["truth_mean"], agreement, colour, "slice mean - truth [kPa]"
            )
        row[-1].set_xlabel("mean of the two [kPa]" if study == list(studies)[-1] else "")
    axes[0, -1].set_title("by slice")
    handles = [
        plt.Line2D([], [], marker="o", ls="", color=METHOD_COLOURS[m], label=METHOD_NAMES[m]) for m in MAIN
    ]
    axes[0, -1].legend(handles=handles, frameon=False, loc="lower left", fontsize=6)
    return figure


def inclusion_size(found):
    """What is left of an inclusion by its diameter: contrast, delineation, and the width of its edge."""
    figure, axes = panels(3, height=2.3)
    names = {
        "recovered_contrast": "recovered contrast [%]",
        "dice": "Dice at half contrast",
        "edge_width_mm": "10-90 % edge width [mm]",
    }
    for ax, (key, label) in zip(axes[0], names.items(), strict=True):
        for method, entries in found["methods"].items():
            curve(ax, found["diameters"], entries[key], method, lw=1.6 if method in MAIN else 0.8)
        ax.set(xlabel="diameter [wavelengths around it]", ylabel=label)
    target = found["target"]
    axes[0, 0].axhline(100, color="0.8", lw=0.8, zorder=0)
    axes[0, 0].plot(target["diameter"], target["recovered_contrast"], "k*", ms=7, label="target")
    legend_below(figure, axes[0, 0], 8)
    return figure


def reliability(found):
    """Observed against nominal coverage, and the error of what is kept as the least certain is rejected."""
    studies = list(found["studies"])
    figure, axes = panels(len(studies), rows=2, height=3.6)
    for column, study in enumerate(studies):
        for method, entry in found["studies"][study].items():
            curve(axes[0, column], found["levels"], entry["coverage"], method)
            rejection = entry["rejection"]
            style = {"color": METHOD_COLOURS[method]}
            for key, line in (("model", "-"), ("oracle", ":"), ("random", "--")):
                label = f"{METHOD_NAMES[method]}: {key}" if key == "model" else None
                axes[1, column].plot(rejection["fractions"], rejection[key], line, label=label, **style)
        axes[0, column].plot([0, 1], [0, 1], color="0.6", lw=0.8, zorder=0)
        axes[0, column].set(title=study, xlabel="nominal coverage", xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes[1, column].set(xlabel="share of pixels rejected", ylim=(0, None))
    axes[0, 0].set_ylabel("observed coverage")
    axes[1, 0].set_ylabel("MAPE of the pixels kept [%]")
    axes[0, 0].legend(frameon=False, loc="upper left")
    for style, label in (("-", "least certain first"), (":", "worst first (oracle)"), ("--", "at random")):
        axes[1, 0].plot([], [], style, color="0.3", label=label)
    handles, labels = axes[1, 0].get_legend_handles_labels()
    axes[1, -1].legend(handles[-3:], labels[-3:], frameon=False, loc="lower left", fontsize=6)
    return figure


def what_noise_allows(found):
    """Scatter against the Cramer-Rao bound, then error against noise, voxel size and frequency."""
    figure, axes = panels(4, height=2.5)
    bound = found["bound"]
    ax = axes[0, 0]
    ax.plot(bound["snr"], bound["bound_percent"], "k--", lw=1.2, label="Cramér-Rao bound")
    for method, entry in bound["methods"].items():
        ax.plot(bound["snr"], entry["sd_percent"], **_style(method))
    ax.set(xlabel="SNR", ylabel="scatter of one disc [%]", title="against the bound")
    sweeps = {
        "noise": ("snr", 1, "SNR"),
        "voxel": ("spacing_m", 1e3, "voxel [mm]"),
        "frequency": ("frequency_hz", 1, "frequency [Hz]"),
    }
    for ax, (sweep, (field, unit, label)) in zip(axes[0, 1:], sweeps.items(), strict=True):
        content = found[sweep]
        x = unit * np.array(content[field])
        for method, entry in content["methods"].items():
            curve(ax, x, entry["mape"], method, **_style(method))
        ax.set(xlabel=label, ylabel="MAPE [%]" if sweep == "noise" else "", title=sweep)
        log_axes(ax, x)
    log_axes(axes[0, 0], bound["snr"])
    low, high = zip(*(ax.get_ylim() for ax in axes[0, 1:]), strict=True)
    for ax in axes[0, 1:]:
        ax.set_ylim(min(low), max(high))
    handles = {label: h for ax in axes.flat for h, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False)
    return figure


def log_axes(ax, x):
    """Logarithmic axes whose ticks are the points themselves, and ones, twos and fives."""
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(x, [f"{value:g}" for value in x], minor=False)
    ax.yaxis.set_major_locator(FixedLocator([m * 10.0**n for n in range(-5, 5) for m in (1, 2, 5)]))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()


def _style(method):
    """Line of a method, the main ones heavier; one that is no inversion of an image (a fit) is grey."""
    style = {"color": METHOD_COLOURS.get(method, "0.5"), "label": (METHOD_NAMES | OTHER_NAMES)[method]}
    return style | {"marker": "o", "ms": 2.5, "lw": 1.4 if method in MAIN else 0.8}


def what_the_network_needs(found):
    """Each change of the recipe against the baseline; error by number of phantoms; taught on, tested on."""
    figure, axes = panels(3, height=3.0, width_ratios=[1.25, 1, 1])
    arms = {name: arm for name, arm in found["arms"].items() if arm["question"] == "recipe"}
    arms = sorted(arms.items(), key=lambda item: item[1]["mape_change"]["mean"])
    for y, (name, arm) in enumerate(arms):
        change = arm["mape_change"]
        tone = "#d55e00" if name in found["worse"] else "#009e73" if name in found["better"] else "0.5"
        if change["low"] is not None:
            axes[0, 0].plot([change["low"], change["high"]], [y, y], color=tone, lw=1.2)
        axes[0, 0].plot(change["mean"], y, "o", color=tone)
    axes[0, 0].axvline(0, color="0.8", lw=0.8, zorder=0)
    axes[0, 0].set_yticks(range(len(arms)), [arm["title"] for _, arm in arms])
    axes[0, 0].set(xlabel="change of MAPE [points]", title="changes of the recipe")
    numbers = [arm for arm in found["arms"].values() if arm["question"] in ("phantoms", "baseline")]
    numbers = sorted(numbers, key=lambda arm: arm["phantoms"])
    x = [arm["phantoms"] for arm in numbers]
    curve(axes[0, 1], x, [arm["mape"] for arm in numbers], "dime")
    axes[0, 1].set(
        xlabel="phantoms to learn from", ylabel="MAPE [%]", title="number of phantoms", xscale="log"
    )
    axes[0, 1].set_ylim(bottom=0)
    axes[0, 1].set_xticks(x, x, rotation=60)
    axes[0, 1].minorticks_off()
    taught = [
        name
        for name in ("baseline", *(f"only_{study}" for study in STUDY_NUMBERS))
        if name in found["by_family"]
    ]
    table = [[found["by_family"][name][study] for study in STUDY_NUMBERS] for name in taught]
    labels = [name.removeprefix("only_").replace("baseline", "all three") for name in taught]
    matrix(axes[0, 2], table, labels, list(STUDY_NUMBERS))
    axes[0, 2].set(xlabel="tested on", ylabel="taught by", title="variety")
    return figure


def matrix(ax, table, rows, columns, form=".1f"):
    """A table of errors as colours with their numbers; blank where there is none."""
    table = np.array(table, float)
    ax.imshow(table, cmap="Oranges", aspect="auto", vmin=0, vmax=max(1.6 * np.nanmax(table), 1e-9))
    for (y, x), value in np.ndenumerate(table):
        if np.isfinite(value):
            ax.text(x, y, format(value, form), ha="center", va="center", fontsize=7)
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def subjects(found):
    """Simulated subjects: means against the truth, differences from it, and healthy beside fibrotic."""
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
    """Every measured slice a column: wave, estimates and the clinical map, these on one scale.

    Parameters
    ----------
    data : xarray.Dataset
        wave, mask, `methods`, clinical_stiffness; dims (slice, y, x); none of them where data are absent.
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
                waves(ax, values, mask, coordinates, window)
            else:
                shown = image(ax, values, mask, coordinates, window, vmin=0, vmax=6)
    for ax, number in zip(axes[0], data["slice"].values, strict=True):
        ax.set_title(f"slice {number}")
    scale_bar(axes[-1, 0])
    bar = {"location": "bottom", "shrink": 0.5, "aspect": 40, "pad": 0.02, "extend": "max"}
    figure.colorbar(shown, ax=axes, label="stiffness |G*| [kPa]", **bar)
    return figure


def measured_agreement(found, reference="clinical"):
    """Measured slices: means of each method against the clinical maps', and their differences."""
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
