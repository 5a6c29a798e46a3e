"""Predictions from tables and files, of a model of random weights and of one that is trained here."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from record_tables import table, write_cohort, write_model

from dime.records import dataset, files_training, prediction
from dime.records.inputs import examinations, load_readers, read_folder
from dime.records.training import COLUMNS, Examples

PERCENT = [f"{part}_percent" for part in ("t1w", "t2w", "dwi", "records")]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def judges(model):
    return prediction.load(model).judges


@pytest.fixture
def hospital(tmp_path):
    write_cohort(tmp_path, 4)
    return tmp_path


def predicted(hospital, model, records=None):
    records = hospital / "records.csv" if records is None else records
    return prediction.predict_stiffness(records, hospital / "images", model)


def test_files_to_a_model_to_predictions(tmp_path, model, monkeypatch):
    """Six simulated examinations teach a model, which judges them; a second training keeps its networks.

    Once a stiffness is another, no network is kept.
    """
    monkeypatch.setattr(files_training, "WEIGHTS", model)
    dataset.simulate_files("internal", 6, 3, tmp_path / "made", workers=1)
    seen = tmp_path / "made/images"
    records = examinations(tmp_path / "made/records.csv", seen, ("stiffness_kpa",))
    files_training.train_files(records, seen, tmp_path / "own", {"epochs": 2, "seed": 1})
    files = [tmp_path / f"own/fused-{fold}/weights.safetensors" for fold in range(5)]
    before = [path.stat().st_mtime_ns for path in files]
    assert {path.name for path in (tmp_path / "own").iterdir()} == (
        {"reader", "outliner", "card.json"} | {path.parent.name for path in files}
    )
    found = prediction.predict_stiffness(tmp_path / "made/records.csv", seen, tmp_path / "own")
    assert list(found) == ["exam", "kpa", "low_kpa", "high_kpa", *PERCENT, "flags"]
    assert found["exam"].tolist() == records["exam"].tolist() and not found.isna().any(axis=None)
    assert ((0 < found["low_kpa"]) & (found["low_kpa"] < found["kpa"])).all()
    assert (found["kpa"] < found["high_kpa"]).all()
    for name in ("t1w", "t2w", "dwi"):
        assert ((found[f"{name}_percent"] != 0) == records[name]).all()
    (tmp_path / "own/card.json").unlink()  # as if it had been killed before the end
    files_training.train_files(records, seen, tmp_path / "own", {"epochs": 2, "seed": 1})
    assert [path.stat().st_mtime_ns for path in files] == before
    again = prediction.predict_stiffness(records, seen, tmp_path / "own")
    pd.testing.assert_frame_equal(again, found)
    records.loc[0, "stiffness_kpa"] *= 1.01
    files_training.train_files(records, seen, tmp_path / "own", {"epochs": 2, "seed": 1})
    assert all(path.stat().st_mtime_ns > was for path, was in zip(files, before, strict=True))


def test_a_missing_part_contributes_nothing_and_is_flagged(hospital, model):
    """Exam 1 loses its T2w file, exam 2 all images, exam 3 all records; exam 0 has everything."""
    (hospital / "images/I00001/t2w.nii.gz").unlink()
    shutil.rmtree(hospital / "images/I00002")
    frame = table(4).drop(columns=["t1w", "t2w", "dwi"])
    frame.loc[3, "age_years":"stiffness_kpa"] = None
    found = predicted(hospital, model, frame)
    absent = found[PERCENT].to_numpy() == 0
    assert absent.tolist() == [
        [False] * 4,
        [False, True, False, False],
        [True, True, True, False],
        [False, False, False, True],
    ]
    flags = found["flags"].str.split("; ").tolist()
    assert "no t2w" in flags[1] and "no t1w" not in flags[1]
    assert {"no t1w", "no t2w", "no dwi"} <= set(flags[2]) and "no records" in flags[3]
    assert not found.isna().any(axis=None)


def test_the_contribution_is_the_change_when_the_file_is_not_there(hospital, model):
    """Without its T2w file, exam 1 is judged as its contribution says: kpa / (1 + percent / 100)."""
    whole = predicted(hospital, model)
    (hospital / "images/I00001/t2w.nii.gz").unlink()
    frame = table(4).drop(columns=["t1w", "t2w", "dwi"])
    less = predicted(hospital, model, frame)
    expected = whole["kpa"][1] / (1 + whole["t2w_percent"][1] / 100)
    assert less["kpa"][1] == pytest.approx(expected, rel=1e-5) and abs(whole["t2w_percent"][1]) > 1e-3
    assert less["kpa"][0] == pytest.approx(whole["kpa"][0], rel=1e-5)


def test_ages_out_of_the_range_are_flagged_and_judged(hospital, model):
    """The model's training was 41 to 53 years old."""
    frame = pd.read_csv(hospital / "records.csv").assign(age_years=[45, 15, 95, np.nan])
    flags = predicted(hospital, model, frame)["flags"]
    assert flags.str.contains("age_years out of the training range").tolist() == [False, True, True, False]


def test_every_image_is_read_before_a_stiffness_is_given(hospital, model):
    """The last examination's file is cut off."""
    (hospital / "images/I00003/dwi.nii.gz").write_text("?")
    with pytest.raises(ValueError, match=r"I00003/dwi.nii.gz.*NIfTI"):
        predicted(hospital, model)


def test_the_law_is_the_mean_over_networks(judges):
    """Two networks of half widths 2 and 3 scales: location and half width are means of theirs."""
    generator = torch.Generator().manual_seed(1)
    examples = Examples(torch.randn(5, COLUMNS, generator=generator), torch.zeros(5, 14), torch.zeros(5))
    location, half = prediction.law(judges, examples)
    single = [prediction.law([judge], examples) for judge in judges]
    assert location == pytest.approx((single[0][0] + single[1][0]) / 2)
    assert half == pytest.approx((single[0][1] + single[1][1]) / 2)
    _, log_scale = judges[1][0](examples.images, examples.fields)
    assert single[1][1] == pytest.approx(3 * log_scale.exp().detach().numpy(), rel=1e-5)


def test_images_far_from_the_training_are_flagged(judges):
    """One reading lies 4, then 6 deviations from the mean; then there are no images."""
    tokens = judges[0][0].tokens
    images = tokens.mean[14:].repeat(3, 1)
    images[0, 7] += 4 * tokens.deviation[14 + 7]
    images[1, 7] -= 6 * tokens.deviation[14 + 7]
    images[2] = torch.nan
    assert prediction.unlike(judges, images) == [[], [prediction.UNLIKE], []]


def test_what_no_training_examination_had_is_not_shown(judges):
    """A network whose training had no diffusion judges as if there were none, and says so."""
    network, reach = judges[0]
    columns = 14 + torch.arange(16, 24)
    mean, deviation = network.tokens.mean.clone(), network.tokens.deviation.clone()
    try:
        network.tokens.mean[columns], network.tokens.deviation[columns] = 0.0, 1.0
        examples = Examples(torch.full((2, COLUMNS), 3.0), torch.zeros(2, 14), torch.zeros(2))
        whole, less = (
            prediction.law([(network, reach)], part) for part in (examples, examples.without(["dwi"]))
        )
        assert (whole == less).all()
        assert prediction.unlike([(network, reach)], examples.images) == [["no dwi in the training"]] * 2
    finally:
        network.tokens.mean, network.tokens.deviation = mean, deviation


def test_files_are_read_as_framed_images_are(hospital, model):
    """One examination's readings do not depend on the others; rows without files are NaN."""
    readers = load_readers(model)
    shutil.rmtree(hospital / "images/I00002")
    records = table(4)
    found = read_folder(records, hospital / "images", *readers)
    assert found.shape == (4, COLUMNS) and found.dtype == np.float32
    assert np.isnan(found[2]).all() and np.isfinite(found[[0, 1, 3], :-1]).all()
    alone = read_folder(records[1:2], hospital / "images", *readers)
    assert np.array_equal(alone[0], found[1], equal_nan=True)
    assert np.isnan(read_folder(records, None, *readers)).all()


def test_a_model_that_is_none_is_refused_in_one_line(model, tmp_path):
    """No card, a card without ranges, no networks, a network that sees images alone."""
    with pytest.raises(FileNotFoundError, match=r"card.json: missing"):
        prediction.load(tmp_path)
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(ValueError, match="expected the card of a model with ranges"):
        prediction.load(tmp_path)
    (tmp_path / "card.json").write_text('{"ranges": {}}')
    with pytest.raises(FileNotFoundError, match=r"expected networks fused-0, \.\.\., found none"):
        prediction.load(tmp_path)
    shutil.copytree(model / "reader", tmp_path / "fused-0")
    with pytest.raises(ValueError, match="expected a network that judges images and records, found another"):
        prediction.load(tmp_path)
