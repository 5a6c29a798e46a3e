"""Conditions under which methods are compared: what a scanner does, and what an estimate knows of it.

`ORIGINAL` is BMapEst's own: the images come from the very model that is inverted afterwards, without noise,
and its fields and tissue values are known. `HONEST` takes these gifts back: another simulator, a finer grid,
signals that add, noise, tissue values that differ from person to person, and a B1 that is known with an error
(or not at all, `Measured.without_b1`).

Every subject is measured with the 24 contrasts of the largest of `COMBINATIONS`, of which the others are the
first so many; `T1 x 1` is a measurement of its own, because it begins at rest.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from dime.brain import anatomy
from dime.brain.convex import area_averages
from dime.brain.scanner import Fields, acquire, add_noise, original_fields, reference_signal
from dime.brain.sequences import COMBINATIONS, Train
from dime.brain.tissues import AT_3T, mixed
from dime.files import datasets

ALONE, ALL = "T1 x 1", "+ DWI"
"""The combination that is measured by itself, and the one that holds all others."""


@dataclass(frozen=True)
class Condition:
    """How subjects are measured, and what the estimate knows.

    mixing, simulator : as for `dime.brain.scanner.acquire`
    factor : voxels of the object along a side of a voxel of the image
    snr : of `dime.brain.scanner.add_noise`, with the reference of all contrasts; None for no noise
    tissue_error : range of the relative error of T1 and T2 of each tissue, of random sign
    b1_error : range of the largest relative error, smooth in space, of the B1 that the estimate knows
    window : whether k-space is multiplied by that of a square voxel (`dime.brain.convex.area_averages`)

    Assumption: B0 is known, since echoes of two times show it; so is the receiver's gain.
    """

    mixing: str = "signal"
    simulator: str = "closed"
    factor: int = 1
    snr: float | None = None
    tissue_error: tuple = (0.0, 0.0)
    b1_error: tuple = (0.0, 0.0)
    window: bool = False


ORIGINAL = Condition(mixing="property")

HONEST = Condition(
    simulator="isochromat",
    factor=4,
    snr=30.0,
    tissue_error=(0.05, 0.10),
    b1_error=(0.05, 0.10),
    window=True,
)
"""Assumption: SNR, T1, T2 and B1 are as good as in a fair clinical scan and its maps."""

SMOOTH = 8
"""Standard deviation [image voxels] of the filter that makes the error of B1 smooth."""


class Measured(NamedTuple):
    """Images of subjects, and what an estimate may know of their fields.

    images : (subject, contrast, y, x) complex64 tensor
        `ALL`'s contrasts, and as the last one `ALONE`'s.
    fields : Fields of (subject, y, x) tensors, as the condition lets them be known
    truth : (subject, tissue, y, x) float32 tensor
    """

    images: torch.Tensor
    fields: Fields
    truth: torch.Tensor

    def of(self, combination):
        """Images (subject, contrast, y, x) of one of `COMBINATIONS`."""
        if combination == ALONE:
            return self.images[:, -1:]
        return self.images[:, : len(COMBINATIONS[combination])]

    def without_b1(self):
        """The same where nothing is known of B1, so that it is taken as 1."""
        return self._replace(fields=self.fields._replace(b1=torch.ones_like(self.fields.b1)))


def measure(labels, condition, seeds, train=None):
    """Measure subjects.

    Parameters
    ----------
    labels : (subject, n, n) array of 0 to 3, as `dime.brain.anatomy.draw` gives them
    condition : Condition
    seeds : sequence
        One of NumPy's seeds for each subject: of noise and of all errors.
    train : Train, optional

    Returns
    -------
    Measured

    Raises
    ------
    ValueError
        As `dime.brain.scanner.acquire`.
    """
    train = train or Train()
    rows = [
        _one(label, condition, train, np.random.default_rng(seed))
        for label, seed in zip(labels, seeds, strict=True)
    ]
    images, b1, b0_hz, truth = (torch.stack(part) for part in zip(*rows, strict=True))
    return Measured(images, Fields(b1, b0_hz), truth)


def draw(seeds, condition, train=None):
    """Measure deformed templates, one of each seed: the seed fixes brain, noise and errors.

    Parameters
    ----------
    seeds : sequence of int
    condition : Condition
    train : Train, optional

    Returns
    -------
    Measured
    """
    labels = np.concatenate([anatomy.draw(1, seed)["label"].values for seed in seeds])
    return measure(labels, condition, [(seed, 1) for seed in seeds], train)


def normals(path, count):
    """Labels (subject, y, x) of BrainWeb's first normal brains, or None where there are too few.

    Parameters
    ----------
    path : path
        Dataset of `dime.brain.labelled.convert`; need not exist.
    count : int
    """
    if not Path(path).is_dir():
        return None
    data = datasets.load(path, ("label",))
    found = data["label"].values[data["source"].values == "BrainWeb"]
    return found[:count] if len(found) >= max(count, 1) else None


def for_training(condition):
    """The condition under which a network's training slices are measured.

    Isochromats give way to the extended phase graph, which is six times as fast; the two differ only by the
    decay and the shift within the 2 ms that a line is read in.
    """
    return replace(condition, simulator="epg") if condition.simulator == "isochromat" else condition


def reference(train=None):
    """Signal that noise is related to and images are divided by: the largest of all contrasts."""
    return reference_signal(COMBINATIONS[ALL], train or Train())


def _one(label, condition, train, rng):
    """Images, assumed B1 and B0, and true fractions of one subject."""
    tissues = off(AT_3T, condition.tissue_error, rng)
    fine = anatomy.fractions_of(label, train.lines * condition.factor)
    fields = original_fields(mixed(fine, tissues).proton_density)
    images = torch.cat(
        [
            acquire(fine, COMBINATIONS[name], train, tissues, fields, condition.mixing, condition.simulator)
            for name in (ALL, ALONE)
        ]
    )
    if condition.snr is not None:
        images = add_noise(images, condition.snr, reference(train), rng)
    if condition.window:
        images = area_averages(images)
    b1, b0_hz = F.avg_pool2d(torch.stack(fields)[None], condition.factor)[0]
    b1 = b1 * (1 + smooth_error(b1.shape, rng.uniform(*condition.b1_error), rng))
    return images.to(torch.complex64), b1, b0_hz, anatomy.fractions_of(label, train.lines)


def off(tissues, error, rng):
    """Tissues whose T1 and T2 are off by a relative error within a range, of random sign, each its own."""

    def factor():
        return 1 + rng.choice((-1, 1)) * rng.uniform(*error)

    return {
        name: one._replace(t1_s=one.t1_s * factor(), t2_s=one.t2_s * factor())
        for name, one in tissues.items()
    }


def smooth_error(shape, largest, rng):
    """Smooth random field (y, x), float32, whose largest absolute value is given."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), SMOOTH, mode="wrap")
    return torch.tensor(largest * field / np.abs(field).max(), dtype=torch.float32)
