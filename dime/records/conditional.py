"""Compute the best prediction of stiffness that the markers of an examination allow: its conditional mean.

No predictor that sees x correlates better with y than E[y | x]. The model of patients gives it without any
fit. With the markers' noise covariance S (residuals and inflammation), their slopes b, and d = x less what a
patient with these confounders shows at f = 1/2, the evidence on fibrosis f and the mean of inflammation i are

    ln p(x | f) = -1/2 (d - b t)' S^-1 (d - b t),   t = f - 1/2,
    E[i | x, f] = c' S^-1 (d - b t),                c: loadings of inflammation,

and E[y | x] is the mean over f of E[y | f, i]. The prior of f comes from age, BMI, diabetes and PDFF, as far
as they are known.

No result of any network is read here or in what this module imports.
"""

from functools import cache

import numpy as np
from scipy import special

from dime.records import distributions as d
from dime.records import population
from dime.records.assumptions import ln_kpa
from dime.records.cohort import missing_rates

CELLS = 10
"""Cells of fibrosis in a stage: within one, markers change by a small part of their noise."""

FIBROSIS = (np.arange(5 * CELLS) + 0.5) / CELLS
"""Middle of every cell."""

PEERS = 4000
"""Simulated patients whose mean is the prior of fibrosis for a reader of images without records."""

SOURCES = {"records": tuple(d.LABORATORY), "image": tuple(d.IMAGE_MARKERS), "both": tuple(d.MARKERS)}
"""What a predictor sees -> markers. Records also hold age, sex, BMI, diabetes and cause; an image shows fat
and iron too."""


def conditional_mean(model, table, source, markers=None, history=True, missing=False):
    """Mean of ln kPa and of kPa of the label, given what a source shows: the best predictors there are.

    Parameters
    ----------
    model : Model
    table : DataFrame
        n examinations: `cohort.draw_patients`, or both frames of `cohort.draw_cohort` by `joined`.
    source : "stage", "fibrosis" (the continuous stage), "records", "image" or "both"
    markers : tuple of str, optional
        Those of the source that are used; all by default.
    history : bool
        Age, BMI, diabetes and PDFF are evidence of fibrosis, as they are; else they are confounders alone.
    missing : bool
        NaN may stand for a marker. That it is missing is evidence too, since this depends on fibrosis.

    Returns
    -------
    ln_kpa, kpa : (n,) arrays

    Raises
    ------
    ValueError
        Unknown source.
    """
    if source in ("stage", "fibrosis"):
        cell = np.floor(CELLS * table["fibrosis"].to_numpy()[:, None]).astype(int)
        size = CELLS if source == "stage" else 1
        inside = np.arange(len(FIBROSIS)) // size == cell // size
        return _over_fibrosis(model, np.where(inside, 0, -np.inf), np.zeros((1, 1)), 1.0)
    if source not in SOURCES:
        raise ValueError(f"source: expected stage, fibrosis, {', '.join(SOURCES)}, found {source!r}")
    names = SOURCES[source] if markers is None else markers
    found, lost = np.empty((2, len(table))), table[list(names)].isna().to_numpy()
    for pattern in np.unique(lost, axis=0):
        rows = (lost == pattern).all(axis=1)
        seen = [name for name, gone in zip(names, pattern, strict=True) if not gone]
        prior = _prior(model, table[rows], source, history)
        if missing:
            prior = prior + _pattern(model, names, pattern)
        found[:, rows] = _given(model, table[rows], prior, seen)
    return found[0], found[1]


def joined(records, truth):
    """Records and truth of a cohort as one table; ADC is missing without DWI, and T2 without T2w."""
    table = records.join(truth[[name for name in truth if name not in records]])
    table["adc_mm2_s"] = table["adc_mm2_s"].where(table["dwi"])
    table["t2_ms"] = table["t2_ms"].where(table["t2w"])
    return table


def _given(model, table, prior, names):
    """Conditional means of patients who show markers; log prior (n, sex, cell), one sex where it is known."""
    slope, loading, covariance = _law(model, names)
    precise, t = np.linalg.inv(covariance), FIBROSIS - 0.5
    log_weight, inflammation = [], []
    sexes = prior.shape[1]
    for sex in range(sexes):
        gap = _gaps(model, table, names, sex if sexes == 2 else None)
        scaled = gap @ precise
        evidence = np.outer(scaled @ slope, t) - 0.5 * (slope @ precise @ slope) * t**2
        log_weight.append(prior[:, sex] + evidence - 0.5 * (scaled * gap).sum(axis=1, keepdims=True))
        inflammation.append((scaled @ loading)[:, None] - (loading @ precise @ slope) * t)
    left = 1 - loading @ precise @ loading
    return _over_fibrosis(model, np.hstack(log_weight), np.hstack(inflammation), left)


def _over_fibrosis(model, log_weight, inflammation, left):
    """Means of ln kPa and kPa over cells of fibrosis; `left` is the variance of inflammation that remains."""
    copies = log_weight.shape[1] // len(FIBROSIS)
    median = np.tile(ln_kpa(FIBROSIS), copies)
    width = np.tile(model.width(population.stage_of(FIBROSIS)), copies)
    q = model.assumptions.inflammation
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    ln_mean = median + np.sqrt(q) * width * inflammation
    variance = width**2 * (1 - q + q * left) + np.log1p(d.LABEL_CV) ** 2
    return (weight * ln_mean).sum(axis=1), (weight * np.exp(ln_mean + variance / 2)).sum(axis=1)


def _law(model, names):
    """Slopes, loadings of inflammation, and covariance of markers at one stage and known confounders."""
    markers, assumed = [d.MARKERS[name] for name in names], model.assumptions
    slope = np.array([marker.slope for marker in markers])
    loading = np.array([marker.confounders.get("inflammation", 0) for marker in markers])
    loading = loading / np.array([assumed.gain(name) for name in names])
    noise = np.sign(slope) * np.array([model.noise[name] for name in names])
    shared = np.full((len(names),) * 2, assumed.rho) + (1 - assumed.rho) * np.eye(len(names))
    return slope, loading, np.outer(noise, noise) * shared + np.outer(loading, loading)


def _gaps(model, table, names, sex):
    """Markers (n, marker) less their values at f = 1/2; sex 0, 1, or as it is (None)."""
    iron = np.log(table["r2star_per_s"].to_numpy() / d.IRON_PER_S[0]) / d.IRON_PER_S[1]
    known = population.confounders(table, table["fat_share"].to_numpy(), iron)
    known |= {"inflammation": 0.0} | ({} if sex is None else {"male": float(sex)})
    gaps = np.empty((len(table), len(names)))
    for column, name in enumerate(names):
        expected = population.value(name, 0.5, known, 0, 0, model.assumptions.gain(name))
        seen = table[name].to_numpy()
        gaps[:, column] = np.log(seen / expected) if d.MARKERS[name].log else seen - expected
    return gaps


def _prior(model, table, source, history):
    """Log prior (n, sex, cell) of fibrosis, both sexes for a reader of images."""
    prevalence = model.assumptions.prevalence
    if not history:
        flat = np.log(np.repeat(d.PREVALENCE[prevalence], CELLS))
        return np.broadcast_to(flat, (len(table), 1 + (source == "image"), len(flat)))
    if source == "image":
        grid, log_prior = _by_fat(prevalence, model.weights, tuple(model.quantiles))
        place = np.clip(np.interp(_logit(table), grid, np.arange(len(grid))), 0, len(grid) - 1.001)
        low, part = place.astype(int), (place % 1)[:, None, None]
        return (1 - part) * log_prior[low] + part * log_prior[low + 1]
    prior = np.log(_by_risk(prevalence, model.weights, model.quantiles, table))
    return (prior if source == "records" else prior + _by_pdff(table, _logit(table)))[:, None]


def _logit(table):
    fat = table["fat_share"].to_numpy()
    return np.log(fat / (d.FAT_MOST - fat))


def _by_risk(prevalence, weights, quantiles, table):
    """Chance (n, cell) of fibrosis given age, BMI and diabetes."""
    ranks = np.interp(
        np.arange(5 * CELLS + 1) / CELLS, range(6), np.r_[0, np.cumsum(d.PREVALENCE[prevalence])]
    )
    edges = np.interp(ranks, np.linspace(0, 1, len(quantiles)), quantiles)
    edges[[0, -1]] = -np.inf, np.inf
    age, index = population.risk(table)
    chance = np.diff(special.ndtr(edges - (weights[0] * age + weights[1] * index)[:, None]), axis=1)
    return np.maximum(chance, 1e-300)


def _by_pdff(table, logit):
    """Log likelihood (n, cell) of PDFF's logit given cause, BMI and fibrosis."""
    bmi = np.log(table["bmi_kg_m2"].to_numpy() / population.trait(table, "bmi_kg_m2")) / d.BMI_SPREAD
    mean, spread = population.fat_logit(table, bmi), population.trait(table, "fat_spread")[:, None]
    gap = (np.reshape(logit, (-1, 1)) - mean[:, None] + population.fat_fall(FIBROSIS)) / spread
    return -0.5 * gap**2 - np.log(spread)


@cache
def _by_fat(prevalence, weights, quantiles):
    """Log chance (logit, sex, cell) of fibrosis and sex given PDFF alone: the mean over many patients."""
    table, _ = population.people(PEERS, 7, [one.share for one in d.AETIOLOGIES.values()])
    prior, male = _by_risk(prevalence, weights, np.array(quantiles), table), table["sex"] == "male"
    grid = np.linspace(-6, 2, 81)
    chance = np.empty((len(grid), 2, prior.shape[1]))
    for place, logit in enumerate(grid):
        joint = prior * np.exp(_by_pdff(table, logit))
        chance[place] = [joint[male == one].sum(axis=0) for one in (False, True)]
    return grid, np.log(np.maximum(chance, 1e-300))


def _pattern(model, names, lost):
    """Log likelihood (1, 1, cell) of which markers are missing."""
    found, shown = np.zeros(len(FIBROSIS)), {"dwi": "adc_mm2_s", "t2w": "t2_ms"}
    for fields, rate in zip(d.MISSING, missing_rates(model, FIBROSIS), strict=True):
        first = shown.get(fields[0], fields[0])
        if first in names:
            found = found + np.log(rate if lost[names.index(first)] else 1 - rate)
    return found[None, None]
