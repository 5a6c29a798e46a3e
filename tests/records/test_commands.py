"""The commands `dime records`: what is wrong is one line, exit code 2, and no file.

The package's own model is replaced by one of random weights.
"""

import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from record_tables import rewrite, table, write_cohort, write_model

from dime.records import files_training, prediction


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("weights"))


@pytest.fixture(autouse=True)
def own(weights, monkeypatch):
    """A model in place of the package's own."""
    for module in (prediction, files_training):
        monkeypatch.setattr(module, "WEIGHTS", weights)


@pytest.fixture
def hospital(tmp_path):
    """A folder with records.csv and images/ of two examinations."""
    write_cohort(tmp_path)
    return tmp_path


def test_what_is_simulated_can_be_learnt_from_and_predicted(tmp_path, here):
    """The three commands in a row; a second training replaces the first."""
    done = here(*"records simulate -o made --exams 6 --seed 7 --site-kind external".split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "made: 6 simulated examinations, external, seed 7\n"
    for epochs in (1, 2):
        words = f"records train made/records.csv --images made/images -o model --epochs {epochs}".split()
        done = here(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "model: trained on 6 examinations of 6 patients\n"
    assert len(pd.read_csv(tmp_path / "model/fused-4/history.csv")) == 2
    exams = pd.read_csv(tmp_path / "made/records.csv")["exam"]
    shutil.rmtree(tmp_path / f"made/images/{exams[1]}")
    frame = table(6).drop(columns=["t1w", "t2w", "dwi"]).assign(exam=exams)
    frame.to_csv(tmp_path / "mine.csv", index=False)
    words = "records predict mine.csv --images made/images -o out.csv --model model".split()
    done = here(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    said = re.fullmatch(r"out.csv: 6 examinations, median (.*) kPa, (\d) with flags\n", done.stdout)
    assert float(said[1]) == pytest.approx(found["kpa"].median(), abs=0.01)
    assert int(said[2]) == (found["flags"] != "").sum()
    assert found["flags"][1].startswith("no t1w; no t2w; no dwi") and found["exam"].tolist() == exams.tolist()


def test_the_records_alone_are_enough(hospital, here):
    """Without images and with the package's own model; the table may say that images were acquired."""
    done = here(*"records predict records.csv -o out.csv".split(), cwd=hospital)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(hospital / "out.csv")
    assert (found[["t1w_percent", "t2w_percent", "dwi_percent"]] == 0).all(axis=None)
    assert found["flags"].str.startswith("no t1w; no t2w; no dwi").all()


PREDICT = "records predict records.csv --images images -o out.csv"
TRAIN = "records train records.csv --images images -o model"
SIMULATE = "records simulate --exams 2 --seed 1"


def records(**cells):
    """Change the second row of records.csv; `drop` names a column to leave out."""

    def change(folder):
        path = folder / "records.csv"
        frame = pd.read_csv(path).astype(object).drop(columns=cells.get("drop", []))
        for column, value in cells.items():
            if column != "drop":
                frame.loc[1, column] = value
        frame.to_csv(path, index=False)

    return change


def everything(folder):
    """Nothing is left of examination I00001 but its name."""
    frame = table(2)[["exam", "patient", "site", "date"]].assign(age_years=[50, None])
    frame.to_csv(folder / "records.csv", index=False)
    shutil.rmtree(folder / "images/I00001")


def no_size(image):
    image.header["pixdim"][1:4] = 1
    image.set_sform(None, 0)
    image.set_qform(None, 0)


BAD = {
    "no table": (PREDICT.replace("records.csv", "x.csv"), None, "x.csv: no such file"),
    "a picture": (PREDICT, lambda f: (f / "records.csv").write_bytes(b"\x89PNG\0"), "found another format"),
    "a column": (PREDICT, records(ferritin=3), "records.csv: unknown column 'ferritin'"),
    "nearly": (PREDICT, records(sexe="male"), "records.csv: unknown column 'sexe': expected sex?"),
    "units": (
        PREDICT,
        records(ast_u_l=0.6, drop="alt_u_l"),
        "I00001: ast_u_l: expected 1 to 50000 U/L, found",
    ),
    "laboratory": (
        PREDICT,
        lambda f: table(2).assign(ast_u_l=[0.5, 0.7]).to_csv(f / "records.csv", index=False),
        "ast_u_l: expected U/L, found a median of 0.6 in 2 values (ukat/L?)",
    ),
    "platelets": (PREDICT, records(platelets_1e9_l=225000), "expected 1e9/L, found a median of 112615 in 2 "),
    "age": (PREDICT, records(age_years=-3), "exam I00001: age_years: expected 0 to 120 years, found '-3'"),
    "twice": (PREDICT, records(exam="I00000"), "exam I00000: expected one row, found it in rows 1 and 2"),
    "text": (
        PREDICT,
        records(ggt_u_l="high"),
        "exam I00001: ggt_u_l: expected a number [U/L] or a blank, foun",
    ),
    "nothing": (
        PREDICT,
        everything,
        "records.csv: exam I00001: expected an image or a clinical value, found no",
    ),
    "no images": (PREDICT.replace("--images images", "--images x"), None, "x: no such folder"),
    "lost image": (
        PREDICT,
        lambda f: (f / "images/I00001/t2w.nii.gz").unlink(),
        "I00001/t2w.nii.gz: no such fi",
    ),
    "no size": (
        PREDICT,
        lambda f: rewrite(f / "images/I00001/t1w.nii.gz", lambda values: values, no_size),
        "I00001/t1w.nii.gz: expected a voxel size in the header, found 1 x 1 x 1",
    ),
    "no bval": (PREDICT, lambda f: (f / "images/I00000/dwi.bval").unlink(), "I00000/dwi.bval: no such file"),
    "broken": (PREDICT, lambda f: (f / "images/I00001/dwi.nii.gz").write_text("?"), "not a NIfTI file"),
    "no model": (f"{PREDICT} --model x", None, "x: no such folder"),
    "a name": (PREDICT.replace("out.csv", "out.xlsx"), None, "out.xlsx: expected a name that ends in .csv"),
    "nowhere": (PREDICT.replace("out.csv", "x/out.csv"), None, "x: no such folder"),
    "itself": (
        PREDICT.replace("out.csv", "records.csv"),
        None,
        "earlier predictions, found the table itself",
    ),
    "no output": ("records predict records.csv", None, "'-o'"),
    "no label": (
        TRAIN,
        records(drop="stiffness_kpa"),
        "records.csv: expected a column stiffness_kpa, found none",
    ),
    "a blank label": (
        TRAIN,
        records(stiffness_kpa=None),
        "exam I00001: stiffness_kpa: expected a value, found",
    ),
    "stiffness": (TRAIN, records(stiffness_kpa=0), "stiffness_kpa: expected 0.1 to 100 kPa, found '0'"),
    "a training image": (
        TRAIN,
        lambda f: (write_cohort(f, 12), (f / "images/I00001/t1w.nii.gz").write_text("?")),
        "not a NIfTI file",
    ),
    "patients": (TRAIN, None, "table: patient: expected at least 6, found 1"),
    "epochs": (f"{TRAIN} --epochs 0", None, "--epochs: expected at least 1, found 0"),
    "no number": (f"{TRAIN} --epochs many", None, "'--epochs'"),
    "over images": (
        TRAIN.replace("-o model", "-o images"),
        None,
        "expected a new name or an earlier model, foun",
    ),
    "within images": (TRAIN.replace("-o model", "-o images/model"), None, "an earlier model, found images"),
    "here": (
        TRAIN.replace("-o model", "-o ."),
        None,
        "expected a new name or an earlier model, found records.csv",
    ),
    "over a table": (
        TRAIN.replace("-o model", "-o records.csv"),
        None,
        "or an earlier model, found records.csv",
    ),
    "real data": (f"{SIMULATE} -o .", None, ".: expected a new name or an earlier simulation, found images"),
    "a file": (f"{SIMULATE} -o records.csv", None, "or an earlier simulation, found records.csv"),
    "sites": (
        f"{SIMULATE} -o made --site-kind far",
        None,
        "--site-kind: expected one of internal, temporal, ext",
    ),
    "none": ("records simulate --exams 0 --seed 1 -o made", None, "--exams: expected at least 1, found 0"),
    "seed": ("records simulate --exams 1 --seed -1 -o made", None, "--seed: expected at least 0, found -1"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_one_line_and_nothing_is_written(hospital, here, kind):
    words, spoil, message = BAD[kind]
    if spoil:
        spoil(hospital)
    before = {path: path.read_bytes() if path.is_file() else None for path in hospital.rglob("*")}
    done = here(*words.split(), cwd=hospital)
    assert done.returncode == 2 and not done.stdout
    assert message in done.stderr and done.stderr.startswith("dime: ")
    assert done.stderr.strip().count("\n") == 0, done.stderr
    assert {path: path.read_bytes() if path.is_file() else None for path in hospital.rglob("*")} == before


def test_predictions_that_cannot_be_written_leave_the_earlier_ones(hospital, here, monkeypatch):
    """The disk is full in the middle of the file."""
    (hospital / "out.csv").write_text("yesterday's")

    def full_disk(self, path, **_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full_disk)
    done = here(*PREDICT.split(), cwd=hospital)
    assert done.returncode == 2 and "out.csv: cannot be written (no space" in done.stderr
    assert (hospital / "out.csv").read_text() == "yesterday's"
    assert {path.name for path in hospital.iterdir()} == {"records.csv", "images", "out.csv"}


def test_a_folder_of_other_files_is_spared(hospital, here):
    """A simulation and a training look for their own marks before they write into a folder."""
    (hospital / "thesis").mkdir()
    (hospital / "thesis/chapter.txt").write_text("three years")
    for words in (f"{SIMULATE} -o thesis", TRAIN.replace("-o model", "-o thesis")):
        done = here(*words.split(), cwd=hospital)
        assert done.returncode == 2 and "found chapter.txt" in done.stderr
    write_cohort(hospital, 12)
    (hospital / "made").mkdir()
    (hospital / "made/fused-9").mkdir()
    (hospital / "made/fused-9/checkpoint.pt").write_text("half way")
    words = f"{TRAIN.replace('-o model', '-o made')} --epochs 1"
    assert here(*words.split(), cwd=hospital).returncode == 0
    assert not (hospital / "made/fused-9").exists()  # of another training


def test_a_doubt_is_a_warning_and_no_refusal(hospital, here):
    """A file without an orientation is read as it is."""
    rewrite(
        hospital / "images/I00001/t1w.nii.gz",
        lambda values: values,
        lambda image: (image.set_sform(None, 0), image.set_qform(None, 0)),
    )
    with pytest.warns(UserWarning, match="t1w.nii.gz: its header states no orientation"):
        done = here(*PREDICT.split(), cwd=hospital)
    assert done.returncode == 0 and (hospital / "out.csv").is_file()


def test_the_command_line_loads_neither_numpy_nor_pandas():
    code = "import sys, dime.cli; print({'numpy', 'pandas', 'torch', 'nibabel'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
