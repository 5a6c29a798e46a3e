"""Figures of predicted stiffness: figures of merit with their intervals, and models' names and colours."""

import numpy as np

MODEL_NAMES = {
    "fused": "transformer, fused",
    "image": "transformer, images",
    "records": "transformer, records",
    "patches": "transformer, pixels",
    "cnn": "3D CNN",
    "late": "late fusion",
    "modulated": "modulated fusion",
    "boosting": "boosting, records",
    "ridge": "ridge, records",
    "oracle": "boosting, true markers",
    "fib4": "FIB-4",
    "apri": "APRI",
    "mean": "mean",
}
"""Key -> name in print, in the order of figures and tables."""

MODEL_COLOURS = {
    "fused": "#0b2559",
    "image": "#62b6f0",
    "records": "#009e73",
    "boosting": "#d55e00",
    "fib4": "#cc79a7",
}
"""Of the models that have a colour of their own."""

COHORT_COLOURS = {"internal": "#0b2559", "temporal": "#62b6f0", "external": "#d55e00"}

VERDICT_COLOURS = {"equivalent": "#009e73", "biased": "#d55e00", "undecided": "0.55"}


def forest(ax, entries, limits=(), shift=0.0, **style):
    """Draw figures of merit as points with their intervals, one below the other.

    Parameters
    ----------
    ax : matplotlib axes
    entries : dict
        Label -> mean, low, high; a value or an interval that is None is left out.
    limits : sequence of float
        Vertical lines.
    shift : float
        Moves the points down, as a part of the distance of two labels.
    style : passed to `plot`
    """
    for place, entry in enumerate(entries.values()):
        if entry["low"] is not None:
            ends = [entry["low"], entry["high"]]
            ax.plot(ends, [place + shift] * 2, color=style.get("color", "0.2"), lw=1)
    values = np.array([entry["mean"] for entry in entries.values()], float)
    ax.plot(
        values, np.arange(len(values)) + shift, **{"ls": "", "marker": "o", "ms": 4, "color": "0.2"} | style
    )
    ax.set_yticks(range(len(entries)), list(entries))
    ax.set_ylim(len(entries) - 0.4, -0.6)
    for limit in limits:
        ax.axvline(limit, color="0.6", lw=0.8, ls="--", zorder=0)
