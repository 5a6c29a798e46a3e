"""A map says how it was made, in its header and beside it; a file of somebody else's is never replaced."""

import json

import nibabel
import numpy as np
import pytest
from waves import save_nifti, travelling

from dime.files import maps, sidecars
from dime.files.waves import read_wave
from dime.inversion import methods

U, DISC = travelling(side=40)


@pytest.fixture
def wave(tmp_path):
    path = save_nifti(tmp_path / "wave.nii.gz", np.where(DISC, U, 0).astype(np.complex64), (2.0, 2.0, 2.0))
    fields = {"MechanicalFrequency": 60, "MotionEncodingSensitivity": [8, 8, 9]}
    (tmp_path / "wave.json").write_text(json.dumps(fields))
    return path


def test_a_map_says_how_it_was_made(tmp_path, wave):
    found = methods.invert(read_wave(wave), "mmdi", windows_m=[0.015])
    path = tmp_path / "stiffness.nii.gz"
    maps.write_map(path, found["stiffness"] / 1e3, wave, found.attrs, "kPa")
    said = json.loads((tmp_path / "stiffness.json").read_text())
    assert said["Software"] == "dime" and said["Method"] == "mmdi" and said["Units"] == "kPa"
    assert said["Settings"]["windows_m"] == [0.015] and "WeightsSHA256" not in said
    assert said["Source"] == str(wave) and said["MechanicalFrequency"] == 60
    assert said["PixelSpacing"] == [2.0, 2.0] and said["Warnings"] == []
    assert said["MotionEncodingSensitivity"] == [8, 8, 9] and said["Quantity"] == "stiffness"
    image, source = nibabel.load(path), nibabel.load(wave)
    np.testing.assert_array_equal(image.affine, source.affine)
    assert image.header.get_xyzt_units()[0] == "mm" and b"kPa" in image.header["descrip"].item()
    values = image.get_fdata()
    assert image.header["cal_max"] == pytest.approx(np.quantile(values[values != 0], 0.99), rel=1e-6)


def test_a_map_of_the_network_names_its_weights(wave):
    found = methods.invert(read_wave(wave), "dime")
    said = maps.statement(found.attrs, "kPa", "stiffness", ["a doubt"])
    card = json.loads((methods.PRETRAINED / "card.json").read_text())
    assert (
        said["WeightsSHA256"] == card["sha256"] and said["Settings"] == {} and said["Warnings"] == ["a doubt"]
    )


def test_without_attributes_a_map_has_no_sidecar(tmp_path, wave):
    maps.write_map(tmp_path / "a.nii", np.ones((1, 40, 40)), nibabel.load(wave))
    assert not (tmp_path / "a.json").exists()


def test_a_map_without_attributes_takes_the_sidecar_of_an_earlier_one_away(tmp_path, wave):
    """Nobody reads the method of one map beside another; what somebody else wrote stays."""
    values = np.ones((1, 40, 40))
    maps.write_map(tmp_path / "a.nii", values, wave, {"method": "mmdi"})
    maps.write_map(tmp_path / "a.nii", 2 * values, wave)
    assert not (tmp_path / "a.json").exists() and nibabel.load(tmp_path / "a.nii").get_fdata().min() == 2
    for text in ('{"mine": 1}', "notes"):
        (tmp_path / "a.json").write_text(text)
        maps.write_map(tmp_path / "a.nii", values, wave)
        assert (tmp_path / "a.json").read_text() == text


def test_a_sidecar_of_somebody_else_is_not_replaced(tmp_path, wave):
    (tmp_path / "a.json").write_text('{"mine": 1}')
    with pytest.raises(
        ValueError, match=r"a.json: expected no file, or one that dime has written beside a.nii"
    ):
        maps.write_map(tmp_path / "a.nii", np.ones((1, 40, 40)), wave, {})
    assert not (tmp_path / "a.nii").exists()
    maps.write_map(tmp_path / "b.nii", np.ones((1, 40, 40)), wave, {})
    maps.write_map(tmp_path / "b.nii", np.zeros((1, 40, 40)), wave, {})  # its own is replaced


def test_a_map_is_not_taken_for_a_wave(tmp_path, wave):
    path = tmp_path / "stiffness.nii"
    maps.write_map(path, np.ones((3, 40, 40)), wave, {}, "kPa")
    with pytest.raises(
        ValueError, match=r"stiffness.json: Quantity: expected a wave .*, found a map of stiff"
    ):
        read_wave(path, 60.0)


def test_names_of_fields_may_have_other_capitals():
    assert sidecars.value({"mechanical_frequency": 50}, "MechanicalFrequency") == 50


@pytest.mark.parametrize(("stated", "warned"), [(60, False), (60.01, False), (50, True)])
def test_what_is_given_counts_and_a_sidecar_that_disagrees_is_warned_of(recwarn, stated, warned):
    assert sidecars.frequency({"MechanicalFrequency": stated}, "a.nii", 60.0) == 60.0
    said = [str(one.message) for one in recwarn]
    assert said == (["a.nii: MechanicalFrequency is 50 Hz, 60 Hz as given is used"] if warned else [])


@pytest.mark.parametrize(
    ("own", "other", "same"),
    [
        (60, 60.0000001, True),
        ([8.1, 8.1], [8.1 + 1e-9, 8.1], True),
        (60, 61, False),
        ([8, 8], [8, 8, 8], False),
        (True, 1.0004, False),
        ("deg", "rad", False),
        (60.0, 10**400, False),
    ],
)
def test_a_file_and_its_sidecar_may_differ_by_a_rounding(tmp_path, own, other, same):
    (tmp_path / "a.json").write_text(json.dumps({"Field": other}))
    if same:
        assert sidecars.agreed({"Field": own}, tmp_path / "a.mat") == {"Field": own}
    else:
        with pytest.raises(ValueError, match=r"a.json: Field: expected .* as in a.mat, found"):
            sidecars.agreed({"Field": own}, tmp_path / "a.mat")


@pytest.mark.parametrize("count", [3, 4, 8, 12, 16])
def test_times_in_whole_milliseconds_are_even(count):
    """At 60 Hz the steps of 16 offsets are 1.04 ms; a time that is missing is found out all the same."""
    even = np.arange(count) / 60 / count
    for times in (even, np.round(even, 4), np.round(even, 3)):
        sidecars.check_offsets({"TriggerTimes": list(times)}, count, "a.nii")
    gap = np.delete(np.arange(count + 1) / 60 / count, 1)
    for times in (gap, even[::-1], np.zeros(count)):
        with pytest.raises(ValueError, match="TriggerTimes: expected evenly spaced phase offsets"):
            sidecars.check_offsets({"TriggerTimes": list(times)}, count, "a.nii")
