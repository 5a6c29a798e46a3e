"""Figures of a diffusion solver: decays beside known ones, errors by size, and where the time goes."""

import numpy as np

PARTS = {
    "modes_s": "slow modes, reduced equations",
    "prepare_s": "gradients",
    "signal_s": "signal",
    "gradient_s": "derivative",
}
"""Parts of an iteration in their order, as keys of its times, and in print."""


def decays(ax, b_ms_per_um2, signals):
    """Draw signals on a logarithmic axis: those of the solver as points on the known lines.

    Parameters
    ----------
    ax : matplotlib axes
    b_ms_per_um2 : (b,) array
    signals : dict
        Label -> (found, known), (b,) arrays.
    """
    for number, (label, (found, known)) in enumerate(signals.items()):
        ax.plot(b_ms_per_um2, known, color=f"C{number}", lw=1, label=label)
        ax.plot(b_ms_per_um2, found, "o", color=f"C{number}", ms=4, mfc="none")
    ax.set(yscale="log", xlabel="b [ms/µm²]", xlim=(0, None))
    plain_ticks(ax.yaxis, (0.1, 0.2, 0.5, 1))
    if len(signals) > 1:
        ax.legend(frameon=False, fontsize=7)


def convergence(ax, sizes, errors, order, label):
    """Draw errors by size on logarithmic axes, and the line of an order through the last one."""
    sizes, errors = np.asarray(sizes, float), np.asarray(errors, float)
    (line,) = ax.loglog(sizes, errors, "o-", ms=4, lw=1, label=label)
    smallest = errors.argmin()
    guide = errors[smallest] * (sizes / sizes[smallest]) ** order
    ax.loglog(sizes, guide, ":", color=line.get_color(), lw=1)


def errors_by(ax, rows, x, y, series="timing", style="o-"):
    """Draw errors by a number on logarithmic axes, one line for each timing or other series.

    Parameters
    ----------
    ax : matplotlib axes
    rows : list of dict
        Each with the keys x, y and series.
    x, y, series : str
    style : str
        Of matplotlib.
    """
    for name in dict.fromkeys(row[series] for row in rows):
        part = [row for row in rows if row[series] == name]
        ax.loglog([row[x] for row in part], [row[y] for row in part], style, ms=4, lw=1, label=name)
    plain_ticks(ax.xaxis, sorted({row[x] for row in rows}))


def plain_ticks(axis, values):
    """Mark these values alone on a logarithmic axis, as plain numbers."""
    axis.set_ticks(values, [f"{value:g}" for value in values])
    axis.set_ticks([], minor=True)


def iterations(ax, rows, labels):
    """Draw the time of iterations as bars of their parts.

    Parameters
    ----------
    ax : matplotlib axes
    rows : list of dict
        Each with the keys of `PARTS`; the derivative's time includes the signal's.
    labels : list of str
    """
    below = np.zeros(len(rows))
    for part, label in PARTS.items():
        height = np.array([row[part] for row in rows])
        if part == "gradient_s":
            height = np.maximum(height - [row["signal_s"] for row in rows], 0)
        ax.bar(labels, height, bottom=below, width=0.6, label=label)
        below = below + height
    ax.set(ylabel="time [s]")
