"""A trained network on disk: weights that no one has changed, and the card that says what they are."""

import hashlib
import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from dime.network import UNet


def save_model(model, card, folder):
    """Write `weights.safetensors` and `card.json` (what the weights are, and their SHA-256); never a pickle.

    Parameters
    ----------
    model : UNet
    card : dict
        JSON-able: training distribution, seed, data hash, metrics.
    folder : path
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.safetensors"
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, weights)
    architecture = {name: getattr(model, name) for name in ("widths", "cell", "normalisation")}
    card = card | {"architecture": architecture, "sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}
    (folder / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True, allow_nan=False) + "\n")


def release(source, folder, commit):
    """Make a run's network the one that the package comes with.

    Parameters
    ----------
    source : path
        Folder of the run's network, with the `effort.json` of its training.
    folder : path
        Where the released network lies; its card gains `effort` (device, threads, hours) and `commit`.
    commit : str
        Of the code that trained it.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_model`; or nothing says what the training cost.
    """
    effort = Path(source) / "effort.json"
    model, card = load_model(source)
    if not effort.is_file():
        raise FileNotFoundError(f"{effort}: missing; the stage `train` writes it")
    save_model(model, card | {"effort": json.loads(effort.read_text()), "commit": commit}, folder)


def load_model(folder):
    """Read a network that `save_model` wrote.

    Returns
    -------
    model : UNet
        In evaluation mode.
    card : dict

    Raises
    ------
    FileNotFoundError
        No model in that folder.
    ValueError
        The weights are not those that the card describes.
    """
    weights, card_path = Path(folder) / "weights.safetensors", Path(folder) / "card.json"
    for path in (weights, card_path):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: missing; the stage `train` writes it")
    card = json.loads(card_path.read_text())
    if hashlib.sha256(weights.read_bytes()).hexdigest() != card.get("sha256"):
        raise ValueError(f"{weights}: SHA-256 differs from the one in {card_path}")
    model = UNet(**card["architecture"])
    model.load_state_dict(load_file(weights))
    return model.eval(), card
