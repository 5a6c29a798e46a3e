"""A trained network on disk: weights that no one has changed, and the card that says what they are."""

import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from dime.network.unet import UNet


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
        Where the released network lies; its card gains `commit` and `effort`: device, threads, hours, and
        those of the networks that it went on from, together.
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
    card = card | {"effort": json.loads(effort.read_text()), "commit": commit}
    card["effort"]["hours_of_all_legs"] = _hours(card)
    save_model(model, card, folder)


def _hours(card):
    """Of a network's training and of those that it went on from."""
    before = card.get("started_from")
    return card.get("effort", {}).get("hours", 0) + (_hours(before) if isinstance(before, dict) else 0)


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
        The card is no card, or the weights are not those that it describes.
    """
    weights, card_path = Path(folder) / "weights.safetensors", Path(folder) / "card.json"
    for path in (weights, card_path):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: missing; the stage `train` writes it")
    try:
        card = json.loads(card_path.read_text())
        architecture = card["architecture"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{card_path}: expected the card of a network, found {error!r}") from None
    if hashlib.sha256(weights.read_bytes()).hexdigest() != card.get("sha256"):
        raise ValueError(f"{weights}: SHA-256 differs from the one in {card_path}")
    try:
        model = UNet(**architecture)
        model.load_state_dict(load_file(weights))
    except (TypeError, ValueError, RuntimeError, SafetensorError):
        raise ValueError(f"{weights}: not of the architecture in {card_path}") from None
    return model.eval(), card
