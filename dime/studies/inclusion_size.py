"""Simulate waves in uniform tissue with one round inclusion of known size and contrast."""

import json

import numpy as np
import xarray as xr

from dime.mri.noise import add_noise
from dime.phantoms import outlines
from dime.phantoms.phantom import Phantom, render
from dime.phantoms.tissue import Region, StarShape, Tissue
from dime.physics import axis_m, shear_wavelength
from dime.simulation import shaking

BODY_M = (0.17, 0.21)
"""Range of the round body's diameter [m], drawn uniformly; it has room for inclusions of 60 mm."""

STIFFNESS_PA = (1.5e3, 3e3)
"""Range of |G*| around the inclusion [Pa], drawn uniformly. Assumption: liver, no or mild fibrosis, 60 Hz."""

LOSS_TANGENT = (0.1, 0.3)
"""Range of the loss tangent of all tissue, drawn uniformly."""

CLEARANCE_M = 0.015
"""Smallest distance from the inclusion to the outline [m]."""


def body_with_inclusion(diameter_wavelengths, contrast, frequency_hz, rng):
    """Round body with one sharp, round inclusion; equal generators give equal bodies for any inclusion.

    Parameters
    ----------
    diameter_wavelengths : float
        Diameter in shear wavelengths sqrt(|G*| / rho) / f of the tissue around the inclusion.
    contrast : float
        Stiffness inside over stiffness around.
    frequency_hz : float
    rng : numpy.random.Generator

    Returns
    -------
    phantom.Phantom
        Its label has the form of a drawn phantom's; `lesions` holds the inclusion.

    Raises
    ------
    ValueError
        The inclusion does not fit into the body.
    """
    body, base, loss = (rng.uniform(*span) for span in (BODY_M, STIFFNESS_PA, LOSS_TANGENT))
    share, angle = rng.uniform(0, 1), rng.uniform(0, 2 * np.pi)
    radius = diameter_wavelengths * shear_wavelength(base, frequency_hz) / 2
    room = body / 2 - CLEARANCE_M - radius
    if not 0 < radius or room < 0:
        raise ValueError(
            f"diameter_wavelengths: expected an inclusion that fits a body of {1e3 * body:.0f} mm, "
            f"found {diameter_wavelengths:g}, {2e3 * radius:.0f} mm"
        )
    x, y = share * room * np.cos(angle), share * room * np.sin(angle)
    circle = outlines.ellipse(2 * radius, 2 * radius, min(outlines.SPACING_M, radius / 10))
    curve = circle + np.array([x, y])
    inclusion = Region(StarShape(curve, (x, y)), contrast * base, loss)
    tissue = Tissue(base, loss, regions=(inclusion,))
    lesion = {"x_m": x, "y_m": y, "reach_m": radius, "edge_m": 0.0, "stiffness_pa": contrast * base}
    labels = {"family": "inclusion", "stiffness_pa": base, "loss_tangent": loss, "lesions": [lesion]}
    return Phantom(outlines.ellipse(body, body), tissue.stiffness, tissue.loss_tangent, (curve,), labels)


def simulate_inclusions(
    diameters, contrast, count, seed, snr, frequency_hz=60.0, spacing_m=1.5e-3, extent_m=0.24
):
    """Noisy antiplane waves of `count` bodies, each with an inclusion of every diameter in turn.

    Body, drive and noise follow from the seed and the number of the body; only the inclusion changes.

    Parameters
    ----------
    diameters : sequence of float
        Diameters in wavelengths of the surrounding tissue.
    contrast : float
    count, seed : int
    snr : float
        Rms of the wave over the noise per channel.
    frequency_hz, spacing_m, extent_m : float
        Vibration, pixel, and side of the square image.

    Returns
    -------
    xarray.Dataset
        wave, stiffness, mask (phantom, y, x), label, diameter_wavelengths, body (its number, from 1).
    """
    axis = axis_m(round(extent_m / spacing_m), spacing_m)
    rows = {name: [] for name in ("wave", "stiffness", "mask", "label", "diameter_wavelengths", "body")}
    for body in range(count):
        for diameter in diameters:
            tissue, drive, noise = (
                np.random.default_rng(s) for s in np.random.SeedSequence([seed, body]).spawn(3)
            )
            drawn = body_with_inclusion(diameter, contrast, frequency_hz, tissue)
            drivers, boundary = shaking.draw_drive(drive)
            shaken = shaking.shake(drawn, drivers, boundary, axis, axis, frequency_hz)
            maps = render(drawn, axis, axis)
            mask = maps["mask"].values & shaken.mask
            wave = add_noise(np.where(mask, shaken.wave, 0), mask, snr, noise)
            rows["wave"].append(np.where(mask, wave, 0).astype(np.complex64))
            rows["stiffness"].append(np.where(mask, maps["stiffness"].values, 0))
            rows["mask"].append(mask)
            rows["label"].append(json.dumps(drawn.labels))
            rows["diameter_wavelengths"].append(diameter)
            rows["body"].append(body + 1)
    dims = {name: ("phantom", "y", "x") if np.ndim(part[0]) else ("phantom",) for name, part in rows.items()}
    return xr.Dataset(
        {name: (dims[name], np.array(part)) for name, part in rows.items()},
        {"y": axis, "x": axis},
        {"frequency_hz": frequency_hz, "spacing_m": spacing_m},
    )
