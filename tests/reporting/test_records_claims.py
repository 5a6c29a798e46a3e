"""The table of claims of stiffness without a wave."""

from dime.files import report
from dime.reporting import records_claims


def entry(mean):
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1}


def bound(r):
    return {"r_ln": r, "low": r - 0.1, "high": r + 0.1, "r_kpa": r, "low_kpa": r - 0.1, "high_kpa": None}


def test_what_was_not_run_has_a_row_that_says_so(tmp_path):
    rows = records_claims.table(tmp_path)
    assert {row[2] for row in rows} == {records_claims.NOT_RUN}
    assert all(len(row) == len(records_claims.HEADS) for row in rows)


def test_the_ceiling_stands_first_and_measured_rows_say_that_they_are(tmp_path):
    """Two of three cases reach .78 in ln kPa, both with independent markers, and one in kPa."""
    folder = tmp_path / "records" / "metrics"
    cases = [
        {"rho": rho, "both": {"r_ln": r, "r_kpa": r - 0.05}}
        for rho, r in ((0.0, 0.79), (0.0, 0.85), (0.2, 0.7))
    ]
    base = {source: bound(0.6) for source in ("stage", "records", "image", "both")}
    report.write(folder / "bound.json", {"base": base, "table": cases})
    claim = {"claim": "r", "target": "> 0.48", "found": "0.50 [0.45, 0.55]", "verdict": "undecided"}
    report.write(folder / "nhanes.json", {"claims": [claim]})
    merits = {"internal": {"fused": {"r_kpa": entry(0.6)}, "oracle": {"r_kpa": entry(0.65)}}}
    report.write(folder / "validation.json", {"merits": merits, "claims": []})
    rows = records_claims.table(tmp_path)
    assert rows[0][0].startswith("ceiling of r")
    assert "0.60 [0.50, 0.70] of ln kPa, 0.60 [0.50, -] of kPa" in rows[0][2]
    reached = next(row for row in rows if "reaches the published" in row[0])
    assert reached[2] == "2 of 3 for ln kPa, 1 for kPa; all with independent markers"
    internal = next(row for row in rows if row[0] == "r of kPa, cross-validation")
    assert internal[1:3] == ("0.78", "fused 0.60 [0.50, 0.70]; oracle 0.65 [0.55, 0.75]")
    assert [row for row in rows if "0.48" in row[1]] == [
        ("measured, NHANES: r", "> 0.48", "0.50 [0.45, 0.55]", "undecided")
    ]
