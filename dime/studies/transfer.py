"""Test networks trained under one set of finite-element parameters on waves of another.

All conditions drive the same phantoms in the same places and differ only in the parameter that they name.
Waves are sampled at the working pixel (f dx is the same), so that the voxel size has no effect.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
import xarray as xr

from dime.inversion.methods import invert
from dime.metrics import statistics
from dime.metrics.errors import slice_table
from dime.mri.noise import add_noise
from dime.network import training
from dime.phantoms.families import draw
from dime.physics import WORKING_PIXEL_M_PER_S, axis_m
from dime.processes import run_all
from dime.simulation import examination, shaking
from dime.studies import budget

PIXELS = 214
"""Pixels per side of the images: 0.24 m at 80 Hz, more at lower frequencies."""


@dataclass(frozen=True)
class Condition:
    """One set of finite-element parameters; the others are as `examination` draws them.

    title : name in tables and figures
    family : family of the phantoms; empty for `examination.MIXED_FAMILIES` in turn
    loss_tangent : uniform loss tangent; None for the phantom's own
    boundary : "free" or "impedance" where no driver acts; empty for a random choice
    physics, frequency_hz, rheology, elements_per_wavelength : arguments of `forward.solve`
    """

    title: str
    family: str = ""
    loss_tangent: float | None = None
    boundary: str = ""
    physics: str = "antiplane"
    frequency_hz: float = 60.0
    rheology: str = "hysteretic"
    elements_per_wavelength: float | None = None


CONDITIONS = {
    "antiplane": Condition("antiplane, 60 Hz"),
    "inplane": Condition("in-plane", physics="inplane"),
    "low_loss": Condition("loss tangent 0.05", loss_tangent=0.05),
    "high_loss": Condition("loss tangent 0.5", loss_tangent=0.5),
    "low_frequency": Condition("40 Hz", frequency_hz=40.0),
    "high_frequency": Condition("80 Hz", frequency_hz=80.0),
    "free": Condition("free boundary", boundary="free"),
    "impedance": Condition("absorbing boundary", boundary="impedance"),
    "coarse_mesh": Condition("4 elements per wavelength", elements_per_wavelength=4.0),
}
"""Conditions of training and of testing. Assumption: loss tangents of 0.05 and 0.5 are the extremes observed
in livers; four elements per wavelength is the coarsest mesh that `forward.solve` accepts."""

TEST_CONDITIONS = CONDITIONS | {
    "oblique": Condition("uneven through the slice", physics="oblique"),
    "kelvin_voigt": Condition("Kelvin-Voigt, 80 Hz", frequency_hz=80.0, rheology="kelvin_voigt"),
    "kidney": Condition("kidney, antiplane", family="kidney"),
    "kidney_slab": Condition("kidney, 3D slab", family="kidney", physics="3d"),
}
"""Conditions of testing. At one frequency a rheology is only a modulus: Kelvin-Voigt tissue with the others'
modulus at 60 Hz has a third more loss at 80 Hz, and is stiffer. The slab is `shaking.SLAB`."""

TEACHERS = {name: (name,) for name in CONDITIONS} | {
    "antiplane_again": ("antiplane",),
    "antiplane_inplane": ("antiplane", "inplane"),
    "all": tuple(CONDITIONS),
}
"""Training conditions of each network; all networks have as many phantoms, divided among their conditions.
"antiplane_again" differs from "antiplane" in initial weights and patches only, that is by chance."""


def simulate_case(condition, seed, index, snr=np.inf):
    """Simulate phantom `index` of a seed and its wave under a condition.

    Phantom and drive follow from (seed, index) alone, whatever the condition.

    Parameters
    ----------
    condition : Condition
    seed, index : int
    snr : float
        Rms of the wave without its mean, over the noise per channel: nearly incompressible tissue that is
        driven in the plane also moves as a whole, and this motion carries no information.

    Returns
    -------
    dict of (y, x) arrays
        wave complex64 [m], stiffness float32 |G*| at the condition's frequency [Pa], mask bool.
    """
    seeds = np.random.SeedSequence([seed, index]).spawn(4)
    tissue, drive, noise, through = (np.random.default_rng(one) for one in seeds)
    family = condition.family or examination.MIXED_FAMILIES[index % len(examination.MIXED_FAMILIES)]
    phantom = draw(family, tissue)
    if condition.loss_tangent is not None:
        phantom = replace(phantom, loss_tangent=lambda x, y: np.full(np.shape(x), condition.loss_tangent))
    drivers, boundary = shaking.draw_drive(drive)
    axis = axis_m(PIXELS, WORKING_PIXEL_M_PER_S / condition.frequency_hz)
    numerics = {"rheology": condition.rheology}
    if condition.elements_per_wavelength is not None:
        numerics["elements_per_wavelength"] = condition.elements_per_wavelength
    shaken = shaking.shake(
        phantom,
        drivers,
        condition.boundary or boundary,
        axis,
        axis,
        condition.frequency_hz,
        physics=condition.physics,
        rng=through,
        **numerics,
    )
    wave, mask = shaken.wave, shaken.mask
    stiffness = np.abs(shaken.field.modulus(*np.meshgrid(axis, axis)))
    wave = np.where(mask, wave - wave[mask].mean(), 0)  # tissue that moves as a whole shows no wave
    if np.isfinite(snr):
        wave = add_noise(wave, mask, snr, noise)
    stiffness = np.where(mask, stiffness, 0).astype(np.float32)
    return {"wave": np.where(mask, wave, 0).astype(np.complex64), "stiffness": stiffness, "mask": mask}


def simulate_conditions(conditions, count, seed, workers, snr=np.inf):
    """Simulate the same phantoms under every condition.

    Parameters
    ----------
    conditions : dict of str -> Condition
    count : dict of str -> int
        Phantoms of each condition; 0 leaves a condition out.
    seed, workers : int
    snr : float

    Returns
    -------
    dict of str -> xarray.Dataset
        wave, stiffness [Pa], mask with dims (phantom, y, x); frequency_hz, spacing_m in attrs.
    """
    numbers = {name: range(count[name]) for name in conditions if count[name]}
    tasks = [
        partial(simulate_case, conditions[name], seed, index, snr)
        for name, indices in numbers.items()
        for index in indices
    ]
    done, datasets = iter(run_all(tasks, workers, "phantoms")), {}
    for name, indices in numbers.items():
        cases = [next(done) for _ in indices]
        stacked = {key: (("phantom", "y", "x"), np.stack([case[key] for case in cases])) for key in cases[0]}
        frequency_hz = conditions[name].frequency_hz
        attrs = {
            "frequency_hz": frequency_hz,
            "spacing_m": WORKING_PIXEL_M_PER_S / frequency_hz,
        }
        datasets[name] = xr.Dataset(stacked, attrs=attrs)
    return datasets


def lesson(teacher, images):
    """Training images of a network: as many phantoms as one condition has, taken from its conditions in turn.

    Each condition in turn gives one phantom of every family.

    Parameters
    ----------
    teacher : sequence of str
        Conditions that the network is trained on.
    images : dict of str -> (phantom, 4, y, x) tensor

    Returns
    -------
    (phantom, 4, y, x) tensor
    """
    families = len(examination.MIXED_FAMILIES)
    rows = range(len(images[teacher[0]]))
    return torch.stack([images[teacher[row // families % len(teacher)]][row] for row in rows])


def teach(teachers, datasets, schedule, tests, workers):
    """Train a network for each entry of `teachers` and score it on every test set.

    Parameters
    ----------
    teachers : dict of str -> sequence of str
        Name of a network -> conditions that it is trained on.
    datasets, tests : dict of str -> xarray.Dataset
        From `simulate_conditions`.
    schedule : training.Schedule
        Schedule of one epoch. Networks of equal conditions get consecutive seeds from schedule.seed on.
    workers : int
        Processes.

    Returns
    -------
    dict of str -> dict of str -> (case,) array
        Network -> test condition -> MAPE of each case [%].
    """
    images = {name: training.training_images(data) for name, data in datasets.items()}
    tasks, taught = [], []
    for teacher in teachers.values():
        own = replace(schedule, seed=schedule.seed + taught.count(teacher))
        tasks.append(partial(_network_errors, lesson(teacher, images).numpy(), own, tests))
        taught.append(teacher)
    return dict(zip(teachers, run_all(tasks, workers, "networks"), strict=True))


def apply(methods, tests, workers):
    """Score methods that are not trained here on every test set.

    Parameters
    ----------
    methods : dict of str -> (method, model)
        Name -> arguments of `methods.invert`.
    tests, workers : as in `teach`

    Returns
    -------
    dict of str -> dict of str -> (case,) array
        Method -> test condition -> MAPE of each case [%].
    """
    places = [(name, test) for name in methods for test in tests]
    tasks = [partial(_method_errors, tests[test], *methods[name]) for name, test in places]
    found = dict(zip(places, run_all(tasks, workers, "methods"), strict=True))
    return {name: {test: found[name, test] for test in tests} for name in methods}


def _network_errors(images, schedule, tests):
    network = budget.fit(torch.from_numpy(images), schedule)
    return {
        name: budget.score(network, waves, schedule.patch)["mape"].values for name, waves in tests.items()
    }


def _method_errors(waves, method, model):
    maps = invert(waves, method, model)["stiffness"].values
    return slice_table(maps, waves["stiffness"].values, waves["mask"].values)["mape"].values


def summarise(errors):
    """Mean errors of every network or method under every test condition, and against the matched network.

    Parameters
    ----------
    errors : dict of str -> dict of str -> (case,) array
        From `teach` and `apply`.

    Returns
    -------
    dict
        mape: row -> test -> `statistics.bootstrap_mean` [%]; mape_change: network -> test -> the same of the
        difference from the network trained on the tested condition, paired by case [percentage points],
        where there is one.
    """
    mape = {
        row: {test: statistics.bootstrap_mean(values) for test, values in tests.items()}
        for row, tests in errors.items()
    }
    change = {
        row: {
            test: statistics.bootstrap_mean(values - errors[test][test])
            for test, values in tests.items()
            if test in errors
        }
        for row, tests in errors.items()
    }
    return {"mape": mape, "mape_change": change}
