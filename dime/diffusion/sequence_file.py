"""Read the file that says with which pulsed gradients a signal was measured.

    diffusivity_um2_per_ms: 2
    blocks:
      - {duration_ms: 10, separation_ms: 60, b_ms_per_um2: [0, 1, 2, 3, 4, 5], directions: 30}
      - {duration_ms: 10, separation_ms: 20, bvals: dwi.bval, bvecs: dwi.bvec}

A block is one timing. Its measurements are every direction with every b-value, or those of two files as FSL
writes them. Every number is checked against what a scanner can do, so that another unit is noticed.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dime.diffusion.sequence import DIFFUSIVITY_UM2_PER_MS, Block, fibonacci
from dime.files import yaml12
from dime.files.entries import check_keys, number_in

GAMMA = 0.2675222005
"""Gyromagnetic ratio of the proton [rad/um/ms per T/m]. Source: the original's settings, and CODATA."""

STRONG_MT_PER_M = 1500.0
"""Gradient from which a warning says that hardly any scanner has it.

Source: Jones et al., NeuroImage 182 (2018), 8-38, for 300 mT/m in people; small bores reach 1500."""

MOST_MT_PER_M = 10_000.0
"""Gradient above which a unit must be wrong. Assumption: no imaging gradient comes near."""

RANGES = {
    "duration_ms": (0.1, 200, "ms"),
    "separation_ms": (0.1, 5000, "ms"),
    "diffusivity_um2_per_ms": (0.05, 5, "um2/ms"),
}
"""What is stated, its range and unit.

Assumption: wider than any use, too narrow for times in s or us, diffusivities in m2/s, mm2/s or um2/s."""

MOST_B_MS_PER_UM2 = 100.0
"""Largest b-value that is accepted: 100 000 s/mm2. In s/mm2 even the weakest weighting is larger."""

LEAST_B_S_PER_MM2 = 50.0
"""The largest b-value of a file in s/mm2 is at least this; below, the file is in another unit."""

UNWEIGHTED_MS_PER_UM2 = 0.01
"""b-value up to which a measurement counts as one without gradients.

Assumption: scanners write 5 s/mm2 for none; 10 attenuate free water by 2 %."""

MOST_DIRECTIONS = 1000


class Sequence(NamedTuple):
    """How a signal was measured.

    diffusivity_um2_per_ms : float
    blocks : tuple of Block, without b = 0; what has one timing, and directions with the same b-values
    places : (measurement,) int, place in the file of the signal of each measurement of the blocks
    timings : (measurement,) int, entry of the file that each belongs to
    unweighted : list of (n,) int arrays, places of the measurements at b = 0 of each entry
    size : int, numbers in the file of the signal
    strongest_mt_per_m : float, largest gradient
    """

    diffusivity_um2_per_ms: float
    blocks: tuple
    places: np.ndarray
    timings: np.ndarray
    unweighted: list
    size: int
    strongest_mt_per_m: float


def read_sequence(source):
    """Read and check what a file or a dict says of the sequence.

    Parameters
    ----------
    source : path, dict or Sequence
        The file is YAML; a dict has the same content. Paths of bvals and bvecs start at the file's folder.

    Returns
    -------
    Sequence

    Raises
    ------
    FileNotFoundError, ValueError
        One line that names the file, the field and what was expected: a key that is unknown or missing, what
        is no number or out of range, a separation below the duration, a b-value below 0 or one that needs
        more than `MOST_MT_PER_M`, directions without a length, files of bvals and bvecs that do not fit.
    """
    if isinstance(source, Sequence):
        return source
    if isinstance(source, str | Path):
        name, content, folder = str(source), yaml12.read(source), Path(source).parent
    else:
        name, content, folder = "sequence", source, Path()
    check_keys(content, ("blocks",), ("diffusivity_um2_per_ms",), name)
    diffusivity = DIFFUSIVITY_UM2_PER_MS
    if "diffusivity_um2_per_ms" in content:
        diffusivity = number_in(content, "diffusivity_um2_per_ms", name, RANGES)
    listed = content["blocks"]
    if not isinstance(listed, list | tuple) or not listed:
        raise ValueError(f"{name}: blocks: expected a list of blocks, found {listed!r}")
    blocks, places, timings, unweighted, size, strongest = [], [], [], [], 0, 0.0
    for number, entry in enumerate(listed):
        where = f"{name}: blocks: number {number + 1}"
        duration, separation, b, vectors = _entry(entry, where, folder)
        unweighted.append(size + np.flatnonzero(b <= UNWEIGHTED_MS_PER_UM2))
        for one, at in _grouped(duration, separation, b, vectors):
            strongest = max(strongest, _strength_mt_per_m(one, where))
            blocks.append(one)
            places.append(size + at)
            timings.append(np.full(len(at), number))
        size += len(b)
    if not blocks:
        raise ValueError(f"{name}: blocks: expected a b-value above {UNWEIGHTED_MS_PER_UM2:g}, found none")
    joined = np.concatenate(places), np.concatenate(timings)
    return Sequence(diffusivity, tuple(blocks), *joined, unweighted, size, strongest)


def _entry(content, where, folder):
    """Duration, separation, b-values (n,) [ms/um^2] and directions (n, 3) of an entry, in its order."""
    files = isinstance(content, Mapping) and ("bvals" in content or "bvecs" in content)
    fields = ("bvals", "bvecs") if files else ("b_ms_per_um2", "directions")
    check_keys(content, ("duration_ms", "separation_ms", *fields), (), where)
    duration, separation = (
        number_in(content, name, where, RANGES) for name in ("duration_ms", "separation_ms")
    )
    if separation < duration:
        raise ValueError(
            f"{where}: separation_ms: expected at least the duration of {duration:g} ms, found {separation:g}"
        )
    if files:
        return duration, separation, *_fsl(*(_path(content[name], folder, where) for name in fields))
    b = _numbers(content["b_ms_per_um2"], f"{where}: b_ms_per_um2")
    _check_b(b, f"{where}: b_ms_per_um2")
    vectors = _directions(content["directions"], f"{where}: directions")
    return duration, separation, np.tile(b, len(vectors)), np.repeat(vectors, len(b), 0)


def _directions(given, where):
    """Unit vectors (direction, 3) of a number or of a list of vectors."""
    if isinstance(given, int) and not isinstance(given, bool):
        if not 1 <= given <= MOST_DIRECTIONS:
            raise ValueError(f"{where}: expected 1 to {MOST_DIRECTIONS}, found {given}")
        return fibonacci(given)
    if not isinstance(given, list | tuple | np.ndarray) or not len(given):
        raise ValueError(f"{where}: expected a whole number or a list of vectors, found {given!r}")
    rows = [_numbers(one, f"{where}: number {place}") for place, one in enumerate(given, 1)]
    for place, one in enumerate(rows, 1):
        if len(one) != 3:
            raise ValueError(f"{where}: number {place}: expected three numbers, found {len(one)}")
    return _unit(np.array(rows), np.ones(len(rows), bool), where)


def _fsl(bvals, bvecs):
    """b-values (n,) [ms/um^2] and unit vectors (n, 3) of two files of FSL's form."""
    b_s_per_mm2 = _table(bvals).ravel()
    if b_s_per_mm2.max() < LEAST_B_S_PER_MM2:
        raise ValueError(f"{bvals}: expected b-values in s/mm2, found at most {b_s_per_mm2.max():g}")
    b = b_s_per_mm2 / 1000
    _check_b(b, str(bvals))
    vectors = _table(bvecs)
    if vectors.shape == (3, len(b)):  # as FSL writes them; three measurements are taken so, too
        vectors = vectors.T
    if vectors.shape != (len(b), 3):
        raise ValueError(f"{bvecs}: expected three rows of {len(b)} numbers, found {vectors.shape}")
    return b, _unit(vectors, b > UNWEIGHTED_MS_PER_UM2, str(bvecs))


def _unit(vectors, needed, where):
    """Vectors scaled to length 1; those that are not needed may have none."""
    length = np.linalg.norm(vectors, axis=1)
    bad = needed & ~(length > 0)
    if bad.any():
        raise ValueError(f"{where}: number {bad.argmax() + 1}: expected a vector with a length, found 0")
    return np.divide(vectors, length[:, None], out=np.zeros_like(vectors), where=length[:, None] > 0)


def _grouped(duration, separation, b, vectors):
    """Blocks that hold measurements of any order, and the places (measurement,) that theirs come from.

    Directions with the same b-values share a block, whose order is direction, b-value. Shells with directions
    of their own become blocks of their own.
    """
    by_direction = {}
    for place in np.flatnonzero(b > UNWEIGHTED_MS_PER_UM2):
        by_direction.setdefault(tuple(np.round(vectors[place], 9)), []).append(place)
    shared = {}
    for at in by_direction.values():
        at.sort(key=lambda place: b[place])
        shared.setdefault(tuple(b[at]), []).append(at)
    for values, rows in shared.items():
        directions = vectors[[at[0] for at in rows]]
        yield Block(duration, separation, np.array(values), directions), np.concatenate(rows)


def _strength_mt_per_m(block, where):
    """Largest gradient of a block [mT/m]; refused where no scanner could have it."""
    found = float(block.strengths.max()) / GAMMA * 1e3
    if found > MOST_MT_PER_M:
        raise ValueError(
            f"{where}: expected timings and b-values within {MOST_MT_PER_M:g} mT/m, found "
            f"b = {block.b_ms_per_um2.max():g} ms/um2 in {block.duration_ms:g}/{block.separation_ms:g} ms, "
            f"which needs {found:.3g} mT/m"
        )
    return found


def _check_b(b, where):
    """Refuse b-values that are below 0 or in another unit."""
    if b.min() < 0 or b.max() > MOST_B_MS_PER_UM2:
        wrong = b[(b < 0) | (b > MOST_B_MS_PER_UM2)][0]
        raise ValueError(
            f"{where}: expected 0 to {MOST_B_MS_PER_UM2:g} ms/um2 (1 is 1000 s/mm2), found {wrong:g}"
        )


def _numbers(given, where):
    """A list of finite numbers (n,), n at least 1."""
    try:
        values = np.asarray(given)
        fine = values.ndim == 1 and len(values) and values.dtype.kind in "iuf" and np.isfinite(values).all()
    except ValueError:  # rows of several lengths
        fine = False
    if not fine:
        raise ValueError(f"{where}: expected a list of numbers, found {given!r}")
    return values.astype(float)


def _path(given, folder, where):
    if not isinstance(given, str | Path):
        raise ValueError(f"{where}: bvals, bvecs: expected names of files, found {given!r}")
    path = folder / given
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
    return path


def _table(path):
    """Numbers of a text file (row, column)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy warns of an empty file, which is refused below
            values = np.loadtxt(path, ndmin=2)
    except (ValueError, UnicodeDecodeError):
        values = np.array([])
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"{path}: expected rows of as many finite numbers each, found none or others")
    return values
