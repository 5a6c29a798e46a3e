"""Baselines on laws that are known: indices by hand, a power law, a line, a step."""

import numpy as np
import pandas as pd
import pytest

from dime.records import baselines
from dime.records.distributions import IMAGE_MARKERS


def test_fib4_and_apri_by_hand():
    """Age 50, AST 80, ALT 64, platelets 100: FIB-4 50 x 80 / (100 x 8) = 5, APRI 100 (80 / 40) / 100 = 2."""
    records = pd.DataFrame({"age_years": [50.0, 50], "ast_u_l": [80, np.nan], "alt_u_l": [64.0, 64]})
    records["platelets_1e9_l"] = 100.0
    found = {name: index(records).to_numpy() for name, index in baselines.INDICES.items()}
    assert found["fib4"][0] == pytest.approx(5) and found["apri"][0] == pytest.approx(2)
    assert np.isnan(found["fib4"][1]) and np.isnan(found["apri"][1])


def test_an_index_gives_its_power_law_and_the_mean_where_it_is_missing():
    """kPa = 3 index^0.4, so ln kPa at an index of e is ln 3 + 0.4."""
    index = np.geomspace(0.2, 9, 40)
    ln_kpa = np.log(3 * index**0.4)
    index[:4] = np.nan
    predict = baselines.fit_index(pd.Series(index), ln_kpa)
    assert predict(pd.Series([np.e])) == pytest.approx(np.log(3) + 0.4)
    assert predict(np.array([np.nan])) == pytest.approx(ln_kpa.mean())
    assert baselines.fit_index(np.full(40, np.nan), ln_kpa)([1.0]) == pytest.approx(ln_kpa.mean())


def table(n=600, seed=0):
    """Four fields, of which the first is a line and the absence of the second adds 0.5."""
    rng = np.random.default_rng(seed)
    fields = rng.normal(size=(n, 4))
    fields[rng.random(n) < 0.2, 1] = np.nan
    ln_kpa = 1 + 0.3 * fields[:, 0] + 0.5 * np.isnan(fields[:, 1]) + 0.05 * rng.normal(size=n)
    return fields, ln_kpa


def test_ridge_finds_the_line_and_what_a_missing_value_means():
    predict = baselines.fit_ridge(*table())
    found = predict(np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, np.nan, 0, 0], [0, 0, np.nan, 0]]))
    assert found == pytest.approx([1, 1.3, 1.5, 1], abs=0.03)


def test_ridge_copes_with_a_field_that_the_training_lacks():
    fields, ln_kpa = table()
    fields[:, 3] = np.nan
    assert np.isfinite(baselines.fit_ridge(fields, ln_kpa)(table(20, 1)[0])).all()


def test_boosting_finds_a_step_and_what_a_missing_value_means_and_always_the_same(monkeypatch):
    """ln kPa is 1 below 0, 2 above and 3 where the field is missing; no line can say so."""
    monkeypatch.setattr(baselines, "ROUNDS", 200)  # 0.95^200 of the step is left
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 1))
    x[:100] = np.nan
    ln_kpa = np.where(np.isnan(x[:, 0]), 3, np.where(x[:, 0] > 0, 2, 1)) + 0.05 * rng.normal(size=500)
    asked = np.array([[-1], [1], [np.nan]])
    found = baselines.fit_boosting(x, ln_kpa)(asked)
    assert found == pytest.approx([1, 2, 3], abs=0.05)
    assert (found == baselines.fit_boosting(x, ln_kpa)(asked)).all()


def test_boosting_of_permuted_labels_finds_next_to_nothing(monkeypatch):
    """Inner folds then choose few and small trees: predictions span little of the labels' spread of 0.35."""
    monkeypatch.setattr(baselines, "ROUNDS", 100)  # of which few are chosen
    fields, ln_kpa = table()
    shuffled = np.random.default_rng(1).permutation(ln_kpa)
    assert baselines.fit_boosting(fields, shuffled)(table(300, 2)[0]).std() < 0.25 * ln_kpa.std()


@pytest.mark.parametrize("fit", [baselines.fit_ridge, baselines.fit_boosting])
def test_predictions_out_of_fold_never_saw_their_own_label(fit, monkeypatch):
    """A label that is moved by 100 moves the predictions of other folds, and not of its own."""
    monkeypatch.setattr(baselines, "ROUNDS", 30)  # as many trees tell whether a label was seen
    fields, ln_kpa = table(120)
    fold = np.arange(120) % 3
    before = baselines.out_of_fold(fit, fields, ln_kpa, fold)
    ln_kpa[7] += 100
    after = baselines.out_of_fold(fit, fields, ln_kpa, fold)
    assert (before[fold == 1] == after[fold == 1]).all() and (before[fold != 1] != after[fold != 1]).any()


def test_the_mean_out_of_fold_is_that_of_the_others():
    ln_kpa, fold = np.array([1.0, 3, 5, 7]), np.array([0, 0, 1, 1])
    assert baselines.out_of_fold(baselines.fit_mean, np.zeros((4, 2)), ln_kpa, fold).tolist() == [6, 6, 2, 2]


def test_the_oracle_sees_the_fields_and_the_true_markers():
    truth = pd.DataFrame(
        {name: [1.0, 2] for name in (*IMAGE_MARKERS, "fat_share", "r2star_per_s", "fibrosis")}
    )
    seen = baselines.with_markers(np.zeros((2, 14)), truth)
    assert seen.shape == (2, 14 + len(IMAGE_MARKERS) + 2) and (seen[1, 14:] == 2).all()
