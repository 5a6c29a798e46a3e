"""Draw estimates against the truth, differences against means, and learning curves."""

import numpy as np

from dime.plotting.style import ABSENT, METHOD_COLOURS, METHOD_NAMES, signs


def identity_scatter(ax, truth, estimates, labels=("truth [kPa]", "estimate [kPa]")):
    """Draw the estimates of one or more methods against a common abscissa, with the line of identity.

    Parameters
    ----------
    truth : (n,) array [kPa]
    estimates : dict
        Method -> (n,) array [kPa].
    """
    for method, values in estimates.items():
        ax.scatter(truth, values, s=14, alpha=0.8, label=METHOD_NAMES[method], lw=0, **signs(method))
    everything = np.concatenate([truth, *estimates.values()])
    if everything.size:
        span = (0, 1.05 * everything.max())
        ax.plot(span, span, color="0.6", lw=0.8, zorder=0)
        ax.set(xlim=span, ylim=span)
        ax.legend(frameon=False, loc="upper left")
    else:
        ax.text(0.5, 0.5, ABSENT, ha="center", va="center", transform=ax.transAxes)
    ax.set(xlabel=labels[0], ylabel=labels[1], aspect="equal")


def density_scatter(ax, truth, estimate, limit_kpa, title):
    """Draw estimates against truth (n,) [kPa] as a 2D histogram of log counts, with the line of identity."""
    bins = ax.hist2d(
        truth, estimate, bins=80, range=[[0, limit_kpa]] * 2, norm="log", cmap="mako_r", rasterized=True
    )
    ax.plot([0, limit_kpa], [0, limit_kpa], color="0.4", lw=0.8)
    ax.set(xlabel="truth [kPa]", ylabel="estimate [kPa]", aspect="equal", title=title)
    return bins[3]


def bland_altman(ax, x, y, agreement, colour, ylabel, marker="o"):
    """Draw differences x - y against means [kPa], with the bias and limits of `agreement.bland_altman`."""
    x, y = np.asarray(x), np.asarray(y)
    ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    if x.size:
        ax.scatter((x + y) / 2, x - y, s=14, alpha=0.8, color=colour, marker=marker, lw=0)
        ax.axhline(agreement["bias"], color=colour, lw=1)
        for edge in ("lower", "upper"):
            if agreement[edge] is not None:
                ax.axhline(agreement[edge], color=colour, lw=0.8, ls="--")
    else:
        ax.text(0.5, 0.5, ABSENT, ha="center", va="center", transform=ax.transAxes)
    ax.set(xlabel="mean of the two [kPa]", ylabel=ylabel)


def learning_curves(axes, history):
    """Draw loss and validation error by epoch, and mark the epoch whose weights are kept.

    Parameters
    ----------
    axes : two matplotlib axes
    history : pandas.DataFrame
        epoch, loss, validation_loss, validation_mape.
    """
    epoch = history["epoch"] + 1
    best = history["validation_loss"].idxmin()
    axes[0].plot(epoch, history["loss"], color="0.5", label="training")
    axes[0].plot(epoch, history["validation_loss"], color=METHOD_COLOURS["dime"], label="validation")
    axes[0].set(xlabel="epoch", ylabel="Laplace negative log likelihood")
    axes[0].legend(frameon=False)
    axes[1].plot(epoch, history["validation_mape"], color=METHOD_COLOURS["dime"])
    axes[1].set(xlabel="epoch", ylabel="validation MAPE [%]")
    for ax, column in zip(axes, ("validation_loss", "validation_mape"), strict=True):
        ax.plot(epoch[best], history[column][best], "o", color=METHOD_COLOURS["dime"])
