"""Draw one scan of known stiffness: magnitude, wave, truth and map of every slice."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dime.plotting.maps import UNTRUSTED, map_image, scale_bar, wave_image

COLUMNS = ("magnitude", "wave (real part)", "true stiffness", "the network's map")


def scan_and_map(magnitude, wave, truth_kpa, stiffness_kpa, trusted, mask, coordinates):
    """Figure of slices (rows); the pixels of the map that are not to be trusted are grey.

    Parameters
    ----------
    magnitude : (slice, y, x) array, any unit
    wave : (slice, y, x) complex array
    truth_kpa, stiffness_kpa : (slice, y, x) arrays [kPa]
    trusted, mask : (slice, y, x) bool arrays
    coordinates : (y_m, x_m)
        Pixel centres [m].

    Returns
    -------
    matplotlib figure
    """
    figure = Figure(figsize=(7.4, 1.75 * len(mask) + 1.0), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)  # needs no display
    axes = figure.subplots(len(mask), len(COLUMNS), squeeze=False)
    everywhere = np.ones(mask.shape[1:], bool)
    scale = {"cmap": "viridis", "vmin": 0, "vmax": np.ceil(1.2 * truth_kpa.max())}
    for row, ax in enumerate(axes):
        place = mask[row], coordinates
        bright = {"cmap": "gray", "vmin": 0, "vmax": np.quantile(magnitude[mask], 0.99)}
        map_image(ax[0], magnitude[row], everywhere, coordinates, **bright)
        wave_image(ax[1], wave[row], *place)
        map_image(ax[2], truth_kpa[row], *place, **scale)
        map_image(
            ax[3], np.where(mask[row], 1, np.nan), *place, cmap="gray", vmin=0, vmax=1 / float(UNTRUSTED)
        )
        shown = map_image(ax[3], stiffness_kpa[row], trusted[row], coordinates, **scale)
        for one in ax:
            one.set(xlim=ax[1].get_xlim(), ylim=ax[1].get_ylim())
        ax[0].set_ylabel(f"slice {row + 1}")
    for ax, title in zip(axes[0], COLUMNS, strict=True):
        ax.set_title(title, fontsize=10)
    scale_bar(axes[-1, 0])
    label = "stiffness |G*| [kPa]; grey: not to be trusted"
    bar = {"location": "bottom", "shrink": 0.45, "anchor": (1.0, 0.5), "aspect": 30, "pad": 0.02}
    figure.colorbar(shown, ax=axes, label=label, **bar)
    return figure
