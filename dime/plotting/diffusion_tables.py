"""Figures of estimated membranes: scores by prior, noise or method, and their course over the iterations."""

import numpy as np
import pandas as pd

from dime.plotting.style import dodge

SCORE_NAMES = {
    "chamfer_um2": "Chamfer distance [um$^2$]",
    "bad_edges": "bad edges",
    "precision": "precision of faces",
    "recall": "recall of faces",
    "chi": "misfit / noise",
}
"""Key -> name in print."""

GROUP_COLOURS = ("#0b2559", "#62b6f0", "#d55e00", "#009e73", "#999933", "#cc79a7")


def by_group(axes, table, group, scores=("chamfer_um2", "bad_edges", "precision", "recall")):
    """Draw scores of single cases as dots and their means with intervals, one panel a score.

    Parameters
    ----------
    axes : sequence of matplotlib axes, one a score
    table : DataFrame
        A row a case; cases whose score is not finite found no surface and are counted under the group's name.
    group : str, column whose values stand side by side
    scores : sequence of keys of `SCORE_NAMES`
    """
    names = list(table[group].unique())
    for ax, score in zip(axes, scores, strict=True):
        ticks = []
        for place, name in enumerate(names):
            values = table.loc[table[group] == name, score].to_numpy(float)
            finite = values[np.isfinite(values)]
            colour = GROUP_COLOURS[place % len(GROUP_COLOURS)]
            ax.plot(place + dodge(len(finite), 0.03), finite, ".", color=colour, ms=4, alpha=0.5, mew=0)
            if len(finite):
                ax.plot(place, finite.mean(), "_", color=colour, ms=16, mew=2)
            missing = len(values) - len(finite)
            ticks.append(str(name) + (f"\n({missing} without)" if missing else ""))
        ax.set_xticks(range(len(names)), ticks, fontsize=7, rotation=35, ha="right")
        ax.set(ylabel=SCORE_NAMES[score], xlim=(-0.5, len(names) - 0.5), ylim=(0, None))


def courses(axes, table, group, scores=("chi", "chamfer_um2", "bad_edges")):
    """Draw scores against the iteration: the median over cases, and the range as a band.

    Parameters
    ----------
    axes : sequence of matplotlib axes, one a score
    table : DataFrame
        A row a case, with `curve`, a list of dict of `iteration` and the scores.
    group : str, column whose values are told apart by colour
    scores : sequence of keys of `SCORE_NAMES`
    """
    for place, (name, part) in enumerate(table.groupby(group, sort=False)):
        long = pd.concat([pd.DataFrame(curve) for curve in part["curve"]])
        long = long.replace([np.inf, -np.inf], np.nan)
        for ax, score in zip(axes, scores, strict=True):
            spread = long.groupby("iteration")[score].agg(["min", "median", "max"])
            colour = GROUP_COLOURS[place % len(GROUP_COLOURS)]
            ax.plot(spread.index, spread["median"], color=colour, lw=1.3, label=name)
            ax.fill_between(spread.index, spread["min"], spread["max"], color=colour, alpha=0.15, lw=0)
    for ax, score in zip(axes, scores, strict=True):
        ax.set(xlabel="iteration", ylabel=SCORE_NAMES[score], ylim=(0, None))
    axes[0].set(yscale="log", ylim=(None, None))
    axes[0].legend(frameon=False, fontsize=7)
