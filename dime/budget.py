"""How good a network gets on a small budget: multiply-adds, a short training, a score.

The budget is the number of multiply-adds of forward passes in training. It depends on no machine, and it is
what a choice costs: a network twice as wide sees a quarter of the patches. An equal number of pixels would
hand the same data to every network, and four times the time to that one.
"""

import tempfile
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from dime import metrics, prediction, training
from dime.network import UNet
from dime.physics import WORKING_PIXEL_M_PER_S


def multiply_adds(schedule):
    """Multiply-adds of the convolutions in one forward pass of one patch."""
    model = UNet(schedule.widths, schedule.cell, schedule.normalisation).eval()
    size = schedule.patch
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 2, size, size), torch.ones(1, 1, size, size))
    return counter.get_total_flops() // 2


def on_budget(baseline, change, steps):
    """The schedule of an arm that costs as many multiply-adds as `steps` steps of the baseline.

    A step costs the same in every arm, so that all take as many steps: where a patch costs more, a step has
    fewer of them. Rounding of the batch is made up for by the number of steps.

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
        Of one epoch: nothing is chosen on validation data.
    """
    step = baseline.batch * multiply_adds(baseline)
    changed = replace(baseline, **change)
    batch = max(2, round(step / multiply_adds(changed)))  # fewer have no statistics of a batch
    own_steps = max(1, round(steps * step / (batch * multiply_adds(changed))))
    return replace(changed, epochs=1, batch=batch, patches_per_epoch=own_steps * batch)


def fit(images, schedule):
    """A network at the end of a one-cycle schedule of one epoch.

    Parameters: images (phantom, 4, y, x) tensor; schedule of one epoch. Returns `network.UNet`.
    """
    with tempfile.TemporaryDirectory() as folder:
        # One epoch leaves no choice, so these phantoms, which `train` wants for it, decide nothing.
        return training.train(images, images[:2], schedule, folder, report=lambda line: None)[0]


def score(network, waves, patch=prediction.TILE, stride=0, views=1, teaches_scale=True):
    """How far a network's maps are from the truth, slice by slice.

    The negative log likelihood of log stiffness t under the predicted Laplace law of mean m and scale b is
    |t - m| / b + log(2 b), averaged over pixels; b is the network's own, not calibrated.

    Parameters
    ----------
    network : UNet
    waves : xarray.Dataset
        wave, stiffness [Pa], mask with dims (phantom, y, x); frequency_hz, spacing_m in attrs.
    patch, stride, views : int
        Of `prediction.predict`; stride 0 is half a patch.
    teaches_scale : bool
        Whether the network's loss taught it its uncertainty; without, `nll` is NaN.

    Returns
    -------
    pandas.DataFrame
        One row per slice: mape [%], nll; pixels and the sums x, t, xx, tt, xt of estimate and truth [kPa].
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
        rows.append(slice_sums(stiffness[mask], one["stiffness"].values[mask]))
        if teaches_scale:
            error = np.abs(np.log(stiffness[mask] / one["stiffness"].values[mask]))
            rows[-1]["nll"] = np.mean(error / b[mask] + np.log(2 * b[mask]))
    return pd.DataFrame(rows)


def slice_sums(estimate, truth):
    """Relative error of one slice, and the sums that r over many slices is made of.

    Parameters: estimate, truth (pixel,) [Pa]. Returns dict: mape [%], nll (NaN, to be filled in), pixels, and
    the sums x, t, xx, tt, xt [kPa].
    """
    x, t = np.asarray(estimate, float) / 1e3, np.asarray(truth, float) / 1e3
    sums = {"x": x.sum(), "t": t.sum(), "xx": x @ x, "tt": t @ t, "xt": x @ t}
    return {"mape": 100 * np.mean(np.abs(x - t) / t), "nll": np.nan, "pixels": x.size} | sums


def pixel_correlation(table, seed=0):
    """Pearson's r over the pixels of all slices, with its interval bootstrapped over slices.

    Parameters
    ----------
    table : pandas.DataFrame
        From `score`.

    Returns
    -------
    dict
        r, low, high (95 % interval), n slices; low and high are None for fewer than three.
    """
    sums = table[["pixels", "x", "t", "xx", "tt", "xt"]].values.astype(float)

    def correlation(total):
        n, x, t, xx, tt, xt = np.moveaxis(total, -1, 0)
        return (n * xt - x * t) / np.sqrt((n * xx - x**2) * (n * tt - t**2))

    result = {"r": float(correlation(sums.sum(axis=0))), "low": None, "high": None, "n": len(sums)}
    if len(sums) >= 3:
        drawn = np.random.default_rng(seed).integers(len(sums), size=(metrics.BOOTSTRAP_RESAMPLES, len(sums)))
        tails = 100 * (1 - metrics.CONFIDENCE_LEVEL) / 2
        with np.errstate(invalid="ignore"):  # one homogeneous slice drawn over and over has no r
            low, high = np.nanpercentile(correlation(sums[drawn].sum(axis=1)), [tails, 100 - tails])
        result |= {"low": float(low), "high": float(high)}
    return result
