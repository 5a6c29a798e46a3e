"""Which optimiser moves which weights of a network, and how fast."""

from functools import partial

import torch

from dime.network import Convolution

OPTIMISERS = {
    "muon": partial(torch.optim.Muon, adjust_lr_fn="match_rms_adamw"),
    "adamw": torch.optim.AdamW,
}
"""Of the convolutions: Muon's steps are orthogonal matrices, AdamW scales every weight's step on its own.

Source: Jordan 2024 (kellerjordan.github.io/posts/muon); Loshchilov and Hutter 2019 (ICLR).
Over a thousand steps and more Muon's validation loss is lower by far; notebooks/09-ablation.ipynb compares
the two on an equal budget.
"""

SMALL_RATE = 3e-3
"""Peak learning rate of AdamW for what is no convolution: scales and offsets, and the last layer."""


def one_cycle(model, schedule, steps):
    """The optimisers of the convolutions and of the rest, and the one-cycle schedule of each.

    Parameters
    ----------
    model : UNet
    schedule : training.Schedule
    steps : int
        Of the whole training.

    Returns
    -------
    optimisers, cycles : lists of two
    """
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
