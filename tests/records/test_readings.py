"""Tables of cohorts and predictions, small and with known faults."""

import pandas as pd
import pytest

from dime.records import readings


@pytest.fixture
def written(tmp_path):
    """Records, truth and predictions of three examinations, in different orders."""
    folder = tmp_path / "datasets/internal"
    folder.mkdir(parents=True)
    exams = ["I00000", "I00001", "I00002"]
    records = pd.DataFrame({"exam": exams, "patient": ["a", "b", "b"], "stiffness_kpa": [2.0, 3.0, 4.0]})
    records.to_csv(folder / "records.csv", index=False)
    truth = pd.DataFrame({"exam": exams, "true_kpa": [2.1, 3.1, 4.1]})
    truth.iloc[::-1].to_csv(folder / "truth.csv", index=False)
    rows = [
        ("internal", "I00002", "net", 4.2, 3.2, 5.2),
        ("internal", "I00001", "net", 3.2, 2.2, 4.2),
        ("internal", "I00000", "net", 2.2, 1.2, 3.2),
        ("internal", "I00001", "fib4", 3.0, None, None),
    ]
    columns = ["cohort", "exam", "model", "kpa", "low_kpa", "high_kpa"]
    return tmp_path, pd.DataFrame(rows, columns=columns)


def read(written, table):
    table.to_csv(written / "predictions.csv", index=False)
    return readings.read(written / "datasets", written / "predictions.csv", ["internal"])["internal"]


def test_tables_are_joined_by_examination(written):
    """The three files list the examinations in different orders."""
    cohort = read(*written)
    assert list(cohort.kpa["net"] - cohort.exams["stiffness_kpa"]) == pytest.approx([0.2] * 3)
    assert list(cohort.kpa["net"] - cohort.exams["true_kpa"]) == pytest.approx([0.1] * 3)
    assert list(cohort.high["net"] - cohort.low["net"]) == [2.0] * 3
    assert list(readings.known(cohort, "net", "fib4")) == [False, True, False]
    assert list(readings.part(cohort, [True, False, True]).exams.index) == ["I00000", "I00002"]


def test_models_can_be_added(written):
    """A further model joins by examination, in any order, and has no interval."""
    cohort = read(*written)
    kpa = pd.DataFrame({"best": [4.0, 2.0, 3.0]}, index=["I00002", "I00000", "I00001"])
    found = readings.added(cohort, kpa)
    assert list(found.kpa["best"]) == [2.0, 3.0, 4.0] and found.low["best"].isna().all()
    assert list(found.kpa["net"]) == list(cohort.kpa["net"])
    assert readings.known(found, "best", "net").all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: pd.concat([t, t[:1]]), "expected one prediction .* exam I00002, model net"),
        (lambda t: t.assign(kpa=-t["kpa"]), "expected kpa above 0, found .* kpa -4.2"),
        (lambda t: t.assign(exam="X1").iloc[:1], "expected examinations of .*internal, found .* exam X1"),
        (lambda t: t.assign(cohort="temporal"), "expected predictions of cohort internal, found none"),
    ],
    ids=["twice", "negative", "unknown", "none"],
)
def test_predictions_that_do_not_fit_are_refused_in_one_line(written, spoil, message):
    """Each table has one fault, which the message names."""
    folder, table = written
    with pytest.raises(ValueError, match=message) as caught:
        read(folder, spoil(table))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(written):
    """No predictions have been written."""
    with pytest.raises(FileNotFoundError, match=r"predictions\.csv"):
        readings.read(written[0] / "datasets", written[0] / "predictions.csv")


def test_missing_fields_and_sequences_are_counted():
    """Nothing is missing; one laboratory value and one sequence; all."""
    exams = pd.DataFrame(1.0, index=range(3), columns=list(readings.FIELDS))
    exams = exams.assign(t1w=[True, True, False], t2w=[True, True, False], dwi=[True, False, False])
    exams.loc[1, "ggt_u_l"] = None
    exams.loc[2, list(readings.FIELDS)] = None
    assert list(readings.missing(exams)) == [0, 2, 12]
