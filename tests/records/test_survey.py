"""Cross-validation on made-up people, and figures of merit of predictions whose errors are known."""

import numpy as np
import pandas as pd
import pytest

from dime.metrics.statistics import side
from dime.records import baselines, nhanes, survey
from dime.records.tabular import Schedule


def people(n=300, seed=0):
    """People whose ln kPa is 1.5 + 0.02 (BMI - 28) and noise; some have no BMI."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.uniform(10, 60, n) for name in nhanes.FIELDS})
    table.index = pd.Index(93700 + rng.permutation(n), name="person")
    for name in ("male", "hepatitis_b", "hepatitis_c"):
        table[name] = rng.integers(0, 2, n).astype(float)
    bmi = rng.normal(28, 6, n).clip(16)
    table["stiffness_kpa"] = np.exp(1.5 + 0.04 * (bmi - 28) + rng.laplace(0, 0.1, n))
    table["bmi_kg_m2"] = np.where(rng.random(n) < 0.05, np.nan, bmi)
    return table.assign(cap_db_m=rng.uniform(150, 400, n), survey_weight=rng.uniform(1e4, 1e5, n))


def predicted(table, error=0.0):
    """Predictions that are wrong by `error`, with intervals of 0.3 on either side."""
    ln_kpa = np.log(table["stiffness_kpa"].to_numpy()) + error
    return pd.DataFrame({**dict.fromkeys(survey.MODELS, ln_kpa), "half": 0.3}, table.index)


def test_everyone_is_predicted_once_by_models_of_the_other_folds(monkeypatch):
    """A transformer that is trained here on one fold's people says the same of the other fold's people."""
    monkeypatch.setattr(baselines, "ROUNDS", 100)
    table = people()
    schedule = Schedule(width=8, layers=1, heads=1, dropout=0.0, epochs=2, batch=32, learning_rate=1e-2)
    found = survey.cross_validate(table, 2, schedule, 1, 0, 1)
    assert (
        found.index.equals(table.index) and np.isfinite(found.to_numpy()).all() and (found["half"] > 0).all()
    )
    r = found.corrwith(np.log(table["stiffness_kpa"]))
    assert r["ridge"] > 0.7 and r["boosting"] > 0.7 and found["mean"].nunique() == 2
    ln_kpa, tested = (
        np.log(table["stiffness_kpa"].to_numpy()),
        (found["mean"] == found["mean"].iloc[0]).to_numpy(),
    )
    values = nhanes.fields(table)
    location, half = survey.fit_transformer(values[~tested], ln_kpa[~tested], schedule, 1)(values[tested])
    assert location == pytest.approx(found["transformer"][tested], rel=1e-5)
    assert half == pytest.approx(found["half"][tested], rel=1e-5)


def test_figures_of_predictions_that_are_right_and_of_one_that_is_a_constant():
    table = people()
    cohort, w = survey.cohort(table, predicted(table)), survey.weights(table, 200, 0)
    found = survey.merits(cohort, "transformer", w)
    assert found["r_ln"]["mean"] == pytest.approx(1) and found["mae_kpa"]["mean"] == pytest.approx(0)
    assert found["auc_8_2"]["mean"] == 1 and found["coverage"]["mean"] == 1
    assert survey.merits(cohort, "boosting", w)["coverage"]["mean"] is None
    assert survey.merits(cohort, "mean", w)["r_ln"]["mean"] is None
    assert survey.weighted_r(table, predicted(table)["ridge"]) == pytest.approx(1)


def test_coverage_is_the_share_of_people_inside_their_interval():
    """Errors of 0.2 for three quarters of the people and of 0.4 for the others, with intervals of 0.3."""
    table = people()
    error = np.where(np.arange(300) % 4, 0.2, 0.4)
    cohort = survey.cohort(table, predicted(table, error))
    assert survey.merits(cohort, "transformer", survey.weights(table, 50, 0))["coverage"]["mean"] == 0.75


def test_weighted_r_counts_a_person_as_often_as_the_weight_says():
    """With whole weights it equals r of a table that repeats each person."""
    table = people(60).assign(survey_weight=np.arange(60) % 5 + 1.0)
    ln_kpa = np.random.default_rng(0).normal(size=60)
    rows = np.repeat(np.arange(60), np.arange(60) % 5 + 1)
    expected = np.corrcoef(ln_kpa[rows], np.log(table["stiffness_kpa"].to_numpy()[rows]))[0, 1]
    assert survey.weighted_r(table, ln_kpa) == pytest.approx(expected)


def test_a_planted_error_shows_in_its_group_alone():
    """People with steatosis are read 0.1 too low, all others right but for noise of 0.1."""
    table = people(3000)
    noise = np.random.default_rng(1).normal(0, 0.1, 3000)
    error = noise - 0.1 * (table["cap_db_m"] >= nhanes.STEATOSIS_CAP_DB_M)
    ln_kpa, w = predicted(table, error)["boosting"], survey.weights(table, 200, 0)
    found = survey.residuals(table, ln_kpa, w)
    assert found["steatosis"]["mean"] == pytest.approx(-0.1, abs=0.02) and side(found["steatosis"]) == -1
    assert found["no steatosis"]["mean"] == pytest.approx(0, abs=0.02)
    sizes = [found[name]["n"] for name in ("BMI below 25", "BMI 25 to 30", "BMI 30 and more")]
    assert sum(sizes) == table["bmi_kg_m2"].notna().sum() and found["all"]["n"] == 3000
    equal = survey.at_equal_prediction(table, ln_kpa)
    assert equal["steatosis"]["mean"] == pytest.approx(-0.1, abs=0.02)
    assert abs(equal["men"]["mean"]) < 0.02


def test_without_people_every_figure_is_none():
    table = people().iloc[:0]
    found = survey.cross_validate(table, 10, Schedule(), 3, 0, 1)
    cohort, w = survey.cohort(table, found), survey.weights(table, 100, 0)
    for model in survey.MODELS:
        assert {entry["mean"] for entry in survey.merits(cohort, model, w).values()} == {None}
    assert survey.weighted_r(table, found["ridge"]) is None
    assert all(
        row["mean"] is None and row["n"] == 0 for row in survey.residuals(table, found["ridge"], w).values()
    )
    assert survey.at_equal_prediction(table, found["ridge"])["men"]["low"] is None
