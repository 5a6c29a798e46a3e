"""Robustness: what is right costs nothing, each wrong value does, and the free error is the bound."""

import pytest
from brain_maps import synthetic

from dime.brain import robustness, trials
from dime.brain.sequences import COMBINATIONS, Train
from dime.brain.tissues import AT_3T

TRAIN = Train(lines=32)
CONTRASTS = COMBINATIONS["+ T2"]


@pytest.fixture(scope="module")
def brain():
    return trials.known(synthetic(32)[0])


def test_a_right_trial_is_good_and_each_wrong_one_worse(brain):
    images = trials.measure(brain, CONTRASTS, TRAIN, 1e-4, 0, simulator="closed")
    right = trials.psnr_by_tissue(trials.attempt(images, brain, CONTRASTS, TRAIN).found.fractions, brain)
    assert min(right.values()) > 40
    for what in robustness.WRONG:
        for part in (-0.1, 0.1):
            wrong = trials.attempt(images, brain, CONTRASTS, TRAIN, **robustness.suppose(brain, what, part))
            assert min(trials.psnr_by_tissue(wrong.found.fractions, brain).values()) < min(right.values()) - 5
    assert robustness.suppose(brain, "t1_s", 0.0)["tissues"] == AT_3T
    apart = robustness.suppose(brain, "t1_s apart", 0.05)["tissues"]
    assert apart["wm"].t1_s == pytest.approx(1.05 * AT_3T["wm"].t1_s)
    assert apart["gm"].t1_s == pytest.approx(0.95 * AT_3T["gm"].t1_s)
    with pytest.raises(ValueError, match="what: expected"):
        robustness.suppose(brain, "t3_s", 0.1)


def test_errors_are_the_bounds_and_scores_follow_the_noise(brain):
    for row in robustness.errors(brain, CONTRASTS, TRAIN, 1e-3, 0):
        assert row["free"] == pytest.approx(row["bound"], rel=0.15)
        assert row["constrained"] < row["bound"]
    rows = robustness.scored([brain, brain], CONTRASTS, TRAIN, 1e-3, 0, ("b1", 0.1), "lost", value=7)
    assert len(rows) == 6
    assert {row["value"] for row in rows} == {7}
    better = robustness.scored([brain], CONTRASTS, TRAIN, 1e-3, 0)
    for one, other in zip(better, rows[:3], strict=True):
        assert one["psnr_db"] > other["psnr_db"]
