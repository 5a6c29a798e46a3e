"""Arms cost the same, learn from the phantoms they say, and are scored by figures known in closed form."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from dime.network import training
from dime.physics import WORKING_PIXEL_M_PER_S
from dime.studies import ablation, budget

WIDTHS = (4, 8, 8, 8)
SCHEDULE = training.Schedule(batch=8, patch=32, widths=WIDTHS, learning_rate=1e-2, seed=1)


def plane_waves(count, seed):
    """Plane waves of 10 to 40 pixels in discs, as images to learn from and as a dataset to score on.

    The stiffness of a wave of n working pixels is rho (f dx)^2 n^2.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-24:24, -24:24]
    mask = np.broadcast_to(np.hypot(x, y) < 22, (count, *x.shape))
    pixels = rng.uniform(10, 40, (count, 1, 1))
    angle = rng.uniform(0, 2 * np.pi, (count, 1, 1))
    wave = np.exp(2j * np.pi / pixels * (x * np.cos(angle) + y * np.sin(angle))) * mask
    stiffness = 1000 * (WORKING_PIXEL_M_PER_S * pixels) ** 2 * mask
    dims = ("phantom", "y", "x")
    data = xr.Dataset({"wave": (dims, wave), "stiffness": (dims, stiffness), "mask": (dims, mask)})
    data.attrs = {"frequency_hz": 60.0, "spacing_m": 1.5e-3}
    return data


def test_multiply_adds_are_those_counted_by_hand():
    """One level of w channels on single pixels: 3 x 3 from 3 inputs, 3 x 3 from w, 1 x 1 to 2, each pixel."""
    w, size = 6, 16
    schedule = training.Schedule(patch=size, widths=(w,), cell=1, normalisation="global")
    assert budget.multiply_adds(schedule) == size**2 * (9 * 3 * w + 9 * w * w + 2 * w)


def test_every_arm_costs_the_budget_in_about_as_many_steps():
    """Multiply-adds agree to half a step, steps to the rounding of a batch; wider networks see less."""
    steps = 200
    whole = steps * SCHEDULE.batch * budget.multiply_adds(SCHEDULE)
    schedules = {
        name: budget.on_budget(SCHEDULE, arm.change, steps)
        for name, arm in ablation.arms(WIDTHS, [3], 2).items()
    }
    for name, schedule in schedules.items():
        per_patch = budget.multiply_adds(schedule)
        assert abs(schedule.patches_per_epoch * per_patch - whole) <= schedule.batch * per_patch / 2, name
        own_steps = schedule.patches_per_epoch / schedule.batch
        assert abs(own_steps / steps - 1) <= 0.6 / (schedule.batch - 0.5) or schedule.batch == 2, name
    patches = {name: schedule.patches_per_epoch for name, schedule in schedules.items()}
    assert patches["double_width"] < patches["baseline"] == 8 * steps < patches["half_width"]


def test_arms_learn_from_the_phantoms_they_say():
    """Subsets are nested, of the family and physics asked for; an arm without any is refused."""
    table = pd.DataFrame(
        {"family": ["liver", "homogeneous"] * 10, "physics": ["antiplane"] * 15 + ["inplane"] * 5}
    )
    few, more = (set(ablation.choose(table, ablation.Arm("", "phantoms", phantoms=n))) for n in (4, 9))
    assert len(few) == 4 and len(more) == 9 and few < more
    livers = ablation.choose(table, ablation.Arm("", "diversity", family="liver", phantoms=30))
    assert livers == list(range(0, 20, 2))
    assert ablation.choose(table, ablation.Arm("", "recipe", physics="inplane")) == list(range(15, 20))
    with pytest.raises(ValueError, match="no such phantom"):
        ablation.choose(table, ablation.Arm("brains", "diversity", family="brain"))


class Oracle(torch.nn.Module):
    """Says one stiffness and one scale everywhere."""

    def __init__(self, log_ratio, scale):
        super().__init__()
        self.log_ratio, self.scale = log_ratio, scale

    def forward(self, waves, masks):
        same = torch.ones(waves[:, 0].shape)
        return self.log_ratio * same, math.log(self.scale) * same


def test_score_of_a_network_that_is_off_by_a_known_factor():
    """Estimate = 1.1 truth everywhere with scale b: MAPE 10 %, NLL = log(1.1) / b + log(2 b)."""
    waves, b = plane_waves(1, 3), 0.2
    truth = float(waves["stiffness"].max()) / (1000 * WORKING_PIXEL_M_PER_S**2)
    found = budget.score(Oracle(math.log(1.1 * truth), b), waves, patch=32)
    assert found["mape"][0] == pytest.approx(10, rel=1e-5)
    assert found["nll"][0] == pytest.approx(math.log(1.1) / b + math.log(2 * b), rel=1e-5)
    untaught = budget.score(Oracle(math.log(truth), b), waves, patch=32, teaches_scale=False)
    assert untaught["mape"][0] == pytest.approx(0, abs=1e-3) and np.isnan(untaught["nll"][0])


def test_a_larger_budget_lowers_the_error():
    """Plane waves without noise: after 240 steps the truth is e^0.3 times as likely as after 2.

    The factor is about e^0.6, and e^0.1 between seeds: training takes another way on every processor, which
    rounds in its own manner, so that the mean relative error of a few waves may miss a limit of its own.
    """
    data, waves = plane_waves(24, 0), plane_waves(12, 1)
    clean = replace(SCHEDULE, noise_rms=0.0, background_rms=0.0, zoom=1.0)
    images = training.training_images(data)
    torch.set_num_threads(1)
    long, short = (
        budget.score(budget.fit(images, budget.on_budget(clean, {}, steps)), waves, 32) for steps in (240, 2)
    )
    assert long["nll"].mean() < short["nll"].mean() - 0.3


def test_processes_change_nothing():
    """Two arms in processes of their own equal the same in this one."""
    data, waves = plane_waves(24, 0), plane_waves(2, 1)
    images = training.training_images(data)
    table = pd.DataFrame({"family": ["homogeneous"] * 24, "physics": ["antiplane"] * 24})
    arm = {"baseline": ablation.Arm("full recipe", "baseline")}
    runs = ablation.run(arm, SCHEDULE, 4, [1, 2], images, table, waves, workers=2)
    torch.set_num_threads(1)
    for one in runs:
        network = budget.fit(images, one["schedule"])
        pd.testing.assert_frame_equal(budget.score(network, waves, 32), one["scores"])
    assert [one["schedule"].seed for one in runs] == [1, 2]
    summary = ablation.summarise(runs)["baseline"]
    assert summary["seed_changes"] == [0.0, 0.0] and ablation.verdict(summary["seed_change"]) == "undecided"
    assert summary["steps"] == 4 and summary["phantoms"] == 24


def test_a_verdict_on_an_arm_needs_an_interval_over_seeds_that_leaves_out_zero():
    """Differences 1, 2 and 3 have the mean 2 and, by Student's t of two degrees, the interval 2 -+ 2.48."""
    change = ablation.over_seeds([1.0, 2.0, 3.0])
    assert change["high"] - change["mean"] == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)
    verdicts = [
        ablation.verdict(ablation.over_seeds(values))
        for values in ([1, 2, 3], [2, 2.1, 2.2], [-3, -3.1, -2.9])
    ]
    assert verdicts == ["undecided", "worse", "better"]
    assert ablation.verdict(ablation.over_seeds([5.0, 5.1])) == "undecided"
