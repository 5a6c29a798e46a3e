"""Phantoms of known stiffness, drawn from seeded distributions or built from measured maps.

A phantom is continuous: its outline is a curve and its stiffness and loss tangent are functions of place, so
a mesh and an image grid of any spacing see the same truth. `dime.phantoms.distributions` holds the numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from scipy.ndimage import binary_erosion, distance_transform_edt, map_coordinates
from skimage.measure import find_contours, label

from dime.phantoms import outlines
from dime.phantoms.tissue import Tubes


@dataclass(frozen=True)
class Phantom:
    """Tissue in a slice, centred near (0, 0); x grows to the right and y with the rows of an image.

    outline : (n, 2) [m], counter-clockwise polygon (x, y), not closed, evenly spaced
    stiffness : (x, y) arrays [m] -> |G*| [Pa], defined everywhere
    loss_tangent : (x, y) arrays [m] -> tan(delta), defined everywhere
    interfaces : closed curves (m, 2) [m] across which stiffness jumps
    labels : family, fibrosis stage, lesions, ... as values that JSON can hold
    """

    outline: np.ndarray
    stiffness: Callable
    loss_tangent: Callable
    interfaces: tuple = ()
    labels: dict = field(default_factory=dict)


def render(phantom, x_m, y_m):
    """Render a phantom's maps at pixel centres x_m (nx,), y_m (ny,) [m].

    Returns an xarray.Dataset on (y, x): `stiffness` [Pa], `loss_tangent`, `mask` (the pixel's centre lies
    inside the outline); the maps are 0 outside the mask.
    """
    x, y = np.meshgrid(x_m, y_m)
    mask = outlines.contains(phantom.outline, x, y)
    maps = {"mask": (("y", "x"), mask)}
    for name, unit in (("stiffness", "Pa"), ("loss_tangent", "1")):
        values = np.zeros(mask.shape)
        values[mask] = getattr(phantom, name)(x[mask], y[mask])
        maps[name] = (("y", "x"), values, {"units": unit})
    return xr.Dataset(
        maps,
        {
            "x": ("x", np.asarray(x_m, float), {"units": "m"}),
            "y": ("y", np.asarray(y_m, float), {"units": "m"}),
        },
    )


def vessel_share(phantom, x_m, y_m):
    """Share of each pixel that is vessel, (y, x) in 0..1, at pixel centres x_m (nx,), y_m (ny,) [m]."""
    x, y = np.meshgrid(x_m, y_m)
    if "vessels" not in phantom.labels:
        return np.zeros(x.shape)
    tree = phantom.labels["vessels"]
    return Tubes(np.array(tree["segments"]), tree["edge_m"])(x, y)


def from_maps(mask, stiffness, loss_tangent, spacing_m):
    """Build a phantom of real anatomy from a measured mask and map.

    Parameters
    ----------
    mask : (y, x) bool; its largest connected part is used and its holes are filled with their surroundings
    stiffness : (y, x) |G*| [Pa]
    loss_tangent : (y, x), or one number
    spacing_m : pixel size [m]; the array's centre is at (0, 0)

    Between pixel centres the maps are linear; outside the mask they continue with the value of the nearest
    pixel inside, so that the edge sees tissue and not the background. The outline follows the mask's edge,
    averaged along itself over one pixel.

    Raises
    ------
    ValueError : shapes that differ, NaN inside the mask, a mask without interior, a stiffness that is not
        positive, a loss tangent below zero, a spacing that is not positive
    """
    mask, stiffness = np.asarray(mask), np.asarray(stiffness, dtype=float)
    loss = np.asarray(loss_tangent, dtype=float)
    loss = np.full(mask.shape, float(loss)) if loss.ndim == 0 else loss
    if mask.ndim != 2 or stiffness.shape != mask.shape or loss.shape != mask.shape:
        raise ValueError(
            f"mask, stiffness, loss_tangent: expected equal shapes (y, x); got {mask.shape}, "
            f"{stiffness.shape}, {loss.shape}"
        )
    if not np.isfinite(mask).all():
        raise ValueError("mask: expected true or false everywhere; found NaN")
    if not spacing_m > 0:
        raise ValueError(f"spacing_m: expected a positive pixel size [m]; got {spacing_m}")
    parts = label(mask.astype(bool), connectivity=1)
    inside = parts == (np.argmax(np.bincount(parts.ravel())[1:]) + 1 if parts.any() else -1)
    if not binary_erosion(inside).any():
        raise ValueError("mask: expected an interior, a pixel whose four neighbours are inside; found none")
    for name, values, least in (("stiffness", stiffness, np.finfo(float).tiny), ("loss_tangent", loss, 0.0)):
        if not np.isfinite(values[inside]).all():
            raise ValueError(
                f"{name}: expected numbers inside the mask; found NaN or infinity in "
                f"{np.count_nonzero(~np.isfinite(values[inside]))} pixels"
            )
        if values[inside].min() < least:
            expected = "positive values [Pa]" if name == "stiffness" else "values >= 0"
            raise ValueError(
                f"{name}: expected {expected} inside the mask; smallest is {values[inside].min():g}"
            )

    contours = find_contours(np.pad(inside, 1).astype(float), 0.5)
    contour = max(contours, key=len)[:-1, ::-1] - 1  # (x, y) [pixel]
    middle = (np.array(mask.shape[::-1]) - 1) / 2
    point_m = min(outlines.SPACING_M, 2 * spacing_m)
    outline = outlines.smooth((contour - middle) * spacing_m, spacing_m, point_m)
    nearest = tuple(distance_transform_edt(~inside, return_distances=False, return_indices=True))
    return Phantom(
        outline, Map(stiffness[nearest], spacing_m), Map(loss[nearest], spacing_m), (), {"family": "measured"}
    )


@dataclass(frozen=True)
class Map:
    """An image (y, x) centred on (0, 0) as a function of place: bilinear, nearest beyond its edge."""

    values: np.ndarray
    spacing_m: float

    def __call__(self, x, y):
        rows, columns = self.values.shape
        at = [np.asarray(v) / self.spacing_m + (n - 1) / 2 for v, n in ((y, rows), (x, columns))]
        return map_coordinates(self.values, at, order=1, mode="nearest")
