"""Draw patients and cohorts of examinations: what a hospital has, and what only a simulation knows.

The model and its solved numbers are those of `dime.records.assumptions`. A later visit of a patient keeps
cause, sex, BMI, fat and iron, has almost the same fibrosis, and draws a share `distributions.VISIT_SHARE` of
the variance of every other variable anew. The label is true stiffness with a further error.

No result of any network is read here or in what this module imports.
"""

import numpy as np
import pandas as pd

from dime.records import distributions as d
from dime.records import population
from dime.records.assumptions import BASE, Assumptions, Model, ln_kpa, solve
from dime.records.population import fib4, stream

__all__ = ["BASE", "COHORTS", "RECORDS", "TRUTH", "Assumptions", "Model", "draw_cohort", "draw_patients"]
__all__ += ["fib4", "solve"]

COHORTS = {"internal": ("I", d.SITES), "temporal": ("T", d.NEWER), "external": ("E", d.ELSEWHERE)}
"""Cohort -> first letter of its examinations, its hospitals."""

RECORDS = (
    "exam patient site date age_years sex bmi_kg_m2 diabetes aetiology ast_u_l alt_u_l platelets_1e9_l"
    " albumin_g_dl bilirubin_mg_dl ggt_u_l stiffness_kpa t1w t2w dwi"
).split()
"""Columns of a hospital's records."""

TRUTH = (
    "fibrosis stage inflammation fat_share r2star_per_s true_kpa t1_ms t2_ms adc_mm2_s nodularity texture"
    " spleen_ml field_t vendor b_s_mm2 pixel_mm slice_mm opposed"
).split()
"""Columns that only a simulation knows, and the scanner's."""


def draw_patients(model, n, seed):
    """Draw patients, each examined once, with nothing missing.

    Parameters
    ----------
    model : Model
    n, seed : int

    Returns
    -------
    DataFrame
        n rows: the records' values and the hidden truth of `draw_cohort`, without site, date and scanner.
        A row does not depend on n.
    """
    table, lasting = population.people(n, seed, [one.share for one in d.AETIOLOGIES.values()])
    return _examined(model, table, lasting, _visits(seed, n), first=True)


def draw_cohort(kind, exams, patients, seed, model=None):
    """Draw a cohort of examinations.

    Every patient is examined once, and `exams - patients` of them a second time. Values are missing at the
    rates of `distributions.MISSING`, more often in mild disease.

    Parameters
    ----------
    kind : "internal" (sites A to E), "temporal" (newer scanners, more MASLD) or "external" (site X)
    exams, patients : int
    seed : int
    model : Model, optional
        The base case's.

    Returns
    -------
    records, truth : DataFrames
        Columns `RECORDS` and `TRUTH`, one row an examination, in the same order. NaN is a missing value.

    Raises
    ------
    ValueError
        Unknown kind; fewer examinations than patients, or more than two a patient.
    """
    if kind not in COHORTS:
        raise ValueError(f"kind: expected one of {', '.join(COHORTS)}, found {kind!r}")
    if not 1 <= patients <= exams <= 2 * patients:
        raise ValueError(f"exams: expected {patients} to {2 * patients} ({patients} patients), found {exams}")
    model = model or solve()
    letter, sites = COHORTS[kind]
    seed = [seed, list(COHORTS).index(kind)]
    table, lasting = population.people(patients, seed, _shares(kind))
    again = np.sort(stream(seed, "again").permutation(patients)[: exams - patients])
    rows, first = np.r_[np.arange(patients), again], np.arange(exams) < patients
    lasting = {name: values[rows] for name, values in lasting.items()}
    table = table.iloc[rows].reset_index(drop=True)
    gap = np.where(first, 0, stream(seed, "gap").integers(*d.REVISIT_DAYS, exams))
    table = _examined(model, table, lasting, _visits(seed, exams), first)
    names = list(sites)
    place = np.searchsorted(
        np.cumsum([one.share for one in sites.values()])[:-1], _uniform(seed, "site", rows)
    )
    table = table.assign(
        exam=[f"{letter}{number:05d}" for number in range(exams)],
        patient=[f"{letter}P{row:05d}" for row in rows],
        site=[names[one] for one in place],
        date=_dates(kind, _uniform(seed, "date", rows), gap),
        age_years=table["age_years"] + gap / 365.25,
        t1w=True,
        t2w=True,
        dwi=True,
        **_scanner(seed, [sites[names[one]] for one in place]),
    )
    _lose(table, seed, model)
    return table[RECORDS].copy(), table[TRUTH].copy()


def missing_rates(model, fibrosis):
    """Chance (field group, n) that each group of `distributions.MISSING` is missing at a continuous stage.

    P = rate (a - b f) / mean(a - b f): more frequent in mild disease, on average the rate.
    """
    high, fall = d.MISSING_WEIGHT
    mean = np.dot(d.PREVALENCE[model.assumptions.prevalence], np.arange(5) + 0.5)
    relative = (high - fall * np.asarray(fibrosis)) / (high - fall * mean)
    return np.array(list(d.MISSING.values()))[:, None] * relative


def _visits(seed, n):
    return population.normals(seed, "visit", (*population.CHANGING, "drift", "label"), n)


def _mixed(lasting, visit, rho):
    """Normal variables of visits: lasting and new part, and the markers' common factor."""
    kept, new = np.sqrt(1 - d.VISIT_SHARE), np.sqrt(d.VISIT_SHARE)
    mixed = lasting | {name: kept * lasting[name] + new * visit[name] for name in population.CHANGING}
    common = np.sqrt(rho) * mixed["shared"]
    return mixed | {name: common + np.sqrt(1 - rho) * mixed[name] for name in d.MARKERS}


def _examined(model, table, lasting, visit, first):
    """Values of visits (n,) beside those of the patients; `first` is False where a patient comes again."""
    assumed = model.assumptions
    mixed = _mixed(lasting, visit, assumed.rho)
    age, index = population.risk(table)
    score = model.weights[0] * age + model.weights[1] * index + lasting["susceptibility"]
    rank = np.interp(score, model.quantiles, np.linspace(0, 1, len(model.quantiles)))
    drift = np.where(first, 0, d.FIBROSIS_DRIFT * visit["drift"])
    fibrosis = population.ranked(rank, d.PREVALENCE[assumed.prevalence])
    fibrosis = np.clip(fibrosis + drift, 0, np.nextafter(5, 0))
    known, stage = population.known(table, fibrosis, mixed), population.stage_of(fibrosis)
    q = assumed.inflammation
    within = np.sqrt(q) * mixed["inflammation"] + np.sqrt(1 - q) * mixed["rest"]
    true_kpa = np.exp(ln_kpa(fibrosis) + model.width(stage) * within)
    markers = {
        name: population.value(name, fibrosis, known, model.noise[name], mixed[name], assumed.gain(name))
        for name in d.MARKERS
    }
    return table.assign(
        stiffness_kpa=true_kpa * np.exp(np.log1p(d.LABEL_CV) * visit["label"]),
        true_kpa=true_kpa,
        fibrosis=fibrosis,
        stage=np.array(d.STAGES)[stage],
        inflammation=mixed["inflammation"],
        fat_share=known["fat_share"],
        r2star_per_s=d.IRON_PER_S[0] * np.exp(d.IRON_PER_S[1] * mixed["iron"]),
        **markers,
    )


def _uniform(seed, name, rows):
    """A uniform variable of each visit's patient."""
    return stream(seed, name).random(rows.max() + 1)[rows]


def _dates(kind, place, gap):
    """Dates of visits: the first at a place 0..1 of the cohort's period, the later `gap` days after it."""
    start, end = pd.to_datetime(d.PERIODS[kind])
    days = np.floor(place * ((end - start).days + 1)) + gap
    return (start + pd.to_timedelta(days, unit="D")).strftime("%Y-%m-%d")


def _shares(kind):
    """Shares of the causes; MASLD is more frequent in the temporal set."""
    shares = np.array([one.share for one in d.AETIOLOGIES.values()])
    if kind == "temporal":
        masld = np.array(list(d.AETIOLOGIES)) == "MASLD"
        more = shares[masld] + d.TEMPORAL_MASLD
        shares = np.where(masld, more, shares * (1 - more) / (1 - shares[masld]))
    return shares


def _scanner(seed, sites):
    """Columns of the scanner, one row an examination."""
    at_3t, opposed = (stream(seed, name).random(len(sites)) for name in ("field", "opposed"))
    fixed = ("vendor", "b_s_mm2", "pixel_mm", "slice_mm")
    return {name: [getattr(one, name) for one in sites] for name in fixed} | {
        "field_t": np.where(at_3t < [one.at_3t for one in sites], 3.0, 1.5),
        "opposed": opposed < [one.opposed for one in sites],
    }


def _lose(table, seed, model):
    """Take values away from a table, in place."""
    for fields, rate in zip(d.MISSING, missing_rates(model, table["fibrosis"]), strict=True):
        lost = stream(seed, f"missing {fields[0]}").random(len(table)) < rate
        for name in fields:
            table.loc[lost, name] = False if table[name].dtype == bool else np.nan
