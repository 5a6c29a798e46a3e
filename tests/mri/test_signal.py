"""Signal equations: each is compared with a limit or an extremum that is known in closed form."""

import numpy as np
import pytest

from dime.mri.signal import (
    FAT_SHIFT_PPM,
    GYROMAGNETIC_RATIO_HZ_PER_T,
    RELAXATION,
    liver_signal,
    spin_echo,
    spoiled_gradient_echo,
    water_and_fat,
)

FLIP, TR, TE = np.deg2rad(25), 0.050, 0.020
SIGNALLING = "fat muscle marrow liver vessel spleen stomach bowel cortex medulla fluid heart".split()


@pytest.mark.parametrize("t1", [0.3, 0.8, 2.0])
def test_the_ernst_angle_gives_the_brightest_gradient_echo(t1):
    """dS/da = 0 at cos a = E1, where S = PD sqrt((1 - E1) / (1 + E1))."""
    e1 = np.exp(-TR / t1)
    flips = np.linspace(0.01, np.pi / 2, 20001)
    signal = spoiled_gradient_echo(1.0, t1, 0.0, flips, TR, TE)
    assert np.isclose(flips[signal.argmax()], np.arccos(e1), atol=1e-4)
    assert np.isclose(signal.max(), np.sqrt((1 - e1) / (1 + e1)), rtol=1e-6)


def test_a_long_repetition_time_removes_the_influence_of_t1():
    """TR >> T1: the gradient echo is PD sin a, the spin echo PD, both at TE 0."""
    t1 = np.array([0.3, 1.0, 2.0])
    assert np.allclose(spoiled_gradient_echo(0.8, t1, 50, FLIP, 100, 0), 0.8 * np.sin(FLIP))
    assert np.allclose(spin_echo(0.8, t1, 0.05, 100, 0), 0.8)


def test_signals_decay_exponentially_with_the_echo_time():
    """log S falls by R2* TE in a gradient echo and by TE / T2 in a spin echo; arrays broadcast."""
    rates = np.array([[20.0], [50.0], [400.0]])
    echoes = np.array([0.0, 0.005, 0.020])
    gradient = spoiled_gradient_echo(1.0, 0.8, rates, FLIP, TR, echoes)
    assert gradient.shape == (3, 3)
    assert np.allclose(np.log(gradient / gradient[:, :1]), -rates * echoes)
    spin = spin_echo(1.0, 0.8, 1 / rates, 1.0, echoes)
    assert np.allclose(np.log(spin / spin[:, :1]), -rates * echoes)


def test_water_and_fat_add_in_phase_and_cancel_out_of_phase():
    """Half water, half fat at 3 T: full signal at TE = 1 / |df| = 2.30 ms and none at 1.15 ms."""
    in_phase = 1 / abs(FAT_SHIFT_PPM * 1e-6 * GYROMAGNETIC_RATIO_HZ_PER_T * 3)
    assert round(in_phase * 1e3, 1) == 2.3
    assert np.allclose(water_and_fat(1.0, 1.0, 0.5, 3.0, np.array([0, 1, 2]) * in_phase), 1)
    assert np.allclose(water_and_fat(1.0, 1.0, 0.5, 3.0, in_phase / 2), 0, atol=1e-12)
    assert np.allclose(water_and_fat(1.0, 1.0, 0.2, 3.0, in_phase / 2), 0.8 - 0.2)
    assert np.allclose(
        water_and_fat(1.0, 1.0, 0.5, 1.5, in_phase), 0, atol=1e-12
    )  # half the shift at half the field


def test_every_tissue_is_in_the_table_at_both_fields():
    """The tissues that give signal, positive everywhere; R2* = R2 + R2' is never below R2; T1 is above T2."""
    assert list(RELAXATION) == [1.5, 3.0]
    for table in RELAXATION.values():
        assert set(table) == {*SIGNALLING, "gall bladder"}
        for tissue in table.values():
            assert 0 < tissue.t2_s < tissue.t1_s
            assert tissue.r2star_per_s >= 1 / tissue.t2_s
            assert 0 < tissue.proton_density <= 1


def test_t1_grows_with_the_field():
    """From 1.5 to 3 T every organ's T1 grows; 21 % is the paper's average, over more tissues than these."""
    organs = ["liver", "spleen", "muscle", "marrow", "cortex", "medulla", "fat"]
    growth = {name: RELAXATION[3.0][name].t1_s / RELAXATION[1.5][name].t1_s for name in organs}
    assert min(growth.values()) > 1
    assert abs(np.mean(list(growth.values())) - 1.21) < 0.05


@pytest.mark.parametrize("field", [1.5, 3.0])
def test_iron_darkens_the_liver(field):
    """Without fat the signal falls by exp(-TE dR2*): at 20 ms, 400 /s leave under a thousandth of 50 /s."""
    rates = np.array([50.0, 101.0, 400.0])
    signal = liver_signal(0.0, rates, field, FLIP, TR, TE)
    assert (np.diff(signal) < 0).all()
    assert np.allclose(signal / signal[0], np.exp(-TE * (rates - rates[0])))
    assert signal[2] < 1e-3 * signal[0]


def test_a_short_echo_orders_tissues_by_t1():
    """At 25 degrees, TR 50 ms and TE 2 ms a short T1 is bright: fat, then liver, then spleen."""
    fat, liver, spleen = (
        spoiled_gradient_echo(t.proton_density, t.t1_s, t.r2star_per_s, FLIP, TR, 0.002)
        for t in (RELAXATION[3.0][name] for name in ("fat", "liver", "spleen"))
    )
    assert fat > liver > spleen


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: spoiled_gradient_echo(1, 0.0, 50, FLIP, TR, TE), "t1_s"),
        (lambda: spoiled_gradient_echo(1, 0.8, -1, FLIP, TR, TE), "r2star_per_s"),
        (lambda: spin_echo(1, 0.8, np.array([0.03, np.nan]), TR, TE), "t2_s"),
        (lambda: spin_echo(1, 0.8, 0.03, TR, -TE), "echo_s"),
        (lambda: water_and_fat(1, 1, 1.2, 3, TE), "fat_share"),
        (lambda: liver_signal(0, 50, 7, FLIP, TR, TE), "field_t"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
