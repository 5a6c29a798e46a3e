"""Measure how nodular the surface of the liver is: its outline in the fine slice, and how far that ripples.

A small network, taught on simulated bodies, marks the liver. The roughness is how much its outline bends
between two scales: the curvature of the outline smoothed by 5 mm less that of the outline smoothed by 15 mm.
Nodules bend it, the organ's shape does not.

Source: the surface nodularity score of Smith et al. 2016 (Radiology 280:771, recalled) is the mean distance
of the edge, marked by an observer, from a smooth line.
Assumption: curvature in place of distance, and a low quantile in place of the mean, since the corners of the
left lobe and of the hilum are far from any smooth line. The scales and the quantile were chosen on bodies
without any stiffness.
"""

from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage
from skimage.measure import find_contours
from torch import nn
from torch.nn import functional as F

from dime.learning import checkpoints, loop, parallel
from dime.learning.loop import REPORT, data_hash
from dime.records.frame import SURFACE_SPACING_M

FINE_M, COARSE_M = 5e-3, 15e-3
"""Gaussians along the outline (standard deviation) [m]."""

QUANTILE = 0.4
"""Quantile of the bending over the points of an outline."""

POINT_M = 1.0e-3
"""Distance of the points of an outline [m]."""

BORDER_PX = 4
"""Points this close to the border of the slice belong to no surface [pixels]."""

LEAST_POINTS = 60
"""Fewest points of an outline: 6 cm."""


def _block(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.SiLU())


class Outliner(nn.Module):
    """Encoder and decoder over cells of 2 x 2 pixels: log odds that a pixel is liver.

    widths : channels on each level, finest first
    """

    def __init__(self, widths=(16, 32, 48)):
        super().__init__()
        self.architecture = {"widths": list(widths)}
        self.down = nn.ModuleList(_block(a, b) for a, b in zip((4, *widths), widths, strict=False))
        self.up = nn.ModuleList(_block(a + b, a) for a, b in pairwise(widths))
        self.head = nn.Conv2d(widths[0], 4, 1)

    def forward(self, surface):
        """Log odds (n, y, x) of fine slices (n, y, x), `frame.framed`."""
        x, skips = F.pixel_unshuffle(surface[:, None].float(), 2), []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = self.up[level](torch.cat([F.interpolate(x, scale_factor=2), skips[level]], dim=1))
        return F.pixel_shuffle(self.head(x), 2)[:, 0]


@dataclass(frozen=True)
class OutlineSchedule:
    """How an outliner is trained: AdamW under a one-cycle schedule with this peak `learning_rate`."""

    epochs: int = 6
    batch: int = 16
    learning_rate: float = 3e-3
    seed: int = 0


class OutlineTask:
    """Learn which pixels are liver: a `dime.learning.loop.Task`; the loss is the cross entropy by pixel."""

    def __init__(self, bodies, schedule, held_out):
        """Of the dataset that `bodies.simulate` writes, the last `held_out` bodies decide the epoch."""
        surface, liver = (torch.from_numpy(bodies[name].values) for name in ("surface", "liver"))
        cut = len(surface) - held_out
        self.training, self.validation = (surface[:cut], liver[:cut]), (surface[cut:], liver[cut:])
        self.schedule, self.epochs, self.seed = schedule, schedule.epochs, schedule.seed
        self.examples = min(schedule.batch, cut)
        self.steps = cut // self.examples

    def identity(self):
        """Schedule and hashes of the data."""
        return [asdict(self.schedule), *(data_hash(part) for part in (*self.training, *self.validation))]

    def to(self, device):
        """Move the data to a device."""
        self.training, self.validation = (
            tuple(part.to(device) for part in pair) for pair in (self.training, self.validation)
        )

    def model(self):
        """An outliner with fresh weights."""
        return Outliner()

    def optimisers(self, model):
        """AdamW under a one-cycle schedule."""
        rate = self.schedule.learning_rate
        optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-2)
        return [optimiser], [torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, self.epochs * self.steps)]

    def step(self, model, optimisers, generator):
        """One batch of random bodies."""
        share = self.examples // parallel.count()
        rows = torch.randint(len(self.training[0]), (share,), generator=generator, device=generator.device)
        surface, liver = (part[rows] for part in self.training)
        loss = F.binary_cross_entropy_with_logits(model(surface), liver.float())
        parallel.backward(loss, model.parameters())
        optimisers[0].step()
        return loss.item()

    def evaluate(self, model):
        """Loss and Dice coefficient of the bodies held out."""
        surface, liver = self.validation
        odds, liver = torch.cat([model(part) for part in surface.split(64)]), liver.float()
        found, true = odds > 0, liver > 0.5
        dice = 2 * (found & true).sum() / (found.sum() + true.sum())
        loss = F.binary_cross_entropy_with_logits(odds, liver)
        return {"validation_loss": loss.item(), "validation_dice": dice.item()}


def train_outliner(bodies, schedule, held_out, folder, report=REPORT):
    """Train an outliner and save it; a killed run goes on: `dime.learning.loop`. Returns the history."""
    model, history = loop.train(OutlineTask(bodies, schedule, held_out), folder, report=report)
    best = min(history, key=lambda row: row["validation_loss"])
    checkpoints.save_model(model, {"schedule": asdict(schedule), "dice": best["validation_dice"]}, folder)
    return history


def load_outliner(folder):
    """A trained outliner in evaluation mode, and its card; raises as `checkpoints.load_model`."""
    return checkpoints.load_model(folder, Outliner)


@torch.no_grad()
def roughness_of(outliner, surface):
    """Roughness (n,) [1/m] of the liver's surface in fine slices (n, 128, 128); NaN where none is found.

    outliner : Outliner; surface : array of `frame.framed`, NaN = missing
    """
    found = np.full(len(surface), np.nan)
    there = np.flatnonzero(np.isfinite(surface[:, 0, 0]))
    for start in range(0, len(there), 64):
        rows = there[start : start + 64]
        odds = outliner(torch.from_numpy(np.ascontiguousarray(surface[rows])))
        found[rows] = [roughness(one) for one in odds.sigmoid().numpy()]
    return found


def roughness(probability):
    """How much the liver's outline bends: the `QUANTILE` of |k_fine - k_coarse| over its points [1/m].

    Parameters
    ----------
    probability : (y, x) array
        That a pixel of the fine slice is liver.

    Returns
    -------
    float
        NaN where the longest outline has fewer than `LEAST_POINTS` points away from the border.
    """
    pieces, count = ndimage.label(probability > 0.5)
    if not count:
        return np.nan
    largest = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    whole = np.where(ndimage.binary_dilation(largest), probability, 0)
    whole[ndimage.binary_fill_holes(largest) & ~largest] = 1  # vessels
    line = SURFACE_SPACING_M * max(find_contours(np.pad(whole, 1), 0.5), key=len)
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    at = np.arange(0, along[-1], POINT_M)
    even = np.column_stack([np.interp(at, along, line[:, k]) for k in (0, 1)])
    edge = BORDER_PX * SURFACE_SPACING_M
    extent = (np.array(probability.shape) + 1) * SURFACE_SPACING_M
    inside = ((even > edge) & (even < extent - edge)).all(axis=1)
    if inside.sum() < LEAST_POINTS:
        return np.nan
    bend = np.abs(curvature(even, FINE_M) - curvature(even, COARSE_M))
    return float(np.quantile(bend[inside], QUANTILE))


def curvature(line, smooth_m):
    """Curvature (n,) [1/m] of a closed line (n, 2) [m] of even points `POINT_M` apart, smoothed along it.

    k = (x' y'' - y' x'') / (x'^2 + y'^2)^(3/2), by differences of neighbours. A sampled derivative of a
    Gaussian does not sum to 0, and the curvature would depend on where the line lies.
    """
    smooth = ndimage.gaussian_filter1d(line, smooth_m / POINT_M, axis=0, mode="wrap")
    before, after = np.roll(smooth, 1, axis=0), np.roll(smooth, -1, axis=0)
    x1, y1 = (after - before).T / (2 * POINT_M)
    x2, y2 = (after - 2 * smooth + before).T / POINT_M**2
    return (x1 * y2 - y1 * x2) / np.maximum(np.hypot(x1, y1), 1e-9) ** 3
