"""Who the patients are: cause, age, sex, BMI and diabetes, and what a marker shows at a stage of fibrosis.

Every random variable is a named column with a generator of its own, so that a patient does not change with
the number of patients or with other columns. The unknown sizes of noise are solved in
`dime.records.assumptions`.
"""

import zlib

import numpy as np
import pandas as pd
from scipy import special, stats

from dime.records import distributions as d

LASTING = ("iron", "fat", "bmi", "susceptibility")
"""Normal variables of a patient that no visit draws anew."""

CHANGING = ("inflammation", "rest", "shared", *d.MARKERS)
"""Normal variables with a lasting part and a part of the visit."""


def stage_of(fibrosis):
    """Histological stage 0 to 4 of a continuous stage."""
    return np.minimum(np.floor(fibrosis), 4).astype(int)


def fib4(table):
    """FIB-4 = age AST / (platelets sqrt(ALT)). Source: Sterling 2006, Hepatology 43:1317."""
    return table["age_years"] * table["ast_u_l"] / (table["platelets_1e9_l"] * np.sqrt(table["alt_u_l"]))


def stream(seed, name):
    """Random generator of one named column: a value does not depend on other columns or on the length."""
    return np.random.default_rng([*np.atleast_1d(seed), zlib.crc32(name.encode())])


def normals(seed, kind, names, n):
    """Standard normal columns (n,) by name."""
    return {name: stream(seed, f"{kind} {name}").standard_normal(n) for name in names}


def people(n, seed, shares):
    """Draw patients before any disease, and their lasting normal variables.

    Parameters
    ----------
    n, seed : int
    shares : sequence
        Of the causes, in the order of `distributions.AETIOLOGIES`.

    Returns
    -------
    DataFrame, dict of (n,) arrays
        aetiology, age_years, sex, bmi_kg_m2, diabetes; then `LASTING` and `CHANGING` by name.
    """
    lasting = normals(seed, "lasting", (*LASTING, *CHANGING), n)
    uniform = {name: stream(seed, name).random(n) for name in ("cause", "age", "sex", "diabetes")}
    cause = np.searchsorted(np.cumsum(shares)[:-1], uniform["cause"], side="right")
    mean, sd, low, high = d.AGE_YEARS
    age = stats.truncnorm((low - mean) / sd, (high - mean) / sd, mean, sd).ppf(uniform["age"])
    table = pd.DataFrame({"aetiology": np.array(list(d.AETIOLOGIES))[cause], "age_years": age})
    table["sex"] = np.where(uniform["sex"] < trait(table, "female"), "female", "male")
    table["bmi_kg_m2"] = trait(table, "bmi_kg_m2") * np.exp(d.BMI_SPREAD * lasting["bmi"])
    odds = special.logit(trait(table, "diabetes"))
    odds = odds + d.DIABETES[0] * (age - mean) / sd + d.DIABETES[1] * lasting["bmi"]
    table["diabetes"] = (uniform["diabetes"] < special.expit(odds)).astype(int)
    return table, lasting


def trait(table, name):
    """A number of each patient's cause, (n,)."""
    return (
        table["aetiology"].map({cause: getattr(one, name) for cause, one in d.AETIOLOGIES.items()}).to_numpy()
    )


def risk(table):
    """Age and the metabolic index of BMI and diabetes, in about standard deviations, (n,) each."""
    age = (table["age_years"].to_numpy() - d.AGE_YEARS[0]) / d.AGE_YEARS[1]
    bmi = np.log(table["bmi_kg_m2"].to_numpy() / d.BMI_MIDDLE) / d.BMI_SPREAD
    return age, bmi + d.DIABETES_WEIGHT * table["diabetes"].to_numpy()


def ranked(rank, prevalence):
    """Continuous stage of a rank 0..1 of susceptibility: uniform within its stage."""
    return np.minimum(np.interp(rank, np.r_[0, np.cumsum(prevalence)], np.arange(6)), np.nextafter(5, 0))


def fat_logit(table, bmi):
    """Mean logit of PDFF in patients without advanced fibrosis, (n,), for a BMI in standard deviations."""
    fat = trait(table, "fat")
    return np.log(fat / (d.FAT_MOST - fat)) + d.FAT_BY_BMI * bmi


def fat_fall(fibrosis):
    """Fall of PDFF's logit in advanced fibrosis."""
    return d.FAT_FALL[1] * np.maximum(fibrosis - d.FAT_FALL[0], 0)


def known(table, fibrosis, variables):
    """What markers depend on beside fibrosis, by the names of `Marker.confounders`; and `fat_share`."""
    logit = fat_logit(table, variables["bmi"]) + trait(table, "fat_spread") * variables["fat"]
    share = d.FAT_MOST * special.expit(logit - fat_fall(fibrosis))
    return confounders(table, share, variables["iron"]) | {
        "inflammation": variables["inflammation"],
        "fat_share": share,
    }


def confounders(table, fat_share, iron):
    """Confounders that can be observed: fat per 10 % above 5 %, iron in standard deviations, sex, cause."""
    causes = {name: (table["aetiology"] == name).to_numpy(float) for name in d.AETIOLOGIES}
    male = (table["sex"] == "male").to_numpy(float)
    return {"fat": (fat_share - 0.05) / 0.1, "iron": iron, "male": male} | causes


def value(name, fibrosis, confounding, noise, residual, gain=1.0):
    """A marker's values (n,), the equation of `dime.records.assumptions`; confounders divided by `gain`."""
    marker = d.MARKERS[name]
    found = (np.log(marker.level) if marker.log else marker.level) + marker.slope * (fibrosis - 0.5)
    found = found + sum(size / gain * confounding[one] for one, size in marker.confounders.items())
    found = found + np.sign(marker.slope) * noise * residual
    return np.exp(found) if marker.log else found
