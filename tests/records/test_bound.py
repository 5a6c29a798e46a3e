"""The ceiling: it is what theory says, nothing exceeds it, and it grows with what is known."""

from dataclasses import replace

import numpy as np
import pytest

from dime.records import bound, cohort
from dime.records import distributions as d
from dime.records.assumptions import BASE, ln_kpa
from dime.records.conditional import conditional_mean, joined

SUBJECTS = 20_000


@pytest.fixture(scope="module")
def model():
    return cohort.solve()


@pytest.fixture(scope="module")
def patients(model):
    return cohort.draw_patients(model, SUBJECTS, 5)


def test_bound_of_a_known_stage_is_the_share_of_variance_between_stages(model):
    """r^2 = var(E[y | stage]) / var(y), by quadrature: within a stage, f is uniform, and y = g + w e + label
    noise. The sample agrees within its error."""
    f = (np.arange(5000) + 0.5) / 1000
    p, g = np.repeat(d.PREVALENCE["meta"], 1000) / 1000, ln_kpa(f)
    inside = g.reshape(5, -1).mean(axis=1).repeat(1000)
    total = p @ (g - p @ g) ** 2 + p @ model.width(np.floor(f)) ** 2 + np.log1p(d.LABEL_CV) ** 2
    known = np.sqrt(p @ (inside - p @ g) ** 2 / total)
    found = bound.bound(subjects=30_000)
    assert found["stage"]["r_ln"] == pytest.approx(known, abs=0.011)
    exactly = np.sqrt(p @ (g - p @ g) ** 2 / total)
    assert found["fibrosis"]["r_ln"] == pytest.approx(exactly, abs=0.011)


@pytest.mark.parametrize("source", ["records", "image", "both"])
@pytest.mark.parametrize("missing", [False, True])
def test_best_predictions_are_conditional_means(model, patients, source, missing):
    """E[y | E[y | x]] = E[y | x]: observed on predicted has slope 1 and intercept 0, in ln kPa and in kPa,
    overall and in each fifth of the predictions."""
    table = patients
    if missing:
        table = joined(*cohort.draw_cohort("internal", SUBJECTS, SUBJECTS, 5, model))
    label = table["stiffness_kpa"].to_numpy()
    for predicted, seen in zip(
        conditional_mean(model, table, source, missing=missing), (np.log(label), label), strict=True
    ):
        assert np.polyfit(predicted, seen, 1)[0] == pytest.approx(1, abs=0.04)
        fifths = np.array_split(np.argsort(predicted), 5)
        for fifth in fifths:
            error = (seen - predicted)[fifth]
            assert abs(error.mean()) < 4 * error.std() / np.sqrt(fifth.size)


def test_one_marker_agrees_with_counting(model, patients):
    """With nodularity alone, E[ln kPa | x] is the mean label of patients with about that nodularity."""
    found, _ = conditional_mean(model, patients, "both", ("nodularity",), history=False)
    label = np.log(patients["stiffness_kpa"].to_numpy())
    for part in np.array_split(np.argsort(patients["nodularity"].to_numpy()), 10):
        spread = label[part].std() / np.sqrt(part.size)
        assert found[part].mean() == pytest.approx(label[part].mean(), abs=4 * spread)


def test_regressions_come_near_the_bound_and_not_above_it():
    """Quadratic regression and boosting know nothing of the model: within .03 below, within error above."""
    best = bound.bound(subjects=SUBJECTS, seed=1)
    for source, found in bound.regressions(subjects=SUBJECTS, seed=1).items():
        for name, r in found.items():
            assert best[source]["r_ln"] - 0.03 < r < best[source]["r_ln"] + 0.004, (source, name)


def test_bound_grows_with_each_marker():
    """A further marker never lowers the correlation of the best prediction, and leaving one out never raises
    it; what is known of a sample scatters by less than .002."""
    found = bound.growth(subjects=8000)
    steps = [r for _, r in found["added"]]
    assert len(steps) == len(bound.GROUPS) and np.diff(steps).min() > -0.002
    assert steps[-1] == pytest.approx(found["all"])
    assert max(found["without"].values()) < found["all"] + 0.002
    assert max(found["alone"].values()) < found["all"]


def test_bound_falls_with_what_markers_share_and_rises_with_their_areas():
    table = bound.cases((0, 0.2, 0.4), [d.AUROC], ["meta"], ["optimistic", "pessimistic"], [], 10_000)
    r = {(case["markers"], case["rho"]): case["both"]["r_ln"] for case in table}
    assert r["base", 0] > r["base", 0.2] > r["base", 0.4]
    assert r["optimistic", 0.2] > r["base", 0.2] > r["pessimistic", 0.2]
    for case in table:
        assert case["both"]["r_ln"] > max(case["image"]["r_ln"], case["records"]["r_ln"])


def test_missing_values_cost_something(model):
    """The same patients, as they are and with the cohort's missing values."""
    records, truth = cohort.draw_cohort("internal", SUBJECTS, SUBJECTS, 5, model)
    lost = joined(records, truth)
    label = np.log(records["stiffness_kpa"].to_numpy())
    with_gaps = bound.correlation(conditional_mean(model, lost, "both", missing=True)[0], label)
    ignored = bound.correlation(conditional_mean(model, lost, "both")[0], label)
    whole = bound.bound(subjects=SUBJECTS, seed=5)["both"]["r_ln"]
    assert ignored < with_gaps < whole + 0.006


def test_best_predictions_of_a_cohort_are_finite_and_one_each():
    records, truth = cohort.draw_cohort("internal", 120, 110, 0)
    found = bound.best_predictions(records, truth)
    assert np.isfinite(found["kpa"]).all() and found.groupby("source")["exam"].nunique().eq(120).all()


def test_interval_of_a_normal_correlation():
    """For two normal variables with r = .7, n = 1100: Fisher's z gives .7 -+ .030."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(50_000)
    y = 0.7 * x + np.sqrt(1 - 0.7**2) * rng.standard_normal(50_000)
    z, reach = np.arctanh(np.corrcoef(x, y)[0, 1]), 1.96 / np.sqrt(1100 - 3)
    found = bound.sampling_interval(x, y, 1100)
    assert found == pytest.approx((np.tanh(z - reach), np.tanh(z + reach)), abs=0.003)


def test_sharper_image_markers_reach_what_they_are_asked_for():
    found = bound.needed(0.72, "r_ln", subjects=5000)
    assert found["r"] == pytest.approx(0.72, abs=0.003) and found["separation"] > 1
    assert found["auc"]["nodularity"] > d.IMAGE_MARKERS["nodularity"].auc
    assert bound.needed(0.9, "r_kpa", replace(BASE, rho=0.4), subjects=2000, most=1.2)["separation"] is None


def test_what_is_unknown_is_refused(model, patients):
    with pytest.raises(
        ValueError, match="source: expected stage, fibrosis, records, image, both, found 'wave'"
    ):
        conditional_mean(model, patients, "wave")
