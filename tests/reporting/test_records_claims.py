"""Rows of the wing without a wave follow from its metrics files, also where these are absent or empty."""

import json

import pytest

from dime.files import report
from dime.reporting import publication
from dime.reporting import records_claims as claims

NAMES = ["bound", "cohort", "train", "validation", "bias", "missing", "nhanes"]

HEADING = "**Measured: NHANES 2017-2018**"


def s(value, reach=0.02):
    """An estimate with its interval, `reach` to either side; None for none."""
    ends = (None, None) if reach is None else (value - reach, value + reach)
    return {"mean": value, "low": ends[0], "high": ends[1]}


def ceiling(ln, kpa):
    return {
        "r_ln": ln,
        "low": ln - 0.04,
        "high": ln + 0.04,
        "r_kpa": kpa,
        "low_kpa": kpa - 0.05,
        "high_kpa": kpa + 0.05,
    }


def case(rho, ln, kpa, auroc=(0.92, 0.92, 0.94), prevalence="meta", markers="base", inflammation=0.25):
    return {
        "rho": rho,
        "auroc": auroc,
        "prevalence": prevalence,
        "markers": markers,
        "inflammation": inflammation,
        "both": {"r_ln": ln, "r_kpa": kpa},
    }


def claim(text):
    return {"claim": text, "target": "> 0.9", "found": "0.95 [0.93, 0.97]", "verdict": "yes"}


def run():
    """Metrics files as the notebooks write them, with the keys that the table reads."""
    sources = {"stage": (0.80, 0.77), "records": (0.58, 0.55), "image": (0.64, 0.61), "both": (0.69, 0.65)}
    cohorts = ("internal", "temporal", "external")
    models = ("transformer", "boosting", "ridge", "mean")
    made = {
        "bound": {
            "base": {name: ceiling(*r) for name, r in sources.items()},
            "base_missing": {name: ceiling(r[0] - 0.01, r[1] - 0.01) for name, r in sources.items()},
            "published": 0.78,
            "patients": 1100,
            "table": [
                case(0.0, 0.77, 0.74),
                case(0.2, 0.69, 0.65),
                case(0.0, 0.81, 0.79, auroc=(0.95,), prevalence="tertiary"),
                case(0.4, 0.79, 0.75, markers="optimistic", inflammation=0.5),
            ],
        },
        "cohort": {
            "cohorts": {name: {"examinations": 120, "patients": 110} for name in cohorts},
            "markers": {
                "t1_ms": {"source": 0.75, "found": 0.752},
                "bilirubin_mg_dl": {"source": 0.62, "found": 0.614},
                "fat_share": {"source": None, "found": 0.53},
            },
        },
        "train": {
            "networks": {
                "fused": {"parameters": 930_000, "examinations": 960},
                "trained/without dwi": {"parameters": 930_000, "examinations": 960},
            },
            "reader": {
                "bodies": 1200,
                "r": {"t1_ms": 0.93, "adc_mm2_s": 0.9},
                "roughness_r": 0.7,
                "outliner_dice": 0.95,
            },
            "internal_r_ln": {"mean": None, "fused": 0.63, "fib4": 0.41, "fused/without dwi": 0.6},
        },
        "validation": {
            "published_r": {"internal": 0.78, "temporal": 0.77, "external": 0.76},
            "merits": {
                name: {
                    "fused": {"r_kpa": s(0.61), "r_ln": s(0.64)},
                    "best, both": {"r_kpa": s(0.65)},
                    "oracle": {"r_kpa": s(0.63)},
                }
                for name in cohorts
            },
            "share_of_bound": {name: s(0.95) for name in cohorts},
            "share_by_source": {"image": s(0.93), "records": s(0.97)},
            "claims": [claim("r of fused over the bound"), claim("r: fused - image")],
        },
        "bias": {
            "published_r": {"steatosis": 0.74, "no steatosis": 0.76},
            "by_group": {name: {"r_kpa": s(0.6)} for name in ("steatosis", "no steatosis", "men")},
            "power_of_best": s(0.95),
            "claims": [claim("no bias: men"), claim("no bias: age")],
        },
        "missing": {"claims": [claim("r without T1w"), claim("r without DWI")]},
        "nhanes": {
            "absent": False,
            "n": 4746,
            "median_kpa": 4.95,
            "claims": [claim("r of ln kPa, transformer")],
            "models": {name: {"r_ln": s(0.516), "r_kpa": s(0.42)} for name in models},
            "at_equal_prediction": {name: {"steatosis": s(-0.06), "men": s(0.5)} for name in models[:2]},
        },
    }
    return json.loads(json.dumps(made))


def rows(tmp_path, made):
    for name, content in made.items():
        report.write(tmp_path / f"records/metrics/{name}.json", content)
    return claims.table(tmp_path)


def row(found, words):
    """The row whose claim holds these words, by head."""
    return next(dict(zip(claims.HEADS, one, strict=True)) for one in found if words in one[1])


def test_the_ceiling_stands_first_and_what_was_measured_last_under_its_own_heading(tmp_path):
    """Seven files: simulated rows, one heading, measured rows; no row of one kind among the other."""
    found = rows(tmp_path, run())
    assert [one[1] for one in found[:4]] == [
        f"ceiling of r, base case: {name}"
        for name in ("the stage, known exactly", "the records", "an image", "image and records")
    ]
    first = [one[1] for one in found].index(HEADING)
    assert {one[0] for one in found[:first]} == {"simulated"}
    assert {one[0] for one in found[first:]} == {"measured"} and len(found) > first + 1
    assert {len(one) for one in found} == {len(claims.HEADS)}
    assert len({one[1] for one in found}) == len(found), "two rows of one name"


def test_every_claim_of_the_notebooks_is_in_the_table_as_it_is_in_the_file(tmp_path):
    made = run()
    found = rows(tmp_path, made)
    expected = [
        ("measured" if name == "nhanes" else "simulated", *one.values())
        for name in ("validation", "bias", "missing", "nhanes")
        for one in made[name]["claims"]
    ]
    assert [one for one in found if one in expected] == expected


@pytest.mark.parametrize("absent", NAMES)
def test_a_part_that_was_not_run_has_one_row_that_says_so_and_the_others_stay(tmp_path, absent):
    made = run()
    whole = rows(tmp_path / "whole", made)
    del made[absent]
    found = rows(tmp_path / "part", made)
    says = [one for one in found if one[3] == "not run"]
    assert len(says) == 1 and says[0][4] == "-" and (says[0][0] == "measured") == (absent == "nhanes")
    assert set(found) - set(says) < set(whole)


def test_without_any_results_every_part_is_named(tmp_path):
    """Seven rows and the heading."""
    found = claims.table(tmp_path)
    assert [one[3] for one in found] == ["not run"] * 6 + ["", "not run"]


def blank(content, kept):
    """The same with None for every number, but under the keys that are kept."""
    if isinstance(content, dict):
        return {key: item if key in kept else blank(item, kept) for key, item in content.items()}
    if isinstance(content, list):
        return [blank(item, kept) for item in content]
    return content if isinstance(content, (str, bool)) else None


@pytest.mark.parametrize("name", sorted({*NAMES} - {"missing"}))
def test_figures_that_a_run_could_not_compute_are_dashes(tmp_path, name):
    """Every estimate of one file is None, as in a run of few cases; what a run is told stays."""
    told = {"published", "published_r", "patients", "rho", "auroc", "inflammation", "cohorts", "n"}
    made = run()
    made[name] = blank(made[name], told)
    found = rows(tmp_path, made)
    assert not [cell for one in found for cell in one if "None" in cell or "nan" in cell]
    whole = rows(tmp_path / "whole", run())
    assert [one[:2] for one in found] == [one[:2] for one in whole] and found != whole


def test_parts_of_a_file_that_are_none_are_dashes(tmp_path):
    made = run()
    made["train"]["reader"] = None
    made["missing"]["claims"] = None
    made["bias"]["claims"][0]["found"] = None
    made["validation"]["merits"]["external"]["fused"]["r_kpa"] = None
    made["nhanes"]["at_equal_prediction"]["boosting"]["steatosis"] = None
    found = rows(tmp_path, made)
    assert row(found, "the image reader")["found"] == "-"
    assert row(found, "no bias: men")["found"] == "-"
    assert row(found, "fused, external")["found"].startswith("-; of ln kPa 0.64 [0.62, 0.66], over")
    assert row(found, "steatotic people")["found"] == "boosting -; transformer -0.060 [-0.080, -0.040]"


def test_the_ceiling_has_both_units_and_the_gaps_of_the_records(tmp_path):
    assert row(rows(tmp_path, run()), "base case: image and records")["found"] == (
        "0.69 [0.65, 0.73] (ln kPa), 0.65 [0.60, 0.70] (kPa); "
        "with missing values 0.68 [0.64, 0.72] (ln kPa), 0.64 [0.59, 0.69] (kPa)"
    )


@pytest.mark.parametrize(("kpa", "verdict"), [(0.65, "no"), (0.75, "undecided"), (0.84, "yes")])
def test_whether_the_ceiling_reaches_the_published_r_is_judged_by_its_interval(tmp_path, kpa, verdict):
    """0.78, of kPa; cohorts scatter by 0.05 to either side."""
    made = run()
    made["bound"]["base"]["both"] = ceiling(0.9, kpa)
    one = row(rows(tmp_path, made), "reaches the published r of kPa (cohorts of 1100)")
    assert one["holds?"] == verdict and one["original or target"] == ">= 0.78"


def test_the_assumptions_that_reach_the_published_r_are_counted_and_named(tmp_path):
    """Two of four cases in ln kPa, one in kPa; the base case is not among them."""
    tertiary = "rho 0, inflammation 25 %, AUC of elastography 0.95, tertiary prevalence"
    assert row(rows(tmp_path, run()), "assumptions with which it does")["found"] == (
        f"in ln kPa 2 of 4 cases: {tertiary}; rho 0.4, inflammation 50 %, optimistic markers; "
        f"in kPa 1 of 4 cases: {tertiary}"
    )
    made = run()
    made["bound"]["published"] = 0.99
    found = row(rows(tmp_path, made), "assumptions with which it does")["found"]
    assert found == "in ln kPa 0 of 4 cases; in kPa 0 of 4 cases"


@pytest.mark.parametrize(
    ("cohort", "published"), [("internal", 0.78), ("temporal", 0.77), ("external", 0.76)]
)
def test_ours_stands_beside_the_published_r_and_is_not_judged_by_it(tmp_path, cohort, published):
    one = row(rows(tmp_path, run()), f"r of kPa, fused, {cohort}")
    assert one["original or target"] == str(published) and one["holds?"] == "not testable: simulated"
    assert one["found"] == (
        "0.61 [0.59, 0.63]; of ln kPa 0.64 [0.62, 0.66], "
        "over the ceiling on the same examinations 0.95 [0.93, 0.97]"
    )
    beside = row(rows(tmp_path, run()), f"best predictor, {cohort}")["found"]
    assert beside == "0.65 [0.63, 0.67]; of boosting on true image markers and records 0.63 [0.61, 0.65]"


def test_models_are_listed_from_the_best_and_withheld_modalities_are_not(tmp_path):
    """A model that has no r, as that of the mean, comes last."""
    found = rows(tmp_path, run())
    assert row(found, "r of ln kPa in cross-validation")["found"] == "fused 0.63; fib4 0.41; mean -"
    assert row(found, "networks: parameters")["found"] == "fused 930,000, 960"


def test_the_marker_that_is_furthest_from_its_source_is_named(tmp_path):
    """0.006 of bilirubin; PDFF has no area of its own."""
    one = row(rows(tmp_path, run()), "largest distance of a marker's AUC")
    assert one["found"] == "0.006, of bilirubin, in 2 markers"


def test_a_survey_that_is_absent_gives_no_verdict(tmp_path):
    made = run()
    made["nhanes"]["absent"] = True
    found = [one for one in rows(tmp_path, made) if one[0] == "measured"]
    assert [one[1] for one in found] == [HEADING, "r of ln kPa, transformer"]
    assert found[1][3:] == ("absent from this build", "not testable")


def test_the_block_is_published_between_its_markers(tmp_path):
    """Twice the same page; the text around the block stays, and a page without markers is refused."""
    rows(tmp_path, run())
    block = publication.records(tmp_path)
    page = f"before\n{publication.RECORDS[0]}\nstale\n{publication.RECORDS[1]}\nafter\n"
    once = publication.filled(page, publication.RECORDS, block)
    assert once == publication.filled(once, publication.RECORDS, block) and "stale" not in once
    assert once.startswith("before\n") and once.endswith("\nafter\n")
    table = block.splitlines()
    assert {line.count("|") for line in table} == {len(claims.HEADS) + 1}
    with pytest.raises(ValueError, match="expected the markers <!-- records"):
        publication.filled("no markers\n", publication.RECORDS, block)
