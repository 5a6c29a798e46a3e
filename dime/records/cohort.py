"""Simulate patients: from cause and age to fibrosis, stiffness, laboratory values and image markers.

Fibrosis f in [0, 5) is hidden; its integer part is the histological stage. Stiffness follows from it,

    ln kPa = g(f) + w(stage) e,   w(stage) = w0 + w1 stage,   e = sqrt(q) i + sqrt(1 - q) u,

with inflammation i and a rest u. w0 and w1 are fitted to the ROC areas of MR elastography. Marker j (its
logarithm where it is skewed) is

    a_j + b_j (f - 1/2) + confounders + s_j sign(b_j) e_j,   e_j = sqrt(rho) c + sqrt(1 - rho) u_j,

where fat, iron, inflammation, sex and cause are confounders and all markers share c. s_j is solved so that
the marker's own ROC area for >= F2 equals the one of its source. A marker therefore knows about stiffness
what it knows about the stage and about inflammation, and no more.

No result of any network is read here or in what this module imports.
"""

import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from dime.records import distributions as d

SUBJECTS = 100_000
"""Size of the fixed sample that markers are solved on: areas vary by .0015 between such samples."""

KNOTS = 2001
"""Quantiles of susceptibility that are kept to turn it into a stage."""

SPECIAL = ("inflammation", "rest", "shared", "iron", "fat", "bmi", "susceptibility", "label", "drift")
"""Normal variables of a patient beside the markers' own residuals."""

LASTING = ("iron", "fat", "bmi", "susceptibility")
"""Those that no visit draws anew."""


@dataclass(frozen=True)
class Assumptions:
    """What the ceiling rests on.

    auroc : of true stiffness, for >= F2, >= F3 and F4; or for >= F2 alone, with the base's shape of w
    inflammation : share q of inflammation in e's variance
    rho : correlation of any two markers' residuals
    prevalence : key of `distributions.PREVALENCE`
    markers : "base", "optimistic" or "pessimistic"
    separation : factor on Phi^-1(AUC) of every image marker
    """

    auroc: tuple = d.AUROC
    inflammation: float = d.INFLAMMATION_SHARE
    rho: float = d.SHARED
    prevalence: str = "meta"
    markers: str = "base"
    separation: float = 1.0


BASE = Assumptions()
"""The base case: the published areas, a quarter of inflammation, rho = .2. It was fixed before any network
was trained."""


@dataclass(frozen=True)
class Model:
    """Solved numbers.

    spread : (w0, w1); auroc : areas that true stiffness reaches for >= F2, >= F3 and F4
    noise : marker -> s_j; weights : of age and of the metabolic index in susceptibility
    metabolic : mean and standard deviation of the metabolic index
    quantiles : (KNOTS,) of susceptibility; missing : mean of the relative rate of missing values
    """

    assumptions: Assumptions
    spread: tuple
    auroc: tuple
    noise: dict
    weights: tuple
    metabolic: tuple
    quantiles: np.ndarray
    missing: float


def ln_kpa(fibrosis):
    """Median ln stiffness [ln kPa] of a continuous stage: linear between the middles of the stages."""
    middles, values = np.arange(5) + 0.5, np.log(d.STAGE_KPA)
    first, last = np.diff(values)[[0, -1]] / 2
    knots = np.r_[0, middles, 5], np.r_[values[0] - first, values, values[-1] + last]
    return np.interp(fibrosis, *knots)


def stage_of(fibrosis):
    """Histological stage 0 to 4 of a continuous stage."""
    return np.minimum(np.floor(fibrosis), 4).astype(int)


def auroc(w0, w1, prevalence, nodes=60):
    """ROC areas of true stiffness for >= F2, >= F3 and F4, by quadrature over fibrosis.

    A = sum_d sum_h p_d p_h Phi((g_d - g_h) / sqrt(w_d^2 + w_h^2)) over diseased d and healthy h.
    """
    f = (np.arange(5 * nodes) + 0.5) / nodes
    p, w, g = np.repeat(prevalence, nodes) / nodes, w0 + w1 * stage_of(f), ln_kpa(f)
    order = special.ndtr((g[:, None] - g) / np.hypot(w[:, None], w))
    parts = [(f >= limit, f < limit) for limit in (2, 3, 4)]
    return tuple(
        float(p[ill] @ order[np.ix_(ill, well)] @ p[well] / p[ill].sum() / p[well].sum())
        for ill, well in parts
    )


@cache
def _spread(target, prevalence):
    """(w0, w1): nearest to three areas in least squares; for one area, the published shape of w, scaled."""
    shares = d.PREVALENCE[prevalence]
    if len(target) == 1:
        w0, w1 = _spread(d.AUROC, prevalence)
        scale = optimize.brentq(lambda k: auroc(k * w0, k * w1, shares)[0] - target[0], 0.05, 5)
        return scale * w0, scale * w1
    found = optimize.least_squares(
        lambda w: np.subtract(auroc(*w, shares), target), (0.16, 0.03), bounds=((0.01, 0), (1, 0.5))
    )
    return tuple(float(w) for w in found.x)


def fib4(table):
    """FIB-4 = age AST / (platelets sqrt(ALT)). Source: Sterling 2006, Hepatology 43:1317."""
    return table["age_years"] * table["ast_u_l"] / (table["platelets_1e9_l"] * np.sqrt(table["alt_u_l"]))


def _stream(seed, name):
    return np.random.default_rng([*np.atleast_1d(seed), zlib.crc32(name.encode())])


def _normals(seed, kind, n):
    """Standard normal columns by name. Each has its own stream, whose first values do not depend on n."""
    names = (*SPECIAL, *d.MARKERS)
    return {name: _stream(seed, f"{kind} {name}").standard_normal(n) for name in names}


def _people(n, seed, shares):
    """Patients before any disease: cause, age, sex, BMI, diabetes, and their lasting normal variables."""
    lasting = _normals(seed, "lasting", n)
    uniform = {name: _stream(seed, name).random(n) for name in ("cause", "age", "sex", "diabetes")}
    names, traits = list(d.AETIOLOGIES), list(d.AETIOLOGIES.values())
    cause = np.searchsorted(np.cumsum(shares)[:-1], uniform["cause"], side="right")
    of = {key: np.array([getattr(one, key) for one in traits])[cause] for key in vars(traits[0])}
    mean, sd, low, high = d.AGE_YEARS
    age = stats.truncnorm((low - mean) / sd, (high - mean) / sd, mean, sd).ppf(uniform["age"])
    odds = special.logit(of["diabetes"]) + d.DIABETES[0] * (age - mean) / sd + d.DIABETES[1] * lasting["bmi"]
    people = pd.DataFrame(
        {
            "aetiology": np.array(names)[cause],
            "age_years": age,
            "sex": np.where(uniform["sex"] < of["female"], "female", "male"),
            "bmi_kg_m2": np.clip(of["bmi_kg_m2"] + d.BMI_SPREAD * lasting["bmi"], *d.BMI_LIMITS),
            "diabetes": (uniform["diabetes"] < special.expit(odds)).astype(int),
            "ln_fat": np.log(of["fat"]) + d.FAT_BY_BMI * lasting["bmi"] + of["fat_spread"] * lasting["fat"],
        }
    )
    return people, lasting


def _risk(people):
    """Age in standard deviations, and the metabolic index of BMI and diabetes."""
    age = (people["age_years"] - d.AGE_YEARS[0]) / d.AGE_YEARS[1]
    index = people["bmi_kg_m2"] / d.BMI_SPREAD + d.DIABETES_WEIGHT * people["diabetes"]
    return age.to_numpy(), index.to_numpy()


def _susceptibility(weights, age, metabolic, rest):
    return weights[0] * age + weights[1] * metabolic + rest


def _ranked(rank, prevalence):
    """Continuous stage of a rank 0..1 of susceptibility: uniform within its stage."""
    return np.minimum(np.interp(rank, np.r_[0, np.cumsum(prevalence)], np.arange(6)), np.nextafter(5, 0))


def _area(values, ill):
    """ROC area without ties."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values)] = np.arange(1, len(values) + 1)
    m = ill.sum()
    return (ranks[ill].sum() - m * (m + 1) / 2) / (m * (len(values) - m))


def _weights(age, metabolic, rest, prevalence):
    """Weights in susceptibility that give age and the metabolic index their ROC areas for >= F2."""
    cut = sum(prevalence[:2])

    def missed(weights):
        score = _susceptibility(weights, age, metabolic, rest)
        ill = score >= np.quantile(score, cut)
        return _area(age, ill) - d.AGE_AUC, _area(metabolic, ill) - d.METABOLIC_AUC

    return tuple(float(w) for w in optimize.root(missed, (0.3, 0.4), options={"eps": 0.05}).x)


def _known(people, fibrosis, normals):
    """What a marker depends on beside fibrosis, per unit of `Marker.confounders`."""
    start, fall = d.FAT_FALL
    fat = np.exp(people["ln_fat"].to_numpy() - fall * np.maximum(fibrosis - start, 0))
    fat = np.clip(fat, *d.FAT_LIMITS)
    known = {"inflammation": normals["inflammation"], "iron": normals["iron"], "fat_share": fat}
    known |= {"fat": (fat - 0.05) / 0.1, "male": (people["sex"] == "male").to_numpy(float)}
    return known | {name: (people["aetiology"] == name).to_numpy(float) for name in d.AETIOLOGIES}


def _value(marker, fibrosis, known, noise, residual, gain=1.0):
    """A marker's values; the confounders of an image marker weaken as its separation grows."""
    value = (np.log(marker.level) if marker.log else marker.level) + marker.slope * (fibrosis - 0.5)
    value = value + sum(size / gain * known[name] for name, size in marker.confounders.items())
    value = value + np.sign(marker.slope) * noise * residual
    return np.exp(value) if marker.log else value


def _residuals(lasting, visit, rho, share=d.VISIT_SHARE):
    """Normal variables of visits: a lasting part, a part of the visit, and markers' common factor."""
    mixed = {
        name: lasting[name]
        if name in LASTING
        else np.sqrt(1 - share) * lasting[name] + np.sqrt(share) * visit[name]
        for name in lasting
    }
    common = np.sqrt(rho) * mixed["shared"]
    return mixed | {name: common + np.sqrt(1 - rho) * mixed[name] for name in d.MARKERS}


@cache
def solve(assumptions=BASE):
    """Solve w0, w1, the weights of age and metabolism, and every marker's s_j, on a fixed large sample.

    Parameters
    ----------
    assumptions : Assumptions

    Returns
    -------
    Model

    Raises
    ------
    ValueError
        Confounders and slope alone keep a marker below its ROC area, so that no s_j reaches it.
    """
    prevalence = d.PREVALENCE[assumptions.prevalence]
    shares = [one.share for one in d.AETIOLOGIES.values()]
    people, lasting = _people(SUBJECTS, 2024, shares)
    normals = _residuals(lasting, _normals(2024, "visit", SUBJECTS), assumptions.rho)
    age, index = _risk(people)
    metabolic = float(index.mean()), float(index.std())
    index = (index - metabolic[0]) / metabolic[1]
    weights = _weights(age, index, normals["susceptibility"], prevalence)
    score = _susceptibility(weights, age, index, normals["susceptibility"])
    quantiles = np.quantile(score, np.linspace(0, 1, KNOTS))
    fibrosis = _ranked(np.argsort(np.argsort(score)) / SUBJECTS, prevalence)
    known, ill = _known(people, fibrosis, normals), fibrosis >= 2
    noise = {}
    for name, marker in d.MARKERS.items():
        if name not in d.FIB4:
            target, gain = _target(name, assumptions)
            noise[name] = _solve_noise(name, marker, fibrosis, known, normals[name], ill, target, gain)
    factor = _solve_fib4(people, fibrosis, known, normals, ill)
    noise |= {name: factor * d.MARKERS[name].spread for name in d.FIB4}
    spread = _spread(assumptions.auroc, assumptions.prevalence)
    reached = auroc(*spread, prevalence)
    missing = float(np.mean(d.MISSING_WEIGHT[0] - d.MISSING_WEIGHT[1] * fibrosis))
    return Model(assumptions, spread, reached, noise, weights, metabolic, quantiles, missing)


def _target(name, assumptions):
    """ROC area that a marker is to have, and the factor on its separation."""
    target = d.MARKERS[name].target(assumptions.markers)
    gain = assumptions.separation if name in d.IMAGE_MARKERS else 1.0
    return float(special.ndtr(gain * special.ndtri(target))), gain


def _solve_noise(name, marker, fibrosis, known, residual, ill, target, gain):
    sign, scale = np.sign(marker.slope), abs(marker.slope)

    def missed(noise):
        value = _value(marker, fibrosis, known, noise, residual, gain)
        return _area(sign * value, ill) - target

    if missed(0) < 0:
        raise ValueError(
            f"{name}: expected an AUC of {target:.3f}, its confounders leave {missed(0) + target:.3f}"
        )
    return float(optimize.brentq(missed, 0, 40 * scale, xtol=1e-4 * scale))


def _solve_fib4(people, fibrosis, known, normals, ill):
    """Factor on the residuals of AST, ALT and platelets that gives FIB-4 its ROC area."""

    def missed(factor):
        table = {"age_years": people["age_years"].to_numpy()}
        for name in d.FIB4:
            marker = d.MARKERS[name]
            table[name] = _value(marker, fibrosis, known, factor * marker.spread, normals[name])
        return _area(fib4(table), ill) - d.FIB4_AUC

    return float(optimize.brentq(missed, 0, 10, xtol=1e-4))


def _examined(model, people, lasting, visit, first):
    """Records' values and hidden truth of visits; `first` is False where a patient comes again."""
    assumed, prevalence = model.assumptions, d.PREVALENCE[model.assumptions.prevalence]
    normals = _residuals(lasting, visit, assumed.rho)
    age, index = _risk(people)
    index = (index - model.metabolic[0]) / model.metabolic[1]
    score = _susceptibility(model.weights, age, index, lasting["susceptibility"])
    rank = np.interp(score, model.quantiles, np.linspace(0, 1, KNOTS))
    drift = np.where(first, 0, d.FIBROSIS_DRIFT * visit["drift"])
    fibrosis = np.clip(_ranked(rank, prevalence) + drift, 0, np.nextafter(5, 0))
    known, stage = _known(people, fibrosis, normals), stage_of(fibrosis)
    q = assumed.inflammation
    within = np.sqrt(q) * normals["inflammation"] + np.sqrt(1 - q) * normals["rest"]
    true_kpa = np.exp(ln_kpa(fibrosis) + (model.spread[0] + model.spread[1] * stage) * within)
    found = people.drop(columns="ln_fat").assign(
        **{
            name: _value(
                marker, fibrosis, known, model.noise[name], normals[name], _target_gain(name, assumed)
            )
            for name, marker in d.MARKERS.items()
        },
        stiffness_kpa=true_kpa * np.exp(np.log1p(d.LABEL_CV) * visit["label"]),
        fibrosis=fibrosis,
        stage=np.array(d.STAGES)[stage],
        inflammation=normals["inflammation"],
        fat_share=known["fat_share"],
        r2star_per_s=d.IRON_PER_S[0] * np.exp(d.IRON_PER_S[1] * normals["iron"]),
        true_kpa=true_kpa,
    )
    return found


def _target_gain(name, assumed):
    return assumed.separation if name in d.IMAGE_MARKERS else 1.0


def draw_patients(model, n, seed):
    """Draw patients, each examined once, with nothing missing.

    Parameters
    ----------
    model : Model
    n : int
    seed : int

    Returns
    -------
    DataFrame
        n rows: the records' values and the hidden truth of `draw_cohort`, without site, date and scanner.
        The first rows do not depend on n.
    """
    people, lasting = _people(n, seed, [one.share for one in d.AETIOLOGIES.values()])
    return _examined(model, people, lasting, _normals(seed, "visit", n), True)


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


def draw_cohort(kind, exams, patients, seed, model=None):
    """Draw a cohort of examinations: what a hospital has, and what only a simulation knows.

    Every patient is examined once, and `exams - patients` of them a second time, with almost the same
    fibrosis. Values are missing at the rates of `distributions.MISSING`, more often in mild disease.

    Parameters
    ----------
    kind : "internal" (sites A to E), "temporal" (newer scanners, more MASLD) or "external" (site X)
    exams, patients : int
        At most two examinations a patient.
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
        Unknown kind, or numbers that do not fit together.
    """
    if kind not in COHORTS:
        raise ValueError(f"kind: expected one of {', '.join(COHORTS)}, found {kind!r}")
    if not 1 <= patients <= exams <= 2 * patients:
        raise ValueError(
            f"exams: expected {patients} to {2 * patients} for {patients} patients, found {exams}"
        )
    model = model or solve()
    letter, sites = COHORTS[kind]
    seed = [seed, list(COHORTS).index(kind)]
    people, lasting = _people(patients, seed, _shares(kind))
    again = np.sort(_stream(seed, "again").permutation(patients)[: exams - patients])
    rows, first = np.r_[np.arange(patients), again], np.arange(exams) < patients
    gap = np.where(first, 0, _stream(seed, "gap").integers(*d.REVISIT_DAYS, exams))
    lasting = {name: values[rows] for name, values in lasting.items()}
    visit = _normals(seed, "visit", exams)
    table = _examined(model, people.iloc[rows].reset_index(drop=True), lasting, visit, first)
    days = pd.to_datetime(d.PERIODS[kind])
    start = _stream(seed, "date").random(patients)[rows] * (days[1] - days[0]).days
    dates = days[0] + pd.to_timedelta(np.floor(start) + gap, unit="D")
    names = np.array(list(sites))
    place = np.searchsorted(
        np.cumsum([one.share for one in sites.values()])[:-1], _stream(seed, "site").random(patients)
    )[rows]
    table = table.assign(
        exam=[f"{letter}{number:05d}" for number in range(exams)],
        patient=[f"{letter}P{row:05d}" for row in rows],
        site=names[place],
        date=dates.strftime("%Y-%m-%d"),
        age_years=table["age_years"] + gap / 365.25,
        **_scanner(seed, [list(sites.values())[one] for one in place]),
    )
    table = table.assign(t1w=True, t2w=True, dwi=True)
    _lose(table, seed, model)
    return table[RECORDS].copy(), table[TRUTH].copy()


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
    at_3t, opposed = (_stream(seed, name).random(len(sites)) for name in ("field", "opposed"))
    columns = {
        name: [getattr(one, name) for one in sites] for name in ("vendor", "b_s_mm2", "pixel_mm", "slice_mm")
    }
    columns["field_t"] = np.where(at_3t < [one.at_3t for one in sites], 3.0, 1.5)
    return columns | {"opposed": opposed < [one.opposed for one in sites]}


def _lose(table, seed, model):
    """Take values away, in place: `distributions.MISSING` times a relative rate that falls with fibrosis."""
    high, fall = d.MISSING_WEIGHT
    weight = (high - fall * table["fibrosis"]) / model.missing
    for fields, share in d.MISSING.items():
        lost = _stream(seed, f"missing {fields[0]}").random(len(table)) < share * weight
        for name in fields:
            table.loc[lost, name] = False if table[name].dtype == bool else np.nan
