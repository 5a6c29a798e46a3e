"""A wave of 3 kPa gives 3 kPa however its file is written, or the file is refused."""

import warnings

import numpy as np
import pytest
from waves import phase_offsets, save_nifti, travelling

from dime.files.waves import read_wave
from dime.inversion import methods
from dime.mri.elastography import wrap

U, DISC = travelling()
INSIDE = DISC[..., None]


def kpa(waves, method="mmdi"):
    """Median stiffness of the disc [kPa], and the share of it that is trusted."""
    maps = methods.invert(waves, method)
    inside = DISC.T
    return np.median(maps["stiffness"].values[0][inside]) / 1e3, maps["trusted"].values[0][inside].mean()


def noisy(count=4, amplitude_rad=1.0):
    noise = 0.05 * np.random.default_rng(1).standard_normal((*U.shape, count))
    return wrap(phase_offsets(amplitude_rad * U, count) + noise)


def parts(u):
    return np.stack([u.real, u.imag], -1)


WRITTEN = {
    "radians": np.where(INSIDE, noisy(), 0).astype(np.float32),
    "12 bits, background 0": np.where(INSIDE, np.round((noisy() + np.pi) / 2 / np.pi * 4095), 0),
    "12 bits, background 2048": np.where(INSIDE, np.round((noisy() + np.pi) / 2 / np.pi * 4095), 2048),
    "wrapped degrees": np.where(INSIDE, np.degrees(noisy(8, 4.0)), 0).astype(np.float32),
    "background -pi": np.where(INSIDE, noisy(), -np.pi).astype(np.float32),
    "background NaN": np.where(INSIDE, noisy(), np.nan).astype(np.float32),
    "real and imaginary part": np.where(INSIDE, parts(U), 0).astype(np.float32),
    "complex": np.where(DISC, U, 0).astype(np.complex64),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_files_of_every_kind_give_the_stiffness(tmp_path, name):
    values = WRITTEN[name]
    if values.dtype == float:
        values = values.astype(np.int16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        waves = read_wave(save_nifti(tmp_path / "a.nii.gz", values), 60.0)
    np.testing.assert_array_equal(waves["mask"].values[0], DISC.T)
    for method in ("mmdi", "dime"):
        stiffness, trusted = kpa(waves, method)
        assert stiffness == pytest.approx(3.0, rel=0.06) and trusted > 0.9, method
    assert "tissue 64 % of the image" in waves.attrs["read_as"]
    assert waves.attrs["source"].endswith("a.nii.gz")


@pytest.mark.parametrize("gain", [1.0, 180 / np.pi, 4096 / np.pi])
def test_amplitude_and_phase_have_a_layout_of_their_own(tmp_path, gain):
    values = np.where(INSIDE, np.stack([np.abs(U), gain * np.angle(U)], -1), 0).astype(np.float32)
    path = save_nifti(tmp_path / "a.nii", values)
    with pytest.raises(ValueError, match="--layout amplitude-phase"):
        read_wave(path, 60.0)
    assert kpa(read_wave(path, 60.0, layout="amplitude-phase"))[0] == pytest.approx(3.0, rel=0.06)


def test_a_component_is_inverted_alone(tmp_path):
    """Three components, of which the second is the wave and the others are noise."""
    noise = np.random.default_rng(2).standard_normal((*U.shape, 4, 3))
    noise[..., 1] = noisy()
    path = save_nifti(tmp_path / "a.nii", np.where(INSIDE[..., None], noise, 0)[:, :, None].astype("f4"))
    waves = read_wave(path, 60.0, component=2)
    assert "component 2" in waves.attrs["read_as"]
    assert kpa(waves)[0] == pytest.approx(3.0, rel=0.06)


def test_magnitudes_between_the_phases_are_refused(tmp_path):
    magnitude = 800 * (1 + 0.03 * np.random.default_rng(4).standard_normal((*U.shape, 4)))
    turns = np.stack([magnitude, noisy()], -1).reshape(*U.shape, 8)
    path = save_nifti(tmp_path / "a.nii", np.where(INSIDE, turns, 0).astype(np.float32))
    with pytest.raises(ValueError, match="found magnitudes among them"):
        read_wave(path, 60.0)


@pytest.mark.parametrize("count", [3, 4, 8])
@pytest.mark.parametrize("amplitude_rad", [0.5, 4.0])
def test_air_is_where_phases_are_noise(tmp_path, count, amplitude_rad):
    """Phases that fill the image: those of the disc, and noise around it; also where the wave wraps."""
    air = np.random.default_rng(0).uniform(-np.pi, np.pi, (*U.shape, count))
    values = np.where(INSIDE, noisy(count, amplitude_rad), air)
    for stored in (values, np.round(values * 4096 / 2 / np.pi)):
        waves = read_wave(save_nifti(tmp_path / "air.nii", stored.astype(np.float32)), 60.0)
        found = waves["mask"].values[0].T
        assert (found != DISC).sum() < 0.03 * DISC.sum() and (found & ~DISC).sum() < 0.02 * DISC.sum()
        assert "tissue 6" in waves.attrs["read_as"] and "(coherent phases)" in waves.attrs["read_as"]
        assert kpa(waves)[0] == pytest.approx(3.0, rel=0.06)


def test_holes_stay_background_and_a_slice_of_noise_is_named(tmp_path):
    """A hole of background in the disc; a third slice without tissue; phases stored from 0 on."""
    hole = np.hypot(*(np.indices(U.shape) - 48)) < 6
    noise = np.random.default_rng(0).uniform(-np.pi, np.pi, (*U.shape, 4))
    values = np.stack([noisy(), noisy(), noise], axis=2)
    stored = np.where((DISC & ~hole)[..., None, None], np.round((values + np.pi) * 4095 / 2 / np.pi), 2048)
    path = save_nifti(tmp_path / "a.nii", stored.astype(np.int16))
    with pytest.warns(UserWarning, match="a.nii: slice 3 of 3: nothing but noise; it stays 0"):
        waves = read_wave(path, 60.0, phase_period=4096)
    assert not waves["mask"].values[:, hole.T].any() and not waves["mask"].values[2].any()
    assert waves["mask"].values[0][(DISC & ~hole).T].mean() > 0.97


def test_air_that_is_no_noise_is_still_warned_of(tmp_path):
    """An image without background, some noise in a corner."""
    x = np.linspace(0, 9, 64)
    values = 0.5 * np.cos(x[:, None, None] + np.arange(4) * np.pi / 2) * np.ones((1, 64, 1))
    values[:8, :8] = np.random.default_rng(0).uniform(-np.pi, np.pi, (8, 8, 4))
    with pytest.warns(UserWarning, match=r"a.nii: tissue fills the image \(9\d %\)"):
        waves = read_wave(save_nifti(tmp_path / "a.nii", values.astype(np.float32)), 60.0)
    assert "coherent phases" in waves.attrs["read_as"]


def test_nothing_but_noise_is_refused(tmp_path):
    noise = np.random.default_rng(0).uniform(-np.pi, np.pi, (64, 64, 4)).astype(np.float32)
    with pytest.raises(
        ValueError, match=r"a.nii: expected phases that go on from pixel to pixel, found noise"
    ):
        read_wave(save_nifti(tmp_path / "a.nii", noise), 60.0)


@pytest.mark.parametrize("count", [3, 4, 6])
@pytest.mark.parametrize("levels", [5, 30, 800])
def test_magnitudes_are_no_phases(tmp_path, count, levels):
    """An image with noise of 3 % of its brightness, stored in few levels or many."""
    x = np.linspace(-1, 1, len(U))
    bright = levels * (1 - 0.4 * x[:, None, None] ** 2) * np.where(INSIDE, 1, 0.02)
    noise = 0.03 * levels * np.random.default_rng(1).standard_normal((*U.shape, count))
    path = save_nifti(tmp_path / "a.nii", np.abs(np.round(bright + noise)).astype(np.float32))
    with pytest.raises(ValueError, match=r"a.nii: expected phases, found values that are never negative"):
        read_wave(path, 60.0)


def test_one_image_twice_is_warned_of(tmp_path):
    twice = np.where(INSIDE, np.stack([U.real, U.real], -1), 0).astype(np.float32)
    with pytest.warns(UserWarning, match=r"twice.nii: its two channels are proportional"):
        read_wave(save_nifti(tmp_path / "twice.nii", twice), 60.0)


@pytest.mark.parametrize(("frequency_hz", "spacing_m"), [(377, None), (6, None), (60, 0.3e-3), (60, 9e-3)])
def test_a_frequency_or_pixel_far_from_the_true_one_is_not_trusted(tmp_path, frequency_hz, spacing_m):
    """The wave is 14 pixels long; at 377 Hz for 60 the network would see 145 of its own."""
    path = save_nifti(tmp_path / "a.nii", WRITTEN["radians"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the header says another pixel
        waves = read_wave(path, frequency_hz, spacing_m)
    assert kpa(waves, "dime")[1] == 0


def test_a_slice_that_cannot_be_inverted_stays_0_and_is_named(tmp_path):
    """Four slices: one without motion, one whose mask is a single pixel."""
    values = np.repeat(WRITTEN["radians"][:, :, None], 4, axis=2)
    values[:, :, 2][DISC] = 0.3
    mask = np.repeat(DISC[..., None], 4, axis=2).astype(np.uint8)
    mask[:, :, 1] = 0
    mask[40, 40, 1] = 1
    wave, tissue = save_nifti(tmp_path / "a.nii", values), save_nifti(tmp_path / "m.nii", mask)
    with pytest.warns(UserWarning) as said:
        maps = methods.invert(read_wave(wave, 60.0, mask_path=tissue), "mmdi")["stiffness"].values
    texts = sorted(str(one.message) for one in said)
    assert "a.nii, slice 2 of 4: mask: expected a region, found 1 pixel(s); the slice stays 0" in texts[0]
    assert "a.nii, slice 3 of 4: wave: expected a vibration" in texts[1] and len(texts) == 2
    assert not maps[1].any() and not maps[2].any()
    for row in (0, 3):
        assert np.median(maps[row][DISC.T]) == pytest.approx(3000, rel=0.06)


@pytest.mark.parametrize("count", [4, 5, 8])
def test_rounding_is_no_wave_where_a_slice_does_not_move(tmp_path, count):
    """The phases of the last slice differ from pixel to pixel, but not from offset to offset."""
    values = np.repeat(phase_offsets(U, count)[:, :, None], 3, axis=2)
    values[:, :, 2] = np.random.default_rng(3).uniform(-2, 2, (*U.shape, 1))
    values = np.where(DISC[..., None, None], values, 0).astype(np.float32)
    waves = read_wave(save_nifti(tmp_path / "a.nii", values), 60.0)
    assert waves["wave"].values[:2].any(axis=(1, 2)).all() and not waves["wave"].values[2].any()
    with pytest.warns(UserWarning, match="wave: expected a vibration"):
        maps = methods.invert(waves, "mmdi")
    assert not maps["stiffness"].values[2].any() and not maps["trusted"].values[2].any()
    assert np.median(maps["stiffness"].values[0][DISC.T]) == pytest.approx(3000, rel=0.06)


def test_a_file_of_which_no_slice_can_be_inverted_is_refused(tmp_path):
    mask = np.zeros((*U.shape, 1), np.uint8)
    mask[40, 40] = 1
    wave, tissue = save_nifti(tmp_path / "a.nii", WRITTEN["radians"]), save_nifti(tmp_path / "m.nii", mask)
    with pytest.raises(ValueError, match=r"a.nii: mask: expected a region, found 1"):
        methods.invert(read_wave(wave, 60.0, mask_path=tissue), "mmdi")


def test_values_that_are_not_finite_are_counted_by_slice(tmp_path):
    values = np.repeat(WRITTEN["radians"][:, :, None], 3, axis=2)
    values[40:43, 40, 1] = np.nan
    with pytest.raises(ValueError, match=r"3 of \d+ pixels of the tissue are not finite, in slice 2 of 3"):
        read_wave(save_nifti(tmp_path / "a.nii", values), 60.0)
