"""The small scan that comes with the package: four slices of a liver with a stiff lesion, 60 Hz.

The liver is a cylinder of one outline, so that its antiplane wave is exact in every slice; the lesion is a
sphere, cut in another circle by every slice.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from dime.fem.drivers import Driver
from dime.mri.elastography import acquire, tissue_magnitude
from dime.phantoms import families, outlines
from dime.phantoms.phantom import render, vessel_share
from dime.phantoms.tissue import StarShape
from dime.physics import axis_m
from dime.simulation import exported
from dime.simulation.shaking import DRIVE_M, shake

FREQUENCY_HZ, SPACING_M, MATRIX = 60.0, 2.5e-3, 80
"""Vibration [Hz], pixel [m], pixels per side: a wave in healthy liver has ten pixels or more."""

SLICES, STEP_M, OFFSETS, SNR = 4, 0.010, 4, 20.0
"""Slices and their distance [m], phase offsets, magnitude of tissue over the noise in each channel."""

SEED = 27

DRIVERS = (Driver(0.05, 0.45, DRIVE_M, "smooth"), Driver(0.55, 0.75, 0.6j * DRIVE_M, "smooth"))
"""Motion of two parts of the outline; the rest absorbs waves. It wraps the phase."""

STAGE, LOSS_TANGENT = "F1", 0.15
"""Fibrosis stage of the liver around the lesion, and the loss tangent of both."""

LESION_PA, LESION_M, LESION_AT_M = 7e3, 0.024, (-0.042, 0.006, 0.006)
"""Stiffness of the lesion [Pa], its radius [m] and the place (x, y, z) of its middle [m] in the scan."""


def simulate():
    """Simulate the scan.

    Returns
    -------
    dict
        phase [rad], wrapped, and magnitude, (slice, offset, y, x); stiffness |G*| [Pa], 0 outside the liver,
        and mask, (slice, y, x).
    """
    tissue, *noises = (np.random.default_rng(seed) for seed in np.random.SeedSequence(SEED).spawn(1 + SLICES))
    fixed = {"stage": STAGE, "loss_tangent": LOSS_TANGENT, "lesion_count": 0, "level": "middle"}
    liver = families.draw("liver", tissue, **fixed)
    axis = axis_m(MATRIX, SPACING_M)
    slices = []
    for index, noise in enumerate(noises):
        body = _with_lesion(liver, (index - (SLICES - 1) / 2) * STEP_M - LESION_AT_M[2])
        maps = render(body, axis, axis)
        shaken = shake(body, DRIVERS, "impedance", axis, axis, FREQUENCY_HZ)
        mask = maps["mask"].values & shaken.mask
        bright = tissue_magnitude(
            mask, SPACING_M, np.random.default_rng(SEED), vessel_share(body, axis, axis)
        )
        scan = acquire(
            np.where(mask, shaken.wave, 0), mask, SPACING_M, noise, offsets=OFFSETS, snr=SNR, magnitude=bright
        )
        stiffness = np.where(mask, maps["stiffness"].values, 0)
        slices.append(
            {"mask": mask, "stiffness": stiffness, **{n: scan[n].values for n in ("phase", "magnitude")}}
        )
    return {name: np.stack([one[name] for one in slices]) for name in slices[0]}


def make(folder):
    """Simulate the scan and write it to a folder; in the package that is `files.example.EXAMPLE_SCAN`."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    exported.write(folder, simulate(), SPACING_M, FREQUENCY_HZ, STEP_M)


def _with_lesion(liver, height_m):
    """The liver with the lesion's section at a height above the lesion's middle [m]."""
    if abs(height_m) >= LESION_M:
        return liver
    width = 2 * np.sqrt(LESION_M**2 - height_m**2)
    curve = outlines.ellipse(width, width) + LESION_AT_M[:2]
    weight = StarShape(curve, LESION_AT_M[:2])

    def blend(name, value):
        return lambda x, y: np.where(weight(x, y) > 0.5, value, getattr(liver, name)(x, y))

    blended = {
        "stiffness": blend("stiffness", LESION_PA),
        "loss_tangent": blend("loss_tangent", LOSS_TANGENT),
    }
    return replace(liver, **blended, interfaces=(*liver.interfaces, curve))
