"""The command `dime liver`, from files to files, with the networks of the package."""

import json
import warnings

import nibabel
import numpy as np
import pytest

from dime.liver import maps, report
from dime.liver.examination import examine_liver
from dime.liver.segmentation import load_segmenter
from dime.liver.translation import translator
from dime.metrics.overlap import dice
from dime.simulation import abdominal

SPACING_MM = 1e3 * abdominal.SPACING_M
WRITTEN = {"liver", "reportable", "stiffness", "uncertainty", "confidence", "trusted"}


@pytest.fixture(scope="module")
def person():
    """One simulated examination, of a subject and a seed that no cohort has."""
    return abdominal.examine(4711, 0, "F2")


def save(folder, exam, frequency_hz=60, **changed):
    """Write an examination as scanners do, x to the right and y to the front, with a sidecar."""
    folder.mkdir(exist_ok=True)
    for name in ("magnitude", "phase"):
        values = np.transpose(changed.get(name, exam[name]), (3, 2, 0, 1))[::-1, ::-1]
        image = nibabel.Nifti1Image(values.astype(np.float32), np.diag([SPACING_MM, SPACING_MM, 13, 1]))
        nibabel.save(image, folder / f"{name}.nii.gz")
    (folder / "phase.json").write_text(json.dumps({"MechanicalFrequency": frequency_hz}))
    return folder


@pytest.fixture(scope="module")
def exam(person, tmp_path_factory):
    return save(tmp_path_factory.mktemp("liver") / "exam", person)


@pytest.fixture(scope="module")
def slice_alone(person, tmp_path_factory):
    """The second slice of the person: for what does not depend on the number of slices."""
    second = {name: person[name][1:2] for name in ("magnitude", "phase")}
    return save(tmp_path_factory.mktemp("slice") / "exam", second)


def test_images_become_maps_a_reading_and_pictures(here, exam, person, tmp_path):
    """The liver is found, its reading is the truth within 10 %, and every map lies on the phase's grid."""
    done = here("liver", str(exam), "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    reading = json.loads((out / report.READING).read_text())
    true = person["stiffness"][person["liver"]].mean() / 1e3
    assert reading["mean_kpa"] == pytest.approx(true, rel=0.1)
    low, high = reading["interval_kpa"]
    assert low < reading["mean_kpa"] < high and f"{reading['mean_kpa']:.2f} [{low:.2f}" in done.stdout
    assert reading["flags"] == [] and not reading["doubted"] and 0.5 < reading["quality"] <= 1
    assert reading["spacing_mm"] == pytest.approx(SPACING_MM) and reading["frequency_hz"] == 60
    assert set(reading["seconds"]) == {"segment", "wave", "map", "quality"}
    phase = nibabel.load(exam / "phase.nii.gz")
    images = {name: nibabel.load(out / f"{name}.nii.gz") for name in WRITTEN}
    for image in images.values():
        assert image.shape == phase.shape[:3]
        np.testing.assert_array_equal(image.affine, phase.affine)
    found = np.transpose(images["liver"].get_fdata()[::-1, ::-1], (2, 1, 0)) > 0
    assert dice(found, person["liver"]) > 0.9
    assert sum(reading["area_cm2"]) == pytest.approx(
        images["reportable"].get_fdata().sum() * SPACING_MM**2 / 100, abs=0.05
    )
    confidence = images["confidence"].get_fdata()
    assert confidence.min() == 0 and 0.9 < confidence.max() <= 1
    for number in range(1, 5):
        assert (out / f"slice-{number}.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(out.iterdir())) == len(WRITTEN) + 1 + 4


@pytest.mark.parametrize("method", ["mmdi", "map-unet", "map-resnet"])
def test_every_method_gives_a_reading(here, exam, person, tmp_path, method):
    done = here("liver", str(exam), "-o", "out", "--method", method, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    reading = json.loads((tmp_path / "out" / report.READING).read_text())
    true = person["stiffness"][person["liver"]].mean() / 1e3
    assert reading["method"] == method and reading["mean_kpa"] == pytest.approx(true, rel=0.15)
    assert (tmp_path / "out/uncertainty.nii.gz").exists() == (method != "mmdi")


def test_the_field_of_view_says_nothing_about_the_body(person):
    """With 15 pixels of noise around it, or 20 lines of air less, a body is as near to the training."""
    images = {
        name: np.transpose(person[name][1:3], (3, 2, 0, 1)).astype(np.float32)
        for name in ("magnitude", "phase")
    }
    place = {"spacing_m": abdominal.SPACING_M, "frequency_hz": 60.0}
    own = examine_liver(**images, **place).attrs["reading"]
    wide = {
        name: np.pad(one, ((15, 15), (15, 15), (0, 0), (0, 0)), "reflect") for name, one in images.items()
    }
    narrow = {name: one[:, 20:-20] for name, one in images.items()}
    for changed in (wide, narrow):
        found = examine_liver(**changed, **place).attrs["reading"]
        assert found["distance"] == pytest.approx(own["distance"], rel=0.25)
        assert found["flags"] == own["flags"] == []
        assert found["mean_kpa"] == pytest.approx(own["mean_kpa"], rel=0.03)


def test_a_slice_without_phase_leaves_the_others_readable(person):
    """Its phase is constant, as where a receiver failed; a slice without magnitude counts for no body."""
    images = {
        name: np.transpose(person[name], (3, 2, 0, 1)).astype(np.float32) for name in ("magnitude", "phase")
    }
    images["phase"][:, :, 1] = 0.3
    images["magnitude"][:, :, 3] = 1.0
    for method in ("dime", "map-unet"):
        with warnings.catch_warnings(action="ignore"):
            found = examine_liver(**images, spacing_m=abdominal.SPACING_M, frequency_hz=60.0, method=method)
        assert found.attrs["reading"]["mean_kpa"] > 1
        assert not found["stiffness"][1].any() and found["stiffness"][0].any()


def test_slices_without_a_liver_give_no_number_and_are_no_error(here, tmp_path):
    absent = abdominal.examine(4711, 1, "F0", planted="no liver")
    save(tmp_path / "exam", {name: absent[name][:2] for name in ("magnitude", "phase")})
    done = here("liver", "exam", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    reading = json.loads((tmp_path / "out" / report.READING).read_text())
    assert reading["mean_kpa"] is None and reading["interval_kpa"] is None and "no liver" in reading["flags"]
    assert "no stiffness, do not trust" in done.stdout and "no liver was found" in done.stdout


def test_an_examination_replaces_an_earlier_one_and_nothing_else(here, slice_alone, tmp_path):
    """A folder of other files is refused before anything is read."""
    words = ("liver", str(slice_alone), "--method", "mmdi", "-o")
    (tmp_path / "out").mkdir()
    assert here(*words, "out", cwd=tmp_path).returncode == 0
    (tmp_path / "out/slice-9.png").write_text("of an earlier one")
    assert here(*words, "out", cwd=tmp_path).returncode == 0
    assert not (tmp_path / "out/slice-9.png").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("three years")
    (tmp_path / "mine/reading.json").write_text("{}")
    for name in ("mine", "mine/thesis.txt"):
        done = here(*words, name, cwd=tmp_path)
        assert done.returncode == 2 and f"{name}: expected a new name" in done.stderr
    assert (tmp_path / "mine/thesis.txt").read_text() == "three years"
    mask = ("--mask", "out/liver.nii.gz")
    done = here(*words, "out", *mask, cwd=tmp_path)
    assert done.returncode == 2 and "found liver.nii.gz" in done.stderr and (tmp_path / mask[1]).exists()


@pytest.mark.parametrize(
    ("change", "words", "message"),
    [
        ({"magnitude": np.ones((4, 3, 256, 256))}, "", "magnitude.nii.gz: expected the phase's shape"),
        ({}, "--spacing 5", "expected a pixel of at most 4 mm, found 5 mm"),
        ({}, "--method fast", "method: expected one of dime, mmdi, map-unet, map-resnet, found 'fast'"),
        ({}, "--frequency 0", "frequency: expected"),
        ({"magnitude": np.zeros((4, 4, 256, 256))}, "", "magnitude.nii.gz: expected a magnitude, found 0"),
        ({"phase": np.ones((4, 4, 256, 256))}, "", "phase.nii.gz: expected phase offsets that differ"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(here, person, tmp_path, change, words, message):
    save(tmp_path / "exam", person, **change)
    done = here("liver", "exam", "-o", "out", *words.split(), cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and done.stderr.strip().count("\n") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["exam"]


def test_without_a_magnitude_a_mask_is_needed(here, exam, person, tmp_path):
    """The mask takes the place of the segmentation, and there is no quality."""
    alone = tmp_path / "phase.nii.gz"
    alone.write_bytes((exam / "phase.nii.gz").read_bytes())
    words = ("liver", "phase.nii.gz", "--frequency", "60", "-o", "out")
    done = here(*words, cwd=tmp_path)
    assert done.returncode == 2 and "no magnitude: give --mask" in done.stderr
    liver = np.transpose(person["liver"], (2, 1, 0))[::-1, ::-1].astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(liver, nibabel.load(alone).affine), tmp_path / "mask.nii.gz")
    done = here(*words, "--mask", "mask.nii.gz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    reading = json.loads((tmp_path / "out" / report.READING).read_text())
    assert reading["quality"] is None and reading["mean_kpa"] > 1
    np.testing.assert_array_equal(nibabel.load(tmp_path / "out/liver.nii.gz").get_fdata(), liver)


def test_a_failure_while_writing_leaves_the_earlier_examination(here, slice_alone, tmp_path, monkeypatch):
    words = ("liver", str(slice_alone), "--method", "mmdi", "-o", "out")
    assert here(*words, cwd=tmp_path).returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "picture", full)
    done = here(*words, cwd=tmp_path)
    assert done.returncode == 2 and "out: cannot be written" in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_networks_of_the_package_are_light_and_those_of_their_cards():
    """Less than 3 MB each; loading checks the weights against the card's hash."""
    folders = [path for path in maps.WEIGHTS.iterdir() if path.is_dir()]
    assert {path.name for path in folders} == {"segment-unet", "segment-resnet", "map-unet", "map-resnet"}
    for folder in folders:
        assert (folder / "weights.safetensors").stat().st_size < 3e6
        (load_segmenter if "segment" in folder.name else translator)(folder)
