"""The paper's figures that vary one condition: noise, voxel size, frequency, direction, physics, organ."""

import numpy as np
from matplotlib.ticker import FixedLocator

from dime.plotting.style import (
    MAIN,
    METHOD_NAMES,
    STUDY_NUMBERS,
    curve,
    dodge,
    intervals,
    legend_below,
    ordered,
    panels,
    signs,
)

CONDITIONS = ("antiplane", "antiplane_again", "inplane", "antiplane_inplane", "low_loss", "high_loss")
CONDITIONS += ("low_frequency", "high_frequency", "free", "impedance", "coarse_mesh", "kelvin_voigt")
CONDITIONS += ("oblique", "kidney", "kidney_slab", "all", "dime", "pretrained", "mmdi")
"""Rows and columns of `transfer` in the order of the figure: conditions of training or test, and methods."""

REPEATED = {"antiplane_again": "antiplane"}
"""Rows of `transfer` that repeat a training from another seed: row -> its condition."""


def what_noise_allows(found):
    """Standard deviation and its Cramer-Rao bound; error against noise, voxel size and frequency."""
    figure, axes = panels(4, "Simulated discs (left) and phantoms (others)", height=2.7)
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
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=7, frameon=False)
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
    return signs(method) | {"label": METHOD_NAMES[method], "lw": 1.4 if method in MAIN else 0.8}


def what_the_network_needs(found):
    """Changes of the training recipe by seed; error by number and by family of phantoms."""
    title = "Small networks of one training budget, tested on simulated studies"
    figure, axes = panels(3, title, height=3.2, width_ratios=[1.25, 1, 1])
    arms = {name: arm for name, arm in found["arms"].items() if arm["question"] == "recipe"}
    arms = sorted(arms.items(), key=lambda item: item[1]["seed_change"]["mean"])
    for y, (name, arm) in enumerate(arms):
        change = arm["seed_change"]
        tone = {"worse": "#d55e00", "better": "#009e73", "undecided": "0.5"}[found["verdicts"][name]]
        if change["low"] is not None:
            axes[0, 0].plot([change["low"], change["high"]], [y, y], color=tone, lw=1.2)
        axes[0, 0].plot(arm["seed_changes"], [y] * len(arm["seed_changes"]), "o", color=tone)
    axes[0, 0].axvline(0, color="0.8", lw=0.8, zorder=0)
    axes[0, 0].set_yticks(range(len(arms)), [arm["title"] for _, arm in arms])
    axes[0, 0].set(xlabel="change of MAPE [% points]", title="change of the recipe")
    numbers = [arm for arm in found["arms"].values() if arm["question"] in ("phantoms", "baseline")]
    numbers = sorted(numbers, key=lambda arm: arm["phantoms"])
    x = [arm["phantoms"] for arm in numbers]
    curve(axes[0, 1], x, [arm["mape"] for arm in numbers], "dime", color="0.3")
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


def matrix(ax, table, rows, columns, numbers=None):
    """Draw a table of errors as colours; None leaves a cell blank.

    Parameters
    ----------
    ax : matplotlib axes
    table : (row, column) numbers or None
    rows, columns : list of str
        Their names.
    numbers : (row, column) bool array, optional
        Cells that show their number; default: all.

    Returns
    -------
    matplotlib image, for a colour bar
    """
    table = np.array(table, float)
    top = np.nanmax(table, initial=1e-9)
    shown = ax.imshow(table, cmap="Oranges", aspect="auto", vmin=0, vmax=1.05 * top)
    for (y, x), value in np.ndenumerate(table):
        if np.isfinite(value) and (numbers is None or numbers[y, x]):
            colour = "white" if value > 0.65 * top else "black"
            ax.text(x, y, f"{value:.1f}", ha="center", va="center", fontsize=7, color=colour)
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return shown


def direction_of_travel(found):
    """Bias by kind of wave field in one tissue, inside and near its outline; error by side of the driver."""
    figure, axes = panels(3, "Simulated waves and phantoms", height=2.7, width_ratios=[1.15, 1.15, 1])
    kinds = found["kinds"]["kinds"]
    tissue = found["stiffness_kpa"].index(found["shown_kpa"])
    methods = ordered(found["kinds"]["methods"])
    for shift, method in zip(dodge(len(methods), 0.16), methods, strict=True):
        entry, style = found["kinds"]["methods"][method]["clean"], _style(method)
        x = np.arange(len(kinds)) + shift
        for ax, key in zip(axes[0], ("bias_kpa", "rim_bias_kpa"), strict=False):
            ax.vlines(x, 0, entry[key][tissue], color=style["color"], lw=0.8)
            ax.plot(x, entry[key][tissue], ls="", **style)
    titles = ("homogeneous, interior", f"homogeneous, outer {found['rim_mm']:g} mm")
    for ax, title in zip(axes[0], titles, strict=False):
        ax.axhline(0, color="0.6", lw=0.8, zorder=0)
        ax.set_xticks(range(len(kinds)), kinds, rotation=35, ha="right", rotation_mode="anchor")
        ax.set_title(title)
    low, high = zip(*(ax.get_ylim() for ax in axes[0, :2]), strict=True)
    for ax in axes[0, :2]:
        ax.set_ylim(min(low), max(high))
    axes[0, 0].set_ylabel(f"bias at {found['shown_kpa']:g} kPa [kPa]")
    for place, method in enumerate(methods):
        drive, style = found["drive"]["methods"][method], _style(method)
        intervals(axes[0, 2], [place - 0.15], [drive["error_kpa"]], **style | {"mfc": "white"})
        intervals(axes[0, 2], [place + 0.15], [drive["scatter_kpa"]], **style)
    axes[0, 2].set_xticks([])
    axes[0, 2].margins(y=0.25)  # room for the legend
    axes[0, 2].set(ylabel="rms [kPa]", ylim=(0, None), xlim=(-0.6, len(methods) - 0.4))
    axes[0, 2].set_title("heterogeneous phantoms")
    meanings = {"white": "error", "0.3": "change with driver"}
    for face, label in meanings.items():
        axes[0, 2].plot([], [], "o", color="0.3", mfc=face, label=label)
    axes[0, 2].legend(handles=axes[0, 2].lines[-2:], frameon=False, loc="upper left", handletextpad=0.2)
    legend_below(figure, axes[0, 0], 4)
    return figure


def transfer(found):
    """MAPE [%] of networks trained under one condition (row) and tested under another (column).

    Numbers stand on a network's own condition, and where its error is more than twice the one there.
    """
    figure, axes = panels(1, "Simulated: error by training and test condition", height=4.2)
    rows = [name for name in CONDITIONS if name in found["mape"]]
    tests = [name for name in CONDITIONS if any(name in row for row in found["mape"].values())]
    table = [[found["mape"][row].get(name, {"mean": None})["mean"] for name in tests] for row in rows]
    numbers = np.zeros((len(rows), len(tests)), bool)
    for y, row in enumerate(rows):
        own = REPEATED.get(row, row)
        if own in tests:
            errors = np.array(table[y], float)
            numbers[y] = errors > 2 * errors[tests.index(own)]
            numbers[y, tests.index(own)] = True
    names = [METHOD_NAMES.get(row, found["rows"][row]) for row in rows]
    shown = matrix(axes[0, 0], table, names, [found["titles"][name] for name in tests], numbers)
    first = next((y for y, row in enumerate(rows) if row in METHOD_NAMES), len(rows))
    axes[0, 0].axhline(first - 0.5, color="black", lw=0.8)
    axes[0, 0].set(xlabel="tested on", ylabel="trained on, or method")
    figure.colorbar(shown, ax=axes[0, 0], label="MAPE [%]", pad=0.01, aspect=30)
    return figure


def organs(found):
    """Error and bias in organs that no network was trained on, beside livers."""
    figure, axes = panels(2, "Simulated organs", height=2.4)
    names = sorted(found["organs"], key=lambda name: (found["organs"][name]["trained_on"], name))
    unseen = sum(not entry["trained_on"] for entry in found["organs"].values())
    for ax, (key, label) in zip(axes[0], {"mape": "MAPE [%]", "bias": "bias [%]"}.items(), strict=True):
        for shift, method in zip(dodge(len(MAIN), 0.2), MAIN, strict=True):
            entries = [found["organs"][name]["methods"][method][key] for name in names]
            style = signs(method) | {"label": METHOD_NAMES[method]}
            intervals(ax, shift + np.arange(len(names)), entries, **style)
        ax.axhline(0, color="0.6", lw=0.8, zorder=0)
        ax.axvline(unseen - 0.5, color="0.6", lw=0.8, ls=":", zorder=0)
        ax.set_xticks(range(len(names)), [*names[:unseen], *(f"{n}\n(trained on)" for n in names[unseen:])])
        ax.set(ylabel=label, xlim=(-0.5, len(names) - 0.5))
    axes[0, 0].set_ylim(bottom=0)
    legend_below(figure, axes[0, 0], 3)
    return figure
