"""The paper's figures that vary one condition: noise, voxel size, frequency, direction, physics, organ."""

import numpy as np
from matplotlib.ticker import FixedLocator

from dime.plotting.style import (
    MAIN,
    METHOD_COLOURS,
    METHOD_NAMES,
    STUDY_NUMBERS,
    curve,
    legend_below,
    ordered,
    panels,
)

OTHER_NAMES = {"likelihood": "maximum likelihood", "mmdi_unfiltered": "MMDI, no filters"}

OTHER_COLOURS = {"likelihood": "0.5", "mmdi_unfiltered": "#e69f00"}
"""Names and colours of what is compared beside the methods of this package: a fit, and a variant of MMDI."""

CONDITIONS = ("antiplane", "antiplane_again", "inplane", "antiplane_inplane", "low_loss", "high_loss")
CONDITIONS += ("low_frequency", "high_frequency", "free", "impedance", "coarse_mesh", "kelvin_voigt")
CONDITIONS += ("oblique", "kidney", "kidney_slab", "all", "dime", "pretrained", "mmdi")
"""Rows and columns of `transfer` in the order of the figure: conditions of training or test, and methods."""


def what_noise_allows(found):
    """Standard deviation and its Cramer-Rao bound; error against noise, voxel size and frequency."""
    figure, axes = panels(4, height=2.5)
    bound = found["bound"]
    ax = axes[0, 0]
    ax.plot(bound["snr"], bound["bound_percent"], "k--", lw=1.2, label="Cramér-Rao bound")
    for method in ordered(bound["methods"]):
        ax.plot(bound["snr"], bound["methods"][method]["sd_percent"], **_style(method))
    ax.set(xlabel="SNR", ylabel="sd of a disc's mean [%]", title="scatter and bound")
    sweeps = {
        "noise": ("snr", 1, "SNR"),
        "voxel": ("spacing_m", 1e3, "voxel size [mm]"),
        "frequency": ("frequency_hz", 1, "frequency [Hz]"),
    }
    for ax, (sweep, (field, unit, label)) in zip(axes[0, 1:], sweeps.items(), strict=True):
        content = found[sweep]
        x = unit * np.array(content[field])
        for method in ordered(content["methods"]):
            curve(ax, x, content["methods"][method]["mape"], method, **_style(method))
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
    """Make both axes logarithmic, with ticks at the points on x and at 1, 2 and 5 times 10^n on y."""
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(x, [f"{value:g}" for value in x], minor=False)
    ax.yaxis.set_major_locator(FixedLocator([m * 10.0**n for n in range(-5, 5) for m in (1, 2, 5)]))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()


def _style(method):
    """Line style of a method: heavier for the `MAIN` ones, grey for the maximum-likelihood fit."""
    colour = METHOD_COLOURS.get(method, OTHER_COLOURS.get(method))
    style = {"color": colour, "label": (METHOD_NAMES | OTHER_NAMES)[method]}
    return style | {"marker": "o", "ms": 2.5, "lw": 1.4 if method in MAIN else 0.8}


def what_the_network_needs(found):
    """Changes of the training recipe against the baseline; error by number and by family of phantoms."""
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
    axes[0, 0].set(xlabel="change of MAPE [% points]", title="change of the recipe")
    numbers = [arm for arm in found["arms"].values() if arm["question"] in ("phantoms", "baseline")]
    numbers = sorted(numbers, key=lambda arm: arm["phantoms"])
    x = [arm["phantoms"] for arm in numbers]
    curve(axes[0, 1], x, [arm["mape"] for arm in numbers], "dime")
    axes[0, 1].set(xlabel="training phantoms", ylabel="MAPE [%]", title="number of phantoms", xscale="log")
    axes[0, 1].set_ylim(bottom=0)
    axes[0, 1].set_xticks(x, x, rotation=60)
    axes[0, 1].minorticks_off()
    taught = [
        name
        for name in ("baseline", *(f"only_{family}" for family in (*STUDY_NUMBERS, "graded")))
        if name in found["by_family"]
    ]
    table = [[found["by_family"][name][study] for study in STUDY_NUMBERS] for name in taught]
    labels = [name.removeprefix("only_").replace("baseline", "all four") for name in taught]
    matrix(axes[0, 2], table, labels, list(STUDY_NUMBERS))
    axes[0, 2].set(xlabel="tested on", ylabel="trained on", title="MAPE [%] by family")
    return figure


def matrix(ax, table, rows, columns, form=".1f"):
    """Draw a table of errors as colours with their numbers; None leaves a cell blank."""
    table = np.array(table, float)
    ax.imshow(table, cmap="Oranges", aspect="auto", vmin=0, vmax=max(1.6 * np.nanmax(table), 1e-9))
    for (y, x), value in np.ndenumerate(table):
        if np.isfinite(value):
            ax.text(x, y, format(value, form), ha="center", va="center", fontsize=7)
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def direction_of_travel(found):
    """Bias by kind of wave field in one tissue, inside and near its outline; error by side of the driver."""
    figure, axes = panels(3, height=2.6, width_ratios=[1.3, 1.3, 1])
    kinds = found["kinds"]["kinds"]
    tissue = found["stiffness_kpa"].index(found["shown_kpa"])
    methods = ordered(found["kinds"]["methods"])
    for place, method in enumerate(methods):
        entry = found["kinds"]["methods"][method]["clean"]
        style = _style(method)
        bars = {"width": 0.8 / len(methods), "color": style["color"], "label": style["label"]}
        x = np.arange(len(kinds)) + (place - (len(methods) - 1) / 2) * bars["width"]
        for ax, key in zip(axes[0], ("bias_kpa", "rim_bias_kpa"), strict=False):
            ax.bar(x, entry[key][tissue], **bars)
        drive = found["drive"]["methods"][method]
        axes[0, 2].bar(place - 0.2, drive["error_kpa"]["mean"], 0.4, color=style["color"], alpha=0.4)
        axes[0, 2].bar(place + 0.2, drive["scatter_kpa"]["mean"], 0.4, color=style["color"])
    for ax, title in zip(
        axes[0], ("interior", f"within {found['rim_mm']:g} mm of the outline"), strict=False
    ):
        ax.axhline(0, color="0.6", lw=0.8)
        ax.set_xticks(range(len(kinds)), kinds, rotation=25)
        ax.set_title(title)
    low, high = zip(*(ax.get_ylim() for ax in axes[0, :2]), strict=True)
    for ax in axes[0, :2]:
        ax.set_ylim(min(low), max(high))
    axes[0, 0].set_ylabel(f"bias at {found['shown_kpa']:g} kPa [kPa]")
    axes[0, 2].set(
        xticks=[], ylabel="rms [kPa]", title="error (pale); change with\nthe driver's side (solid)"
    )
    legend_below(figure, axes[0, 0], 4)
    return figure


def transfer(found):
    """MAPE [%] of networks trained under one condition (row) and tested under another (column)."""
    figure, axes = panels(1, height=3.9)
    rows = [name for name in CONDITIONS if name in found["mape"]]
    tests = [name for name in CONDITIONS if any(name in row for row in found["mape"].values())]
    table = [[found["mape"][row].get(name, {"mean": None})["mean"] for name in tests] for row in rows]
    titles = [found["titles"][name] for name in tests]
    matrix(axes[0, 0], table, [found["rows"][row] for row in rows], titles)
    axes[0, 0].set(xlabel="tested on", ylabel="trained on, or method")
    return figure


def organs(found):
    """Error and bias in organs that no network was trained on, beside livers."""
    figure, axes = panels(2, height=2.0)
    names = sorted(found["organs"], key=lambda name: (found["organs"][name]["trained_on"], name))
    for ax, (key, label) in zip(axes[0], {"mape": "MAPE [%]", "bias": "bias [%]"}.items(), strict=True):
        for place, method in enumerate(MAIN):
            entries = [found["organs"][name]["methods"][method][key] for name in names]
            x = np.arange(len(names)) + 0.27 * (place - 1)
            style = {"color": METHOD_COLOURS[method], "label": METHOD_NAMES[method]}
            ax.bar(
                x, [np.nan if entry["mean"] is None else entry["mean"] for entry in entries], 0.25, **style
            )
            for at, entry in zip(x, entries, strict=True):
                if entry["low"] is not None:
                    ax.plot([at, at], [entry["low"], entry["high"]], color="0.2", lw=1)
        ax.axhline(0, color="0.6", lw=0.8)
        ax.set_xticks(range(len(names)), names)
        ax.set(ylabel=label)
    legend_below(figure, axes[0, 0], 3)
    return figure
