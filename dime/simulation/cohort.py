"""Simulate subjects of several slices: what the slices of a subject share, and what changes between visits.

subject -> slices -> wave by finite elements -> phase images -> unwrapped -> first harmonic
"""

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from dime.mri import elastography, noise
from dime.phantoms import families
from dime.phantoms.distributions import DISTRIBUTIONS, STAGES
from dime.phantoms.phantom import render, vessel_share
from dime.phantoms.tissue import Tubes
from dime.physics import axis_m
from dime.simulation import shaking

SHARED = ("width_m", "height_m", "left_lobe", "angle", "loss_tangent", "patch_length_m", "texture")
"""Properties that all slices of a subject share, besides the stiffness of the parenchyma.

Assumption: patchiness and nodularity, which follow the stage, differ from slice to slice.
"""

LEVELS = ("middle", "low", "dome", "middle")
"""Level in the liver of each slice in turn."""

EXCLUDED = {"lesion_count": 0, "gall_bladder": False}
"""Features that no subject has. Assumption: diffuse disease alone, as in studies of staging, which exclude
subjects with focal masses; a segmentation of the liver excludes the gall bladder."""

SHIFT_M = 5e-3
"""Largest shift of a subject on the image grid from its centre, along each axis, at a visit [m].

Assumption: repositioning by a few pixels.
"""


@dataclass(frozen=True)
class Protocol:
    """Settings of the examination, the same for every subject.

    slices : number per subject; frequency_hz, spacing_m, field_of_view_m : vibration, pixel, image's side.
    snr : SNR of the magnitude; background_motion : its largest rms, relative to that of the wave.
    offsets : number of phase offsets; acquired : lines and columns of k-space.
    """

    slices: int = 4
    snr: float = 20.0
    background_motion: float = 1.0
    offsets: int = 8
    acquired: int = 80
    frequency_hz: float = 60.0
    spacing_m: float = 1.5e-3
    field_of_view_m: float = 0.24

    def __post_init__(self):
        if self.slices < 1:
            raise ValueError(f"slices: expected at least 1, found {self.slices}")


def draw_subject(seed, subject, stage):
    """Draw the properties that a subject has in all slices and at all visits.

    Returns
    -------
    dict
        `stiffness_pa` of the parenchyma [Pa], and overrides of `families.draw` by name.

    Raises
    ------
    ValueError
        Unknown stage.
    """
    if stage not in STAGES:
        raise ValueError(f"stage: expected one of {', '.join(STAGES)}, found {stage!r}")
    rng = np.random.default_rng([seed, subject, 0])
    shared = {"stiffness_pa": STAGES[stage][0].draw(rng)}
    return shared | {name: DISTRIBUTIONS["liver"][name].draw(rng) for name in SHARED}


def draw_slice(seed, subject, stage, index):
    """Draw a slice of a subject: a liver of its own outline, vessels and texture, at the subject's stiffness.

    The parenchyma takes the subject's stiffness, while vessels keep theirs:
    |G*| <- |G*| (subject / drawn)^(1 - w), with w the share of vessel.

    Returns
    -------
    phantom.Phantom
    """
    shared = draw_subject(seed, subject, stage)
    base = shared.pop("stiffness_pa")
    overrides = shared | EXCLUDED | {"stage": stage, "level": LEVELS[index % len(LEVELS)]}
    drawn = families.draw("liver", np.random.default_rng([seed, subject, 1, index]), **overrides)
    tree = drawn.labels["vessels"]
    vessels = Tubes(np.array(tree["segments"]), tree["edge_m"])
    ratio = base / drawn.labels["stiffness_pa"]

    def stiffness(x, y):
        return drawn.stiffness(x, y) * ratio ** (1 - vessels(x, y))

    return replace(drawn, stiffness=stiffness, labels=drawn.labels | {"stiffness_pa": base})


def examine(protocol, seed, subject, stage, visit=0):
    """Simulate tissue and motion of every slice at one visit, before the scanner records anything.

    Drive and position on the grid change with the visit and are the same in all its slices; background motion
    differs from slice to slice. The tissue depends on the subject alone and is the same at all visits.

    Parameters
    ----------
    protocol : Protocol
    seed, subject, visit : int
    stage : one of F0 to F4

    Returns
    -------
    xarray.Dataset on (slice, y, x)
        `displacement` complex [m], `stiffness` [Pa], `vessels` (share of the pixel), `mask`; attrs spacing_m,
        frequency_hz, stage, subject, visit, and stiffness_pa, the parenchyma's.
    """
    visiting = np.random.default_rng([seed, subject, 2, visit])
    shift = visiting.uniform(-SHIFT_M, SHIFT_M, 2)
    drivers, boundary = shaking.draw_drive(visiting)
    axis = axis_m(round(protocol.field_of_view_m / protocol.spacing_m), protocol.spacing_m)
    x, y = axis + shift[0], axis + shift[1]
    slices = []
    for index in range(protocol.slices):
        phantom = draw_slice(seed, subject, stage, index)
        maps = render(phantom, x, y)
        shaken = shaking.shake(phantom, drivers, boundary, x, y, protocol.frequency_hz)
        mask = maps["mask"].values & shaken.mask
        displacement = np.where(mask, shaken.wave, 0)
        motion = np.random.default_rng([seed, subject, 3, visit, index])
        displacement = displacement + noise.background_motion(
            displacement, mask, protocol.spacing_m, motion, protocol.background_motion
        )
        slices.append(
            {
                "displacement": np.where(mask, displacement, 0),
                "stiffness": np.where(mask, maps["stiffness"].values, 0),
                "vessels": np.where(mask, vessel_share(phantom, x, y), 0),
                "mask": mask,
            }
        )
    stacked = {name: (("slice", "y", "x"), np.stack([one[name] for one in slices])) for name in slices[0]}
    attrs = {"spacing_m": protocol.spacing_m, "frequency_hz": protocol.frequency_hz, "stage": stage}
    attrs |= {
        "seed": seed,
        "subject": subject,
        "visit": visit,
        "stiffness_pa": phantom.labels["stiffness_pa"],
    }
    return xr.Dataset(stacked, {"y": axis, "x": axis}, attrs)


def record(examined, protocol):
    """Record an examination as a scanner does: wrapped phase and magnitude of every slice and offset.

    Returns
    -------
    xarray.Dataset
        The examination with `phase` [rad] and `magnitude`, (slice, offset, y, x).
    """
    images = {"phase": [], "magnitude": []}
    of_visit = [examined.attrs[name] for name in ("seed", "subject", "visit")]
    for index in range(examined.sizes["slice"]):
        # Another signal-to-noise ratio is another scan: its noise is not the same noise made smaller.
        rng = np.random.default_rng([*of_visit, 4, index, round(1e3 * protocol.snr)])
        one = examined.isel(slice=index)
        mask = one["mask"].values
        scan = elastography.acquire(
            one["displacement"].values,
            mask,
            protocol.spacing_m,
            rng,
            offsets=protocol.offsets,
            snr=protocol.snr,
            acquired_shape=(protocol.acquired,) * 2,
            magnitude=elastography.tissue_magnitude(mask, protocol.spacing_m, rng, one["vessels"].values),
        )
        for name, stack in images.items():
            stack.append(scan[name].values)
    dims = ("slice", "offset", "y", "x")
    return examined.assign({name: (dims, np.stack(stack)) for name, stack in images.items()})


def first_harmonic(recorded):
    """Add the first harmonic of the unwrapped phase, `wave` [rad], and `turns`, both (slice, y, x).

    `turns` is the range of the unwrapped phase over the offsets [cycles]; above 1 it must have wrapped.
    """
    waves, turns = [], []
    for phase, mask in zip(recorded["phase"].values, recorded["mask"].values, strict=True):
        unwrapped = elastography.unwrap(phase, mask)
        waves.append(np.where(mask, elastography.first_harmonic(unwrapped), 0))
        turns.append(np.where(mask, np.ptp(unwrapped, axis=0), 0) / (2 * np.pi))
    dims = ("slice", "y", "x")
    return recorded.assign(wave=(dims, np.stack(waves)), turns=(dims, np.stack(turns)))
