"""Survey files written by hand: who is read, how answers are coded, and files that are not as expected."""

import hashlib
import math
import os
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dime.files import yaml12
from dime.records import nhanes

ROOT = Path(__file__).parents[2]
NOW = b"01JAN20:00:00:00"


def number(value):
    """A number as SAS transport files have it: a sign and an exponent of 16 in 7 bits, then 56 bits."""
    value = float(value)
    if math.isnan(value):
        return b"." + bytes(7)
    if value == 0:
        return bytes(8)
    power = math.floor(math.log(abs(value), 16)) + 1
    bits = int(abs(value) / 16.0**power * 2**56) + ((power + 64) << 56) + ((value < 0) << 63)
    return bits.to_bytes(8, "big")


def write_sas(path, columns):
    """A SAS transport file (version 5) of columns of numbers, after SAS's TS-140."""

    def record(*parts):
        return b"".join(parts).ljust(80)

    def variable(place):
        return struct.pack(">40s8shhh2s8shhl52s", b"", b"", 0, 0, 0, b"", b"", 0, 0, 8 * place, b"")

    def header(name, digits="0" * 30):
        return record(f"HEADER RECORD*******{name:<8}HEADER RECORD!!!!!!!{digits}  ".encode())

    names = b"".join(
        struct.pack(">hhhh8s124s", 1, 0, 8, place + 1, name.ljust(8).encode(), variable(place))
        for place, name in enumerate(columns)
    )
    rows = b"".join(number(value) for row in zip(*columns.values(), strict=True) for value in row)
    head = [
        header("LIBRARY"),
        record(b"SAS     SAS     SASLIB  9.4     Linux   ", b" " * 24, NOW),
        record(NOW),
    ]
    head += [header("MEMBER", "000000000000000001600000000140"), header("DSCRPTR")]
    head += [record(b"SAS     DATA    SASDATA 9.4     Linux   ", b" " * 24, NOW), record(NOW)]
    head += [header("NAMESTR", f"000000{len(columns):04d}{'0' * 20}")]
    padded = [part.ljust(-(-len(part) // 80) * 80) for part in (names, rows)]
    path.write_bytes(b"".join([*head, padded[0], header("OBS"), padded[1]]))


def survey(folder, people=6):
    """All files for as many people of 40 years: stiffness 5 kPa, a complete examination."""
    given = {
        "RIDAGEYR": 40,
        "RIAGENDR": 1,
        "LUAXSTAT": 1,
        "LUXSMED": 5,
        "LUXCAPM": 250,
        "HEQ010": 2,
        "HEQ030": 1,
    }
    given |= {"ALQ111": 1, "ALQ121": 5, "ALQ130": 2}
    tables = {}
    for name, columns in nhanes.COLUMNS.items():
        values = {key: np.full(people, given.get(key, 30.0), float) for key in columns}
        tables[name] = {"SEQN": 93700.0 + np.arange(people)} | values
    folder.mkdir(exist_ok=True)
    return tables


def write(folder, tables):
    for name, columns in tables.items():
        write_sas(folder / f"{name}_J.XPT", columns)
    return folder


def test_adults_with_a_complete_examination_are_read_in_units(tmp_path):
    """Of six people one is 17, one has a partial examination, one has no stiffness; three are left."""
    tables = survey(tmp_path)
    tables["DEMO"]["RIDAGEYR"][0] = 17
    tables["DEMO"]["RIDAGEYR"][1] = 18
    tables["LUX"]["LUAXSTAT"][2] = 2
    tables["LUX"]["LUXSMED"][3] = np.nan
    tables["LUX"]["LUXSMED"][4] = 12.3
    tables["DEMO"]["RIAGENDR"][5] = 2
    found = nhanes.read(write(tmp_path, tables))
    assert found.index.tolist() == [93701, 93704, 93705]
    assert found["age_years"].tolist() == [18, 40, 40] and found["male"].tolist() == [1, 1, 0]
    assert found["stiffness_kpa"].to_numpy() == pytest.approx([5, 12.3, 5])
    assert list(found) == [*nhanes.FIELDS, *nhanes.TARGETS] and len(nhanes.FIELDS) == 16


def test_answers_become_numbers(tmp_path):
    """Never drank; not in the last year (a 0, which the format writes as 5e-79); every day 3; no answers."""
    tables = survey(tmp_path)
    tables["ALQ"] |= {
        "ALQ111": np.array([2, 1, 1, 1, np.nan, 1.0]),
        "ALQ121": np.array([np.nan, 0, 1, 77, np.nan, 5]),
        "ALQ130": np.array([np.nan, np.nan, 3, 2, np.nan, 999]),
    }
    tables["HEQ"]["HEQ030"][:] = [1, 2, 7, 9, np.nan, 2]
    found = nhanes.read(write(tmp_path, tables))
    np.testing.assert_allclose(found["drinks_per_week"], [0, 0, 21, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(found["hepatitis_c"], [1, 0, np.nan, np.nan, np.nan, 0])


def test_people_without_a_blood_sample_stay_with_missing_values(tmp_path):
    tables = survey(tmp_path)
    tables["BIOPRO"] = {name: values[1:] for name, values in tables["BIOPRO"].items()}
    found = nhanes.read(write(tmp_path, tables))
    assert len(found) == 6 and np.isnan(found["ast_u_l"].iloc[0]) and found["ast_u_l"].iloc[1] == 30


def test_skewed_fields_enter_as_logarithms(tmp_path):
    """Two drinks once a week: log 3; enzymes of 30 U/L: log 30; age as it is."""
    seen = dict(
        zip(nhanes.FIELDS, nhanes.fields(nhanes.read(write(tmp_path, survey(tmp_path)))).T, strict=True)
    )
    assert seen["drinks_per_week"][0] == pytest.approx(np.log(3))
    assert seen["ggt_u_l"][0] == pytest.approx(np.log(30)) and seen["age_years"][0] == 40


def test_a_missing_file_or_column_is_named_in_one_line(tmp_path):
    tables = survey(tmp_path)
    write(tmp_path, tables)
    del tables["HDL"]["LBDHDD"]
    write_sas(tmp_path / "HDL_J.XPT", tables["HDL"])
    with pytest.raises(ValueError, match=r"HDL_J\.XPT: expected a column LBDHDD, found none"):
        nhanes.read(tmp_path)
    (tmp_path / "HDL_J.XPT").write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match=r"HDL_J\.XPT: expected a SAS transport file"):
        nhanes.read(tmp_path)
    (tmp_path / "HDL_J.XPT").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"HDL_J\.XPT: missing; `dvc pull nhanes/HDL_J.XPT.dvc` gets it"
    ):
        nhanes.read(tmp_path)


def test_a_person_twice_is_refused(tmp_path):
    tables = survey(tmp_path)
    tables["GHB"]["SEQN"][1] = tables["GHB"]["SEQN"][0]
    with pytest.raises(ValueError, match=r"GHB_J\.XPT: expected one row a person, found 1 more"):
        nhanes.read(write(tmp_path, tables))


def test_what_is_converted_is_read_again_and_absent_files_are_a_table_without_people(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIME_REFERENCE", raising=False)
    assert nhanes.convert("none.csv").startswith("NHANES: none (")
    assert nhanes.load("none.csv").empty and nhanes.fields(nhanes.load("none.csv")).shape == (0, 16)
    write(tmp_path / "nhanes", survey(tmp_path / "nhanes"))
    assert nhanes.convert("six.csv") == "NHANES: 6 adults from nhanes"
    pd.testing.assert_frame_equal(nhanes.load("six.csv"), nhanes.read("nhanes"), rtol=1e-5, check_dtype=False)
    first = Path("six.csv").read_bytes()
    nhanes.convert("six.csv")
    assert Path("six.csv").read_bytes() == first
    Path("six.csv").write_text("person,age_years\n1,40\n")
    with pytest.raises(ValueError, match=r"six\.csv: expected a column male, found none"):
        nhanes.load("six.csv")


def test_files_are_found_in_the_project_or_in_or_beside_the_reference(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reference/dime").mkdir(parents=True)
    monkeypatch.setenv("DIME_REFERENCE", str(tmp_path / "reference/dime"))
    assert nhanes.find() is None
    for folder in ("reference/nhanes_2017_2018", "reference/dime/nhanes_2017_2018", "nhanes"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "LUX_J.XPT").touch()
        assert nhanes.find().resolve() == tmp_path / folder


def imports():
    """File -> what its .dvc file says."""
    return {path.stem: yaml12.read(path) for path in sorted((ROOT / "nhanes").glob("*.dvc"))}


def test_every_file_that_is_read_is_imported_from_one_version_of_one_repository_and_never_committed():
    found = imports()
    assert set(found) == {f"{name}_J.XPT" for name in nhanes.COLUMNS}
    ignored = (ROOT / "nhanes/.gitignore").read_text().split()
    for name, stage in found.items():
        source = stage["deps"][0]
        assert stage["frozen"] and source["path"] == f"data/{name}" and f"/{name}" in ignored
        assert source["repo"]["url"] == "https://github.com/danzhang41/NAFLD-Algorithm"
        assert source["repo"]["rev"] == source["repo"]["rev_lock"]
        assert stage["outs"][0]["path"] == name and len(stage["outs"][0]["md5"]) == 32


@pytest.fixture(scope="module")
def reference():
    """Folder of the survey's files where DIME_REFERENCE leads to them."""
    there = Path(os.environ.get("DIME_REFERENCE", "/nowhere")).parent / "nhanes_2017_2018"
    if not there.is_dir():
        pytest.skip("the survey's files were not compared: DIME_REFERENCE does not lead to them")
    return there


def test_the_files_are_those_that_are_imported(reference):
    for name, stage in imports().items():
        content = (reference / name).read_bytes()
        out = stage["outs"][0]
        assert (len(content), hashlib.md5(content).hexdigest()) == (out["size"], out["md5"]), name


def test_the_people_are_those_of_the_surveys_description(reference):
    """4746 adults, median 4.95 kPa, 9.6 % of 8.2 kPa or more, 3.6 % of 12 or more; 5.6 % lack ALT."""
    table = nhanes.read(reference)
    kpa = table["stiffness_kpa"]
    assert len(table) == 4746 and kpa.median() == pytest.approx(4.95)
    assert [round(100 * (kpa >= cut).mean(), 1) for cut in nhanes.STIFF_KPA] == [9.6, 3.6]
    assert round(100 * table["alt_u_l"].isna().mean(), 1) == 5.6
    assert table["age_years"].between(18, 80).all() and table["drinks_per_week"].min() == 0
