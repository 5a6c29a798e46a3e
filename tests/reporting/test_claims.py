"""Verdicts follow from the numbers, also where there are none."""

import json
from pathlib import Path

import pytest

from dime.files import report
from dime.reporting import claims

METHODS = ("dime", "pretrained", "mmdi")


def s(mean):
    return {"mean": mean, "low": mean, "high": mean, "n": 5}


def write_run(folder, slice_r, bias, cv, slices=10, r=0.95, swing=(0.4, 0.9), slice_bias=None):
    """Metrics of a run: one value per method of what the claims are about, the rest alike for all."""
    for study in claims.STUDIES:
        methods = {}
        of_methods = zip(METHODS, slice_r, bias, cv, slice_bias or bias, strict=True)
        for m, by_slice, off, variation, slice_off in of_methods:
            pooled = {"slice_r": by_slice, "slice_r2": by_slice, "pixel_r": 0.9, "pixel_r2": 0.9}
            methods[m] = {"pooled": pooled, "bias": s(off), "cv": s(variation), "edge_width_mm": s(variation)}
            methods[m]["agreement"] = {"bias": slice_off}
        report.write(folder / f"mre/metrics/compare-{study}.json", {"methods": methods})
    report.write(folder / "authors/metrics/phantoms.json", {"absent": True})
    area = {"auc": 0.9, "low": 0.7, "high": 1.0}
    report.write(
        folder / "mre/metrics/cohort.json",
        {"healthy": 8, "fibrotic": 7, "auc_interval": dict.fromkeys(METHODS, area)},
    )
    drive = {
        m: {"scatter_kpa": s(off)}
        for m, off in zip((*METHODS, "mmdi_unfiltered"), (0.2, 0.1, *swing), strict=True)
    }
    report.write(folder / "studies/metrics/direction.json", {"drive": {"methods": drive}})
    measured = {"slices": slices}
    for m in METHODS:
        measured |= {f"{m}_clinical": {"r": r, "low": r, "high": r}, f"{m}_clinical_agreement": {"bias": 0.1}}
    report.write(folder / "mre/metrics/in-vivo.json", measured)


def verdicts(folder):
    return [row["holds"] for row in claims.claims(folder)]


def test_verdicts_follow_from_the_numbers(tmp_path):
    """By slice the pretrained network reaches 0.99, this run's 0.97; MMDI is 5 % low and varies most."""
    write_run(tmp_path, slice_r=(0.97, 0.99, 0.9), bias=(1.0, -1.0, -5.0), cv=(2.0, 3.0, 4.0))
    by_slice, by_pixel, lower, variability, boundary, *_ = verdicts(tmp_path)
    assert by_slice == "by the pretrained weights" and by_pixel == "no"
    assert lower == variability == boundary == "yes"


def test_mmdi_that_overestimates_refutes_the_claim(tmp_path):
    write_run(tmp_path, slice_r=(1, 1, 1), bias=(1.0, 1.0, 2.0), cv=(5.0, 3.0, 4.0))
    by_slice, _, lower, variability, *_ = verdicts(tmp_path)
    assert by_slice == "yes" and lower == "no" and variability == "by the pretrained weights"


def test_underestimation_that_depends_on_the_measure_is_said_to(tmp_path):
    """MMDI's slice means are 0.2 kPa low, its pixels 2 % high."""
    bias = {"bias": (1.0, 1.0, 2.0), "slice_bias": (0.1, 0.1, -0.2)}
    write_run(tmp_path, slice_r=(1, 1, 1), cv=(5.0, 3.0, 4.0), **bias)
    row = next(row for row in claims.claims(tmp_path) if "underestimates" in row["claim"])
    assert row["holds"] == "by slice mean yes, by pixel no" and row["mmdi"].startswith(
        "-0.20 kPa by slice mean"
    )


@pytest.mark.parametrize(("swing", "verdict"), [((0.4, 0.9), "no"), ((0.9, 0.4), "yes")])
def test_filters_are_to_blame_only_if_mmdi_is_better_without(tmp_path, swing, verdict):
    """A pixel moves with the driven side by `swing` kPa with filters and without."""
    write_run(tmp_path, slice_r=(1, 1, 1), bias=(1.0, 1.0, 2.0), cv=(5.0, 3.0, 4.0), swing=swing)
    row = next(row for row in claims.claims(tmp_path) if "directional filters" in row["claim"])
    assert row["holds"] == verdict and "without filters" in row["mmdi"]


def test_absent_data_are_not_tested_and_say_so(tmp_path):
    write_run(tmp_path, slice_r=(1, 1, 1), bias=(1.0, 1.0, 2.0), cv=(5.0, 3.0, 4.0), slices=0)
    row = next(row for row in claims.claims(tmp_path) if row["claim"].startswith("in vivo"))
    assert row["holds"] == "not tested in this build" and row["dime"] == "absent from this build"
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
