"""Who is examined: body size, stage of fibrosis, fat and iron of a subject, and the moduli of its tissues."""

from dataclasses import dataclass

import numpy as np

from dime.phantoms.distributions import DISTRIBUTIONS, STAGES, LogUniform, Triangular, Uniform

VOLUNTEER_PA = 2.1e3
"""Median stiffness of a volunteer's liver [Pa]. Source: about 2.1 kPa in healthy adults at 60 Hz (Yin et al.,
Clin Gastroenterol Hepatol 5, 2007)."""

VOLUNTEER_SPREAD = 0.12
"""Spread (log standard deviation) of stiffness among young volunteers. Assumption: a group of one age."""

BMI = {"male": (26.5, 4.5), "female": (25.5, 5.5)}
"""Mean and standard deviation of the body mass index [kg/m2]. Assumption: adults of a European clinic."""

HALF_WIDTH_M, HALF_DEPTH_M = (0.158, 0.0031), (0.104, 0.0037)
"""Half width and half depth of the body at BMI 24 [m], and their growth per kg/m2.

Assumption: 0.28 to 0.42 m wide and 0.20 to 0.30 m deep over the range of BMI."""

IRON_SHARE, IRON_PER_S = 0.05, (100.0, 400.0)
"""Share of the subjects with iron overload, and their R2* at 3 T [1/s]; the others have 40 to 60 /s.

Source: 28.7 +- 2.7 /s at 1.5 T in 100 volunteers (Obrzut et al., Sci Rep 10, 2020), which is 46 /s at 3 T by
2.00 R2* - 11 (Storey et al., J Magn Reson Imaging 25, 2007). Assumption: the share and the upper limit."""

MODULI = {
    "fat": (Uniform(1.5e3, 2.6e3), Uniform(0.15, 0.3)),
    "muscle": (Uniform(4e3, 9e3), Uniform(0.2, 0.4)),
    "bone": (Uniform(30e3, 50e3), Uniform(0.1, 0.2)),
    "spleen": (LogUniform(3e3, 6e3), DISTRIBUTIONS["spleen"]["loss_tangent"]),
    "cortex": (DISTRIBUTIONS["kidney"]["stiffness_pa"], DISTRIBUTIONS["kidney"]["loss_tangent"]),
    "vessel": (
        DISTRIBUTIONS["liver"]["vessel_stiffness_pa"],
        DISTRIBUTIONS["liver"]["vessel_loss_tangent"],
    ),
    "bowel": (Uniform(1.2e3, 2.5e3), Uniform(0.3, 0.6)),
    "heart": (Uniform(3e3, 6e3), Uniform(0.3, 0.5)),
    "fluid": (Uniform(0.9e3, 1.3e3), Uniform(0.6, 1.0)),
}
"""Stiffness [Pa] and loss tangent at 60 Hz of the tissues around the liver.

Source: `distributions` for spleen, kidney and vessels; fat as in the breast there.
Assumption: bone is ten times as stiff as muscle, which is rigid on the scale of a shear wave; fluids carry no
shear, and averaged over the slice's thickness they are soft and lossy, as vessels are."""

LIVER_LOSS = Triangular(0.08, 0.35, 0.2)
"""Loss tangent of the liver. Source: 0.1 to 0.3 at 60 Hz (Asbach et al., Magn Reson Med 60, 2008)."""


@dataclass(frozen=True)
class Subject:
    """A person, as far as an abdominal examination shows it.

    seed : entropy of everything that is drawn for this subject
    stage : fibrosis stage; stiffness_pa, loss_tangent : of the liver's parenchyma
    half_width_m, half_depth_m : of the body; fat_m : subcutaneous fat at the side; wall_m : muscle wall
    fat_share : fat signal fraction of the liver; r2star_per_s : its R2* at 3 T [1/s]
    spleen : volume relative to a healthy one; moduli : tissue -> (stiffness [Pa], loss tangent)
    nodularity_m : rms of the ripples of the liver's surface [m]; None where the stage's own is drawn
    """

    seed: tuple
    stage: str
    stiffness_pa: float
    loss_tangent: float
    sex: str
    bmi: float
    half_width_m: float
    half_depth_m: float
    fat_m: float
    wall_m: float
    fat_share: float
    r2star_per_s: float
    spleen: float
    moduli: dict
    nodularity_m: float | None = None


def draw_subject(seed, stage="F0", volunteer=False, known=None):
    """Draw a subject of a stage; a volunteer is young, lean and healthy, whatever the stage.

    Parameters
    ----------
    seed : sequence of int
        Determines the subject.
    stage : one of `distributions.STAGES`
    volunteer : bool
        Stiffness log-normal about `VOLUNTEER_PA`, BMI 18 to 27, no iron, hardly any fat in the liver.
    known : dict
        Some of sex, bmi, stiffness_pa, fat_share, r2star_per_s, spleen and nodularity_m, in place of what is
        drawn. The other numbers stay the same, but for the size of the body, which follows the BMI.

    Returns
    -------
    Subject

    Raises
    ------
    ValueError
        Unknown stage.

    Source: spleen volume 292 (239 to 311) cm3 in health, up to three times as much in cirrhosis.
    """
    if stage not in STAGES:
        raise ValueError(f"stage: expected one of {', '.join(STAGES)}, found {stage!r}")
    rng = np.random.default_rng([*seed, 0])
    sex = str(rng.choice(list(BMI)))
    mean, spread = BMI[sex]
    bmi = float(np.clip(rng.normal(mean, spread), 18, 38))
    stiffness = STAGES[stage][0].draw(rng)
    fat_share = float(rng.uniform(0, 0.35) * (rng.random() < 0.15 + 0.03 * (bmi - 20)))
    r2star = float(rng.uniform(*IRON_PER_S)) if rng.random() < IRON_SHARE else float(rng.uniform(40, 60))
    spleen = float(rng.uniform(0.7, 1.4) * (1 + {"F3": 0.4, "F4": 1.2}.get(stage, 0) * rng.random()))
    if volunteer:
        bmi, fat_share = float(rng.uniform(18, 27)), float(rng.uniform(0, 0.05))
        stiffness = VOLUNTEER_PA * float(np.exp(VOLUNTEER_SPREAD * rng.standard_normal()))
        r2star, stage = float(rng.uniform(40, 60)), "F0"
    drawn = {"sex": sex, "bmi": bmi, "stiffness_pa": stiffness, "fat_share": fat_share}
    drawn |= {"r2star_per_s": r2star, "spleen": spleen} | (known or {})
    excess = drawn["bmi"] - 24
    width, depth = (
        base + slope * excess * rng.uniform(0.8, 1.2) + 0.005 * rng.standard_normal()
        for base, slope in (HALF_WIDTH_M, HALF_DEPTH_M)
    )
    moduli = {name: (g.draw(rng), loss.draw(rng)) for name, (g, loss) in MODULI.items()}
    return Subject(
        seed=tuple(seed),
        stage=stage,
        loss_tangent=LIVER_LOSS.draw(rng),
        half_width_m=float(np.clip(width, 0.138, 0.182)),  # the arms and the field of view leave no more
        half_depth_m=float(np.clip(depth, 0.092, 0.148)),
        fat_m=float(
            np.clip(0.010 + 0.0019 * (drawn["bmi"] - 20) + 0.003 * rng.standard_normal(), 0.006, 0.045)
        ),
        wall_m=float(rng.uniform(0.010, 0.015)),
        moduli=moduli,
        **drawn,
    )
