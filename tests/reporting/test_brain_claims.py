"""Rows of the brain wing follow from its metrics, also where there are none."""

from dime.files import report
from dime.reporting import brain_claims


def entry(mean):
    return {"mean": mean, "low": mean - 1, "high": mean + 1, "n": 20}


def write_tables(folder, shift):
    """Metrics of both tables: convex 30 dB in every tissue, Adam `shift` dB from it."""
    tissues = ("csf", "gm", "wm")
    means = {m: {"T1": {t: entry(v) for t in tissues}} for m, v in (("signal", 30), ("property", 30 + shift))}
    test = {"property": {"difference": entry(shift), "p": 0.01, "p_holm": 0.02, "n": 20}}
    found = {
        "source": "deformed templates",
        "means": {"psnr_db": means},
        "test_combination": "T1",
        "combinations": ["T1"],
    }
    found["tests"] = {"psnr_db": dict.fromkeys(tissues, test)}
    found["published"] = {
        "psnr_db": {"property": {"T1": dict(zip(tissues, (27.57, 16.16, 18.15), strict=True))}}
    }
    report.write(folder / "brain/metrics/table.json", found)
    blind = {"no B1": {"difference": entry(-4), "p": None, "p_holm": None, "n": 20}}
    found["without_b1"] = {"psnr_db": dict.fromkeys(tissues, blind)}
    report.write(folder / "brain/metrics/honest-table.json", found)


def test_parts_that_were_not_run_say_so(tmp_path):
    rows = brain_claims.table(tmp_path)
    assert len(rows) == 5 and all(row[2] == "not run" for row in rows)


def test_published_figures_stand_beside_ours_without_a_verdict(tmp_path):
    write_tables(tmp_path, -5)
    rows = {row[0]: row[1:] for row in brain_claims.table(tmp_path)}
    ours = rows["original's way (deformed templates), T1, properties mix, Adam: PSNR [dB]"]
    assert ours[0] == "CSF 27.57, GM 16.16, WM 18.15" and ours[1].startswith("CSF 25.0 [24.0, 26.0]")
    assert ours[2] == ""
    convex = rows["original's way (deformed templates), T1, signals add, complex: PSNR [dB]"]
    assert convex[0] == "" and convex[1].startswith("CSF 30.0 [29.0, 31.0]")


def test_differences_and_the_missing_map_are_told(tmp_path):
    write_tables(tmp_path, -5)
    rows = {row[0]: row[2] for row in brain_claims.table(tmp_path)}
    apart = rows["honest, T1: properties mix, Adam less signals add, complex [dB]"]
    assert apart.startswith("CSF -5.0 [-6.0, -4.0], p 0.02; GM")
    blind = rows["honest: without a map of B1 less with one that errs, signals add, complex [dB]"]
    assert blind.startswith("CSF -4.0 [-5.0, -3.0]; GM")


def simulator(error):
    tissues = ("csf", "gm", "wm")
    return {
        "nominal_b1": {
            "closed_epg": dict.fromkeys(tissues, error),
            "epg_isochromat": dict.fromkeys(tissues, 0.0),
        }
    }


def test_a_target_is_met_or_not(tmp_path):
    for error, holds in ((0.02, "yes"), (0.03, "no")):
        report.write(tmp_path / "brain/metrics/simulator.json", simulator(error))
        first, second = brain_claims.table(tmp_path)[:2]
        assert first[3] == holds and second[3] == "yes"
