"""Conditions differ in what they name alone, rows and columns are what they say."""

import numpy as np
import pytest
import torch

from dime.network import training
from dime.simulation import shaking
from dime.studies import transfer
from dime.studies.transfer import CONDITIONS, TEST_CONDITIONS, Condition

WIDTHS = (4, 8, 8, 8)


def apart(a, b):
    """Relative L2 distance of two waves over their common tissue."""
    mask = a["mask"] & b["mask"]
    return np.linalg.norm((a["wave"] - b["wave"])[mask]) / np.linalg.norm(a["wave"][mask])


def test_conditions_share_the_tissue_and_a_coarse_mesh_is_a_small_error():
    """Four quadratic elements per wavelength are a few per cent off a fine mesh, ten less than one."""
    meshes = {n: Condition("", boundary="free", elements_per_wavelength=n) for n in (4.0, 16.0)}
    coarse, fine = (transfer.simulate_case(mesh, 1, 0) for mesh in meshes.values())
    usual = transfer.simulate_case(CONDITIONS["free"], 1, 0)
    common = coarse["mask"] & usual["mask"]
    assert common.sum() > 0.99 * usual["mask"].sum()
    np.testing.assert_array_equal(coarse["stiffness"][common], usual["stiffness"][common])
    assert apart(fine, usual) < 0.01 < apart(fine, coarse) < 0.15


def test_a_boundary_matters_only_where_nothing_drives_it():
    """Drivers on part of the outline leave the rest free or absorbing; a fully driven outline leaves none."""
    for index, driven in ((2, False), (4, True)):
        free, impedance = (
            transfer.simulate_case(CONDITIONS[name], 1, index) for name in ("free", "impedance")
        )
        assert apart(free, impedance) == 0 if driven else apart(free, impedance) > 0.05


def test_noise_is_relative_to_the_wave_not_to_motion_as_a_whole():
    """Tissue that is pushed in the slice moves as a whole, too; at SNR 10 its shear still stands out."""
    clean, noisy = (transfer.simulate_case(CONDITIONS["inplane"], 1, 0, snr) for snr in (np.inf, 10.0))
    mask = clean["mask"]
    assert abs(clean["wave"][mask].mean()) < 1e-3 * np.abs(clean["wave"][mask]).max()
    sigma = np.sqrt(np.mean(np.abs(clean["wave"][mask]) ** 2)) / 10
    assert np.std((noisy["wave"] - clean["wave"])[mask].real) == pytest.approx(sigma, rel=0.05)


def test_kelvin_voigt_tissue_is_stiffer_at_80_hz_as_its_closed_form_says():
    """|G*(80)| / |G*(60)| = sqrt(1 + (80/60 tan)^2) / sqrt(1 + tan^2), at one loss tangent everywhere."""
    tan = 0.5
    hysteretic, voigt = (
        transfer.simulate_case(Condition("", loss_tangent=tan, frequency_hz=80.0, rheology=rheology), 2, 0)
        for rheology in ("hysteretic", "kelvin_voigt")
    )
    mask = hysteretic["mask"] & voigt["mask"]
    ratio = np.sqrt((1 + (80 / 60 * tan) ** 2) / (1 + tan**2))
    np.testing.assert_allclose(voigt["stiffness"][mask], ratio * hysteretic["stiffness"][mask], rtol=1e-5)


def test_a_low_loss_carries_waves_farther():
    """The same homogeneous phantom and drive: less loss leaves more motion on the way."""
    low, high = (transfer.simulate_case(CONDITIONS[name], 1, 0) for name in ("low_loss", "high_loss"))
    assert np.abs(low["wave"]).mean() > 1.2 * np.abs(high["wave"]).mean()


def test_a_lesson_is_dealt_to_its_conditions_family_by_family():
    """Twelve phantoms of two conditions: three from the first, three from the second, and so on."""
    images = {name: torch.full((12, 4, 2, 2), value) for name, value in (("a", 1.0), ("b", 2.0))}
    dealt = transfer.lesson(("a", "b"), images)[:, 0, 0, 0]
    assert dealt.tolist() == [1.0] * 3 + [2.0] * 3 + [1.0] * 3 + [2.0] * 3
    assert transfer.lesson(("b",), images).unique().tolist() == [2.0]


def test_matrix_of_a_tiny_study():
    """Networks and MMDI get an error for each case; another seed of weights gives another network."""
    conditions = {"free": CONDITIONS["free"], "impedance": CONDITIONS["impedance"]}
    counts = dict.fromkeys(conditions, 3)
    lessons, tests = (transfer.simulate_conditions(conditions, counts, seed, 1) for seed in (4, 5))
    assert (
        tests["free"].sizes["phantom"] == 3
        and len(transfer.simulate_conditions(conditions, counts | {"free": 0}, 4, 1)) == 1
    )
    schedule = training.Schedule(epochs=1, patches_per_epoch=32, batch=8, widths=WIDTHS)
    teachers = {"free": ("free",), "again": ("free",)}
    torch.set_num_threads(1)
    errors = transfer.teach(teachers, lessons, schedule, tests, 1)
    errors |= transfer.apply({"mmdi": ("mmdi", None)}, {"free": tests["free"]}, 1)
    assert errors["free"]["free"].shape == (3,) and not np.array_equal(
        errors["free"]["free"], errors["again"]["free"]
    )
    assert 0 < errors["mmdi"]["free"].mean() < 60
    summary = transfer.summarise(errors)
    assert summary["mape"]["again"]["impedance"]["mean"] == pytest.approx(errors["again"]["impedance"].mean())
    expected = errors["again"]["free"].mean() - errors["free"]["free"].mean()
    assert summary["mape_change"]["again"]["free"]["mean"] == pytest.approx(expected)


def test_every_teacher_is_taught_what_can_be_taught():
    for teacher in transfer.TEACHERS.values():
        assert set(teacher) <= set(CONDITIONS) <= set(TEST_CONDITIONS)
    assert {c.physics for c in TEST_CONDITIONS.values()} == set(shaking.ENCODED) - {"clinical"}
