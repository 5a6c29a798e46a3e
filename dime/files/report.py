"""Metrics files: what a stage found, as strict JSON with stable keys."""

import json
import math
from pathlib import Path

from dime.files.pipeline import present
from dime.files.whole import whole


def number(value, form=".2f"):
    """A figure of merit for people: a dash where there are too few cases to have one."""
    return "-" if value is None else format(value, form)


def read(path):
    """A metrics file.

    Raises
    ------
    FileNotFoundError
        Names the file and the command that makes it.
    """
    return json.loads(present(path).read_text())


def read_part(results, part, name):
    """Read a metrics file by its part of the project: results/PART/metrics/NAME.json.

    Raises
    ------
    FileNotFoundError
        Names the file and the command that makes it.
    """
    return read(Path(results) / part / "metrics" / f"{name}.json")


def write(path, content):
    """Write a metrics file: sorted keys, eight significant digits, null where nothing could be computed."""
    text = json.dumps(_rounded(content), indent=2, sort_keys=True, allow_nan=False) + "\n"
    with whole(path) as aside:
        aside.write_text(text)


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    return value
