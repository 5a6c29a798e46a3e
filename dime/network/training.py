"""Train the network of DIME: patches, loss, schedule and optimisers, as a task of the training loop."""

import math
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch

from dime.learning import loop, parallel
from dime.learning.loop import REPORT, data_hash, weights_hash
from dime.network import augment
from dime.network.unet import Convolution, UNet, half_precision
from dime.physics import DENSITY_KG_M3, WORKING_PIXEL_M_PER_S

OPTIMISERS = {
    "muon": partial(torch.optim.Muon, adjust_lr_fn="match_rms_adamw"),
    "adamw": torch.optim.AdamW,
}
"""Name -> optimiser of the 3 x 3 convolutions' weights; AdamW moves the other parameters in either case.

Muon makes a layer's step an orthogonal matrix; AdamW scales the step of every weight on its own.
Assumption: Muon by default, for its lower validation loss over a thousand steps and more;
notebooks/studies/01-ablation.ipynb compares the two on an equal budget.

Source: Jordan 2024 (kellerjordan.github.io/posts/muon); Loshchilov and Hutter 2019 (ICLR).
"""

OTHERS_RATE = 3e-3
"""Peak learning rate of the other parameters: batch norms' scales and offsets, and the last layer."""


@dataclass(frozen=True)
class Schedule:
    """What is trained and for how long.

    patch : pixels per side; widths, cell, normalisation : of the `UNet`; loss : one of `LOSSES`;
    optimiser : one of `OPTIMISERS`; learning_rate : its peak in a one-cycle schedule, of the convolutions;
    zoom, noise_rms, background_rms : largest augmentations.
    """

    epochs: int = 24
    patches_per_epoch: int = 4096
    batch: int = 32
    patch: int = 64
    widths: tuple = (48, 96, 160)
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    seed: int = 0
    cell: int = 2
    normalisation: str = "local"
    loss: str = "laplace"
    optimiser: str = "muon"
    zoom: float = augment.ZOOM
    noise_rms: float = augment.NOISE_RMS
    background_rms: float = augment.BACKGROUND_RMS


def training_images(dataset):
    """Stack a simulated dataset into the tensor that patches are cut from.

    Parameters
    ----------
    dataset : xarray.Dataset
        `wave` complex, `stiffness` [Pa], `mask`, dims (phantom, y, x); `frequency_hz`, `spacing_m` in attrs,
        whose product must be the working pixel.

    Returns
    -------
    (phantom, 4, y, x) float32 tensor
        Real part, imaginary part, mask, log(mu / (rho (f dx)^2)). Waves have mean 0 and rms 1 per phantom:
        noise and background are relative to the wave, and tissue pushed in the slice moves as a whole, too.

    Raises
    ------
    ValueError
        Frequency times spacing is not the working pixel.
    """
    pixel = dataset.attrs["frequency_hz"] * dataset.attrs["spacing_m"]
    if not math.isclose(pixel, WORKING_PIXEL_M_PER_S, rel_tol=1e-6):
        raise ValueError(
            f"dataset: frequency x spacing is {pixel:g} m/s, training expects {WORKING_PIXEL_M_PER_S:g} m/s"
        )
    mask = dataset["mask"].values
    pixels = mask.sum(axis=(1, 2), keepdims=True)
    wave = np.where(mask, dataset["wave"].values, 0)
    wave = np.where(mask, wave - wave.sum(axis=(1, 2), keepdims=True) / pixels, 0)
    wave = wave / np.sqrt((np.abs(wave) ** 2).sum(axis=(1, 2), keepdims=True) / pixels)
    stiffness = np.where(mask, dataset["stiffness"].values, 1.0)
    target = np.log(stiffness / (DENSITY_KG_M3 * pixel**2))
    return torch.from_numpy(np.stack([wave.real, wave.imag, mask, target], axis=1).astype(np.float32))


def laplace_loss(mean, log_scale, target, mask):
    """Negative log likelihood of the target under the predicted Laplace law, averaged over the mask.

    |target - mean| / b + log b, with b = exp(log_scale); all tensors (patch, y, x).
    """
    likelihood = (target - mean).abs() * torch.exp(-log_scale) + log_scale
    return (likelihood * mask).sum() / mask.sum().clamp(min=1)


def squared_loss(mean, log_scale, target, mask):
    """Mean squared error of log stiffness over the mask; the scale stays untaught."""
    return ((target - mean) ** 2 * mask).sum() / mask.sum().clamp(min=1) + 0 * log_scale.sum()


LOSSES = {"laplace": laplace_loss, "squared": squared_loss}
"""Name -> (mean, log_scale, target, mask) -> loss."""


@dataclass
class PatchTask:
    """Learn stiffness from patches of simulated waves: a `dime.learning.loop.Task`.

    training, validation : (phantom, 4, y, x) tensors, from `training_images`
    schedule : Schedule
    start : UNet of the schedule's architecture to go on from, or None for fresh weights
    """

    training: torch.Tensor
    validation: torch.Tensor
    schedule: Schedule
    start: UNet | None = None

    def __post_init__(self):
        self.epochs, self.seed, self.examples = self.schedule.epochs, self.schedule.seed, self.schedule.batch
        self.steps = max(1, self.schedule.patches_per_epoch // self.schedule.batch)

    def identity(self):
        """Schedule and hashes of the data and of the weights to go on from."""
        work = [asdict(self.schedule), data_hash(self.training), data_hash(self.validation)]
        return work if self.start is None else [*work, weights_hash(self.start)]

    def to(self, device):
        """Move the images to a device, and draw the validation patches there, the same for every epoch."""
        self.training, self.validation = self.training.to(device), self.validation.to(device)
        self.held_out = _validation_batches(self.validation, self.schedule)

    def model(self):
        """A U-Net of the schedule's architecture, laid out as the processor multiplies fastest."""
        model = UNet(self.schedule.widths, self.schedule.cell, self.schedule.normalisation)
        if self.start is not None:
            model.load_state_dict(self.start.state_dict())
        return model.to(memory_format=torch.channels_last)

    def optimisers(self, model):
        """Optimisers of the convolutions and of the other parameters, and the one-cycle schedule of each."""
        matrices = [part.weight for part in model.modules() if isinstance(part, Convolution)]
        rest = [value for value in model.parameters() if all(value is not matrix for matrix in matrices)]
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        first = OPTIMISERS[self.schedule.optimiser](matrices, rate, weight_decay=decay)
        optimisers = [first, torch.optim.AdamW(rest, weight_decay=decay)]
        cycles = [
            torch.optim.lr_scheduler.OneCycleLR(
                one, peak, total_steps=self.epochs * self.steps, pct_start=0.1, cycle_momentum=False
            )
            for one, peak in zip(optimisers, (rate, OTHERS_RATE), strict=True)
        ]
        return optimisers, cycles

    def step(self, model, optimisers, generator):
        """One batch of disturbed patches; gradients are clipped to norm 1."""
        patches = self.schedule.batch // parallel.count()
        loss = batch_loss(model, self.schedule, *draw_batch(self.training, self.schedule, patches, generator))
        parallel.backward(loss, model.parameters())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in optimisers:
            part.step()
        return loss.item()

    def evaluate(self, model):
        """Laplace loss and mean relative error [%] of the validation patches."""
        loss = error = 0.0
        for waves, masks, targets in self.held_out:
            mean, log_scale = _forward(model, waves, masks)
            loss += laplace_loss(mean, log_scale, targets, masks[:, 0]).item() / len(self.held_out)
            relative = torch.expm1(mean - targets).abs() * masks[:, 0]
            error += 100 * (relative.sum() / masks.sum()).item() / len(self.held_out)
        return {"validation_loss": loss, "validation_mape": error}


def train(training, validation, schedule, folder, report=REPORT, devices=1, start=None):
    """Train a network to the end of a schedule, resuming where a killed run stopped: `dime.learning.loop`.

    Parameters
    ----------
    training, validation : (phantom, 4, y, x) tensor
        From `training_images`.
    schedule : Schedule
    folder, report, devices
        As for `dime.learning.loop.train`; `batch` is divided among the devices.
    start : UNet, optional
        A network of the schedule's architecture to go on from; without, weights are drawn.

    Returns
    -------
    model : UNet
        In evaluation mode, with the best epoch's weights.
    history : list of dict
        epoch, loss, validation_loss, validation_mape [%], learning_rate.

    Raises
    ------
    ValueError
        The loss is not finite, or the batch is not a multiple of `devices`.
    """
    if schedule.batch % devices:
        raise ValueError(f"batch: expected a multiple of the {devices} devices, found {schedule.batch}")
    return loop.train(PatchTask(training, validation, schedule, start), folder, devices, report)


def draw_batch(images, schedule, patches, generator):
    """Draw disturbed patches from images (phantom, 4, y, x).

    Returns
    -------
    waves (patch, 2, y, x), masks (patch, 1, y, x), targets (patch, y, x)
    """
    rows = torch.randint(len(images), (patches,), generator=generator, device=images.device)
    waves, masks, targets = augment.random_patches(images, rows, schedule.patch, generator, schedule.zoom)
    waves, masks = augment.disturb(waves, masks, generator, schedule.noise_rms, schedule.background_rms)
    return waves, masks, targets


def batch_loss(model, schedule, waves, masks, targets):
    """The schedule's loss of one batch, weighted so that pixels count alike on all devices."""
    loss = LOSSES[schedule.loss](*_forward(model, waves, masks), targets, masks[:, 0])
    return loss * parallel.share(masks.sum())


def _forward(model, waves, masks):
    device = waves.device.type
    enabled = device == "cuda" or half_precision()
    with torch.autocast(device, torch.bfloat16, enabled=enabled):
        return model(waves, masks)


def _validation_batches(images, schedule):
    """Disturbed patches of the validation phantoms, the same at every epoch: four per phantom."""
    generator = torch.Generator(images.device).manual_seed(schedule.seed)
    batches = []
    for rows in torch.arange(len(images), device=images.device).repeat(4).split(schedule.batch):
        waves, masks, targets = augment.random_patches(images, rows, schedule.patch, generator)
        batches.append((*augment.disturb(waves, masks, generator), targets))
    return batches
