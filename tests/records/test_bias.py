"""The audit of bias on predictors whose bias is known."""

import numpy as np
import pandas as pd
import pytest

from dime.metrics.statistics import side
from dime.records import bias


def people(n, rng):
    """Traits of n patients, one examination each; 15 % have BMI > 35, and fat is independent of the rest."""
    return pd.DataFrame(
        {
            "patient": np.arange(n),
            "cohort": "internal",
            "age_years": np.clip(48 + 18 * rng.normal(size=n), 18, 90),
            "sex": rng.choice(["female", "male"], n),
            "bmi_kg_m2": 28.8 + 6 * rng.normal(size=n),
            "fat_share": rng.gamma(1.5, 0.05, n),
        }
    )


def calibrated(n, seed, apart=0.0, error=0.2):
    """A predictor that is calibrated in each sex, and men whose stiffness is higher by a factor e^apart."""
    rng = np.random.default_rng(seed)
    exams = people(n, rng)
    m = np.log(3) + 0.2 * rng.normal(size=n) + apart * (exams["sex"] == "male").to_numpy()
    return exams.assign(stiffness_kpa=np.exp(m + error * rng.normal(size=n))), np.exp(m)


def verdicts(exams, kpa):
    return {row["question"]: row["verdict"] for row in bias.audit(exams, kpa)}


def row_of(question, exams, kpa):
    return next(row for row in bias.audit(exams, kpa) if row["question"] == question)


def test_a_stiffer_group_is_no_bias_though_errors_given_the_truth_say_so():
    """Men are 35 % stiffer and the predictor is calibrated. Its errors given the measured stiffness differ by
    more than the margin (regression to the mean); given the prediction they do not."""
    exams, kpa = calibrated(4000, 0, apart=0.3)
    row = row_of("men", exams, kpa)
    assert row["verdict"] == "equivalent" and abs(row["mean"]) < 3
    assert bias.at_equal_truth(exams, kpa)["men"]["low"] > 5


def test_a_calibration_that_is_wrong_for_all_is_no_bias_of_a_group():
    """Predictions are spread too far by a factor of two. Stiff groups are over-read, all for the same reason:
    the plain difference exceeds the margin, the difference given the prediction does not."""
    exams, kpa = calibrated(4000, 1, apart=0.2)
    row = row_of("men", exams, 3 * (kpa / 3) ** 2)
    assert row["plain"] > 15 and row["verdict"] == "equivalent"


def test_a_predictor_that_cannot_see_a_group_is_not_calibrated_in_it():
    """The same marker means a stiffer liver in men, which the predictor does not know: it reads men too
    low."""
    rng = np.random.default_rng(2)
    exams = people(4000, rng)
    truth = 1.1 + 0.2 * rng.normal(size=4000) + 0.2 * (exams["sex"] == "male").to_numpy()
    marker = truth + 0.2 * rng.normal(size=4000)
    exams = exams.assign(stiffness_kpa=np.exp(truth))
    row = row_of("men", exams, np.exp(np.polyval(np.polyfit(marker, truth, 1), marker)))
    assert row["verdict"] == "biased" and row["high"] < -5


def test_a_planted_bias_is_found_and_none_is_where_none_was_planted():
    """+8 % at BMI > 35, 15 % of 1224 patients, errors of .2: found in 90 % of 50 seeds or more. Without it at
    most 7 % of the cohorts have any alarm."""
    exams, kpa = calibrated(3000, 3)
    found = bias.verdicts(exams, kpa, 1224, 0.08, 50)
    assert (found["BMI > 35"] == "biased").mean() >= 0.9
    alarms = (bias.verdicts(exams, kpa, 1224, 0.0, 50) == "biased").any(axis=1)
    assert alarms.mean() <= 0.07


def test_a_small_cohort_leaves_the_question_open():
    """The same bias among 150 patients is neither found nor excluded in most cohorts; among 30 there are
    too few heavy patients for a test, and no value is NaN."""
    exams, kpa = calibrated(3000, 3)
    found = bias.verdicts(exams, kpa, 150, 0.08, 20)["BMI > 35"]
    assert (found == "undecided").mean() > 0.5
    row = row_of("BMI > 35", exams[:30], kpa[:30])
    assert row["verdict"] == "undecided" and row["mean"] is row["p_holm"] is None
    values = [value for one in bias.audit(exams[:30], kpa[:30]) for value in one.values()]
    assert not any(isinstance(value, float) and np.isnan(value) for value in values)


def test_a_bias_that_grows_with_age_shows_as_a_slope():
    """Readings rise by 3 % per 10 years: the slope is told per 10 years, and age is biased, sex is not."""
    exams, kpa = calibrated(3000, 4)
    kpa = kpa * 1.03 ** ((exams["age_years"] - 48) / 10)
    row = row_of("slope on age", exams, kpa)
    assert row["step"] == pytest.approx(3, abs=0.6) and row["verdict"] == "biased"
    assert row["mean"] == pytest.approx(100 * (1.03 ** (2 * exams["age_years"].std() / 10) - 1), abs=2)
    assert verdicts(exams, kpa)["men"] == "equivalent"


def test_the_standard_error_is_the_scatter_of_the_estimate_with_errors_that_grow():
    """200 cohorts of 300 patients with two examinations that share most of their error, and errors that grow
    with the prediction: the sandwich over patients is the true scatter; as if independent it would be too
    small."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(200):
        m = np.repeat(0.3 * rng.normal(size=300), 2)
        g = np.repeat(rng.random(300) < 0.3, 2).astype(float)
        shared = np.repeat(rng.normal(size=300), 2) + 0.3 * rng.normal(size=600)
        error, patients, cohort = 0.2 * np.exp(m) * shared, np.repeat(np.arange(300), 2), np.zeros(600)
        naive = bias.bias(error, m, g, np.arange(600), cohort)[1]
        found.append([*bias.bias(error, m, g, patients, cohort), naive])
    estimate, clustered, alone = np.array(found).T
    assert abs(estimate.mean()) < 0.005
    assert clustered.mean() == pytest.approx(estimate.std(), rel=0.12)
    assert alone.mean() < 0.8 * estimate.std()


def test_cohorts_have_constants_of_their_own():
    """The second cohort is read 20 % too high, and has more men: the site's error is no bias of sex."""
    exams, kpa = calibrated(3000, 6)
    rng = np.random.default_rng(6)
    second = rng.random(3000) < 0.5
    men = rng.random(3000) < np.where(second, 0.8, 0.2)
    exams = exams.assign(cohort=np.where(second, "b", "a"), sex=np.where(men, "male", "female"))
    row = row_of("men", exams, kpa * np.where(second, 1.2, 1))
    assert row["verdict"] == "equivalent" and row["plain"] > 8


def test_patients_without_a_trait_or_a_prediction_are_left_out():
    """100 patients have no BMI and 50 others no prediction."""
    exams, kpa = calibrated(600, 7)
    exams.loc[:99, "bmi_kg_m2"] = np.nan
    kpa[100:150] = np.nan
    sizes = {row["question"]: row["exams"] for row in bias.audit(exams, kpa)}
    assert sizes["men"] == 550 and sizes["BMI > 35"] == sizes["slope on BMI"] == 450


def test_what_is_planted():
    """Readings at BMI > 35, and only there, are higher by 8 %; the errors keep their size, and the
    predictor is calibrated in men, although the one they stem from reads men too high."""
    exams, kpa = calibrated(2000, 8)
    kpa = kpa * np.where(exams["sex"] == "male", 1.1, 1)
    plain, planted = bias.planted(exams, kpa, 5000, 0.0, 1), bias.planted(exams, kpa, 5000, 0.08, 1)
    heavy = (plain[0]["bmi_kg_m2"] > 35).to_numpy()
    assert planted[1] / plain[1] == pytest.approx(np.where(heavy, 1.08, 1))
    assert heavy.mean() == pytest.approx((exams["bmi_kg_m2"] > 35).mean(), abs=0.02)
    error = np.log(plain[1] / plain[0]["stiffness_kpa"])
    assert error.std() == pytest.approx(np.log(kpa / exams["stiffness_kpa"]).std(), rel=0.05)
    assert verdicts(exams, kpa)["men"] == "biased" and verdicts(*plain)["men"] == "equivalent"


def test_a_share_has_the_interval_of_clopper_and_pearson():
    """None of 50: the upper limit is 1 - .025^(1/50) = .0711. All of 50: the mirror image."""
    none, every = bias.share(np.zeros(50)), bias.share(np.ones(50))
    assert none["low"] == 0 and none["high"] == pytest.approx(1 - 0.025 ** (1 / 50))
    assert every["low"] == pytest.approx(0.025 ** (1 / 50)) and side(every, 0.9) == 1
    assert bias.share([])["mean"] is None
