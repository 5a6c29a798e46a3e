"""Numbers of the simulated population of patients, each with its source or its reason.

A source that was not looked up again says "recalled, not compared".
"""

from dataclasses import dataclass, field

import numpy as np

STAGES = ("F0", "F1", "F2", "F3", "F4")

PREVALENCE = {
    # Source: pooled patient data of MR elastography in fatty liver (798 patients): >= F2 39.4 %,
    # >= F3 24.1 %, F4 8.7 %. Assumption: F0 is 36 %.
    "meta": (0.360, 0.246, 0.153, 0.154, 0.087),
    # Assumption: a centre that sees more cirrhosis; a set for sensitivity.
    "tertiary": (0.30, 0.20, 0.15, 0.13, 0.22),
}
"""Share of each stage F0 to F4."""

STAGE_KPA = (2.30, 2.62, 3.15, 3.90, 5.60)
"""Median stiffness at the middle of each stage [kPa].

Assumption: set about the cut-offs 3.14, 3.53 and 4.45 kPa for F2, F3 and F4 of the literature."""

AUROC = (0.92, 0.92, 0.94)
"""Area under the ROC curve of MR elastography for >= F2, >= F3 and F4.

Source: pooled patient data of MR elastography, as `PREVALENCE`."""

PUBLISHED_R = {"cross-validation": 0.78, "temporal": 0.77, "external": 0.76}
"""Pearson's r of a transformer's stiffness with MR elastography's [kPa], 3680 examinations.

Source: European Radiology, May 2026, abstract. No data or code are public."""

INFLAMMATION_SHARE = 0.25
"""Share of inflammation in the variance of ln stiffness within a stage.

Source: GGT and lobular inflammation raise stiffness in F0 and F1. Assumption: the size of the share."""

LABEL_CV = 0.07
"""Coefficient of variation of repeated MR elastography of a patient, recalled, not compared."""

SHARED = 0.2
"""Correlation of any two markers' residuals (rho) in the base case. Assumption: markers fail together in
part, as obesity, oedema or a poor examination disturb several at once; 0 and 0.4 are tried beside it."""

VISIT_SHARE = 0.15
"""Share of the variance of every residual that a later visit draws anew.

Assumption: it gives about the two numbers that follow."""

RETEST_ICC = (0.87, 0.91)
"""Intraclass correlation of two readings of MR elastography in months. Source: published retests."""

FIB4_YEAR_CV = 0.179
"""Variation of a patient's FIB-4 in a year. Source: published."""

FIBROSIS_DRIFT = 0.05
"""Change of the continuous stage between two visits of a patient, rms. Assumption: nearly the same."""

AGE_YEARS = (47.6, 18.7, 18.0, 90.0)
"""Age: mean and standard deviation of a normal law, cut at the last two.

Source: 4695 examinations of four institutions, 47.6 +- 18.7 years. Assumption: adults only."""

AGE_AUC = 0.60
"""AUC of age for >= F2. Assumption: fibrosis takes years."""

METABOLIC_AUC = 0.62
"""AUC of BMI and diabetes together for >= F2. Assumption."""

DIABETES_WEIGHT = 1.0
"""Weight of diabetes in the metabolic index, in standard deviations of BMI. Assumption."""

DIABETES = (0.7, 0.5)
"""Change of the log odds of diabetes per standard deviation of age and of BMI. Assumption."""

FIB4_AUROC = (0.784, 0.817, 0.845)
"""AUC of FIB-4 for >= F2 (which is used), >= F3 and F4. Source: meta-analysis of hepatitis B."""

FIB4_R = 0.57
"""Correlation of FIB-4 with stiffness in patients, beside which the model's is set. Source: published."""

T1_FAT_R = 0.615
"""Correlation of T1 (variable flip angles) with PDFF, beside which the model's is set. Source: published."""


@dataclass(frozen=True)
class Aetiology:
    """One cause of liver disease.

    share : of the patients; female : share of women; bmi_kg_m2 : median
    diabetes : share at mean age and BMI; fat : median PDFF; fat_spread : standard deviation of its logit
    """

    share: float
    female: float
    bmi_kg_m2: float
    diabetes: float
    fat: float
    fat_spread: float


# Assumption: shares of the causes, and what tells their patients apart; about half of all patients are men.
# A cause acts on fibrosis through BMI and diabetes alone.
AETIOLOGIES = {
    "MASLD": Aetiology(0.45, 0.50, 32.0, 0.35, 0.12, 0.55),
    "viral": Aetiology(0.20, 0.40, 26.5, 0.12, 0.04, 0.60),
    "alcohol": Aetiology(0.12, 0.30, 26.5, 0.15, 0.06, 0.70),
    "autoimmune": Aetiology(0.15, 0.75, 26.0, 0.10, 0.03, 0.60),
    "other": Aetiology(0.08, 0.50, 27.0, 0.12, 0.04, 0.70),
}
BMI_MIDDLE = 28.0
"""BMI that the metabolic index counts from [kg/m2]."""

BMI_SPREAD = 0.17
"""Standard deviation of ln BMI in patients of one cause. Assumption: about 5 kg/m2."""

TEMPORAL_MASLD = 0.10
"""Further share of MASLD in the temporal set, taken from the other causes in proportion. Assumption."""

FAT_MOST = 0.5
"""Upper bound of PDFF: ln(p / (0.5 - p)), its logit, is normal. Source: PDFF 8.1, 18.1 and 31 % in steatosis
of grade 1, 2 and 3. Assumption: the bound."""

FAT_BY_BMI = 0.2
"""Change of PDFF's logit per standard deviation of BMI. Assumption."""

FAT_FALL = (3.8, 0.7)
"""Stage from which PDFF falls, and the fall of its logit per stage.

Source: PDFF falls from 5.5 kPa on, which is the middle of F4. Assumption: the fall begins
shortly before cirrhosis, and leaves PDFF's own AUC for >= F2 near .5."""

IRON_PER_S = (48.0, 0.25)
"""R2* at 3 T: median [1/s] and standard deviation of its logarithm. Assumption: free of stage."""


@dataclass(frozen=True)
class Marker:
    """A linear marker: value = level + slope (f - 1/2) + confounders + s e; its logarithm where `log`.

    level : at the middle of F0, the median in the marker's unit
    slope : change per stage; of the natural logarithm where `log`
    auc : area under the ROC curve for >= F2 that s is solved for; None where FIB-4's is solved instead
    optimistic, pessimistic : the same at the ends of the literature
    confounders : change per unit: "inflammation" and "iron" per standard deviation, "fat" per 10 % PDFF,
        "male" and causes per patient who is it
    spread : standard deviation of the residual before the factor that AST, ALT and platelets share
    """

    level: float
    slope: float
    log: bool = False
    auc: float | None = None
    optimistic: float | None = None
    pessimistic: float | None = None
    confounders: dict = field(default_factory=dict)
    spread: float | None = None

    def target(self, end):
        """The AUC at an end ("base", "optimistic" or "pessimistic"); the base's where there is no other."""
        other = None if end == "base" else getattr(self, end)
        return self.auc if other is None else other


# Assumption in all of them: the sizes of slopes and confounders. They set the scale; what a marker is worth
# follows from its AUC.
IMAGE_MARKERS = {
    # Source: AUC .75, between .71 and .79 for variable flip angles; fat raises T1 (r = .62, and .72-.74 in
    # fatty liver), iron shortens it. Assumption: F0 810 +- 60 ms (3 T, MOLLI), 30 ms a stage; MOLLI depends
    # less on fat than variable flip angles do.
    "t1_ms": Marker(810, 30, False, 0.75, 0.79, 0.70, {"fat": 50, "iron": -15, "inflammation": 12}),
    # Source: 34 ms at 3 T and a rise with severity; no relation to fat. Assumption: AUC .66.
    "t2_ms": Marker(34, 0.8, False, 0.66, None, None, {"iron": -1.0, "inflammation": 0.8}),
    # Source: cut-offs from 1.68 to 1.09e-3 mm2/s; AUC .883 for >= F2 by IVIM is the optimistic end and above.
    # Assumption: 1.40 to 1.10e-3 from F0 to F4, AUC .78; fat and iron lower it.
    "adc_mm2_s": Marker(
        1.40e-3,
        -0.075e-3,
        False,
        0.78,
        0.86,
        0.70,
        {"fat": -0.05e-3, "iron": -0.03e-3, "inflammation": -0.02e-3},
    ),
    # Source: AUC .80-.84 in fatty liver, pooled .90; cut-offs 2.23 and 2.44-2.50. Assumption: 2.0 to 3.0.
    "nodularity": Marker(2.0, np.log(3 / 2) / 4, True, 0.84, 0.90, 0.80),
    # Assumption: AUC .72; from .09 to .16, within the patchiness of `phantoms.distributions.STAGES`.
    "texture": Marker(0.09, 0.15, True, 0.72, None, None, {"fat": 0.05}),
    # Source: 195 +- 78 cm3 in health. Assumption: F4 has twice that (median), AUC .72; men have larger ones.
    "spleen_ml": Marker(195, np.log(2) / 4, True, 0.72, None, None, {"male": 0.15}),
}
LABORATORY = {
    # Assumption: levels, slopes and confounders; the residuals of the first three are scaled by one factor,
    # so that FIB-4 has its AUC. Platelets fall as in primary biliary cholangitis (292 to 225 from F1 to F4)
    # and somewhat faster.
    "ast_u_l": Marker(24, 0.17, True, spread=0.35, confounders={"inflammation": 0.15, "alcohol": 0.3}),
    "alt_u_l": Marker(27, 0.06, True, spread=0.45, confounders={"inflammation": 0.20, "male": 0.2}),
    "platelets_1e9_l": Marker(255, -0.11, True, spread=0.25, confounders={"male": -0.08}),
    # Assumption: AUC .64.
    "albumin_g_dl": Marker(4.3, -0.09, False, 0.64, confounders={"inflammation": -0.05}),
    # Assumption: AUC .62; cholestatic diseases raise it.
    "bilirubin_mg_dl": Marker(0.6, 0.10, True, 0.62, confounders={"autoimmune": 0.25, "alcohol": 0.15}),
    # Assumption: AUC .64; raised by inflammation (see INFLAMMATION_SHARE), alcohol and cholestasis.
    "ggt_u_l": Marker(
        35, 0.18, True, 0.64,
        confounders={"inflammation": 0.25, "male": 0.3, "alcohol": 0.5, "autoimmune": 0.4},
    ),
}  # fmt: skip
MARKERS = IMAGE_MARKERS | LABORATORY
FIB4 = ("ast_u_l", "alt_u_l", "platelets_1e9_l")
"""Markers whose residuals FIB-4 scales together."""

MISSING = {
    ("ast_u_l", "alt_u_l", "platelets_1e9_l"): 0.08,
    ("albumin_g_dl", "bilirubin_mg_dl"): 0.12,
    ("ggt_u_l",): 0.35,
    ("dwi",): 0.12,
    ("t2w",): 0.04,
}
"""Fields that are missing together -> share of the examinations. Assumption: a sample of blood is ordered as
a panel; survey data lack 5.6 % of laboratory values."""

MISSING_WEIGHT = (1.2, 0.1)
"""Missing values are more frequent in mild disease: relative rate a - b f. Assumption: 1.5 times as frequent
in F0 as in F4; much more would make a missing value better evidence than the value."""


@dataclass(frozen=True)
class Site:
    """One hospital's scanner.

    share : of its cohort's patients; vendor; at_3t : share of examinations at 3 T, else 1.5 T
    b_s_mm2 : higher b-value; pixel_mm, slice_mm; opposed : share of T1w in opposed phase
    """

    share: float
    vendor: str
    at_3t: float
    b_s_mm2: float
    pixel_mm: float
    slice_mm: float
    opposed: float


# Assumption: three vendors; b 500-800 s/mm2, pixels 1.2-1.8 mm, slices 4-8 mm; none is a real hospital.
SITES = {
    "A": Site(0.30, "vendor 1", 0.5, 500, 1.4, 6.0, 0.5),
    "B": Site(0.25, "vendor 1", 0.0, 500, 1.6, 7.0, 0.0),
    "C": Site(0.20, "vendor 2", 1.0, 800, 1.2, 5.0, 1.0),
    "D": Site(0.15, "vendor 3", 0.4, 600, 1.5, 6.0, 0.3),
    "E": Site(0.10, "vendor 2", 0.2, 700, 1.8, 8.0, 0.8),
}
NEWER = {
    "A": Site(0.30, "vendor 1", 0.8, 800, 1.3, 5.0, 0.5),
    "B": Site(0.25, "vendor 1", 0.5, 800, 1.4, 5.0, 0.2),
    "C": Site(0.20, "vendor 2", 1.0, 800, 1.2, 4.0, 1.0),
    "D": Site(0.15, "vendor 3", 0.8, 700, 1.3, 5.0, 0.3),
    "E": Site(0.10, "vendor 2", 0.6, 800, 1.5, 6.0, 0.8),
}
"""The same hospitals with newer scanners, in the temporal set."""

ELSEWHERE = {"X": Site(1.0, "vendor 3", 0.3, 750, 1.7, 7.5, 0.6)}
"""The hospital of the external set."""

PERIODS = {
    "internal": ("2015-01-01", "2021-06-30"),
    "temporal": ("2022-07-01", "2024-06-30"),
    "external": ("2018-01-01", "2022-12-31"),
}
"""First and last day of first visits. Assumption: later visits follow after six months to two years."""

REVISIT_DAYS = (180, 730)
