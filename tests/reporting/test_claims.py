"""Verdicts follow from the numbers, also where there are none."""

import json
from pathlib import Path

import pytest

from dime.files import report
from dime.reporting import claims

METHODS = ("dime", "pretrained", "mmdi")


def s(mean, reach=0.0):
    """An entry of a metrics file: a mean and its interval, `reach` to either side."""
    return {"mean": mean, "low": mean - reach, "high": mean + reach, "n": 5}


def pooled(r, r2=None):
    """r and R2 by pixel and by slice, each with an interval of 0.002 to either side."""
    values = {"r": r, "r2": r if r2 is None else r2}
    levels = ("pixel", "slice")
    return {
        f"{level}_{key}": {"value": v, "low": v - 0.002, "high": v + 0.002}
        for level in levels
        for key, v in values.items()
    }


def write_run(folder, r=0.995, error=(0.0, 0.0, -0.3), reach=0.1, versus=-1.0, swing=0.5, slices=10):
    """Metrics of a run, the same for all studies.

    r : r and R2 of every method; error : of each method's slice means [kPa], known within `reach`;
    versus : the networks less MMDI in variability and edge width, within 0.5; swing : change of the scatter
    by the driven side that the directional filters make [kPa], within 0.1; slices : measured ones.
    """
    for study in claims.STUDIES:
        methods = {}
        for m, off in zip(METHODS, error, strict=True):
            region = {"mean_error_kpa": s(off, reach), "pooled": pooled(r)}
            change = {"mean_error_kpa": s(off - error[2], reach)}
            compared = {"own": change, "common": {"cv": s(versus, 0.5), "pixel_r": s(-versus, 0.5)}}
            methods[m] = {
                "pooled_interval": pooled(r),
                "cv": s(2.0),
                "edge_width_mm": s(6.0),
                "regions": {"own": region, "common": region},
                "versus_mmdi": compared | {"edge_width_mm": s(versus, 0.5)},
            }
        report.write(folder / f"mre/metrics/compare-{study}.json", {"methods": methods})
    report.write(folder / "authors/metrics/phantoms.json", {"absent": True})
    area = {"auc": 0.9, "low": 0.7, "high": 1.0}
    cohort = {"healthy": 8, "fibrotic": 7, "auc_interval": dict.fromkeys(METHODS, area)}
    report.write(folder / "mre/metrics/cohort.json", cohort)
    drive = {m: {"scatter_kpa": s(0.4)} for m in (*METHODS, "mmdi_unfiltered")}
    drive["mmdi"]["scatter_change_kpa"] = s(swing, 0.1)
    report.write(folder / "studies/metrics/direction.json", {"drive": {"methods": drive}})
    measured = {"slices": slices}
    for m in METHODS:
        limits = {"bias": 0.1}
        measured |= {f"{m}_clinical": {"r": 0.95, "low": 0.9, "high": 1.0}, f"{m}_clinical_agreement": limits}
    report.write(folder / "mre/metrics/in-vivo.json", measured)


def verdict(folder, words):
    """The verdict on the claim that holds these words."""
    return next(row["holds"] for row in claims.claims(folder) if words in row["claim"])


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"low": -2, "high": -1}, "yes"),
        ({"low": 1, "high": 2}, "no"),
        ({"low": -1, "high": 1}, "undecided"),
        ({"low": None, "high": None}, "not tested"),
        (None, "not tested"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(entry, found):
    assert claims.below(entry) == found
    assert claims.above(entry) == {"yes": "no", "no": "yes"}.get(found, found)


@pytest.mark.parametrize(("r", "found"), [(0.995, "yes"), (0.97, "no"), (0.99, "undecided")])
def test_a_correlation_reaches_the_originals_only_with_its_whole_interval(tmp_path, r, found):
    """Intervals reach 0.002 to either side; the original's are 0.99 and 0.98."""
    write_run(tmp_path, r=r)
    assert verdict(tmp_path, "by slice mean") == found


@pytest.mark.parametrize(
    ("error", "found"),
    [
        ((0.0, 0.0, -0.3), "yes"),
        ((0.0, -0.3, -0.3), "DIME-S yes, DIME-L undecided"),
        ((0.0, 0.0, 0.3), "no"),
        ((0.0, 0.0, -0.05), "undecided"),
    ],
)
def test_underestimation_needs_an_error_below_zero_and_below_the_networks(tmp_path, error, found):
    """Errors of slice means are known within 0.1 kPa."""
    write_run(tmp_path, error=error)
    assert verdict(tmp_path, "underestimates") == found


@pytest.mark.parametrize(("versus", "found"), [(-1.0, "yes"), (1.0, "no"), (0.1, "undecided")])
def test_comparisons_of_phantoms_follow_from_paired_intervals(tmp_path, versus, found):
    write_run(tmp_path, versus=versus)
    for words in ("inter-pixel variability", "accurate boundaries", "better than by MMDI"):
        assert verdict(tmp_path, words) == found


@pytest.mark.parametrize(("swing", "found"), [(0.5, "yes"), (-0.5, "no"), (0.05, "undecided")])
def test_filters_are_to_blame_only_if_mmdi_changes_less_without(tmp_path, swing, found):
    write_run(tmp_path, swing=swing)
    assert verdict(tmp_path, "directional filters") == found


def test_what_the_data_cannot_test_is_called_so(tmp_path):
    write_run(tmp_path)
    assert verdict(tmp_path, "in vivo") == "not testable: development data, no truth"
    assert verdict(tmp_path, "healthy and fibrotic") == "not testable: the generator was told"


def test_absent_data_are_not_tested_and_say_so(tmp_path):
    write_run(tmp_path, slices=0)
    row = next(row for row in claims.claims(tmp_path) if row["claim"].startswith("in vivo"))
    assert row["holds"] == "not tested" and row["dime"] == "absent from this build"
    assert verdict(tmp_path, "authors' own livers") == "not tested"
    assert claims.content(tmp_path)["authors_targets"] == []


def test_targets_on_the_authors_phantoms_are_listed_one_by_one(tmp_path):
    figures = {"mape": 9.0, "r": 0.97, "slice_r": 0.999}
    targets = {"mask_mape": 8, "mask_r": 0.965, "interior_mape": 5, "interior_r": 0.98, "slice_r": 0.998}
    met = {"mask_mape": False, "mask_r": True, "interior_mape": False, "interior_r": False, "slice_r": True}
    found = {
        "absent": False,
        "studies": {"study1a": {region: {"pretrained": figures} for region in ("mask", "interior")}},
        "targets": {"study1a": targets},
        "met": {network: {"study1a": met} for network in claims.NETWORKS},
    }
    rows = claims.authors_targets(json.loads(json.dumps(found)))
    assert [row["figure"] for row in rows] == ["MAPE", "r", "interior MAPE", "interior r", "slice r"]
    assert [row["pretrained"] for row in rows] == [False, True, False, False, True]
    assert rows[0]["found"] == 9.0 and rows[-1]["found"] == 0.999


def test_a_missing_study_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"compare-homogeneous\.json: missing"):
        claims.claims(Path(tmp_path))
