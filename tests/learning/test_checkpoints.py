"""Weights on disk are what their card says, or refused."""

import pytest
import torch

from dime.learning import checkpoints
from dime.network.unet import UNet


def test_weights_come_back_as_saved_and_a_changed_file_is_refused(tmp_path):
    torch.manual_seed(0)
    model = UNet((4, 8, 8, 8)).eval()
    checkpoints.save_model(model, {"seed": 0}, tmp_path)
    loaded, card = checkpoints.load_model(tmp_path, UNet)
    waves, masks = torch.randn(1, 2, 32, 32), torch.ones(1, 1, 32, 32)
    assert torch.equal(loaded(waves, masks)[0], model(waves, masks)[0]) and card["seed"] == 0
    path = tmp_path / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ValueError, match="SHA-256 differs"):
        checkpoints.load_model(tmp_path, UNet)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="missing; no stage of the pipeline writes it"):
        checkpoints.load_model(tmp_path, UNet)


def test_a_pretrained_network_says_what_its_training_cost_and_which_code_trained_it(tmp_path):
    model = UNet((4, 8, 8)).eval()
    leg_before = {"effort": {"hours": 2.0}, "started_from": {"effort": {"hours": 0.25}, "started_from": None}}
    checkpoints.save_model(model, {"seed": 0, "started_from": leg_before}, tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="effort"):
        checkpoints.release(tmp_path / "run", tmp_path / "pretrained", "abc")
    assert not (tmp_path / "pretrained").exists()
    (tmp_path / "run/effort.json").write_text('{"hours": 1.5}')
    checkpoints.release(tmp_path / "run", tmp_path / "pretrained", "abc")
    _, card = checkpoints.load_model(tmp_path / "pretrained", UNet)
    assert card["effort"] == {"hours": 1.5, "hours_of_all_legs": 3.75}
    assert card["commit"] == "abc" and card["seed"] == 0
