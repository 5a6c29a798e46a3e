"""Figures of merit and their bootstrap over patients, on small cohorts whose answers are known."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dime.metrics.diagnosis import separation
from dime.metrics.statistics import side
from dime.records import readings, validation


def made(predicted, measured, patients=None, true=None, low=np.nan, high=np.nan):
    """A cohort with one model, "net"."""
    n = len(measured)
    patients = np.arange(n) if patients is None else patients
    exams = pd.DataFrame({"patient": patients, "stiffness_kpa": measured})
    exams = exams.assign(true_kpa=measured if true is None else true)
    frames = [pd.DataFrame({"net": np.broadcast_to(a, n).astype(float)}) for a in (predicted, low, high)]
    return readings.Cohort(exams, *frames)


def calibrated(n, rng, spread=0.25, error=0.2):
    """ln predicted and ln measured: the prediction is the mean of what may be measured."""
    m = np.log(3) + spread * rng.normal(size=n)
    return m, m + error * rng.normal(size=n)


def test_all_examinations_of_a_patient_are_drawn_together():
    """Patients a, b, c with 3, 1 and 2 examinations: 3 patients are drawn in every resample."""
    patients = np.array(list("aababcc"))[[0, 1, 2, 3, 5, 6]]
    w = validation.weights(patients, 500)
    assert (w[:, 0] == 1).all()
    for name in "abc":
        assert (w[patients == name] == w[patients == name][0]).all()
    first = [np.flatnonzero(patients == name)[0] for name in "abc"]
    assert (w[first].sum(axis=0) == 3).all()
    assert abs(w[first][:, 1:].mean() - 1) < 0.05


def test_figures_of_a_resample_are_those_of_the_repeated_examinations():
    """Weighted sums against numpy, scipy and the Mann-Whitney area on rows that are really repeated; with
    ties."""
    rng = np.random.default_rng(0)
    m, y = calibrated(60, rng)
    x = np.round(np.exp(m), 1)  # ties
    cohort = made(x, np.exp(y), rng.integers(0, 40, 60), true=np.exp(y - 0.01 * m), low=x * 0.8, high=x * 1.2)
    w = validation.weights(cohort.exams["patient"], 5)
    found = validation.figures(cohort, "net", w)
    for resample in range(6):
        rows = np.repeat(np.arange(60), w[:, resample].astype(int))
        a, b, t = x[rows], np.exp(y)[rows], cohort.exams["true_kpa"].to_numpy()[rows]
        line = stats.linregress(a, b)
        expected = {
            "r_kpa": line.rvalue,
            "r_ln": stats.pearsonr(np.log(a), np.log(b))[0],
            "r_true_ln": stats.pearsonr(np.log(a), np.log(t))[0],
            "mae_kpa": np.mean(np.abs(a - b)),
            "error_percent": 100 * (np.exp(np.mean(np.log(a / b))) - 1),
            "slope": line.slope,
            "intercept": line.intercept,
            "shrinkage": stats.linregress(np.log(t), np.log(a)).slope,
            "coverage": np.mean((0.8 * a <= b) & (b <= 1.2 * a)),
            "auc_3": separation(a, b >= 3),
        }
        for name, value in expected.items():
            assert found[name][resample] == pytest.approx(value, abs=1e-9), (name, resample)


def test_a_second_look_at_the_same_patients_makes_no_interval_narrower():
    """Every examination is there twice. Over patients the interval of r stays; over examinations it would
    shrink by the root of 2."""
    m, y = calibrated(200, np.random.default_rng(1))
    once = made(np.exp(m), np.exp(y))
    twice = made(np.exp(np.tile(m, 2)), np.exp(np.tile(y, 2)), np.tile(np.arange(200), 2))

    def width(cohort, clusters):
        found = validation.merits(cohort, "net", validation.weights(clusters))["r_ln"]
        return found["high"] - found["low"]

    alone = width(once, once.exams["patient"])
    assert width(twice, twice.exams["patient"]) == pytest.approx(alone, rel=0.05)
    assert width(twice, np.arange(400)) < 0.8 * alone


def test_the_interval_of_r_is_fishers():
    """Normal data, r = .78, n = 800: the bootstrap's interval is tanh(artanh r -+ 1.96 / sqrt(n - 3))."""
    m, y = calibrated(800, np.random.default_rng(2))
    found = validation.merits(made(np.exp(m), np.exp(y)), "net", validation.weights(np.arange(800)))["r_ln"]
    fisher = np.tanh(np.arctanh(found["mean"]) + np.array([-1, 1]) * 1.96 / np.sqrt(797))
    assert [found["low"], found["high"]] == pytest.approx(fisher, abs=0.006)


def test_a_calibrated_predictor_shrinks_and_is_still_calibrated():
    """Slope 1 of measured on predicted, but r^2 = .61 of predicted on true; its 90 % intervals hold 90 %."""
    m, y = calibrated(4000, np.random.default_rng(3))
    reach = np.exp(1.645 * 0.2)
    cohort = made(np.exp(m), np.exp(y), low=np.exp(m) / reach, high=np.exp(m) * reach)
    found = validation.merits(cohort, "net", validation.weights(np.arange(4000), 200))
    assert side(found["slope_ln"], 1.0) == 0 and abs(found["slope_ln"]["mean"] - 1) < 0.03
    assert found["shrinkage"]["mean"] == pytest.approx(0.25**2 / (0.25**2 + 0.2**2), abs=0.03)
    assert found["shrinkage"]["mean"] == pytest.approx(found["r_true_ln"]["mean"] ** 2, abs=0.02)
    assert side(found["coverage"], 0.9) == 0


def test_few_cases_give_none_and_never_nan():
    """Three examinations have no r, nine patients no interval, one diseased case no interval of its area,
    and a constant prediction no r and no slope."""
    m, y = calibrated(40, np.random.default_rng(4))
    x, measured = np.exp(m), np.minimum(np.exp(y), 4.9)
    measured[np.argmax(m)] = 5.5

    def found(count, predicted):
        cohort = made(predicted[:count], measured[:count])
        merits = validation.merits(cohort, "net", validation.weights(np.arange(count), 300))
        json.dumps(merits, allow_nan=False)
        return merits

    absent = {"mean": None, "low": None, "high": None}
    assert found(3, x)["r_ln"] == absent and found(0, x)["mae_kpa"] == absent
    assert found(9, x)["r_ln"]["mean"] is not None and found(9, x)["r_ln"]["low"] is None
    whole = found(40, x)
    assert whole["r_ln"]["low"] is not None
    assert whole["auc_5"] == {"mean": 1.0, "low": None, "high": None}
    assert whole["coverage"] == absent, "this model has no intervals"
    constant = found(40, np.full(40, 3.1))
    assert constant["r_ln"] == absent and constant["slope"] == absent and constant["mae_kpa"]["low"] > 0
    assert constant["auc_3"]["mean"] == 0.5


def two_models(rng, n=300):
    """A cohort with "fine", and "coarse" that has further noise; "blind" has no prediction for every
    third."""
    m, y = calibrated(n, rng)
    cohort = made(np.exp(m), np.exp(y))
    kpa = cohort.kpa.rename(columns={"net": "fine"}).assign(coarse=np.exp(m + 0.1 * rng.normal(size=n)))
    kpa = kpa.assign(blind=np.where(np.arange(n) % 3, kpa["coarse"], np.nan))
    absent = pd.DataFrame(np.nan, kpa.index, kpa.columns)
    return readings.Cohort(cohort.exams, kpa, absent, absent)


def test_differences_are_paired():
    """A model less itself is 0 in every resample. The finer model is better, although the intervals of the
    two overlap."""
    cohort = two_models(np.random.default_rng(5))
    w = validation.weights(cohort.exams["patient"])
    same = validation.difference(cohort, "fine", "fine", w)["r_ln"]
    assert same == {"mean": 0.0, "low": 0.0, "high": 0.0} and side(same) == 0
    found = validation.difference(cohort, "fine", "coarse", w)["r_ln"]
    assert side(found) == 1
    fine, coarse = (validation.merits(cohort, name, w)["r_ln"] for name in ("fine", "coarse"))
    assert found["mean"] == pytest.approx(fine["mean"] - coarse["mean"])
    assert fine["low"] < coarse["high"]


def test_a_difference_is_of_examinations_that_both_models_predict():
    """ "blind" repeats "coarse" on two thirds: on these the difference is 0, over all it would not be."""
    cohort = two_models(np.random.default_rng(6))
    w = validation.weights(cohort.exams["patient"], 200)
    assert validation.merits(cohort, "blind", w)["exams"] == 200
    found = validation.difference(cohort, "coarse", "blind", w)
    assert found["r_ln"] == found["mae_kpa"] == {"mean": 0.0, "low": 0.0, "high": 0.0}


def test_a_ratio_of_the_same_patients_is_surer_than_one_over_a_population():
    """r of "coarse" over that of "fine" has a narrower interval than r of "coarse" over a constant."""
    cohort = two_models(np.random.default_rng(7))
    w = validation.weights(cohort.exams["patient"])
    found = validation.entry(validation.ratio(cohort, "coarse", "fine", w))
    r = {name: validation.figures(cohort, name, w)["r_ln"] for name in ("fine", "coarse")}
    assert found["mean"] == pytest.approx(r["coarse"][0] / r["fine"][0]) and side(found, 1.0) == -1
    alone = validation.entry(r["coarse"] / r["fine"][0])
    assert found["high"] - found["low"] < 0.8 * (alone["high"] - alone["low"])


def test_a_calibration_curve_has_the_means_of_like_predictions():
    """Measured is predicted times 1.1, in 80 examinations: eight points of ten at a ratio of 1.1. Of 24,
    three are in each, too few for an interval."""
    x = np.geomspace(2, 6, 80)
    for count, certain in ((80, True), (24, False)):
        rows = validation.by_prediction(
            made(x[:count], 1.1 * x[:count]), "net", validation.weights(np.arange(count))
        )
        assert [row["exams"] for row in rows] == [count // 8] * 8
        ratios = [row["measured_kpa"]["mean"] / row["predicted_kpa"] for row in rows]
        assert ratios == pytest.approx([1.1] * 8)
        assert [row["measured_kpa"]["low"] is not None for row in rows] == [certain] * 8
    assert rows[0]["predicted_kpa"] == pytest.approx(np.exp(np.log(x[:3]).mean()))


def test_a_calibrated_predictor_errs_by_truth_as_foretold_and_a_shrunken_one_more():
    """With r^2 = .61 soft livers are read too high and stiff ones too low, by (r^2 - 1) of their distance
    from the mean. The same predictions drawn halfway to their mean err more, with the same r."""
    m, y = calibrated(6000, np.random.default_rng(8))
    w = validation.weights(np.arange(6000), 200)
    rows = validation.by_truth(made(np.exp(m), np.exp(y)), "net", w)
    assert sum(row["exams"] for row in rows) == 6000
    for row in rows:
        assert row["error_percent"]["mean"] == pytest.approx(row["calibrated"], abs=2.5)
    assert rows[0]["error_percent"]["low"] > 5 and rows[-1]["error_percent"]["high"] < -20
    shrunken = validation.by_truth(made(np.exp((m + m.mean()) / 2), np.exp(y)), "net", w)
    assert shrunken[-1]["error_percent"]["high"] < shrunken[-1]["calibrated"] - 5
