"""How the network learns: patches, loss, schedule, checkpoints, and the choice of the best epoch."""

import hashlib
import json
import math
import os
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from dime import code_digest
from dime.learning import parallel
from dime.network import augment
from dime.network.unet import LOSSES, Convolution, UNet, half_precision, laplace_loss
from dime.physics import DENSITY_KG_M3, WORKING_PIXEL_M_PER_S

OPTIMISERS = {
    "muon": partial(torch.optim.Muon, adjust_lr_fn="match_rms_adamw"),
    "adamw": torch.optim.AdamW,
}
"""Of the convolutions: Muon's steps are orthogonal matrices, AdamW scales every weight's step on its own.

Source: Jordan 2024 (kellerjordan.github.io/posts/muon); Loshchilov and Hutter 2019 (ICLR).
Over a thousand steps and more Muon's validation loss is lower by far; notebooks/studies/01-ablation.ipynb compares
the two on an equal budget.
"""

SMALL_RATE = 3e-3
"""Peak learning rate of AdamW for what is no convolution: scales and offsets, and the last layer."""

REPORT = partial(print, flush=True)
"""Each epoch's line is seen when the epoch ends, also where the output is a file."""


@dataclass(frozen=True)
class Schedule:
    """What is trained and for how long.

    patch : pixels per side; widths, cell, normalisation : of the `UNet`; loss : one of `LOSSES`;
    optimiser : one of `OPTIMISERS`; learning_rate : its peak in a one-cycle schedule;
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


def train(training, validation, schedule, folder, report=REPORT, devices=1, start=None):
    """Train to the end of the schedule, resuming where a killed run left `folder/checkpoint.pt`.

    What another schedule, other data or another version of the code left is not continued but replaced.
    Each epoch draws from a generator seeded with (seed, epoch): a resumed run equals an undisturbed one. The
    weights of the epoch with the lowest validation loss are kept.

    A GPU is used where torch finds one; results are reproducible on one kind and number of devices, not
    across. With several, each draws its share of every batch from a generator of its own: `parallel`.

    Parameters
    ----------
    training, validation : (phantom, 4, y, x) tensor
        From `training_images`.
    schedule : Schedule
    folder : path
        Holds `checkpoint.pt` from the first epoch to the last; what is to last is for `checkpoints`.
    report : callable
        Called with one line per epoch; with several devices at the top of an importable module.
    devices : int
        GPUs of this machine, or processes where it has none; `batch` is divided among them.
    start : UNet, optional
        A network of the schedule's architecture to go on from; without, weights are drawn.

    `folder/history.csv` holds the epochs so far, while it trains too; `folder/effort.json` says on what and
    for how long: it differs between runs whose weights do not.

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
    if devices == 1:
        return _train(training, validation, schedule, folder, report, start)
    arguments = training, validation, schedule, folder, report, start
    weights, history = parallel.launch(_train_replica, devices, *arguments)[0]
    model = UNet(schedule.widths, schedule.cell, schedule.normalisation)
    model.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    return model.eval(), history


def _train_replica(*arguments):
    """What a replica sends back: arrays, since tensors would be shared with a process that has ended."""
    model, history = _train(*arguments)
    return {name: value.numpy() for name, value in model.state_dict().items()}, history


def _train(training, validation, schedule, folder, report, start):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint_path = folder / "checkpoint.pt"
    work = [asdict(schedule), data_hash(training), data_hash(validation), code_digest(), parallel.count()]
    if start is not None:
        weights = torch.cat([value.flatten().double() for value in start.state_dict().values()])
        work.append(data_hash(weights))
    fingerprint = json.dumps(work)

    torch.manual_seed(schedule.seed)
    device = parallel.device()
    training, validation = training.to(device), validation.to(device)
    model = UNet(schedule.widths, schedule.cell, schedule.normalisation).to(
        device, memory_format=torch.channels_last
    )
    if start is not None:
        model.load_state_dict(start.state_dict())
    replica = parallel.replicate(model)
    steps = max(1, schedule.patches_per_epoch // schedule.batch)
    optimisers, cycles = _optimisers(model, schedule, schedule.epochs * steps)
    history, best, best_loss, seconds = [], None, math.inf, 0.0
    state = torch.load(checkpoint_path, device, weights_only=True) if checkpoint_path.is_file() else {}
    if state.get("fingerprint") == fingerprint:
        model.load_state_dict(state["model"])
        for part, saved in zip(optimisers + cycles, state["optimisers"], strict=True):
            part.load_state_dict(saved)
        history, best, best_loss = state["history"], state["best"], state["best_loss"]
        seconds = state["seconds"]
    elif state:
        report("a checkpoint of another schedule, other data or another version of the code: begun anew")

    held_out = _validation_batches(validation, schedule)
    for epoch in range(len(history), schedule.epochs):
        start = time.perf_counter()
        seed = schedule.seed * 1_000_003 + epoch + parallel.rank() * 2**40
        generator = torch.Generator(device).manual_seed(seed)
        loss = _epoch(replica, optimisers, cycles, training, schedule, steps, generator)
        if not math.isfinite(loss):
            raise ValueError(f"epoch {epoch}: training loss is not finite; lower learning_rate")
        parallel.average_statistics(model)
        row = {"epoch": epoch, "loss": loss} | _evaluate(model, held_out)
        row["learning_rate"] = cycles[0].get_last_lr()[0]
        history.append(row)
        if row["validation_loss"] < best_loss:
            best_loss = row["validation_loss"]
            best = {name: value.clone() for name, value in model.state_dict().items()}
        seconds += time.perf_counter() - start
        if parallel.rank() > 0:
            continue
        _write_aside(
            checkpoint_path,
            {
                "seconds": seconds,
                "fingerprint": fingerprint,
                "model": model.state_dict(),
                "optimisers": [part.state_dict() for part in optimisers + cycles],
                "history": history,
                "best": best,
                "best_loss": best_loss,
            },
        )
        _write_curves(history, folder)
        report(
            f"epoch {epoch + 1}/{schedule.epochs}: loss {loss:.3f}, "
            f"validation {row['validation_loss']:.3f}, MAPE {row['validation_mape']:.1f} %"
        )
    if parallel.rank() == 0:
        effort = {"device": device.type, "devices": parallel.count(), "threads": torch.get_num_threads()}
        effort["hours"] = seconds / 3600
        effort["patches_per_second"] = steps * schedule.batch * schedule.epochs / seconds
        (folder / "effort.json").write_text(json.dumps(effort) + "\n")
        _write_curves(history, folder)  # a run killed here before may have lost them
        checkpoint_path.unlink()
    model.load_state_dict(best)
    return model.eval().cpu(), history


def _optimisers(model, schedule, steps):
    """Of the convolutions and of the rest, and the one-cycle schedule of each."""
    matrices = [part.weight for part in model.modules() if isinstance(part, Convolution)]
    rest = [value for value in model.parameters() if all(value is not matrix for matrix in matrices)]
    decay = schedule.weight_decay
    first = OPTIMISERS[schedule.optimiser](matrices, schedule.learning_rate, weight_decay=decay)
    optimisers = [first, torch.optim.AdamW(rest, weight_decay=decay)]
    cycles = [
        torch.optim.lr_scheduler.OneCycleLR(
            optimiser, peak, total_steps=steps, pct_start=0.1, cycle_momentum=False
        )
        for optimiser, peak in zip(optimisers, (schedule.learning_rate, SMALL_RATE), strict=True)
    ]
    return optimisers, cycles


def _epoch(model, optimisers, cycles, images, schedule, steps, generator):
    model.train()
    patches, total = schedule.batch // parallel.count(), 0.0
    for _ in range(steps):
        loss = _loss(model, schedule, *_draw(images, schedule, patches, generator))
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in optimisers + cycles:
            part.step()
        total += loss.item()
    return parallel.mean(total / steps)


def _draw(images, schedule, patches, generator):
    rows = torch.randint(len(images), (patches,), generator=generator, device=images.device)
    waves, masks, targets = augment.random_patches(images, rows, schedule.patch, generator, schedule.zoom)
    waves, masks = augment.disturb(waves, masks, generator, schedule.noise_rms, schedule.background_rms)
    return waves, masks, targets


def _loss(model, schedule, waves, masks, targets):
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


@torch.no_grad()
def _evaluate(model, batches):
    model.eval()
    loss = error = 0.0
    for waves, masks, targets in batches:
        mean, log_scale = _forward(model, waves, masks)
        loss += laplace_loss(mean, log_scale, targets, masks[:, 0]).item() / len(batches)
        relative = torch.expm1(mean - targets).abs() * masks[:, 0]
        error += 100 * (relative.sum() / masks.sum()).item() / len(batches)
    return {"validation_loss": loss, "validation_mape": error}


def data_hash(images):
    """SHA-256 of the tensor a network was trained on, for its card."""
    return hashlib.sha256(images.numpy().tobytes()).hexdigest()


def _write_curves(history, folder):
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False, float_format="%.6g")


def _write_aside(path, state):
    aside = path.with_suffix(".partial")
    torch.save(state, aside)
    os.replace(aside, path)
