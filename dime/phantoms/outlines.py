"""Closed curves in a slice: the outlines of phantoms, inclusions and organs.

A curve is an (n, 2) array of points (x, y) [m], counter-clockwise, not closed (the first point is not
repeated) and evenly spaced along its length. x grows towards the image's right, y with the image's rows.
"""

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from skimage.measure import points_in_poly

SPACING_M = 2e-3
"""Spacing of the points along every curve [m]: about the edge of the finest elements that a liver needs at
60 Hz, a tenth of its shortest wavelength. The mesh draws points of its own along the curve."""


def signed_area(curve):
    """Area inside a curve [m2], A = 1/2 sum (x_i y_{i+1} - x_{i+1} y_i); positive if counter-clockwise."""
    x, y = np.asarray(curve).T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def arc_length(curve):
    """Arc length (n + 1,) [m] at each point of a curve; the last entry is the whole closed length."""
    closed = np.vstack([curve, curve[:1]])
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])


def resample(curve, spacing_m=SPACING_M):
    """The same curve with evenly spaced points, counter-clockwise; at least 12 points."""
    curve = np.asarray(curve, dtype=float)
    if signed_area(curve) < 0:
        curve = curve[::-1]
    length = arc_length(curve)
    count = max(12, round(length[-1] / spacing_m))
    along = np.arange(count) * length[-1] / count
    closed = np.vstack([curve, curve[:1]])
    return np.column_stack([np.interp(along, length, closed[:, i]) for i in range(2)])


def smooth(curve, length_m, spacing_m=SPACING_M):
    """Round a curve's corners: average it along itself by a Gaussian of standard deviation `length_m` [m]."""
    fine = resample(curve, spacing_m / 4)
    sigma = length_m / (arc_length(fine)[-1] / len(fine))
    return resample(gaussian_filter1d(fine, sigma, axis=0, mode="wrap"), spacing_m)


def spline(points, spacing_m=SPACING_M):
    """Periodic cubic spline through landmarks (k, 2) [m], parameterised by the square root of the chords.

    Source: Lee, Computer-Aided Design 21 (1989): centripetal parameters, which do not overshoot.
    """
    closed = np.vstack([points, points[:1]])
    at = np.concatenate([[0.0], np.cumsum(np.sqrt(np.hypot(*np.diff(closed, axis=0).T)))])
    return resample(CubicSpline(at, closed, bc_type="periodic")(np.linspace(0, at[-1], 1000)[:-1]), spacing_m)


def normals(curve):
    """Outward unit normals (n, 2) of a counter-clockwise curve."""
    tangent = np.roll(curve, -1, axis=0) - np.roll(curve, 1, axis=0)
    outward = np.column_stack([tangent[:, 1], -tangent[:, 0]])
    return outward / np.hypot(*outward.T)[:, None]


def dent(curve, fraction, depth_m, width_m):
    """Push a curve inwards by a Gaussian of `depth_m` and standard deviation `width_m` [m], centred at a
    `fraction` of its length: a fossa, a hilum, a sulcus."""
    length = arc_length(curve)
    away = np.abs(length[:-1] - fraction * length[-1])
    away = np.minimum(away, length[-1] - away)
    return resample(curve - (depth_m * np.exp(-0.5 * (away / width_m) ** 2))[:, None] * normals(curve))


def ripple(curve, amplitude_m, wavelength_m, rng):
    """Displace a curve along its normals by a smooth periodic random function of rms `amplitude_m` [m]."""
    length = arc_length(curve)[-1]
    sigma = wavelength_m / 4 / (length / len(curve))
    noise = gaussian_filter1d(rng.standard_normal(len(curve)), sigma, mode="wrap")
    return resample(curve + (amplitude_m * noise / noise.std())[:, None] * normals(curve))


def centred(curve):
    """The curve with the centre of its bounding box at (0, 0)."""
    return curve - 0.5 * (curve.min(axis=0) + curve.max(axis=0))


def rotated(curve, angle):
    """The curve turned by `angle` [rad] about (0, 0)."""
    c, s = np.cos(angle), np.sin(angle)
    return curve @ np.array([[c, s], [-s, c]])


def contains(curve, x, y):
    """True where a point (x, y) [m] lies inside a curve; bool array of the points' shape."""
    x, y = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    low, high = curve.min(axis=0), curve.max(axis=0)
    inside = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
    inside[inside] = points_in_poly(np.column_stack([x[inside], y[inside]]), curve)
    return inside


def is_simple(curve):
    """True if no two sides of the closed curve cross: by the orientation test on every pair of sides."""
    a, b = curve, np.roll(curve, -1, axis=0)

    def side(p, q, r):
        return np.sign(
            (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1])
            - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])
        )

    p, q, r, s = a[:, None], b[:, None], a[None], b[None]  # (side, other side, xy)
    cross = (side(p, q, r) * side(p, q, s) < 0) & (side(r, s, p) * side(r, s, q) < 0)
    return not cross.any()


def ellipse(width_m, height_m, spacing_m=SPACING_M):
    """Ellipse of the given axes [m] about (0, 0); a disc if they are equal."""
    t = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    return resample(0.5 * np.column_stack([width_m * np.cos(t), height_m * np.sin(t)]), spacing_m)


def rounded_rectangle(width_m, height_m, radius_m, spacing_m=SPACING_M):
    """Rectangle of the given sides [m] about (0, 0), its corners rounded by arcs of `radius_m`."""
    t = np.linspace(0, np.pi / 2, 30)
    arc = radius_m * np.column_stack([np.cos(t), np.sin(t)])
    centre = np.array([width_m / 2 - radius_m, height_m / 2 - radius_m])
    return resample(
        np.vstack(
            [centre * [(1, 1), (-1, 1), (-1, -1), (1, -1)][i] + rotated(arc, i * np.pi / 2) for i in range(4)]
        ),
        spacing_m,
    )


def triangle(width_m, height_m, spacing_m=SPACING_M):
    """Isosceles triangle about its centroid, sides [m], corners slightly round so that a mesh can follow."""
    corners = np.array([[-0.5, -1 / 3], [0.5, -1 / 3], [0.0, 2 / 3]]) * [width_m, height_m]
    return smooth(corners, 0.02 * (width_m + height_m), spacing_m)


def blob(width_m, height_m, roughness, rng, spacing_m=SPACING_M):
    """Smooth random closed shape r(t) = 1 + roughness sum_m a_m cos(m t + phi_m) / m, m = 2..6, scaled to
    the given width and height [m]; star-shaped about (0, 0) for roughness <= 0.3."""
    t = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    m = np.arange(2, 7)
    a, phase = rng.uniform(-1, 1, m.size), rng.uniform(0, 2 * np.pi, m.size)
    r = 1 + roughness * np.sum(a[:, None] * np.cos(m[:, None] * t + phase[:, None]) / m[:, None], axis=0)
    curve = np.column_stack([r * np.cos(t), r * np.sin(t)])
    return resample(curve / np.ptp(curve, axis=0) * [width_m, height_m], spacing_m)
