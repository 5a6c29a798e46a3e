"""Read the file that says how brain images were made: the train, its contrasts, the tissues' properties.

    train: {flip_deg: 5, repetition_ms: 5.6, echo_ms: 2.51, recovery_s: 10, lines: 64, order: centric,
            phase_axis: y}
    contrasts:
      - {inversion_ms: 500}
      - {t2_preparation_ms: 50}

Times are in the units that scanners show, and are checked against what a scanner can do: a time in seconds
where milliseconds are expected is refused.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dime.brain.sequences import Contrast, Train
from dime.brain.tissues import AT_3T, TISSUES, Properties
from dime.files import yaml12
from dime.files.entries import check_keys, number_in

ORDERS = ("centric", "linear")
PHASE_AXES = ("y", "x")

TRAIN_RANGES = {
    "flip_deg": (0.5, 90, "deg"),
    "repetition_ms": (1, 500, "ms"),
    "echo_ms": (0.3, 200, "ms"),
    "lines": (8, 512, "excitations"),
    "recovery_s": (0, 60, "s"),
    "spoiling_deg": (0, 360, "deg"),
}
"""What a train states, its range and unit.

Assumption: wider than the gradient echoes of any scanner, and too narrow for another unit."""

CONTRAST_RANGES = {
    "inversion_ms": (5, 20_000, "ms"),
    "second_inversion_ms": (5, 20_000, "ms"),
    "t2_preparation_ms": (1, 2_000, "ms"),
    "diffusion_ms": (1, 500, "ms"),
    "b_s_per_mm2": (0, 20_000, "s/mm2"),
    "echo_delay_ms": (0, 500, "ms"),
}
"""What a contrast states, its range and unit.

Assumption: as for `TRAIN_RANGES`. An adiabatic inversion itself lasts 5 to 15 ms, so 2.7 is in seconds."""

TISSUE_RANGES = {
    "proton_density": (0.1, 1.5, "of water's"),
    "t1_ms": (50, 10_000, "ms"),
    "t2_ms": (1, 5_000, "ms"),
    "t2_prime_ms": (1, 100_000, "ms"),
    "diffusion_mm2_per_s": (0, 0.01, "mm2/s"),
}
"""What a tissue states, its range and unit."""

SI = (1.0, 1e-3, 1e-3, 1e-3, 1e-6)
"""Factor from the unit of each entry of `TISSUE_RANGES` to that of `Properties`."""


class Sequences(NamedTuple):
    """How images were made.

    train : Train
    contrasts : tuple of Contrast
    tissues : dict of tissue -> Properties
    phase_axis : "y" or "x", the second or the first axis of a NIfTI file
    simulator : "closed", or "epg" where the spoiling of the pulses is stated
    """

    train: Train
    contrasts: tuple
    tissues: dict = AT_3T
    phase_axis: str = "y"
    simulator: str = "closed"


def read_sequences(source):
    """Read and check what a file or a dict says of the sequences.

    Parameters
    ----------
    source : path, dict or Sequences
        The file is YAML with the keys `train`, `contrasts` and, where they are not those of 3 T, `tissues`; a
        dict has the same content.

    Returns
    -------
    Sequences

    Raises
    ------
    FileNotFoundError, ValueError
        One line that names the file, the field and what was expected: a key that is unknown or missing, what
        is no number or out of range, an echo after the repetition, a second inversion without a first one, a
        b-value without a diffusion preparation.
    """
    if isinstance(source, Sequences):
        return source
    if isinstance(source, str | Path):
        name, content = str(source), yaml12.read(source)
    else:
        name, content = "sequences", source
    check_keys(content, ("train", "contrasts"), ("tissues",), name)
    train, phase_axis, simulator = _train(content["train"], f"{name}: train")
    listed = content["contrasts"]
    if not isinstance(listed, list | tuple) or not listed:
        raise ValueError(f"{name}: contrasts: expected a list of contrasts, found {listed!r}")
    contrasts = tuple(
        _contrast(one, f"{name}: contrasts: number {place}") for place, one in enumerate(listed, 1)
    )
    tissues = _tissues(content.get("tissues", {}), f"{name}: tissues")
    return Sequences(train, contrasts, tissues, phase_axis, simulator)


def written(sequences):
    """The content of a file that `read_sequences` reads as these sequences: dict of plain values."""
    train = sequences.train
    said = {
        "flip_deg": float(np.rad2deg(train.flip_rad)),
        "repetition_ms": train.repetition_s * 1e3,
        "echo_ms": train.echo_s * 1e3,
        "lines": train.lines,
        "order": train.order,
        "recovery_s": train.recovery_s,
        "phase_axis": sequences.phase_axis,
    }
    if sequences.simulator == "epg":
        said["spoiling_deg"] = float(np.rad2deg(train.spoiling_rad))
    content = {"train": said, "contrasts": [_contrast_said(one) for one in sequences.contrasts]}
    if sequences.tissues != AT_3T:
        content["tissues"] = {
            name: {key: one / unit for key, one, unit in zip(TISSUE_RANGES, values, SI, strict=True)}
            for name, values in sequences.tissues.items()
        }
    return _rounded(content)


def _train(content, where):
    """Train, phase axis and simulator of the entry `train`."""
    numbers = [name for name in TRAIN_RANGES if name != "spoiling_deg"]
    check_keys(content, (*numbers, "order", "phase_axis"), ("spoiling_deg",), where)
    found = {name: number_in(content, name, where, TRAIN_RANGES) for name in TRAIN_RANGES if name in content}
    for name, choices in (("order", ORDERS), ("phase_axis", PHASE_AXES)):
        if content[name] not in choices:
            raise ValueError(f"{where}: {name}: expected {' or '.join(choices)}, found {content[name]!r}")
    if found["echo_ms"] >= found["repetition_ms"]:
        raise ValueError(
            f"{where}: echo_ms: expected an echo before the repetition of {found['repetition_ms']:g} ms, "
            f"found {found['echo_ms']:g} ms"
        )
    if found["lines"] != int(found["lines"]):
        raise ValueError(f"{where}: lines: expected a whole number, found {found['lines']:g}")
    spoiling = {"spoiling_rad": math.radians(found["spoiling_deg"])} if "spoiling_deg" in found else {}
    train = Train(
        flip_rad=math.radians(found["flip_deg"]),
        repetition_s=found["repetition_ms"] * 1e-3,
        echo_s=found["echo_ms"] * 1e-3,
        lines=int(found["lines"]),
        order=content["order"],
        recovery_s=found["recovery_s"],
        **spoiling,
    )
    return train, content["phase_axis"], "epg" if spoiling else "closed"


def _contrast(content, where):
    """Contrast of one entry of `contrasts`."""
    content = {} if content is None else content
    check_keys(content, (), tuple(CONTRAST_RANGES), where)
    found = {name: number_in(content, name, where, CONTRAST_RANGES) for name in content}
    for later, first in (("second_inversion_ms", "inversion_ms"), ("b_s_per_mm2", "diffusion_ms")):
        if later in found and first not in found:
            raise ValueError(f"{where}: {later}: expected {first} with it, found none")
    units = {"b_s_per_mm2": ("b_s_per_m2", 1e6)}
    converted = {}
    for name, value in found.items():
        stated, factor = units.get(name, (name.removesuffix("_ms") + "_s", 1e-3))
        converted[stated] = value * factor
    return Contrast(**converted)


def _contrast_said(contrast):
    """The entry of a contrast: what is not 0 or None."""
    said = {}
    for name in CONTRAST_RANGES:
        stated = "b_s_per_m2" if name == "b_s_per_mm2" else name.removesuffix("_ms") + "_s"
        value = getattr(contrast, stated)
        if value:
            said[name] = value * (1e-6 if name == "b_s_per_mm2" else 1e3)
    return said


def _tissues(content, where):
    """Properties of every tissue: those of 3 T, and what the entry `tissues` says otherwise."""
    check_keys(content, (), TISSUES, where)
    tissues = dict(AT_3T)
    for tissue, values in content.items():
        place = f"{where}: {tissue}"
        check_keys(values, (), tuple(TISSUE_RANGES), place)
        known = [one / unit for one, unit in zip(AT_3T[tissue], SI, strict=True)]
        for index, name in enumerate(TISSUE_RANGES):
            if name in values:
                known[index] = number_in(values, name, place, TISSUE_RANGES)
        tissues[tissue] = Properties(*(one * unit for one, unit in zip(known, SI, strict=True)))
        if tissues[tissue].t2_s > tissues[tissue].t1_s:
            raise ValueError(f"{place}: t2_ms: expected at most t1_ms, found more")
    return tissues


def _rounded(content):
    """Plain values to ten digits, and whole ones without a point: what a person would write."""
    if isinstance(content, dict):
        return {name: _rounded(one) for name, one in content.items()}
    if isinstance(content, list):
        return [_rounded(one) for one in content]
    if isinstance(content, float):
        value = float(f"{content:.10g}")
        return int(value) if value.is_integer() else value
    return content
