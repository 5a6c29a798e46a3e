"""Rows of the diffusion wing follow from its metrics, also where there are none."""

import pytest

from dime.files import report
from dime.reporting import diffusion_claims


def rows(folder, name, content):
    """Rows of one part alone, by their title."""
    report.write(folder / f"diffusion/metrics/{name}.json", content)
    return {row[0]: row[1:] for row in diffusion_claims.table(folder) if row[2] != "not run"}


def entry(mean, half=0.02):
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": 20}


def test_parts_that_were_not_run_say_so(tmp_path):
    found = diffusion_claims.table(tmp_path)
    assert len(found) == 5 and all(row[2:] == ("not run", "-") for row in found)


@pytest.mark.parametrize(("error", "verdict"), [(0.002, "met"), (0.02, "missed")])
def test_errors_of_the_signal_meet_their_target_or_not(tmp_path, error, verdict):
    found = rows(tmp_path, "solver", dict.fromkeys(diffusion_claims.FORWARD, 1e-4) | {"slab_error": error})
    assert found["signal, between two walls, relative: error"] == ("< 0.01", f"{error:g}", verdict)
    assert [row[2] for row in found.values()].count("met") >= 5


def test_the_gradient_has_its_own(tmp_path):
    ((target, told, verdict),) = rows(tmp_path, "gradient", {"adjoint_error": 3.3e-4}).values()
    assert (target, told, verdict) == ("< 0.001", "0.00033", "met")


def geometry(reached=5, chi=1.2, chamfer_um2=5.0, bad_edges=0.05):
    fit = {"chi": chi, "chamfer_um2": chamfer_um2, "nearest_um2": 6.0, "bad_edges": bad_edges}
    return {
        "truth_chi": {"least": 0.93, "most": 1.08},
        "small": {"reached": reached, "of": 6, "same": 2},
        "fits": [{"name": "ring 1", **fit}],
    }


def test_fits_are_judged_one_by_one(tmp_path):
    found = rows(tmp_path, "one-geometry", geometry())
    assert len(found) == 5 and all(row[2] == "met" for row in found.values())
    assert found["4 cells per side, best fit of ring 1: bad edges"][1] == "5.0 %"
    worse = rows(tmp_path, "one-geometry", geometry(4, 1.4, None, None))
    assert [row[2] for row in worse.values()] == ["met", *["missed"] * 4]
    assert worse["4 cells per side, best fit of ring 1: chamfer distance [um2]"][1] == "no membrane"


@pytest.mark.parametrize(("mean", "verdict"), [(0.05, "met"), (0.09, "undecided"), (0.3, "missed")])
def test_an_interval_across_a_target_is_undecided(tmp_path, mean, verdict):
    def rows_of(key, name):
        return [
            {key: name, "cells": "one", "score": score, **one}
            for score, one in (("chamfer_um2", entry(7.0)), ("bad_edges", entry(mean)))
        ]

    means = {table: rows_of(key, "x") for table, (key, _) in diffusion_claims.TABLES.items()}
    means["closed"] = rows_of("way", "labels")
    found = rows(tmp_path, "tables", {"means": means})
    assert len(found) == 5
    target, told, judged = found["the same signals, noise 0.01: labels"]
    assert (target, judged) == ("bad edges <= 10 %", verdict)
    assert told.startswith("chamfer distance [um2] 7.0 [7.0, 7.0]; bad edges [%]")
    assert found["face by face, no noise, prior: x"][2] == ""


@pytest.mark.parametrize(("error", "verdict"), [(0.05, "met"), (0.2, "missed")])
def test_ranks_stand_by_noise_and_shares_beside_the_truth(tmp_path, error, verdict):
    state = {"geometry": "ball 1", "state": "true", "protocol": "10/60"}
    bins = [{"promised": 0.2, "found": 0.25, "count": 40}, {"promised": 0.8, "found": 0.5, "count": 10}]
    fits = {"target": "ball 1", "fits": 8, "chi_best": 1.02, "chi_truth": 0.98}
    content = {
        "rank": [state | {"noise": one, "rank": n} for one, n in ((0.01, 2), (0.001, 7))],
        "mirror": {"pgse_difference": 1e-12},
        "ensembles": [fits | {"dice_best": 0.61, "dice_median": 0.5}],
        "calibration": {"error": error, "bins": bins},
    }
    ranks, mirror, ensemble, calibration = rows(tmp_path, "seen", content).values()
    assert ranks[1] == "10/60: 2, 7" and mirror[2] == "met"
    assert ensemble[1] == "chi 1.02, of the truth 0.98; Dice 0.61, median 0.50"
    assert calibration == ("apart by <= 0.1", f"{error:.3f}: 20 25 (40); 80 50 (10)", verdict)
