"""A simulated abdominal examination: what is recorded, what a failure changes, cohorts on disk."""

import json

import numpy as np
import pytest

from dime.files import datasets
from dime.mri.elastography import wrap
from dime.phantoms.abdomen import ID
from dime.simulation import abdominal, abdominal_cohort
from dime.simulation.abdominal_cohort import Cohort


@pytest.fixture(scope="module")
def examined():
    return abdominal.examine(3, 0, "F1")


@pytest.fixture(scope="module")
def another():
    return abdominal.examine(3, 1, "F2")


def amplitude(exam):
    """First harmonic [rad] of phases that hardly wrap, about each pixel's mean direction."""
    turns = np.exp(1j * exam["phase"].astype(float))
    moved = wrap(np.angle(turns) - np.angle(turns.sum(axis=1, keepdims=True)))
    return np.abs(np.tensordot(np.exp(-0.5j * np.pi * np.arange(4)), moved, axes=(0, 1))) / 2


def test_images_have_the_shapes_and_units_of_an_examination(examined):
    shape = (abdominal.SLICES, abdominal.OFFSETS, abdominal.MATRIX, abdominal.MATRIX)
    assert examined["phase"].shape == examined["magnitude"].shape == shape
    assert np.abs(examined["phase"].astype(float)).max() <= np.pi + 2e-3
    assert examined["liver"].any(axis=(1, 2)).all()
    assert (examined["stiffness"][examined["liver"]] > 0).all()


def test_the_wave_is_in_the_whole_body_and_not_in_the_liver_alone(examined):
    """Otherwise "where a wave is" would be the label of the segmentation."""
    motion, tissue = amplitude(examined), examined["tissue"]
    in_liver = np.median(motion[examined["liver"]])
    assert 0.1 < in_liver < 3
    assert np.median(motion[tissue == ID["muscle"]]) > 0.3 * in_liver
    assert np.quantile(motion[tissue == ID["fat"]], 0.9) > in_liver


def test_cavities_and_air_give_noise_alone(examined):
    tissue, magnitude = examined["tissue"], examined["magnitude"].astype(float).mean(axis=1)
    noise = np.median(magnitude[tissue == ID["air"]])
    assert np.median(magnitude[examined["liver"]]) > 8 * noise


def test_the_body_is_the_same_at_another_visit_and_the_noise_is_not(another):
    first, second = (json.loads(one["label"]) for one in (another, abdominal.examine(3, 1, "F2", visit=1)))
    assert first["stiffness_pa"] == second["stiffness_pa"] and first["bmi"] == second["bmi"]
    assert first["levels_m"] != second["levels_m"]


@pytest.mark.parametrize("planted", ["still", "iron", "no liver", "brain"])
def test_a_planted_failure_takes_away_what_it_says(planted, examined):
    failed = abdominal.examine(3, 0, "F1", planted=planted)
    assert json.loads(failed["label"])["planted"] == planted
    if planted in ("no liver", "brain"):
        assert not failed["liver"].any()
        return
    liver = examined["liver"] & failed["liver"]
    if planted == "still":
        assert np.median(amplitude(failed)[liver]) < 0.3 * np.median(amplitude(examined)[liver])
    else:
        signal = [one["magnitude"].astype(float).mean(axis=1)[liver].mean() for one in (failed, examined)]
        assert signal[0] < 0.2 * signal[1]


def test_unknown_failures_are_refused():
    with pytest.raises(ValueError, match="planted: expected one of still, iron"):
        abdominal.examine(3, 0, planted="metal")
    with pytest.raises(ValueError, match="planted: expected some of"):
        Cohort(2, 1, planted=("metal",))
    with pytest.raises(ValueError, match="subjects, visits: expected at least 1"):
        Cohort(0, 1)


def test_a_cohort_on_disk_holds_the_examinations_whatever_process_simulates_them(examined, another, tmp_path):
    """Two processes write what this one finds: images of two subjects, stage and pixel."""
    abdominal_cohort.simulate(Cohort(2, 3, stages=("F1", "F2")), tmp_path / "two.zarr", workers=2)
    found = datasets.load(tmp_path / "two.zarr", ("phase", "magnitude"))
    for name in ("phase", "magnitude"):
        np.testing.assert_array_equal(found[name].values, np.stack([examined[name], another[name]]))
    assert [label["stage"] for label in abdominal_cohort.labels(found)] == ["F1", "F2"]
    assert found.attrs["spacing_m"] == abdominal.SPACING_M
    assert [path.name for path in tmp_path.iterdir()] == ["two.zarr"]
