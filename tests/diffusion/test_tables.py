"""Many estimates: kept, reread, scored, and named by what they are of."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dime.diffusion import tables
from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.tables import Case

BASE = Case("ball 100", prior="none", directions=3, iterations=4, cells=3)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def found(kept):
    cases = [BASE, replace(BASE, schedule="joint", noise=0.05), BASE]
    return cases, tables.fit_all(cases, kept, workers=1)


def test_rows_are_in_the_order_of_cases_and_say_what_they_are(found):
    table = found[1]
    assert table["geometry"].tolist() == ["ball 100"] * 3
    assert table["schedule"].tolist() == ["staged", "joint", "staged"]
    columns = {"chamfer_um2", "chamfer_closed_um2", "bad_edges", "precision", "recall", "chi", "seconds"}
    assert columns <= set(table.columns)
    pd.testing.assert_series_equal(table.loc[0], table.loc[2], check_names=False)
    assert table["true_membranes"].nunique() == 1


def test_finished_cases_are_reread(found, kept, monkeypatch):
    cases, table = found
    monkeypatch.setattr(tables, "_fit_group", None)
    again = tables.fit_all(cases, kept, workers=1)
    pd.testing.assert_frame_equal(again, table)
    with pytest.raises(TypeError):
        tables.fit_all([replace(BASE, seed=7)], kept, workers=1)


def test_a_curve_ends_at_what_was_found(found, kept):
    cases, table = found
    for case, row in zip(cases, table.itertuples(), strict=True):
        last = row.curve[-1]
        assert last["iteration"] == 4
        np.testing.assert_equal(last["chamfer_um2"], row.chamfer_um2)
        assert row.curve[0]["iteration"] == 0
        points, faces = tables.found_faces(case, kept)
        assert len(faces) >= row.membranes and faces.shape[1] == 3
        early = tables.found_faces(case, kept, 0)[1]
        assert len(early) >= row.curve[0]["membranes"] and points.shape[1] == 3


def test_noise_follows_from_the_seed(found, kept):
    cases, table = found
    other = tables.fit_all([replace(cases[1], seed=1)], kept, workers=1)
    assert other["chi"][0] != table["chi"][1]


def test_geometries_by_name():
    grid = lattice(3)
    np.testing.assert_array_equal(tables.geometry_of("tube 101", 3).labels, draw("tube", grid, 101).labels)
    assert tables.geometry_of("two 101").labels.max() == 2
    for name in ("cube 3", "019_no_such_file"):
        with pytest.raises(ValueError, match=r"^geometry: expected a kind and a seed or one of the original"):
            tables.geometry_of(name)


def test_no_reference_is_no_name(monkeypatch):
    monkeypatch.delenv("DIME_REFERENCE", raising=False)
    assert tables.reference_names() == []


def test_true_faces_are_closed():
    points, faces = tables.true_faces(BASE)
    geometry = draw("ball", lattice(3), 100)
    assert len(faces) == geometry.membrane.sum() + geometry.outer_membrane.sum()
    assert points.shape == geometry.grid.points_um.shape


def test_a_summary_counts_what_is_missing():
    table = pd.DataFrame({"prior": ["none"] * 4 + ["both"] * 2, "score": [1, 2, 3, np.inf, np.inf, np.nan]})
    rows = tables.summary(table, ["prior"], ["score"])
    assert [row["prior"] for row in rows] == ["none", "both"]
    assert rows[0]["mean"] == 2 and rows[0]["n"] == 3 and rows[0]["missing"] == 1
    assert rows[0]["low"] < 2 < rows[0]["high"]
    assert rows[1]["mean"] is None and rows[1]["missing"] == 2
