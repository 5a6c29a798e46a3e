"""Families of phantoms: what each draws, from which distribution, and why.

`DISTRIBUTIONS` holds every number. Each family's builder turns draws into an outline, a tissue, the
interfaces across which stiffness jumps, and labels.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from dime import outlines
from dime.tissue import Region, StarShape, Texture, Tissue, Tubes


@dataclass(frozen=True)
class Uniform:
    """Uniform between low and high."""

    low: float
    high: float

    def draw(self, rng):
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class LogUniform(Uniform):
    """Uniform in the logarithm between low and high."""

    def draw(self, rng):
        return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))


@dataclass(frozen=True)
class Triangular(Uniform):
    """Triangular between low and high."""

    mode: float

    def draw(self, rng):
        return float(rng.triangular(self.low, self.mode, self.high))


@dataclass(frozen=True)
class Choice:
    """One of the values, with the given probabilities (equal by default)."""

    values: tuple
    probabilities: tuple | None = None

    def draw(self, rng):
        return self.values[int(rng.choice(len(self.values), p=self.probabilities))]


LESION = {  # a focal change of stiffness
    "lesion_radius_m": LogUniform(0.005, 0.025),
    "lesion_contrast": LogUniform(0.5, 3.0),  # times the parenchyma
    "lesion_edge_m": Choice((0.0, 0.002, 0.005), (0.5, 0.25, 0.25)),  # 0: sharp
}
# Source: liver at 60 Hz, 1-8 kPa, tan(delta) 0.1-0.4, up to 0.6 (Yin et al. 2007; Asbach et al. 2008).
# Assumption: shapes, sizes, contrasts and textures of the simple phantoms range wider than any organ's, so
# that a network learns waves and not one anatomy; values are equally likely where nothing is known.
DISTRIBUTIONS = {
    "homogeneous": {
        "shape": Choice(("disc", "ellipse", "rectangle", "blob"), (0.4, 0.2, 0.2, 0.2)),
        "extent_m": Uniform(0.12, 0.24),  # the larger side of the bounding box
        "aspect": Uniform(0.6, 1.0),  # height / width before it is turned
        "angle": Uniform(0.0, np.pi),  # [rad]
        "stiffness_pa": LogUniform(1e3, 10e3),
        "loss_tangent": Triangular(0.0, 0.6, 0.22),
    },
    "liver": {
        # Assumption: stages are balanced, so that no stage is learnt at another's cost.
        "stage": Choice(("F0", "F1", "F2", "F3", "F4")),
        "loss_tangent": Triangular(0.05, 0.6, 0.22),
        # Assumption: size and position of a slice of an adult liver.
        "level": Choice(("dome", "middle", "low"), (0.25, 0.45, 0.30)),
        "width_m": Uniform(0.15, 0.22),
        "height_m": Uniform(0.12, 0.18),
        "left_lobe": Uniform(0.75, 1.15),  # length, relative
        "angle": Uniform(-0.15, 0.15),  # [rad]
        "landmark_sd": Uniform(0.005, 0.015),  # of the width
        "fossa_depth_m": Uniform(0.0, 0.015),
        # Assumption: patches of fibrosis and regional drift as measured maps show them.
        "patch_length_m": LogUniform(0.008, 0.04),
        "texture": Uniform(0.02, 0.08),  # log |G*|, rms
        "texture_length_m": Uniform(0.006, 0.02),
        # Assumption: blood carries no shear, but a slice's thickness blurs a vessel to a soft, lossy region.
        "vessel_stiffness_pa": Uniform(0.8e3, 1.3e3),
        "vessel_loss_tangent": Uniform(0.4, 0.9),
        "vessel_radius_m": Uniform(0.004, 0.0065),  # portal vein at the hilum; Source: 11-13 mm wide
        "vessel_edge_m": Uniform(0.001, 0.002),
        "portal_generations": Choice((0, 1, 2, 3), (0.15, 0.3, 0.35, 0.2)),  # forks that lie in the slice
        "vein_count": Choice((0, 1, 2, 3, 4)),
        "vein_length": Choice((0.0, 0.1, 0.2), (0.6, 0.2, 0.2)),  # of the width; 0: cut across
        # Assumption: half of the low slices hold the gall bladder inside the outline, the others its fossa.
        "gall_bladder": Choice((True, False)),
        "gall_bladder_radius_m": Uniform(0.008, 0.015),
        "gall_bladder_stiffness_pa": Uniform(0.7e3, 1.2e3),
        "gall_bladder_loss_tangent": Uniform(0.5, 1.0),
        "lesion_count": Choice((0, 1, 2, 3), (0.5, 0.25, 0.15, 0.10)),
        **LESION,
    },
}
DISTRIBUTIONS["heterogeneous"] = {
    **DISTRIBUTIONS["homogeneous"],
    "texture": Uniform(0.0, 0.10),
    "texture_length_m": LogUniform(0.008, 0.04),
    "lesion_count": Choice((1, 2, 3, 4, 5, 6)),
    "lesion_shape": Choice(("disc", "ellipse", "rectangle", "triangle", "blob")),
    "lesion_radius_m": LogUniform(0.005, 0.040),
    "lesion_contrast": LogUniform(0.3, 4.0),
    "lesion_edge_m": Choice((0.0, 0.002, 0.005, 0.010), (0.5, 0.2, 0.2, 0.1)),  # 0: sharp
    "lesion_loss_tangent": Triangular(0.0, 0.6, 0.22),
}

STAGES = {  # stiffness of the parenchyma [Pa], patchiness in log |G*| (rms), nodularity of the contour [m]
    # Source: staging cut-offs at 60 Hz, kPa: < 2.5 normal; 2.5-2.9 normal or inflammation; 2.9-3.5 F1-2;
    # 3.5-4.0 F2-3; 4.0-5.0 F3-4; > 5.0 F4. Neighbouring stages overlap, as those cut-offs do.
    # Assumption: fibrosis grows patchier and the contour more nodular with stage.
    "F0": (LogUniform(1.5e3, 2.9e3), Uniform(0.02, 0.12), Uniform(0.0, 0.0003)),
    "F1": (LogUniform(2.5e3, 3.5e3), Uniform(0.04, 0.18), Uniform(0.0, 0.0005)),
    "F2": (LogUniform(2.9e3, 4.0e3), Uniform(0.06, 0.22), Uniform(0.0, 0.0007)),
    "F3": (LogUniform(3.5e3, 5.0e3), Uniform(0.08, 0.28), Uniform(0.0, 0.0010)),
    "F4": (LogUniform(4.2e3, 9.0e3), Uniform(0.10, 0.35), Uniform(0.0, 0.0018)),
}
STIFFNESS_LIMITS_PA = (0.7e3, 16e3)
"""Lesions are kept between these: a softer one would carry waves that no 1.5 mm image resolves."""


class Draws:
    """Draw a family's numbers by name; an override replaces one after it is drawn, so that no other moves."""

    def __init__(self, family, rng, overrides):
        if family not in DISTRIBUTIONS:
            raise ValueError(f"family: expected one of {', '.join(DISTRIBUTIONS)}; got {family!r}")
        unknown = sorted(set(overrides) - set(DISTRIBUTIONS[family]))
        if unknown:
            raise ValueError(f"{unknown[0]}: not a number of family {family!r}, which has "
                             f"{', '.join(DISTRIBUTIONS[family])}")
        self.table, self.rng, self.overrides = DISTRIBUTIONS[family], rng, overrides

    def __call__(self, name):
        value = self.table[name].draw(self.rng)
        if name not in self.overrides:
            return value
        allowed = self.table[name]
        value = self.overrides[name]
        if isinstance(allowed, Choice) and isinstance(allowed.values[0], str) and value not in allowed.values:
            raise ValueError(f"{name}: expected one of {', '.join(allowed.values)}; got {value!r}")
        return value


def shape(kind, width_m, height_m, rng):
    """A curve about (0, 0) of one of the kinds of phantoms and inclusions [m]; a disc is as high as wide."""
    step = min(outlines.SPACING_M, 0.05 * min(width_m, height_m))
    match kind:
        case "disc":
            return outlines.ellipse(width_m, width_m, step)
        case "ellipse":
            return outlines.ellipse(width_m, height_m, step)
        case "rectangle":
            return outlines.rounded_rectangle(width_m, height_m, 0.1 * min(width_m, height_m), step)
        case "triangle":
            return outlines.triangle(width_m, height_m, step)
        case "blob":
            return outlines.blob(width_m, height_m, 0.3, rng, step)


def simple_body(draws):
    """Outline of the homogeneous and heterogeneous phantoms [m]."""
    kind, extent, aspect, angle = (draws(n) for n in ("shape", "extent_m", "aspect", "angle"))
    curve = outlines.rotated(shape(kind, extent, aspect * extent, draws.rng), angle)
    return outlines.resample(outlines.centred(curve) * extent / np.ptp(curve, axis=0).max()), kind


def homogeneous(draws):
    """One stiffness and one loss tangent."""
    outline, kind = simple_body(draws)
    tissue = Tissue(draws("stiffness_pa"), draws("loss_tangent"))
    return outline, tissue, (), {"shape": kind, "stiffness_pa": tissue.stiffness_pa}


def lesions(draws, outline, base_pa, base_loss, kinds=False):
    """Focal changes of stiffness inside an outline, clear of it and of each other by 3 mm.

    Returns regions, the curves of the sharp ones and their labels. One without room in 40 tries is left out.
    """
    rng, low, high = draws.rng, outline.min(axis=0), outline.max(axis=0)
    regions, curves, found = [], [], []
    for _ in range(draws("lesion_count")):
        radius, contrast, edge = (draws(n) for n in ("lesion_radius_m", "lesion_contrast", "lesion_edge_m"))
        kind = draws("lesion_shape") if kinds else "blob"
        loss = draws("lesion_loss_tangent") if kinds else base_loss
        curve = shape(kind, 2 * radius, 2 * radius * rng.uniform(0.6, 1.0), rng)
        curve = outlines.rotated(curve, rng.uniform(0, 2 * np.pi))
        reach = np.hypot(*curve.T).max()
        places = rng.uniform(low, high, (40, 2))
        clear = outlines.contains(outline, *places.T)
        clear &= cdist(places, outline).min(axis=1) > reach + 0.003
        for other in found:
            away = np.hypot(places[:, 0] - other["x_m"], places[:, 1] - other["y_m"])
            clear &= away > reach + other["reach_m"] + 0.003
        if not clear.any():
            continue
        place = places[np.argmax(clear)]
        stiffness = float(np.clip(base_pa * contrast, *STIFFNESS_LIMITS_PA))
        regions.append(Region(StarShape(curve + place, tuple(place), edge), stiffness, loss))
        if edge == 0:
            curves.append(curve + place)
        found.append({"x_m": float(place[0]), "y_m": float(place[1]), "radius_m": radius,
                      "reach_m": float(reach), "shape": kind, "stiffness_pa": stiffness,
                      "loss_tangent": loss, "edge_m": edge})
    return regions, curves, found


def heterogeneous(draws):
    """A textured background with inclusions of any shape, size, contrast and edge."""
    outline, kind = simple_body(draws)
    base, loss = draws("stiffness_pa"), draws("loss_tangent")
    texture = (draws("texture"), Texture.draw(draws("texture_length_m"), draws.rng))
    regions, curves, found = lesions(draws, outline, base, loss, kinds=True)
    tissue = Tissue(base, loss, (texture,), regions=tuple(regions))
    return outline, tissue, tuple(curves), {"shape": kind, "stiffness_pa": base, "lesions": found}


# Landmarks of an axial slice, unit width, x to the patient's left, y to the back: the right lobe's back and
# side, the front under the ribs, the left lobe's tip, the visceral surface with the fissure of the ligamentum
# venosum, the porta hepatis, the caudate lobe, the groove of the inferior vena cava.
# Assumption: drawn by hand after axial slices at three levels; a slice is a random mixture of them.
LIVER_LANDMARKS = {
    "dome": [(-0.36, 0.36), (-0.47, 0.20), (-0.50, 0.00), (-0.46, -0.19), (-0.33, -0.33), (-0.14, -0.40),
             (0.04, -0.41), (0.22, -0.39), (0.38, -0.33), (0.49, -0.21), (0.45, -0.08), (0.33, 0.00),
             (0.20, 0.07), (0.10, 0.13), (0.03, 0.16), (-0.03, 0.27), (-0.18, 0.39)],
    "middle": [(-0.34, 0.39), (-0.46, 0.22), (-0.50, 0.01), (-0.45, -0.18), (-0.32, -0.31), (-0.13, -0.37),
               (0.04, -0.36), (0.20, -0.37), (0.37, -0.35), (0.50, -0.29), (0.40, -0.20), (0.23, -0.13),
               (0.09, -0.06), (0.02, 0.05), (-0.05, 0.10), (-0.08, 0.24), (-0.19, 0.38)],
    "low": [(-0.35, 0.48), (-0.45, 0.28), (-0.47, 0.04), (-0.40, -0.18), (-0.25, -0.34), (-0.05, -0.41),
            (0.12, -0.43), (0.27, -0.39), (0.39, -0.29), (0.43, -0.16), (0.37, -0.06), (0.25, -0.01),
            (0.10, 0.01), (0.00, 0.08), (-0.08, 0.16), (-0.14, 0.28), (-0.22, 0.42)],
}


def liver_outline(draws, nodularity_m):
    """Outline of a liver slice [m] and the place of its hilum [m]."""
    rng, level = draws.rng, draws("level")
    weights = rng.dirichlet([4.0 if name == level else 0.6 for name in LIVER_LANDMARKS])
    points = np.tensordot(weights, np.array(list(LIVER_LANDMARKS.values())), axes=1)  # (landmark, xy)
    lobe, width, height, angle, sd, fossa = (draws(n) for n in (
        "left_lobe", "width_m", "height_m", "angle", "landmark_sd", "fossa_depth_m"))
    while True:
        p = points + sd * rng.standard_normal(points.shape)
        p[:, 0] = np.where(p[:, 0] > 0, p[:, 0] * lobe, p[:, 0])
        scale = np.array([width, height]) / np.ptp(p, axis=0)
        curve = outlines.spline(p * scale)
        hilum = 0.5 * (p[13] + p[14]) * scale
        # The fossa of the gall bladder lies between the umbilical fissure and the porta hepatis.
        at = np.argmin(np.hypot(*(curve - 0.5 * (p[12] + p[13]) * scale).T)) / len(curve)
        curve = outlines.dent(curve, at, fossa, rng.uniform(0.006, 0.012))
        curve = outlines.smooth(outlines.ripple(curve, nodularity_m, 0.015, rng), 0.003)
        if outlines.is_simple(curve):
            break
    offset = 0.5 * (curve.min(axis=0) + curve.max(axis=0))
    return outlines.rotated(curve - offset, angle), outlines.rotated(hilum - offset, angle), level


def branches(start, direction, radius, length, depth, rng):
    """Rows of `Tubes.segments`: a vessel that bends, tapers and forks `depth` times."""
    rows, place = [], np.asarray(start)
    for _ in range(3):
        direction = direction + rng.normal(0, 0.18)
        nxt = place + length / 3 * np.array([np.cos(direction), np.sin(direction)])
        rows.append((*place, radius, *nxt, 0.93 * radius))
        place, radius = nxt, 0.93 * radius
    if depth > 0:
        for side in (-1, 1):
            fork = direction + side * rng.uniform(0.35, 0.8)
            rows += branches(place, fork, radius * rng.uniform(0.62, 0.8), length * rng.uniform(0.6, 0.9),
                             depth - 1, rng)
    return rows


def liver(draws):
    """A liver slice: stiffness by fibrosis stage, patches, texture, vessels, gall bladder, focal lesions."""
    rng, stage = draws.rng, draws("stage")
    quantiles = rng.random(3)  # before the stage is used, so that overriding the stage moves nothing else
    base, patch, nodularity = (d.draw(_At(q)) for d, q in zip(STAGES[stage], quantiles, strict=True))
    outline, hilum, level = liver_outline(draws, nodularity)
    width = np.ptp(outline[:, 0])
    loss = draws("loss_tangent")
    textures = ((patch, Texture.draw(draws("patch_length_m"), rng, patchiness=0.8)),
                (draws("texture"), Texture.draw(draws("texture_length_m"), rng)))
    loss_textures = ((0.15, Texture.draw(0.02, rng)),)
    regions, curves, found = lesions(draws, outline, base, loss)

    radius, edge, generations = (draws(n) for n in ("vessel_radius_m", "vessel_edge_m", "portal_generations"))
    inwards = np.arctan2(*(outline.mean(axis=0) - hilum)[::-1]) + rng.normal(0, 0.3)
    tubes = branches(hilum, inwards, radius, 0.14 * width, generations, rng)
    for _ in range(draws("vein_count")):
        place = outline.mean(axis=0) + rng.uniform(-0.3, 0.3, 2) * width
        tubes += branches(place, rng.uniform(0, 2 * np.pi), rng.uniform(0.002, 0.0045),
                          draws("vein_length") * width, 0, rng)
    vessels = Region(Tubes(np.array(tubes), edge), draws("vessel_stiffness_pa"), draws("vessel_loss_tangent"))

    bladder, size = draws("gall_bladder"), draws("gall_bladder_radius_m")
    soft = draws("gall_bladder_stiffness_pa"), draws("gall_bladder_loss_tangent")
    curve = outlines.rotated(outlines.ellipse(2 * size, 3 * size), rng.uniform(-0.6, 0.6))
    bladder = bladder and level == "low"
    soft_regions = [vessels]  # painted before the lesions, which displace them
    if bladder:
        place = hilum + 0.35 * (outline[np.argmin(outline[:, 1] - outline[:, 0])] - hilum)
        soft_regions.append(Region(StarShape(curve + place, tuple(place), 0.0015), *soft))
    labels = {"stage": stage, "level": level, "stiffness_pa": base, "gall_bladder": bladder, "lesions": found,
              "vessels": {"segments": np.array(tubes).tolist(), "edge_m": edge}}
    tissue = Tissue(base, loss, textures, loss_textures, (*soft_regions, *regions))
    return outline, tissue, tuple(curves), labels


@dataclass(frozen=True)
class _At:
    """A generator that always draws one quantile: it places a stage's range by a number drawn beforehand."""

    quantile: float

    def uniform(self, low, high):
        return low + self.quantile * (high - low)


BUILDERS = {"homogeneous": homogeneous, "heterogeneous": heterogeneous, "liver": liver}
