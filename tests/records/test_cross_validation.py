"""Folds, jobs and the table of predictions: no network judges whom it has seen, or sees what it may not."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from dime.files import datasets
from dime.learning import checkpoints
from dime.records import cohort, cross_validation, reader, surface, table, training
from dime.records.columns import FIELDS
from dime.records.frame import SHAPE, SURFACE_PIXELS
from dime.records.training import COLUMNS, Schedule

SIZES = {"internal": (150, 120), "temporal": (12, 12), "external": (10, 10)}
FOLDS, SEED = 3, 4


def write(folder, seed=SEED):
    """Tables of three cohorts, and what is read from their images: noise."""
    folders = {}
    for name, (exams, patients) in SIZES.items():
        folders[name] = folder / name
        folders[name].mkdir(parents=True)
        records, truth = cohort.draw_cohort(name, exams, patients, seed)
        records.to_csv(folders[name] / "records.csv", index=False)
        pd.concat([records["exam"], truth], axis=1).to_csv(folders[name] / "truth.csv", index=False)
    count = sum(exams for exams, _ in SIZES.values())
    np.save(
        folder / "readings.npy", np.random.default_rng(0).normal(size=(count, COLUMNS)).astype(np.float32)
    )
    return folders


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return write(tmp_path_factory.mktemp("cohorts"))


@pytest.fixture(scope="module")
def cohorts(folders):
    return cross_validation.load_cohorts(folders, FOLDS, SEED)


MODELS = {"fused": Schedule(), "image": Schedule(sees="images"), "records": Schedule(sees="records")}
MODELS |= {"fused-loso": Schedule(), "cnn": Schedule(kind="volume", sees="images")}


@pytest.fixture(scope="module")
def jobs(cohorts, tmp_path_factory):
    return cross_validation.jobs(cohorts, MODELS, tmp_path_factory.mktemp("networks"), 2, SEED)


def test_no_patient_is_in_two_folds_and_the_others_are_in_none(cohorts):
    """120 patients, 30 of them twice; `table.check_folds` refuses a patient in two folds. Folds hold a third
    of the examinations each, and of every large site too."""
    inside = (cohorts.records["cohort"] == "internal").to_numpy()
    assert ((cohorts.fold >= 0) == inside).all() and len(cohorts.fold) == len(cohorts.truth) == 172
    table.check_folds(cohorts.records[inside], cohorts.fold[inside])
    assert np.bincount(cohorts.fold[inside]) == pytest.approx(50, abs=4)
    assert (cohorts.records["exam"] == cohorts.truth["exam"]).all()


def test_networks_see_neither_their_fold_nor_other_cohorts(cohorts, jobs):
    """Of training and validation no patient is in both, none is in the fold or at the site that is judged,
    and together they are all the others."""
    people, sites = (cohorts.records[name].to_numpy() for name in ("patient", "site"))
    for job in jobs:
        place = np.where(cohorts.fold >= 0, sites, "") if job.model == "fused-loso" else cohorts.fold
        known = np.concatenate([job.training, job.validation])
        assert (cohorts.fold[known] >= 0).all() and (place[known] != job.fold).all()
        assert sorted(known) == np.flatnonzero((cohorts.fold >= 0) & (place != job.fold)).tolist()
        assert not set(people[job.training]) & set(people[job.validation])
        assert len(job.validation) / len(known) == pytest.approx(1 / cross_validation.VALIDATION, abs=0.06)
        if job.model != "fused-loso":
            assert not set(people[known]) & set(people[cohorts.fold == job.fold])


def test_there_is_a_network_for_every_fold_site_and_member(cohorts, jobs):
    """Three folds or five sites, two members each, one of a network of pixels; every one has a folder of its
    own, members have other patients who choose, and the fused one judges with each part withheld."""
    count = pd.Series([job.model for job in jobs]).value_counts().to_dict()
    assert count == {"fused-loso": 10, "fused": 6, "image": 6, "records": 6, "cnn": 3}
    assert len({job.folder for job in jobs}) == len(jobs)
    for one, two in pairwise(jobs):
        if (one.model, one.fold) == (two.model, two.fold):
            assert not set(one.validation) & set(two.validation) and one.schedule.seed != two.schedule.seed
    for job in jobs:
        names = [name for name, _ in job.judges]
        assert names[0] == job.model and len(names) == (5 if job.model == "fused" else 1)
        assert all(name.split("without ")[1] == lost for name, (lost,) in job.judges[1:])


def found_by(jobs, cohorts, value):
    """What each job finds of all: a location of its own, value(job), and a half width of 0.1."""
    ones = np.ones(len(cohorts.records))
    return [{name: (value(job) * ones, 0.1 * ones) for name, _ in job.judges} for job in jobs]


def test_internal_examinations_are_judged_by_networks_that_did_not_see_them(cohorts, jobs):
    """Network number j says ln kPa = j / 10: each internal row is the mean over its own fold's two members,
    temporal and external rows over all six; of the networks without a site, internal rows alone."""
    number = {job.folder: k for k, job in enumerate(jobs)}
    found = found_by(jobs, cohorts, lambda job: number[job.folder] / 10)
    rows = cross_validation.assemble(cohorts, jobs, found)
    assert not rows.duplicated(["cohort", "exam", "model"]).any() and not rows.isna().any(axis=None)
    sites = cohorts.records["site"].to_numpy()
    for name in ("fused", "fused/without dwi", "image", "fused-loso", "cnn"):
        of = name.split("/")[0]
        mine = rows[rows["model"] == name].set_index(["cohort", "exam"])
        loso = name.endswith("-loso")
        assert len(mine) == (150 if loso else 172)
        for row, (group, exam) in enumerate(
            zip(cohorts.records["cohort"], cohorts.records["exam"], strict=True)
        ):
            if group == "internal":
                place = sites[row] if loso else cohorts.fold[row]
                judges = [job for job in jobs if job.model == of and job.fold == place]
                assert all(row not in job.training and row not in job.validation for job in judges)
            elif loso:
                continue
            else:
                judges = [job for job in jobs if job.model == of]
            expected = np.mean([number[job.folder] / 10 for job in judges])
            kpa, low, high = mine.loc[(group, exam), ["kpa", "low_kpa", "high_kpa"]]
            assert np.log(kpa) == pytest.approx(expected)
            assert (np.log(low), np.log(high)) == (
                pytest.approx(expected - 0.1),
                pytest.approx(expected + 0.1),
            )


def test_an_examination_that_no_network_judges_has_no_stiffness(cohorts, jobs):
    """With one fold's networks missing, its rows are NaN and not exp(0) = 1 kPa."""
    part = [job for job in jobs if job.model == "image" and job.fold != 1]
    law = cross_validation.mean_law(cohorts, part, found_by(part, cohorts, lambda job: 2.0), "image")
    assert np.isnan(law[:, cohorts.fold == 1]).all() and (law[0, cohorts.fold != 1] == 2).all()


def test_late_fusion_recovers_the_mixture(cohorts, jobs):
    """Two networks whose locations u, v give ln kPa = 0.2 + 0.7 u - 0.3 v + noise of 0.005: the stack says so
    again within 0.03, learnt from validation patients alone, with nine in ten of them in the interval."""
    rng = np.random.default_rng(2)
    u, v, noise = rng.normal(size=(3, 172))
    labels = np.exp(0.2 + 0.7 * u - 0.3 * v + 0.005 * noise)
    mixed = cohorts._replace(records=cohorts.records.assign(stiffness_kpa=labels))
    part = [job for job in jobs if job.model in ("image", "records")]
    found = [{job.model: (u if job.model == "image" else v, np.zeros(172))} for job in part]
    made, judged = cross_validation.stack(mixed, part, found)
    assert len(made) == 6 and {job.model for job in made} == {"late"}
    inside, halves = [], []
    for job, one in zip(made, judged, strict=True):
        location, half = one["late"]
        np.testing.assert_allclose(location, 0.2 + 0.7 * u - 0.3 * v, atol=0.03)
        inside.extend(np.abs(np.log(labels) - location)[job.validation] <= half[job.validation])
        halves.append(half[0])
    assert np.mean(inside) == pytest.approx(0.9, abs=0.08)
    assert np.mean(halves) == pytest.approx(1.645 * 0.005, rel=0.35)


def test_late_fusion_looks_at_validation_patients_alone(cohorts, jobs):
    """Other labels of all whom the networks learnt from or are tested on change nothing."""
    rng = np.random.default_rng(2)
    part = [
        job
        for job in jobs
        if job.model in ("image", "records") and job.fold == 0 and "-0-0" in job.folder.name
    ]
    found = [{job.model: (rng.normal(size=172), np.zeros(172))} for job in part]
    before = cross_validation.stack(cohorts, part, found)[1][0]["late"]
    records = cohorts.records.copy()
    other = np.setdiff1d(np.arange(172), part[0].validation)
    records.loc[other, "stiffness_kpa"] = 99.0
    after = cross_validation.stack(cohorts._replace(records=records), part, found)[1][0]["late"]
    np.testing.assert_array_equal(before, after)


def test_baselines_answer_every_examination(cohorts, monkeypatch):
    """No NaN whatever is missing; the mean of a fold is that of the other folds, of an external set the mean
    of these means; the oracle, to which the truth is told, is better than the records."""
    monkeypatch.setattr(cross_validation.baselines, "ROUNDS", 30)
    monkeypatch.setattr(cross_validation.baselines, "LEAVES", (4,))
    rows = cross_validation.compare(cohorts)
    assert np.isfinite(rows["kpa"]).all() and (rows["kpa"] > 0).all()
    assert not rows.duplicated(["cohort", "exam", "model"]).any()
    assert rows["model"].value_counts().to_dict() == dict.fromkeys(
        ("mean", "ridge", "fib4", "apri", "boosting", "oracle"), 172
    )
    target = np.log(cohorts.records["stiffness_kpa"].to_numpy())
    means = [target[(cohorts.fold >= 0) & (cohorts.fold != fold)].mean() for fold in range(FOLDS)]
    kpa = {name: np.log(one["kpa"].to_numpy()) for name, one in rows.groupby("model")}
    for fold in range(FOLDS):
        assert kpa["mean"][cohorts.fold == fold] == pytest.approx(means[fold])
    assert kpa["mean"][cohorts.fold < 0] == pytest.approx(np.mean(means))
    r = {name: np.corrcoef(kpa[name], target)[0, 1] for name in ("oracle", "boosting")}
    assert r["oracle"] > r["boosting"]


def test_no_network_sees_site_date_or_truth(folders, tmp_path):
    """Examples are the same when all of truth.csv is shuffled and sites, dates and patients have other names;
    when a field or the label changes they are not."""
    before = cross_validation._examples(False, readings(folders), paths(folders))
    again = {}
    rng = np.random.default_rng(0)
    for name, folder in folders.items():
        again[name] = tmp_path / name
        again[name].mkdir()
        truth = pd.read_csv(folder / "truth.csv")
        shuffled = {column: rng.permutation(truth[column]) for column in truth if column != "exam"}
        truth.assign(**shuffled).to_csv(again[name] / "truth.csv", index=False)
        records = pd.read_csv(folder / "records.csv")
        other = records.assign(site="Z", date="1999-01-01", patient=rng.permutation(records["patient"]))
        other.to_csv(again[name] / "records.csv", index=False)
    after = cross_validation._examples(False, readings(folders), paths(again))
    assert before.images.shape == (172, COLUMNS) and before.fields.shape == (172, len(FIELDS))
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
    other.assign(age_years=50.0, stiffness_kpa=3.0).to_csv(again["external"] / "records.csv", index=False)
    cross_validation._examples.cache_clear()
    changed = cross_validation._examples(False, readings(folders), paths(again))
    assert (changed.fields[-10:, 0] == 50).all() and torch.allclose(
        changed.ln_kpa[-10:].exp(), torch.tensor(3.0)
    )


def readings(folders):
    return folders["internal"].parent / "readings.npy"


def paths(folders):
    return tuple(folders.values())


TINY = Schedule(width=8, layers=1, epochs=1, batch=16)


def test_a_network_that_is_there_is_not_taught_again_unless_its_labels_change(
    folders, cohorts, tmp_path, monkeypatch
):
    """A second run reads the network and finds the same. With one other label in the table, or another
    schedule, it learns again."""
    job = cross_validation.jobs(cohorts, {"fused": TINY}, tmp_path / "networks", 1, SEED)[0]
    where = {"readings": readings(folders), "folders": list(folders.values())}
    taught, train = [], cross_validation.train

    def counted(*arguments, **named):
        taught.append(1)
        return train(*arguments, **named)

    counted.__module__ = train.__module__
    monkeypatch.setattr(cross_validation, "train", counted)
    first, second = (cross_validation._judge(job, where) for _ in range(2))
    assert len(taught) == 1 and list(first) == [name for name, _ in job.judges]
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
        assert np.isfinite(first[name]).all() and (first[name][1] > 0).all()
    cross_validation._judge(job._replace(schedule=Schedule(width=8, layers=1, epochs=1, batch=8)), where)
    assert len(taught) == 2
    examples = cross_validation._examples
    monkeypatch.setattr(
        cross_validation, "_examples", lambda *a: examples(*a)._replace(ln_kpa=examples(*a).ln_kpa + 0.01)
    )
    cross_validation._judge(job._replace(schedule=Schedule(width=8, layers=1, epochs=1, batch=8)), where)
    assert len(taught) == 3


def test_what_is_withheld_is_withheld_from_learning_and_judging(folders, cohorts, tmp_path):
    """The network judges the same when its withheld part has other values: DWI's readings are noise."""
    schedule = Schedule(width=8, layers=1, epochs=1, batch=16, withheld=("dwi",))
    job = cross_validation.jobs(cohorts, {"trained/without dwi": schedule}, tmp_path / "a", 1, SEED)[0]
    assert job.folder.parent == tmp_path / "a" and " " not in job.folder.name
    where = {"readings": readings(folders), "folders": list(folders.values())}
    other = np.load(readings(folders))
    other[:, training.columns("dwi", COLUMNS).numpy()] += 5
    np.save(tmp_path / "other.npy", other)
    one = cross_validation._judge(job, where)
    two = cross_validation._judge(
        job._replace(folder=tmp_path / "b"), where | {"readings": tmp_path / "other.npy"}
    )
    np.testing.assert_array_equal(one["trained/without dwi"], two["trained/without dwi"])


def test_workers_find_what_one_process_finds(folders, cohorts, tmp_path):
    job = cross_validation.jobs(cohorts, {"records": TINY}, tmp_path, 1, SEED)[0]
    where = {"readings": readings(folders), "folders": list(folders.values())}
    alone = cross_validation._judge(job, where)
    (found,) = cross_validation.run([job], where, 1)
    np.testing.assert_array_equal(found["records"], alone["records"])


def test_images_are_read_in_the_order_of_the_cohorts(tmp_path):
    """Two cohorts of two and one examinations, marked by their brightness: 32 readings and the roughness of
    each, one below the other, NaN where there is no T1w."""
    folders = {}
    for name, marks in (("internal", (1.0, 2.0)), ("external", (3.0,))):
        folders[name] = tmp_path / name
        volume = np.full((len(marks), 3, *SHAPE), 1, np.float16) * np.reshape(marks, (-1, 1, 1, 1, 1))
        fine = np.full((len(marks), SURFACE_PIXELS, SURFACE_PIXELS), np.nan, np.float16)
        data = {
            "volume": (("exam", "sequence", "z", "y", "x"), volume.astype(np.float16)),
            "surface": (("exam", "v", "u"), fine),
        }
        datasets.write(xr.Dataset(data), folders[name] / "images.zarr")
    torch.manual_seed(0)
    tissue = reader.TissueReader(16).eval()
    checkpoints.save_model(tissue, {}, tmp_path / "reader")
    checkpoints.save_model(surface.Outliner(), {}, tmp_path / "outliner")
    cross_validation.read_images(folders, tmp_path, tmp_path / "readings.npy")
    found = np.load(tmp_path / "readings.npy")
    assert found.shape == (3, COLUMNS) and found.dtype == np.float32
    for row, mark in enumerate((1.0, 2.0, 3.0)):
        alone = reader.read(tissue, np.full((1, 3, *SHAPE), mark, np.float16), fine[:1]).ravel()
        np.testing.assert_allclose(found[row, :-1], alone, atol=1e-5)
    assert (
        np.isnan(found[:, -1]).all() and np.isnan(found[:, 24:32]).all() and np.isfinite(found[:, :24]).all()
    )
