"""Pictures of many fits of known geometries: their misfits, and the course of the search."""

import numpy as np

TRUTH_COLOUR = "#d55e00"

FIT_COLOUR = "#0b2559"


def misfits(ax, data):
    """Draw chi of every fit, one column a target, and chi of the truth as a line.

    Parameters
    ----------
    ax : matplotlib axes
    data : xarray.Dataset
        `chi` (target, fit), `chi_truth` (target,), coordinate `target`.
    """
    for place, name in enumerate(data["target"].values):
        one = data.sel(target=name)
        shift = np.linspace(-0.2, 0.2, one.sizes["fit"])
        ax.plot(place + shift, one["chi"], "o", ms=4, color=FIT_COLOUR, label="fits" if place == 0 else None)
        label = "truth" if place == 0 else None
        ax.hlines(one["chi_truth"], place - 0.35, place + 0.35, color=TRUTH_COLOUR, label=label)
    ax.set(yscale="log", ylabel="chi", xticks=range(data.sizes["target"]))
    ax.set_xticklabels([str(name).replace(", ", "\n") for name in data["target"].values])
    _plain(ax)
    ax.legend(frameon=False)


def courses(axes, data, annealing):
    """Draw chi of every fit against the iteration, one panel a target.

    Parameters
    ----------
    axes : sequence of matplotlib axes, one a target
    data : xarray.Dataset
        `trace` (target, fit, iteration), `chi_truth` (target,), coordinate `target`.
    annealing : int
        Iterations after which polishing begins.
    """
    for ax, name in zip(axes, data["target"].values, strict=True):
        one = data.sel(target=name)
        ax.plot(one["trace"].values.T, color=FIT_COLOUR, lw=0.9, alpha=0.7)
        ax.axhline(float(one["chi_truth"]), color=TRUTH_COLOUR, lw=1)
        ax.axvline(annealing - 0.5, color="0.6", lw=0.8)
        ax.set(yscale="log", xlabel="iteration", title=str(name))
        _plain(ax)
    axes[0].set_ylabel("chi")


def _plain(ax):
    """Plain numbers on a logarithmic axis of chi."""
    limits = ax.get_ylim()
    ax.set_yticks([0.5, 1, 2, 5, 10, 20, 50])
    ax.set_yticklabels(["0.5", "1", "2", "5", "10", "20", "50"])
    ax.minorticks_off()
    ax.set_ylim(*limits)
