"""Whether a network that learnt from one set of finite-element parameters holds on another.

Every condition shakes the same phantoms in the same places; only the parameter that it names differs. Waves
are sampled at the working pixel (f dx is the same), so that the voxel size plays no part.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

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
from dime.simulation import examination
from dime.studies import budget

PIXELS = 214
"""Per side of the images: 0.24 m at 80 Hz, more at lower frequencies."""


@dataclass(frozen=True)
class Condition:
    """One set of finite-element parameters; the others are as `examination` draws them.

    title : for people
    family : of the phantoms; empty for `examination.MIXED_FAMILIES` in turn
    loss_tangent : the same everywhere; None for the phantom's own
    boundary : "free" or "impedance" where no driver acts; empty to draw it
    physics, frequency_hz, rheology, elements_per_wavelength : of `forward.solve`
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
"""Conditions to learn from and to be tested on. Assumption: a loss tangent of 0.05 and of 0.5 are the ends of
what livers show; four elements per wavelength is the coarsest mesh that `forward.solve` takes."""

TEST_CONDITIONS = CONDITIONS | {
    "oblique": Condition("uneven through the slice", physics="oblique"),
    "kelvin_voigt": Condition("Kelvin-Voigt, 80 Hz", frequency_hz=80.0, rheology="kelvin_voigt"),
    "kidney": Condition("kidney, antiplane", family="kidney"),
    "kidney_slab": Condition("kidney, 3D slab", family="kidney", physics="3d"),
}
"""Conditions to be tested on. At one frequency a rheology is no more than a modulus: Kelvin-Voigt tissue, set
to the others' modulus at 60 Hz, is a third lossier at 80 Hz, and stiffer. The slab is `examination.SLAB`."""

TEACHERS = {name: (name,) for name in CONDITIONS} | {
    "antiplane_again": ("antiplane",),
    "antiplane_inplane": ("antiplane", "inplane"),
    "all": tuple(CONDITIONS),
}
"""What each network learns from: the same number of phantoms, divided among the conditions. The difference of
"antiplane_again", with other initial weights and patches, from "antiplane" is chance alone."""


def simulate_case(condition, seed, index, snr=np.inf):
    """Phantom `index` of a seed and its wave under a condition.

    Phantom and drive follow from (seed, index) alone, whatever the condition.

    Parameters
    ----------
    condition : Condition
    seed, index : int
    snr : float
        Rms of the wave, less its mean, over the noise per channel: nearly incompressible tissue that is
        pushed in the slice moves as a whole, too.

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
    drivers, boundary = examination.draw_drive(drive)
    axis = axis_m(PIXELS, WORKING_PIXEL_M_PER_S / condition.frequency_hz)
    numerics = {"rheology": condition.rheology}
    if condition.elements_per_wavelength is not None:
        numerics["elements_per_wavelength"] = condition.elements_per_wavelength
    shaken = examination.shake(
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


def simulate_conditions(conditions, count, seed, executor, snr=np.inf):
    """The same phantoms under every condition.

    Parameters
    ----------
    conditions : dict of str -> Condition
    count : dict of str -> int
        Phantoms of each; conditions without any are left out.
    seed : int
    executor : concurrent.futures.Executor
    snr : float

    Returns
    -------
    dict of str -> xarray.Dataset
        wave, stiffness [Pa], mask with dims (phantom, y, x); frequency_hz, spacing_m in attrs.
    """
    tasks = {
        name: [executor.submit(simulate_case, condition, seed, index, snr) for index in range(count[name])]
        for name, condition in conditions.items()
        if count[name]
    }
    datasets = {}
    for name, waiting in tasks.items():
        cases = [task.result() for task in waiting]
        stacked = {key: (("phantom", "y", "x"), np.stack([case[key] for case in cases])) for key in cases[0]}
        frequency_hz = conditions[name].frequency_hz
        attrs = {
            "frequency_hz": frequency_hz,
            "spacing_m": WORKING_PIXEL_M_PER_S / frequency_hz,
        }
        datasets[name] = xr.Dataset(stacked, attrs=attrs)
    return datasets


def lesson(teacher, images):
    """What a network learns from: as many phantoms as one condition has, dealt in turn to its conditions.

    Each condition gets one phantom of every family at a time.

    Parameters
    ----------
    teacher : sequence of str
        Conditions.
    images : dict of str -> (phantom, 4, y, x) tensor

    Returns
    -------
    (phantom, 4, y, x) tensor
    """
    families = len(examination.MIXED_FAMILIES)
    rows = range(len(images[teacher[0]]))
    return torch.stack([images[teacher[row // families % len(teacher)]][row] for row in rows])


def teach(teachers, datasets, schedule, tests, executor):
    """Train a network for each teacher and score it on every test set.

    Parameters
    ----------
    teachers : dict of str -> sequence of str
        Name of a network -> conditions that it learns from.
    datasets, tests : dict of str -> xarray.Dataset
        From `simulate_conditions`.
    schedule : training.Schedule
        Of one epoch. Networks of the same conditions get seeds of their own, schedule.seed and the next.
    executor : concurrent.futures.Executor

    Returns
    -------
    dict of str -> dict of str -> (case,) array
        Network -> test condition -> MAPE of each case [%].
    """
    images = {name: training.training_images(data) for name, data in datasets.items()}
    tasks, taught = {}, []
    for name, teacher in teachers.items():
        own = replace(schedule, seed=schedule.seed + taught.count(teacher))
        tasks[name] = executor.submit(_network_errors, lesson(teacher, images).numpy(), own, tests)
        taught.append(teacher)
    return {name: task.result() for name, task in tasks.items()}


def apply(methods, tests, executor):
    """Score methods that learn nothing here on every test set.

    Parameters
    ----------
    methods : dict of str -> (method, model)
        Name -> arguments of `methods.invert`.
    tests, executor : as in `teach`

    Returns
    -------
    dict of str -> dict of str -> (case,) array
        Method -> test condition -> MAPE of each case [%].
    """
    tasks = {
        (name, test): executor.submit(_method_errors, waves, *method)
        for name, method in methods.items()
        for test, waves in tests.items()
    }
    return {name: {test: tasks[name, test].result() for test in tests} for name in methods}


def pool(workers):
    """Processes that `simulate_conditions`, `teach` and `apply` share, one thread each."""
    return ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,))


def _network_errors(images, schedule, tests):
    network = budget.fit(torch.from_numpy(images), schedule)
    return {
        name: budget.score(network, waves, schedule.patch)["mape"].values for name, waves in tests.items()
    }


def _method_errors(waves, method, model):
    maps = invert(waves, method, model)["stiffness"].values
    return slice_table(maps, waves["stiffness"].values, waves["mask"].values)["mape"].values


def summarise(errors):
    """Means over cases of every row and test condition, with intervals, and against the matched network.

    Parameters
    ----------
    errors : dict of str -> dict of str -> (case,) array
        From `teach` and `apply`.

    Returns
    -------
    dict
        mape: row -> test -> `statistics.bootstrap_mean` [%]; mape_change: network -> test -> the same of the
        difference from the network that learnt from the tested condition, paired by case [points], where
        there is one.
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
