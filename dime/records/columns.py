"""Columns of a table of examinations: units, what is possible, and how another unit would look."""

from typing import NamedTuple

import numpy as np

KEYS = ("exam", "patient", "site", "date")
"""Columns that every table has, without blanks."""

SEQUENCES = ("t1w", "t2w", "dwi")
"""Sequences of images. The columns say whether one was acquired."""

LABEL = "stiffness_kpa"
"""Stiffness by MR elastography [kPa]; training needs it."""

CHOICES = {
    "sex": ("female", "male"),
    "aetiology": ("MASLD", "viral", "alcohol", "autoimmune", "other"),
}
"""Values of the columns of words."""


class Number(NamedTuple):
    """Unit of a column of numbers, and the least and the largest value that is possible."""

    unit: str
    least: float
    largest: float


NUMBERS = {
    "age_years": Number("years", 0, 120),
    "bmi_kg_m2": Number("kg/m2", 5, 100),
    "diabetes": Number("", 0, 1),
    "ast_u_l": Number("U/L", 1, 50_000),
    "alt_u_l": Number("U/L", 1, 50_000),
    "platelets_1e9_l": Number("1e9/L", 1, 5_000),
    "albumin_g_dl": Number("g/dL", 0.5, 7),
    "bilirubin_mg_dl": Number("mg/dL", 0.01, 100),
    "ggt_u_l": Number("U/L", 1, 20_000),
    LABEL: Number("kPa", 0.1, 100),
}
"""Columns of numbers. Assumption: a value outside belongs to no living patient; the limits are wide, because
a rare value is no error (recalled, not compared)."""


class Doubt(NamedTuple):
    """Another unit that a column is probably in, where its median is below `low` or above `high`.

    `values` is the number of values from which the median is judged.
    """

    column: str
    low: float
    high: float
    unit: str
    values: int


FEW, MANY = 1, 5
"""Values from which a median is judged: one where no patient has such a value, else five, because one patient
with jaundice has the bilirubin [mg/dL] of a healthy one in umol/L."""

DOUBTS = (
    Doubt("age_years", -np.inf, 120, "months", FEW),
    Doubt("ast_u_l", 5, np.inf, "ukat/L", FEW),
    Doubt("alt_u_l", 5, np.inf, "ukat/L", MANY),
    Doubt("ggt_u_l", 5, np.inf, "ukat/L", MANY),
    Doubt("platelets_1e9_l", -np.inf, 1000, "/uL", FEW),
    Doubt("platelets_1e9_l", 1, np.inf, "1e12/L", FEW),
    Doubt("platelets_1e9_l", 40, np.inf, "1e4/uL", MANY),
    Doubt("albumin_g_dl", -np.inf, 10, "g/L", FEW),
    Doubt("bilirubin_mg_dl", -np.inf, 5, "umol/L", MANY),
    Doubt(LABEL, -np.inf, 50, "Pa", FEW),
)
"""Units in doubt. Assumption: 1 ukat/L is 60 U/L, 1 mg/dL of bilirubin 17.1 umol/L; medians of patients lie
well within these limits (recalled, not compared)."""

CLINICAL = (*(name for name in NUMBERS if name != LABEL), *CHOICES)
"""Columns that a model may see."""

RANGED = tuple(name for name in CLINICAL if name in NUMBERS and name != "diabetes")
"""Columns whose values have a range."""

COLUMNS = (
    *KEYS,
    *("age_years", "sex", "bmi_kg_m2", "diabetes", "aetiology"),
    *("ast_u_l", "alt_u_l", "platelets_1e9_l", "albumin_g_dl", "bilirubin_mg_dl", "ggt_u_l"),
    *(LABEL, *SEQUENCES),
)
"""All columns of a table, in their order."""

LOGARITHMS = ("ast_u_l", "alt_u_l", "platelets_1e9_l", "bilirubin_mg_dl", "ggt_u_l")
"""Columns that enter models as ln x, because they vary by factors."""

FIELDS = (
    *("age_years", "male", "bmi_kg_m2", "diabetes"),
    *("ast_u_l", "alt_u_l", "platelets_1e9_l", "albumin_g_dl", "bilirubin_mg_dl", "ggt_u_l"),
    *("masld", "viral", "alcohol", "autoimmune"),
)
"""Fields of `fields`, in their order."""
