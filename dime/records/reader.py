"""Read tissue from images: taught on bodies whose tissue is known.

The patches of a sequence end in a few numbers, its readings, which are all that is passed on. The sequences
do not mix before, so that one that is absent changes no reading of another. The tissue of `bodies.QUANTITIES`
is told from all readings together; the networks that judge stiffness take the readings, a token for each.
"""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from dime.learning import checkpoints, loop, parallel
from dime.learning.loop import REPORT, data_hash
from dime.records.bodies import QUANTITIES
from dime.records.tokens import GROUPS, PATCHES, ImagePatches

READINGS = 8
"""Numbers that are read from each group of patches.

Assumption: as many as there are quantities. With more, a network of a thousand patients learns by heart."""

HIDDEN = 128
"""Units between patches and readings."""

SHIFT_PX, FINE_SHIFT_PX = 1, 4
"""Largest shift of the images in training [pixels of the volume, of the fine slice]."""


class TissueReader(nn.Module):
    """Images to readings and to tissue.

    Parameters
    ----------
    width : int
        Length of a token.

    Assumption: two layers over the patches of a sequence, which know where each lies. A transformer over
    patches learnt the volume of the spleen only after several times as many bodies.
    """

    def __init__(self, width=48):
        super().__init__()
        self.architecture = {"width": width}
        self.patches = ImagePatches(width)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Linear(count * width, HIDDEN),
                nn.GELU(),
                nn.Linear(HIDDEN, READINGS),
                nn.BatchNorm1d(READINGS, affine=False),
            )
            for count in PATCHES
        )
        size = len(GROUPS) * READINGS
        self.tissue = nn.Sequential(nn.Linear(size, 128), nn.GELU(), nn.Linear(128, len(QUANTITIES)))
        self.register_buffer("mean", torch.zeros(len(QUANTITIES)))
        self.register_buffer("deviation", torch.ones(len(QUANTITIES)))

    def readings(self, volume, surface):
        """Readings (n, 4, READINGS) of volume and surface (`frame.framed`); NaN where missing."""
        absent = [*torch.isnan(volume[:, :, 0, 0, 0]).unbind(dim=1), torch.isnan(surface[:, 0, 0])]
        found = [
            layer(tokens.flatten(1)).masked_fill(gone[:, None], torch.nan)
            for tokens, layer, gone in zip(self.patches(volume, surface), self.layers, absent, strict=True)
        ]
        return torch.stack(found, dim=1)

    def forward(self, volume, surface):
        """Tissue (n, quantity) in its own units, of complete images."""
        return self.mean + self.deviation * self.tissue(self.readings(volume, surface).flatten(1))


@dataclass(frozen=True)
class ReaderSchedule:
    """How a reader is trained: AdamW under a one-cycle schedule with this peak `learning_rate`."""

    width: int = 48
    epochs: int = 12
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 2e-2
    seed: int = 0


class ReaderTask:
    """Learn the tissue of bodies: a `dime.learning.loop.Task`; the loss is the mean square in deviations."""

    def __init__(self, bodies, schedule, held_out):
        """Of the dataset that `bodies.simulate` writes, the last `held_out` bodies decide the epoch."""
        names = ("volume", "surface", "tissue")
        data = [torch.from_numpy(bodies[name].values) for name in names]
        data[2] = data[2].float()
        cut = len(data[0]) - held_out
        self.training, self.validation = [part[:cut] for part in data], [part[cut:] for part in data]
        self.schedule, self.epochs, self.seed = schedule, schedule.epochs, schedule.seed
        self.examples = min(schedule.batch, cut)
        self.steps = cut // self.examples

    def identity(self):
        """Schedule and hashes of the data."""
        return [asdict(self.schedule), *(data_hash(part) for part in (*self.training, *self.validation))]

    def to(self, device):
        """Move the data to a device."""
        self.training, self.validation = (
            [part.to(device) for part in group] for group in (self.training, self.validation)
        )

    def model(self):
        """A reader with fresh weights and the training's scales."""
        model = TissueReader(self.schedule.width)
        volume, surface, tissue = self.training
        model.patches.standardise(volume.cpu(), surface.cpu())
        model.mean, model.deviation = tissue.cpu().mean(dim=0), tissue.cpu().std(dim=0)
        return model

    def optimisers(self, model):
        """AdamW under a one-cycle schedule."""
        rate = self.schedule.learning_rate
        optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=self.schedule.weight_decay)
        total = cycle_steps(self.epochs * self.steps)
        return [optimiser], [torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total, pct_start=0.2)]

    def step(self, model, optimisers, generator):
        """One batch, drawn and shifted at random."""
        device = generator.device
        share = self.examples // parallel.count()
        rows = torch.randint(len(self.training[0]), (share,), generator=generator, device=device)
        volume, surface, tissue = (part[rows] for part in self.training)
        near, far = (
            torch.randint(-reach, reach + 1, (2,), generator=generator, device=device).tolist()
            for reach in (SHIFT_PX, FINE_SHIFT_PX)
        )
        found = model(volume.roll(near, (3, 4)), surface.roll(far, (1, 2)))
        loss = (((found - tissue) / model.deviation) ** 2).mean()
        parallel.backward(loss, model.parameters())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimisers[0].step()
        return loss.item()

    def evaluate(self, model):
        """Mean square error of the bodies held out, in deviations, and each quantity's correlation."""
        volume, surface, tissue = self.validation
        found = torch.cat([model(*part) for part in zip(volume.split(64), surface.split(64), strict=True)])
        figures = {"validation_loss": (((found - tissue) / model.deviation) ** 2).mean().item()}
        for k, name in enumerate(QUANTITIES):
            pair = torch.stack([found[:, k], tissue[:, k]])
            figures[f"validation_r_{name}"] = torch.corrcoef(pair)[0, 1].nan_to_num().item()
        return figures


def cycle_steps(steps):
    """Length of a one-cycle schedule that rises for a fifth of it; of five steps, torch would divide by 0."""
    return 6 if steps == 5 else steps


def train_reader(bodies, schedule, held_out, folder, report=REPORT):
    """Train a reader and save it; a killed run goes on: `dime.learning.loop`.

    Parameters
    ----------
    bodies : xarray.Dataset
        From `bodies.simulate`.
    schedule : ReaderSchedule
    held_out : int
        Bodies that decide which epoch is kept.
    folder : path
    report : callable

    Returns
    -------
    list of dict
        The history.
    """
    model, history = loop.train(ReaderTask(bodies, schedule, held_out), folder, report=report)
    best = min(history, key=lambda row: row["validation_loss"])
    figures = {name: value for name, value in best.items() if name.startswith("validation")}
    checkpoints.save_model(
        model, {"schedule": asdict(schedule), "bodies": bodies.sizes["body"]} | figures, folder
    )
    return history


def load_reader(folder):
    """A trained reader in evaluation mode, and its card; raises as `checkpoints.load_model`."""
    return checkpoints.load_model(folder, TissueReader)


@torch.no_grad()
def read(reader, volume, surface):
    """Readings (n, 4, READINGS) float32 of arrays from `frame.framed`; NaN where a sequence is missing."""
    parts = (torch.from_numpy(np.ascontiguousarray(part)).split(64) for part in (volume, surface))
    return torch.cat([reader.readings(*part) for part in zip(*parts, strict=True)]).numpy()
