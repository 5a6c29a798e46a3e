"""Transformer of a table's fields: a token for each, known or missing, to stiffness and its spread.

`FieldTokens` also makes the tokens of the records in the network that sees images. `TabularTransformer` sees
records alone. It gives the Laplace law of ln kPa, and is trained by the maximum likelihood of that law.
"""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from dime.learning import parallel
from dime.learning.loop import data_hash

FARTHEST = 5.0
"""Largest standardised value of a field, either way. Assumption: what lies farther out than five standard
deviations of the training is no more informative for that, and would drag the prediction along."""

LOG_SCALE = (-4.0, 2.0)
"""Range of the log of the predicted scale, in standard deviations of the training's ln kPa."""


class FieldTokens(nn.Module):
    """A token for each field: z_j v_j + u_j for a known value, m_j for a missing one.

    z_j is the value standardised by the training's mean and deviation, which are kept with the weights; the
    vectors v_j, u_j and m_j are learnt.

    Parameters
    ----------
    fields : int
        Number of fields.
    width : int
        Length of a token.

    Source: the feature tokenizer of Gorishniy et al. 2021 (NeurIPS), recalled; the vector of a missing value
    is an addition, as in MedFuse (github.com/nyuad-cai/MedFuse).
    """

    def __init__(self, fields, width):
        super().__init__()
        bound = width**-0.5
        for name in ("direction", "offset", "missing"):
            setattr(self, name, nn.Parameter(torch.empty(fields, width).uniform_(-bound, bound)))
        self.register_buffer("mean", torch.zeros(fields))
        self.register_buffer("deviation", torch.ones(fields))

    def standardise(self, values):
        """Take mean and deviation of each field from training values (n, fields), NaN = missing."""
        values = torch.as_tensor(np.asarray(values), dtype=torch.float64)
        known = values.isfinite()
        count = known.sum(dim=0).clamp(min=1)
        mean = values.where(known, 0).sum(dim=0) / count
        deviation = ((values - mean).where(known, 0).square().sum(dim=0) / count).sqrt()
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.where(deviation > 0, 1))

    def forward(self, values):
        """Tokens (n, fields, width) of values (n, fields), NaN = missing."""
        known = values.isfinite()
        z = ((values - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST).where(known, 0)
        tokens = z[..., None] * self.direction + self.offset
        return tokens.where(known[..., None], self.missing)


class TabularTransformer(nn.Module):
    """Laplace law of ln kPa from fields: a token of its own looks at those of the fields.

    Parameters
    ----------
    fields : int
        Number of fields.
    width, layers, heads : int
        Length of a token; blocks, with the norm before attention and before the two layers of twice the
        width; heads of attention.
    dropout : float
        Share of activations that training leaves out.
    """

    def __init__(self, fields, width=64, layers=3, heads=4, dropout=0.1):
        super().__init__()
        self.architecture = {"fields": fields, "width": width, "layers": layers, "heads": heads}
        self.architecture["dropout"] = dropout
        self.tokens = FieldTokens(fields, width)
        self.summary = nn.Parameter(torch.zeros(width))
        block = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, 2)
        self.register_buffer("location", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    def standardise(self, values, ln_kpa):
        """Take the scales of fields (n, fields) and of ln kPa (n,) from training data."""
        self.tokens.standardise(values)
        self.location.fill_(float(np.mean(ln_kpa)))
        self.spread.fill_(float(np.std(ln_kpa)) or 1.0)

    def forward(self, values):
        """Location and log scale (n,) of the Laplace law of ln kPa, of values (n, fields), NaN = missing."""
        tokens = self.tokens(values)
        first = self.summary.expand(len(tokens), 1, -1)
        location, scale = self.head(self.blocks(torch.cat([first, tokens], 1))[:, 0]).unbind(dim=1)
        return self.location + self.spread * location, self.spread.log() + scale.clamp(*LOG_SCALE)


def laplace_loss(location, log_scale, target):
    """Mean of -log p(target) = |target - location| / b + log(2 b), b = exp(log_scale); all (n,) tensors."""
    return ((target - location).abs() * (-log_scale).exp() + log_scale).mean() + np.log(2)


@dataclass(frozen=True)
class Schedule:
    """What a tabular transformer is and how it is trained.

    width, layers, heads, dropout : see `TabularTransformer`
    batch : examples of a step; an epoch goes through all of them in random order
    learning_rate : peak of the one-cycle schedule of AdamW
    drop : share of the fields that training hides, so that the tokens of missing values are learnt
    """

    width: int = 64
    layers: int = 3
    heads: int = 4
    dropout: float = 0.1
    epochs: int = 10
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-1
    drop: float = 0.1
    seed: int = 0


class TabularTask:
    """Learn ln kPa from fields: a `dime.learning.loop.Task`.

    Parameters
    ----------
    training, validation : pairs of arrays
        Fields (n, fields), NaN = missing, and ln kPa (n,).
    schedule : Schedule
    """

    def __init__(self, training, validation, schedule):
        self.training, self.validation = (
            [torch.as_tensor(np.asarray(part), dtype=torch.float32) for part in pair]
            for pair in (training, validation)
        )
        self.schedule, self.epochs, self.seed = schedule, schedule.epochs, schedule.seed
        self.examples = min(schedule.batch, len(self.training[1]))
        self.steps = len(self.training[1]) // self.examples
        self.order = None

    def identity(self):
        """Schedule and hashes of the data."""
        return [asdict(self.schedule), *(data_hash(part) for part in (*self.training, *self.validation))]

    def to(self, device):
        """Move the data to a device."""
        self.training, self.validation = (
            [part.to(device) for part in pair] for pair in (self.training, self.validation)
        )

    def model(self):
        """A transformer with fresh weights and the training's scales."""
        values, target = (part.cpu().numpy() for part in self.training)
        s = self.schedule
        model = TabularTransformer(values.shape[1], s.width, s.layers, s.heads, s.dropout)
        model.standardise(values, target)
        return model

    def optimisers(self, model):
        """AdamW under a one-cycle schedule; vectors (biases, norms, tokens) do not decay."""
        matrices = [p for name, p in model.named_parameters() if p.ndim > 1 and "tokens" not in name]
        vectors = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
        groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
        rate = self.schedule.learning_rate
        optimiser = torch.optim.AdamW(groups, rate, weight_decay=self.schedule.weight_decay)
        total = self.epochs * self.steps
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rate, total_steps=total, pct_start=max(0.2, 2 / max(total, 3))
        )
        return [optimiser], [cycle]

    def step(self, model, optimisers, generator):
        """One batch of an epoch's random order, with fields hidden; gradients are clipped to norm 1."""
        rows = self.draw(generator)
        values, target = (part[rows] for part in self.training)
        hidden = torch.rand(values.shape, generator=generator, device=generator.device) < self.schedule.drop
        loss = laplace_loss(*model(values.where(~hidden, torch.nan)), target)
        parallel.backward(loss, model.parameters())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimisers[0].step()
        return loss.item()

    def draw(self, generator):
        """Rows of this device's next batch: each epoch goes through the training once."""
        if self.order is None or not len(self.order):
            self.order = torch.randperm(len(self.training[1]), generator=generator, device=generator.device)
            self.order = self.order[: self.steps * self.examples].view(self.steps, self.examples)
        rows, self.order = self.order[0], self.order[1:]
        return rows[: self.examples // parallel.count()]

    def evaluate(self, model):
        """Loss of the validation part, and the correlation of ln kPa."""
        location, log_scale = model(self.validation[0])
        r = torch.corrcoef(torch.stack([location, self.validation[1]]))[0, 1].nan_to_num()
        loss = laplace_loss(location, log_scale, self.validation[1])
        return {"validation_loss": loss.item(), "validation_r": r.item()}
