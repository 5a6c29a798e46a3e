"""Figures of estimated tissue fractions: scores against a condition, reliability, standard deviations."""

import numpy as np

from dime.plotting.brain import TISSUE_COLOURS, TISSUE_NAMES

SIGNS = {"kept": "complex images", "lost": "magnitude images"}
"""Key -> name in print."""

KINDS = {"free": "without constraints", "active": "at active constraints"}
"""Kind of interval -> name in print."""


def by_condition(axes, rows, x, value="psnr_db", names=None, colours=None):
    """Draw a figure of merit against a condition, one panel a tissue and one line a case.

    Parameters
    ----------
    axes : sequence of three matplotlib axes
    rows : DataFrame
        Columns tissue, case, `x` and `value`; rows that share the first three are averaged.
    x, value : str
    names, colours : dict, optional
        Case -> name in print, and colour; they give the order of the lines.
    """
    cases = list(names or rows["case"].unique())
    for ax, (tissue, title) in zip(axes, TISSUE_NAMES.items(), strict=True):
        for place, case in enumerate(cases):
            part = rows[(rows["tissue"] == tissue) & (rows["case"] == case)]
            means = part.groupby(x)[value].mean()
            style = {"color": (colours or {}).get(case, f"C{place}"), "label": (names or {}).get(case, case)}
            ax.plot(means.index, means, "o-", ms=3, lw=1.2, **style)
        ax.set_title(title)


def reliability(ax, levels, shares):
    """Draw the share of true values in their intervals against what the intervals promise.

    Parameters
    ----------
    ax : matplotlib axes
    levels : (level,) array
    shares : dict
        Label -> (repeat, level) array.
    """
    ax.plot([0, 1], [0, 1], color="0.6", lw=0.8)
    for label, rows in shares.items():
        ax.plot(levels, np.mean(rows, axis=0), "o-", ms=3, lw=1.2, label=label)
    ax.set(xlabel="promised", ylabel="found", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.legend(frameon=False, fontsize=7, loc="upper left")


def minima(axes, shares, misfits, truth):
    """Draw the misfit of a voxel against the share of its second tissue, one panel a choice of contrasts.

    Parameters
    ----------
    axes : sequence of matplotlib axes
    shares : (share,) array
    misfits : dict of dict
        Title -> "kept" and "lost" -> (share,) array.
    truth : float
    """
    for ax, (title, both) in zip(axes, misfits.items(), strict=True):
        for signs, style in (("kept", "--"), ("lost", "-")):
            ax.plot(shares, both[signs], style, color="#0b2559", lw=1.3, label=SIGNS[signs])
        ax.axvline(truth, color="0.6", lw=0.8)
        ax.set_title(title)


def against_bound(ax, table, x):
    """Draw the error of every choice of contrasts against a bound, a colour for each tissue.

    Parameters
    ----------
    ax : matplotlib axes
    table : DataFrame
        Columns tissue, error and `x`.
    x : str
        Column of the bound.
    """
    ends = [table[[x, "error"]].min().min() * 0.8, table[x].max() * 1.2]
    for tissue, part in table.groupby("tissue", sort=False):
        ax.plot(part[x], part["error"], "o", ms=3.5, color=TISSUE_COLOURS[tissue], alpha=0.8, mew=0)
    ax.plot(ends, ends, color="0.6", lw=0.8, zorder=0)
    ax.set(xscale="log", yscale="log")
