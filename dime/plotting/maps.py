"""Draw maps of waves and stiffness on shared scales; lengths in mm."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from dime.plotting.style import ABSENT, PAGE_IN, note, panels

UNTRUSTED = "0.8"
"""Grey of pixels whose value a method does not trust."""


def map_image(ax, values, mask, coordinates, window_mm=None, **style):
    """Draw one map with lengths in mm, cropped to the tissue and blank outside it.

    Parameters
    ----------
    ax : matplotlib axes
    values : (y, x) array
    mask : (y, x) bool array
    coordinates : (y_m, x_m) pair of arrays [m]
    window_mm : (height, width), optional
        Size of the crop [mm], for maps that share one scale of length; default: the tissue's bounding box.
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
    """Centre and size (y, x) of a mask's bounding box and three pixels around it, as the coordinates."""
    middle, size = [], []
    for axis, places in enumerate(coordinates):
        places = np.asarray(places)
        occupied = places[mask.any(axis=1 - axis)]
        middle.append((occupied[0] + occupied[-1]) / 2)
        size.append(occupied[-1] - occupied[0] + 7 * (places[1] - places[0]))
    return tuple(middle), tuple(size)


def scale_bar(ax, length_mm=50):
    """Draw a bar of `length_mm` under the left end of a map, and its length beside it."""
    left, right = ax.get_xlim()
    under = ax.get_xaxis_transform()  # x in mm, y as a fraction of the axes
    ax.plot([left, left + length_mm], [-0.06, -0.06], color="black", lw=2, transform=under, clip_on=False)
    label = {"ha": "left", "va": "center", "fontsize": 7, "transform": under}
    ax.text(left + length_mm + 0.05 * (right - left), -0.06, f"{length_mm} mm", **label)


def wave_image(ax, wave, mask, coordinates, window_mm=None):
    """Draw the real part of a wave (y, x) on its own symmetric scale, clipped at the 98th percentile."""
    limit = np.percentile(np.abs(wave[mask].real), 98)
    return map_image(ax, wave.real, mask, coordinates, window_mm, cmap="RdBu_r", vmin=-limit, vmax=limit)


def comparison_grid(columns, masks, coordinates, row_labels, limits, errors=(), error_limit=2.0):
    """Figure of slices (rows) by maps (columns): waves, stiffness on one scale, errors on another.

    Parameters
    ----------
    columns : dict
        Title -> (slice, y, x) array; complex arrays are drawn as waves, all others as stiffness [kPa].
    masks : (slice, y, x) bool array
    coordinates : (y_m, x_m)
        Pixel centres [m].
    row_labels : list of str
    limits : (low, high)
        Stiffness scale [kPa].
    errors : collection of str
        Titles of the columns that are differences, drawn on a diverging scale of +- `error_limit` [kPa].

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
                wave_image(ax, maps[row], *place)
            elif title in errors:
                scale = {"cmap": "RdBu_r", "vmin": -error_limit, "vmax": error_limit}
                shown["error [kPa]", "both"] = map_image(ax, maps[row], *place, **scale)
            else:
                scale = {"cmap": "viridis", "vmin": limits[0], "vmax": limits[1]}
                shown["stiffness |G*| [kPa]", "max"] = map_image(ax, maps[row], *place, **scale)
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


def maps_and_errors(title, truth, estimates, masks, coordinates, labels, waves=None, error_percent=50):
    """Figure of slices (rows), each cropped to its body: stiffness on the row's scale, then relative errors.

    Parameters
    ----------
    title : str
    truth : (slice, y, x) array [kPa]
    estimates : dict
        Name -> (slice, y, x) array [kPa].
    masks : (slice, y, x) bool array
    coordinates : (y_m, x_m)
        Pixel centres [m]. Without waves they count pixels, and no bar of length is drawn.
    labels : list of str
        Names of the rows.
    waves : (slice, y, x) complex array, optional
        Drawn in a first column.
    error_percent : float
        Both ends of the scale of relative errors, one for all rows [%].

    Returns
    -------
    matplotlib figure
    """
    names = (["wave (real)"] if waves is not None else []) + ["truth", *estimates]
    in_mm = [1e3 * np.asarray(c) for c in coordinates]
    sizes = [tissue_box(mask, in_mm)[1] for mask in masks]
    columns = len(names) + len(estimates)
    heights = [(PAGE_IN - 0.9) / columns * height / width for height, width in sizes]
    figure, axes = panels(
        columns, title, height=sum(heights) + 0.16 * len(masks) + 0.95, rows=len(masks), height_ratios=heights
    )
    for column, name in enumerate([*names, *estimates]):
        axes[0, column].set_title(name.replace(" ", "\n") + ("\nerror" if column >= len(names) else ""))
    for row, mask, label, known, case in zip(axes, masks, labels, truth, range(len(masks)), strict=True):
        row[0].set_ylabel(label)
        if waves is not None:
            wave_image(row[0], waves[case], mask, coordinates)
            scale_bar(row[0])
        stiffness = {"vmin": 0, "vmax": np.ceil(2.4 * np.percentile(known[mask], 98)) / 2}
        maps = [values[case] for values in estimates.values()]
        first = len(names) - len(maps) - 1
        for ax, values in zip(row[first:], [known, *maps], strict=False):
            shown = map_image(ax, values, mask, coordinates, **stiffness)
        bar = {"aspect": 12, "pad": 0.02, "extend": "max", "label": "|G*| [kPa]"}
        figure.colorbar(shown, ax=row[first : len(names)], **bar)
        relative = {"cmap": "RdBu_r", "vmin": -error_percent, "vmax": error_percent}
        for ax, values in zip(row[len(names) :], maps, strict=True):
            error = 100 * (values / np.where(mask, known, np.nan) - 1)
            shown = map_image(ax, error, mask, coordinates, **relative)
    bar = {"location": "bottom", "aspect": 40, "pad": 0.02, "extend": "both"}
    figure.colorbar(shown, ax=axes[:, len(names) :], label="error (estimate / truth - 1) [%]", **bar)
    return figure
