"""Figures of methods that are compared on brains: scores by contrasts, and paired differences."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from dime.plotting.brain import TISSUE_NAMES
from dime.plotting.style import dodge, intervals

METHOD_NAMES = {
    "signal": "signals add, complex",
    "signal-magnitude": "signals add, magnitude",
    "property": "properties mix, Adam",
    "unet": "U-Net",
    "bcefcm": "BCEFCM",
}
"""Key -> name in print; the order of every table."""

METHOD_COLOURS = {
    "signal": "#0b2559",
    "signal-magnitude": "#62b6f0",
    "property": "#d55e00",
    "unet": "#009e73",
    "bcefcm": "#999933",
}

SCORE_NAMES = {"dice": "Dice", "psnr_db": "PSNR [dB]", "ssim": "SSIM"}


def by_combination(axes, means, combinations, published=None):
    """Draw mean scores with intervals against the contrasts: scores in rows, tissues in columns.

    Parameters
    ----------
    axes : (score, tissue) array of matplotlib axes
    means : dict
        Score -> method -> combination -> tissue -> dict of mean, low, high.
    combinations : sequence of str
        From left to right.
    published : callable, optional
        Of method, combination, tissue and score; its figures are drawn as open circles.
    """
    for place, (score, methods) in enumerate(means.items()):
        row = axes[place]
        shown = [method for method in METHOD_NAMES if method in methods]
        for ax, (tissue, title) in zip(row, TISSUE_NAMES.items(), strict=True):
            for method, shift in zip(shown, dodge(len(shown), 0.14), strict=True):
                style = {"color": METHOD_COLOURS[method], "label": METHOD_NAMES[method]}
                places = [at for at, name in enumerate(combinations) if name in methods[method]]
                entries = [methods[method][combinations[at]][tissue] for at in places]
                entries = [{key: entry[key] for key in ("mean", "low", "high")} for entry in entries]
                intervals(ax, np.add(places, shift), entries, marker="o", ms=3.5, **style)
                if published:
                    known = [published(method, name, tissue, score) for name in combinations]
                    known = np.array(known, float)
                    circle = {"ls": "", "marker": "o", "ms": 5.5, "mfc": "none", "clip_on": False}
                    ax.plot(np.arange(len(known)) + shift, known, color=METHOD_COLOURS[method], **circle)
            ax.set_xticks(range(len(combinations)), combinations, rotation=40, ha="right", fontsize=7)
            ax.set_xlim(-0.5, len(combinations) - 0.5)
            if not place:
                ax.set_title(title)
        row[0].set_ylabel(SCORE_NAMES[score])


def differences(axes, tested, label):
    """Draw differences from the reference with intervals, one panel a tissue and one row a method.

    A cross marks a difference whose corrected p is 0.05 or more, or that has none.

    Parameters
    ----------
    axes : sequence of three matplotlib axes
    tested : dict
        Tissue -> method -> entry of `dime.metrics.statistics.paired_tests`.
    label : str
        Of the horizontal axis.
    """
    for ax, tissue in zip(axes, TISSUE_NAMES, strict=True):
        shown = [method for method in METHOD_NAMES if method in tested[tissue]]
        for place, method in enumerate(shown):
            found = tested[tissue][method]
            entry, colour = found["difference"], METHOD_COLOURS[method]
            sure = found["p_holm"] is not None and found["p_holm"] < 0.05
            if entry["low"] is not None:
                ax.plot([entry["low"], entry["high"]], [place] * 2, color=colour, lw=1.2)
            ax.plot(entry["mean"], place, "o" if sure else "x", color=colour, ms=5)
        ax.set_yticks(range(len(shown)), [METHOD_NAMES[method] for method in shown])
        ax.set_ylim(len(shown) - 0.5, -0.5)
        ax.axvline(0, color="0.6", lw=0.8, ls="--", zorder=0)
        ax.xaxis.set_major_locator(plt.MaxNLocator(4))
        ax.set(title=TISSUE_NAMES[tissue], xlabel=label)


def in_words(means, combinations, published=None):
    """Table of a score: rows method and combination, columns tissues; published figures in brackets.

    Parameters
    ----------
    means : dict
        Method -> combination -> tissue -> dict of mean.
    combinations : sequence of str
    published : callable, optional
        Of method, combination and tissue.

    Returns
    -------
    DataFrame of str
    """
    rows = {}
    for method in (one for one in METHOD_NAMES if one in means):
        for name in (one for one in combinations if one in means[method]):
            cells = {}
            for tissue, title in TISSUE_NAMES.items():
                known = published(method, name, tissue) if published else None
                cells[title] = f"{means[method][name][tissue]['mean']:.2f}"
                cells[title] += f" ({known:.2f})" if known is not None else ""
            rows[METHOD_NAMES[method], name] = cells
    return pd.DataFrame(rows).T
