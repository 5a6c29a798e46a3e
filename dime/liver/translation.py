"""Translate the wave inside a liver into stiffness by a network: its data, its training, its maps.

"unet" and "resnet" learn from pairs of wave and stiffness, by the likelihood of log stiffness. "unet_cycle"
and "resnet_cycle" are CycleGAN hybrids that go on from them: besides the pairs, they learn from the cycles
wave -> stiffness -> wave and stiffness -> wave -> stiffness, and from two judges who tell translated images
from simulated ones. Waves and stiffness are in the scale-free form of `dime.network`.
"""

import json
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import xarray as xr
from scipy import ndimage

from dime.inversion.residual import wave_residual
from dime.learning import checkpoints, loop
from dime.learning.loop import REPORT, data_hash
from dime.liver.translation_tasks import NETWORKS, CycleTask, MapTask
from dime.metrics.errors import slice_table
from dime.metrics.roi import LEAST_AREA_M2
from dime.metrics.statistics import bootstrap_mean
from dime.mri import elastography
from dime.network import prediction
from dime.network.training import training_images
from dime.network.unet import UNet, frozen
from dime.physics import WORKING_PIXEL_M_PER_S
from dime.processes import run_all

KINDS = ("unet", "resnet", "unet_cycle", "resnet_cycle")
"""Ways to learn the translation; a name that ends with `CYCLE` goes on from the network before that."""

CYCLE = "_cycle"
"""Ending of a hybrid's name."""

NAMES = {"unet": "U-Net", "resnet": "ResNet", "unet_cycle": "U-Net, cycle", "resnet_cycle": "ResNet, cycle"}
"""Kind -> name in print."""

WIDTHS = {"unet": (32, 64, 128), "resnet": (32, 64)}
"""Channels on each level; weights take less than 3 MB.

Assumption: the residual blocks work on cells of 4 pixels. A ResNet has no path from the fine levels to its
output; with cells of 8 pixels its validation error was larger, even after twice as many passes.
"""

SIDE = 128
"""Smallest side of the images that patches are cut from [pixels]: 19 cm at 1.5 mm, most of a liver."""

CYCLE_RATE = 5e-5
"""Learning rate of a hybrid's forward network."""

IRON_PER_S = 101.0
"""R2* of the liver [1/s] above which no wave is recovered: exp(-TE R2*) is 0.13 at the echo time of 20 ms.

Assumption: such examinations are left out, as a gradient echo fails there and is repeated as a spin echo.
"""

CALIBRATION_PIXELS = 400
"""Pixels of each slice that the uncertainty is calibrated on; the smallest slice has 444."""


def liver_waves(dataset):
    """First harmonic of the phase inside the true liver of every slice of a simulated cohort.

    Parameters
    ----------
    dataset : xarray.Dataset
        `phase` (exam, slice, offset, y, x) [rad], `stiffness` [Pa] and `liver` (exam, slice, y, x); attrs
        spacing_m, frequency_hz; `label` (exam,), JSON with r2star_per_s.

    Returns
    -------
    xarray.Dataset
        `wave` complex [rad], `stiffness` [Pa], `mask`, dims (phantom, y, x), each liver in the middle of an
        image as large as the largest liver, `SIDE` at least; `exam` and `slice` (phantom,). Left out are
        slices with less than `LEAST_AREA_M2` of liver, examinations with more iron than `IRON_PER_S`, and
        pixels without tissue that the outline shares with the lung.

    Raises
    ------
    ValueError
        No slice has so much liver.
    """
    spacing_m = dataset.attrs["spacing_m"]
    livers = dataset["liver"].values & (dataset["stiffness"].values > 0)
    iron = np.array([json.loads(label)["r2star_per_s"] for label in dataset["label"].values]) > IRON_PER_S
    livers[iron] = False
    rows = [row for row in np.ndindex(livers.shape[:2]) if livers[row].sum() * spacing_m**2 >= LEAST_AREA_M2]
    if not rows:
        raise ValueError(f"liver: expected a slice with {1e4 * LEAST_AREA_M2:g} cm2, found none")
    boxes = [ndimage.find_objects(livers[row].astype(np.int8))[0] for row in rows]
    shape = [max(SIDE, *(side.stop - side.start for side in sides)) for sides in zip(*boxes, strict=True)]
    found = {"wave": [], "stiffness": [], "mask": []}
    for row, box in zip(rows, boxes, strict=True):
        mask = livers[row][box]
        phase = dataset["phase"].values[row][:, *box].astype(np.float32)
        wave = elastography.first_harmonic(elastography.unwrap(phase, mask))
        images = {"wave": wave, "stiffness": dataset["stiffness"].values[row][box], "mask": mask}
        for name, image in images.items():
            found[name].append(_centred(image * mask, shape))
    stacked = {name: (("phantom", "y", "x"), np.stack(images)) for name, images in found.items()}
    stacked |= {name: ("phantom", [row[axis] for row in rows]) for axis, name in enumerate(("exam", "slice"))}
    data = xr.Dataset(stacked, attrs={name: dataset.attrs[name] for name in ("spacing_m", "frequency_hz")})
    return data.assign(wave=data["wave"].astype(np.complex64))


def training_waves(dataset):
    """Tensor (row, 4, y, x) that patches are cut from, as `training_images`, of a simulated cohort."""
    return training_images(liver_waves(dataset))


def train_translator(kind, training, validation, schedule, folder, start=None, report=REPORT):
    """Train a network, calibrate its uncertainty and save it; a killed run goes on: `dime.learning.loop`.

    Parameters
    ----------
    kind : one of `KINDS`
    training, validation : xarray.Dataset
        From `liver_waves`.
    schedule : dime.network.training.Schedule
        Its widths are those of `WIDTHS`; a hybrid has optimisers and losses of its own.
    folder : path
        For weights, card and history; of a hybrid, only the forward network is kept.
    start : path
        Folder of the trained network that a hybrid goes on from.
    report : callable
        Called with one line per epoch.

    Returns
    -------
    list of dict
        The history: epoch, loss, validation_loss, validation_mape [%], learning_rate.

    Raises
    ------
    ValueError
        Unknown kind; a hybrid without a start, or with one of another network; as `loop.train`.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}")
    base, images = kind.removesuffix(CYCLE), [training_images(data) for data in (training, validation)]
    schedule = replace(schedule, widths=WIDTHS[base])
    first = card = None
    if kind.endswith(CYCLE):
        if start is None:
            raise ValueError(f"start: expected the folder of a {base} that {kind} goes on from, found none")
        first, card = load_translator(start)
        if card["kind"] != base:
            raise ValueError(f"start: expected the folder of a {base}, found {card['kind']}")
    task = (CycleTask if first else MapTask)(*images, schedule, first, base)
    model, history = loop.train(task, folder, report=report)
    network = model.generator if first else model
    best = min(history, key=lambda row: row["validation_loss"])
    written = {"kind": kind, "schedule": asdict(schedule), "training_sha256": data_hash(images[0])}
    written |= {"parameters": sum(p.numel() for p in network.parameters()), "started_from": card}
    written |= {name: best[name] for name in ("validation_loss", "validation_mape")}
    checkpoints.save_model(network, written | {"calibration": calibrate(network, validation)}, folder)
    return history


def train_side_by_side(jobs, workers):
    """Call `train_translator` for several networks at once, each in a process with one thread.

    Parameters
    ----------
    jobs : dict of str -> tuple
        Kind -> the other arguments of `train_translator`, without `report`.
    workers : int
        Processes.

    Returns
    -------
    dict of str -> list of dict
        Kind -> history.
    """
    tasks = [partial(train_translator, kind, *job, report=str) for kind, job in jobs.items()]
    return dict(zip(jobs, run_all(tasks, workers, "networks"), strict=True))


def load_translator(folder):
    """A trained network in evaluation mode, and its card; raises as `checkpoints.load_model`."""
    kind = checkpoints.read_card(folder).get("kind")
    if kind not in KINDS:
        raise ValueError(f"{folder}: expected the card of one of {', '.join(KINDS)}, found {kind!r}")
    return checkpoints.load_model(folder, NETWORKS[kind.removesuffix(CYCLE)])


def translator(folder):
    """Load a trained network as an inversion of one slice.

    Parameters
    ----------
    folder : path

    Returns
    -------
    callable
        (wave (y, x) complex, mask (y, x), spacing_m, frequency_hz) -> stiffness [Pa] and uncertainty, the
        Laplace scale of log stiffness, both (y, x) and 0 outside the mask.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_translator`.
    """
    network, card = load_translator(folder)
    network = frozen(network) if isinstance(network, UNet) else network
    return partial(_predict, network, calibration=tuple(card["calibration"]))


def calibrate(network, waves):
    """Factor and power of the uncertainty on the slices of `liver_waves`: `prediction.fit_calibration`."""
    errors, scales = [], []
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    for row in range(waves.sizes["phantom"]):
        one = waves.isel(phantom=row)
        mask = one["mask"].values
        stiffness, b = _predict(network, one["wave"].values, mask, *scale)
        chosen = np.random.default_rng(row).choice(np.count_nonzero(mask), CALIBRATION_PIXELS, replace=False)
        errors.append(np.abs(np.log(stiffness[mask] / one["stiffness"].values[mask]))[chosen])
        scales.append(b[mask][chosen])
    return prediction.fit_calibration(np.array(errors), np.array(scales))


def map_slices(invert, waves):
    """Maps (phantom, y, x) [Pa] of the slices of `liver_waves` by a translator or another inversion."""
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    slices = zip(waves["wave"].values, waves["mask"].values, strict=True)
    return np.stack([invert(wave, mask, *scale)[0] for wave, mask in slices]).astype(np.float32)


def residuals(maps, waves):
    """What maps leave unexplained of the wave, slice by slice: `dime.inversion.residual.wave_residual`.

    Parameters
    ----------
    maps : (phantom, y, x) array [Pa]
    waves : xarray.Dataset
        From `liver_waves`.

    Returns
    -------
    residual : (phantom, y, x) array
        |measured - computed| over the measured wave's rms.
    relative_rms : (phantom,) array
    """
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    slices = zip(maps, waves["wave"].values, waves["mask"].values, strict=True)
    found = [wave_residual(stiffness, None, *one, *scale) for stiffness, *one in slices]
    return np.stack([one.residual for one in found]), np.array([one.relative_rms for one in found])


def errors_by_exam(maps, waves):
    """Errors of maps (phantom, y, x) [Pa] over the whole livers of `liver_waves`; interval over exams.

    Returns
    -------
    dict
        mape and bias by pixel [%], mean_error of a slice's mean [%, absolute]: `statistics.bootstrap_mean`.
    """
    table = slice_table(maps, waves["stiffness"].values, waves["mask"].values)
    table["mean_error"] = 100 * (table["mean"] / table["truth_mean"] - 1).abs()
    exams = table.groupby(waves["exam"].values)[["mape", "bias", "mean_error"]].mean()
    return {name: bootstrap_mean(exams[name]) for name in exams}


def _predict(network, *place, calibration=(1.0, 1.0)):
    """One view on the training's pixel: the network knows only livers that fit a patch."""
    return prediction.predict(
        network, *place, calibration=calibration, views=1, pixel_m_per_s=WORKING_PIXEL_M_PER_S
    )


def _centred(image, shape):
    """An image (y, x) in the middle of zeros."""
    margins = [side - own for side, own in zip(shape, image.shape, strict=True)]
    return np.pad(image, [(margin // 2, margin - margin // 2) for margin in margins])
