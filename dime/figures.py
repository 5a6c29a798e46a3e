"""Small plotters that take axes; they draw and never compute what is not about drawing.

Maps that are compared share one colour scale: `viridis` for stiffness in kPa, a diverging scale around zero
for waves and errors. Lengths are in mm.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

METHOD_NAMES = {
    "dime": "DIME",
    "released": "DIME, released",
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
    "released": "#00204d",
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
    """Fonts and lines of every figure; identical SVG ids in every run."""
    sns.set_theme(context="paper", style="ticks")
    plt.rcParams.update(
        {"figure.dpi": 110, "savefig.dpi": 200, "image.cmap": "viridis", "svg.hashsalt": "dime"}
    )
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})


def save(figure, folder, name):
    """Write `name.pdf` and `name.png`, without dates, so that equal figures are equal bytes."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.pdf", bbox_inches="tight", metadata={"CreationDate": None})
    figure.savefig(folder / f"{name}.png", bbox_inches="tight", metadata={"Software": None})


def image(ax, values, mask, coordinates, window_mm=None, **style):
    """One map with lengths in mm, cropped to the tissue and blank outside it.

    Parameters
    ----------
    ax : matplotlib axes
    values : (y, x) array
    mask : (y, x) bool array
    coordinates : (y_m, x_m) pair of arrays [m]
    window_mm : (height, width), optional
        Size of the crop, for maps that are to share one scale of length; default: the tissue's own.
    style : passed to `imshow`

    Returns
    -------
    matplotlib image, for a colour bar
    """
    y, x = (np.asarray(c) * 1e3 for c in coordinates)
    half = (x[1] - x[0]) / 2
    shown = ax.imshow(
        np.where(mask, values, np.nan),
        extent=(x[0] - half, x[-1] + half, y[-1] + half, y[0] - half),
        interpolation="nearest",
        **style,
    )
    middle, size = tissue_box(mask, (y, x))
    height, width = window_mm or size
    ax.set_xlim(middle[1] - width / 2, middle[1] + width / 2)
    ax.set_ylim(middle[0] + height / 2, middle[0] - height / 2)
    ax.set(xticks=[], yticks=[])
    sns.despine(ax=ax, left=True, bottom=True)
    return shown


def tissue_box(mask, coordinates):
    """Middle and size, each (y, x), of the box around a mask, four pixels wider; in the coordinates' unit."""
    middle, size = [], []
    for axis, places in enumerate(coordinates):
        places = np.asarray(places)
        occupied = places[mask.any(axis=1 - axis)]
        middle.append((occupied[0] + occupied[-1]) / 2)
        size.append(occupied[-1] - occupied[0] + 4 * (places[1] - places[0]))
    return tuple(middle), tuple(size)


def scale_bar(ax, length_mm=50):
    """A bar of known length under the left end of a map."""
    left, _ = ax.get_xlim()
    under = ax.get_xaxis_transform()  # x in mm, y as a fraction of the axes
    ax.plot([left, left + length_mm], [-0.05, -0.05], color="black", lw=2, transform=under, clip_on=False)
    label = {"ha": "center", "va": "top", "fontsize": 7, "transform": under}
    ax.text(left + length_mm / 2, -0.08, f"{length_mm} mm", **label)


def waves(ax, wave, mask, coordinates, window_mm=None):
    """Real part of a wave on a symmetric scale of its own, clipped at the 98th percentile."""
    limit = np.percentile(np.abs(wave[mask].real), 98)
    return image(ax, wave.real, mask, coordinates, window_mm, cmap="RdBu_r", vmin=-limit, vmax=limit)


def comparison_grid(columns, masks, coordinates, row_labels, limits, errors=(), error_limit=2.0):
    """Rows of slices, columns of maps: waves, stiffness on one shared scale, errors on another.

    Parameters
    ----------
    columns : dict
        Title -> (slice, y, x) array; complex is drawn as a wave, the rest as stiffness [kPa].
    masks : (slice, y, x) bool array
    coordinates : (y_m, x_m)
    row_labels : list of str
    limits : (low, high)
        Stiffness scale [kPa].
    errors : collection of str
        Titles that are differences [kPa], drawn on a diverging scale of +- `error_limit`.

    Returns
    -------
    matplotlib figure
    """
    if len(masks) == 0:
        return note(ABSENT)
    sizes = [tissue_box(mask, [np.asarray(c) * 1e3 for c in coordinates])[1] for mask in masks]
    window = tuple(np.max(sizes, axis=0))
    height = 1.35 * window[0] / window[1]
    figure, axes = plt.subplots(
        len(masks),
        len(columns),
        figsize=(1.4 * len(columns) + 0.3, height * len(masks) + 0.9),
        squeeze=False,
        layout="constrained",
    )
    shown = {}
    for column, (title, maps) in enumerate(columns.items()):
        for row, mask in enumerate(masks):
            ax = axes[row, column]
            place = (mask, coordinates, window)
            if np.iscomplexobj(maps):
                waves(ax, maps[row], *place)
            elif title in errors:
                scale = {"cmap": "RdBu_r", "vmin": -error_limit, "vmax": error_limit}
                shown["error [kPa]", "both"] = image(ax, maps[row], *place, **scale)
            else:
                scale = {"cmap": "viridis", "vmin": limits[0], "vmax": limits[1]}
                shown["stiffness |G*| [kPa]", "max"] = image(ax, maps[row], *place, **scale)
            if row == 0:
                ax.set_title(title, fontsize=9)
            if column == 0:
                ax.set_ylabel(row_labels[row], fontsize=8)
    scale_bar(axes[-1, 0])
    half = len(columns) // len(shown)
    for (label, extend), under in zip(shown, (axes[:, :half], axes[:, half:]), strict=False):
        bar = {"location": "bottom", "shrink": 0.8, "aspect": 30, "pad": 0.02}
        figure.colorbar(shown[label, extend], ax=under, label=label, extend=extend, **bar)
    return figure


def identity_scatter(ax, truth, estimates, labels=("truth [kPa]", "estimate [kPa]")):
    """Estimates of one or more methods against a common abscissa, with the line of identity.

    Parameters
    ----------
    truth : (n,) array [kPa]
    estimates : dict
        Method -> (n,) array [kPa].
    """
    for method, values in estimates.items():
        ax.scatter(
            truth, values, s=14, alpha=0.8, color=METHOD_COLOURS[method], label=METHOD_NAMES[method], lw=0
        )
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
    """Pixel-wise estimates against truth as log counts, with the line of identity; both [kPa]."""
    bins = ax.hist2d(truth, estimate, bins=80, range=[[0, limit_kpa]] * 2, norm="log", cmap="mako_r")
    ax.plot([0, limit_kpa], [0, limit_kpa], color="0.4", lw=0.8)
    ax.set(xlabel="truth [kPa]", ylabel="estimate [kPa]", aspect="equal", title=title)
    return bins[3]


def bland_altman(ax, x, y, agreement, colour, ylabel):
    """Differences against means [kPa], with bias and limits of agreement from `metrics.bland_altman`."""
    x, y = np.asarray(x), np.asarray(y)
    ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    if x.size:
        ax.scatter((x + y) / 2, x - y, s=14, alpha=0.8, color=colour, lw=0)
        ax.axhline(agreement["bias"], color=colour, lw=1)
        for edge in ("lower", "upper"):
            if agreement[edge] is not None:
                ax.axhline(agreement[edge], color=colour, lw=0.8, ls="--")
    else:
        ax.text(0.5, 0.5, ABSENT, ha="center", va="center", transform=ax.transAxes)
    ax.set(xlabel="mean of the two [kPa]", ylabel=ylabel)


def learning_curves(axes, history):
    """Loss and validation error by epoch; the kept epoch is marked.

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


def note(text):
    """A small figure that says why there is no figure."""
    figure, ax = plt.subplots(figsize=(4, 1), layout="constrained")
    ax.text(0.5, 0.5, text, ha="center", va="center")
    ax.axis("off")
    return figure


def study_maps(studies, cases):
    """The first cases of every study: wave, truth, both estimates and their errors.

    Parameters
    ----------
    studies : dict
        Study -> xarray.Dataset with wave, stiffness, mask, dime, mmdi, dims (phantom, y, x), one common grid.
    cases : int
        Slices per study.

    Returns
    -------
    matplotlib figure
    """

    def stack(name):
        return np.concatenate([data[name].values[:cases] for data in studies.values()])

    truth = stack("stiffness") / 1e3
    estimates = {METHOD_NAMES[m]: stack(m) / 1e3 for m in ("dime", "mmdi")}
    errors = {f"{name} - truth": values - truth for name, values in estimates.items()}
    first = next(iter(studies.values()))
    labels = [study for study, data in studies.items() for _ in range(len(data["mask"].values[:cases]))]
    columns = {"wave (real)": stack("wave"), "truth": truth} | estimates | errors
    return comparison_grid(columns, stack("mask"), (first["y"], first["x"]), labels, (0, 8), tuple(errors))


def method_legend(ax, methods):
    """Names of the methods in their colours."""
    handles = [
        plt.Line2D([], [], marker="o", ls="", color=METHOD_COLOURS[m], label=METHOD_NAMES[m]) for m in methods
    ]
    ax.legend(handles=handles, frameon=False, loc="best")
