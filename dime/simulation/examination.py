"""Simulate one examination from a seed: the phantom, its drivers, its wave, and the scan of the wave."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from dime.mri import elastography
from dime.mri.kspace import sampled_noise
from dime.mri.noise import add_noise, background_motion
from dime.phantoms import families
from dime.phantoms.phantom import render, vessel_share
from dime.physics import axis_m
from dime.simulation import clinical
from dime.simulation.shaking import DRIVE_M, ENCODED, draw_drive, shake

MIXED_FAMILIES = ("homogeneous", "heterogeneous", "liver")
"""Families of phantoms that `family="mixed"` takes in turn."""


@dataclass(frozen=True)
class Recipe:
    """Parameters that determine a simulated dataset; equal recipes give equal bytes.

    family : a phantom family of `families.draw`, or "mixed" for `MIXED_FAMILIES` in turn.
    count, seed : number of phantoms, and the seed of all random numbers.
    frequency_hz, spacing_m, field_of_view_m : vibration [Hz], pixel [m], side of the square image [m].
    snr : rms of the wave over the noise's standard deviation per channel; infinite for no noise.
    background_motion : largest rms of the smooth compressional and bulk motion, relative to the wave's.
    stages : fibrosis stage of each phantom (liver only); empty to draw them.
    offsets : phase offsets of a scanned acquisition (wrapped phase and magnitude are stored); 0 for none.
    acquired : lines and columns of k-space that the scan acquires, and its noise; 0 for as many as pixels.
    physics : "antiplane", "inplane" or "3d" (a slab), see `forward.solve`; "oblique": antiplane motion of
        which a part varies along z (`oblique`); "clinical": as the clinic shakes a liver (`clinical`).

    Examples
    --------
    >>> import dime
    >>> dime.Recipe("homogeneous", count=2, seed=7, spacing_m=5e-3).matrix
    48
    """

    family: str
    count: int
    seed: int
    frequency_hz: float = 60.0
    spacing_m: float = 1.5e-3
    field_of_view_m: float = 0.24
    snr: float = float("inf")
    background_motion: float = 0.0
    stages: tuple = ()
    offsets: int = 0
    acquired: int = 0
    physics: str = "antiplane"

    def __post_init__(self):
        known = (*families.FAMILIES, "mixed")
        if self.family not in known:
            raise ValueError(f"family: expected one of {', '.join(known)}, found {self.family!r}")
        if self.physics not in ENCODED:
            raise ValueError(f"physics: expected one of {', '.join(ENCODED)}, found {self.physics!r}")
        if self.count < 1:
            raise ValueError(f"count: expected at least 1 phantom, found {self.count}")
        if not 0 < self.frequency_hz < np.inf:
            raise ValueError(f"frequency_hz: expected a positive number, found {self.frequency_hz:g}")
        if not 0.2e-3 <= self.spacing_m <= 10e-3:
            raise ValueError(f"spacing_m: expected 0.2e-3 to 10e-3 m, found {self.spacing_m:g}")
        if self.stages and len(self.stages) != self.count:
            raise ValueError(f"stages: expected one per phantom ({self.count}), found {len(self.stages)}")
        if not self.snr > 0:
            raise ValueError(f"snr: expected a positive number, found {self.snr}")

    def to_json(self):
        """The recipe as strict JSON, which has no infinity: snr is null for no noise."""
        return json.dumps(asdict(self) | {"snr": self.snr if np.isfinite(self.snr) else None}, sort_keys=True)

    @property
    def matrix(self):
        """Pixels per side of the image."""
        return round(self.field_of_view_m / self.spacing_m)

    @property
    def axis_m(self):
        """Pixel centres along either side, the field of view centred on 0 [m]."""
        return axis_m(self.matrix, self.spacing_m)


def simulate_phantom(recipe, index):
    """Simulate phantom `index` of a recipe, its wave, and what a scanner records of it.

    Randomness is split by purpose: the tissue stays the same when the drive, the noise or the number of
    phantoms changes.

    Returns
    -------
    dict of (y, x), (offset, y, x) or (component, y, x) arrays
        wave complex64 [m] (0 outside the mask), stiffness float32 [Pa], loss_tangent, mask, label (JSON);
        phase [rad] and magnitude where the recipe asks for offsets; displacement complex64 [m] where the
        tissue moves along several axes: all components without background motion and noise; `wave` is the
        component that the scan encodes (`ENCODED`).
    """
    seeds = np.random.SeedSequence([recipe.seed, index]).spawn(5)
    tissue, drive, motion, noise, through = (np.random.default_rng(seed) for seed in seeds)
    family = MIXED_FAMILIES[index % len(MIXED_FAMILIES)] if recipe.family == "mixed" else recipe.family
    overrides = {"stage": recipe.stages[index]} if recipe.stages else {}
    if recipe.physics == "clinical":
        overrides |= {"loss_tangent": through.uniform(*clinical.LOSS_TANGENT)}
    phantom = families.draw(family, tissue, **overrides)
    axis = recipe.axis_m
    maps = render(phantom, axis, axis)
    drivers, boundary = draw_drive(drive)
    if recipe.physics == "clinical":
        drivers = [clinical.pad(phantom.outline, DRIVE_M, drive)]
    shaken = shake(
        phantom, drivers, boundary, axis, axis, recipe.frequency_hz, physics=recipe.physics, rng=through
    )
    mask = maps["mask"].values & shaken.mask
    if recipe.physics == "clinical":
        mask = clinical.drawn(mask, recipe.spacing_m, motion)
    wave = np.where(mask, shaken.wave, 0)
    if recipe.background_motion > 0:
        wave = wave + background_motion(wave, mask, recipe.spacing_m, motion, recipe.background_motion)
    result = {
        "stiffness": np.where(mask, maps["stiffness"].values, 0).astype(np.float32),
        "loss_tangent": np.where(mask, maps["loss_tangent"].values, 0).astype(np.float32),
        "mask": mask,
        "label": json.dumps(phantom.labels, sort_keys=True),
    }
    if len(shaken.displacement) > 1:
        result["displacement"] = np.where(mask, shaken.displacement, 0).astype(np.complex64)
    if recipe.offsets:
        lines = (recipe.acquired or recipe.matrix,) * 2
        vessels = vessel_share(phantom, axis, axis)
        scan = elastography.acquire(
            wave,
            mask,
            recipe.spacing_m,
            noise,
            offsets=recipe.offsets,
            snr=recipe.snr,
            acquired_shape=lines,
            magnitude=elastography.tissue_magnitude(mask, recipe.spacing_m, noise, vessels),
        )
        result |= {name: scan[name].values.astype(np.float32) for name in ("phase", "magnitude")}
    elif np.isfinite(recipe.snr) and recipe.acquired:
        # The noise has the resolution of the scan. Shear waves lie within it and stay as they are.
        deviation = np.sqrt(np.mean(np.abs(wave[mask]) ** 2)) / recipe.snr
        wave = wave + deviation * sampled_noise(wave.shape, (recipe.acquired,) * 2, noise)
    elif np.isfinite(recipe.snr):
        wave = add_noise(wave, mask, recipe.snr, noise)
    return result | {"wave": np.where(mask, wave, 0).astype(np.complex64)}
