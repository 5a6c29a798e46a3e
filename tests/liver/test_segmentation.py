"""Segmenters on drawn bodies: what they see, what they learn, and what comes out."""

import numpy as np
import pytest
import torch
import xarray as xr

from dime.learning import checkpoints
from dime.liver import features, segmentation, segmenter_training
from dime.liver.networks import KINDS, parameters
from dime.metrics.overlap import dice
from dime.mri.elastography import wrap
from dime.phantoms.abdomen import ID
from dime.physics import axis_m

SPACING_M = 3e-3
SIDE = 64
X, Y = np.meshgrid(axis_m(SIDE, SPACING_M), axis_m(SIDE, SPACING_M))


def recorded(wave, background=0.0, sigma=0.0, count=4, seed=0):
    """Wrapped phase (offset, y, x) of a wave [rad] over a static phase, with Gaussian noise of sd `sigma`."""
    turns = np.exp(2j * np.pi * np.arange(count) / count)[:, None, None]
    noise = sigma * np.random.default_rng(seed).normal(size=(count, *wave.shape))
    return wrap((wave * turns).real + background + noise)


def examinations(count, seed):
    """Bodies of two slices: liver on the image's left, a spleen of equal brightness on its right."""
    rng = np.random.default_rng(seed)
    shape = (count, 2, 4, SIDE, SIDE)
    magnitude, phase = np.empty(shape, np.float16), np.empty(shape, np.float16)
    liver = np.zeros((count, 2, SIDE, SIDE), bool)
    for exam, part in np.ndindex(count, 2):
        shift, radius = rng.uniform(-0.01, 0.01, 2), rng.uniform(0.025, 0.035)
        body = (X / 0.085) ** 2 + (Y / 0.065) ** 2 < 1
        liver[exam, part] = np.hypot(X + 0.035 + shift[0], Y + shift[1]) < radius
        spleen = np.hypot(X - 0.045, Y) < 0.02
        bright = np.where(liver[exam, part] | spleen, 1.0, 0.4) * body
        image = bright + 0.03 * rng.normal(size=(4, SIDE, SIDE)) + 0.03j * rng.normal(size=(4, SIDE, SIDE))
        magnitude[exam, part] = np.abs(image)
        wave = recorded(0.5 * np.exp(250j * X), 0.3)
        phase[exam, part] = np.angle(image * np.exp(1j * wave))
    dims = ("exam", "slice", "offset", "y", "x")
    images = {"magnitude": (dims, magnitude), "phase": (dims, phase)}
    dims = ("exam", "slice", "y", "x")
    marks = {"liver": (dims, liver), "tissue": (dims, np.where(liver, ID["liver"], ID["fat"]).astype("u1"))}
    return xr.Dataset(images | marks, attrs={"spacing_m": SPACING_M, "frequency_hz": 60.0})


def test_a_harmonic_needs_no_unwrapping():
    """Amplitude 2 rad over a static phase that wraps: the harmonic is the wave, and nothing is left."""
    wave = 2.0 * np.exp(100j * X)
    phase = torch.from_numpy(recorded(wave, background=60 * Y))
    found, noise = features.harmonic(phase)
    assert np.abs(found.numpy() - wave).max() < 1e-6
    assert noise.max() < 1e-6


@pytest.mark.parametrize("count", [4, 8])
def test_the_noise_of_a_harmonic_is_that_of_its_offsets(count):
    """Noise of 0.05 rad per offset: the rms error of the harmonic is sqrt(4 / N) times that, as estimated."""
    wave = 0.5 * np.exp(100j * X)
    found, noise = features.harmonic(torch.from_numpy(recorded(wave, 0.4, 0.05, count)))
    expected = np.sqrt(4 / count) * 0.05
    assert np.sqrt(np.mean(np.abs(found.numpy() - wave) ** 2)) == pytest.approx(expected, rel=0.05)
    assert noise.square().mean().sqrt().item() == pytest.approx(expected, rel=0.05)


def test_features_have_no_scale():
    """An even magnitude is 1 and a wave of 0.5 rad is 0.5, whatever the gain; two pixels make one."""
    phase = recorded(np.full((SIDE, SIDE), 0.5 + 0j))[None]
    magnitude = np.full(phase.shape, 7.0)
    found = features.features(magnitude, phase, features.GRID_M / 2)
    assert found.shape == (1, len(features.CHANNELS), SIDE // 2, SIDE // 2) and found.dtype == np.float32
    expected = np.log([1.0, features.FLOORS[1], 0.5, features.FLOORS[3]])
    assert np.abs(found - expected[:, None, None]).max() < 1e-5
    noisy = magnitude + np.random.default_rng(0).normal(size=phase.shape)
    one, other = (features.features(gain * noisy, phase, features.GRID_M) for gain in (1, 300))
    assert np.abs(one - other).max() < 1e-4


def test_noise_without_signal_is_told_from_tissue():
    """Random phases: their mean over 3 x 3 pixels is short, and 1 - its length is near 2/3, not near 0."""
    phase = np.random.default_rng(1).uniform(-np.pi, np.pi, (1, 4, SIDE, SIDE))
    found = features.features(np.ones(phase.shape), phase, features.GRID_M)
    assert np.exp(found[0, 3]).mean() == pytest.approx(0.7, abs=0.05)


def test_the_reportable_region_is_deep_free_of_vessels_and_moves():
    """A square liver whose right half stands still and that a vessel crosses; left is what is 8 mm deep."""
    liver = (np.abs(X) < 0.06) & (np.abs(Y) < 0.06)
    vessel = np.abs(Y) < 0.005
    phase = recorded(np.where(X < 0, 0.5, 0.0) * np.exp(200j * Y), 0.2, 0.05)
    region = features.reportable_region(liver[None], vessel[None], phase[None], SPACING_M)[0]
    assert not region[vessel].any() and not region[~liver].any()
    assert not region[X > 2 * features.NEARBY_M].any()
    deep = (np.abs(X) < 0.06 - features.RIM_M - SPACING_M) & (np.abs(Y) < 0.06 - features.RIM_M - SPACING_M)
    assert region[deep & ~vessel & (X < -2 * features.NEARBY_M)].all()
    assert not region[np.abs(X) > 0.06 - features.RIM_M + SPACING_M].any()


def test_images_that_are_no_examination_are_refused():
    images = np.ones((1, 4, 8, 8))
    with pytest.raises(ValueError, match="magnitude, phase: expected"):
        features.features(images, images[0], SPACING_M)
    with pytest.raises(ValueError, match="at least 3 offsets, found 2"):
        features.features(images[:, :2], images[:, :2], SPACING_M)
    with pytest.raises(ValueError, match="at least 4 offsets, found 3"):
        features.reportable_region(images[:, 0] > 0, images[:, 0] > 2, images[:, :3], SPACING_M)


def test_a_mask_is_cleaned():
    """Kept: the larger of two organs, in both slices. Filled: a vessel of 1 cm^2. Removed: a speck."""
    organ, other = np.hypot(X + 0.04, Y) < 0.03, np.hypot(X - 0.05, Y) < 0.02
    hole, speck = np.hypot(X + 0.04, Y) < 0.0055, np.hypot(X - 0.05, Y) < 0.006
    mask = np.stack([(organ & ~hole) | other, organ | speck])
    cleaned = segmentation.clean(mask, SPACING_M)
    assert np.array_equal(cleaned, np.stack([organ, organ]))
    cavity = np.hypot(X + 0.04, Y) < 0.012  # 4.5 cm^2: no vessel
    assert np.array_equal(segmentation.clean((organ & ~cavity)[None], SPACING_M)[0], organ & ~cavity)
    assert not segmentation.clean(np.zeros((2, 8, 8), bool), SPACING_M).any()
    assert not segmentation.clean(np.stack([speck]), SPACING_M).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_segmentation_lies_on_the_grid_of_the_images(kind):
    """Also where that grid is no multiple of the network's cells."""
    network = KINDS[kind]().eval()
    phase = recorded(np.full((50, 70), 0.5 + 0j), 0, 0.1)[None].repeat(3, 0)
    found = segmentation.segment(network, np.ones(phase.shape), phase, 2e-3)
    assert found.liver.shape == found.reportable.shape == found.probability.shape == (3, 50, 70)
    assert found.liver.dtype == found.reportable.dtype == bool and found.probability.dtype == np.float32
    assert not (found.reportable & ~found.liver).any()
    assert 0 <= found.probability.min() and found.probability.max() <= 1
    assert found.bottleneck.shape == (3, network.widths[-1]) and np.isfinite(found.bottleneck).all()


def test_the_networks_have_their_size():
    assert parameters(KINDS["unet"]()) == pytest.approx(0.39e6, rel=0.02)
    assert parameters(KINDS["resnet"]()) == pytest.approx(0.5e6, rel=0.02)


def test_augmentation_never_mirrors():
    """A channel that grows along x and y still grows along both, whatever is drawn."""
    ramp = torch.from_numpy(np.stack([X, Y, X, Y])).float()[None].repeat(50, 1, 1, 1)
    schedule = segmenter_training.Schedule(gain=0, shading=0, noise=0)
    images, _ = segmenter_training.augmented(ramp, ramp[:, :2], schedule, torch.Generator().manual_seed(0))
    inside = images[:, :, 20:-20, 20:-20]
    assert (inside[:, ::2].diff(dim=3) > 0).all() and (inside[:, 1::2].diff(dim=2) > 0).all()
    assert inside[:, ::2].diff(dim=3).std() > 0, "nothing was magnified"


def test_foreign_magnitude_is_never_the_own():
    """Each channel holds the number of its examination: phase and marks of one, magnitude of another."""
    images = torch.arange(5.0)[:, None, None, None, None].expand(5, 2, 10, 4, 4).clone()
    schedule = segmenter_training.Schedule(foreign_magnitude=True, batch=64)
    task = segmenter_training.SliceTask(images, images, "unet", schedule)
    drawn, marks = task.draw(torch.Generator().manual_seed(0))
    assert (drawn[:, :2] != marks[:, :1]).all() and (drawn[:, 2:] == marks[:, :1]).all()
    task.schedule = segmenter_training.Schedule(batch=64)
    drawn, marks = task.draw(torch.Generator().manual_seed(0))
    assert (drawn == marks[:, :1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_segmenter_learns_the_liver_and_not_the_spleen(kind, tmp_path):
    """After 60 steps on 12 bodies: Dice above 0.85 on bodies that it has not seen, none of the spleen."""
    torch.set_num_threads(1)
    train, held_out = examinations(12, 0), examinations(3, 1)
    images = [segmenter_training.training_images(data) for data in (train, held_out)]
    assert images[0].shape == (12, 2, 10, SIDE, SIDE)
    schedule = segmenter_training.Schedule(epochs=3, slices_per_epoch=160, batch=8, shift_m=0.01)
    history = segmenter_training.train_segmenter(kind, *images, schedule, tmp_path)
    network, card = segmentation.load_segmenter(tmp_path)
    assert len(history) == 3 and (tmp_path / "history.csv").is_file()
    assert card["validation_dice"] == pytest.approx(history[-1]["validation_dice"], abs=0.1)
    for place in range(3):
        exam = held_out.isel(exam=place)
        found = segmentation.segment(network, exam["magnitude"], exam["phase"], SPACING_M)
        assert dice(found.liver, exam["liver"]) > 0.85
        assert not found.liver[:, X > 0.04].any()


def test_a_folder_of_another_network_is_refused(tmp_path):
    checkpoints.save_model(KINDS["unet"](), {"kind": "map"}, tmp_path)
    with pytest.raises(ValueError, match="expected a segmenter of kind unet, resnet, found 'map'"):
        segmentation.load_segmenter(tmp_path)
    with pytest.raises(ValueError, match="kind: expected one of unet, resnet, found 'vnet'"):
        segmenter_training.train_segmenter("vnet", None, None, None, tmp_path)
