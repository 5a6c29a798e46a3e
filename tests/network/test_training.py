"""Training learns, resumes after a kill with the same result, and its weights are what their card says."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from waves import SHORT, images

from dime.network import augment, training
from dime.network.unet import Convolution, UNet


def test_a_run_killed_and_resumed_equals_an_undisturbed_one(tmp_path):
    """The process kills itself (SIGKILL) as it reports its first epoch: only its checkpoint is left."""
    train, validation = images(12, 0), images(4, 1)
    torch.set_num_threads(1)
    whole, history = training.train(train, validation, SHORT, tmp_path / "whole")

    script = (
        "import os, signal, sys, torch; sys.path.insert(0, sys.argv[1]); torch.set_num_threads(1)\n"
        "from waves import SHORT, images, training\n"
        "def report(line):\n"
        "    print(line, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "training.train(images(12, 0), images(4, 1), SHORT, sys.argv[2], report)\n"
    )
    words = [sys.executable, "-c", script, str(Path(__file__).parents[1]), str(tmp_path / "killed")]
    killed = subprocess.run(words, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL and killed.stdout.startswith("epoch 1/"), killed.stderr
    assert "validation_loss" in (tmp_path / "killed/history.csv").read_text()
    lines = []
    resumed, resumed_history = training.train(train, validation, SHORT, tmp_path / "killed", lines.append)
    assert len(lines) == SHORT.epochs - 1, "the killed process's epoch was done again"
    assert resumed_history == history
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert history[-1]["loss"] < history[0]["loss"]


def test_training_goes_on_from_a_network(tmp_path):
    """A step of almost no length leaves the convolutions where they started."""
    schedule = training.Schedule(
        epochs=1, patches_per_epoch=16, batch=16, patch=32, widths=(4, 4, 4, 4), learning_rate=1e-9
    )
    torch.manual_seed(5)
    start = UNet(schedule.widths)
    model, _ = training.train(images(2, 0), images(2, 1), schedule, tmp_path, start=start)
    for here, there in zip(model.modules(), start.modules(), strict=True):
        if isinstance(here, Convolution):
            assert torch.allclose(here.weight, there.weight, atol=1e-6)


def test_a_checkpoint_of_other_data_is_not_continued(tmp_path):
    """A run killed on other data changes nothing, and a finished run leaves nothing to resume from."""
    schedule = training.Schedule(epochs=2, patches_per_epoch=16, batch=16, patch=32, widths=(4, 4, 4, 4))

    def kill(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(images(2, 5), images(2, 1), schedule, tmp_path / "used", report=kill)
    assert (tmp_path / "used/checkpoint.pt").is_file()
    lines = []
    _, history = training.train(images(2, 0), images(2, 1), schedule, tmp_path / "used", report=lines.append)
    assert lines[0].endswith("begun anew") and len(lines) == 3
    _, fresh = training.train(images(2, 0), images(2, 1), schedule, tmp_path / "fresh")
    assert history == fresh and len(history) == 2
    assert not (tmp_path / "used/checkpoint.pt").exists()


def test_images_carry_the_scale_free_label_and_unit_waves():
    """mu = 4 kPa, 60 Hz, 1.5 mm: log(4000 / (1000 * 0.09^2)); unit and motion as a whole drop out."""
    wave = 1e-6 * np.random.default_rng(0).normal(size=(1, 16, 16)) * (1 + 1j) + 1e-4j
    data = xr.Dataset(
        {
            "wave": (("phantom", "y", "x"), wave),
            "stiffness": (("phantom", "y", "x"), np.full(wave.shape, 4e3)),
            "mask": (("phantom", "y", "x"), np.ones(wave.shape, bool)),
        },
        attrs={"frequency_hz": 60.0, "spacing_m": 1.5e-3},
    )
    stack = training.training_images(data)
    assert stack[0, 3].numpy() == pytest.approx(np.log(4 / 0.09**2))
    assert abs(stack[0, :2].mean(dim=(1, 2))).max() < 1e-5
    assert (stack[0, :2] ** 2).sum(dim=0).mean().item() == pytest.approx(1, rel=1e-5)
    data.attrs["spacing_m"] = 1e-3
    with pytest.raises(ValueError, match=r"training expects 0\.09 m/s"):
        training.training_images(data)


def test_noise_of_a_scan_has_rms_one_and_in_half_of_the_patches_a_grain():
    """White noise has uncorrelated neighbours; noise without its short waves has correlated ones."""
    noise = augment.scan_noise((64, 2, 48, 48), torch.Generator().manual_seed(3))
    assert noise.square().mean(dim=(1, 2, 3)).numpy() == pytest.approx(1, rel=1e-4)
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean(dim=(1, 2, 3))
    grainy = (neighbours > 0.1).float().mean().item()
    assert 0.3 < grainy < 0.7 and neighbours.max() > 0.8
