"""Measure directional bias: how estimated stiffness changes with the direction of waves in the same tissue.

The tissue is homogeneous and lossless; every field obeys G* lap(u) + rho omega^2 u = 0 with the same G*. Only
the directions of the waves differ, so any change in the answer is an error of the method.
"""

import numpy as np
import pandas as pd

from dime.fem import drivers
from dime.inversion import mmdi
from dime.metrics import errors
from dime.mri import noise
from dime.phantoms import families
from dime.phantoms.phantom import render
from dime.simulation import examination, plain_waves, shaking
from dime.simulation.plain_waves import KINDS, field, wavelength_of

UNFILTERED = mmdi.Settings(directions=1, directional_power=0)
"""Settings of MMDI with a single filter that passes all directions."""


def with_unfiltered(invert):
    """Add MMDI without directional filters, "mmdi_unfiltered", to methods (name -> stiffness of a wave)."""
    return invert | {"mmdi_unfiltered": lambda *place: mmdi.invert(*place, UNFILTERED).stiffness}


def found(wave, stiffness_pa, spacing_m, invert, snr=np.inf, rng=None):
    """Errors of every method in one field, away from the outline of the disc and in its rim.

    Parameters
    ----------
    wave : complex array (y, x) on the grid of `plain_waves.disc`
    stiffness_pa : float
        The truth.
    spacing_m : float
    invert : dict, name -> (wave, mask, spacing_m, frequency_hz) -> stiffness (y, x) [Pa]
    snr, rng : of the noise; no noise by default

    Returns
    -------
    list of dict
        method; truth_kpa; bias, mean of found - true; error, mean of |found - true|; rim_bias and rim_error,
        the same within `plain_waves.RIM_M` of the outline [kPa].
    """
    y, x, mask = plain_waves.disc(spacing_m)
    if np.isfinite(snr):
        wave = noise.add_noise(wave, mask, snr, rng)
    inner = np.hypot(y, x) < plain_waves.RADIUS_M - plain_waves.RIM_M
    rows = []
    for method, stiffness in invert.items():
        off = (stiffness(wave, mask, spacing_m, plain_waves.FREQUENCY_HZ) - stiffness_pa) / 1e3
        row = {"method": method, "truth_kpa": stiffness_pa / 1e3}
        for name, region in (("", inner), ("rim_", mask & ~inner)):
            row |= {f"{name}bias": off[region].mean(), f"{name}error": np.abs(off[region]).mean()}
        rows.append(row)
    return rows


def by_angle(stiffnesses_pa, angles_rad, spacing_m, invert):
    """Errors (`found`) in a noise-free travelling wave of several directions, a DataFrame with angle_deg."""
    y, x, _ = plain_waves.disc(spacing_m)
    rows = [
        {"angle_deg": np.degrees(angle)} | row
        for stiffness in stiffnesses_pa
        for angle in angles_rad
        for row in found(
            plain_waves.plane_wave(y, x, wavelength_of(stiffness), angle), stiffness, spacing_m, invert
        )
    ]
    return pd.DataFrame(rows)


def by_interference(stiffness_pa, fields, turns, spacing_m, seed, invert):
    """Errors (`found`) in noise-free interfering waves, each in several directions and phases.

    Parameters
    ----------
    stiffness_pa : float
    fields : dict, value -> (y, x, wavelength_m, value, angle_rad, phase_rad) -> wave
    turns : int
        Number of random directions and phases of each field.
    spacing_m, seed, invert : as in `by_kind`

    Returns a pandas.DataFrame: value, turn and the columns of `found`.
    """
    y, x, _ = plain_waves.disc(spacing_m)
    rows = []
    for value, make in fields.items():
        for turn in range(turns):
            angle, phase = np.random.default_rng([seed, turn]).uniform(0, 2 * np.pi, 2)
            wave = make(y, x, wavelength_of(stiffness_pa), value, angle, phase)
            here = {"value": value, "turn": turn}
            rows += [here | row for row in found(wave, stiffness_pa, spacing_m, invert)]
    return pd.DataFrame(rows)


def by_kind(stiffnesses_pa, turns, snr, spacing_m, seed, invert):
    """Errors (`found`) in each of `KINDS`, with and without noise, each in several directions and phases.

    Returns a pandas.DataFrame: kind, snr (infinite for none), turn and the columns of `found`.
    """
    y, x, _ = plain_waves.disc(spacing_m)
    rows = []
    for stiffness in stiffnesses_pa:
        for number, kind in enumerate(KINDS):
            for turn in range(turns):
                rng = np.random.default_rng([seed, number, turn])
                wave = field(kind, y, x, wavelength_of(stiffness), rng)
                for level in (np.inf, snr):
                    here = {"kind": kind, "snr": level, "turn": turn}
                    rows += [here | row for row in found(wave, stiffness, spacing_m, invert, level, rng)]
    return pd.DataFrame(rows)


def swing(table, over, column="bias"):
    """Range over the fields of a method's mean in one tissue: largest minus smallest [kPa].

    Parameters
    ----------
    table : pandas.DataFrame of `by_angle` or `by_kind`
    over : str
        Column that identifies the field.
    column : str
        Column of `found` to average.

    Returns
    -------
    pandas.DataFrame, method x truth_kpa
    """
    means = table.groupby(["method", "truth_kpa", over], sort=False)[column].mean()
    return means.groupby(["method", "truth_kpa"], sort=False).agg(np.ptp).unstack("truth_kpa")


def by_drive(family, seed, index, drives, spacing_m, invert, rim_m):
    """Maps of one phantom driven from several sides in turn: only the waves' direction changes.

    The driver is an arc of 0.3 of the outline. The rest of it absorbs waves, so that they travel away from
    the driver. There is no noise.

    Parameters
    ----------
    family : family of `families.draw`
    seed, index : seed and number of the phantom
    drives : int
        Positions of the driver, evenly spaced.
    spacing_m : float
    invert : as in `found`
    rim_m : tissue this close to the outline is left out [m]

    Returns
    -------
    dict
        truth [Pa], mask and inner (y, x); wave (drive, y, x); maps, method -> (drive, y, x) [Pa]; rows, a
        dict per method [kPa]: scatter, rms over the tissue of the standard deviation over drives, an error
        that does not stem from the tissue; error, rms of found - true over tissue and drives.
    """
    phantom = families.draw(family, np.random.default_rng([seed, index]))
    axis = examination.Recipe(family, 1, seed, spacing_m=spacing_m).axis_m
    rendered = render(phantom, axis, axis)
    truth, mask, waves = rendered["stiffness"].values, rendered["mask"].values, []
    for start in np.arange(drives) / drives:
        driver = drivers.Driver(start, start + 0.3, shaking.DRIVE_M, "smooth")
        shaken = shaking.shake(phantom, [driver], "impedance", axis, axis, plain_waves.FREQUENCY_HZ)
        waves.append(shaken.wave)
        mask = mask & shaken.mask
    inner = errors.without_rim(mask[None], rim_m / spacing_m)[0]
    waves = np.where(mask, waves, 0)
    place = mask, spacing_m, plain_waves.FREQUENCY_HZ
    maps = {m: np.stack([stiffness(wave, *place) for wave in waves]) for m, stiffness in invert.items()}
    rows = []
    for method, values in maps.items():
        off = (values - truth)[:, inner] / 1e3
        figures = {"scatter": np.sqrt(off.var(axis=0).mean()), "error": np.sqrt(np.mean(off**2))}
        rows.append({"method": method, "phantom": index} | figures)
    return {"truth": truth, "mask": mask, "inner": inner, "wave": waves, "maps": maps, "rows": rows}
