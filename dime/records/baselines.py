"""What the networks are compared with: an index of a blood sample, ridge regression, boosted trees.

Each `fit_...` learns ln kPa (n,) from values of n training examinations and returns a function of the same
values of others that gives their ln kPa.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dime.records.distributions import IMAGE_MARKERS
from dime.records.population import fib4

AST_LIMIT_U_L = 40.0
"""Upper limit of normal AST [U/L] in APRI. Assumption: the usual one; it scales all examinations alike."""

ALPHAS = np.logspace(-2, 4, 13)
"""Penalties of ridge regression, of standardised fields, that leave-one-out error chooses from."""

LEAVES, ROUNDS, RATE = (4, 8, 16), 400, 0.05
"""Leaves of a tree that inner folds choose from, most trees, and the step of each.

Assumption: with a step this small the number of trees, which inner folds choose too, matters little."""

INNER = 4
"""Inner folds of `fit_boosting`.

Assumption: they are drawn over examinations, since few patients have two, and choose two numbers alone."""


def apri(records):
    """APRI = 100 (AST / 40 U/L) / platelets [1e9/L]; NaN where one is missing.

    Source: Wai et al. 2003, Hepatology 38:518 (the formula compared with PMC3286137, table 1).
    """
    return 100 * records["ast_u_l"] / AST_LIMIT_U_L / records["platelets_1e9_l"]


INDICES = {"fib4": fib4, "apri": apri}
"""Name -> index (n,) of the records (n rows)."""


def fit_mean(values, ln_kpa):
    """Predict the training's mean ln kPa whatever the values (n, ...)."""
    mean = np.mean(ln_kpa)
    return lambda others: np.full(len(others), mean)


def fit_index(index, ln_kpa):
    """Regress ln kPa on the logarithm of a positive index (n,); NaN gives the training's mean."""
    x, mean = np.log(np.asarray(index, float)), np.mean(ln_kpa)
    known = np.isfinite(x)
    several = len(np.unique(x[known])) > 1
    slope, level = np.polyfit(x[known], ln_kpa[known], 1) if several else (0.0, mean)

    def predict(others):
        found = level + slope * np.log(np.asarray(others, float))
        return np.where(np.isfinite(found), found, mean)

    return predict


def fit_ridge(fields, ln_kpa):
    """Ridge regression on standardised fields (n, field), NaN = missing.

    A missing value is replaced by the training's median, and an indicator of it is a further field. The
    penalty is that of `ALPHAS` with the least leave-one-out error.
    """
    filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return make_pipeline(filled, StandardScaler(), RidgeCV(ALPHAS)).fit(fields, ln_kpa).predict


def fit_boosting(fields, ln_kpa):
    """Gradient boosting of trees on fields (n, field), NaN = missing, which a tree sends either way.

    Inner folds choose the leaves of a tree and the number of trees by squared error. Fields are not
    standardised, because a tree asks for order alone.

    Source: scikit-learn's HistGradientBoostingRegressor, after Ke et al. 2017 (NeurIPS; recalled).
    """
    inner = list(KFold(INNER, shuffle=True, random_state=0).split(fields))

    def error(leaves):
        curves = []
        for learnt, tested in inner:
            stages = _trees(leaves, ROUNDS).fit(fields[learnt], ln_kpa[learnt]).staged_predict(fields[tested])
            curves.append([np.mean((stage - ln_kpa[tested]) ** 2) for stage in stages])
        return np.mean(curves, axis=0)

    errors = np.array([error(leaves) for leaves in LEAVES])
    best, rounds = np.unravel_index(errors.argmin(), errors.shape)
    return _trees(LEAVES[best], int(rounds) + 1).fit(fields, ln_kpa).predict


def _trees(leaves, rounds):
    return HistGradientBoostingRegressor(
        learning_rate=RATE, max_iter=rounds, max_leaf_nodes=leaves, l2_regularization=1.0,
        early_stopping=False, random_state=0,
    )  # fmt: skip


def with_markers(fields, truth):
    """Fields (n, field) with the true markers of the images: what boosting as the oracle sees.

    `distributions.IMAGE_MARKERS`, and fat and iron, which confound them and show in images too.

    Returns
    -------
    (n, field + 8) array
    """
    markers = truth[[*IMAGE_MARKERS, "fat_share", "r2star_per_s"]].to_numpy(float)
    return np.hstack([fields, markers])


def out_of_fold(fit, values, ln_kpa, fold):
    """Predict each examination by the model that the other folds' examinations taught.

    Parameters
    ----------
    fit : callable
        One of the `fit_...`.
    values : (n, ...) array
    ln_kpa : (n,) array
    fold : (n,) int array

    Returns
    -------
    (n,) array
        ln kPa.
    """
    found = np.empty(len(ln_kpa))
    for number in np.unique(fold):
        tested = fold == number
        found[tested] = fit(values[~tested], ln_kpa[~tested])(values[tested])
    return found
