"""Read NHANES 2017-2018: health records of a population, and its liver stiffness by transient elastography.

It is the stiffness of VCTE in people of a survey, not of MRE in patients. So it tests the tabular models
alone, and is never mixed with simulated figures. The files are the survey's own, in SAS transport format.

Source: US Centers for Disease Control and Prevention, NHANES 2017-2018 (public domain), files DEMO_J, LUX_J,
BIOPRO_J, BMX_J, GHB_J, HDL_J, HEQ_J and ALQ_J. The codes of LUX_J and ALQ_J were compared with the survey's
documentation of P_LUX and P_ALQ (2017 to March 2020, the same questions), those of the others are recalled.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from dime.files.pipeline import present
from dime.files.whole import whole

COLUMNS = {
    "DEMO": {"RIDAGEYR": "age_years", "RIAGENDR": "male", "WTMEC2YR": "survey_weight"},
    "BMX": {"BMXBMI": "bmi_kg_m2", "BMXWAIST": "waist_cm"},
    "BIOPRO": {
        "LBXSASSI": "ast_u_l",
        "LBXSATSI": "alt_u_l",
        "LBXSGTSI": "ggt_u_l",
        "LBXSAPSI": "alp_u_l",
        "LBXSAL": "albumin_g_dl",
        "LBXSTB": "bilirubin_mg_dl",
        "LBXSTR": "triglycerides_mg_dl",
    },
    "HDL": {"LBDHDD": "hdl_mg_dl"},
    "GHB": {"LBXGH": "hba1c_percent"},
    "HEQ": {"HEQ010": "hepatitis_b", "HEQ030": "hepatitis_c"},
    "ALQ": {"ALQ111": "ever_drank", "ALQ121": "how_often", "ALQ130": "drinks_a_day"},
    "LUX": {"LUAXSTAT": "exam_status", "LUXSMED": "stiffness_kpa", "LUXCAPM": "cap_db_m"},
}
"""File -> its variables -> their names here. Age is at most 80, as the survey gives it."""

FIELDS = (
    "age_years", "male", "bmi_kg_m2", "waist_cm", "ast_u_l", "alt_u_l", "ggt_u_l", "alp_u_l", "albumin_g_dl",
    "bilirubin_mg_dl", "triglycerides_mg_dl", "hdl_mg_dl", "hba1c_percent", "hepatitis_b", "hepatitis_c",
    "drinks_per_week",
)  # fmt: skip
"""What a model sees of a person. There is no blood count, hence no platelets, FIB-4 or APRI.

Assumption: chosen before any model was fitted, as those of `dime.records.table` that the survey has, and the
marks of the metabolic syndrome. Ancestry is in the survey and is left out: a record of care rarely has it."""

LOGGED = (
    "ast_u_l",
    "alt_u_l",
    "ggt_u_l",
    "alp_u_l",
    "bilirubin_mg_dl",
    "triglycerides_mg_dl",
    "hba1c_percent",
)
"""Fields that enter as logarithms, because their laws are skewed; drinks enter as log(1 + x)."""

TARGETS = ("stiffness_kpa", "cap_db_m", "survey_weight")

OCCASIONS_PER_WEEK = {
    0: 0.0, 1: 7.0, 2: 5.5, 3: 3.5, 4: 2.0, 5: 1.0, 6: 2.5 * 12 / 52, 7: 12 / 52, 8: 9 / 52, 9: 4.5 / 52,
    10: 1.5 / 52,
}  # fmt: skip
"""Code of ALQ121 -> occasions a week, the middle of what the code's words say: 6 is "2 to 3 times a month".

Assumption: "nearly every day" (2) is 5.5 days a week, between every day and "3 to 4 times a week"."""

STEATOSIS_CAP_DB_M = 274.0
"""Controlled attenuation [dB/m] from which a liver counts as steatotic.

Source: Payne et al. 2023, Hepatology Communications 7:e0019, in the same survey (abstract)."""

STIFF_KPA = (8.2, 12.0)
"""Stiffness by VCTE [kPa] from which fibrosis is significant, and about which it is advanced.

Source: Eddowes et al. 2019, Gastroenterology 156:1717, has 8.2 for F2, 9.7 for F3 and 13.6 for F4 (recalled).
Assumption: 12 is a round value between the latter two, so that some hundred people lie above it."""

ADULT_YEARS, COMPLETE = 18, 1
"""Youngest age that is read, and the status of an examination after at least 3 h without food, with at least
10 measurements and an interquartile range below 30 % of the median."""


def find():
    """Folder of the files: `nhanes/` in the project, else `nhanes_2017_2018` in or beside $DIME_REFERENCE.

    Returns
    -------
    pathlib.Path or None
        None where no folder holds the file with the stiffness.
    """
    candidates = [Path("nhanes")]
    if "DIME_REFERENCE" in os.environ:
        reference = Path(os.environ["DIME_REFERENCE"])
        candidates += [place / "nhanes_2017_2018" for place in (reference, reference.parent)]
    return next((folder for folder in candidates if (folder / "LUX_J.XPT").is_file()), None)


def read(folder):
    """Read the adults with a complete elastography.

    Parameters
    ----------
    folder : path
        Holds the files of `COLUMNS` as `LUX_J.XPT` and so on.

    Returns
    -------
    pandas.DataFrame
        A row a person, in the order of the index `person` (the survey's number): `FIELDS` and `TARGETS` in
        the units that their names say; male, hepatitis_b and hepatitis_c (ever told so) are 0 or 1; NaN is
        missing. `survey_weight` is the number of people that a person stands for.

    Raises
    ------
    FileNotFoundError, ValueError
        A file, or a variable of one, is missing.
    """
    parts = [_read_file(Path(folder) / f"{name}_J.XPT", columns) for name, columns in COLUMNS.items()]
    table = parts[0].join(parts[1:], how="left")
    chosen = (table["age_years"] >= ADULT_YEARS) & (table["exam_status"] == COMPLETE)
    table = table[chosen & table["stiffness_kpa"].notna()].sort_index()
    for name in ("male", "hepatitis_b", "hepatitis_c"):
        table[name] = table[name].map({1.0: 1.0, 2.0: 0.0})  # 2: female, or no; 7 and 9: no answer
    table["drinks_per_week"] = _drinks_per_week(table)
    return table[[*FIELDS, *TARGETS]]


def _read_file(path, columns):
    """Variables of one file under their names here, by person."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; `dvc pull nhanes/{path.name}.dvc` gets it")
    try:
        table = pd.read_sas(path, encoding="ISO-8859-1")
    except ValueError as error:
        raise ValueError(f"{path}: expected a SAS transport file ({error})") from None
    for name in ("SEQN", *columns):
        if name not in table:
            raise ValueError(f"{path}: expected a column {name}, found none")
    table = table.rename(columns=columns | {"SEQN": "person"})[["person", *columns.values()]]
    if table["person"].duplicated().any():
        raise ValueError(
            f"{path}: expected one row a person, found {table['person'].duplicated().sum()} more"
        )
    table = table.astype({"person": int}).set_index("person")
    return table.mask(table.abs() < 1e-70, 0.0)  # how the format writes 0


def _drinks_per_week(table):
    """Occasions a week times drinks on such a day; 0 for those who never drank, NaN without an answer."""
    often = table["how_often"].map(OCCASIONS_PER_WEEK)
    drinks = table["drinks_a_day"].where(table["drinks_a_day"] <= 15)  # 15 or more; 777 and 999: no answer
    return (often * drinks).mask((often == 0) | (table["ever_drank"] == 2), 0.0)


def fields(table):
    """What the models see.

    Parameters
    ----------
    table : pandas.DataFrame
        From `read` or `load`.

    Returns
    -------
    (n, 16) float array
        `FIELDS` in their order, those of `LOGGED` as logarithms, drinks as log(1 + x); NaN = missing.
    """
    seen = table[list(FIELDS)].astype(float)
    seen[list(LOGGED)] = np.log(seen[list(LOGGED)])
    seen["drinks_per_week"] = np.log1p(seen["drinks_per_week"])
    return seen.to_numpy()


def convert(output):
    """Write the people as a CSV file, or its header alone where there are no data.

    Parameters
    ----------
    output : path
        Receives person, `FIELDS` and `TARGETS`; equal data give equal bytes.

    Returns
    -------
    str
        One line that says what was found.
    """
    folder = find()
    if folder is None:
        table = pd.DataFrame(columns=[*FIELDS, *TARGETS], index=pd.Index([], name="person"))
        line = "NHANES: none (`dvc pull -R nhanes` gets the survey's files); the notebook will say so"
    else:
        table = read(folder)
        line = f"NHANES: {len(table)} adults from {folder}"
    with whole(output) as aside:
        table.to_csv(aside, float_format="%.6g")
    return line


def load(path):
    """Read what `convert` wrote.

    Raises
    ------
    FileNotFoundError, ValueError
        Nothing is there, or a column is missing.
    """
    table = pd.read_csv(present(path), index_col="person").astype(float)
    lacking = [name for name in (*FIELDS, *TARGETS) if name not in table]
    if lacking:
        raise ValueError(f"{path}: expected a column {lacking[0]}, found none")
    return table
