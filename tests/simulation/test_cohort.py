"""Subjects with slices: what the slices share, and what a visit changes."""

import numpy as np
import pytest

from dime.mri import elastography
from dime.phantoms.phantom import render, vessel_share
from dime.simulation import cohort

ONE = cohort.Protocol(slices=1)


def test_slices_of_a_subject_share_stiffness_and_size_and_no_outline():
    """The parenchyma's stiffness, loss and texture are the subject's; the outline is each slice's own."""
    first, second = (cohort.draw_slice(1, 7, "F3", index) for index in (0, 3))
    base = cohort.draw_subject(1, 7, "F3")["stiffness_pa"]
    assert first.labels["stiffness_pa"] == second.labels["stiffness_pa"] == base
    assert 3.5e3 <= base <= 5.0e3
    assert first.labels["level"] == second.labels["level"] == "middle"
    assert first.outline.shape != second.outline.shape or not np.allclose(first.outline, second.outline)
    assert first.labels["lesions"] == [] and not first.labels["gall_bladder"]


def test_the_subjects_stiffness_goes_to_the_parenchyma_and_not_to_vessels():
    """Far from vessels log |G*| moves by log(F4's base / F0's) plus patches; in a vessel's core it stays."""
    soft, hard = (cohort.draw_slice(1, 3, stage, 0) for stage in ("F0", "F4"))
    cores = []
    for phantom in (soft, hard):
        x0, y0, _, x1, y1, _ = np.array(phantom.labels["vessels"]["segments"])[0]
        cores.append(phantom.stiffness(np.array([(x0 + x1) / 2]), np.array([(y0 + y1) / 2])))
    assert cores[1] == pytest.approx(cores[0], rel=0.03)
    axis = np.linspace(-0.05, 0.05, 81)
    maps = [render(p, axis, axis)["stiffness"].values for p in (soft, hard)]
    away = (vessel_share(soft, axis, axis) < 1e-6) & (maps[0] > 0) & (maps[1] > 0)
    moved = np.log(maps[1][away] / maps[0][away])
    expected = np.log(hard.labels["stiffness_pa"] / soft.labels["stiffness_pa"])
    assert np.median(moved) == pytest.approx(expected, abs=0.35)
    assert expected > 0.35


def test_a_second_visit_sees_the_same_tissue_driven_otherwise():
    """Tissue is the subject's; drive, position and noise are the visit's; equal calls, equal bytes."""
    first, again, later = (cohort.examine(ONE, 1, 2, "F1", visit) for visit in (0, 0, 1))
    assert first.identical(again)
    inside = first["mask"].values & later["mask"].values
    close = np.abs(first["stiffness"].values / np.where(inside, later["stiffness"].values, 1) - 1)[inside]
    assert np.median(close) < 0.1  # shifted by millimetres
    waves = (first["displacement"].values[inside], later["displacement"].values[inside])
    assert abs(np.vdot(*waves)) < 0.9 * np.linalg.norm(waves[0]) * np.linalg.norm(waves[1])
    scans = [cohort.record(one, ONE)["phase"].values for one in (first, again)]
    np.testing.assert_array_equal(*scans)
    assert first.attrs["stiffness_pa"] == later.attrs["stiffness_pa"]


def test_first_harmonic_is_the_motion_times_the_sensitivity():
    """Without noise or truncation the unwrapped first harmonic is kappa times the displacement."""
    clean = cohort.Protocol(slices=1, snr=1e6, acquired=160)
    waves = cohort.first_harmonic(cohort.record(cohort.examine(clean, 1, 2, "F2"), clean))
    mask = waves["mask"].values
    expected = elastography.MOTION_SENSITIVITY_RAD_PER_M * waves["displacement"].values[mask]
    assert np.median(np.abs(waves["wave"].values[mask] - expected)) < 1e-3 * np.abs(expected).max()


def test_impossible_cohorts_are_refused():
    with pytest.raises(ValueError, match="slices: expected at least 1, found 0"):
        cohort.Protocol(slices=0)
    with pytest.raises(ValueError, match="stage: expected one of F0, F1, F2, F3, F4, found 'F5'"):
        cohort.draw_subject(1, 0, "F5")
