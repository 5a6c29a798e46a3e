"""Keep a fit that may be stopped in a file, and read the file to go on with it."""

import hashlib
import json
from pathlib import Path

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


def save(path, run, fits, state):
    """Write what a run has reached, whole or not at all.

    Parameters
    ----------
    path : path
        NumPy file, replaced.
    run : str
        Digest of the run.
    fits : list of Fit
        Those that are finished.
    state : dict of str -> array, or None
        Of the next one, as its method gave it to `on_step`.
    """
    content = {"run": np.array(run), "count": np.array(len(fits))}
    for number, fit in enumerate(fits):
        content |= {
            f"fit {number} {name}": getattr(fit, name) for name in PARTS if getattr(fit, name) is not None
        }
        content[f"fit {number} chi"] = np.array(fit.chi)
        content[f"fit {number} trace"] = np.array(json.dumps(fit.trace))
    content |= {f"state {name}": np.asarray(value) for name, value in (state or {}).items()}
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
    fits : list of Fit; state : dict of str -> array, or None
        Nothing of either where there is no file.

    Raises
    ------
    ValueError
        The file is broken, or of a run with another digest.
    """
    path = Path(path)
    if not path.exists():
        return [], None
    try:
        with np.load(path) as file:
            content = {name: file[name] for name in file.files}
        found, count = str(content["run"]), int(content["count"])
        fits = [_fit(content, f"fit {number} ") for number in range(count)]
    except Exception:  # NumPy's reader meets a broken file with many kinds of error
        raise ValueError(f"{path}: expected a fit that was stopped, found a broken file; delete it") from None
    if found != run:
        raise ValueError(
            f"{path}: expected a fit of the same signal, sequence, mesh, method, noise, seed and code, found "
            "another; delete it, or give another -o"
        )
    state = {name.removeprefix("state "): one for name, one in content.items() if name.startswith("state ")}
    return fits, state or None


def _fit(content, prefix):
    arrays = {name: content.get(prefix + name) for name in PARTS}
    return Fit(**arrays, chi=float(content[f"{prefix}chi"]), trace=json.loads(str(content[f"{prefix}trace"])))
