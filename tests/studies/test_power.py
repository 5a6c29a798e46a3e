"""Power by resampling against the power that a formula gives."""

import numpy as np
import pytest
from scipy import stats

from dime.studies import power


def population(shift, noise=0.5, count=2000, seed=0):
    """Unit normals, the diseased half `shift` higher; x reads them well, y with that noise."""
    rng = np.random.default_rng(seed)
    diseased = np.arange(count) >= count // 2
    truth = rng.standard_normal(count) + shift * diseased
    return {
        "diseased": diseased,
        "truth": truth,
        "x": truth,
        "y": truth + noise * rng.standard_normal(count),
    }


def test_power_to_part_groups_is_that_of_the_t_test_by_its_efficiency():
    """Mann-Whitney's test of normals has 3 / pi of the t-test's subjects' worth: power from noncentral t."""
    sizes = [20, 40, 80]
    found = power.curve(power.parted, population(0.8), sizes, 0.5, studies=600, seed=1)
    for size, share in zip(sizes, found, strict=True):
        worth = size * 3 / np.pi
        noncentrality = 0.8 * np.sqrt(worth / 4)
        critical = stats.t.ppf(0.975, size - 2)
        expected = stats.nct.sf(critical, size - 2, noncentrality)
        assert share == pytest.approx(expected, abs=0.07)


@pytest.mark.parametrize("size", [15, 60])
@pytest.mark.parametrize("test", [power.areas_differ, power.agreements_differ])
def test_what_is_not_there_is_found_at_the_rate_of_false_alarms(test, size):
    """x and y read equally well: about one study in twenty finds a difference, small studies too."""
    everyone = population(1.0)
    noise = np.random.default_rng(5).standard_normal((2, 2000)) * 0.5
    everyone |= {"x": everyone["truth"] + noise[0], "y": everyone["truth"] + noise[1]}
    (share,) = power.curve(test, everyone, [size], 0.5, studies=400, seed=2)
    assert share < 0.09


@pytest.mark.parametrize(
    ("test", "noises"), [("areas_differ", (0.3, 3.0)), ("agreements_differ", (0.5, 0.8))]
)
def test_larger_studies_find_a_true_difference_more_often(test, noises):
    """x reads better than y: 12 subjects seldom show it, 150 nearly always do."""
    everyone = population(1.5)
    noise = np.random.default_rng(6).standard_normal((2, 2000))
    everyone |= {name: everyone["truth"] + s * n for name, s, n in zip("xy", noises, noise, strict=True)}
    few, many = power.curve(getattr(power, test), everyone, [12, 150], 7 / 15, studies=100, seed=3)
    assert few < 0.7 < 0.9 < many


def test_subjects_needed_lies_between_the_sizes_that_bracket_it():
    """Power 0.6 at 10 and 1.0 at 40: 0.8 half-way in the logarithm, 20; never reached: absent."""
    assert power.subjects_needed([10, 40], [0.6, 1.0]) == 20
    assert power.subjects_needed([10, 40], [0.9, 1.0]) == 10
    assert power.subjects_needed([10, 40], [0.1, 0.5]) is None
    assert power.subjects_needed([10, 40], None) is None


def test_a_population_of_one_group_has_no_power_at_all():
    everyone = population(1.0, count=20)
    everyone["diseased"] = np.zeros(20, bool)
    assert power.curve(power.parted, everyone, [10], 0.5, studies=3, seed=0) is None
