"""Read and write metrics files: the results of a stage, as strict JSON with stable keys."""

import json
import math
from pathlib import Path


def number(value, form=".2f"):
    """Format a figure of merit as text; a dash stands for None (too few cases)."""
    return "-" if value is None else format(value, form)


def read(path, stage):
    """Read a metrics file.

    Raises
    ------
    FileNotFoundError
        The file is missing; the message names it and the stage that writes it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; the stage `{stage}` writes it")
    return json.loads(path.read_text())


def write(path, content):
    """Write a metrics file: sorted keys, eight significant digits, null for None, NaN and infinity."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(content), indent=2, sort_keys=True, allow_nan=False) + "\n")


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    return value
