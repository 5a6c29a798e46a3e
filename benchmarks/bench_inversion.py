"""How long a map takes: every method against image size and cores, memory, patches slid, training.

Run by hand on a quiet machine, three minutes: `OMP_NUM_THREADS=1 python benchmarks/bench_inversion.py`, which
writes inversion.json beside this file (on a busy one OMP_WAIT_POLICY=PASSIVE keeps threads from waiting for
each other at full speed). Every measurement is taken in a process of its own, forked from one
that has imported everything and computed nothing; `cores` is what that process may use.
"""

import json
import os
import timeit
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from machine import machine
from torch.utils.flop_counter import FlopCounterMode

from dime.inversion.masked_wave import dissipation
from dime.inversion.methods import METHODS, PRETRAINED, load_method
from dime.learning import parallel
from dime.network import prediction, training, unet
from dime.network.unet import frozen
from dime.phantoms import families
from dime.phantoms.phantom import render
from dime.physics import axis_m

SPACING_M, FREQUENCY_HZ = 1.5e-3, 60.0
SIDES = (64, 128, 256, 512)
CORES = (1, 2)
RUNS = 3
SLICE_RUNS = {"liver": 15, "full": 5}
"""Of the ways to tile a slice, whose ratio is reported: of a liver the fastest takes ten milliseconds."""
NONLINEAR = {"sides": (64, 96, 128), "runs": 1}
"""The slow method: once, and not on large images."""


def apart(cores, function, *arguments):
    """The value of a call in a process of its own that may use so many cores."""
    with ProcessPoolExecutor(1, get_context("fork")) as pool:
        return pool.submit(_confined, cores, function, arguments).result()


def _confined(cores, function, arguments):
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    torch.set_num_threads(cores)
    return function(*arguments)


def median_seconds(call, runs=RUNS):
    """Median over the runs, after one to warm up where there is more than one."""
    if runs > 1:
        call()
    return float(np.median(timeit.repeat(call, number=1, repeat=runs)))


def memory_mb(field):
    """Resident memory of this process [MB]: `VmRSS` now, `VmHWM` at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1e3


def wave_in(mask, spacing_m, seed):
    """Plane waves from four sides in a mask, with noise: what the wave is does not change the time."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]] * spacing_m
    angles, phases = rng.uniform(0, 2 * np.pi, (2, 4))
    wave = sum(
        np.exp(1j * (210 * (x * np.cos(a) + y * np.sin(a)) + p)) for a, p in zip(angles, phases, strict=True)
    )
    noise = rng.normal(size=mask.shape) + 1j * rng.normal(size=mask.shape)
    return np.where(mask, wave + 0.05 * noise, 0)


def ellipse(side):
    """A slice whose tissue is an ellipse that fills it."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    return (x / 0.48) ** 2 + (y / 0.42) ** 2 < 1


def liver(side=256, spacing_m=1.40625e-3, seed=80):
    """The mask of a liver in the field of view of the measured slices."""
    axis = axis_m(side, spacing_m)
    phantom = families.draw("liver", np.random.default_rng(seed))
    return render(phantom, axis, axis)["mask"].values


def one_method(name, side, runs):
    """Seconds per slice, and peak memory beyond what the loaded program holds [MB]."""
    mask = ellipse(side)
    wave = wave_in(mask, SPACING_M, 81)
    before = memory_mb("VmRSS")
    invert = load_method(name).invert_slice
    place = wave, mask, SPACING_M, FREQUENCY_HZ
    seconds = median_seconds(lambda: (dissipation(*place), invert(*place)), runs)  # as `inversion` does
    return seconds, memory_mb("VmHWM") - before


def methods():
    """Every method at every size, by cores."""
    rows = []
    for name in METHODS:
        slow = name == "nonlinear"
        for side in NONLINEAR["sides"] if slow else SIDES:
            for cores in CORES[:1] if slow else CORES:
                seconds, memory = apart(cores, one_method, name, side, NONLINEAR["runs"] if slow else RUNS)
                rows.append(
                    {"method": name, "side": side, "cores": cores, "seconds": seconds, "memory_mb": memory}
                )
                print(rows[-1], flush=True)
    return rows


def one_slice(kind):
    """A 256 x 256 slice, mask to map: the network as it is used, and other ways to tile the slice."""
    masks = {"liver": (liver, 1.40625e-3), "full": (partial(ellipse, 256), SPACING_M)}
    draw, spacing_m = masks[kind]
    mask, runs = draw(), SLICE_RUNS[kind]
    waves = [wave_in(mask, spacing_m, 82 + number) for number in range(4)]
    network = frozen(unet.load_model(PRETRAINED)[0])  # as `inversion` has it
    invert = partial(prediction.predict, network, mask=mask, spacing_m=spacing_m, frequency_hz=FREQUENCY_HZ)

    def default(count):  # as `inversion` does: the sign of time, then all views
        taken = [dissipation(wave, mask, spacing_m, FREQUENCY_HZ) for wave in waves[:count]]
        return taken, [invert(wave) for wave in waves[:count]]

    seconds = {"default": median_seconds(lambda: default(1), runs)}
    ways = {
        "one_view": {"views": 1},
        "sliding": {"views": 1, "tile": 30, "stride": 3},
    }
    seconds |= {name: median_seconds(partial(invert, waves[0], **way), runs) for name, way in ways.items()}
    seconds["four_slices"] = median_seconds(lambda: default(len(waves)), runs)
    return {"tissue_pixels": int(mask.sum()), "views": prediction.VIEWS, "seconds": seconds}


def matrix_rate(device, dtype, size):
    """Rate of a matrix product [GFLOP/s], the best of ten."""
    factor = torch.randn(size, size, device=device, dtype=dtype)

    def call():
        product = factor @ factor
        return product[0, 0].item()

    return 2 * size**3 / min(median_seconds(call, 1) for _ in range(10)) / 1e9


def one_training(batches=12):
    """Patches per second of a training step with its augmentation, beside the rate of a matrix product."""
    schedule = training.Schedule()
    device = parallel.device()
    images = torch.randn(8, 4, 160, 160, device=device)
    images[:, 2] = 1
    model = unet.UNet(schedule.widths).to(device, memory_format=torch.channels_last)
    optimisers, cycles = training._optimisers(model, schedule, 10**6)
    generator = torch.Generator(device).manual_seed(84)

    def steps(count):
        training._epoch(model, optimisers, cycles, images, schedule, count, generator)

    with FlopCounterMode(display=False) as counter:
        steps(1)
    seconds = median_seconds(lambda: steps(batches))
    flop = counter.get_total_flops() / schedule.batch
    rate = batches * schedule.batch / seconds
    size = 8192 if device.type == "cuda" else 1024
    products = {
        str(t).removeprefix("torch."): matrix_rate(device, t, size) for t in (torch.bfloat16, torch.float32)
    }
    return {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "patches_per_s": rate,
        "gflop_per_patch": flop / 1e9,
        "gflop_per_s": rate * flop / 1e9,
        "matmul_gflop_per_s": products,
    }


def main():
    """Run all and write benchmarks/inversion.json."""
    load = os.getloadavg()[0]
    result = {
        "slice": {
            kind: {str(cores): apart(cores, one_slice, kind) for cores in CORES} for kind in SLICE_RUNS
        },
        "training": {str(cores): apart(cores, one_training) for cores in CORES},
        "methods": methods(),
        "machine": machine(load),
    }
    text = json.dumps(result, indent=1)
    Path(__file__).with_name("inversion.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
