"""Builders of organ slices: outlines, vessels and parts of liver, spleen, kidney, brain and breast.

A family's builder turns draws into an outline, a tissue, the interfaces where stiffness jumps, and labels.
In every slice x grows to the patient's left and y to the back, as in images shown in radiological convention.
"""

import numpy as np

from dime.phantoms import outlines
from dime.phantoms.distributions import STAGES
from dime.phantoms.inclusions import lesions
from dime.phantoms.tissue import Region, StarShape, Texture, Tissue, Tubes

# Landmarks of an axial slice, unit width, x to the patient's left, y to the back: the right lobe's back and
# side, the front under the ribs, the left lobe's tip, the visceral surface with the fissure of the ligamentum
# venosum, the porta hepatis, the caudate lobe, the groove of the inferior vena cava.
# Assumption: drawn by hand after axial slices at three levels; a slice is a random mixture of them.
LIVER_LANDMARKS = {
    "dome": [
        (-0.36, 0.36),
        (-0.47, 0.20),
        (-0.50, 0.00),
        (-0.46, -0.19),
        (-0.33, -0.33),
        (-0.14, -0.40),
        (0.04, -0.41),
        (0.22, -0.39),
        (0.38, -0.33),
        (0.49, -0.21),
        (0.45, -0.08),
        (0.33, 0.00),
        (0.20, 0.07),
        (0.10, 0.13),
        (0.03, 0.16),
        (-0.03, 0.27),
        (-0.18, 0.39),
    ],
    "middle": [
        (-0.34, 0.39),
        (-0.46, 0.22),
        (-0.50, 0.01),
        (-0.45, -0.18),
        (-0.32, -0.31),
        (-0.13, -0.37),
        (0.04, -0.36),
        (0.20, -0.37),
        (0.37, -0.35),
        (0.50, -0.29),
        (0.40, -0.20),
        (0.23, -0.13),
        (0.09, -0.06),
        (0.02, 0.05),
        (-0.05, 0.10),
        (-0.08, 0.24),
        (-0.19, 0.38),
    ],
    "low": [
        (-0.35, 0.48),
        (-0.45, 0.28),
        (-0.47, 0.04),
        (-0.40, -0.18),
        (-0.25, -0.34),
        (-0.05, -0.41),
        (0.12, -0.43),
        (0.27, -0.39),
        (0.39, -0.29),
        (0.43, -0.16),
        (0.37, -0.06),
        (0.25, -0.01),
        (0.10, 0.01),
        (0.00, 0.08),
        (-0.08, 0.16),
        (-0.14, 0.28),
        (-0.22, 0.42),
    ],
}


def liver_outline(draws, nodularity_m):
    """Outline (n, 2) of a liver slice [m], place (2,) of its hilum [m] and name of its level."""
    rng, level = draws.rng, draws("level")
    weights = rng.dirichlet([4.0 if name == level else 0.6 for name in LIVER_LANDMARKS])
    points = np.tensordot(weights, np.array(list(LIVER_LANDMARKS.values())), axes=1)  # (landmark, xy)
    lobe, width, height, angle, sd, fossa = (
        draws(n) for n in ("left_lobe", "width_m", "height_m", "angle", "landmark_sd", "fossa_depth_m")
    )
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
    """Rows of `Tubes.segments` [m] for a vessel that bends, tapers and forks `depth` times."""
    rows, place = [], np.asarray(start)
    for _ in range(3):
        direction = direction + rng.normal(0, 0.18)
        nxt = place + length / 3 * np.array([np.cos(direction), np.sin(direction)])
        rows.append((*place, radius, *nxt, 0.93 * radius))
        place, radius = nxt, 0.93 * radius
    if depth > 0:
        for side in (-1, 1):
            fork = direction + side * rng.uniform(0.35, 0.8)
            rows += branches(
                place, fork, radius * rng.uniform(0.62, 0.8), length * rng.uniform(0.6, 0.9), depth - 1, rng
            )
    return rows


def liver(draws):
    """Build a liver slice: stiffness by fibrosis stage, patches, texture, vessels, gall bladder, lesions."""
    rng, stage = draws.rng, draws("stage")
    quantiles = rng.random(3)  # before the stage is used, so that overriding the stage moves nothing else
    base, patch, nodularity = (law.at(q) for law, q in zip(STAGES[stage], quantiles, strict=True))
    outline, hilum, level = liver_outline(draws, nodularity)
    width = np.ptp(outline[:, 0])
    loss = draws("loss_tangent")
    texture = (
        (patch, Texture.draw(draws("patch_length_m"), rng, patchiness=0.8)),
        (draws("texture"), Texture.draw(draws("texture_length_m"), rng)),
    )
    loss_textures = ((0.15, Texture.draw(0.02, rng)),)
    regions, curves, found = lesions(draws, outline, base, loss)

    radius, edge, generations = (draws(n) for n in ("vessel_radius_m", "vessel_edge_m", "portal_generations"))
    inwards = np.arctan2(*(outline.mean(axis=0) - hilum)[::-1]) + rng.normal(0, 0.3)
    tubes = branches(hilum, inwards, radius, 0.14 * width, generations, rng)
    for _ in range(draws("vein_count")):
        place = outline.mean(axis=0) + rng.uniform(-0.3, 0.3, 2) * width
        tubes += branches(
            place, rng.uniform(0, 2 * np.pi), rng.uniform(0.002, 0.0045), draws("vein_length") * width, 0, rng
        )
    vessels = Region(Tubes(np.array(tubes), edge), draws("vessel_stiffness_pa"), draws("vessel_loss_tangent"))

    bladder, size = draws("gall_bladder"), draws("gall_bladder_radius_m")
    soft = draws("gall_bladder_stiffness_pa"), draws("gall_bladder_loss_tangent")
    curve = outlines.rotated(outlines.ellipse(2 * size, 3 * size), rng.uniform(-0.6, 0.6))
    bladder = bladder and level == "low"
    soft_regions = [vessels]  # painted before the lesions, which displace them
    if bladder:
        place = hilum + 0.35 * (outline[np.argmin(outline[:, 1] - outline[:, 0])] - hilum)
        soft_regions.append(Region(StarShape(curve + place, tuple(place), 0.0015), *soft))
    labels = {
        "stage": stage,
        "level": level,
        "stiffness_pa": base,
        "gall_bladder": bladder,
        "lesions": found,
        "vessels": {"segments": np.array(tubes).tolist(), "edge_m": edge},
    }
    tissue = Tissue(base, loss, texture, loss_textures, (), (*soft_regions, *regions))
    return outline, tissue, tuple(curves), labels


def textures(draws):
    """The smooth random texture of an organ, as `Tissue` takes it."""
    return ((draws("texture"), Texture.draw(draws("texture_length_m"), draws.rng)),)


def spleen(draws):
    """Build a spleen: a crescent with a hilum on its hollow side, from which a few vessels run inwards."""
    rng = draws.rng
    length, thickness, bend, angle = (draws(n) for n in ("length_m", "thickness_m", "bend", "angle"))
    # A midline bent through the angle `bend`, as thick as an ellipse's chord; the hollow side faces -x.
    t = np.linspace(-1, 1, 200)
    radius = length / (2 * np.sin(bend / 2))
    along = np.column_stack([np.cos(bend / 2 * t), np.sin(bend / 2 * t)])
    half = thickness / 2 * np.sqrt(1 - t**2)[:, None]
    curve = np.vstack([(radius + half) * along, ((radius - half) * along)[-2:0:-1]]) - [radius, 0]
    curve = outlines.smooth(outlines.ripple(outlines.resample(curve), 0.0015, 0.04, rng), 0.003)
    curve = outlines.rotated(outlines.centred(curve), angle)
    hilum = curve[np.argmin(np.hypot(*(curve - outlines.rotated([-thickness / 2, 0.0], angle)).T))]
    base, loss = draws("stiffness_pa"), draws("loss_tangent")
    texture = textures(draws)
    tubes = branches(hilum, angle, draws("vessel_radius_m"), 0.3 * thickness, 2, rng)
    edge = draws("vessel_edge_m")
    vessels = Region(Tubes(np.array(tubes), edge), draws("vessel_stiffness_pa"), draws("vessel_loss_tangent"))
    regions, curves, found = lesions(draws, curve, base, loss)
    labels = {
        "stiffness_pa": base,
        "lesions": found,
        "vessels": {"segments": np.array(tubes).tolist(), "edge_m": edge},
    }
    return curve, Tissue(base, loss, texture, regions=(vessels, *regions)), tuple(curves), labels


def kidney(draws):
    """Build a kidney: a bean of cortex, pyramids of medulla around a soft sinus that opens at the hilum."""
    rng = draws.rng
    length, thickness, angle = (draws(n) for n in ("length_m", "thickness_m", "angle"))
    curve = outlines.ellipse(thickness, length)
    curve = outlines.dent(curve, np.argmin(curve[:, 0]) / len(curve), 0.22 * thickness, 0.13 * length)
    curve = outlines.smooth(outlines.ripple(curve, 0.0008, 0.03, rng), 0.003)
    outline = outlines.rotated(outlines.centred(curve), angle)
    base, loss, ratio = draws("stiffness_pa"), draws("loss_tangent"), draws("medulla_ratio")
    texture, parts = textures(draws), []
    count = draws("pyramid_count")
    for t in np.linspace(-0.72 * np.pi, 0.72 * np.pi, count) + rng.normal(0, 0.04, count):
        place = np.array([0.29 * thickness * np.cos(t), 0.33 * length * np.sin(t)])
        curve = outlines.rotated(
            outlines.triangle(0.2 * thickness, 0.28 * thickness, 0.001),
            np.arctan2(place[1], 0.6 * place[0]) + np.pi / 2,
        )
        curve = outlines.rotated(curve + place, angle)
        centre = tuple(outlines.rotated(place, angle))
        parts.append(Region(StarShape(curve, centre, 0.001), base * ratio, loss))
    sinus = outlines.blob(0.3 * thickness, 0.42 * length, 0.25, rng)
    place = outlines.rotated([-0.08 * thickness, 0.0], angle)
    parts.append(
        Region(
            StarShape(outlines.rotated(sinus, angle) + place, tuple(place), 0.0015),
            base * draws("sinus_ratio"),
            draws("sinus_loss_tangent"),
        )
    )
    regions, curves, found = lesions(draws, outline, base, loss)
    labels = {"stiffness_pa": base, "medulla_pa": base * ratio, "lesions": found}
    return outline, Tissue(base, loss, texture, (), tuple(parts), tuple(regions)), tuple(curves), labels


def brain(draws):
    """Build an axial brain slice: gyri and sulci, grey matter around white, deep nuclei, ventricles."""
    rng = draws.rng
    width, length, angle = (draws(n) for n in ("width_m", "length_m", "angle"))
    t = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    # An egg, wider at the back (+y).
    egg = np.column_stack([0.5 * width * np.cos(t) * (1 + 0.08 * np.sin(t)), 0.5 * length * np.sin(t)])
    count, depth = draws("sulcus_count"), draws("sulcus_depth_m")
    curve = outlines.resample(egg)
    for fraction in (0.25, 0.75):  # the fissure between the hemispheres, back and front
        curve = outlines.dent(curve, fraction, 0.008, 0.0035)
    for fraction in (np.arange(count) + rng.uniform(0.25, 0.75, count)) / count:
        curve = outlines.dent(curve, fraction, depth * rng.uniform(0.3, 1.0), rng.uniform(0.0022, 0.0035))
    outline = outlines.rotated(outlines.centred(outlines.smooth(curve, 0.0015)), angle)
    base, loss = draws("stiffness_pa"), draws("loss_tangent")
    texture = textures(draws)
    # White matter sends rays outwards at random angles, so the two hemispheres are similar, not equal.
    rays = rng.uniform(-1, 1, 9)
    folds = sum(a * np.cos((8 + m) * t + rng.uniform(0, 2 * np.pi)) for m, a in enumerate(rays)) / 3
    white = outlines.resample(egg * (0.86 + 0.05 * folds)[:, None], 0.001)
    parts = [
        Region(
            StarShape(outlines.rotated(white, angle), (0.0, 0.0), 0.002), base * draws("white_ratio"), loss
        )
    ]
    nuclei, size = base * draws("nuclei_ratio"), rng.uniform(0.9, 1.1)
    for side in (-1, 1):
        for x, y, w, h in ((0.14, 0.03, 0.12, 0.17), (0.19, -0.11, 0.09, 0.20)):  # thalamus, putamen
            place = outlines.rotated([side * x * width, y * length], angle)
            curve = outlines.ellipse(size * w * width, size * h * length)
            curve = outlines.rotated(curve, angle + side * 0.3)
            parts.append(Region(StarShape(curve + place, tuple(place), 0.002), nuclei, loss))
    radius, tubes = draws("ventricle_radius_m"), []
    for side in (-1, 1):  # frontal horn, body, occipital horn
        p = np.array([(0.11, -0.20), (0.045, -0.10), (0.04, 0.02), (0.12, 0.17), (0.15, 0.24)])
        p = outlines.rotated(p * [side * width, length] + rng.normal(0, 0.0012, p.shape), angle)
        r = radius * np.array([0.6, 1.0, 0.7, 0.9, 0.4])
        tubes += [(*p[i], r[i], *p[i + 1], r[i + 1]) for i in range(4)]
    fluid = draws("fluid_stiffness_pa"), draws("fluid_loss_tangent")
    ventricles = Region(Tubes(np.array(tubes), 0.001), *fluid)
    regions, curves, found = lesions(draws, outline, base, loss)
    tissue = Tissue(base, loss, texture, (), tuple(parts), (ventricles, *regions))
    return outline, tissue, tuple(curves), {"stiffness_pa": base, "lesions": found}


def breast(draws):
    """Build a breast: a dome of fat around a tree of fibroglandular tissue that narrows to the nipple."""
    rng = draws.rng
    width, depth, angle = (draws(n) for n in ("width_m", "depth_m", "angle"))
    t = np.linspace(np.pi, 2 * np.pi, 400)  # the skin, from the chest wall over the nipple (-y) and back
    lean = rng.uniform(-0.12, 0.12)
    skin = np.column_stack([0.5 * width * np.cos(t) - lean * width * np.sin(t), 1.0 * depth * np.sin(t)])
    wall = np.linspace(skin[-1], skin[0], 100)[1:-1]
    wall[:, 1] -= 0.06 * depth * np.sin(np.linspace(0, np.pi, len(wall)))
    curve = outlines.smooth(np.vstack([skin, wall]), 0.005)
    tip = np.argmin(curve[:, 1])
    curve = outlines.dent(curve, tip / len(curve), -0.006, 0.005)  # the nipple stands out
    curve = outlines.smooth(outlines.ripple(curve, 0.001, 0.05, rng), 0.003)
    offset = 0.5 * (curve.min(axis=0) + curve.max(axis=0))
    outline = outlines.rotated(curve - offset, angle)
    nipple = outline[np.argmin(curve[:, 1])]
    base, loss, ratio = draws("stiffness_pa"), draws("loss_tangent"), draws("gland_ratio")
    gland_loss, texture, parts = draws("gland_loss_tangent"), textures(draws), []
    inwards = outline.mean(axis=0) - nipple
    # Lobes fan out from the nipple; those further in are larger.
    for _ in range(draws("gland_count")):
        reach = rng.uniform(0.45, 0.95)
        place = nipple + outlines.rotated(reach * inwards, rng.uniform(-0.5, 0.5))
        size = draws("gland_radius_m") * (0.6 + 0.6 * reach)
        curve = outlines.blob(2 * size * rng.uniform(0.7, 1.1), 2 * size, 0.3, rng) + place
        parts.append(Region(StarShape(curve, tuple(place), 0.003), base * ratio, gland_loss))
    place = nipple + 0.35 * inwards
    ducts = [(*nipple, 0.003, *place, 0.008), (*place, 0.008, *(nipple + 0.8 * inwards), 0.012)]
    parts.append(Region(Tubes(np.array(ducts), 0.003), base * ratio, gland_loss))
    regions, curves, found = lesions(draws, outline, base, loss)
    labels = {"stiffness_pa": base, "gland_pa": base * ratio, "lesions": found}
    return outline, Tissue(base, loss, texture, (), tuple(parts), tuple(regions)), tuple(curves), labels
