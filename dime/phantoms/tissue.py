"""Stiffness and loss as continuous functions of place: a base, smooth random texture, regions over it.

Starting from log |G*| = log base, each part of the organ in turn is painted over the base,

    log |G*| <- (1 - w) log |G*| + w log |G*|_part,  tan(delta) <- (1 - w) tan(delta) + w tan(delta)_part,

then textures are added, log |G*| <- log |G*| + sum_i a_i T_i(x, y), and last the regions without texture
(vessels, lesions) are painted as the parts were. The weight w(x, y) in 0..1 is a step where an edge is sharp
and a tanh of the distance to the edge where it is smooth.
Assumption: stiffness varies and blends in its logarithm, because moduli are positive and differ by ratios.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter

EXTENT_M = 0.512  # side of the square that a texture covers [m]; outside, it repeats
GRID_M = 4e-3  # spacing of a texture's spline nodes [m]


@dataclass(frozen=True)
class Texture:
    """Smooth random field of zero mean and unit variance: filtered white noise, interpolated by splines."""

    coefficients: np.ndarray  # (y, x)

    @classmethod
    def draw(cls, length_m, rng, patchiness=0.0):
        """Draw a field whose covariance is exp(-r^2 / (4 length_m^2)), `length_m` >= 6 mm.

        patchiness > 0 passes the field through tanh(patchiness T), which makes patches with borders.
        """
        n = round(EXTENT_M / GRID_M)
        field = gaussian_filter(rng.standard_normal((n, n)), length_m / GRID_M, mode="wrap")
        field = (field - field.mean()) / field.std()
        if patchiness > 0:
            field = np.tanh(patchiness * field)
            field = (field - field.mean()) / field.std()
        return cls(spline_filter(field, order=3, mode="grid-wrap"))

    def __call__(self, x, y):
        at = [(np.asarray(v) + EXTENT_M / 2) / GRID_M for v in (y, x)]
        return map_coordinates(self.coefficients, at, order=3, mode="grid-wrap", prefilter=False)


@dataclass(frozen=True)
class StarShape:
    """Weight, 0..1, of the inside of a curve (n, 2) [m] that is star-shaped about its `centre` [m].

    `edge_m` = 0 is a sharp edge, else w = (1 + tanh((R - r) / edge_m)) / 2, R(angle) the curve's radius [m].
    """

    curve: np.ndarray
    centre: tuple
    edge_m: float = 0.0

    def __call__(self, x, y):
        low = self.curve.min(axis=0) - 5 * self.edge_m
        high = self.curve.max(axis=0) + 5 * self.edge_m
        near = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
        w = np.zeros(np.shape(x))
        dx, dy = x[near] - self.centre[0], y[near] - self.centre[1]
        v = self.curve - self.centre
        angle = np.arctan2(v[:, 1], v[:, 0])
        v = np.roll(v, -np.argmin(angle), axis=0)
        angle = np.sort(angle)
        i = np.searchsorted(angle, np.arctan2(dy, dx), side="right") - 1  # sector; -1 is the last one
        p, q = v[i], v[(i + 1) % len(v)]
        # The ray to (dx, dy) meets the chord p-q at R = r * scale.
        scale = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / np.where(
            (line := dx * (q[:, 1] - p[:, 1]) - dy * (q[:, 0] - p[:, 0])) > 0, line, np.finfo(float).tiny
        )
        if self.edge_m == 0:
            w[near] = scale > 1
        else:
            r = np.maximum(np.hypot(dx, dy), 1e-9)
            w[near] = 0.5 * (1 + np.tanh(np.minimum(r * (np.minimum(scale, 1e9) - 1), 1.0) / self.edge_m))
        return w


@dataclass(frozen=True)
class Tubes:
    """Weight, 0..1, of tapering tubes: rows (x0, y0, radius0, x1, y1, radius1) [m], edge width `edge_m`."""

    segments: np.ndarray
    edge_m: float

    def __call__(self, x, y):
        w = np.zeros(np.shape(x))
        for x0, y0, r0, x1, y1, r1 in self.segments:
            reach = max(r0, r1) + 4 * self.edge_m
            near = (
                (x > min(x0, x1) - reach)
                & (x < max(x0, x1) + reach)
                & (y > min(y0, y1) - reach)
                & (y < max(y0, y1) + reach)
            )
            dx, dy = x[near] - x0, y[near] - y0
            long = (x1 - x0) ** 2 + (y1 - y0) ** 2
            t = np.clip((dx * (x1 - x0) + dy * (y1 - y0)) / max(long, 1e-12), 0, 1)
            away = np.hypot(dx - t * (x1 - x0), dy - t * (y1 - y0)) - (r0 + t * (r1 - r0))
            w[near] = np.maximum(w[near], 0.5 * (1 - np.tanh(away / self.edge_m)))
        return w


@dataclass(frozen=True)
class Region:
    """A region: its weight (x, y) -> 0..1, and the stiffness [Pa] and loss tangent inside it."""

    weight: object
    stiffness_pa: float
    loss_tangent: float


@dataclass(frozen=True)
class Tissue:
    """Tissue: base stiffness [Pa] and loss tangent, parts, textures as pairs (amplitude, Texture), regions.

    `textures` multiply the stiffness, and `loss_textures` the loss tangent, by exp(amplitude T).
    """

    stiffness_pa: float
    loss: float
    textures: tuple = ()
    loss_textures: tuple = ()
    parts: tuple = ()
    regions: tuple = ()

    def stiffness(self, x, y):
        """|G*| [Pa] at points (x, y) [m]."""
        x, y = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        log_g = np.full(x.shape, np.log(self.stiffness_pa))
        for part in self.parts:
            log_g += part.weight(x, y) * (np.log(part.stiffness_pa) - log_g)
        for amplitude, texture in self.textures:
            log_g += amplitude * texture(x, y)
        for region in self.regions:
            log_g += region.weight(x, y) * (np.log(region.stiffness_pa) - log_g)
        return np.exp(log_g)

    def loss_tangent(self, x, y):
        """tan(delta) at points (x, y) [m]."""
        x, y = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        loss = np.full(x.shape, float(self.loss))
        for part in self.parts:
            loss += part.weight(x, y) * (part.loss_tangent - loss)
        for amplitude, texture in self.loss_textures:
            loss *= np.exp(amplitude * texture(x, y))
        for region in self.regions:
            loss += region.weight(x, y) * (region.loss_tangent - loss)
        return loss
