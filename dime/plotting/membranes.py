"""Pictures of membranes in three dimensions: surfaces of triangles, alone or side by side."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LightSource, Normalize, to_rgb
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

MEMBRANE_COLOUR = "#62b6f0"

EDGE_COLOUR = "0.6"

ELEVATION_DEG, AZIMUTH_DEG = 22, -55

PANEL_IN = 2.6
"""Width and height of one surface [inch]."""


def surface(ax, points_um, faces, *, values=None, colour=MEMBRANE_COLOUR, cmap="viridis", limits=None):
    """Draw triangles on a three-dimensional axis, in one colour or by a value of each.

    Faces turned towards the light are brighter. All axes show the whole grid on one scale.

    Parameters
    ----------
    ax : matplotlib axis of projection "3d"
    points_um : (point, 3) array
        All points of the grid [um].
    faces : (face, 3) int array
        Points of each triangle; may be empty.
    values : (face,) array, optional
        Shown by colour instead of `colour`.
    colour : matplotlib colour
    cmap : str
        Colour map of the values.
    limits : pair of float, optional
        Values at the ends of the colour map; default: the least and the largest.

    Returns
    -------
    ScalarMappable or None
        For a colour bar, where there are values.
    """
    points_um, faces = np.asarray(points_um), np.asarray(faces, int).reshape(-1, 3)
    corners = points_um[faces]
    low, high = points_um.min(0), points_um.max(0)
    mapped = None
    if values is None:
        base = np.broadcast_to(to_rgb(colour), (len(faces), 3))
    else:
        mapped = plt.cm.ScalarMappable(Normalize(*(limits or (np.min(values), np.max(values)))), cmap)
        base = mapped.to_rgba(values)[:, :3]
    shades = 0.55 + 0.45 * _brightness(corners)
    collection = Poly3DCollection(corners, edgecolors=EDGE_COLOUR, linewidths=0.3)
    collection.set_facecolor(np.clip(base * shades[:, None], 0, 1))
    if len(faces):
        ax.add_collection3d(collection)
    for name, ends in zip("xyz", zip(low, high, strict=True), strict=True):
        getattr(ax, f"set_{name}lim")(*ends)
    ax.set_box_aspect(high - low, zoom=1.05)
    ax.view_init(ELEVATION_DEG, AZIMUTH_DEG)
    ax.set_axis_off()
    _frame(ax, low, high)
    return mapped


def side_by_side(surfaces, *, values=None, label="", columns=None, limits=None):
    """Figure of surfaces, each on an axis of its own with its title.

    Parameters
    ----------
    surfaces : dict
        Title -> (points_um, faces).
    values : dict, optional
        Title -> (face,) array for those shown by value, all on one scale with a colour bar.
    label : str
        Of the colour bar.
    columns : int, optional
        Default: all in a row.
    limits : pair of float, optional
        Ends of the colour scale.

    Returns
    -------
    matplotlib figure
    """
    values = values or {}
    columns = min(columns or len(surfaces), len(surfaces))
    rows = -(-len(surfaces) // columns)
    size = (PANEL_IN * columns + (0.9 if values else 0), (PANEL_IN + 0.2) * rows)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, squeeze=False, subplot_kw={"projection": "3d"}, layout="constrained"
    )
    if values and limits is None:
        every = np.concatenate([np.ravel(one) for one in values.values()])
        limits = every.min(), every.max()
    mapped = None
    for ax, (title, (points_um, faces)) in zip(axes.flat, surfaces.items(), strict=False):
        mapped = surface(ax, points_um, faces, values=values.get(title), limits=limits) or mapped
        ax.set_title(title, fontsize=8, y=0.98)
    for ax in axes.flat[len(surfaces) :]:
        ax.remove()
    if mapped:
        figure.colorbar(mapped, ax=figure.axes, label=label, shrink=0.7, pad=0.01)
    return figure


def _brightness(corners):
    """How much each triangle faces the light (triangle,), 0 to 1; both sides are lit alike."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    light = LightSource(azdeg=225 - AZIMUTH_DEG, altdeg=40).direction
    return np.abs(normal @ light)


def _frame(ax, low, high):
    """The edges of the grid's box, as thin lines."""
    for axis in range(3):
        others = [one for one in range(3) if one != axis]
        for ends in np.ndindex(2, 2):
            line = np.empty((3, 2))
            line[axis] = low[axis], high[axis]
            for other, end in zip(others, ends, strict=True):
                line[other] = (low, high)[end][other]
            ax.plot(*line, color="0.8", lw=0.5, zorder=0)
