"""Train networks on an equal small budget of multiply-adds, and score them.

The budget is the number of multiply-adds of forward passes in training. It does not depend on the machine and
measures the cost of a choice: a network twice as wide sees a quarter of the patches. With an equal number of
pixels every network would see the same data, but the wide one would take four times as long.
"""

import tempfile
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from dime.metrics import errors
from dime.network import prediction, training
from dime.network.unet import UNet
from dime.physics import WORKING_PIXEL_M_PER_S


def multiply_adds(schedule):
    """Multiply-adds of the convolutions in one forward pass of one patch."""
    model = UNet(schedule.widths, schedule.cell, schedule.normalisation).eval()
    size = schedule.patch
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 2, size, size), torch.ones(1, 1, size, size))
    return counter.get_total_flops() // 2


def on_budget(baseline, change, steps):
    """Schedule of an arm that costs as many multiply-adds as `steps` steps of the baseline.

    A step costs the same in every arm, so that all take the same number of steps: where a patch costs more, a
    step has fewer patches. The number of steps compensates for the rounding of the batch.

    Parameters
    ----------
    baseline : training.Schedule
        `batch` patches of `patch` pixels make a step.
    change : dict
        Fields of the schedule that the arm changes.
    steps : int

    Returns
    -------
    training.Schedule
        Schedule of one epoch: nothing is selected on validation data.
    """
    step = baseline.batch * multiply_adds(baseline)
    changed = replace(baseline, **change)
    batch = max(2, round(step / multiply_adds(changed)))  # fewer have no statistics of a batch
    own_steps = max(1, round(steps * step / (batch * multiply_adds(changed))))
    return replace(changed, epochs=1, batch=batch, patches_per_epoch=own_steps * batch)


def fit(images, schedule):
    """Train a network for one epoch, to the end of a one-cycle schedule.

    Parameters: images (phantom, 4, y, x) tensor; schedule of one epoch. Returns `unet.UNet`.
    """
    with tempfile.TemporaryDirectory() as folder:
        # `train` selects the best epoch on these phantoms; with a single epoch they have no effect.
        return training.train(images, images[:2], schedule, folder, report=lambda line: None)[0]


def score(network, waves, patch=prediction.TILE, stride=0, views=1, teaches_scale=True):
    """Error and likelihood of a network's maps, slice by slice.

    The negative log likelihood of log stiffness t under the predicted Laplace law of mean m and scale b is
    |t - m| / b + log(2 b), averaged over pixels; b is the network's own, not calibrated.

    Parameters
    ----------
    network : UNet
    waves : xarray.Dataset
        wave, stiffness [Pa], mask with dims (phantom, y, x); frequency_hz, spacing_m in attrs.
    patch, stride, views : int
        Tile, stride and views of `prediction.predict`; stride 0 is half a patch.
    teaches_scale : bool
        Whether the loss trained the network's uncertainty; otherwise `nll` is NaN.

    Returns
    -------
    pandas.DataFrame
        One row per slice: mape [%]; nll; `errors.correlation_sums` of estimate and truth [kPa].
    """
    rows = []
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    for row in range(waves.sizes["phantom"]):
        one = waves.isel(phantom=row)
        mask = one["mask"].values
        stiffness, b = prediction.predict(
            network,
            one["wave"].values,
            mask,
            *scale,
            views=views,
            tile=patch,
            stride=stride or patch // 2,
            pixel_m_per_s=WORKING_PIXEL_M_PER_S,  # also networks that know no other
        )
        truth = one["stiffness"].values
        x, t = (values[mask].astype(float) / 1e3 for values in (stiffness, truth))
        found = {"mape": 100 * np.mean(np.abs(x - t) / t), "nll": np.nan}
        if teaches_scale:
            error = np.abs(np.log(stiffness[mask] / truth[mask]))
            found["nll"] = np.mean(error / b[mask] + np.log(2 * b[mask]))
        rows.append(found | errors.correlation_sums(x, t))
    return pd.DataFrame(rows)
