"""Names, colours, sizes and legends that all figures share."""

import io
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from dime.files.pictures import with_palette
from dime.files.whole import whole
from dime.inversion.registry import METHODS


class Look(NamedTuple):
    """How something that is not a method of its own appears beside the methods."""

    label: str
    colour: str
    marker: str = "o"


NETWORKS = {"dime": Look("DIME-S", "#62b6f0"), "pretrained": Look("DIME-L", "#0b2559", "s")}
"""DIME-S is the network that the run trained, DIME-L the one of the package. Light and dark blue differ in
grey too, and for readers who cannot tell red from green."""

VARIANTS = {
    "mmdi": {
        "mmdi_tuned": Look("MMDI, tuned", "#a6611a"),
        "mmdi_unfiltered": Look("MMDI, no filters", "#fb9a99", "v"),
    }
}
"""Method -> its variants, which stand behind it in figures and tables."""

REFERENCES = {"clinical": Look("clinical MMDI", "#555555"), "truth": Look("truth", "#000000", "D")}
REFERENCES |= {"likelihood": Look("maximum likelihood", "0.5", ".")}

LOOKS = dict(NETWORKS)
for _name, _method in METHODS.items():
    if _name not in NETWORKS:
        LOOKS[_name] = Look(_method.label, _method.colour, _method.marker)
    LOOKS |= VARIANTS.get(_name, {})
LOOKS |= REFERENCES
"""Key -> look, in the order of figures and tables; those of the methods come from their records."""

METHOD_NAMES = {name: look.label for name, look in LOOKS.items()}
METHOD_COLOURS = {name: look.colour for name, look in LOOKS.items()}

ABSENT = "no measured data in this build"


def use_house_style():
    """Set the fonts and lines of every figure, and a fixed salt that keeps SVG ids equal between runs."""
    sns.set_theme(context="paper", style="ticks")
    plt.rcParams.update(
        {"figure.dpi": 100, "savefig.dpi": 200, "image.cmap": "viridis", "svg.hashsalt": "dime"}
    )
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})


def save(figure, folder, name):
    """Write a figure as `name.pdf` and `name.png` in exactly its size, so that letters print as they are set.

    The files hold no dates: equal figures give equal bytes.
    """
    path = Path(folder) / name
    save_picture(figure, path.with_suffix(".png"), None)
    with whole(path.with_suffix(".pdf")) as aside:
        figure.savefig(aside, metadata={"CreationDate": None})


def save_picture(figure, path, cut="tight"):
    """Write a figure as PNG with a palette, cut to what is drawn; equal figures give equal bytes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", bbox_inches=cut, metadata={"Software": None})
    with whole(path) as aside:
        aside.write_bytes(with_palette(drawn.getvalue()))


def note(text):
    """Small figure that shows a text in place of one that cannot be drawn."""
    figure, ax = plt.subplots(figsize=(4, 1), layout="constrained")
    ax.text(0.5, 0.5, text, ha="center", va="center")
    ax.axis("off")
    return figure


def method_legend(ax, methods):
    """Draw a legend of the methods where all have dots: each name in its colour."""
    handles = [
        plt.Line2D([], [], marker="o", ls="", color=METHOD_COLOURS[m], label=METHOD_NAMES[m]) for m in methods
    ]
    ax.legend(handles=handles, frameon=False, loc="best")


def method_handles(methods):
    """Entries of a legend: the sign and the name of each method."""
    return [plt.Line2D([], [], ls="", label=METHOD_NAMES[m], **signs(m)) for m in methods]


def agreement_handles(methods):
    """Entries of a legend for differences between methods: the methods and the lines of `bland_altman`."""
    lines = {"-": "bias", "--": "limits of agreement"}
    return method_handles(methods) + [
        plt.Line2D([], [], ls=ls, color="0.3", lw=1, label=label) for ls, label in lines.items()
    ]


def signs(method):
    """Colour and marker of a method, as matplotlib's arguments."""
    return {"color": LOOKS[method].colour, "marker": LOOKS[method].marker}


COLUMN_IN, PAGE_IN = 3.35, 6.9
"""Widths of one text column and of the whole text area of the page [inch]."""

MAIN = ("dime", "pretrained", "mmdi")
"""Methods that most figures show; the other direct inversions (AHI, k-MDEV, LFE) join where there is room."""

STUDY_NUMBERS = {"homogeneous": "1a", "heterogeneous": "1b", "liver": "2"}
"""Study -> its number in the original article."""


def use_print_style():
    """Set the style of `style.use_house_style` with letters that are legible at the printed size."""
    use_house_style()
    sizes = {"font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "xtick.labelsize": 7}
    sizes |= {"ytick.labelsize": 7, "legend.fontsize": 7, "figure.titlesize": 8, "figure.titleweight": "bold"}
    plt.rcParams.update(sizes | {"lines.markersize": 3.5})
    thin = {"axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6}
    plt.rcParams.update(thin | {"xtick.major.size": 3, "ytick.major.size": 3, "axes.labelpad": 2})


def panels(columns, title, width=PAGE_IN, height=2.1, rows=1, **kwargs):
    """A figure of `width` x `height` inch with its title, and its axes, an array (rows, columns)."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **kwargs
    )
    figure.suptitle(title)
    return figure, axes


def legend_below(figure, ax, columns=4):
    """Draw the legend of one panel under all panels."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def ordered(methods):
    """Methods in the order of `METHOD_NAMES`, unknown ones last (metrics files sort them alphabetically)."""
    known = list(METHOD_NAMES)
    return sorted(methods, key=lambda method: known.index(method) if method in known else len(known))


def curve(ax, x, entries, method, **style):
    """Draw means and their intervals against x; entries that are None leave a gap."""
    values = {key: np.array([entry[key] for entry in entries], float) for key in ("mean", "low", "high")}
    style = signs(method) | {"label": METHOD_NAMES[method], "lw": 1.2} | style
    ax.plot(x, values["mean"], **style)
    ax.fill_between(x, values["low"], values["high"], color=style["color"], alpha=0.15, lw=0)


def intervals(ax, x, entries, key="mean", **style):
    """Draw values as points with their intervals as bars, over the single cases where the entries hold them.

    Parameters
    ----------
    ax : matplotlib axes
    x : sequence of float
    entries : sequence of dict
        `key`, low, high; `values` where the cases are few and kept. A value that is None is left out, and so
        is an interval.
    style : passed to `plot`
    """
    for place, entry in zip(x, entries, strict=True):
        each = entry.get("values", ())
        ax.plot(np.full(len(each), place), each, ".", color=style["color"], ms=3, mew=0, alpha=0.4)
        if entry[key] is not None and entry["low"] is not None:
            ax.plot([place, place], [entry["low"], entry["high"]], color=style["color"], lw=1)
    shown = np.array([entry[key] for entry in entries], float)
    ax.plot(x, shown, **{"ls": "", "clip_on": False} | style)


def dodge(count, width):
    """Shifts that set `count` points side by side around a place, `width` apart."""
    return width * (np.arange(count) - (count - 1) / 2)
