"""Distributions of all numbers that phantoms draw, with their sources and reasons."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Uniform:
    """Uniform between low and high."""

    low: float
    high: float

    def at(self, quantile):
        return self.low + quantile * (self.high - self.low)

    def draw(self, rng):
        return float(self.at(rng.random()))


@dataclass(frozen=True)
class LogUniform(Uniform):
    """Uniform in the logarithm between low and high."""

    def at(self, quantile):
        return self.low * (self.high / self.low) ** quantile


@dataclass(frozen=True)
class Triangular:
    """Triangular between low and high, with its peak at mode."""

    low: float
    high: float
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
# Assumption: shapes, sizes, contrasts and textures of the simple phantoms vary more than any organ's, so that
# a network learns waves and not one anatomy; where nothing is known, values are equally likely.
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
        # Assumption: stages are balanced, so that the network favours none.
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
        # Assumption: blood carries no shear; averaged over the slice's thickness, a vessel is soft and lossy.
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
# Assumption for all organs below: sizes of adults' slices; loss tangents as in liver, higher in kidney and
# brain; three slices in ten hold a lesion or two.
ORGAN = {
    "angle": Uniform(-0.3, 0.3),  # [rad]
    "texture": Uniform(0.02, 0.10),
    "texture_length_m": LogUniform(0.006, 0.03),
    "lesion_count": Choice((0, 1, 2), (0.7, 0.2, 0.1)),
    **LESION,
}
DISTRIBUTIONS["spleen"] = {
    **ORGAN,
    # Source: 3.6 (0.3) kPa in volunteers, 2.7-19.2 kPa in liver disease (Talwalkar et al., AJR 193, 2009);
    # 2.4-5.6 kPa in volunteers (Mannelli et al., AJR 195, 2010), both at 60 Hz.
    "stiffness_pa": LogUniform(2.4e3, 10e3),
    "loss_tangent": Triangular(0.05, 0.5, 0.2),
    "length_m": Uniform(0.09, 0.14),
    "thickness_m": Uniform(0.035, 0.055),
    "bend": Uniform(0.7, 1.5),  # angle that the organ's midline turns through [rad]
    "vessel_radius_m": Uniform(0.0025, 0.004),
    "vessel_edge_m": Uniform(0.001, 0.002),
    "vessel_stiffness_pa": Uniform(0.8e3, 1.3e3),
    "vessel_loss_tangent": Uniform(0.4, 0.9),
}
DISTRIBUTIONS["kidney"] = {
    **ORGAN,
    # Source: parenchyma 4.9 kPa at 45 Hz and 9.4 kPa at 76 Hz, medulla to cortex 1.12 and 1.03 by the squares
    # of their wave speeds (Rouviere et al., JMRI 34, 2011); 4.4 kPa in health, 5.1 kPa in chronic disease
    # (Radiol Med 125, 2020, doi 10.1007/s11547-020-01210-1).
    "stiffness_pa": LogUniform(3.5e3, 9.0e3),  # cortex
    "medulla_ratio": Uniform(0.95, 1.30),
    "loss_tangent": Triangular(0.1, 0.6, 0.3),
    "length_m": Uniform(0.10, 0.13),
    "thickness_m": Uniform(0.048, 0.065),
    "pyramid_count": Choice((6, 7, 8, 9)),
    # Assumption: the sinus, fat and urine, is soft and lossy.
    "sinus_ratio": Uniform(0.25, 0.6),
    "sinus_loss_tangent": Uniform(0.4, 0.8),
}
DISTRIBUTIONS["brain"] = {
    **ORGAN,
    "angle": Uniform(-0.1, 0.1),
    # Assumption: 1.8-3.2 kPa at 60 Hz, white matter up to a third stiffer than grey, more lossy than liver:
    # the order of magnitude of the field's reviews, not one study's figures.
    "stiffness_pa": LogUniform(1.8e3, 3.2e3),  # grey matter
    "white_ratio": Uniform(1.0, 1.35),
    "nuclei_ratio": Uniform(0.95, 1.3),
    "loss_tangent": Triangular(0.2, 0.8, 0.45),
    "width_m": Uniform(0.125, 0.150),
    "length_m": Uniform(0.155, 0.185),
    "sulcus_count": Choice((20, 24, 28)),
    "sulcus_depth_m": Uniform(0.003, 0.007),
    # Assumption: cerebrospinal fluid carries no shear; averaged over the slice, it is soft and very lossy.
    "ventricle_radius_m": Uniform(0.003, 0.007),
    "fluid_stiffness_pa": Uniform(0.7e3, 1.0e3),
    "fluid_loss_tangent": Uniform(0.6, 1.0),
}
DISTRIBUTIONS["breast"] = {
    **ORGAN,
    "angle": Uniform(-0.15, 0.15),
    # Source: fat 1.3-2.4 kPa, fibroglandular tissue 2.2-3.8 kPa (Karakas and Pocan, Med Sci Monit 32, 2026).
    # Assumption: a fifth wider on both sides; lesions stiffer than in other organs, as carcinoma is hard.
    "stiffness_pa": LogUniform(1.1e3, 2.9e3),  # fat
    "gland_ratio": Uniform(1.2, 2.4),
    "loss_tangent": Triangular(0.05, 0.5, 0.2),
    "gland_loss_tangent": Triangular(0.1, 0.6, 0.3),
    "width_m": Uniform(0.12, 0.18),
    "depth_m": Uniform(0.07, 0.11),
    "gland_count": Choice((2, 3, 4, 5)),
    "gland_radius_m": Uniform(0.012, 0.030),
    "lesion_contrast": LogUniform(0.6, 6.0),
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

DISTRIBUTIONS["graded"] = {
    **DISTRIBUTIONS["homogeneous"],
    # Assumption: no borders, but as much contrast as a whole organ has, because clinical maps of stiffness
    # vary smoothly and severalfold across one liver.
    "stiffness_pa": LogUniform(1.2e3, 7e3),
    "drift": Uniform(0.1, 0.45),  # log |G*|, rms
    "drift_length_m": LogUniform(0.015, 0.06),
    "texture": Uniform(0.0, 0.25),
    "texture_length_m": LogUniform(0.006, 0.015),
    "loss_texture": Uniform(0.0, 0.3),  # log tan(delta), rms
    "loss_length_m": LogUniform(0.015, 0.06),
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
"""Bounds of a lesion's stiffness [Pa]: a softer one would carry waves too short for a 1.5 mm image."""


class Draws:
    """Draw a family's numbers by name.

    An override replaces a number after it is drawn, so that the other numbers stay the same.
    """

    def __init__(self, family, rng, overrides):
        if family not in DISTRIBUTIONS:
            raise ValueError(f"family: expected one of {', '.join(DISTRIBUTIONS)}; got {family!r}")
        unknown = sorted(set(overrides) - set(DISTRIBUTIONS[family]))
        if unknown:
            raise ValueError(
                f"{unknown[0]}: not a number of family {family!r}, which has "
                f"{', '.join(DISTRIBUTIONS[family])}"
            )
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
