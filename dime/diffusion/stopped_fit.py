"""Keep a fit that may be stopped in a file, and read the file to go on with it."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dime.diffusion.fit import Fit
from dime.files.whole import whole

PARTS = ("permeability_um_per_ms", "membrane", "outer_membrane", "labels", "modes")
"""Arrays of a Fit, without those that are None."""


def digest(*parts):
    """SHA-256 of arrays, numbers and words: equal for equal runs.

    Parameters
    ----------
    parts : arrays, numbers or str

    Returns
    -------
    str
        Hexadecimal.
    """
    found = hashlib.sha256()
    for part in parts:
        array = np.ascontiguousarray(part)
        found.update(f"{array.dtype} {array.shape} ".encode() + array.tobytes())
    return found.hexdigest()


class Kept(NamedTuple):
    """What is kept of a run.

    fits : list of Fit, those that are finished
    start : dict of str -> array, what all fits start from; None where it is not yet known
    state : dict, of the next fit, as its method gave it to `on_step`; None where it has not begun
    """

    fits: list
    start: dict | None = None
    state: dict | None = None


def save(path, run, kept):
    """Write what a run has reached, whole or not at all.

    Parameters
    ----------
    path : path
        NumPy file, replaced.
    run : str
        Digest of the run.
    kept : Kept
        Arrays of the state are kept as arrays, and the rest of it as JSON.
    """
    content = {"run": np.array(run), "count": np.array(len(kept.fits))}
    for number, fit in enumerate(kept.fits):
        content |= {
            f"fit {number} {name}": getattr(fit, name) for name in PARTS if getattr(fit, name) is not None
        }
        content[f"fit {number} chi"] = np.array(fit.chi)
        content[f"fit {number} trace"] = np.array(json.dumps(fit.trace, default=_plain))
    for group in ("start", "state"):
        values = getattr(kept, group)
        content[f"{group} is known"] = np.array(values is not None)
        for name, value in (values or {}).items():
            array = isinstance(value, np.ndarray)
            content[f"{group} {'array' if array else 'json'} {name}"] = (
                value if array else np.array(json.dumps(value, default=_plain))
            )
    with whole(path) as aside, aside.open("wb") as file:
        np.savez(file, allow_pickle=False, **content)


def load(path, run):
    """Read what `save` has written.

    Parameters
    ----------
    path : path
    run : str
        Digest of the run that is to go on.

    Returns
    -------
    Kept
        Of nothing where there is no file.

    Raises
    ------
    ValueError
        The file is broken, or of a run with another digest.
    """
    path = Path(path)
    if not path.exists():
        return Kept([])
    try:
        with np.load(path) as file:
            content = {name: file[name] for name in file.files}
        found, count = str(content["run"]), int(content["count"])
        fits = [_fit(content, f"fit {number} ") for number in range(count)]
        kept = Kept(fits, *(_group(content, group) for group in ("start", "state")))
    except Exception:  # NumPy's reader meets a broken file with many kinds of error
        raise ValueError(f"{path}: expected a fit that was stopped, found a broken file; delete it") from None
    if found != run:
        raise ValueError(
            f"{path}: expected a fit of the same signal, sequence, mesh, method, noise, seed and code, found "
            "another; delete it, or give another -o"
        )
    return kept


def _group(content, group):
    """A dict as it was saved."""
    if not content[f"{group} is known"]:
        return None
    found = {}
    for name, value in content.items():
        if name.startswith(f"{group} array "):
            found[name.removeprefix(f"{group} array ")] = value
        elif name.startswith(f"{group} json "):
            found[name.removeprefix(f"{group} json ")] = json.loads(str(value))
    return found


def _plain(value):
    """NumPy's numbers as Python's."""
    return value.item()


def _fit(content, prefix):
    arrays = {name: content.get(prefix + name) for name in PARTS}
    chi, trace = float(content[f"{prefix}chi"]), json.loads(str(content[f"{prefix}trace"]))
    return Fit(**arrays, chi=chi, trace=trace)
