"""A table of examinations is read as it was written, and one wrong cell of it is named in one line."""

import numpy as np
import pandas as pd
import pytest
from record_tables import changed, table

from dime.records.columns import COLUMNS, FIELDS
from dime.records.table import (
    check_external,
    check_folds,
    check_present,
    fields,
    in_range,
    missing,
    read_table,
    training_ranges,
)


def saved(tmp_path, frame):
    path = tmp_path / "records.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_table_comes_back_as_it_was_written(tmp_path):
    """Numbers, words, dates and sequences; blanks are missing. From a file and from memory alike."""
    frame = changed(
        ast_u_l=None, sex=None, diabetes=None, aetiology="", stiffness_kpa="", date="2020-02-29", dwi=True
    )
    found = read_table(saved(tmp_path, frame))
    assert list(found) == list(COLUMNS) and len(found) == 6
    row = found.iloc[2]
    assert row[["ast_u_l", "sex", "diabetes", "aetiology", "stiffness_kpa"]].isna().all()
    assert row["date"] == "2020-02-29" and row["exam"] == "I00002" and row["dwi"] and not row["t1w"]
    others, written = (one.drop(index=2) for one in (found, table()))
    for column in COLUMNS:
        assert others[column].tolist() == written[column].tolist(), column
    pd.testing.assert_frame_equal(read_table(frame), found)
    pd.testing.assert_frame_equal(read_table(found), found)
    pd.testing.assert_frame_equal(read_table(found.assign(date=pd.to_datetime(found["date"]))), found)


def test_a_clinical_column_that_is_absent_is_missing_for_all(tmp_path):
    """Four columns make a table, in any order, with a byte order mark, blanks around and empty lines."""
    text = "\ufeff site,exam ,date,patient\r\nA, 007 ,2021-03-01,P1\r\n,,,\r\n\r\nB,8,2021-03-02,P1\r\n"
    (tmp_path / "records.csv").write_text(text, encoding="utf-8")
    found = read_table(tmp_path / "records.csv")
    assert found["exam"].tolist() == ["007", "8"] and found["site"].tolist() == ["A", "B"]
    assert found.drop(columns=["exam", "patient", "site", "date", "t1w", "t2w", "dwi"]).isna().all(axis=None)
    assert not found[["t1w", "t2w", "dwi"]].any(axis=None)


def in_unit(column, factor):
    """All values of a column in another unit."""
    return table(10).assign(**{column: table(10)[column] * factor})


BAD_TABLES = {
    "misspelt": (
        table().rename(columns={"ast_u_l": "AST_UL"}),
        "unknown column 'AST_UL': expected ast_u_l?",
    ),
    "unknown": (
        changed(ferritin=3),
        "unknown column 'ferritin': expected one of exam, patient, site, date, age_years",
    ),
    "truth": (changed(fibrosis=3), "unknown column 'fibrosis'"),
    "twice": (
        pd.concat([table(), table()[["ast_u_l"]]], axis=1),
        "ast_u_l: expected one such column, found 2",
    ),
    "no site": (table().drop(columns="site"), "expected a column site, found none"),
    "no row": (table(0), "expected at least one examination, found none"),
    "ukat": (
        in_unit("ast_u_l", 1 / 60),
        "ast_u_l: expected U/L, found a median of 0.575 in 10 values (ukat/L?)",
    ),
    "one ukat": (changed(ast_u_l=0.6).iloc[2:3], "found a median of 0.6 in 1 value (ukat/L?)"),
    "ALT": (in_unit("alt_u_l", 1 / 60), "alt_u_l: expected U/L, found a median of 0.541667 in 10 values (uk"),
    "g/L": (
        in_unit("albumin_g_dl", 10),
        "albumin_g_dl: expected g/dL, found a median of 41 in 10 values (g/",
    ),
    "umol": (in_unit("bilirubin_mg_dl", 17.1), "bilirubin_mg_dl: expected mg/dL, found a median of 13.68"),
    "/uL": (
        in_unit("platelets_1e9_l", 1e3),
        "platelets_1e9_l: expected 1e9/L, found a median of 225500 in",
    ),
    "1e12/L": (in_unit("platelets_1e9_l", 1e-3), "found a median of 0.2255 in 10 values (1e12/L?)"),
    "1e4/uL": (in_unit("platelets_1e9_l", 0.1), "found a median of 22.55 in 10 values (1e4/uL?)"),
    "months": (
        in_unit("age_years", 12),
        "age_years: expected years, found a median of 552 in 10 values (mon",
    ),
    "Pa": (in_unit("stiffness_kpa", 1e3), "stiffness_kpa: expected kPa, found a median of 2950 in 10 values"),
    "height": (changed(bmi_kg_m2=171), "exam I00002: bmi_kg_m2: expected 5 to 100 kg/m2, found '171'"),
    "unborn": (changed(age_years=-1), "exam I00002: age_years: expected 0 to 120 years, found '-1'"),
    "old": (changed(age_years=121), "exam I00002: age_years: expected 0 to 120 years, found '121'"),
    "negative lab": (changed(ggt_u_l=-45), "exam I00002: ggt_u_l: expected 1 to 20000 U/L, found '-45'"),
    "lab of 0": (changed(ast_u_l=0), "exam I00002: ast_u_l: expected 1 to 50000 U/L, found '0'"),
    "albumin": (changed(albumin_g_dl=7.1), "exam I00002: albumin_g_dl: expected 0.5 to 7 g/dL, found '7.1'"),
    "stiffness": (changed(stiffness_kpa=0), "exam I00002: stiffness_kpa: expected 0.1 to 100 kPa, found '0'"),
    "sex": (changed(sex="F"), "exam I00002: sex: expected female, male or a blank, found 'F'"),
    "diabetes": (changed(diabetes=2), "exam I00002: diabetes: expected 0, 1 or a blank, found '2'"),
    "aetiology": (
        changed(aetiology="NASH"),
        "aetiology: expected MASLD, viral, alcohol, autoimmune, other or",
    ),
    "sequence": (changed(dwi="no"), "exam I00002: dwi: expected 0, 1 or a blank, found 'no'"),
    "date": (changed(date="3.3.2021"), "exam I00002: date: expected a date YYYY-MM-DD, found '3.3.2021'"),
    "no date": (
        changed(date="2021-02-29"),
        "exam I00002: date: expected a date YYYY-MM-DD, found '2021-02-29'",
    ),
    "text": (changed(alt_u_l="<10"), "exam I00002: alt_u_l: expected a number [U/L] or a blank, found '<10'"),
    "comma": (changed(albumin_g_dl="4,1"), "albumin_g_dl: expected a number [g/dL] or a blank, found '4,1'"),
    "NA": (changed(albumin_g_dl="NA"), "albumin_g_dl: expected a number [g/dL] or a blank, found 'NA'"),
    "infinite": (changed(ast_u_l=np.inf), "ast_u_l: expected a number [U/L] or a blank, found 'inf'"),
    "examination twice": (changed(exam="I00001"), "exam I00001: expected one row, found it in rows 2 and 3"),
    "no patient": (changed(patient=""), "exam I00002: patient: expected a value, found a blank"),
    "no exam": (changed(exam=""), "row 3: exam: expected a value, found a blank"),
    "path": (changed(exam="../I00002"), "exam: expected the name of a folder, found '../I00002'"),
    "several": (
        table().assign(sex="M"),
        "exam I00000: sex: expected female, male or a blank, found 'M' (and in 5 more)",
    ),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_a_wrong_table_is_refused_in_one_line(tmp_path, kind):
    """From a file, which is named, and from memory."""
    frame, message = BAD_TABLES[kind]
    path = saved(tmp_path, frame)
    for source, name in ((path, str(path)), (frame, "table")):
        with pytest.raises(ValueError) as caught:
            read_table(source)
        assert str(caught.value).startswith(f"{name}: ") and message in str(caught.value)
        assert "\n" not in str(caught.value)


HEADER = b"exam,patient,site,date,ast_u_l\n"
ROW = b"I1,P1,A,2021-03-01,31\n"

BAD_FILES = {
    "empty": (b"\n", "expected a header line, found an empty file"),
    "semicolons": (
        HEADER.replace(b",", b";"),
        "expected columns exam, patient, site, date, ... with commas between, found 'exam;patient",
    ),
    "prose": (b"Dear all,\n", "expected columns exam, patient, site, date"),
    "latin-1": (
        HEADER + ROW + b"I2,M\xfcller,A,2021-03-01,31\n",
        "line 3: expected UTF-8, found the byte 0xfc",
    ),
    "UTF-16": (
        (HEADER + ROW).decode().encode("utf-16"),
        "expected a CSV file (text in UTF-8), found another",
    ),
    "workbook": (b"PK\x03\x04 xl/workbook.xml", "expected a CSV file (text in UTF-8), found another format"),
    "long row": (HEADER + ROW + b"I2,P2,A,2021-03-01,4,1\n", "line 3: expected 5 cells, found 6"),
    "short row": (HEADER + b"I2,P2,A,2021-03-01\n" + ROW, "line 2: expected 5 cells, found 4"),
    "open quote": (HEADER + b'"I1,P1,A,2021-03-01,31\n', "line 2: expected a CSV file, found unexpected end"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_file_that_is_no_such_table_is_refused_in_one_line(tmp_path, kind):
    content, message = BAD_FILES[kind]
    path = tmp_path / "records.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_table(path)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.csv: no such file"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match="expected a CSV file, found a folder"):
        read_table(tmp_path)
    with pytest.raises(ValueError, match=r"expected columns exam, patient, site, date.*found none"):
        read_table(pd.DataFrame())


def test_units_are_judged_by_laboratory():
    """One site of four reports bilirubin in umol/L: the median of all is that of the others."""
    frame = table(40).assign(site=np.repeat(list("ABCD"), 10))
    frame.loc[frame["site"] == "C", "bilirubin_mg_dl"] *= 17.1
    assert frame["bilirubin_mg_dl"].median() == 0.8
    with pytest.raises(ValueError, match=r"median of 13.68 in 10 values of site C \(umol/L\?\)"):
        read_table(frame)


def test_one_patient_with_jaundice_is_no_other_unit():
    """8 mg/dL in one patient is a disease; a median of 8 in ten values is a unit."""
    assert read_table(table(1).assign(bilirubin_mg_dl=8.0))["bilirubin_mg_dl"].item() == 8
    with pytest.raises(ValueError, match=r"umol/L\?"):
        read_table(table(10).assign(bilirubin_mg_dl=8.0))


def test_training_asks_for_every_stiffness():
    frame = changed(stiffness_kpa=None)
    assert read_table(frame)["stiffness_kpa"].isna().sum() == 1
    with pytest.raises(ValueError, match="exam I00002: stiffness_kpa: expected a value, found a blank"):
        read_table(frame, ("stiffness_kpa",))
    with pytest.raises(ValueError, match="expected a column stiffness_kpa, found none"):
        read_table(frame.drop(columns="stiffness_kpa"), ("stiffness_kpa",))


def test_fields_are_what_models_see():
    """By hand: a man of 43.5 years with alcoholic disease, AST 32 = e^3.4657; a blank is NaN in its field.

    The site and the stiffness change nothing.
    """
    frame = changed(sex="male", ggt_u_l=None)
    seen = fields(read_table(frame))
    expected = {
        "age_years": 43.5,
        "male": 1,
        "bmi_kg_m2": 26,
        "diabetes": 0,
        "ast_u_l": 3.465736,
        "alt_u_l": 3.401197,
        "platelets_1e9_l": 5.429346,
        "albumin_g_dl": 4.1,
        "bilirubin_mg_dl": -0.223144,
        "ggt_u_l": np.nan,
        "masld": 0,
        "viral": 0,
        "alcohol": 1,
        "autoimmune": 0,
    }
    assert FIELDS == tuple(expected) and seen.shape == (6, 14)
    np.testing.assert_allclose(seen[2], list(expected.values()), atol=1e-6)
    assert not seen[4, 10:].any() and seen[5, 10] == 1  # other; MASLD again
    unknown = fields(read_table(changed(sex=None, aetiology=None)))[2]
    assert (
        np.isnan(unknown[[1, 10, 11, 12, 13]]).all()
        and np.isfinite(np.delete(unknown, [1, 10, 11, 12, 13])).all()
    )
    np.testing.assert_array_equal(fields(read_table(frame.assign(site="X", stiffness_kpa=9.0))), seen)


def test_out_of_the_training_range_is_a_flag():
    """A hundred and one ages 30, 31, ... 130 / 101: the range holds all but one at either end."""
    training = read_table(table(101).assign(age_years=np.arange(101) / 2 + 30, ggt_u_l=np.nan))
    ranges = training_ranges(training)
    assert ranges["age_years"] == pytest.approx([30.25, 79.75]) and ranges["albumin_g_dl"] == [4.1, 4.1]
    assert "ggt_u_l" not in ranges and "stiffness_kpa" not in ranges
    flags = in_range(
        read_table(table(3).assign(age_years=[17, 50, 80], albumin_g_dl=[4.1, 4.2, None])), ranges
    )
    assert flags[0] == ["age_years out of the training range"]
    assert flags[1] == ["albumin_g_dl out of the training range"]
    assert flags[2] == ["age_years out of the training range"]


def test_what_is_missing_is_a_flag():
    """11 clinical columns: 5 blank are few, 6 blank are most."""
    labs = ["ast_u_l", "alt_u_l", "platelets_1e9_l", "albumin_g_dl", "bilirubin_mg_dl", "ggt_u_l"]
    frame = table(4).assign(t1w=True, dwi=[True, True, False, True], t2w=True).astype(object)
    frame.loc[1, labs[:5]] = None
    frame.loc[2, labs] = None
    frame.loc[3, [*labs, "age_years", "sex", "bmi_kg_m2", "diabetes", "aetiology"]] = None
    assert missing(read_table(frame)) == [[], [], ["no dwi", "records mostly missing"], ["no records"]]


def test_an_examination_of_which_nothing_is_known_is_refused():
    """An image or one clinical value is enough; the stiffness is not for the model to see."""
    bare = table(2)[["exam", "patient", "site", "date", "stiffness_kpa"]]
    check_present(read_table(bare.assign(t2w=True)))
    check_present(read_table(bare.assign(diabetes=0)))
    with pytest.raises(
        ValueError, match=r"exam I00000: expected an image .* nothing present \(and in 1 more\)"
    ):
        check_present(read_table(bare))


def test_folds_share_no_patient():
    """Two examinations a patient: folds by patient pass, folds by examination do not."""
    records = read_table(table())
    check_folds(records, [0, 0, 1, 1, 2, 2])
    with pytest.raises(
        ValueError, match="patient P1: expected all examinations in one fold, found folds 1, 2"
    ):
        check_folds(records, [0, 0, 1, 2, 2, 2])


def test_an_external_site_was_not_seen_in_training():
    records = read_table(table())
    check_external(records, ["C", "D"])
    with pytest.raises(ValueError, match="site: expected sites unseen in training, found B"):
        check_external(records, ["B", "C"])
