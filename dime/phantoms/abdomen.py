"""Which tissue lies where in an axial section of the abdomen, at any height.

A section is painted: body, fat, muscle and skeleton first, then organ over organ, each inside the cavity of
the abdomen. Organs therefore fit to the wall and to each other as soft organs do. x grows to the patient's
left and y to the back; z grows to the head, and z = 0 is the middle of the liver.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter, label, map_coordinates

from dime.phantoms import outlines
from dime.phantoms.canvas import GRID_M, ID, TISSUES, Canvas, paint_trunk, waxing
from dime.phantoms.distributions import STAGES
from dime.phantoms.organs import LIVER_LANDMARKS, branches
from dime.phantoms.phantom import Map
from dime.phantoms.tissue import Texture

CAVITIES = ("lung", "gas")
"""Tissues that carry no shear wave and give no signal: holes in the body."""

LIKE = {"marrow": "bone", "stomach": "fluid", "gall bladder": "fluid", "medulla": "cortex"}
"""Tissues that take the modulus of another one (`habitus.MODULI`)."""

EDGE_M = 1.0e-3
"""Standard deviation over which moduli change at the border of two tissues [m]."""

NODULE_M = 6e-3
"""Length over which the liver's surface changes between nodules [m]: nodules of one to two centimetres."""

LEVELS_M = {"dome": 0.055, "middle": 0.0, "low": -0.055}
"""Height of each set of landmarks of the liver [m]. Assumption: a liver is 15 cm high."""


@dataclass(frozen=True)
class Section:
    """One axial section; callable places (x, y) [m] as a `Phantom` has them.

    outline : (n, 2) [m], the body's; tissue : (y, x) uint8 on pixels of `GRID_M`, centred on (0, 0)
    ribs : (y, x) bool, the bone in the muscle wall
    stiffness, loss_tangent : (x, y) arrays [m] -> |G*| [Pa], tan(delta), defined everywhere
    """

    outline: np.ndarray
    tissue: np.ndarray
    ribs: np.ndarray
    stiffness: Map
    loss_tangent: Map
    interfaces: tuple = ()

    def tissue_at(self, x, y):
        """Number of the tissue at places (x, y) [m]; 0, air, beyond the painted pixels."""
        return _nearest(self.tissue, x, y)

    def ribs_at(self, x, y):
        """Whether places (x, y) [m] lie in a rib."""
        return _nearest(self.ribs, x, y)

    def cavity_at(self, x, y):
        """Whether places (x, y) [m] lie in gas or lung."""
        return np.isin(self.tissue_at(x, y), [ID[name] for name in CAVITIES])


def _nearest(image, x, y):
    at = [np.asarray(v) / GRID_M + (n - 1) / 2 for v, n in zip((y, x), image.shape, strict=True)]
    return map_coordinates(image, at, order=0, mode="constant", cval=0)


def section(subject, z_m, index=0):
    """Section of a subject at a height: its tissues as `paint` paints them, and their textured moduli.

    subject, z_m, index : as `paint`. Returns a `Section`.
    """
    canvas, rng = paint(subject, z_m, index)
    stiffness, loss = _moduli(canvas, rng)
    ribs = canvas.ribs & (canvas.tissue == ID["bone"])
    return Section(canvas.outline, canvas.tissue, ribs, Map(stiffness, GRID_M), Map(loss, GRID_M))


def paint(subject, z_m, index=0, grid_m=GRID_M):
    """Paint the tissues of a subject at a height.

    What lies where depends on the height alone, so that a shift by breathing shows a neighbouring section of
    the same body. Vessels and textures belong to the slice of that index and do not change with the shift.

    Parameters
    ----------
    subject : habitus.Subject
    z_m : float
        Height [m].
    index : int
        Number of the slice in the examination.
    grid_m : float
        Pixel [m].

    Returns
    -------
    canvas : Canvas
        `tissue` (y, x) uint8 on pixels of `grid_m` about (0, 0).
    rng : numpy.random.Generator
        The slice's own, from which its textures follow.
    """
    canvas = Canvas(subject, z_m, grid_m)
    rng = np.random.default_rng([*subject.seed, 1])  # the body: the same numbers at every height
    paint_trunk(canvas, rng)
    _upper_left(canvas, rng)
    hilum = _liver(canvas, rng)
    _kidneys(canvas, rng)
    _spleen(canvas, rng)
    _lungs(canvas, rng)
    _great_vessels(canvas, rng)
    rng = np.random.default_rng([*subject.seed, 2, index])
    _liver_vessels(canvas, hilum, rng)
    return canvas, rng


def _upper_left(c, rng):
    """Heart above the diaphragm, stomach with a level of gas and fluid, bowel and colon below."""
    heart = waxing(c.z, 0.105, 0.06)
    if heart > 0.2:
        place = (0.030, -0.30 * c.b)
        c.paint("heart", c.ellipse(place, 0.105 * heart, 0.085 * heart, -0.5) & (c.clearance > 2e-3))
        c.paint("vessel", c.ellipse(place, 0.055 * heart, 0.04 * heart, -0.5) & (c.clearance > 2e-3))
    width, level = rng.uniform(0.070, 0.105), rng.uniform(-0.25, 0.35)
    size = waxing(c.z, 0.015, rng.uniform(0.06, 0.08))
    place = (0.44 * c.a + rng.uniform(-0.008, 0.008), -0.22 * c.b + rng.uniform(-0.008, 0.008))
    tilt, fold = rng.uniform(-0.5, 0.5), rng.uniform(0.03, 0.1)
    if size > 0.2:
        height = 0.8 * width
        wall = c.ellipse(place, width * size, height * size, tilt, fold) & (c.clearance > 3e-3)
        lumen = c.ellipse(place, width * size - 0.007, height * size - 0.007, tilt, fold)
        c.paint("bowel", wall)
        c.paint("stomach", wall & lumen)
        c.paint("gas", wall & lumen & (c.y < place[1] + 0.4 * level * height * size))
    for _ in range(16):  # loops of bowel, most of them low
        x, y = rng.uniform(-0.55, 0.75) * c.a, rng.uniform(-0.75, 0.1) * c.b
        centre, half = rng.uniform(-0.19, -0.02), rng.uniform(0.02, 0.05)
        wide, fill, turn = rng.uniform(0.025, 0.05), rng.random(), rng.uniform(0, np.pi)
        size = waxing(c.z, centre, half)
        if size > 0.3:
            loop = c.ellipse((x, y), wide * size, 0.7 * wide * size, turn, 0.12) & (c.clearance > 3e-3)
            c.paint("bowel", loop)
            if fill > 0.6:
                inner = c.ellipse((x, y), (wide - 0.008) * size, (0.7 * wide - 0.008) * size, turn, 0.12)
                c.paint("gas", loop & inner & (c.y < y))


def _liver(c, rng):
    """The liver, fitted to the right side of the cavity; returns the place of its hilum [m]."""
    s = c.subject
    drawn = STAGES[s.stage][2].draw(rng)
    nodularity = drawn if s.nodularity_m is None else s.nodularity_m
    tip, deep = rng.uniform(0.015, 0.060), rng.uniform(0.80, 0.92)
    jitter = 0.010 * rng.standard_normal((17, 2))
    names, heights = list(LIVER_LANDMARKS), np.array(list(LEVELS_M.values()))
    order = np.argsort(heights)
    weights = [np.interp(c.z, heights[order], np.eye(3)[k][order]) for k in range(3)]
    points = sum(w * np.array(LIVER_LANDMARKS[name]) for w, name in zip(weights, names, strict=True)) + jitter
    right = -c.x[c.cavity].min()
    front, back = -c.y[c.cavity].min(), c.y[c.cavity].max()
    # The left lobe ends lower down; the tip of the right lobe and the dome are smaller sections.
    left = np.interp(c.z, [-0.08, -0.03, 0.03, 0.06], [0.25, 0.9, 1.0, 0.8])
    size = waxing(c.z, 0.0, 0.088) ** 0.35 if abs(c.z) < 0.088 else 0.0
    curve_rng = np.random.default_rng([*s.seed, 4])
    width, height = (right + tip + 0.012) * size, deep * (front + back) * size
    points = points / np.ptp(points, axis=0)
    points[:, 0] = np.where(points[:, 0] > 0, points[:, 0] * left, points[:, 0])
    if size < 0.3:
        return None
    points = points * [width, height]
    points += [-right - 0.006 - points[:, 0].min(), 0.5 * (back - front) - 0.02 * (front + back)]
    curve = outlines.smooth(outlines.ripple(outlines.spline(points), nodularity, 0.015, curve_rng), 0.003)
    organ = c.inside(curve) & (c.clearance > _gap(c))
    pieces, count = label(organ)
    if count == 0:
        return None
    largest = pieces == 1 + np.argmax(np.bincount(pieces[pieces > 0])[1:])
    c.paint("liver", binary_fill_holes(largest) & c.cavity)
    hilum = 0.5 * (points[13] + points[14])
    bladder = waxing(c.z, -0.045, 0.030)
    radius, present = rng.uniform(0.010, 0.016), rng.random() < 0.85
    if present and bladder > 0.3:
        place = hilum - np.array([0.012, 0.035])
        c.paint("gall bladder", c.ellipse(place, 2 * radius * bladder, 3 * radius * bladder, 0.3) & c.cavity)
    return hilum


def _gap(c):
    """Fat between the liver and the wall [m]; nodules of a given size dent it, as they dent the outline."""
    if c.subject.nodularity_m is None:
        return 2.5e-3
    nodules = Texture.draw(NODULE_M, np.random.default_rng([*c.subject.seed, 6]))(c.x, c.y)
    return np.maximum(4e-3 + c.subject.nodularity_m * nodules, 1e-3)


def _kidneys(c, rng):
    """Both kidneys beside the spine: cortex, medulla and the fat of the sinus."""
    for side, middle in ((-1, -0.075), (1, -0.055)):
        size = waxing(c.z, middle + rng.uniform(-0.012, 0.012), rng.uniform(0.052, 0.060))
        wide, tilt = rng.uniform(0.050, 0.060), side * rng.uniform(0.5, 0.8)
        if size < 0.25:
            continue
        place = np.array([side * (0.052 + 0.15 * (c.a - 0.15)), c.spine[1] + 0.006])
        shape = c.ellipse(place, wide * size, 1.15 * wide * size, tilt) & c.body & (c.depth > 0.02)
        fat = c.ellipse(place, wide * size + 0.010, 1.15 * wide * size + 0.010, tilt) & c.cavity
        c.paint("fat", fat)
        c.paint("cortex", shape & (c.cavity | fat))
        medulla = c.ellipse(place, 0.66 * wide * size, 0.8 * wide * size, tilt, 0.18) & (
            c.tissue == ID["cortex"]
        )
        c.paint("medulla", medulla)
        sinus = c.ellipse(place - [side * 0.10 * wide, 0.002], 0.36 * wide * size, 0.45 * wide * size, tilt)
        c.paint("fat", sinus & np.isin(c.tissue, (ID["cortex"], ID["medulla"])))


def _spleen(c, rng):
    """The spleen: a crescent along the left wall, whose height and thickness follow its volume."""
    s = c.subject
    grown = s.spleen ** (1 / 3)
    size = waxing(c.z, rng.uniform(0.005, 0.03), 0.0525 * grown * rng.uniform(0.95, 1.1))
    middle, reach = rng.uniform(0.30, 0.55), rng.uniform(0.55, 0.7) * grown
    thick = rng.uniform(0.034, 0.044) * grown
    if size < 0.2:
        return
    along = (c.angle - middle) / (reach * size)
    profile = thick * size * np.sqrt(np.clip(1 - along**2, 0, None))
    crescent = c.cavity & (c.clearance > 2.5e-3) & (c.clearance < profile) & (c.x > 0.02)
    c.paint("spleen", crescent & (c.tissue != ID["liver"]))


def _lungs(c, rng):
    """The lungs' lower ends: wedges behind and beside the organs, which fill the chest higher up."""
    for side in (-1, 1):
        base = rng.uniform(0.020, 0.045)
        rise = c.z - base
        if rise <= 0:
            continue
        behind = np.clip(np.sin(c.angle) + 0.55, 0, 1) ** 0.7
        wedge = c.cavity & (c.clearance < 1.1 * rise * behind) & (side * c.x > 0.012)
        c.paint("lung", wedge & ~np.isin(c.tissue, (ID["heart"],)))
    if c.z > 0.088:  # above the dome
        chest = c.cavity & np.isin(c.tissue, (ID["fat"], ID["bowel"], ID["stomach"], ID["gas"]))
        c.paint("lung", chest & (np.abs(c.x) > 0.03))


def _great_vessels(c, rng):
    """Aorta before the spine on the left, vena cava on the right, where the liver has a groove for it."""
    aorta, cava, flat = rng.uniform(0.018, 0.024), rng.uniform(0.020, 0.027), rng.uniform(0.65, 0.9)
    front = c.spine[1] - c.spine_size[1] / 2
    forward = np.interp(c.z, [-0.05, 0.06], [0.0, 0.022])  # the cava leaves the spine towards the heart
    places = (0.012 + aorta / 3, front - aorta / 2), (-0.022, front - cava * flat / 2 - 0.002 - forward)
    c.cava = np.array(places[1])
    for place, w, h in zip(places, (aorta, cava), (aorta, cava * flat), strict=True):
        c.paint("fat", c.ellipse(place, w + 0.004, h + 0.004) & (c.tissue != ID["liver"]) & c.cavity)
        c.paint("vessel", c.ellipse(place, w, h))


def _liver_vessels(c, hilum, rng):
    """Portal branches from the hilum, and hepatic veins that run to the vena cava in the upper slices."""
    if hilum is None:
        return
    rows, liver = [], c.tissue == ID["liver"]
    centre = np.array([c.x[liver].mean(), c.y[liver].mean()]) if liver.any() else hilum
    inwards = np.arctan2(*(centre - hilum)[::-1])
    if abs(c.z) < 0.035:
        width, forks = rng.uniform(0.0045, 0.0065), int(rng.integers(1, 4))
        rows += branches(hilum, inwards + rng.normal(0, 0.3), width, 0.030, forks, rng)
    for turn in (-0.9, -0.2, 0.6) if c.z > 0.012 else ():
        end = c.cava + rng.uniform(0.05, 0.09) * np.array([np.cos(inwards + turn), np.sin(inwards + turn)])
        rows.append((*c.cava, rng.uniform(0.003, 0.0045), *end, 0.002))
    for _ in range(rng.integers(1, 6)):  # cut across
        place = centre + rng.uniform(-0.05, 0.05, 2)
        radius = rng.uniform(0.002, 0.004)
        rows.append((*place, radius, *(place + rng.uniform(-0.015, 0.015, 2)), radius))
    for x0, y0, r0, x1, y1, r1 in rows:
        long = max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1e-12)
        t = np.clip(((c.x - x0) * (x1 - x0) + (c.y - y0) * (y1 - y0)) / long, 0, 1)
        away = np.hypot(c.x - x0 - t * (x1 - x0), c.y - y0 - t * (y1 - y0)) - (r0 + t * (r1 - r0))
        c.paint("vessel", liver & (away < 0))


def _moduli(c, rng):
    """|G*| [Pa] and tan(delta) on the pixels: each tissue's own, textured, with borders `EDGE_M` wide."""
    s = c.subject
    known = {"liver": (s.stiffness_pa, s.loss_tangent), **s.moduli}
    pairs = [known.get(LIKE.get(name, name), known["fat"]) for name in TISSUES]
    log_g, loss = np.log([g for g, _ in pairs])[c.tissue], np.array([t for _, t in pairs])[c.tissue]
    patch = STAGES[s.stage][1].draw(np.random.default_rng([*s.seed, 5]))
    liver = c.tissue == ID["liver"]
    patches = Texture.draw(rng.uniform(0.010, 0.035), rng, patchiness=0.8)(c.x, c.y)
    fine = Texture.draw(rng.uniform(0.006, 0.020), rng)(c.x, c.y)
    log_g = log_g + np.where(liver, patch * patches, 0) + 0.05 * fine
    near = distance_transform_edt(c.tissue == 0, return_distances=False, return_indices=True)
    log_g, loss = log_g[tuple(near)], loss[tuple(near)]  # the outline sees tissue, not air
    return np.exp(gaussian_filter(log_g, EDGE_M / GRID_M)), gaussian_filter(loss, EDGE_M / GRID_M)
