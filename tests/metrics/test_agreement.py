"""Agreement, repeatability and ROC areas against published and hand-computed examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dime.metrics import agreement, diagnosis

# Shrout and Fleiss 1979, table 2: six subjects, four judges.
JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)

# Bland and Altman 1986, table 1: peak flow of 17 subjects, twice by the Wright meter [l/min].
WRIGHT = (
    np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0]),
    np.array([490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421.0]),
)


def test_icc_of_shrout_and_fleiss_judges():
    """ICC(2,1) = 0.29 in the paper; its interval, 0.019 to 0.761, by McGraw and Wong's formulae (R's irr)."""
    found = agreement.icc(*JUDGES.T)
    assert found["icc"] == pytest.approx(0.2898, abs=5e-5) and found["n"] == 6
    assert found["low"] == pytest.approx(0.0188, abs=1e-3)
    assert found["high"] == pytest.approx(0.7611, abs=1e-3)


def test_icc_interval_covers_the_truth_as_often_as_it_says():
    """Readings = subject + noise, variances 4 and 1: the population's ICC is 0.8."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        subject = 2 * rng.standard_normal(15)
        found = agreement.icc(subject + rng.standard_normal(15), subject + rng.standard_normal(15))
        covered += found["low"] < 0.8 < found["high"]
    assert 0.92 < covered / 400 < 0.985


def test_icc_counts_a_constant_offset_and_correlation_does_not():
    """y = x + c: MSR = 2 var, MSE = 0, MSC = n c^2 / 2, so ICC = var / (var + c^2 / 2); equal readings: 1."""
    x = np.arange(10.0)
    assert agreement.icc(x, x) == {"icc": 1.0, "low": 1.0, "high": 1.0, "n": 10}
    assert agreement.icc(x, x + 3)["icc"] == pytest.approx(x.var(ddof=1) / (x.var(ddof=1) + 4.5))


def test_repeatability_of_the_wright_meter():
    """Bland and Altman 1986: the standard deviation of repeated readings' differences is 21.6 l/min."""
    found = agreement.repeatability(*WRIGHT)
    assert found["within_sd"] == pytest.approx(15.3, abs=0.05)
    assert found["coefficient"] == pytest.approx(1.96 * 21.65, abs=0.1)
    assert found["low"] < found["coefficient"] < found["high"]


def test_repeatability_finds_a_known_noise():
    """Noise of 5 % on each of many scans: cv is 5 %, the smallest change 1.96 sqrt(2) times that."""
    rng = np.random.default_rng(1)
    truth = rng.uniform(2, 8, 4000)
    found = agreement.repeatability(*(truth * (1 + 0.05 * rng.standard_normal((2, 4000)))))
    assert found["cv_percent"] == pytest.approx(5, rel=0.05)
    assert found["change_percent"] == pytest.approx(13.86, rel=0.05)
    assert found["change_low"] < 13.86 < found["change_high"]


def test_area_by_hand_and_its_interval():
    """Healthy 1, 2, 3; diseased 2, 3, 4: of nine pairs six are right, two tied: (6 + 1) / 9.

    At an area of 1 the interval still has a lower end, which rises with the number of subjects.
    """
    found = diagnosis.roc_area([1, 2, 3, 2, 3, 4], [0, 0, 0, 1, 1, 1])
    assert found["auc"] == pytest.approx(7 / 9)
    assert 0 < found["low"] < 7 / 9 < found["high"] < 1
    few = diagnosis.roc_area(np.arange(15), np.arange(15) >= 8)
    many = diagnosis.roc_area(np.arange(150), np.arange(150) >= 80)
    assert few["auc"] == few["high"] == 1 and 0.5 < few["low"] < many["low"] < 1


def test_area_interval_covers_the_truth():
    """Unit normals one apart: the area is Phi(1 / sqrt 2) = 0.7602; 20 against 20 subjects."""
    rng = np.random.default_rng(2)
    diseased = np.arange(40) >= 20
    covered = 0
    for _ in range(400):
        found = diagnosis.roc_area(rng.standard_normal(40) + diseased, diseased)
        covered += found["low"] < 0.76025 < found["high"]
    assert 0.92 < covered / 400 < 0.985


def test_roc_curve_encloses_the_area():
    """Trapezia under the curve give the same area as counting pairs."""
    rng = np.random.default_rng(3)
    values, diseased = rng.integers(0, 12, 60), rng.random(60) < 0.4
    x, y = diagnosis.roc(values, diseased)
    area = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)
    assert area == pytest.approx(diagnosis.roc_area(values, diseased)["auc"])
    assert x[0] == y[0] == 0 and x[-1] == y[-1] == 1


def test_difference_of_areas_has_the_spread_that_resampling_shows():
    """DeLong's standard error of correlated areas against the spread over 2000 fresh cohorts."""
    rng = np.random.default_rng(4)
    diseased = np.arange(60) >= 30

    def cohort():
        common = rng.standard_normal(60) + 1.5 * diseased
        return common + 0.3 * rng.standard_normal(60), common + rng.standard_normal(60)

    found = [diagnosis.compare_areas(*cohort(), diseased) for _ in range(2000)]
    errors = [(f["high"] - f["low"]) / (2 * 1.96) for f in found]
    assert np.mean(errors) == pytest.approx(np.std([f["difference"] for f in found]), rel=0.1)


def test_areas_without_variance_have_no_p_value():
    """Two methods that both part the groups wholly: the difference is 0, how surely nothing says."""
    found = diagnosis.compare_areas(np.arange(8), np.arange(8) ** 2, np.arange(8) >= 4)
    assert found["difference"] == 0 and found["p"] is None and found["low"] is None


def test_kappa_of_two_classes_by_hand():
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: agreement 0.7, by chance 0.5, kappa 0.4."""
    x, y = np.repeat([1, 1, 0, 0], [20, 5, 10, 15]), np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    found = agreement.kappa(x, y)
    assert found["kappa"] == pytest.approx(0.4) and found["same"] == pytest.approx(0.7)
    assert found["low"] < 0.4 < found["high"]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=4, max_size=20))
def test_kappa_is_the_weighted_table_of_its_definition(pairs):
    """1 - sum w p / sum w e over the table of classes, w = (i - j)^2, e from the margins."""
    x, y = np.array(pairs).T
    table = np.zeros((5, 5))
    np.add.at(table, (x, y), 1 / len(x))
    weights = np.subtract.outer(np.arange(5), np.arange(5)) ** 2
    chance = np.sum(weights * np.outer(table.sum(axis=1), table.sum(axis=0)))
    found = agreement.kappa(x, y)["kappa"]
    if chance == 0:
        assert found is None
    else:
        assert found == pytest.approx(1 - np.sum(weights * table) / chance)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_subjects_give_absent_and_never_nan(count):
    """Below what a statistic needs, every figure of it is None and the count is said."""
    x = np.arange(float(count))
    for found in (
        agreement.icc(x, x + 1),
        agreement.repeatability(x, x + 1),
        agreement.kappa(x, x),
        diagnosis.compare_areas(x, x, np.zeros(count, bool)),
        diagnosis.roc_area(x, np.zeros(count, bool)),
    ):
        absent = {k: v for k, v in found.items() if k not in ("n", "healthy", "diseased", "same")}
        assert set(absent.values()) == {None}, found


def test_subjects_without_a_value_are_left_out():
    """A NaN is a subject that a method gave no stiffness: pairs with it do not count."""
    x = np.array([1, 2, 3, np.nan, 5, 6])
    y = np.array([1.1, 2.2, np.nan, 4, 5.1, 6])
    assert agreement.icc(x, y)["n"] == agreement.repeatability(x, y)["n"] == 4
    assert diagnosis.roc_area(x, [0, 0, 0, 1, 1, 1])["diseased"] == 2
