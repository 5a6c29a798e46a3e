"""Which way time runs, in waves whose sign is known."""

from dataclasses import replace

import numpy as np
import pytest

from dime.inversion.masked_wave import dissipation
from dime.mri.noise import add_noise
from dime.physics import axis_m
from dime.simulation import examination, plain_waves

SPACING_M, FREQUENCY_HZ = 1.5e-3, 60.0


def disc(pixels=150, radius_m=0.09):
    axis = axis_m(pixels, SPACING_M)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return y, x, np.hypot(y, x) < radius_m


@pytest.mark.parametrize("loss_tangent", [0.1, 0.3])
@pytest.mark.parametrize("angle", [0.3, 2.0])
def test_of_a_wave_in_uniform_tissue_it_is_the_sine_of_the_loss_angle(angle, loss_tangent):
    """Waves from all sides, each e^{-ik.x} with k^2 = rho omega^2 / G*: lap(u) = -|k^2| e^{-i delta} u.

    To a fifth: the band-pass knows nothing of the wave beyond the outline.
    """
    y, x, mask = disc()
    delta = np.arctan(loss_tangent)
    k = 2 * np.pi / 0.03 * np.exp(-0.5j * delta)
    angles = angle + np.linspace(0, 2 * np.pi, 7, endpoint=False)
    wave = sum(np.exp(-1j * k * (x * np.cos(a) + y * np.sin(a)) + 1j * a**2) for a in angles)
    found = dissipation(wave, mask, SPACING_M, FREQUENCY_HZ)
    assert found == pytest.approx(np.sin(delta), rel=0.2)
    assert dissipation(wave.conj(), mask, SPACING_M, FREQUENCY_HZ) == pytest.approx(-found)


def test_gains_offsets_and_what_lies_outside_do_not_matter_but_a_negative_gain_does():
    y, x, mask = disc()
    wave = plain_waves.mixed_wave(y, x, 0.03, np.random.default_rng(1), 9) * np.exp(-8 * x)
    wave = wave if dissipation(wave, mask, SPACING_M, FREQUENCY_HZ) > 0 else wave.conj()
    found = dissipation(wave, mask, SPACING_M, FREQUENCY_HZ)
    scaled = 7e3 * wave.real - 40 + 1j * (0.02 * wave.imag + 3)
    assert dissipation(np.where(mask, scaled, np.nan), mask, SPACING_M, FREQUENCY_HZ) == pytest.approx(found)
    assert dissipation(scaled.conj(), mask, SPACING_M, FREQUENCY_HZ) == pytest.approx(-found)


def test_one_channel_alone_tells_nothing():
    _, x, mask = disc()
    assert dissipation(np.cos(200 * x), mask, SPACING_M, FREQUENCY_HZ) == 0


@pytest.mark.parametrize("physics", ["antiplane", "oblique", "inplane"])
def test_it_is_found_in_single_noisy_waves_of_any_physics(physics):
    """Pushed and turned, standing and travelling, at 60 and 80 Hz, pixels of 0.9 to 2.5 mm, SNR 20 and 3."""
    recipe = examination.Recipe("mixed", 3, 55, physics=physics, background_motion=1.0)
    for index, (spacing_m, frequency_hz) in enumerate(((2.5e-3, 60.0), (1.5e-3, 80.0), (0.9e-3, 60.0))):
        scaled = replace(recipe, spacing_m=spacing_m, frequency_hz=frequency_hz)
        one = examination.simulate_phantom(scaled, index)
        for snr in (20.0, 3.0):
            wave = add_noise(one["wave"], one["mask"], snr, np.random.default_rng(index))
            assert dissipation(wave, one["mask"], spacing_m, frequency_hz) > 0
