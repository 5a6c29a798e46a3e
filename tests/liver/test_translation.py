"""Networks that translate a wave in the liver into stiffness, on discs with plane waves."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from dime.liver import generators, translation, translation_tasks
from dime.mri.elastography import wrap
from dime.network import training
from dime.network.scale_free import LOG_CENTRE
from dime.network.unet import UNet
from dime.physics import DENSITY_KG_M3, WORKING_PIXEL_M_PER_S

SPACING_M, FREQUENCY_HZ = 1.5e-3, 60.0
SCHEDULE = training.Schedule(epochs=2, patches_per_epoch=16, batch=8, patch=32, seed=1)
CYCLE_SCHEDULE = replace(SCHEDULE, batch=2, patches_per_epoch=4, learning_rate=translation.CYCLE_RATE)


def label(r2star_per_s=45.0):
    return json.dumps({"r2star_per_s": r2star_per_s})


def examinations(stiffness_pa=(2e3, 4e3, 6e3), side=72, amplitude_rad=4.0, tangent=0.0):
    """A disc of 6 cm in each exam, which a plane wave of |u| = amplitude crosses: four wrapped offsets."""
    y, x = (np.mgrid[:side, :side] - side / 2) * SPACING_M
    disc = np.hypot(x + 9e-3, y) < 30e-3
    stiffness = np.array(stiffness_pa)[:, None, None] * np.ones((side, side))
    k = 2 * np.pi * FREQUENCY_HZ * np.sqrt(DENSITY_KG_M3 / stiffness)
    wave = amplitude_rad * np.exp(-1j * k * (x + tangent * y))
    turns = np.exp(2j * np.pi * np.arange(4) / 4)
    phase = wrap((wave[:, None] * turns[:, None, None]).real)
    found = {
        "phase": (("exam", "slice", "offset", "y", "x"), phase[:, None].astype(np.float16)),
        "stiffness": (("exam", "slice", "y", "x"), stiffness[:, None]),
        "liver": (("exam", "slice", "y", "x"), np.broadcast_to(disc, stiffness.shape)[:, None].copy()),
        "label": (("exam",), np.full(len(stiffness_pa), label(), dtype="U40")),
    }
    return xr.Dataset(found, attrs={"spacing_m": SPACING_M, "frequency_hz": FREQUENCY_HZ})


@pytest.fixture(scope="module")
def waves():
    return translation.liver_waves(examinations())


@pytest.fixture(scope="module")
def folders(waves, tmp_path_factory):
    """Both networks after a few steps, and the hybrid of the second."""
    root = tmp_path_factory.mktemp("models")
    for kind in ("unet", "resnet"):
        translation.train_translator(kind, waves, waves, SCHEDULE, root / kind, report=str)
    job = (waves, waves, CYCLE_SCHEDULE, root / "resnet_cycle", root / "resnet")
    translation.train_translator("resnet_cycle", *job, report=str)
    return root


def test_a_plane_wave_is_recovered_from_wrapped_offsets(waves):
    """u = 4 rad e^{-ikx} in a disc wraps in every offset; its harmonic is u up to turns, and the target is
    log(mu / (rho (f dx)^2))."""
    assert dict(waves.sizes) == {"phantom": 3, "y": 128, "x": 128}
    for row, stiffness in enumerate((2e3, 4e3, 6e3)):
        mask = waves["mask"].values[row]
        places = np.argwhere(mask)
        assert np.abs(places.min(axis=0) + places.max(axis=0) - 127).max() <= 1, "in the middle"
        wave = waves["wave"].values[row]
        k = 2 * np.pi * FREQUENCY_HZ * np.sqrt(DENSITY_KG_M3 / stiffness)
        inside = mask[:, :-1] & mask[:, 1:]
        step = np.angle(wave[:, 1:] * wave[:, :-1].conj())[inside]
        assert np.median(step) == pytest.approx(-k * SPACING_M, rel=0.02)
        assert np.abs(wave[mask]).mean() == pytest.approx(4.0, rel=0.02)
    target = translation.training_waves(examinations())[:, 3][waves["mask"].values]
    assert target[0].item() == pytest.approx(np.log(2e3 / (DENSITY_KG_M3 * WORKING_PIXEL_M_PER_S**2)))


def test_slices_without_a_liver_or_a_wave_are_left_out():
    """Of three exams one has 9 cm2 of liver, one has iron; pixels without stiffness do not count."""
    data = examinations()
    data["liver"].values[0] &= np.cumsum(data["liver"].values[0]).reshape(1, 72, 72) <= 400
    data["label"].values[1] = label(300.0)
    data["stiffness"].values[2, 0, 30:32] = 0
    kept = translation.liver_waves(data)
    assert kept["exam"].values.tolist() == [2]
    assert kept["stiffness"].values[kept["mask"].values].min() == 6e3
    data["liver"].values[:] = False
    with pytest.raises(ValueError, match="liver: expected a slice with 10 cm2, found none"):
        translation.liver_waves(data)


@pytest.mark.parametrize("shape", [(40, 56), (37, 51)])
def test_the_generator_knows_neither_gain_nor_offset_and_answers_like_the_unet(shape):
    """Gain 3 and offset 7 of the channels change nothing; any size of image comes back in its size."""
    torch.manual_seed(0)
    network = generators.ResidualGenerator().eval()
    waves, masks = torch.randn(2, 2, *shape), torch.ones(2, 1, *shape)
    with torch.no_grad():
        mean, log_scale = network(waves, masks)
        again = network(3 * waves + 7, masks)
        other = UNet((4, 4, 4)).eval()(waves, masks)
    assert mean.shape == log_scale.shape == other[0].shape == (2, *shape)
    assert torch.allclose(mean, again[0], atol=1e-3) and torch.allclose(log_scale, again[1], atol=1e-3)


def test_the_networks_are_as_small_as_they_must_be():
    """Weights below 3 MB in single precision; a judge sees 46 pixels and has 0.17 million parameters."""
    size = {
        name: sum(value.numel() for value in network.parameters())
        for name, network in {
            "unet": UNet(translation.WIDTHS["unet"]),
            "resnet": generators.ResidualGenerator(translation.WIDTHS["resnet"]),
            "judge": generators.PatchJudge(1),
        }.items()
    }
    assert size["unet"] < 0.5e6 and size["resnet"] < 0.7e6
    assert size["judge"] == pytest.approx(0.17e6, rel=0.03)
    judge, image = generators.PatchJudge(1).double(), torch.randn(1, 1, 96, 96).double().requires_grad_()
    for part in judge.modules():  # instance norm sees the whole image
        if isinstance(part, torch.nn.InstanceNorm2d):
            part.forward = lambda x: x
    judge(image)[0, 0, 6, 6].backward()
    seen = torch.nonzero(image.grad[0, 0])
    assert (seen.amax(dim=0) - seen.amin(dim=0) + 1).tolist() == [46, 46]


def test_a_pool_shows_earlier_images_and_never_holds_more_than_it_may():
    """Images numbered in turn: the first 50 come back as they are, later ones are older or the same."""
    pool = translation_tasks.Pool(torch.Generator().manual_seed(0))
    shown = [pool.exchange(torch.full((1, 1, 2, 2), float(n)))[0, 0, 0, 0].item() for n in range(250)]
    assert shown[:50] == list(range(50)) and len(pool.images) == translation_tasks.POOL
    ages = np.arange(50, 250) - shown[50:]
    assert ages.min() == 0 and 0.35 < np.mean(ages > 0) < 0.65


def test_a_judgement_counts_only_tissue():
    """A judge that answers 0 in tissue and 1 elsewhere is wrong by 1 where 1 is wanted."""
    masks = torch.zeros(1, 1, 16, 16)
    masks[..., :8] = 1
    wrong = translation_tasks.judgement(lambda image: 1 - image[..., ::2, ::2], masks, masks, 1.0)
    assert wrong.item() == pytest.approx(1)
    assert translation_tasks.masked_l1(3 * masks, masks, masks).item() == pytest.approx(2)


def test_a_hybrid_resumes_as_if_undisturbed(waves, tmp_path):
    """A run killed after its first epoch and continued equals one that was not; the start keeps its batch
    statistics, and the rate falls over the second half."""
    torch.manual_seed(2)
    start = generators.ResidualGenerator((4, 8, 8), 1)
    images = training.training_images(waves)
    lines = []

    def kill(line):
        raise KeyboardInterrupt

    def task():
        return translation_tasks.CycleTask(images, images, CYCLE_SCHEDULE, start, "resnet")

    with pytest.raises(KeyboardInterrupt):
        translation.loop.train(task(), tmp_path / "killed", report=kill)
    resumed, history = translation.loop.train(task(), tmp_path / "killed", report=lines.append)
    whole, undisturbed = translation.loop.train(task(), tmp_path / "whole", report=str)
    assert len(lines) == 1 and history == undisturbed
    moved = 0
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
        if name.startswith("generator."):
            before = start.state_dict()[name.removeprefix("generator.")]
            if "running" in name:
                assert torch.equal(value, before), name
            moved += not torch.equal(value, before)
    assert moved > 0
    assert history[1]["learning_rate"] < history[0]["learning_rate"]
    assert {"validation_loss", "validation_mape", "validation_cycle"} <= set(history[0])


def test_the_scale_does_not_move_the_mean_of_a_hybrid():
    """The likelihood's gradient reaches the scale's outputs of the last layer and not the mean's."""
    mean = torch.zeros(1, 8, 8, requires_grad=True)
    log_scale = torch.zeros(1, 8, 8, requires_grad=True)

    class Fixed(torch.nn.Module):
        def forward(self, waves, masks):
            return mean + LOG_CENTRE, log_scale

    masks = torch.ones(1, 1, 8, 8)
    model = generators.Cycle(Fixed())
    model.judge_stiffness = model.judge_wave = torch.nn.Identity()
    model.inverse.forward = lambda stiffness, masks: torch.zeros(1, 2, 8, 8)
    task = translation_tasks.CycleTask(torch.zeros(1), torch.zeros(1), CYCLE_SCHEDULE, None, "unet")
    loss, *_ = task._translate(
        model, torch.zeros(1, 2, 8, 8), torch.ones(1, 1, 8, 8), masks, torch.Generator()
    )
    slopes = torch.autograd.grad(loss, [mean, log_scale])
    weights = translation_tasks.PAIR_WEIGHT + translation_tasks.CYCLE_WEIGHT + 2  # the judge wants 1
    assert slopes[0].sum().item() == pytest.approx(-weights)
    assert slopes[1].sum().item() == pytest.approx(1 - 1)  # d/ds (|e| e^-s + s) at |e| = 1, s = 0


@pytest.mark.parametrize("kind", ["unet", "resnet", "resnet_cycle"])
def test_a_translator_answers_in_pascal_inside_the_mask(folders, waves, kind):
    """The unit of the wave and, at equal f dx, the frequency make no difference."""
    invert = translation.translator(folders / kind)
    wave, mask = waves["wave"].values[1], waves["mask"].values[1]
    stiffness, uncertainty = invert(wave, mask, SPACING_M, FREQUENCY_HZ)
    assert (stiffness[mask] > 0).all() and (uncertainty[mask] > 0).all()
    assert not stiffness[~mask].any() and not uncertainty[~mask].any()
    same = invert(1e-6 * wave, mask, 2 * SPACING_M, FREQUENCY_HZ / 2)[0]
    assert np.allclose(same, stiffness, rtol=1e-3)
    card = json.loads((folders / kind / "card.json").read_text())
    assert card["kind"] == kind and len(card["calibration"]) == 2
    assert (folders / kind / "weights.safetensors").stat().st_size < 3e6


def test_a_hybrid_keeps_its_forward_network_alone(folders):
    """Card and weights are those of the network that it went on from, which the card names."""
    network, card = translation.load_translator(folders / "resnet_cycle")
    assert isinstance(network, generators.ResidualGenerator)
    assert card["started_from"]["sha256"] == translation.load_translator(folders / "resnet")[1]["sha256"]


def test_training_learns_the_wavelength(tmp_path):
    """Plane waves in discs of 1.5 to 7 kPa: seconds of steps bring the error of unseen ones below 15 %."""
    known = translation.liver_waves(examinations(np.geomspace(1.5e3, 7e3, 12)))
    unseen = translation.liver_waves(examinations(np.geomspace(1.7e3, 6.5e3, 5), tangent=0.2))
    plain = {"noise_rms": 0.0, "background_rms": 0.0, "zoom": 1.2}
    schedule = replace(SCHEDULE, epochs=1, patches_per_epoch=960, patch=48, **plain)
    translation.train_translator("resnet", known, unseen, schedule, tmp_path, report=str)
    invert = translation.translator(tmp_path)
    pairs = zip(unseen["wave"].values, unseen["mask"].values, strict=True)
    maps = np.stack([invert(wave, mask, SPACING_M, FREQUENCY_HZ)[0] for wave, mask in pairs])
    assert translation.errors_by_exam(maps, unseen)["mape"]["mean"] < 15


def test_errors_are_means_over_slices_and_then_over_exams(waves):
    """Maps 10 % too high everywhere: error and bias are 10 %."""
    found = translation.errors_by_exam(1.1 * waves["stiffness"].values, waves)
    for name in ("mape", "bias", "mean_error"):
        assert found[name]["mean"] == pytest.approx(10) and found[name]["n"] == 3


@pytest.mark.parametrize(
    ("kind", "start", "message"),
    [
        (
            "diffusion",
            None,
            "kind: expected one of unet, resnet, unet_cycle, resnet_cycle, found 'diffusion'",
        ),
        ("unet_cycle", None, "start: expected the folder of a unet that unet_cycle goes on from, found none"),
        ("unet_cycle", "resnet", "start: expected the folder of a unet, found resnet"),
    ],
)
def test_a_wrong_kind_or_start_is_refused(folders, waves, tmp_path, kind, start, message):
    job = (waves, waves, CYCLE_SCHEDULE, tmp_path, start and folders / start)
    with pytest.raises(ValueError, match=message):
        translation.train_translator(kind, *job)
