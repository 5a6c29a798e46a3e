"""Builders of simple phantoms (homogeneous, heterogeneous, graded), as cast in gel, and of focal lesions.

A family's builder turns draws into an outline, a tissue, the interfaces where stiffness jumps, and labels.
"""

import numpy as np
from scipy.spatial.distance import cdist

from dime.phantoms import outlines
from dime.phantoms.distributions import STIFFNESS_LIMITS_PA
from dime.phantoms.tissue import Region, StarShape, Texture, Tissue


def shape(kind, width_m, height_m, rng):
    """Closed curve (n, 2) [m] about (0, 0) for a kind of body or inclusion; a disc is as high as wide."""
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
    """Outline (n, 2) [m] of the homogeneous, heterogeneous and graded phantoms, and its kind."""
    kind, extent, aspect, angle = (draws(n) for n in ("shape", "extent_m", "aspect", "angle"))
    curve = outlines.rotated(shape(kind, extent, aspect * extent, draws.rng), angle)
    return outlines.resample(outlines.centred(curve) * extent / np.ptp(curve, axis=0).max()), kind


def homogeneous(draws):
    """Build a body of one stiffness and one loss tangent."""
    outline, kind = simple_body(draws)
    tissue = Tissue(draws("stiffness_pa"), draws("loss_tangent"))
    return outline, tissue, (), {"shape": kind, "stiffness_pa": tissue.stiffness_pa}


def lesions(draws, outline, base_pa, base_loss, kinds=False):
    """Draw focal lesions inside an outline, at least 3 mm from it and from each other.

    Returns regions, the curves of the sharp ones and the labels. A lesion that fits at none of 40 random
    places is left out.
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
        found.append(
            {
                "x_m": float(place[0]),
                "y_m": float(place[1]),
                "radius_m": radius,
                "reach_m": float(reach),
                "shape": kind,
                "stiffness_pa": stiffness,
                "loss_tangent": loss,
                "edge_m": edge,
            }
        )
    return regions, curves, found


def heterogeneous(draws):
    """Build a textured body with inclusions that vary in shape, size, contrast and edge."""
    outline, kind = simple_body(draws)
    base, loss = draws("stiffness_pa"), draws("loss_tangent")
    texture = (draws("texture"), Texture.draw(draws("texture_length_m"), draws.rng))
    regions, curves, found = lesions(draws, outline, base, loss, kinds=True)
    tissue = Tissue(base, loss, (texture,), regions=tuple(regions))
    return outline, tissue, tuple(curves), {"shape": kind, "stiffness_pa": base, "lesions": found}


def graded(draws):
    """Build a body whose stiffness drifts without any border."""
    outline, kind = simple_body(draws)
    base, loss = draws("stiffness_pa"), draws("loss_tangent")
    # Patchiness bounds the textures: no value is more than 1.6 standard deviations from the mean.
    textures = tuple(
        (draws(name), Texture.draw(draws(f"{name}_length_m"), draws.rng, patchiness=1.0))
        for name in ("drift", "texture")
    )
    losses = ((draws("loss_texture"), Texture.draw(draws("loss_length_m"), draws.rng)),)
    tissue = Tissue(base, loss, textures, losses)
    return outline, tissue, (), {"shape": kind, "stiffness_pa": base}
