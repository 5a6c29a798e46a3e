"""Solve what the ceiling rests on: how far stiffness and every marker scatter about fibrosis.

Fibrosis f in [0, 5) is hidden; its integer part is the histological stage. Stiffness follows from it,

    ln kPa = g(f) + w(stage) e,   w(stage) = w0 + w1 stage,   e = sqrt(q) i + sqrt(1 - q) u,

with inflammation i and a rest u. w0 and w1 are fitted to the ROC areas of MR elastography. Marker j (its
logarithm where it is skewed) is

    x_j = a_j + b_j (f - 1/2) + confounders + s_j sign(b_j) e_j,   e_j = sqrt(rho) c + sqrt(1 - rho) u_j,

where fat, iron, inflammation, sex and cause are confounders and all markers share c. s_j is solved so that
the marker's own ROC area for >= F2 equals the one of its source. A marker therefore knows about stiffness
what it knows about the stage and about inflammation, and no more.

No result of any network is read here or in what this module imports.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special

from dime.records import distributions as d
from dime.records.population import fib4, known, people, ranked, risk, stage_of, value

SUBJECTS = 100_000
"""Size of the fixed sample that markers are solved on: areas vary by .0015 between such samples."""

SEED = 2024
"""Of that sample."""

KNOTS = 2001
"""Quantiles of susceptibility that are kept to turn it into a stage."""


@dataclass(frozen=True)
class Assumptions:
    """What the ceiling rests on.

    auroc : of true stiffness, for >= F2, >= F3 and F4; or for >= F2 alone, with the base's shape of w
    inflammation : share q of inflammation in e's variance
    rho : correlation of any two markers' residuals
    prevalence : key of `distributions.PREVALENCE`
    markers : "base", "optimistic" or "pessimistic"
    separation : factor on Phi^-1(AUC) of every image marker; their confounders are divided by it
    """

    auroc: tuple = d.AUROC
    inflammation: float = d.INFLAMMATION_SHARE
    rho: float = d.SHARED
    prevalence: str = "meta"
    markers: str = "base"
    separation: float = 1.0

    def target(self, name):
        """ROC area for >= F2 that a marker is to have."""
        area = d.MARKERS[name].target(self.markers)
        return float(special.ndtr(self.gain(name) * special.ndtri(area)))

    def gain(self, name):
        return self.separation if name in d.IMAGE_MARKERS else 1.0


BASE = Assumptions()
"""The base case: the published areas, a quarter of inflammation, rho = .2. It was fixed before any network
was trained."""


@dataclass(frozen=True, eq=False)
class Model:
    """Solved numbers.

    spread : (w0, w1); auroc : areas that true stiffness reaches for >= F2, >= F3 and F4
    noise : marker -> s_j
    weights : of age and of the metabolic index in susceptibility, beside a normal variable of weight 1
    quantiles : (KNOTS,) of susceptibility
    """

    assumptions: Assumptions
    spread: tuple
    auroc: tuple
    noise: dict
    weights: tuple
    quantiles: np.ndarray

    def width(self, stage):
        """w of a stage 0 to 4."""
        return self.spread[0] + self.spread[1] * np.asarray(stage)


def ln_kpa(fibrosis):
    """Median ln stiffness [ln kPa] of a continuous stage: linear between the middles of the stages."""
    values = np.log(d.STAGE_KPA)
    first, last = np.diff(values)[[0, -1]] / 2
    return np.interp(fibrosis, [0, *np.arange(5) + 0.5, 5], [values[0] - first, *values, values[-1] + last])


def auroc(w0, w1, prevalence, noise=0.0, nodes=60):
    """ROC areas of stiffness for >= F2, >= F3 and F4, by quadrature over fibrosis.

    A = sum_d sum_h p_d p_h Phi((g_d - g_h) / sqrt(w_d^2 + w_h^2 + 2 noise^2)), diseased d, healthy h.

    Parameters
    ----------
    w0, w1 : float
    prevalence : (5,) shares of the stages
    noise : float
        Standard deviation of an error of ln kPa; 0 for true stiffness.
    nodes : int
        A stage.

    Returns
    -------
    tuple of three floats
    """
    f = (np.arange(5 * nodes) + 0.5) / nodes
    p, w, g = np.repeat(prevalence, nodes), np.hypot(w0 + w1 * stage_of(f), noise), ln_kpa(f)
    order = special.ndtr((g[:, None] - g) / np.hypot(w[:, None], w))
    cuts = [limit * nodes for limit in (2, 3, 4)]
    return tuple(float(p[c:] @ order[c:, :c] @ p[:c] / p[c:].sum() / p[:c].sum()) for c in cuts)


@cache
def spread(target, prevalence):
    """Fit (w0, w1): nearest to three areas in least squares; for one area, the published shape, scaled."""
    shares = d.PREVALENCE[prevalence]
    if len(target) == 1:
        shape = np.array(spread(d.AUROC, prevalence))
        scale = optimize.brentq(lambda k: auroc(*(k * shape), shares)[0] - target[0], 0.05, 5)
        return tuple(float(w) for w in scale * shape)
    found = optimize.least_squares(
        lambda w: np.subtract(auroc(*w, shares), target), (0.16, 0.03), bounds=((0.01, 0), (1, 0.5))
    )
    return tuple(float(w) for w in found.x)


class _Sample(NamedTuple):
    """The fixed sample of a prevalence: what no assumption on markers changes."""

    table: pd.DataFrame
    variables: dict
    weights: tuple
    quantiles: np.ndarray
    fibrosis: np.ndarray
    known: dict
    ill: np.ndarray


@cache
def _sample(prevalence):
    table, variables = people(SUBJECTS, SEED, [one.share for one in d.AETIOLOGIES.values()])
    shares, (age, index), own = d.PREVALENCE[prevalence], risk(table), variables["susceptibility"]

    def missed(weights):
        score = weights[0] * age + weights[1] * index + own
        ill = score >= np.quantile(score, sum(shares[:2]))
        return _area(age, ill) - d.AGE_AUC, _area(index, ill) - d.METABOLIC_AUC

    weights = tuple(float(w) for w in optimize.root(missed, (0.3, 0.3), options={"eps": 0.02}).x)
    score = weights[0] * age + weights[1] * index + own
    fibrosis = ranked((np.argsort(np.argsort(score)) + 0.5) / SUBJECTS, shares)
    quantiles = np.quantile(score, np.linspace(0, 1, KNOTS))
    facts = known(table, fibrosis, variables)
    return _Sample(table, variables, weights, quantiles, fibrosis, facts, fibrosis >= 2)


def _area(values, ill):
    """ROC area of values without ties: the rank sum of the diseased."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values)] = np.arange(1, len(values) + 1)
    m = ill.sum()
    return (ranks[ill].sum() - m * (m + 1) / 2) / (m * (len(values) - m))


@cache
def _noise(name, prevalence, target, gain):
    """s_j of one marker."""
    sample, slope = _sample(prevalence), d.MARKERS[name].slope

    def missed(noise):
        residual = sample.variables[name]
        found = value(name, sample.fibrosis, sample.known, noise, residual, gain)
        return _area(np.sign(slope) * found, sample.ill) - target

    if (most := missed(0)) < 0:
        raise ValueError(
            f"{name}: expected an AUC of {target:.3f}, its confounders allow {most + target:.3f}"
        )
    return float(optimize.brentq(missed, 0, 40 * abs(slope), xtol=1e-3 * abs(slope)))


@cache
def _fib4_factor(prevalence, rho):
    """Factor on the residuals of AST, ALT and platelets that gives FIB-4 its ROC area."""
    sample = _sample(prevalence)
    mixed = {
        name: np.sqrt(rho) * sample.variables["shared"] + np.sqrt(1 - rho) * sample.variables[name]
        for name in d.FIB4
    }

    def missed(factor):
        table = {"age_years": sample.table["age_years"].to_numpy()}
        for name in d.FIB4:
            noise = factor * d.MARKERS[name].spread
            table[name] = value(name, sample.fibrosis, sample.known, noise, mixed[name])
        return _area(fib4(table), sample.ill) - d.FIB4_AUROC[0]

    return float(optimize.brentq(missed, 0, 10, xtol=1e-3))


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
        Confounders alone keep a marker below its ROC area, so that no s_j reaches it.
    """
    prevalence = assumptions.prevalence
    factor = _fib4_factor(prevalence, assumptions.rho)
    noise = {
        name: factor * marker.spread
        if name in d.FIB4
        else _noise(name, prevalence, assumptions.target(name), assumptions.gain(name))
        for name, marker in d.MARKERS.items()
    }
    found, sample = spread(assumptions.auroc, prevalence), _sample(prevalence)
    reached = auroc(*found, d.PREVALENCE[prevalence])
    return Model(assumptions, found, reached, noise, sample.weights, sample.quantiles)
