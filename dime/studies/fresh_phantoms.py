"""Draw fresh test tissue, simulate its waves on a grid, and judge goals against intervals.

Bodies, inclusions, texture and drivers have a generator of their own, and the waves are computed by
`grid_waves`, not by finite elements. The equation and the model of the noise are those of the training data.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from dime.metrics import statistics
from dime.mri.noise import add_noise
from dime.physics import axis_m
from dime.processes import run_all
from dime.studies.grid_waves import grid_wave, on_pixels

STREAM = 20260
"""Joins every seed, so that no number of another study's generators is drawn again."""

STIFFNESS_PA = (1.2e3, 8e3)
"""Range of |G*|, bodies and inclusions alike [Pa]. Source: liver at 60 Hz (Yin et al. 2007)."""

LOSS_TANGENT = (0.1, 0.4)
"""Range of tan(delta), one for each body and inclusion. Source: as for `STIFFNESS_PA`."""

REACH_M = (0.06, 0.10)
"""Range of a body's longest radius [m]. Assumption: the size of a liver's slice."""

IMAGE_M = 0.21
"""Side of the square image [m]; it has room for every body."""

CELLS = 5
"""Grid cells along a pixel: 0.28 mm, 65 to the shortest wavelength. Assumption: on finer grids the wave
changes by about 1 % at most, against 5 % of noise; what changes is mainly where a driver ends."""

SHARP_M = 1e-3
"""Width of a sharp edge [m]: less than a pixel, and wide enough for the grid not to render it as steps."""

DRIVE_M = 40e-6
"""Largest displacement of a driver [m]."""


@dataclass(frozen=True)
class RoundedPolygon:
    """Convex polygon with round corners: {p: sum_k max(n_k . (p - centre) / rho_k, 0)^q < 1}.

    Four sides at right angles, opposite ones equally far, give a superellipse.

    angles [rad], inradii_m : (side,) arrays, directions n_k and distances rho_k of the sides
    power : q; the larger, the sharper the corners
    centre : (x, y) [m]
    """

    angles: np.ndarray
    inradii_m: np.ndarray
    power: float
    centre: tuple = (0.0, 0.0)

    def __call__(self, x, y):
        """Level [m]: negative inside, 0 on the outline, near it about the distance."""
        dx, dy, total = x - self.centre[0], y - self.centre[1], 0.0
        for angle, rho in zip(self.angles, self.inradii_m, strict=True):
            total += np.maximum((dx * np.cos(angle) + dy * np.sin(angle)) / rho, 0) ** self.power
        return self.inradii_m.mean() * (total ** (1 / self.power) - 1)


@dataclass(frozen=True)
class Ring:
    """Level [m] of a disc with a round hole: an annulus, or a crescent if the hole lies off its centre."""

    centre: tuple
    radius_m: float
    hole: tuple
    hole_m: float

    def __call__(self, x, y):
        outer = np.hypot(x - self.centre[0], y - self.centre[1]) - self.radius_m
        return np.maximum(outer, self.hole_m - np.hypot(x - self.hole[0], y - self.hole[1]))


@dataclass(frozen=True)
class Inclusion:
    """An inclusion: its level, its stiffness [Pa] and loss tangent, and the width of its edge."""

    level: object
    stiffness_pa: float
    loss_tangent: float
    edge_m: float

    def weight(self, x, y):
        """Share 0..1 of the inclusion, a smoothstep across the edge."""
        t = np.clip(0.5 - self.level(x, y) / self.edge_m, 0, 1)
        return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class Body:
    """Tissue of a test case: a base, inclusions painted over it in log |G*|, and texture over all.

    level : outline, see `RoundedPolygon`
    texture : (wave, 4) array of amplitude, kx, ky [rad/m] and phase of cosines added to log |G*|
    """

    level: RoundedPolygon
    stiffness_pa: float
    loss: float
    inclusions: tuple
    texture: np.ndarray

    def stiffness(self, x, y):
        """|G*| [Pa], within `STIFFNESS_PA`."""
        found = np.full(np.shape(x), np.log(self.stiffness_pa))
        for one in self.inclusions:
            found += one.weight(x, y) * (np.log(one.stiffness_pa) - found)
        for amplitude, kx, ky, phase in self.texture:
            found += amplitude * np.cos(kx * x + ky * y + phase)
        return np.clip(np.exp(found), *STIFFNESS_PA)

    def modulus(self, x, y):
        """G* [Pa]."""
        loss = np.full(np.shape(x), self.loss)
        for one in self.inclusions:
            loss += one.weight(x, y) * (one.loss_tangent - loss)
        return self.stiffness(x, y) * np.exp(1j * np.arctan(loss))


@dataclass(frozen=True)
class Drive:
    """Drivers at sectors of the outline, rows (start, width, smooth) of angles [rad], and amplitudes [m].

    Where a driver is smooth, it fades as sin^2 towards both ends.
    """

    sectors: tuple
    amplitudes: tuple

    def __call__(self, x, y):
        """Displacement [m] of places on the outline, NaN where no driver acts."""
        given = np.full(np.shape(x), np.nan + 0j)
        for (start, width, smooth), amplitude in zip(self.sectors, self.amplitudes, strict=True):
            t = (np.arctan2(y, x) - start) % (2 * np.pi) / width
            shape = np.sin(np.pi * t) ** 2 if smooth else 1.0
            given = np.where(t <= 1, amplitude * shape, given)
        return given


def draw_polygon(rng, reach_m, aspect, sides, power, centre=(0.0, 0.0)):
    """Draw a rounded polygon whose outline lies at most `reach_m` from its centre, its sides uneven."""
    angles = 2 * np.pi * (np.arange(sides) + rng.uniform(-0.2, 0.2, sides)) / sides + rng.uniform(
        0, 2 * np.pi
    )
    rho = rng.uniform(0.9, 1.0, sides) / np.hypot(np.cos(angles), np.sin(angles) / aspect)
    t = np.linspace(0, 2 * np.pi, 720)
    size = np.sum(np.maximum(np.cos(t[:, None] - angles) / rho, 0) ** power, axis=1) ** (1 / power)
    return RoundedPolygon(angles, reach_m * size.min() * rho, power, centre)


def draw_body(rng):
    """Draw a body: a third are homogeneous, the others hold one to three inclusions and texture.

    Assumption: contrasts from a half to threefold, inclusions 8 to 22 mm in radius, half of the edges sharp,
    as of focal lesions. Texture of up to 10 % rms, 15 to 60 mm long, is finer than the training data's.
    """
    level = draw_polygon(
        rng, rng.uniform(*REACH_M), rng.uniform(0.6, 1.0), rng.integers(4, 8), rng.uniform(4, 8)
    )
    base, loss = np.exp(rng.uniform(*np.log(STIFFNESS_PA))), rng.uniform(*LOSS_TANGENT)
    if rng.random() < 1 / 3:
        return Body(level, base, loss, (), np.empty((0, 4)))
    inclusions = []
    for _ in range(rng.integers(1, 4)):
        radius = rng.uniform(8e-3, 22e-3)
        place = _inside(rng, level, radius)
        stiffness = np.clip(base * np.exp(rng.uniform(*np.log([0.5, 3.0]))), *STIFFNESS_PA)
        edge = rng.choice([SHARP_M, rng.uniform(3e-3, 10e-3)])
        own = Inclusion(_shape(rng, radius, place), stiffness, rng.uniform(*LOSS_TANGENT), edge)
        inclusions.append(own)
    k, turn = 2 * np.pi / rng.uniform(15e-3, 60e-3, 12), rng.uniform(0, 2 * np.pi, 12)
    amplitude = rng.rayleigh(1.0, 12)
    amplitude *= rng.uniform(0, 0.1) / np.sqrt(np.sum(amplitude**2) / 2)
    texture = np.column_stack([amplitude, k * np.cos(turn), k * np.sin(turn), rng.uniform(0, 2 * np.pi, 12)])
    return Body(level, base, loss, tuple(inclusions), texture)


def _inside(rng, level, radius_m):
    """Draw a place (x, y) [m] whose distance from the outline is at least half the radius of an inclusion."""
    while True:
        place = rng.uniform(-1, 1, 2) * REACH_M[1]
        if level(*place) < -radius_m / 2:
            return tuple(place)


def _shape(rng, radius_m, place):
    """Draw the level of an inclusion: a rounded polygon, an annulus or a crescent, in equal shares."""
    kind, turn = rng.integers(3), rng.uniform(0, 2 * np.pi)
    if kind == 0:
        return draw_polygon(
            rng, radius_m, rng.uniform(0.5, 1.0), rng.integers(5, 8), rng.uniform(6, 20), place
        )
    off = 0.0 if kind == 1 else 0.6 * radius_m
    hole = place[0] + off * np.cos(turn), place[1] + off * np.sin(turn)
    return Ring(place, radius_m, hole, radius_m * rng.uniform(0.4, 0.6))


def draw_drive(rng):
    """Draw drivers and whether the rest of the outline absorbs.

    Assumption: as in an examination, drivers press on a part of the body: one to three sectors of 50 to 100
    degrees, in a third of all cases the whole outline. The rest is free or absorbing, with equal probability.
    """
    absorbing = bool(rng.random() < 0.5)
    if rng.random() < 1 / 3:
        return Drive(((0.0, 2 * np.pi, False),), (DRIVE_M,)), absorbing
    count, turn = rng.integers(1, 4), rng.uniform(0, 2 * np.pi)
    width = np.radians(rng.uniform(50, 100, count))
    start = turn + 2 * np.pi * np.arange(count) / count  # at least 120 degrees apart
    amplitudes = DRIVE_M * rng.uniform(0.5, 1.0, count) * np.exp(2j * np.pi * rng.random(count))
    sectors = zip(start, width, rng.random(count) < 0.5, strict=True)
    return Drive(tuple(sectors), tuple(amplitudes)), absorbing


def simulate_case(seed, index, snr, frequency_hz=60.0, spacing_m=1.4e-3):
    """Simulate case `index` of a seed. Tissue, drive and noise have generators of their own.

    Returns
    -------
    dict of (y, x) arrays
        wave complex64 [m], mean over each pixel plus noise; stiffness float32 [Pa], at the centre of each
        pixel; mask bool, the pixels wholly inside the body. Wave and stiffness are 0 outside the mask.
    """
    seeds = np.random.SeedSequence([seed, index, STREAM]).spawn(3)
    tissue, shaking, noise = (np.random.default_rng(one) for one in seeds)
    body, (drive, absorbing) = draw_body(tissue), draw_drive(shaking)
    pixels = round(IMAGE_M / spacing_m)
    fine, axis = axis_m(CELLS * pixels, spacing_m / CELLS), axis_m(pixels, spacing_m)
    found = grid_wave(body.level, body.modulus, drive, frequency_hz, fine, fine, absorbing=absorbing)
    wave, mask = on_pixels(*found, CELLS)
    wave = np.where(mask, add_noise(wave, mask, snr, noise), 0).astype(np.complex64)
    stiffness = np.where(mask, body.stiffness(*np.meshgrid(axis, axis)), 0).astype(np.float32)
    return {"wave": wave, "stiffness": stiffness, "mask": mask}


def simulate(count, seed, snr, frequency_hz=60.0, spacing_m=1.4e-3, workers=2):
    """Simulate the cases of a seed in several processes.

    Parameters
    ----------
    count, seed : int
    snr : float
        Rms of the wave over the noise per channel.
    frequency_hz, spacing_m : float
    workers : int
        Processes; they change nothing but the time.

    Returns
    -------
    xarray.Dataset
        wave, stiffness, mask (phantom, y, x) of `simulate_case`; attrs frequency_hz, spacing_m.
    """
    tasks = [partial(simulate_case, seed, index, snr, frequency_hz, spacing_m) for index in range(count)]
    cases = run_all(tasks, workers, "bodies")
    maps = {name: (("phantom", "y", "x"), np.stack([case[name] for case in cases])) for name in cases[0]}
    axis = axis_m(cases[0]["mask"].shape[0], spacing_m)
    return xr.Dataset(maps, {"y": axis, "x": axis}, {"frequency_hz": frequency_hz, "spacing_m": spacing_m})


def verdict(figure, goal, at_least):
    """Whether a goal is "met", "missed" or "undecided": its interval lies on the good or bad side, or across.

    Parameters
    ----------
    figure : dict
        low, high: 95 % interval, None where there are too few cases.
    goal : float
    at_least : bool
        Whether good figures are at or above the goal, such as r, or at or below it, such as errors.
    """
    good = 1 if at_least else -1
    return {good: "met", -good: "missed"}.get(statistics.side(figure, goal), "undecided")
