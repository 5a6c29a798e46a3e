"""The canvas of an axial section of the body: its pixels and outline, and the wall and spine that bound it.

x grows to the patient's left and y to the back; z grows to the head.
"""

import numpy as np
from scipy.ndimage import distance_transform_edt

from dime.phantoms import outlines
from dime.physics import axis_m

TISSUES = (
    *("air", "fat", "muscle", "bone", "marrow", "lung", "gas", "liver", "vessel", "spleen", "stomach"),
    *("bowel", "cortex", "medulla", "gall bladder", "fluid", "heart"),
)
"""Name of each tissue, by its number in a section."""

ID = {name: number for number, name in enumerate(TISSUES)}

GRID_M = 1.0e-3
"""Pixel of the painted section [m]."""


class Canvas:
    """The pixels that organs are painted on, the body's outline and the landmarks that all organs share."""

    def __init__(self, subject, z_m, grid_m=GRID_M):
        self.subject, self.z, self.grid_m = subject, z_m, grid_m
        a, b = subject.half_width_m * (1 - 0.25 * z_m), subject.half_depth_m * (1 + 0.2 * z_m)
        rng = np.random.default_rng([*subject.seed, 3])
        t = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        power = rng.uniform(2.05, 2.45)
        r = (np.abs(np.cos(t)) ** power + np.abs(np.sin(t)) ** power) ** (-1 / power)
        # The back is flat where it lies on the table.
        curve = np.column_stack([a * r * np.cos(t), b * r * np.sin(t) * np.where(np.sin(t) > 0, 0.93, 1)])
        self.outline = outlines.ripple(outlines.smooth(curve, 0.012), 0.0012, 0.12, rng)
        shape = [2 * round((half + 0.012) / grid_m) for half in (b, a)]
        y, x = (axis_m(n, grid_m) for n in shape)
        self.x, self.y = np.meshgrid(x, y)
        self.body = self.inside(self.outline)
        self.depth = distance_transform_edt(self.body) * grid_m
        self.tissue = np.where(self.body, ID["fat"], ID["air"]).astype(np.uint8)
        self.a, self.b = a, b
        self.angle = np.arctan2(self.y / b, self.x / a)  # 0: left, pi / 2: back, -pi / 2: front

    def paint(self, name, where):
        self.tissue[where] = ID[name]

    def inside(self, curve):
        """Pixels inside a closed curve (n, 2) [m]: those with an odd number of its sides to their left."""
        (x0, y0), (x1, y1) = np.asarray(curve).T, np.roll(curve, -1, axis=0).T
        y = self.y[:, :1]
        rows, sides = np.nonzero((y0 <= y) != (y1 <= y))
        along = (y[rows, 0] - y0[sides]) / (y1 - y0)[sides]
        crossing = x0[sides] + along * (x1 - x0)[sides]
        columns = np.searchsorted(self.x[0], crossing, side="right")
        count = np.zeros((self.x.shape[0], self.x.shape[1] + 1), int)
        np.add.at(count, (rows, columns), 1)
        return np.cumsum(count, axis=1)[:, :-1] % 2 == 1

    def ellipse(self, centre, width_m, height_m, angle=0.0, fold=0.0):
        """Pixels of a turned ellipse; `fold` bulges its outline in three lobes."""
        half = (1 + abs(fold)) * max(width_m, height_m) / 2
        rows, columns = (
            slice(*np.searchsorted(axis, [middle - half, middle + half]))  # the rest lies outside
            for axis, middle in ((self.y[:, 0], centre[1]), (self.x[0], centre[0]))
        )
        dx, dy = self.x[rows, columns] - centre[0], self.y[rows, columns] - centre[1]
        u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        reach = 1.0
        if fold:
            reach = 1 + fold * np.cos(3 * np.arctan2(v / height_m, u / width_m) + 1e3 * width_m)
        inside = np.zeros(self.body.shape, bool)
        inside[rows, columns] = np.hypot(2 * u / width_m, 2 * v / height_m) < reach
        return inside


def waxing(z, centre, half):
    """Relative diameter, 0..1, of an ellipsoid of half height `half` at a height z [m]."""
    return np.sqrt(max(0.0, 1 - ((z - centre) / half) ** 2))


def paint_trunk(c, rng):
    """Subcutaneous fat, the muscle wall with ribs, the spine and its muscles, the cavity of the abdomen."""
    s = c.subject
    front, back = rng.uniform(0.6, 1.1), rng.uniform(0.9, 1.5)
    fat = s.fat_m * (
        1 + (front - 1) * np.clip(-np.sin(c.angle), 0, 1) + (back - 1) * np.clip(np.sin(c.angle), 0, 1)
    )
    wall = c.body & (c.depth > fat)
    c.cavity = c.body & (c.depth > fat + s.wall_m)
    c.paint("muscle", wall & ~c.cavity)
    # Ribs run around the wall and descend to the front, so that their dots move with the height.
    middle = np.abs(c.depth - fat - s.wall_m / 2)
    gap, thick = rng.uniform(0.030, 0.036), rng.uniform(0.008, 0.011)
    along = c.angle * 0.5 * (c.a + c.b) + 1.4 * c.z + rng.uniform(0, gap)
    caged = (np.abs(np.cos(c.angle)) > 0.25) | (c.angle > 0)  # not in the front, below the sternum
    dots = np.hypot((np.mod(along, gap) - gap / 2) / 1.25, middle) < thick / 2
    c.ribs = wall & ~c.cavity & dots & caged & (np.abs(c.angle - np.pi / 2) > 0.35)
    c.paint("bone", c.ribs)

    width, depth = rng.uniform(0.036, 0.045), rng.uniform(0.029, 0.035)
    back_y = np.max(c.outline[:, 1]) - s.fat_m * back
    c.spine = np.array([0.0, back_y - rng.uniform(0.055, 0.062)])
    c.spine_size = width, depth
    c.paint("muscle", c.ellipse((0.0, c.spine[1] + 0.028), 0.125, 0.062) & c.body & (c.depth > fat))
    for side in (-1, 1):  # crura of the diaphragm, psoas further down
        psoas = np.clip(-c.z / 0.08, 0, 1)
        place = (side * (width / 2 + 0.004 + 0.010 * psoas), c.spine[1] - 0.004)
        c.paint("muscle", c.ellipse(place, 0.012 + 0.024 * psoas, 0.028 + 0.008 * psoas) & c.cavity)
        process = (side * 0.020, c.spine[1] + depth / 2 + 0.010)
        c.paint("bone", c.ellipse(process, 0.036, 0.008, side * 0.35))
    c.paint("bone", c.ellipse((0.0, c.spine[1] + depth / 2 + 0.026), 0.007, 0.030))
    c.paint("bone", c.ellipse(c.spine, width, depth))
    c.paint("marrow", c.ellipse(c.spine, width - 0.004, depth - 0.004))
    c.paint("bone", c.ellipse((0.0, c.spine[1] + depth / 2 + 0.009), 0.024, 0.020))
    c.paint("fluid", c.ellipse((0.0, c.spine[1] + depth / 2 + 0.008), 0.017, 0.014))
    spine = c.ellipse((0.0, c.spine[1] + 0.02), width + 0.008, depth + 0.06)
    c.cavity &= ~spine & ((c.tissue == ID["fat"]) | (c.y < c.spine[1]))
    c.cavity &= c.tissue == ID["fat"]
    c.clearance = distance_transform_edt(c.cavity) * c.grid_m  # from the wall
