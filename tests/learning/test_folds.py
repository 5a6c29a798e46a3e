"""Folds by patient: nobody in two folds, every stratum spread evenly."""

import numpy as np
import pytest

from dime.learning.folds import folds


def visits(patients=300, seed=0):
    """Patients with one to three examinations each, of three sites and two stages."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), rng.integers(1, 4, patients))
    site, stage = rng.integers(0, 3, patients), rng.random(patients) < 0.25
    return who, np.array([f"{site[one]}/{stage[one]:d}" for one in who])


def test_no_patient_is_in_two_folds_and_none_is_empty():
    who, strata = visits()
    found = folds(who, strata, 5, 0)
    assert set(found) == set(range(5))
    assert all(len(set(found[who == one])) == 1 for one in np.unique(who))


def test_every_stratum_is_spread_evenly():
    """Some 30 or 10 cases of a stratum fall into each of five folds; whole patients allow few more."""
    who, strata = visits()
    found = folds(who, strata, 5, 0)
    for one in np.unique(strata):
        counts = np.bincount(found[strata == one], minlength=5)
        assert np.ptp(counts) <= 6, one
    assert np.ptp(np.bincount(found)) <= 12


def test_a_seed_gives_its_folds_again_and_another_gives_others():
    who, strata = visits()
    assert (folds(who, strata, 5, 3) == folds(who, strata, 5, 3)).all()
    assert (folds(who, strata, 5, 3) != folds(who, strata, 5, 4)).any()


def test_names_of_patients_do_not_matter_and_rare_strata_are_allowed(recwarn):
    who, strata = visits(60)
    strata[who == 7] = "rare"
    names = np.array([f"P{one:03d}" for one in who])
    assert (folds(names, strata, 4, 0) == folds(who, strata, 4, 0)).all() and not recwarn.list


def test_too_few_patients_or_cases_are_refused_in_one_line():
    with pytest.raises(ValueError, match="groups: expected at least 5 for 5 folds, found 4"):
        folds([1, 1, 2, 2, 3, 3, 4], ["a"] * 7, 5, 0)
    with pytest.raises(ValueError, match="strata: expected one with at least 3 cases for 3 folds, found 2"):
        folds([1, 2, 3, 4], ["a", "a", "b", "b"], 3, 0)
