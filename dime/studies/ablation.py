"""Ablation study: networks whose training recipes differ in one choice, trained on equal budgets."""

import json
import tempfile
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats

from dime.metrics import errors, statistics
from dime.network import training
from dime.processes import run_all
from dime.studies import budget

PUBLISHED_STRIDE = 3
"""Distance between overlapping patches in the published recipe, which averages their predictions [pixels]."""


@dataclass(frozen=True)
class Arm:
    """One training recipe of the study.

    title : what differs from the baseline, for tables and figures
    question : what it tests: "baseline", "recipe", "phantoms" (their number) or "diversity" (their family)
    change : fields of the baseline's `training.Schedule` that differ
    physics, family : physics and family of the training phantoms; empty for all
    phantoms : largest number of training phantoms; 0 for all
    stride : distance between tiles in scoring [pixels]; 0 for half a patch
    """

    title: str
    question: str
    change: dict = field(default_factory=dict)
    physics: str = ""
    family: str = ""
    phantoms: int = 0
    stride: int = 0


def arms(widths, counts, diversity_count):
    """Arms of the study by name; the first is the baseline.

    Parameters
    ----------
    widths : sequence of int
        Channels of the baseline's network.
    counts : sequence of int
        Numbers of training phantoms of the learning curve, below that of the baseline, which uses all.
    diversity_count : int
        Number of phantoms of the arms that are trained on one family alone.

    Returns
    -------
    dict of str -> Arm
    """
    plain = {"optimiser": "adamw", "learning_rate": 3e-3}
    published = {"cell": 1, "normalisation": "global", "patch": 30, "zoom": 1.0, "loss": "squared"} | plain
    half, double = (tuple(int(width * factor) for width in widths) for factor in (0.5, 2))
    table = {
        "baseline": Arm("full recipe", "baseline"),
        "published": Arm(
            "published recipe", "recipe", published | {"background_rms": 0.0}, stride=PUBLISHED_STRIDE
        ),
        "patch_32": Arm("patches of 32 pixels", "recipe", {"patch": 32}),
        "patch_96": Arm("patches of 96 pixels", "recipe", {"patch": 96}),
        "half_width": Arm("half the channels", "recipe", {"widths": half}),
        "double_width": Arm("twice the channels", "recipe", {"widths": double}),
        "single_pixels": Arm("pixels instead of 2 x 2 cells", "recipe", {"cell": 1}),
        "squared_loss": Arm("squared loss", "recipe", {"loss": "squared"}),
        "adamw": Arm("AdamW instead of Muon", "recipe", plain),
        "global_normalisation": Arm("one gain per patch", "recipe", {"normalisation": "global"}),
        "no_zoom": Arm("fixed units (no zoom)", "recipe", {"zoom": 1.0}),
        "no_background": Arm("no background motion", "recipe", {"background_rms": 0.0}),
        "no_noise": Arm("no noise", "recipe", {"noise_rms": 0.0}),
        "antiplane_only": Arm("antiplane waves only", "recipe", physics="antiplane"),
    }
    table |= {f"phantoms_{n}": Arm(f"{n} phantoms", "phantoms", phantoms=n) for n in counts}
    for family in ("homogeneous", "heterogeneous", "liver", "graded"):
        table[f"only_{family}"] = Arm(f"{family} only", "diversity", family=family, phantoms=diversity_count)
    return table


def pool(datasets):
    """Collect all training images, with the family and physics of each.

    Parameters
    ----------
    datasets : sequence of xarray.Dataset
        From `datasets.load`.

    Returns
    -------
    images : (phantom, 4, y, x) float32 tensor
        From `training.training_images`.
    table : pandas.DataFrame
        family, physics; one row per image.
    """
    rows = []
    for data in datasets:
        physics = json.loads(data.attrs["recipe"])["physics"]
        families = [json.loads(str(label))["family"] for label in data["label"].values]
        rows += [{"family": family, "physics": physics} for family in families]
    return torch.cat([training.training_images(data) for data in datasets]), pd.DataFrame(rows)


def choose(table, arm, seed=0):
    """Rows of the pool that an arm is trained on; a smaller selection is a subset of a larger one.

    Raises
    ------
    ValueError
        The pool holds no phantom of that family and physics.
    """
    order = np.random.default_rng(seed).permutation(len(table))
    suits = np.ones(len(table), bool)
    for name in ("family", "physics"):
        if getattr(arm, name):
            suits &= (table[name] == getattr(arm, name)).values
    rows = [int(row) for row in order if suits[row]]
    if not rows:
        raise ValueError(f"{arm.title}: the training sets hold no such phantom")
    return sorted(rows[: arm.phantoms] if arm.phantoms else rows)


def run(arm_table, baseline, steps, seeds, images, table, waves, views=1, workers=2):
    """Train and score every arm, `workers` at a time, each on one processor thread.

    Parameters
    ----------
    arm_table : dict of str -> Arm
    baseline : training.Schedule
    steps : int
        Training steps of the baseline; they set the budget of all arms.
    seeds : sequence of int
        Seeds of weights and patches, the same for every arm.
    images, table : from `pool`
    waves : xarray.Dataset
        Test data, see `budget.score`.
    views, workers : int
        Views of `prediction.predict`; number of processes.

    Returns
    -------
    list of dict
        arm, seed, schedule, phantoms, parameters, scores (from `budget.score`), train_s, score_s; in the
        order of `arm_table`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, images.numpy())  # all processes map it: the images are in memory once
        jobs = []
        for name, arm in arm_table.items():
            rows, schedule = choose(table, arm), budget.on_budget(baseline, arm.change, steps)
            jobs += [(name, arm, replace(schedule, seed=seed), rows) for seed in seeds]
        tasks = [partial(_train_and_score, path, waves, views, *job) for job in jobs]
        return run_all(tasks, workers, "networks")


def _train_and_score(path, waves, views, name, arm, schedule, rows):
    images = torch.from_numpy(np.load(path, mmap_mode="c"))
    begin = time.perf_counter()
    network = budget.fit(images if len(rows) == len(images) else images[rows], schedule)
    trained = time.perf_counter()
    scores = budget.score(network, waves, schedule.patch, arm.stride, views, schedule.loss == "laplace")
    return {
        "arm": name,
        "seed": schedule.seed,
        "schedule": schedule,
        "phantoms": len(rows),
        "parameters": sum(p.numel() for p in network.parameters()),
        "scores": scores,
        "train_s": trained - begin,
        "score_s": time.perf_counter() - trained,
    }


def over_seeds(values):
    """Mean over seeds and its 95 % interval by Student's t: mean, low, high, n; none below three seeds."""
    values = np.asarray(values, float)
    found = {"mean": float(values.mean()), "low": None, "high": None, "n": int(values.size)}
    if values.size >= 3 and np.ptp(values) > 0:
        low, high = stats.t.interval(
            statistics.CONFIDENCE_LEVEL, values.size - 1, values.mean(), stats.sem(values)
        )
        found |= {"low": float(low), "high": float(high)}
    return found


def verdict(change):
    """Whether an arm is "worse" or "better" than the reference by the interval over seeds, or "undecided"."""
    return {1: "worse", -1: "better"}.get(statistics.side(change), "undecided")


def summarise(runs, reference="baseline"):
    """Figures of merit of every arm, and their difference from the reference on the same slices.

    Slices have equal weight. An arm's seeds are averaged slice by slice first; r is that of its first seed.

    Returns
    -------
    dict of str -> dict
        mape, nll: `statistics.bootstrap_mean` over slices; pixel_r: r, low, high and n of `errors.pooled`;
        seed_mape: list, one per seed; seed_changes: its difference from the reference, seed by seed, and
        seed_change: mean and interval of these (`over_seeds`); steps, patches, parameters, phantoms,
        multiply_adds_per_pixel.
    """
    found = {}
    for run in runs:
        found.setdefault(run["arm"], []).append(run)

    def by_slice(name, column):
        return np.mean([run["scores"][column] for run in found[name]], axis=0)

    summary = {}
    for name, same in found.items():
        schedule = same[0]["schedule"]
        of_seeds, of_reference = (
            np.array([run["scores"]["mape"].mean() for run in found[one]]) for one in (name, reference)
        )
        changes = of_seeds - of_reference
        pooled = errors.pooled(same[0]["scores"], seed=0)["r"]
        summary[name] = {
            "mape": statistics.bootstrap_mean(by_slice(name, "mape")),
            "seed_changes": changes.tolist(),
            "seed_change": over_seeds(changes),
            "nll": statistics.bootstrap_mean(by_slice(name, "nll")),
            "pixel_r": {"r": pooled["value"]} | {key: pooled[key] for key in ("low", "high", "n")},
            "seed_mape": of_seeds.tolist(),
            "steps": schedule.patches_per_epoch // schedule.batch,
            "patches": schedule.patches_per_epoch,
            "parameters": same[0]["parameters"],
            "phantoms": same[0]["phantoms"],
            "multiply_adds_per_pixel": budget.multiply_adds(schedule) / schedule.patch**2,
        }
    return summary
