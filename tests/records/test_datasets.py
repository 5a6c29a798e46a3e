"""Cohorts and bodies on disk: the same bytes after a kill, and nothing of anyone else's replaced."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dime.files import datasets
from dime.records import bodies, cohort, dataset, frame, scans
from dime.records.columns import SEQUENCES

EXAMS, PATIENTS, SEED = 4, 3, 11


def digest(folder):
    """One hash over the names and bytes of all files."""
    total = hashlib.sha256()
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A cohort of four examinations of three patients, by a process of its own."""
    folder = tmp_path_factory.mktemp("whole") / "internal"
    dataset.simulate("internal", EXAMS, PATIENTS, SEED, folder, workers=1)
    return folder


@pytest.fixture
def one_by_one(monkeypatch):
    """One examination a file, so that a run can be killed between two."""
    monkeypatch.setattr(dataset, "BATCH", 1)
    return monkeypatch


def test_a_killed_simulation_goes_on_with_what_is_missing(undisturbed, tmp_path, one_by_one):
    """Killed after two of four examinations, the next run simulates two, and the bytes are those of a run
    that was not killed, by another number of processes. Nothing else is left."""
    seen, scan, killed = [], dataset._scan, [2]

    def scan_until_killed(seed, record, truth):
        if [len(seen)] == killed:
            raise KeyboardInterrupt
        seen.append(record["exam"])
        return scan(seed, record, truth)

    one_by_one.setattr(dataset, "_scan", scan_until_killed)
    with pytest.raises(KeyboardInterrupt):
        dataset.simulate("internal", EXAMS, PATIENTS, SEED, tmp_path / "internal", workers=1)
    assert not (tmp_path / "internal").exists() and seen == ["I00000", "I00001"]
    killed.clear()
    dataset.simulate("internal", EXAMS, PATIENTS, SEED, tmp_path / "internal", workers=1)
    assert seen == ["I00000", "I00001", "I00002", "I00003"]
    assert digest(tmp_path / "internal") == digest(undisturbed)
    assert [path.name for path in tmp_path.iterdir()] == ["internal"]


def test_unfinished_work_of_another_seed_is_not_continued(tmp_path, one_by_one):
    seen = []
    blank = frame.framed({})

    def scan_twice(seed, *_):
        if seen.count(seed) == 2:
            raise KeyboardInterrupt
        seen.append(seed)
        return {}

    one_by_one.setattr(dataset, "_scan", scan_twice)
    one_by_one.setattr(frame, "framed", lambda _: blank)
    for seed in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            dataset.simulate("internal", EXAMS, PATIENTS, seed, tmp_path / "internal", workers=1)
    assert seen == [1, 1, 2, 2]


def test_tables_and_images_are_those_of_the_cohort(undisturbed):
    """Records and truth come back as drawn, one row an examination; images are missing where not acquired."""
    records, truth = dataset.load_tables(undisturbed)
    drawn = cohort.draw_cohort("internal", EXAMS, PATIENTS, SEED)
    for found, expected in zip((records, truth.drop(columns="exam")), drawn, strict=True):
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert truth["exam"].tolist() == records["exam"].tolist()
    images = dataset.load_images(undisturbed)
    assert images["volume"].shape == (EXAMS, 3, *frame.SHAPE) and images["surface"].dtype == np.float16
    absent = np.isnan(images["volume"].values).all(axis=(2, 3, 4))
    np.testing.assert_array_equal(~absent, records[list(SEQUENCES)])
    np.testing.assert_array_equal(np.isnan(images["surface"].values).all(axis=(1, 2)), absent[:, 0])


def test_two_visits_show_one_body_and_two_patients_do_not():
    one, again, other = ({"patient": name} for name in ("IP00001", "IP00001", "IP00002"))
    assert dataset.body_seed(3, one) == dataset.body_seed(3, again) != dataset.body_seed(3, other)
    assert dataset.body_seed(3, one) != dataset.body_seed(4, one)


FOREIGN = {
    "another file": ["truth.csv", "thesis.tex"],
    "a hospital's table": ["records.csv"],
    "a hospital's images": ["records.csv", "images/E1/t1w.nii.gz"],
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("simulate", ["simulate", "simulate_files"])
def test_a_folder_of_other_files_is_refused(tmp_path, monkeypatch, kind, simulate):
    """Only the file of the truth, which no hospital has, marks a folder as simulated."""
    monkeypatch.setattr(dataset, "_scan", lambda *_: pytest.fail("nothing is to be simulated"))
    for name in FOREIGN[kind]:
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / name).write_text("precious")
    size = (2, 2, 1) if simulate == "simulate" else (2, 1)
    with pytest.raises(ValueError, match=r"a: expected a simulated cohort or nothing there, found "):
        getattr(dataset, simulate)("internal", *size, tmp_path / "a")
    with pytest.raises(ValueError, match="a file"):
        getattr(dataset, simulate)("internal", *size, tmp_path / "a" / FOREIGN[kind][0])
    assert all((tmp_path / "a" / name).read_text() == "precious" for name in FOREIGN[kind])
    assert len(list(tmp_path.rglob("*"))) == 1 + len({p for n in FOREIGN[kind] for p in (n, *above(n))})


def above(name):
    return [str(parent) for parent in Path(name).parents if str(parent) != "."]


def test_no_cohort_says_which_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="internal"):
        dataset.load_tables(tmp_path / "internal")
    with pytest.raises(FileNotFoundError, match="internal"):
        dataset.load_images(tmp_path / "internal")


def test_files_are_read_as_they_were_simulated(tmp_path):
    """Written as a hospital stores them and read back, the images are those of the simulation; a second,
    smaller simulation leaves nothing of the first."""
    for exams in (2, 1):
        dataset.simulate_files("external", exams, 5, tmp_path / "made")
    records, truth = dataset.load_tables(tmp_path / "made")
    assert [path.name for path in (tmp_path / "made/images").iterdir()] == records["exam"].tolist()
    found = scans.read_images(tmp_path / "made/images", records["exam"][0])
    expected = dataset._scan(5, records.iloc[0], truth.iloc[0])
    assert list(found) == list(expected) == [name for name in SEQUENCES if records[name][0]]
    for name, image in expected.items():
        np.testing.assert_array_equal(found[name].values, image.values)
        assert found[name].spacing_m == pytest.approx(image.spacing_m)
        assert found[name].b_s_mm2 == image.b_s_mm2
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_bodies_depend_on_seed_and_number_and_tell_their_tissue(tmp_path, monkeypatch):
    """A second, longer simulation begins with the same bodies. Tissue lies in the stated ranges, some of it
    as logarithms; every image is there, and the liver is where the fine slice is not air."""
    short, long = (bodies.simulate(count, 3, tmp_path / f"{count}.zarr", 1) for count in (1, 2))
    for name in short:
        np.testing.assert_array_equal(short[name].values[0], long[name].values[0])
    names = ("volume", "surface", "liver", "tissue")
    assert datasets.load(tmp_path / "2.zarr", names).equals(long)
    for k, (name, law) in enumerate(bodies.QUANTITIES.items()):
        values = long["tissue"].values[:, k]
        values = np.exp(values) if name in bodies.LOGARITHMIC else values
        assert ((values >= law.low) & (values <= law.high)).all() and values[0] != values[1], name
    assert np.isfinite(long["volume"]).all() and np.isfinite(long["surface"]).all()
    liver, surface = long["liver"].values, long["surface"].values.astype(float)
    assert 0.05 < liver.mean() < 0.6 and np.median(surface[liver]) > np.log(0.2)
