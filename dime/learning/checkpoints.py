"""Keep a trained network on disk: its weights, and a card that says what they are and identifies them."""

import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from dime.files.pipeline import present
from dime.files.whole import whole


def save_model(model, card, folder):
    """Write `weights.safetensors` and `card.json` (what the weights are, and their SHA-256); never a pickle.

    Parameters
    ----------
    model : torch.nn.Module
        Its `architecture`, a dict of the arguments that build it, goes into the card.
    card : dict
        JSON-able: training distribution, seed, data hash, metrics.
    folder : path
    """
    folder = Path(folder)
    with whole(folder / "weights.safetensors") as aside:
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, aside)
    weights = (folder / "weights.safetensors").read_bytes()
    card = card | {"architecture": model.architecture, "sha256": hashlib.sha256(weights).hexdigest()}
    _write_card(card, folder)


def load_model(folder, build):
    """Read a network that `save_model` wrote.

    Parameters
    ----------
    folder : path
    build : callable
        Makes the network of the card's architecture: its keyword arguments.

    Returns
    -------
    model : torch.nn.Module
        In evaluation mode.
    card : dict

    Raises
    ------
    FileNotFoundError
        No model in that folder.
    ValueError
        The card is no card, or the weights are not those that it describes.
    """
    card, weights = read_card(folder), Path(folder) / "weights.safetensors"
    try:
        model = build(**card["architecture"])
        model.load_state_dict(load_file(weights))
    except (TypeError, ValueError, RuntimeError, SafetensorError):
        raise ValueError(f"{weights}: not of the architecture in {weights.with_name('card.json')}") from None
    return model.eval(), card


def read_card(folder):
    """Read a network's card, and check that the weights beside it are those that it describes.

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_model`.
    """
    weights, card_path = (present(Path(folder) / name) for name in ("weights.safetensors", "card.json"))
    try:
        card = json.loads(card_path.read_text())
        _ = card["architecture"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{card_path}: expected the card of a network, found {error!r}") from None
    if hashlib.sha256(weights.read_bytes()).hexdigest() != card.get("sha256"):
        raise ValueError(f"{weights}: SHA-256 differs from the one in {card_path}")
    return card


def release(source, folder, commit):
    """Copy a run's network to the folder of a network that the package comes with.

    Parameters
    ----------
    source : path
        Folder of the run's network, with the `effort.json` of its training.
    folder : path
        Where the pretrained network lies; its card gains `commit` and `effort`: device, threads, hours, and
        the hours of the networks that it went on from, together.
    commit : str
        Version of the code that trained it.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_model`; or no file says what the training cost.
    """
    effort, card = Path(source) / "effort.json", read_card(source)
    if not effort.is_file():
        raise FileNotFoundError(f"{effort}: missing; a training leaves it beside the weights")
    card |= {"effort": json.loads(effort.read_text()), "commit": commit}
    card["effort"]["hours_of_all_legs"] = _hours(card)
    with whole(Path(folder) / "weights.safetensors") as aside:
        aside.write_bytes((Path(source) / "weights.safetensors").read_bytes())
    _write_card(card, Path(folder))


def _write_card(card, folder):
    with whole(folder / "card.json") as aside:
        aside.write_text(json.dumps(card, indent=2, sort_keys=True, allow_nan=False) + "\n")


def _hours(card):
    """Hours that a network was trained for, with those of the networks that it went on from."""
    before = card.get("started_from")
    return card.get("effort", {}).get("hours", 0) + (_hours(before) if isinstance(before, dict) else 0)
