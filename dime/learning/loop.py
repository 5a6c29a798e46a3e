"""Train any network: epochs, resuming after a kill, several devices, history, and the best epoch.

A `Task` supplies what differs from network to network: its model, its optimisers, one step, and how good the
model is. Everything else is here, once.
"""

import hashlib
import json
import math
import time
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import nn

from dime.files.sources import code_digest, module_path
from dime.files.whole import alone, whole
from dime.learning import parallel
from dime.progress import bar

REPORT = partial(print, flush=True)
"""Prints each epoch's line when the epoch ends, also where the output is a file."""


class Task(Protocol):
    """What `train` needs to know of a network and its data; instances are pickled to every device.

    epochs, steps : how many epochs, and steps in each
    examples : how many examples one step sees, on all devices together
    seed : the number that all randomness follows from
    """

    epochs: int
    steps: int
    examples: int
    seed: int

    def identity(self) -> Any:
        """JSON-able value that a run must share with an interrupted one to continue it: settings and data.

        The loop adds the source code that the task's module uses and the number of devices. Source outside
        this package, such as a notebook's, is not compared.
        """

    def to(self, device: torch.device) -> None:
        """Move the data to a device."""

    def model(self) -> nn.Module:
        """A network with fresh weights, or with those that training is to go on from."""

    def optimisers(self, model: nn.Module) -> tuple[list, list]:
        """Optimisers and learning-rate schedules of a model; the first optimiser's rate is recorded."""

    def step(self, model: nn.Module, optimisers: list, generator: torch.Generator) -> float:
        """Draw this device's share of the examples, change the weights once, and return the loss.

        Each backward pass is a call of `parallel.backward`, which averages gradients over the devices; a
        task of several networks makes several. The loop steps the schedules.
        """

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Figures of merit of a model in evaluation mode; `validation_loss` decides which epoch is kept."""


def train(task: Task, folder, devices=1, report=REPORT):
    """Train to the end of a task, resuming where a killed run left `folder/checkpoint.pt`.

    Work that another task, other data or other source code left is not continued but replaced. Each epoch
    draws from a generator seeded with (seed, epoch), so that a resumed run equals an undisturbed one. The
    weights of the epoch with the lowest validation loss are kept.

    A GPU is used where torch finds one; results are reproducible on one kind and number of devices, not
    across. With several, each draws its share of every batch from a generator of its own: `parallel`.

    Parameters
    ----------
    task : Task
    folder : path
        Holds `checkpoint.pt` from the first epoch to the last; `history.csv`, the epochs so far; and in the
        end `effort.json`, on what and for how long the network was trained.
    devices : int
        GPUs of this machine, or processes where it has none.
    report : callable
        Called with one line per epoch; with several devices it must lie at the top of an importable module.

    Returns
    -------
    model : torch.nn.Module
        In evaluation mode, with the best epoch's weights.
    history : list of dict
        epoch, loss, the figures of `Task.evaluate`, learning_rate.

    Raises
    ------
    ValueError
        The loss or the validation loss is not finite, or another process trains into the folder.
    """
    with alone(folder):
        if devices == 1:
            return _train(task, folder, report)
        weights, history = parallel.launch(train_replica, devices, task, folder, report)[0]
    model = task.model()
    model.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    return model.eval(), history


def train_replica(task, folder, report):
    """What a replica sends back: arrays, since tensors would be shared with a process that has ended."""
    model, history = _train(task, folder, report)
    return {name: value.numpy() for name, value in model.state_dict().items()}, history


def _train(task, folder, report):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    fingerprint = json.dumps([task.identity(), _source_digest(task), parallel.count()])
    device = parallel.device()
    torch.manual_seed(task.seed)
    model = task.model().to(device)
    task.to(device)
    optimisers, cycles = task.optimisers(model)
    history, best, best_loss, seconds = [], None, math.inf, 0.0
    state = torch.load(checkpoint, device, weights_only=True) if checkpoint.is_file() else {}
    if state.get("fingerprint") == fingerprint:
        model.load_state_dict(state["model"])
        for part, saved in zip(optimisers + cycles, state["optimisers"], strict=True):
            part.load_state_dict(saved)
        history, best, best_loss = state["history"], state["best"], state["best_loss"]
        seconds = state["seconds"]
    elif state and parallel.rank() == 0:
        report("a checkpoint of another schedule, other data or another version of the code: begun anew")
    parallel.wait()  # the first replica may delete the checkpoint only when all have read it

    for epoch in range(len(history), task.epochs):
        begin = time.perf_counter()
        seed = task.seed * 1_000_003 + epoch + parallel.rank() * 2**40
        torch.manual_seed(seed)  # of dropout, which takes no generator
        with bar(range(task.steps), f"epoch {epoch + 1}/{task.epochs}", hidden=parallel.rank() > 0) as steps:
            generator = torch.Generator(device).manual_seed(seed)
            loss = _epoch(task, model, optimisers, cycles, generator, steps)
        parallel.average_statistics(model)
        model.eval()
        with torch.no_grad():
            figures = {name: float(value) for name, value in task.evaluate(model).items()}
        row = {"epoch": epoch, "loss": loss} | figures
        for kind, value in (("training", loss), ("validation", row["validation_loss"])):
            if not math.isfinite(value):
                raise ValueError(f"epoch {epoch}: {kind} loss is not finite; lower learning_rate")
        row["learning_rate"] = optimisers[0].param_groups[0]["lr"]
        history.append(row)
        if row["validation_loss"] < best_loss:
            best_loss = row["validation_loss"]
            best = {name: value.clone() for name, value in model.state_dict().items()}
        seconds += time.perf_counter() - begin
        if parallel.rank() > 0:
            continue
        state = {"seconds": seconds, "fingerprint": fingerprint, "model": model.state_dict()}
        state |= {"history": history, "best": best, "best_loss": best_loss}
        state["optimisers"] = [part.state_dict() for part in optimisers + cycles]
        with whole(checkpoint) as aside:
            torch.save(state, aside)
        _write_history(history, folder)
        report(_line(row, task.epochs))
    if parallel.rank() == 0:
        effort = {"device": device.type, "devices": parallel.count(), "threads": torch.get_num_threads()}
        effort["hours"] = seconds / 3600
        effort["examples_per_second"] = task.epochs * task.steps * task.examples / seconds
        with whole(folder / "effort.json") as aside:
            aside.write_text(json.dumps(effort) + "\n")
        _write_history(history, folder)  # a run killed here before may have lost them
        checkpoint.unlink()
    model.load_state_dict(best)
    return model.eval().cpu(), history


def _source_digest(task):
    """Digest of the source that a task uses; that of this loop for a task outside the package."""
    module = type(task).__module__
    return code_digest(module if module_path(module) else __name__)


def _epoch(task, model, optimisers, cycles, generator, steps):
    """Mean loss of the epoch's steps, over all devices."""
    model.train()
    total = 0.0
    for _ in steps:
        total += task.step(model, optimisers, generator)
        for cycle in cycles:
            cycle.step()
    return parallel.mean(total / task.steps)


def _line(row, epochs):
    """An epoch's figures for people: "epoch 2/24: loss -0.310, validation -0.402, mape 12.3"."""
    line = (
        f"epoch {row['epoch'] + 1}/{epochs}: loss {row['loss']:.3f}, validation {row['validation_loss']:.3f}"
    )
    others = {name: value for name, value in row.items() if name.startswith("validation_")}
    del others["validation_loss"]
    return line + "".join(f", {name.removeprefix('validation_')} {v:.3g}" for name, v in others.items())


def _write_history(history, folder):
    with whole(folder / "history.csv") as aside:
        pd.DataFrame(history).to_csv(aside, index=False, float_format="%.6g")


def data_hash(values):
    """SHA-256 of a tensor or array, in hexadecimal: which data a network learnt from."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def weights_hash(model):
    """SHA-256 of a network's weights, in hexadecimal."""
    return data_hash(torch.cat([value.flatten().double() for value in model.state_dict().values()]))
