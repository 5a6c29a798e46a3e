"""Figures of brain maps: tissue fractions and their errors, images of contrasts, signal by line."""

import matplotlib.pyplot as plt
import numpy as np

TISSUE_NAMES = {"csf": "CSF", "gm": "grey matter", "wm": "white matter"}
"""Key -> name in print, in the order of the arrays' axis `tissue`."""

TISSUE_COLOURS = {"csf": "#0b2559", "gm": "#e69f00", "wm": "#009e73"}

SIMULATOR_NAMES = {"closed": "closed form", "epg": "extended phase graph", "isochromat": "isochromats"}

MAP_IN, LABEL_IN, BAR_IN = 0.95, 0.25, 0.85
"""Width of one map, of the rows' labels, and of one colour bar [inch]."""


def tissue_maps(maps, truth=None, error_limit=0.2):
    """Figure of tissue fractions, one estimate a row and one tissue a column, on one scale of 0 to 1.

    Parameters
    ----------
    maps : dict
        Title of the row -> (tissue, y, x) array, tissues in the order of `TISSUE_NAMES`.
    truth : (tissue, y, x) array, optional
        Drawn as the first row; each other row then shows its errors, estimate less truth, in three more
        columns.
    error_limit : float
        Ends of the errors' scale, beyond which colours do not change.

    Returns
    -------
    matplotlib figure
    """
    rows = maps if truth is None else {"truth": truth} | maps
    tissues = list(TISSUE_NAMES.values())
    columns = len(tissues) * (1 if truth is None else 2)
    box = _box(np.max([np.abs(one).max(axis=0) for one in rows.values()], axis=0) > 0.02)
    figure, axes = _grid(len(rows), columns, box, bars=columns // len(tissues))
    for row, (title, fractions) in enumerate(rows.items()):
        axes[row, 0].set_ylabel(title, fontsize=8)
        for column, name in enumerate(tissues):
            scale = {"cmap": "gray", "vmin": 0, "vmax": 1}
            shown = axes[row, column].imshow(fractions[column][box], interpolation="nearest", **scale)
            if row == 0:
                axes[row, column].set_title(name, fontsize=8)
            if truth is None:
                continue
            ax = axes[row, len(tissues) + column]
            if fractions is truth:
                ax.set_visible(False)
                continue
            scale = {"cmap": "RdBu_r", "vmin": -error_limit, "vmax": error_limit}
            wrong = ax.imshow((fractions - truth)[column][box], interpolation="nearest", **scale)
            if row == 1:
                ax.set_title(name, fontsize=8)
    figure.colorbar(shown, ax=axes[:, : len(tissues)], label="fraction", pad=0.02)
    if truth is not None and maps:
        figure.colorbar(
            wrong, ax=axes[:, len(tissues) :], label="estimate less truth", pad=0.02, extend="both"
        )
    return figure


def contrast_images(images, limit=None, label="magnitude", symmetric=False):
    """Figure of images on one scale, rows of images by columns of contrasts.

    Parameters
    ----------
    images : dict of dict
        Title of the row -> title of the column -> (y, x) array of real numbers; rows have the same columns.
    limit : float, optional
        End of the scale; default: the largest absolute value.
    label : str
        Of the colour bar.
    symmetric : bool
        Whether the scale has a negative half, for differences.

    Returns
    -------
    matplotlib figure
    """
    arrays = [array for row in images.values() for array in row.values()]
    limit = limit or max(np.abs(array).max() for array in arrays)
    scale = {"cmap": "RdBu_r", "vmin": -limit} if symmetric else {"cmap": "gray", "vmin": 0}
    box = _box(np.ones(arrays[0].shape, bool))
    figure, axes = _grid(len(images), len(next(iter(images.values()))), box)
    for row, (row_title, contrasts) in enumerate(images.items()):
        axes[row, 0].set_ylabel(row_title, fontsize=8)
        for ax, (title, array) in zip(axes[row], contrasts.items(), strict=True):
            shown = ax.imshow(array, interpolation="nearest", vmax=limit, **scale)
            if row == 0:
                ax.set_title(title, fontsize=8)
    figure.colorbar(shown, ax=axes, label=label, pad=0.02)
    return figure


def by_line(axes, signals, errors):
    """Draw the signal of each tissue in every line above, and how far simulators are apart below.

    Parameters
    ----------
    axes : pair of matplotlib axes
    signals : dict of dict
        Simulator -> tissue -> (line,) array.
    errors : dict of dict
        Label -> tissue -> (line,) array of differences over the tissue's largest signal, drawn by their size.
    """
    styles = dict(zip(signals, ("-", "--", ":"), strict=False))
    for simulator, tissues in signals.items():
        for tissue, values in tissues.items():
            axes[0].plot(values, styles[simulator], color=TISSUE_COLOURS[tissue], lw=1.3)
    styles = dict(zip(errors, ("-", ":"), strict=False))
    for label, tissues in errors.items():
        for tissue, values in tissues.items():
            seen = np.maximum(np.abs(values), 1e-17)
            axes[1].plot(seen, styles[label], color=TISSUE_COLOURS[tissue], lw=1.1)
    axes[1].set(yscale="log", xlabel="line (excitation)")


def tissue_handles(tissues=TISSUE_NAMES):
    """Entries of a legend: the name of each tissue in its colour."""
    return [plt.Line2D([], [], color=TISSUE_COLOURS[one], label=TISSUE_NAMES[one]) for one in tissues]


def _grid(rows, columns, box, bars=1):
    """Figure of maps without frames, and its axes (rows, columns)."""
    height, width = (one.stop - one.start for one in box)
    size = (MAP_IN * columns + LABEL_IN + BAR_IN * bars, MAP_IN * height / width * rows + 0.25)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure, axes


def _box(mask):
    """Rows and columns that a mask occupies, and one around it."""
    if not mask.any():
        return np.s_[0 : mask.shape[0], 0 : mask.shape[1]]
    ends = []
    for axis in (1, 0):
        occupied = np.flatnonzero(mask.any(axis=axis))
        ends.append(slice(max(occupied[0] - 1, 0), occupied[-1] + 2))
    return tuple(ends)
