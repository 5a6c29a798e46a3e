"""A viewer of one's own map in JupyterLab: slices, the moving wave, regions and their statistics."""

import warnings
from collections.abc import Mapping
from html import escape

import numpy as np
import xarray as xr
from matplotlib.widgets import EllipseSelector, LassoSelector

from dime.plotting.viewer_panels import Panels
from dime.plotting.viewer_state import Shown, label

STEP_DEG = 15
"""Step of the wave's phase [degree]."""

FRAME_MS = 90
"""Time between two frames of the wave [ms]; a period takes 24 of them."""

TABLE_STYLE = (
    "<style>.dime-viewer td, .dime-viewer th {padding: 0 0.9em; text-align: right; line-height: 1.6}</style>"
)

MISSING = "viewer: a picture in place of the widgets, which need: pip install '.[view]' in a clone"


def view(
    waves: xr.Dataset,
    maps: xr.Dataset | Mapping[str, xr.Dataset] | None = None,
    interactive: bool = True,
) -> "Viewer":
    """Look at a scan and its maps in JupyterLab.

    Magnitude (where the scan has one), wave and stiffness stand side by side. The controls choose the slice,
    the phase of the wave and the method, play the wave, compute a further method, and read a region that is
    drawn with the mouse.

    Parameters
    ----------
    waves : xarray.Dataset
        `wave` complex (..., y, x), `mask`, perhaps `magnitude`; attrs `spacing_m`, `frequency_hz`: what
        `dime.read_wave` returns.
    maps : xarray.Dataset or dict, optional
        What `dime.invert` returns, or a dict of such by method; default: the network's.
    interactive : bool
        False: a picture without controls, for a notebook that is read without a kernel. Without ipywidgets
        and ipympl there is a picture too, and one line says so.

    Returns
    -------
    Viewer
        Shown by being the last line of a cell. `table` holds the statistics of the region, a
        pandas.DataFrame; `region` its pixels; `maps` all maps, those that were computed in the viewer too.

    Raises
    ------
    ValueError
        Maps of another shape than the wave's.

    Examples
    --------
    >>> import dime
    >>> waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
    >>> viewer = dime.view(waves, dime.invert(waves, "mmdi"))
    >>> list(viewer.table.columns)
    ['median [kPa]', 'mean [kPa]', 'SD [kPa]', 'area [cm²]', 'trusted [%]']
    """
    given = (
        {} if maps is None else {maps.attrs["method"]: maps} if isinstance(maps, xr.Dataset) else dict(maps)
    )
    viewer = Viewer(Shown(waves, given))
    if interactive:
        try:
            viewer.add_controls()
        except ModuleNotFoundError as error:
            if str(error.name).split(".")[0] not in ("ipywidgets", "ipympl"):
                raise
            print(MISSING)
    return viewer


class Viewer:
    """What `view` returns: panels, and controls where the widgets' packages are there."""

    def __init__(self, shown):
        self.shown, self.panels, self.box = shown, Panels(shown), None

    @property
    def table(self):
        """Statistics of the region in this slice, a row for each map."""
        return self.shown.table()

    @property
    def region(self):
        """Pixels of the region, bool (y, x)."""
        return self.shown.region()

    @property
    def maps(self):
        """Method -> what `dime.invert` returned."""
        return self.shown.maps

    def _repr_mimebundle_(self, **kwargs):
        """Widgets, and a picture for whoever cannot show them."""
        bundle = {} if self.box is None else self.box._repr_mimebundle_(**kwargs)
        return bundle | {
            "image/png": self.panels.png(),
            "text/plain": f"viewer of {label(self.shown.method)}",
        }

    def add_controls(self):
        """Put the figure on a live canvas, with the controls under it.

        Raises
        ------
        ModuleNotFoundError
            ipywidgets or ipympl is missing.
        """
        import ipywidgets as w
        from ipympl.backend_nbagg import Canvas, FigureManager

        self.canvas = Canvas(self.panels.figure)
        FigureManager(self.canvas, 0)
        self.canvas.header_visible = self.canvas.toolbar_visible = self.canvas.resizable = False
        count = len(self.shown.masks)
        self.canvas.capture_scroll = count > 1  # the wheel turns slices, not the page
        wide, narrow = {"width": "100%"}, {"description_width": "initial"}
        self.slice = w.IntSlider(
            self.shown.index + 1, 1, count, description="slice", style=narrow, disabled=count == 1
        )
        self.phase = w.IntSlider(
            0, 0, 360 - STEP_DEG, STEP_DEG, description="phase [°]", style=narrow, continuous_update=True
        )
        self.play = w.Play(value=0, min=0, max=360 - STEP_DEG, step=STEP_DEG, interval=FRAME_MS, repeat=True)
        self.link = w.jslink((self.play, "value"), (self.phase, "value"))
        self.method = w.ToggleButtons(style={"button_width": "auto"})
        self.further = w.Dropdown(layout={"width": "130px"})
        self.compute = w.Button(description="Compute", layout={"width": "90px"})
        self.tool = w.ToggleButtons(options=["lasso", "ellipse"], style={"button_width": "auto"})
        self.clear = w.Button(description="Whole tissue", layout={"width": "110px"})
        self.statistics, self.said = w.HTML(layout=wide), w.HTML()
        rows = [
            [self.slice, self.phase, self.play],
            [w.Label("method"), self.method, w.Label("another"), self.further, self.compute],
            [w.Label("draw a region"), self.tool, self.clear, self.said],
        ]
        lines = [w.HBox(row, layout={"align_items": "center", "flex_flow": "row wrap"}) for row in rows]
        self.box = w.VBox([self.canvas, *lines, self.statistics])
        self.box.add_class("dime-viewer")
        self._list_methods()
        self._connect()
        self._read()

    def _connect(self):
        """Join controls and mouse to what they change."""
        self.slice.observe(lambda change: self._show_slice(change["new"]), "value")
        self.phase.observe(lambda change: self._show_phase(change["new"]), "value")
        self.method.observe(lambda change: self._show_method(change["new"]), "value")
        self.tool.observe(lambda change: self._choose_tool(change["new"]), "value")
        self.compute.on_click(lambda _: self._compute(self.further.value))
        self.clear.on_click(lambda _: self._set_outline([]))
        self.canvas.mpl_connect("scroll_event", self._scroll)
        line = {"color": "black", "linewidth": 1.4}
        self.selectors = {"lasso": [], "ellipse": []}
        for ax in self.panels.axes.values():
            self.selectors["lasso"].append(LassoSelector(ax, self._set_outline, props=line))
            oval = {"facecolor": "none", "edgecolor": "black", "linewidth": 1.4, "fill": False}
            self.selectors["ellipse"].append(EllipseSelector(ax, self._set_ellipse, props=oval))
        self._choose_tool(self.tool.value)

    def _list_methods(self):
        """Offer the maps that there are, and the methods that could be computed."""
        chosen = self.shown.method
        self.method.options = [(label(name), name) for name in self.shown.maps]  # goes back to the first
        self.method.value = chosen
        missing = self.shown.missing()
        self.further.options = [(label(name), name) for name in missing]
        self.further.value = missing[0] if missing else None
        self.compute.disabled = not missing

    def _show_slice(self, number):
        self.shown.index = number - 1
        self.panels.draw_slice()
        self._read()

    def _show_phase(self, phase_deg):
        self.shown.phase_deg = phase_deg
        self.panels.play_phase()

    def _show_method(self, method):
        if method is not None and method != self.shown.method:  # None while the options are replaced
            self.shown.method = method
            self.panels.draw_method()
            self.canvas.draw_idle()

    def _scroll(self, event):
        step = 1 if event.step > 0 else -1
        self.slice.value = min(max(self.slice.value + step, self.slice.min), self.slice.max)

    def _choose_tool(self, tool):
        for name, each in self.selectors.items():
            for selector in each:
                selector.set_active(name == tool)

    def _set_outline(self, corners_mm):
        """Read the region inside an outline, corners (x, y) [mm]; a click without a drag takes it away."""
        corners = np.asarray(corners_mm, float).reshape(-1, 2) / 1e3
        self.shown.outline_m = corners if len(corners) >= 3 else corners[:0]
        self.panels.draw_region()
        self._read()

    def _set_ellipse(self, pressed, released):
        """Read the region inside the ellipse in a rectangle, from one corner to the opposite one."""
        ends = np.array([[one.xdata, one.ydata] for one in (pressed, released)])
        turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)[:, None]
        half = np.abs(ends[1] - ends[0]) / 2
        self._set_outline(ends.mean(axis=0) + half * np.hstack([np.cos(turn), np.sin(turn)]))

    def _compute(self, method):
        """Invert by a further method; what it warns of or refuses is said in one line."""
        self.compute.disabled, self.said.value = True, f"{label(method)} is computed …"
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            try:
                self.shown.compute(method)
                text = "; ".join(str(one.message) for one in doubts)
            except ValueError as error:
                text = str(error)
        self._list_methods()
        self.panels.draw_method()
        self._read()
        self._say(text)

    def _say(self, text):
        self.said.value = escape(text)

    def _read(self):
        """Write the statistics of the region, and redraw."""
        where = "whole tissue" if self.shown.whole() else "region"
        table = self.table.to_html(float_format="{:.2f}".format, border=0, na_rep="–")
        self.statistics.value = f"{TABLE_STYLE}<b>{where}</b>, slice {self.shown.index + 1}{table}"
        self.canvas.draw_idle()
