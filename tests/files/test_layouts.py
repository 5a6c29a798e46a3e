"""Axes and channels are named, refused or warned of; none is guessed without a word."""

import numpy as np
import pytest
from waves import phase_offsets, travelling

from dime.files import layouts


@pytest.mark.parametrize(
    ("shape", "kind", "expected", "words"),
    [
        ((9, 8, 4), float, (4, 1, 8, 9), "4 offsets, 1 slice"),
        ((9, 8, 5, 4), float, (4, 5, 8, 9), "4 offsets, 5 slices"),
        ((9, 8, 1, 10), float, (10, 1, 8, 9), "10 offsets, 1 slice"),
        ((9, 8, 5, 1, 4), float, (4, 5, 8, 9), "4 offsets, 5 slices"),
        ((9, 8, 5, 4, 1), float, (4, 5, 8, 9), "4 offsets, 5 slices"),
        ((9, 8, 1, 4, 1, 1), float, (4, 1, 8, 9), "4 offsets, 1 slice"),
        ((9, 8, 2), float, (2, 1, 8, 9), "1 slice"),
        ((9, 8, 5, 2), float, (2, 5, 8, 9), "5 slices"),
        ((9, 8), complex, (1, 1, 8, 9), "1 slice"),
        ((9, 8, 5), complex, (1, 5, 8, 9), "5 slices"),
        ((9, 8, 5, 1, 1), complex, (1, 5, 8, 9), "5 slices"),
    ],
)
def test_axes_of_length_1_are_left_out_and_the_counts_said(shape, kind, expected, words):
    channels, layout, _ = layouts.arrange(np.zeros(shape, kind), None, None, "a.nii")
    assert channels.shape == expected and layouts.counts(channels, layout) == words


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((9, 8, 5, 4, 3), float),
        ((9, 8, 1, 3, 4), float),
        ((9, 8, 5, 2, 3), float),
        ((9, 8, 5, 3, 2), float),
        ((9, 8, 5, 3), complex),
        ((9, 8, 5, 1, 3), complex),
    ],
)
def test_three_components_are_named_and_chosen(shape, kind):
    """The axis of 3 beyond slices and channels; its second entry is 1 here, the others 0."""
    values = np.zeros(shape, kind)
    axis = max(index for index, length in enumerate(shape) if length == 3)
    np.moveaxis(values, axis, 0)[1] = 1
    with pytest.raises(ValueError, match=r"a.nii: found three components of motion; choose one with --comp"):
        layouts.arrange(values, None, None, "a.nii")
    for component in (1, 2, 3):
        channels, _, _ = layouts.arrange(values, None, component, "a.nii")
        assert channels.ndim == 4 and (channels == (component == 2)).all()


@pytest.mark.parametrize(
    ("shape", "kind", "layout", "component", "message"),
    [
        ((9, 8, 4), float, "phases", None, "layout: expected one of offsets"),
        ((9, 8, 4), float, "complex", None, "does not fit values of type float"),
        ((9, 8), float, None, None, "does not fit shape"),
        ((9, 8, 1), float, None, None, "at least 3 phase offsets, found 1"),
        ((9, 8, 5, 1), float, None, None, "at least 3 phase offsets, found 1"),
        ((9, 8, 5, 1, 1), float, None, None, "at least 3 phase offsets, found 1"),
        ((9, 8, 5, 4), float, "real-imag", None, "expected a last axis of 2"),
        ((9, 8, 5, 4), float, "amplitude-phase", None, "expected a last axis of 2"),
        ((9, 8, 5, 4, 2), float, None, None, "one axis of 3 components"),
        ((9, 8, 5, 4, 3, 3), float, None, 1, "one axis of 3 components"),
        ((9, 8, 5, 4), float, None, 1, "expected three components of motion, found one"),
        ((9, 8, 5, 4, 3), float, None, 4, "expected 1, 2 or 3, found 4"),
    ],
)
def test_what_no_layout_fits_is_refused(shape, kind, layout, component, message):
    with pytest.raises(ValueError, match=message):
        layouts.arrange(np.zeros(shape, kind), layout, component, "a.nii")


def test_three_slices_that_are_taken_for_components_are_remarked():
    """Three slices of four offsets look like the three components of one slice."""
    channels, _, remarks = layouts.arrange(np.zeros((9, 8, 3, 4)), None, 2, "a.nii")
    assert channels.shape == (4, 1, 8, 9) and "three slices look alike" in remarks[0]
    assert layouts.arrange(np.zeros((9, 8, 5, 4, 3)), None, 2, "a.nii")[2] == []


def test_three_offsets_are_remarked_as_possible_components():
    assert "three components" in layouts.arrange(np.zeros((9, 8, 5, 3)), None, None, "a.nii")[2][0]
    assert not layouts.arrange(np.zeros((9, 8, 5, 4)), None, None, "a.nii")[2]


def images(values):
    """(x, y, channel) as (channel, z, y, x)."""
    return np.moveaxis(values, (2, 1, 0), (0, 1, 2))[:, None]


def test_amplitude_and_phase_are_no_parts():
    u, disc = travelling()
    mask = disc.T[None]
    amplitude, phase = np.abs(u), np.angle(u)
    layouts.check_parts(images(np.stack([u.real, u.imag], -1)), mask, "a.nii")
    for pair in (
        (amplitude, phase),
        (phase, amplitude),
        (amplitude, phase % (2 * np.pi)),
        (amplitude, np.degrees(phase)),
        (1000 * amplitude, np.round(4096 * phase / np.pi)),
    ):
        with pytest.raises(ValueError, match=r"never negative.*--layout amplitude-phase"):
            layouts.check_parts(images(np.stack(pair, -1)), mask, "a.nii")


@pytest.mark.parametrize("scale", [1.0, 4.0, 1000.0])
@pytest.mark.parametrize("stored", ["rad", "rad from 0", "12 bits"])
def test_magnitudes_among_the_offsets_are_refused(scale, stored):
    """Magnitude and phase of each offset in turn, or all magnitudes before or behind all phases."""
    u, disc = travelling()
    phase = phase_offsets(0.8 * u)
    phase = {"rad": phase, "rad from 0": phase + np.pi, "12 bits": 2048 + 650 * phase}[stored]
    noise = np.random.default_rng(3).standard_normal(phase.shape)
    shading = 1 + 0.3 * np.linspace(-1, 1, len(u))[:, None, None]
    magnitude = scale * shading * (1 + 0.03 * noise)
    turns = np.stack([magnitude, phase], -1).reshape(*u.shape, -1)
    mask = disc.T[None]
    for values in (
        turns,
        turns[..., ::-1],
        np.concatenate([magnitude, phase], -1),
        np.concatenate([phase, magnitude], -1),
    ):
        with pytest.raises(ValueError, match=r"a.nii: expected 8 phase offsets, found magnitudes"):
            layouts.check_volumes(images(values), images(values), mask, "a.nii")


@pytest.mark.parametrize("count", [4, 6, 8])
@pytest.mark.parametrize("background", [0.0, 3.0, 2048.0])
def test_phases_are_no_magnitudes(count, background):
    """Travelling and standing waves, at rest in every second offset, tissue that moves as a whole."""
    u, disc = travelling()
    noise = 0.05 * np.random.default_rng(3).standard_normal((*u.shape, count))
    for wave in (0.8 * u, 0.8 * u.real + 0j, 0.8j * u.real, 0.8 * u + 2, 0.8 * u + 2j):
        values = images(phase_offsets(wave, count) + noise + background)
        layouts.check_volumes(values, values, disc.T[None], "a.nii")


def test_offsets_of_another_order_or_of_two_periods_are_doubted():
    u, disc = travelling()
    mask, phase = disc.T[None], phase_offsets(u, 8)
    noise = np.random.default_rng(3).standard_normal(phase.shape)
    assert layouts.doubts(images(phase + 0.3 * noise), mask, "offsets") == []
    for values in (phase[..., [0, 4, 2, 6, 1, 5, 3, 7]], phase[..., [0, 2, 4, 6] * 2], phase + 3 * noise):
        assert "later harmonics" in layouts.doubts(images(values), mask, "offsets")[0]


def test_complex_signals_of_a_scanner_are_doubted():
    """Magnitude times e^{i phase} of six offsets, which have the shape of six slices of a wave."""
    u, disc = travelling()
    mask = np.repeat(disc.T[None], 6, axis=0)
    signals = images((1 + 0.03 * u[..., None].real) * np.exp(1j * phase_offsets(2 * u, 6)))
    assert "phase alone" in layouts.doubts(np.moveaxis(signals, 0, 1), mask, "complex")[0]
    slices = [travelling(stiffness_pa=pa)[0].T for pa in (2e3, 2.4e3, 2.8e3, 3.2e3, 3.6e3, 4e3)]
    for waves in (slices, slices[:1] * 6):
        assert layouts.doubts(np.stack(waves)[None], mask, "complex") == []


def test_channels_that_are_proportional_are_doubted():
    u, disc = travelling()
    mask = disc.T[None]
    assert layouts.doubts(images(np.stack([u.real, u.imag], -1)), mask, "real-imag") == []
    for gain in (1.0, -2.0, 1e-6):
        parts = images(np.stack([u.real, gain * u.real + 5], -1))
        assert "proportional" in layouts.doubts(parts, mask, "real-imag")[0]
        assert "proportional" in layouts.doubts((parts[0] + 1j * parts[1])[None], mask, "complex")[0]
