"""Train a segmenter: slices, augmentation, loss, schedule and optimisers, as a task of the training loop."""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch.nn import functional as F

from dime.learning import checkpoints, loop, parallel
from dime.learning.loop import data_hash
from dime.liver.features import CHANNELS, GRID_M, SHADING, features, reportable_region
from dime.liver.networks import KINDS, marked, parameters
from dime.metrics.overlap import dice
from dime.network.augment import smooth_background
from dime.network.training import OPTIMISERS, OTHERS_RATE
from dime.network.unet import Convolution
from dime.phantoms.abdomen import ID


@dataclass(frozen=True)
class Schedule:
    """What a segmenter is trained on and for how long.

    slices_per_epoch : slices, drawn with replacement; batch : slices per step
    learning_rate : peak of the one-cycle schedule, of the convolutions
    zoom, shift_m, gain, shading, noise : largest augmentations (`augmented`)
    foreign_magnitude : whether a slice's magnitude channels are those of another examination. Such a network
        shows how well the phase alone gives the liver away.
    """

    epochs: int = 20
    slices_per_epoch: int = 400
    batch: int = 16
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    seed: int = 0
    zoom: float = 0.15
    shift_m: float = 0.03
    gain: float = 0.3
    shading: float = 0.3
    noise: float = 0.2
    foreign_magnitude: bool = False


def training_images(dataset):
    """What a segmenter learns from a cohort of simulated examinations.

    Parameters
    ----------
    dataset : xarray.Dataset
        `magnitude`, `phase` (exam, slice, offset, y, x), `liver`, `tissue` (exam, slice, y, x); `spacing_m`
        in attrs.

    Returns
    -------
    (exam, slice, 10, y, x) float16 tensor
        On the grid of `features`: its four channels from all offsets; the same from all offsets but one, a
        different one in each examination; and the share of each pixel that is liver, and reportable.
    """
    spacing_m, rows = dataset.attrs["spacing_m"], []
    for place in range(dataset.sizes["exam"]):
        exam = dataset.isel(exam=place)
        magnitude, phase = (exam[name].values.astype(np.float32) for name in ("magnitude", "phase"))
        liver, vessels = exam["liver"].values, exam["tissue"].values == ID["vessel"]
        kept = np.delete(np.arange(phase.shape[1]), place % phase.shape[1])
        whole = features(magnitude, phase, spacing_m)
        marks = np.stack([liver, reportable_region(liver, vessels, phase, spacing_m)], 1).astype(np.float32)
        marks = F.adaptive_avg_pool2d(torch.from_numpy(marks), whole.shape[2:]).numpy()
        fewer = features(magnitude[:, kept], phase[:, kept], spacing_m)
        rows.append(np.concatenate([whole, fewer, marks], axis=1).astype(np.float16))
    return torch.from_numpy(np.stack(rows))


def loss_of(logits, marks):
    """Cross-entropy plus 1 - Dice, each averaged over slices and marks; all tensors (image, 2, y, x).

    The soft Dice of a slice and mark is (2 sum p t + c) / (sum p + sum t + c), with c = 10 pixels (1 cm^2),
    so that a slice without liver asks for few pixels rather than for none at any price.

    Source: Milletari 2016 (3DV), with sums of p and t in place of their squares.
    """
    shares = logits.sigmoid()
    shared, total = (part.sum(dim=(2, 3)) for part in (shares * marks, shares + marks))
    return F.binary_cross_entropy_with_logits(logits, marks) + (1 - (2 * shared + 10) / (total + 10)).mean()


def augmented(images, marks, schedule, generator):
    """Images as other bodies, coils and drivers would give them, with their marks.

    Zoom along each axis, up to the fraction `zoom` either way, and shift: other bodies, other places. Gain of
    each channel, and a smooth shading of magnitude and wave: other coils, drivers and signal-to-noise ratios.
    Noise of each pixel. Never a mirror image: the liver lies on the right.

    Parameters
    ----------
    images : (image, 4, y, x) tensor, from `features`
    marks : (image, 2, y, x) tensor of 0 to 1
    schedule : Schedule
    generator : torch.Generator

    Returns
    -------
    images, marks : tensors of the same shapes
    """
    count, _, height, width = images.shape
    device = generator.device

    def uniform(*shape):
        return 2 * torch.rand(shape, generator=generator, device=device) - 1

    extent_m = GRID_M * torch.tensor([width, height], device=device)
    theta = torch.zeros(count, 2, 3, device=device)
    theta[:, [0, 1], [0, 1]] = (1 + schedule.zoom) ** uniform(count, 2)
    theta[:, :, 2] = 2 * schedule.shift_m / extent_m * uniform(count, 2)
    grid = F.affine_grid(theta, (count, 1, height, width), align_corners=False)
    both = F.grid_sample(torch.cat([images, marks], 1), grid, padding_mode="reflection", align_corners=False)
    images, marks = both.split((images.shape[1], marks.shape[1]), dim=1)
    smooth = smooth_background((count, 2, height, width), generator)
    smooth = smooth / smooth.square().mean(dim=(2, 3), keepdim=True).sqrt().clamp(min=1e-6)
    images = images + schedule.gain * uniform(count, len(CHANNELS), 1, 1)
    images[:, ::2] += schedule.shading * uniform(count, 2, 1, 1).abs() * smooth
    level = schedule.noise * uniform(count, len(CHANNELS), 1, 1).abs()
    return images + level * torch.randn(images.shape, generator=generator, device=device), marks


@dataclass
class SliceTask:
    """Learn to mark slices: a `dime.learning.loop.Task`.

    training, validation : (exam, slice, 10, y, x) tensors, from `training_images`
    kind : one of `KINDS`
    schedule : Schedule
    """

    training: torch.Tensor
    validation: torch.Tensor
    kind: str
    schedule: Schedule

    def __post_init__(self):
        self.epochs, self.seed, self.examples = self.schedule.epochs, self.schedule.seed, self.schedule.batch
        self.steps = max(1, self.schedule.slices_per_epoch // self.schedule.batch)

    def identity(self):
        """Kind, schedule and hashes of the data."""
        return [self.kind, asdict(self.schedule), data_hash(self.training), data_hash(self.validation)]

    def to(self, device):
        """Move the images to a device."""
        self.training, self.validation = self.training.to(device), self.validation.to(device)

    def model(self):
        """A segmenter with fresh weights, laid out as the processor multiplies fastest."""
        return KINDS[self.kind]().to(memory_format=torch.channels_last)

    def optimisers(self, model):
        """Optimisers of the convolutions and of the other parameters, and the one-cycle schedule of each."""
        matrices = [part.weight for part in model.modules() if isinstance(part, Convolution)]
        rest = [value for value in model.parameters() if all(value is not matrix for matrix in matrices)]
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        optimisers = [OPTIMISERS["muon"](matrices, rate, weight_decay=decay)]
        optimisers.append(torch.optim.AdamW(rest, weight_decay=decay))
        cycles = [
            torch.optim.lr_scheduler.OneCycleLR(
                one, peak, total_steps=self.epochs * self.steps, pct_start=0.1, cycle_momentum=False
            )
            for one, peak in zip(optimisers, (rate, OTHERS_RATE), strict=True)
        ]
        return optimisers, cycles

    def step(self, model, optimisers, generator):
        """One batch of augmented slices; gradients are clipped to norm 1."""
        images, marks = augmented(*self.draw(generator), self.schedule, generator)
        loss = loss_of(marked(model, images)[0], marks)
        parallel.backward(loss, model.parameters())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in optimisers:
            part.step()
        return loss.item()

    def draw(self, generator):
        """Slices at random, a quarter of them without one of their offsets, and their marks."""

        def whole(limit):
            shape = (self.schedule.batch // parallel.count(),)
            return torch.randint(limit, shape, generator=generator, device=generator.device)

        exams, slices = (whole(limit) for limit in self.training.shape[:2])
        rows = self.training[exams, slices].float()
        images = torch.where((whole(4) == 0)[:, None, None, None], rows[:, 4:8], rows[:, :4])
        if self.schedule.foreign_magnitude:
            others = (exams + 1 + whole(len(self.training) - 1)) % len(self.training)
            images[:, SHADING] = self.training[others, slices][:, SHADING].float()
        return images, rows[:, 8:]

    def evaluate(self, model):
        """Loss of the validation slices as they are, and Dice of each mark, averaged over examinations."""
        figures = {"validation_loss": 0.0, "validation_dice": 0.0, "validation_dice_reportable": 0.0}
        for place, exam in enumerate(self.validation):
            images, marks = exam[:, :4].float(), exam[:, 8:].float()
            if self.schedule.foreign_magnitude:
                images[:, SHADING] = self.validation[place - 1][:, SHADING].float()
            logits, _ = marked(model, images)
            pairs = [(logits[:, mark].cpu() > 0, marks[:, mark].cpu() > 0.5) for mark in range(2)]
            values = (loss_of(logits, marks).item(), *(dice(*pair) for pair in pairs))
            for name, value in zip(figures, values, strict=True):
                figures[name] += value / len(self.validation)
        return figures


def train_segmenter(kind, training, validation, schedule, folder):
    """Train a segmenter to the end of a schedule and save it, resuming where a killed run stopped.

    Parameters
    ----------
    kind : one of `KINDS`
    training, validation : (exam, slice, 10, y, x) tensors or arrays, from `training_images`
    schedule : Schedule
    folder : path
        Receives the weights, their card and `history.csv`.

    Returns
    -------
    list of dict
        epoch, loss, validation_loss, validation_dice, validation_dice_reportable, learning_rate.

    Raises
    ------
    ValueError
        The kind is unknown, or the loss is not finite.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}")
    task = SliceTask(*(torch.as_tensor(part) for part in (training, validation)), kind, schedule)
    network, history = loop.train(task, folder, report=_silent)
    best = min(history, key=lambda row: row["validation_loss"])
    card = {"kind": kind, "schedule": asdict(schedule), "parameters": parameters(network)}
    card |= {name: value for name, value in best.items() if name.startswith("validation")}
    card |= {"training_sha256": data_hash(training), "validation_sha256": data_hash(validation)}
    checkpoints.save_model(network, card, folder)
    return history


def _silent(line):
    """Report no epoch: what several processes print at once has no order."""
