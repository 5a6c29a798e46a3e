"""The pictures of a viewer: magnitude, wave and stiffness of a slice, redrawn in place."""

import io
from functools import partial

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dime.plotting import maps
from dime.plotting.viewer_state import label

SIZE_IN = (2.5, 3.0)
"""Width of one panel and height of the figure [inch]: three panels fit beside JupyterLab's list of files."""

TRUSTED_COLOUR = "#ff3b6b"
"""Pink: it is seen on every colour of the map of stiffness."""


def edges(mask, spacing):
    """Edges between the pixels inside and outside a mask.

    Parameters
    ----------
    mask : bool array (y, x)
    spacing : float
        Pixel; its centre (row, column) lies at (column, row) times the spacing.

    Returns
    -------
    (n, 2, 2) array
        Segments from (x, y) to (x, y), one for each edge.
    """
    padded = np.pad(np.asarray(mask, bool), 1)
    row, column = np.nonzero(padded[1:] != padded[:-1])
    flat = [(column - 1.5, row - 0.5), (column - 0.5, row - 0.5)]
    row, column = np.nonzero(padded[:, 1:] != padded[:, :-1])
    upright = [(column - 0.5, row - 1.5), (column - 0.5, row - 0.5)]
    # (2 ends, 2 coordinates, n) -> (n, 2, 2)
    return spacing * np.concatenate([np.moveaxis(np.array(ends), 2, 0) for ends in (flat, upright)])


def pointed_at(name, value):
    """What the mouse points at, in words; nothing outside the tissue."""
    unit = " kPa" if name == "stiffness" else ""
    return "" if np.ma.is_masked(value) else f"· {name} {value:.3g}{unit}"


class Panels:
    """A figure and its images; each `draw_*` changes what is drawn and leaves the figure to the canvas.

    Parameters
    ----------
    shown : viewer_state.Shown
    """

    def __init__(self, shown):
        self.shown, self.spacing_mm = shown, 1e3 * shown.spacing_m
        names = [*(["magnitude"] if shown.magnitude is not None else []), "wave", "stiffness"]
        size = SIZE_IN[0] * len(names) + 0.8, SIZE_IN[1]
        self.figure = Figure(figsize=size, dpi=100, layout="constrained", facecolor="white")
        self.axes = dict(zip(names, self.figure.subplots(1, len(names), squeeze=False)[0], strict=True))
        tissue = shown.masks.any(axis=0)
        place = tissue, tuple(shown.spacing_m * np.arange(n) for n in tissue.shape)
        looks = {
            "magnitude": {"cmap": "gray"},
            "wave": {"cmap": "RdBu_r"},
            "stiffness": {"cmap": "viridis", "vmin": 0, "vmax": shown.stiffness_limit_kpa()},
        }
        blank = np.zeros(tissue.shape)
        self.images = {
            name: maps.map_image(ax, blank, *place, **looks[name]) for name, ax in self.axes.items()
        }
        for name, ax in self.axes.items():
            ax.format_coord = "x {:.0f} mm, y {:.0f} mm".format
            self.images[name].format_cursor_data = partial(pointed_at, name)
        stiffness = self.axes["stiffness"]
        bar = {"label": "stiffness |G*| [kPa]", "extend": "max", "shrink": 0.85}
        self.figure.colorbar(self.images["stiffness"], ax=stiffness, **bar)
        self.trusted = stiffness.add_collection(LineCollection([], colors=TRUSTED_COLOUR, lw=1.3))
        self.outlines = [
            ax.plot([], [], color=colour, lw=width, solid_joinstyle="round")[0]
            for ax in self.axes.values()
            for colour, width in (("white", 3.2), ("black", 1.4))
        ]
        maps.scale_bar(next(iter(self.axes.values())), 50 if tissue.shape[1] * self.spacing_mm > 100 else 10)
        words = {"color": TRUSTED_COLOUR, "fontsize": 8, "ha": "center", "va": "center"}
        stiffness.text(0.5, -0.06, "outlined: trusted", transform=stiffness.transAxes, **words)
        self.draw_slice()
        self.figure.draw_without_rendering()  # the places are found once, not at every change
        self.figure.set_layout_engine("none")

    def draw_slice(self):
        """Show the state's slice in all panels."""
        if "magnitude" in self.axes:
            values = self.shown.magnitude
            self.images["magnitude"].set_data(values)
            high = np.percentile(values[self.shown.mask], 99) if self.shown.mask.any() else values.max()
            self.images["magnitude"].set_clim(0, high or 1)
            self.axes["magnitude"].set_title("magnitude")
        self.axes["wave"].set_title("wave")
        limit = self.shown.wave_limit() or 1
        self.images["wave"].set_clim(-limit, limit)
        self.draw_phase()
        self.draw_method()
        self.draw_region()

    def draw_phase(self):
        """Show the wave at the state's phase."""
        self.images["wave"].set_data(np.where(self.shown.mask, self.shown.frame(), np.nan))

    def play_phase(self):
        """Show the wave at the state's phase, and paint only what that changes: quick enough to play it."""
        self.draw_phase()
        ax, canvas = self.axes["wave"], self.figure.canvas
        for artist in (self.images["wave"], *ax.lines[:2]):  # the outline of the region lies over the wave
            ax.draw_artist(artist)
        canvas.blit(ax.bbox)

    def draw_method(self):
        """Show the map of the state's method, and where it is trusted."""
        kpa = self.shown.stiffness_kpa()
        self.images["stiffness"].set_data(np.where(self.shown.mask & (kpa > 0), kpa, np.nan))
        self.trusted.set_segments(edges(self.shown.trusted() & self.shown.mask, self.spacing_mm))
        self.axes["stiffness"].set_title(f"stiffness, {label(self.shown.method)}")

    def draw_region(self):
        """Show the outline of the state's region in every panel."""
        corners = 1e3 * np.asarray(self.shown.outline_m).reshape(-1, 2)
        closed = np.concatenate([corners, corners[:1]])
        for line in self.outlines:
            line.set_data(closed[:, 0], closed[:, 1])

    def png(self):
        """The figure as it is, bytes of a PNG; equal figures give equal bytes."""
        drawn = io.BytesIO()
        self.figure.savefig(drawn, format="png", dpi="figure", metadata={"Software": None})
        return drawn.getvalue()
