"""How long brain maps take: image and gradient, both estimates of a slice, tables of the simulators, a scan.

Run by hand on a quiet machine, two minutes: `python benchmarks/bench_brain.py`. It writes brain.json beside
this file. The slice is drawn at random: no time depends on the anatomy.
"""

import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from machine import machine

from dime.brain.convex import estimate
from dime.brain.render import property_image
from dime.brain.scanner import acquire, add_noise, b1_table, original_fields, reference_signal
from dime.brain.sequences import COMBINATIONS, Train
from dime.brain.tissues import mixed
from dime.brain.verification import seconds_of_gradient

SIDE, RUNS, ITERATIONS, SEED = 64, 3, 500, 3
TRAIN = Train(lines=SIDE)


def median_seconds(work):
    """Median over the runs, after one to warm up."""
    work()
    seconds = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds))


def drawn(side):
    """Fractions of tissue drawn at random in a disc, (tissue, y, x), and the scanner's fields."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    inside = np.hypot(y, x) < 0.4 * side
    fractions = np.random.default_rng(SEED).dirichlet((0.3, 0.3, 0.3), (side, side)) * inside[..., None]
    fractions = torch.tensor(np.moveaxis(fractions, -1, 0), dtype=torch.float32)
    return fractions, original_fields(fractions.sum(0))


def fit(contrasts, fractions, fields):
    """Seconds of a fit by Adam to magnitudes of mixed properties, and its loss over that of the start."""
    seen = property_image(mixed(fractions), contrasts, TRAIN, fields).abs()
    estimate = torch.full_like(fractions, 1 / 3).mul_(fractions.sum(0)).requires_grad_()
    optimiser = torch.optim.Adam([estimate], lr=0.01)
    losses = []
    begun = time.perf_counter()
    for _ in range(ITERATIONS):
        optimiser.zero_grad()
        loss = (property_image(mixed(estimate), contrasts, TRAIN, fields).abs() - seen).square().sum()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return time.perf_counter() - begun, losses[-1] / losses[0]


def solve(contrasts, fractions, fields):
    """Seconds of the convex estimate of a slice at SNR 100."""
    images = acquire(fractions, contrasts, TRAIN, fields=fields, simulator="epg")
    reference = reference_signal(contrasts, TRAIN)
    images = add_noise(images, 100, reference, np.random.default_rng(SEED))
    return median_seconds(lambda: estimate(images, contrasts, TRAIN, fields, mask=fractions.sum(0) > 0))


def main():
    """Run all and write benchmarks/brain.json."""
    load = os.getloadavg()[0]
    fractions, fields = drawn(SIDE)
    finer, finer_fields = drawn(4 * SIDE)
    *_, largest = COMBINATIONS.values()
    result = {}
    for threads in (1, os.cpu_count()):
        torch.set_num_threads(threads)
        each = {
            str(len(contrasts)): dict(zip(("image_s", "gradient_s"), times, strict=True))
            for contrasts in COMBINATIONS.values()
            if (times := seconds_of_gradient(fractions, contrasts, TRAIN, fields))
        }
        seconds, left = fit(largest, fractions, fields)
        result[f"threads_{threads}"] = {
            "by_contrasts": each,
            f"fit_{ITERATIONS}_iterations_24_contrasts_s": seconds,
            "loss_left": left,
        }
    torch.set_num_threads(1)
    for name in ("T1", "+ T2*"):
        count = len(COMBINATIONS[name])
        result[f"convex_{count}_contrasts_s"] = solve(COMBINATIONS[name], fractions, fields)
    for simulator in ("epg", "isochromat"):
        result[f"table_{simulator}_s"] = median_seconds(
            lambda name=simulator: b1_table(largest, TRAIN, simulator=name)
        )
    for simulator in ("closed", "epg", "isochromat"):
        for name, grid in ((f"{SIDE}", (fractions, fields)), (f"{4 * SIDE}", (finer, finer_fields))):
            result[f"scan_{simulator}_{name}_s"] = median_seconds(
                lambda one=simulator, grid=grid: acquire(
                    grid[0], largest, TRAIN, fields=grid[1], simulator=one
                )
            )
    result |= {"runs": RUNS, "machine": machine(load)}
    text = json.dumps(result, indent=1)
    Path(__file__).with_name("brain.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
