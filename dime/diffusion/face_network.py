"""Membranes read off a signal by a network: the learned baselines, one logit for every face.

    direct: logits = W h(signal)                    a layer of its own for every face
    shared: logit_f = g(h(signal), place of f)      one small network for all faces, told where the face lies

A symmetric echo is the same for a shape and its mirror image, so that no network can tell which it sees. Of
truth and mirror image the one nearer to the output counts, in training as in every score.

Source: per-face networks as baselines, arXiv 2603.04638; their layers are not stated.
"""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import gelu

from dime.diffusion.shape_scores import mirror
from dime.learning.loop import data_hash

VALIDATION = 10
"""One example in so many chooses the epoch and the threshold."""

LEAST_SPREAD = 0.01
"""Added to the standard deviation of each signal by which it is divided, so that noise is not magnified."""

THRESHOLDS = np.linspace(0.05, 0.95, 19)


class FaceNetwork(nn.Module):
    """Logits of every face from signals.

    Parameters
    ----------
    kind : "direct" or "shared"
    measurements, faces : int
    features : int, numbers that describe a face's place
    width : int, of the hidden layers
    """

    def __init__(self, kind, measurements, faces, features, width=128):
        super().__init__()
        names = "kind", "measurements", "faces", "features", "width"
        self.architecture = dict(zip(names, (kind, measurements, faces, features, width), strict=True))
        self.register_buffer("centre", torch.zeros(measurements))
        self.register_buffer("spread", torch.ones(measurements))
        self.register_buffer("places", torch.zeros(faces, features))
        self.register_buffer("images", torch.arange(faces))
        self.register_buffer("threshold", torch.tensor(0.5))
        self.code = nn.Sequential(
            nn.Linear(measurements, 2 * width), nn.GELU(), nn.Linear(2 * width, width), nn.GELU()
        )
        if kind == "direct":
            self.head = nn.Linear(width, faces)
        else:
            self.place = nn.Sequential(nn.Linear(features, width), nn.GELU(), nn.Linear(width, width))
            self.mixed, self.head = nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, signals):
        """Logits (example, face) of signals (example, measurement)."""
        code = self.code((signals - self.centre) / (self.spread + LEAST_SPREAD))
        if self.architecture["kind"] == "direct":
            return self.head(code)
        hidden = gelu(code[:, None] * self.place(self.places))
        return self.head(gelu(self.mixed(hidden)))[..., 0]

    def membranes(self, signals):
        """Faces that count as membranes (example, face), a bool array, of signals as an array."""
        with torch.no_grad():
            logits = self(torch.as_tensor(np.atleast_2d(signals), dtype=torch.float32))
        return (torch.sigmoid(logits) > self.threshold).numpy()


def places_of(grid):
    """Where faces lie (face, 21): centre over half the width, its sines and cosines, products of normals."""
    corners = grid.points_um[grid.faces]
    half = np.ptp(grid.points_um, 0).max() / 2
    centre = corners.mean(1) / half
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    products = (normal[:, :, None] * normal[:, None])[:, *np.triu_indices(3)]
    waves = [wave(turns * np.pi * centre) for turns in (1, 2) for wave in (np.sin, np.cos)]
    return np.concatenate([centre, *waves, products], 1)


@dataclass(frozen=True)
class Schedule:
    """How a network is trained.

    kind : "direct" or "shared"
    width, epochs, batch, learning_rate, weight_decay : of layers, AdamW and its one-cycle schedule
    noise : float
        Noise is added in training, its standard deviation drawn evenly between 0 and this for each example.
    seed : int
    """

    kind: str = "direct"
    width: int = 128
    epochs: int = 30
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    noise: float = 0.05
    seed: int = 0


def nearest_loss(logits, membranes, images, weight):
    """Cross-entropy against truth or mirror image, the lesser of each example: scalar tensor.

    Parameters
    ----------
    logits, membranes : (example, face) float tensors
    images : (face,) int tensor, the face that each becomes in the mirror
    weight : float, of membranes over open faces
    """
    weight = torch.as_tensor(weight, dtype=logits.dtype)
    losses = [
        nn.functional.binary_cross_entropy_with_logits(logits, one, pos_weight=weight, reduction="none").mean(
            1
        )
        for one in (membranes, membranes[:, images])
    ]
    return torch.minimum(*losses).mean()


@dataclass
class FaceTask:
    """Learn membranes: a `dime.learning.loop.Task`.

    signals : (example, measurement) float tensor, without noise
    membranes : (example, face) float tensor of 0 and 1
    grid : Grid that its own mirror image is
    schedule : Schedule

    Assumption: membranes weigh as much as open faces all together, up to the square root of their ratio.
    """

    signals: torch.Tensor
    membranes: torch.Tensor
    grid: tuple
    schedule: Schedule

    def __post_init__(self):
        self.epochs, self.seed, self.examples = self.schedule.epochs, self.schedule.seed, self.schedule.batch
        self.first = max(1, len(self.signals) // VALIDATION)
        self.steps = max(1, (len(self.signals) - self.first) // self.examples)
        share = float(self.membranes.mean())
        self.weight = ((1 - share) / share) ** 0.5
        self.images = torch.as_tensor(mirror(self.grid)[0])

    def identity(self):
        """Schedule and hashes of the data."""
        return [asdict(self.schedule), data_hash(self.signals), data_hash(self.membranes)]

    def to(self, device):
        """Move the examples to a device."""
        self.signals, self.membranes = self.signals.to(device), self.membranes.to(device)
        self.images = self.images.to(device)

    def model(self):
        """A network with fresh weights that knows the mean and the spread of the training signals."""
        places = torch.as_tensor(places_of(self.grid), dtype=torch.float32)
        sizes = self.signals.shape[1], self.membranes.shape[1], places.shape[1]
        network = FaceNetwork(self.schedule.kind, *sizes, self.schedule.width)
        network.centre.copy_(self.signals[self.first :].mean(0))
        network.spread.copy_(self.signals[self.first :].std(0))
        network.places.copy_(places)
        network.images.copy_(self.images)
        return network

    def optimisers(self, model):
        """AdamW under a one-cycle schedule."""
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=decay)
        steps = self.epochs * self.steps + 1
        return [optimiser], [torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.1)]

    def step(self, model, optimisers, generator):
        """One batch with fresh noise."""
        device = generator.device
        size = (self.schedule.batch,)
        chosen = torch.randint(self.first, len(self.signals), size, generator=generator, device=device)
        signals = self.signals[chosen]
        spread = self.schedule.noise * torch.rand(*size, 1, generator=generator, device=device)
        signals = signals + spread * torch.randn(signals.shape, generator=generator, device=device)
        loss = nearest_loss(model(signals), self.membranes[chosen], self.images, self.weight)
        optimisers[0].zero_grad()
        loss.backward()
        optimisers[0].step()
        return loss.item()

    def evaluate(self, model):
        """Loss of the examples that are kept for validation, without noise; it sets the threshold too."""
        logits, truth = model(self.signals[: self.first]), self.membranes[: self.first]
        model.threshold.fill_(float(best_threshold(torch.sigmoid(logits), truth, self.images)))
        return {"validation_loss": nearest_loss(logits, truth, self.images, self.weight).item()}


def best_threshold(probabilities, membranes, images):
    """The one of `THRESHOLDS` with the largest mean F1 of faces, truth or mirror image."""
    scores = []
    for threshold in THRESHOLDS:
        found = (probabilities > threshold).float()
        sums = found.sum(1) + membranes.sum(1)
        hits = torch.maximum((found * membranes).sum(1), (found * membranes[:, images]).sum(1))
        scores.append(float((2 * hits / sums.clamp(min=1)).mean()))
    return THRESHOLDS[int(np.argmax(scores))]
