"""Train one network that judges stiffness, on images, records or both, and keep it with its interval."""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import torch

from dime.learning import checkpoints, loop, parallel
from dime.learning.loop import REPORT, data_hash
from dime.records.columns import FIELDS, SEQUENCES
from dime.records.reader import READINGS, cycle_steps
from dime.records.tabular import laplace_loss
from dime.records.tokens import GROUPS
from dime.records.transformer import KINDS, VOLUME

COLUMNS = len(GROUPS) * READINGS + 1
"""What is read from the images: the readings of each group of patches, and the roughness of the surface."""

LABS = ("ast_u_l", "alt_u_l", "platelets_1e9_l", "albumin_g_dl", "bilirubin_mg_dl", "ggt_u_l")
"""Fields that a blood sample gives."""

GROUP_OF = {"t1w": (0, 3), "t2w": (1,), "dwi": (2,)}
"""Sequence -> its groups of patches (`tokens.GROUPS`); the fine slice is T1-weighted."""

COVERAGE = 0.9
"""Share of patients whose stiffness an interval is to hold."""


class Examples(NamedTuple):
    """Examinations as a network sees them, tensors, NaN = missing.

    images : (n, 33), readings of the groups and the roughness; or (n, pixel), `transformer.packed`
    fields : (n, 14), `table.fields`; ln_kpa : (n,)
    """

    images: torch.Tensor
    fields: torch.Tensor
    ln_kpa: torch.Tensor

    def rows(self, index):
        """Some of the examinations."""
        return Examples(*(part[index] for part in self))

    def without(self, parts):
        """The same examinations with parts withheld: t1w, t2w, dwi or labs. ValueError for other names."""
        images, fields = self.images, self.fields
        for part in parts:
            if part in GROUP_OF:
                images = images.clone()
                images[:, columns(part, images.shape[1])] = torch.nan
            elif part == "labs":
                fields = fields.clone()
                fields[:, [FIELDS.index(name) for name in LABS]] = torch.nan
            else:
                raise ValueError(f"withheld: expected t1w, t2w, dwi or labs, found {part!r}")
        return Examples(images, fields, self.ln_kpa)


def columns(sequence, count):
    """Which of `count` columns of images a sequence fills, (count,) bool."""
    of = np.zeros(count, int)
    if count == COLUMNS:
        of[:-1], of[-1] = np.repeat(np.arange(len(GROUPS)), READINGS), len(GROUPS) - 1
    else:
        of[:] = np.minimum(np.arange(count) // (VOLUME // len(SEQUENCES)), len(GROUPS) - 1)
    return torch.from_numpy(np.isin(of, GROUP_OF[sequence]))


@dataclass(frozen=True)
class Schedule:
    """What a network is and how it is trained.

    kind : one of `transformer.KINDS`
    sees, width, layers : of a "judge": "both", "images" or "records"; length of a token, blocks
    withheld : parts that the network never sees: t1w, t2w, dwi or labs
    hide : chance that each of T1w, T2w, DWI and the records is hidden from an example in training
    drop : share of the fields that is hidden besides
    learning_rate : peak of the one-cycle schedule of AdamW
    """

    kind: str = "judge"
    sees: str = "both"
    withheld: tuple = ()
    width: int = 32
    layers: int = 2
    epochs: int = 30
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.3
    hide: float = 0.2
    drop: float = 0.1
    seed: int = 0


class JudgeTask:
    """Learn ln kPa from examinations: a `dime.learning.loop.Task`, by the likelihood of a Laplace law."""

    def __init__(self, training, validation, schedule):
        self.training, self.validation = (part.without(schedule.withheld) for part in (training, validation))
        self.schedule, self.epochs, self.seed = schedule, schedule.epochs, schedule.seed
        self.examples = min(schedule.batch, len(training.ln_kpa))
        self.steps = len(training.ln_kpa) // self.examples

    def identity(self):
        """Schedule and hashes of the data."""
        return [asdict(self.schedule), *(data_hash(part) for part in (*self.training, *self.validation))]

    def to(self, device):
        """Move the data to a device."""
        self.training, self.validation = (
            Examples(*(part.to(device) for part in group)) for group in (self.training, self.validation)
        )

    def model(self):
        """A network with fresh weights and the training's scales."""
        names = ("sees", "width", "layers") if self.schedule.kind == "judge" else ()
        arguments = {name: getattr(self.schedule, name) for name in names}
        kind, images = KINDS[self.schedule.kind], self.training.images.shape[1]
        model = kind(images, len(FIELDS), **arguments)
        model.fit_scales(Examples(*(part.cpu() for part in self.training)))
        return model

    def optimisers(self, model):
        """AdamW under a one-cycle schedule."""
        rate, total = self.schedule.learning_rate, cycle_steps(self.epochs * self.steps)
        optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=self.schedule.weight_decay)
        return [optimiser], [torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total, pct_start=0.2)]

    def step(self, model, optimisers, generator):
        """One batch drawn at random, parts of it hidden; gradients are clipped to norm 1."""
        share = self.examples // parallel.count()
        device = generator.device
        rows = torch.randint(len(self.training.ln_kpa), (share,), generator=generator, device=device)
        batch = self.hidden(self.training.rows(rows), generator)
        loss = laplace_loss(*model(batch.images, batch.fields), batch.ln_kpa)
        parallel.backward(loss, model.parameters())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimisers[0].step()
        return loss.item()

    def hidden(self, batch, generator):
        """A batch with parts hidden at random, but for examples of which a network would then see nothing.

        A network that sees the records alone loses single fields, never all of them at once.
        """
        device, n = generator.device, len(batch.ln_kpa)
        gone = torch.rand((n, 4), generator=generator, device=device) < self.schedule.hide
        images, fields = batch.images, batch.fields
        for place, sequence in enumerate(GROUP_OF):
            hidden = gone[:, place, None] & columns(sequence, images.shape[1]).to(device)
            images = images.masked_fill(hidden, torch.nan)
        if self.schedule.sees != "records":
            fields = fields.masked_fill(gone[:, 3, None], torch.nan)
        single = torch.rand(fields.shape, generator=generator, device=device) < self.schedule.drop
        fields = fields.masked_fill(single, torch.nan)
        seen = {"both": (images, fields), "images": (images,), "records": (fields,)}[self.sees()]
        left = torch.stack([part.isfinite().any(dim=1) for part in seen]).any(dim=0)[:, None]
        return Examples(images.where(left, batch.images), fields.where(left, batch.fields), batch.ln_kpa)

    def sees(self):
        """What the network goes by: "both", "images" or "records"."""
        return "images" if self.schedule.kind == "volume" else self.schedule.sees

    def evaluate(self, model):
        """Loss of the validation part, and the correlation of ln kPa."""
        location, log_scale = judged(model, self.validation)
        r = torch.corrcoef(torch.stack([location, self.validation.ln_kpa]))[0, 1].nan_to_num()
        loss = laplace_loss(location, log_scale, self.validation.ln_kpa)
        return {"validation_loss": loss.item(), "validation_r": r.item()}


@torch.no_grad()
def judged(model, examples):
    """Location and log scale (n,) of ln kPa, in batches."""
    parts = (part.split(128) for part in (examples.images, examples.fields))
    laws = [model(*part) for part in zip(*parts, strict=True)]
    return tuple(torch.cat(values) for values in zip(*laws, strict=True))


def reach(location, log_scale, ln_kpa):
    """Half width of the interval, in scales: the `COVERAGE` quantile of |ln kPa - location| / scale.

    Assumption: it is taken on the patients that chose the epoch; a Laplace law itself says ln 10 = 2.3.
    """
    ratio = (ln_kpa - location).abs() / log_scale.exp()
    level = min(1.0, np.ceil(COVERAGE * (len(ratio) + 1)) / len(ratio))
    return float(torch.quantile(ratio, level))


def train(training, validation, schedule, folder, card=None, report=REPORT):
    """Train a network and save it; a killed run goes on: `dime.learning.loop`.

    Parameters
    ----------
    training, validation : Examples
        Validation decides the epoch and the width of the interval.
    schedule : Schedule
    folder : path
    card : dict
        More entries of the network's card.
    report : callable

    Returns
    -------
    model, card
    """
    model, history = loop.train(JudgeTask(training, validation, schedule), folder, report=report)
    best = min(history, key=lambda row: row["validation_loss"])
    law = judged(model, validation.without(schedule.withheld))
    card = (card or {}) | {"schedule": asdict(schedule), "reach": reach(*law, validation.ln_kpa)}
    card |= {name: best[name] for name in ("validation_loss", "validation_r")}
    card |= {"parameters": sum(p.numel() for p in model.parameters()), "examinations": len(training.ln_kpa)}
    checkpoints.save_model(model, card, folder)
    return model, card


def load_judge(folder):
    """Read a network and its card; raises as `checkpoints.load_model`."""
    kind = checkpoints.read_card(folder)["schedule"]["kind"]
    return checkpoints.load_model(folder, KINDS[kind])
