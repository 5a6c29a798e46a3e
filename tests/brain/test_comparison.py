"""Comparison: the right model wins its own data; tables and tests are of subjects."""

import numpy as np
import pandas as pd
import pytest

from dime.brain import comparison
from dime.brain.comparison import Plan
from dime.brain.conditions import ORIGINAL, Condition
from dime.brain.published import published
from dime.brain.unet_training import Schedule


@pytest.fixture(scope="module")
def data():
    return comparison.gather([1, 2], [3, 4, 5], [6], Condition())


@pytest.fixture(scope="module")
def found(data, tmp_path_factory):
    names = {method: ["T1"] for method in ("signal", "property", "bcefcm", "unet")}
    schedule = Schedule(width=2, depth=2, epochs=1, batch=2)
    return comparison.estimates(data, Plan(names, schedule, 5, tmp_path_factory.mktemp("unets")))


def test_the_model_that_made_the_images_finds_the_fractions(found, data):
    scored = comparison.table(found, data.scored.truth.numpy())
    psnr = scored.groupby(["method", "tissue"])["psnr_db"].mean().unstack()
    assert psnr.loc["signal"].min() > 45
    assert (psnr.loc["signal"] > psnr.drop("signal").max() + 15).all()
    assert psnr.loc["bcefcm"].min() > 15


def test_all_subjects_methods_and_tissues_are_in_the_table(found, data):
    scored = comparison.table(found, data.scored.truth.numpy())
    assert len(scored) == 2 * 4 * 3
    assert not scored.duplicated(["subject", "method", "combination", "tissue"]).any()


def test_adam_begins_at_the_mean_of_the_others(data, tmp_path):
    found = comparison.estimates(data, Plan({"property": ["T1"]}, Schedule(), 1, tmp_path))
    swapped = data.scored.truth.flip(0).numpy()  # of two subjects, each begins at the other
    assert np.abs(found["property", "T1"] - swapped).max() < 0.0101  # one step of Adam's rate


def test_one_subject_has_no_others(tmp_path):
    data = comparison.gather([1], [3], [4], ORIGINAL)
    with pytest.raises(ValueError, match="two or more"):
        comparison.estimates(data, Plan({"property": ["T1"]}, Schedule(), 1, tmp_path))


def test_learning_and_scoring_share_no_brain():
    with pytest.raises(ValueError, match="shared"):
        comparison.gather([1, 2], [2], [3], ORIGINAL)


def test_given_labels_are_scored(data):
    labels = np.zeros((2, 64, 64), np.uint8)
    labels[:, 20:40, 20:40] = 3
    given = comparison.gather([1, 2], [3], [4], ORIGINAL, labels=labels)
    assert np.array_equal(given.scored.truth[:, 2], labels == 3)
    assert given.training.truth[0, 1].sum() > 0


def test_unknown_names_are_named(data, tmp_path):
    with pytest.raises(ValueError, match="unet: \\['T9'\\]"):
        comparison.estimates(data, Plan({"unet": ["T9"]}, Schedule(), 1, tmp_path))


def test_tests_are_paired_over_subjects():
    rng = np.random.default_rng(0)
    level = rng.normal(20, 5, 12)
    rows = [
        {"subject": s, "method": m, "combination": "T1", "tissue": "gm", "psnr_db": level[s] + gain + e}
        for m, gain in (("signal", 0.0), ("unet", 0.5), ("bcefcm", 0.0))
        for s, e in enumerate(rng.normal(0, 0.1, 12))
    ]
    tested = comparison.tests(pd.DataFrame(rows), "psnr_db", "T1")["gm"]
    assert tested["unet"]["n"] == 12
    assert tested["unet"]["p_holm"] < 0.01
    assert tested["unet"]["difference"]["mean"] == pytest.approx(0.5, abs=0.1)
    assert tested["bcefcm"]["p_holm"] > 0.05
    means = comparison.means(pd.DataFrame(rows), "psnr_db")
    assert means["signal"]["T1"]["gm"]["low"] < level.mean() < means["signal"]["T1"]["gm"]["high"]


def test_published_figures():
    assert published("property", "+ FLAIR", "csf", "psnr_db") == 34.64
    assert published("unet", "+ DWI", "wm", "ssim") == 0.85
    assert published("bcefcm", "T1", "wm", "ssim") is None
    assert published("signal", "T1", "wm", "ssim") is None
