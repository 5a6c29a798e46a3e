"""Names, colours, sizes and legends that all figures share."""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from dime.files.pictures import with_palette
from dime.files.whole import whole

METHOD_NAMES = {
    "dime": "DIME",
    "pretrained": "DIME, pretrained",
    "mmdi": "MMDI",
    "ahi": "AHI",
    "mdev": "MDEV",
    "kmdev": "k-MDEV",
    "lfe": "LFE",
    "nonlinear": "nonlinear",
    "clinical": "clinical MMDI",
    "truth": "truth",
}

METHOD_COLOURS = {
    "dime": "#0072b2",
    "pretrained": "#00204d",
    "mmdi": "#d55e00",
    "ahi": "#cc79a7",
    "mdev": "#e69f00",
    "kmdev": "#009e73",
    "lfe": "#56b4e9",
    "nonlinear": "#7b3294",
    "clinical": "#555555",
    "truth": "#000000",
}

ABSENT = "no measured data in this build"


def use_house_style():
    """Set the fonts and lines of every figure, and a fixed salt that keeps SVG ids equal between runs."""
    sns.set_theme(context="paper", style="ticks")
    plt.rcParams.update(
        {"figure.dpi": 100, "savefig.dpi": 200, "image.cmap": "viridis", "svg.hashsalt": "dime"}
    )
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})


def save(figure, folder, name):
    """Write a figure as `name.pdf` and `name.png`, without dates, so that equal figures give equal bytes."""
    path = Path(folder) / name
    save_picture(figure, path.with_suffix(".png"))
    with whole(path.with_suffix(".pdf")) as aside:
        figure.savefig(aside, bbox_inches="tight", metadata={"CreationDate": None})


def save_picture(figure, path):
    """Write a figure as PNG with a palette; equal figures give equal bytes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", bbox_inches="tight", metadata={"Software": None})
    with whole(path) as aside:
        aside.write_bytes(with_palette(drawn.getvalue()))


def note(text):
    """Small figure that shows a text in place of one that cannot be drawn."""
    figure, ax = plt.subplots(figsize=(4, 1), layout="constrained")
    ax.text(0.5, 0.5, text, ha="center", va="center")
    ax.axis("off")
    return figure


def method_legend(ax, methods):
    """Draw a legend of the methods, each name in its colour."""
    handles = [
        plt.Line2D([], [], marker="o", ls="", color=METHOD_COLOURS[m], label=METHOD_NAMES[m]) for m in methods
    ]
    ax.legend(handles=handles, frameon=False, loc="best")


COLUMN_IN, PAGE_IN = 3.4, 6.9
"""Widths of one text column and of the whole text area of the page [inch]."""

MAIN = ("dime", "pretrained", "mmdi")
"""Methods that most figures show; the other direct inversions (AHI, k-MDEV, LFE) join where there is room."""

STUDY_NUMBERS = {"homogeneous": "1a", "heterogeneous": "1b", "liver": "2"}
"""Study -> its number in the original article."""


def use_print_style():
    """Set the style of `style.use_house_style` with letters that are legible at the printed size."""
    use_house_style()
    sizes = {"font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "xtick.labelsize": 7}
    plt.rcParams.update(sizes | {"ytick.labelsize": 7, "legend.fontsize": 7, "lines.markersize": 3.5})


def panels(columns, width=PAGE_IN, height=2.1, rows=1, **kwargs):
    """A figure of `width` x `height` inch and its axes, an array (rows, columns)."""
    return plt.subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **kwargs)


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
    style = {"color": METHOD_COLOURS[method], "label": METHOD_NAMES[method], "marker": "o", "lw": 1.2} | style
    ax.plot(x, values["mean"], **style)
    ax.fill_between(x, values["low"], values["high"], color=style["color"], alpha=0.15, lw=0)
