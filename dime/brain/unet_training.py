"""Train the U-Net of tissue fractions: slices, loss and schedule, as a task of the training loop."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from dime.brain import unet
from dime.learning import checkpoints, loop, parallel
from dime.learning.loop import data_hash
from dime.network.training import OPTIMISERS, OTHERS_RATE
from dime.network.unet import Convolution

VALIDATION = 10
"""One slice in so many chooses the epoch."""


@dataclass(frozen=True)
class Schedule:
    """How a U-Net is trained.

    width, depth : of `dime.brain.unet.TissueUNet`
    epochs : times that every slice is seen; batch : slices per step
    learning_rate : peak of the convolutions' one-cycle schedule

    Assumption: Muon moves the convolutions, as in the networks of DIME, gradients are clipped, and brains are
    mirrored left to right alone. On 20 slices that nothing else sees, of the original's condition, 15 epochs
    gained 3 dB with one contrast and 5 dB with 24 over plain Adam with mirrors front to back too, and 1 to
    2 dB over twice as many epochs of that (width 16; PSNR). With 200 slices, 20 epochs and 24 contrasts,
    steps of 8 slices gained 3 to 7 dB over steps of 16 and cost a quarter more.
    """

    width: int = 32
    depth: int = 4
    epochs: int = 20
    batch: int = 8
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    seed: int = 0


def loss_of(logits, fractions):
    """Cross-entropy of the fractions, the rest to 1 being none; both tensors (image, 4 or tissue, y, x).

    Its minimum is at the fractions themselves, also where several tissues share a voxel.
    """
    target = torch.cat([fractions, 1 - fractions.sum(1, keepdim=True)], 1)
    return -(target * logits.log_softmax(1)).sum(1).mean()


@dataclass
class FractionTask:
    """Learn fractions: a `dime.learning.loop.Task`.

    images : (slice, contrast, y, x) float tensor, magnitudes over the reference signal
    fractions : (slice, tissue, y, x) float tensor
    schedule : Schedule
    """

    images: torch.Tensor
    fractions: torch.Tensor
    schedule: Schedule

    def __post_init__(self):
        self.epochs, self.seed, self.examples = self.schedule.epochs, self.schedule.seed, self.schedule.batch
        self.first = max(1, len(self.images) // VALIDATION)
        self.steps = max(1, (len(self.images) - self.first) // self.examples)

    def identity(self):
        """Schedule and hashes of the data."""
        return [asdict(self.schedule), data_hash(self.images), data_hash(self.fractions)]

    def to(self, device):
        """Move the slices to a device."""
        self.images, self.fractions = self.images.to(device), self.fractions.to(device)

    def model(self):
        """A network with fresh weights, laid out as the processor multiplies fastest."""
        sizes = self.images.shape[1], self.schedule.width, self.schedule.depth
        return unet.TissueUNet(*sizes).to(memory_format=torch.channels_last)

    def optimisers(self, model):
        """Muon for the convolutions and AdamW for the rest, each under a one-cycle schedule."""
        matrices = [part.weight for part in model.modules() if isinstance(part, Convolution)]
        rest = [value for value in model.parameters() if all(value is not matrix for matrix in matrices)]
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        optimisers = [OPTIMISERS["muon"](matrices, rate, weight_decay=decay)]
        optimisers.append(torch.optim.AdamW(rest, weight_decay=decay))
        cycles = [
            torch.optim.lr_scheduler.OneCycleLR(
                one, peak, self.epochs * self.steps + 1, pct_start=0.1, cycle_momentum=False
            )
            for one, peak in zip(optimisers, (rate, OTHERS_RATE), strict=True)
        ]
        return optimisers, cycles

    def step(self, model, optimisers, generator):
        """One batch of slices, half of them mirrored left to right; gradients are clipped to norm 1."""
        device = generator.device
        rows = (self.schedule.batch // parallel.count(),)
        chosen = torch.randint(self.first, len(self.images), rows, generator=generator, device=device)
        images, fractions = self.images[chosen], self.fractions[chosen]
        mirrored = torch.rand(*rows, 1, 1, 1, generator=generator, device=device) < 0.5
        images, fractions = (torch.where(mirrored, part.flip(3), part) for part in (images, fractions))
        loss = loss_of(unet.logits_of(model, images), fractions)
        parallel.backward(loss, model.parameters())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in optimisers:
            part.step()
        return loss.item()

    def evaluate(self, model):
        """Loss of the slices that are kept for validation."""
        images, fractions = self.images[: self.first], self.fractions[: self.first]
        return {"validation_loss": loss_of(unet.logits_of(model, images), fractions).item()}


def train(images, fractions, schedule, folder, report=loop.REPORT):
    """Train a U-Net to the end of a schedule and save it, resuming where a killed run stopped.

    Parameters
    ----------
    images : (slice, contrast, y, x) float tensor
        Magnitudes over the reference signal; one slice in `VALIDATION` chooses the epoch.
    fractions : (slice, tissue, y, x) float tensor
    schedule : Schedule
    folder : path
        Receives the weights, their card and `history.csv`.
    report : callable
        Called with one line per epoch.

    Returns
    -------
    TissueUNet
        In evaluation mode.

    Raises
    ------
    ValueError
        Fewer than two slices, complex images, or a loss that is not finite.
    """
    if len(images) < 2 or len(images) != len(fractions) or images.is_complex():
        raise ValueError(
            f"images: expected magnitudes of two or more slices, as many as of fractions ({len(fractions)}), "
            f"found {tuple(images.shape)} of {images.dtype}"
        )
    network, history = loop.train(FractionTask(images, fractions, schedule), Path(folder), report=report)
    best = min(history, key=lambda row: row["validation_loss"])
    card = {"schedule": asdict(schedule), "parameters": unet.parameters(network)}
    card |= {"validation_loss": best["validation_loss"], "slices": len(images)}
    card |= {"images_sha256": data_hash(images), "fractions_sha256": data_hash(fractions)}
    checkpoints.save_model(network, card, folder)
    return network
