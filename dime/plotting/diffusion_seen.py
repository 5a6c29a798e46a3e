"""Figures of what a diffusion signal tells: ranks, changes seen, softened contrast, ensembles."""

import matplotlib.pyplot as plt
import numpy as np

PLACE_COLOURS = {"interface": "#d55e00", "inside": "#0b2559", "outside": "#62b6f0"}

WAY_NAMES = {
    "both": "membranes and all else",
    "membranes": "membranes alone",
    "others": "all else alone",
}
"""Key -> which permeabilities are softened, in print."""


def spectra(values, noises):
    """Figure of singular values, one panel a state and one line a protocol, with levels of the noise.

    Parameters
    ----------
    values : dict of dict
        State -> protocol -> (number,) array, descending.
    noises : sequence of float
    """
    figure, axes = plt.subplots(
        1, len(values), figsize=(10, 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, (state, protocols) in zip(axes[0], values.items(), strict=True):
        for place, (protocol, found) in enumerate(protocols.items()):
            number = np.arange(1, len(found) + 1)
            ax.plot(number, found, color=f"C{place}", ls="-" if place < 6 else "--", lw=1.2, label=protocol)
        for noise in noises:
            ax.axhline(noise, color="0.6", lw=0.6)
            ax.annotate(
                f"{noise:g}", (1.0, noise), xycoords=("axes fraction", "data"), fontsize=7, va="bottom"
            )
        ax.set(yscale="log", ylim=(min(noises) / 3, None), xlabel="number", title=f"{state} permeabilities")
        seen = max((found > min(noises)).sum() for found in protocols.values())
        ax.set_xlim(0, 1.1 * seen)
    axes[0, 0].set_ylabel("singular value")
    axes[0, -1].legend(fontsize=7, frameon=False)
    return figure


def softening(axes, curves, noise):
    """Draw the misfit of the true membranes against the softened contrast, one panel a way to soften.

    Parameters
    ----------
    axes : sequence of three matplotlib axes
    curves : dict
        Geometry -> list of dict: `exponent` and chi by the keys of `WAY_NAMES`.
    noise : float
    """
    for ax, (way, title) in zip(axes, WAY_NAMES.items(), strict=True):
        for name, rows in curves.items():
            ax.plot([row["exponent"] for row in rows], [row[way] for row in rows], "o-", ms=3, label=name)
        ax.axhline(1, color="0.6", lw=0.8)
        ax.set(title=title, xlabel="c, permeabilities $10^{\\pm c}$ um/ms")
        ax.invert_xaxis()
    axes[0].set_ylabel(f"chi of the truth at noise {noise:g}")
    axes[0].legend(frameon=False, fontsize=7)


def flips(axes, depth_um, change, place, noises):
    """Draw the change of the signal by the depth of the tetrahedron that is flipped, and how many are seen.

    Parameters
    ----------
    axes : pair of matplotlib axes
    depth_um : (flip,) array, negative outside the cell
    change : (flip,) array
    place : (flip,) str array
    noises : sequence of float
        Lines at three times each.
    """
    for name, colour in PLACE_COLOURS.items():
        chosen = place == name
        axes[0].plot(depth_um[chosen], change[chosen], "o", ms=3, color=colour, label=name)
        if chosen.any():
            levels = np.geomspace(1e-3, 2e-2, 200)
            seen = (change[chosen] > 3 * levels[:, None]).mean(1)
            axes[1].plot(levels, seen, color=colour, lw=1.5, label=name)
    for noise in noises:
        axes[0].axhline(3 * noise, color="0.6", lw=0.6)
        text = f"3 x {noise:g}"
        place_of_text = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "bottom"}
        axes[0].annotate(text, (1.0, 3 * noise), fontsize=7, **place_of_text)
    axes[0].set(yscale="log", xlabel="depth in the cell [um]", ylabel="change of the signal")
    axes[1].set(xscale="log", xlabel="noise", ylabel="share of flips seen at 3 sigma", ylim=(-0.02, 1.02))
    axes[1].legend(frameon=False, fontsize=7)


def flip_map(ax, centres_um, change, labels):
    """Draw the change of the signal at the place of each flipped tetrahedron, within a slab about z = 0.

    Parameters
    ----------
    ax : matplotlib axes
    centres_um : (flip, 3) array
    change : (flip,) array
    labels : (flip,) int array, 0 outside the cells, which are drawn as rings

    Returns
    -------
    matplotlib collection, for a colour bar
    """
    slab = np.abs(centres_um[:, 2]) < np.ptp(centres_um[:, 2]) / 6
    x, y = centres_um[slab, :2].T
    edges = np.where(labels[slab] > 0, "k", "w")
    limits = {"vmin": 0, "vmax": np.percentile(change, 98)}
    shown = ax.scatter(x, y, c=change[slab], s=60, edgecolors=edges, linewidths=1, cmap="viridis", **limits)
    ax.set(aspect="equal", xlabel="x [um]", ylabel="y [um]")
    return shown


def fits(axes, data):
    """Draw chi against Dice of all fits, one panel a target; a line at the chi of the truth.

    Parameters
    ----------
    axes : sequence of matplotlib axes, one a target
    data : xarray.Dataset
        `chi`, `dice` (target, fit), `chi_truth` (target,), coordinate `target`.
    """
    for ax, name in zip(axes, data["target"].values, strict=True):
        one = data.sel(target=name)
        ax.plot(one["dice"], one["chi"], "o", ms=4, color="#0b2559")
        ax.plot(1, float(one["chi_truth"]), "*", ms=9, color="#d55e00")
        ax.axhline(float(one["chi_truth"]), color="#d55e00", lw=0.8)
        ax.set(xlim=(0, 1.05), xlabel="Dice", title=str(name))
    axes[0].set_ylabel("chi")


def reliability(ax, tables):
    """Draw the share of places that are true against the share that inclusion promises.

    Parameters
    ----------
    ax : matplotlib axes
    tables : dict
        Label -> rows of `dime.diffusion.calibration.reliability`.
    """
    ax.plot([0, 1], [0, 1], color="0.6", lw=0.8)
    for place, (label, rows) in enumerate(tables.items()):
        x, y, low, high = (
            np.array([row[key] for row in rows]) for key in ("promised", "found", "low", "high")
        )
        errors = np.maximum([y - low, high - y], 0)
        ax.errorbar(x, y, errors, fmt="o-", ms=4, lw=1.2, capsize=2, color=f"C{place}", label=label)
    ax.set(xlabel="share of fits", ylabel="share that is true", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    ax.set_aspect("equal")
    ax.legend(frameon=False, fontsize=7, loc="upper left")


def ranks(ax, rows, noises):
    """Draw ranks as bars, one group a protocol and one bar a level of noise.

    Parameters
    ----------
    ax : matplotlib axes
    rows : DataFrame
        `protocol`, `noise`, `rank` of one geometry and state.
    noises : sequence of float
    """
    protocols = list(dict.fromkeys(rows["protocol"]))
    width = 0.8 / len(noises)
    for place, noise in enumerate(noises):
        height = rows[rows["noise"] == noise].set_index("protocol")["rank"].reindex(protocols)
        at = np.arange(len(protocols)) + (place - (len(noises) - 1) / 2) * width
        bars = ax.bar(
            at, height, width, color=plt.get_cmap("viridis")(place / len(noises)), label=f"{noise:g}"
        )
        ax.bar_label(bars, fontsize=6)
    ax.set_xticks(range(len(protocols)), protocols, fontsize=7)
    ax.set(ylabel="rank")
    ax.legend(title="noise", frameon=False, fontsize=7, title_fontsize=7)
