"""Gather what membranes are estimated from: the signal of every measurement, normalised and checked."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

NOISE = 0.01
"""Noise that is taken where it is neither stated nor seen, relative to the signal at b = 0: SNR 100."""

LARGEST_NOISE = 0.5
"""Largest noise that is accepted. Assumption: above it was not stated relative to the signal at b = 0."""

LEAST_NOISE = 1e-6
"""Scatter of measurements at b = 0 below which it is rounding of equal numbers, and no noise."""

REPEATS = 5
"""Measurements at b = 0 from which their scatter says what the noise is."""

BEYOND = 5.0
"""Standard deviations by which noise may carry a signal above 1 or below 0."""

ENDINGS = (".txt", ".csv", ".tsv", ".npy", ".npz")


class Measured(NamedTuple):
    """A signal, ready to be fitted.

    signal : (measurement,) float64, relative to b = 0, in the order of the sequence's blocks
    noise : float, its standard deviation
    noise_from : "stated", "repeats" or "assumed"
    """

    signal: np.ndarray
    noise: float
    noise_from: str


def gather(signal, sequence, noise=None):
    """Read, normalise and check a signal.

    Parameters
    ----------
    signal : path or array
        One number a measurement in the order of the sequence: block, direction, b-value, or that of the
        files of b-values. A text with numbers between blanks, commas or lines (`#` begins a comment, words in
        the first line are a heading), or a NumPy file of one array. Any unit where the sequence has
        measurements at b = 0; else relative to b = 0.
    sequence : Sequence
        From `dime.diffusion.sequence_file.read_sequence`.
    noise : float, optional
        Standard deviation relative to the signal at b = 0. Left out, that of at least `REPEATS` measurements
        at b = 0 if it is above `LEAST_NOISE`, else `NOISE`.

    Returns
    -------
    Measured
        Each entry of the sequence is divided by the mean of its own measurements at b = 0, or by that of all
        where it has none.

    Raises
    ------
    FileNotFoundError, ValueError
        One line that names the file, what was expected and what was found: what holds no numbers; another
        number of them than of measurements; values that are complex, not finite, above 1 or below 0 by more
        than `BEYOND` times the noise; a signal that is the same everywhere; no signal at b = 0; a noise,
        stated or seen, out of range.

    Assumption: entries without b = 0 have the echo time of those with it.
    """
    name, values = _values(signal)
    if len(values) != sequence.size:
        raise ValueError(
            f"{name}: expected {sequence.size} numbers, as the sequence says, found {len(values)}"
        )
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(f"{name}: expected finite values, found {bad.sum()} that are not, first {_at(bad)}")
    if noise is not None and not 0 < noise <= LARGEST_NOISE:
        raise ValueError(
            f"noise: expected above 0 and at most {LARGEST_NOISE:g}, relative to b = 0, found {noise:g}"
        )
    scale, seen = _reference(values, sequence, name)
    found, said = (noise, "stated") if noise is not None else (seen, "repeats")
    if found is None:
        found, said = NOISE, "assumed"
    if found > LARGEST_NOISE:
        raise ValueError(
            f"{name}: noise of the measurements at b = 0: expected at most {LARGEST_NOISE:g}, "
            f"found {found:.2g}"
        )
    relative = values[sequence.places] / scale
    if np.ptp(relative) == 0:
        raise ValueError(
            f"{name}: expected a signal that changes, found {values[sequence.places][0]:g} everywhere"
        )
    for wrong, limit in (
        (relative > 1 + BEYOND * found, "at most 1 +"),
        (relative < -BEYOND * found, "at least -"),
    ):
        if wrong.any():
            place = sequence.places[wrong.argmax()]
            raise ValueError(
                f"{name}: signal {'above 1' if relative[wrong][0] > 1 else 'below 0'}: expected {limit} "
                f"{BEYOND:g} times the noise of {found:g}, relative to b = 0, found {relative[wrong][0]:.4g} "
                f"as number {place + 1}"
            )
    return Measured(relative, float(found), said)


def _reference(values, sequence, name):
    """Signal at b = 0 of each measurement (measurement,), and its relative noise, None if it is not seen."""
    groups = [values[places] for places in sequence.unweighted]
    if not any(map(len, groups)):
        return np.ones(len(sequence.places)), None
    whole = np.concatenate(groups).mean()
    means = np.array([group.mean() if len(group) else whole for group in groups])
    if not (means > 0).all():
        raise ValueError(f"{name}: expected a positive signal at b = 0, found {means.min():g}")
    apart = [group / mean - 1 for group, mean in zip(groups, means, strict=True) if len(group) > 1]
    free = sum(len(one) - 1 for one in apart)
    seen = np.sqrt(sum((one**2).sum() for one in apart) / free) if free >= REPEATS - 1 else 0
    return means[sequence.timings], seen if seen > LEAST_NOISE else None


def _values(signal):
    """What a signal is called, and its numbers (n,)."""
    if not isinstance(signal, str | Path):
        return "signal", _flat(np.asarray(signal), "signal")
    path = Path(signal)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
    if path.suffix not in ENDINGS:
        raise ValueError(f"{path}: expected a name that ends in {', '.join(ENDINGS)}")
    values = _text(path) if path.suffix in ENDINGS[:3] else _numpy(path)
    return str(path), _flat(values, str(path))


def _numpy(path):
    """The array of a NumPy file."""
    try:
        found = np.load(path)
        if path.suffix == ".npy":
            return found
        with found as file:
            arrays = {name: file[name] for name in file.files}
    except Exception:  # NumPy's reader meets a broken file with many kinds of error
        raise ValueError(f"{path}: expected a NumPy file, found a broken or another one") from None
    if len(arrays) != 1 and "signal" not in arrays:
        raise ValueError(f"{path}: expected one array, or one named signal, found {len(arrays)}")
    return arrays.get("signal", next(iter(arrays.values())))


def _text(path):
    """Numbers (n,) of a text file."""
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected text in UTF-8") from None
    rows = [line.partition("#")[0].replace(",", " ").replace(";", " ").split() for line in text.splitlines()]
    rows = [row for row in rows if row]
    if rows and not any(_is_number(word) for word in rows[0]):
        rows = rows[1:]
    words = [word for row in rows for word in row]
    strange = [word for word in words if not _is_number(word)]
    if strange or not words:
        raise ValueError(f"{path}: expected numbers, found {strange[0] if strange else 'none'!r}")
    return np.array(words, float)


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True


def _flat(values, name):
    """Real numbers (n,) of an array with one axis that is longer than 1."""
    if values.dtype.kind not in "iuf":
        kind = "complex ones" if values.dtype.kind == "c" else str(values.dtype)
        raise ValueError(f"{name}: expected real numbers, found {kind}")
    if values.size != max(values.shape, default=1):
        raise ValueError(f"{name}: expected one list of numbers, found shape {values.shape}")
    return values.ravel().astype(float)


def _at(bad):
    return f"number {bad.argmax() + 1}"
