"""Five methods on the same subjects under one condition: estimates, scores, and paired tests.

    signal             complex images; the signals of tissues add; convex (`dime.brain.convex`)
    signal-magnitude   the same of magnitudes (`dime.brain.magnitude`)
    property           magnitudes; properties mix; Adam from the others' mean map (`dime.brain.adam`)
    unet               magnitudes; learnt from other brains of the same condition (`dime.brain.unet`)
    bcefcm             magnitudes; clustering, without training (`dime.brain.clustering`)

No method is told where the brain is. The unit of every interval and test is the subject.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from dime.brain import adam, clustering, conditions, convex, magnitude, unet, unet_training
from dime.brain.conditions import Measured
from dime.brain.scanner import Fields
from dime.brain.scores import scores
from dime.brain.sequences import COMBINATIONS, Train
from dime.metrics.statistics import bootstrap_mean, paired_tests
from dime.processes import run_all

METHODS = ("signal", "signal-magnitude", "property", "unet", "bcefcm")

CHUNK = 5
"""Subjects that one task of a worker measures or estimates."""


class Plan(NamedTuple):
    """What is compared.

    combinations : dict of method -> names of `COMBINATIONS`
    schedule : `dime.brain.unet_training.Schedule` of the U-Nets
    steps : of Adam
    folder : path
        U-Nets are kept in folder/<combination>.
    """

    combinations: dict
    schedule: unet_training.Schedule
    steps: int
    folder: str | Path


class Data(NamedTuple):
    """Subjects that are scored, and other brains that methods learn from: `Measured`, never the same seeds.

    training is for the U-Nets, development for the settings of BCEFCM.
    """

    scored: Measured
    training: Measured
    development: Measured


def gather(scored, training, development, condition, workers=1, labels=None):
    """Measure all subjects of a comparison.

    Parameters
    ----------
    scored, training, development : sequences of int
        Seeds; a seed occurs once.
    condition : dime.brain.conditions.Condition
    workers : int
        Processes, with one thread each.
    labels : (subject, n, n) array, optional
        Brains that are scored, one for each seed, in place of deformed templates.

    Returns
    -------
    Data

    Raises
    ------
    ValueError
        A seed is used twice.
    """
    seeds = [*scored, *training, *development]
    if len(set(seeds)) < len(seeds):
        raise ValueError(
            "seeds: expected other brains for training, development and scores, found shared ones"
        )
    learnt = conditions.for_training(condition)
    tasks = []
    for series, one in ((scored, condition), (training, learnt), (development, condition)):
        for first in range(0, len(series), CHUNK):
            known = labels[first : first + CHUNK] if labels is not None and series is scored else None
            tasks.append((list(series[first : first + CHUNK]), one, known))
    parts = iter(run_all([partial(_measured, *task) for task in tasks], workers, "images"))
    return Data(
        *(
            _joined([next(parts) for _ in range(0, len(one), CHUNK)])
            for one in (scored, training, development)
        )
    )


def estimates(data, plan, workers=1):
    """Fractions that every method finds, with every combination that the plan asks it for.

    Parameters
    ----------
    data : Data
    plan : Plan
    workers : int
        Processes, with one thread each.

    Returns
    -------
    dict
        (method, combination) -> (subject, tissue, y, x) float32 array.

    Raises
    ------
    ValueError
        An unknown method or combination.
    """
    for method, names in plan.combinations.items():
        if method not in METHODS or not set(names) <= set(COMBINATIONS):
            raise ValueError(
                f"combinations: expected {METHODS} and {tuple(COMBINATIONS)}, found {method}: {names}"
            )
    tasks = [
        task
        for method in sorted(plan.combinations, key=("unet", "property").count, reverse=True)
        for name in sorted(plan.combinations[method], key=lambda one: -len(COMBINATIONS[one]))
        for task in _tasks(method, name, data, plan)
    ]
    found = {}
    estimated = run_all([partial(_estimated, *task) for task in tasks], workers, "maps")
    for (method, name, *_), part in zip(tasks, estimated, strict=True):
        found.setdefault((method, name), []).append(part)
    return {key: np.concatenate(parts) for key, parts in found.items()}


def table(found, truth):
    """Scores of all estimates: DataFrame of subject, method, combination, tissue, dice, psnr_db, ssim."""
    rows = [
        {"subject": subject, "method": method, "combination": name} | row
        for (method, name), maps in found.items()
        for subject, (one, known) in enumerate(zip(maps, truth, strict=True))
        for row in scores(one, known)
    ]
    return pd.DataFrame(rows)


def means(scored, score):
    """Mean score over subjects, with interval: method -> combination -> tissue -> `bootstrap_mean`."""
    found = {}
    for (method, name, tissue), rows in scored.groupby(["method", "combination", "tissue"], sort=False):
        of = found.setdefault(method, {}).setdefault(name, {})
        of[tissue] = bootstrap_mean(rows[score].to_numpy())
    return found


def tests(scored, score, combination, reference="signal"):
    """Paired tests of all methods against one, by tissue: tissue -> method -> `paired_tests`.

    Holm's correction is over the methods of a tissue. Methods without this combination are left out.
    """
    here = scored[scored["combination"] == combination]
    found = {}
    for tissue, rows in here.groupby("tissue", sort=False):
        wide = rows.pivot(index="subject", columns="method", values=score)
        found[tissue] = paired_tests({name: wide[name].to_numpy() for name in wide}, reference)
    return found


def _measured(seeds, condition, labels):
    """Arrays of images, B1, B0 and truth; tensors would be shared with a process that has ended."""
    if labels is None:
        found = conditions.draw(seeds, condition)
    else:
        found = conditions.measure(labels, condition, [(seed, 1) for seed in seeds])
    return [part.numpy() for part in (found.images, *found.fields, found.truth)]


def _joined(parts):
    images, b1, b0_hz, truth = (torch.from_numpy(np.concatenate(one)) for one in zip(*parts, strict=True))
    return Measured(images, Fields(b1, b0_hz), truth)


def _tasks(method, name, data, plan):
    """Tasks (method, combination, images, B1, B0, what else the method needs) as arrays."""
    images = data.scored.of(name)
    if method == "unet":
        more = data.training.of(name).abs().numpy(), data.training.truth.numpy(), plan.schedule
        more = *more, Path(plan.folder) / name.replace(" ", "").replace("*", "-star").lstrip("+").lower()
    elif method == "bcefcm":
        more = data.development.of(name).abs().numpy(), data.development.truth.numpy()
    else:
        more = ()
    size = len(images) if method in ("unet", "bcefcm") else CHUNK
    for first in range(0, len(images), size):
        part = slice(first, first + size)
        if method == "property":
            more = _others(data.scored.truth)[part].numpy(), plan.steps
        fields = (one[part].numpy() for one in data.scored.fields)
        yield method, name, images[part].numpy(), *fields, more


def _others(truth):
    """Mean map of all other subjects, for each subject.

    Raises
    ------
    ValueError
        There is one subject.
    """
    if len(truth) < 2:
        raise ValueError("subjects: expected two or more, since Adam begins at the mean map of the others")
    return (truth.sum(0) - truth) / (len(truth) - 1)


def _estimated(method, name, images, b1, b0_hz, more):
    images, fields = torch.from_numpy(images), Fields(torch.from_numpy(b1), torch.from_numpy(b0_hz))
    return np.asarray(ESTIMATES[method](images, COMBINATIONS[name], Train(), fields, *more), dtype=np.float32)


def _signal(images, contrasts, train, fields):
    each = zip(images, *fields, strict=True)
    return torch.stack(
        [convex.estimate(image, contrasts, train, Fields(*own)).fractions for image, *own in each]
    )


def _signal_magnitude(images, contrasts, train, fields):
    each = zip(images.abs(), *fields, strict=True)
    return torch.stack(
        [magnitude.estimate(image, contrasts, train, Fields(*own)).fractions for image, *own in each]
    )


def _property(images, contrasts, train, fields, start, steps):
    """Adam on the columns that some start reaches; the others stay 0, as their start is."""
    start = torch.from_numpy(start)
    columns = start.amax((0, 1, 2)) > 0
    inside = Fields(*(one[..., columns] for one in fields))
    found = torch.zeros_like(start)
    found[..., columns] = adam.estimate(
        images.abs()[..., columns], start[..., columns], contrasts, train, inside, steps=steps
    ).fractions
    return found


def _unet(images, contrasts, train, fields, training, truth, schedule, folder):
    reference = conditions.reference(train)
    slices = torch.from_numpy(training) / reference
    network = unet_training.train(slices, torch.from_numpy(truth), schedule, folder, report=_silent)
    return unet.estimate(network, images.abs(), reference)


def _bcefcm(images, contrasts, train, fields, development, truth):
    settings = clustering.choose(development, truth, contrasts, train)
    return np.stack([clustering.estimate(one, contrasts, train, settings) for one in images.abs().numpy()])


ESTIMATES = {
    "signal": _signal,
    "signal-magnitude": _signal_magnitude,
    "property": _property,
    "unet": _unet,
    "bcefcm": _bcefcm,
}


def _silent(line):
    """Report no epoch: what several processes print at once has no order."""
