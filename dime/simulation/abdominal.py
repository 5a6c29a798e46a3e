"""Simulate an examination of the abdomen: magnitude and wrapped phase of four slices, each in one breath.

subject -> section at the height of the breath-hold -> wave in the whole body -> signal of every tissue ->
phase offsets, k-space, noise, breathing. The wave is in the body, not in the liver alone, so that where a
wave is says nothing about where the liver is.
"""

import json

import numpy as np
from scipy.ndimage import binary_closing, binary_fill_holes

from dime.fem.cavities import solve_around
from dime.fem.drivers import Driver
from dime.mri import elastography, signal
from dime.mri.breathing import breathe, drift
from dime.mri.noise import background_motion, random_polynomial, unit_rms
from dime.phantoms import families
from dime.phantoms.abdomen import CAVITIES, ID, TISSUES, section
from dime.phantoms.habitus import draw_subject
from dime.phantoms.phantom import render
from dime.physics import axis_m
from dime.simulation import shaking

PLANTED = ("still", "iron", "drift", "wraps", "no liver", "brain")
"""Failures that are simulated: the driver is off, iron takes the signal, the patient breathes during the
acquisition, the motion is too strong, the slices lie below the liver, another organ is imaged."""

SPACING_M, MATRIX, SLICES, OFFSETS, FREQUENCY_HZ = 1.5e-3, 256, 4, 4, 60.0
"""Pixel [m], pixels per side (a field of view of 0.384 m), slices, phase offsets, vibration [Hz]."""

STEP_M = 0.013
"""Distance of neighbouring slices [m]: 10 mm thick, 3 mm apart."""

MIDDLE_M = (-0.012, 0.020)
"""Height of the stack's middle above that of the liver [m]. Assumption: it covers the widest section."""

BELOW_M = (-0.16, -0.14)
"""The same where the slices miss the liver [m]."""

BREATH_HOLD_M = {"z": 0.010, "y": 0.006, "x": 0.002}
"""Largest shift of a slice by its own breath-hold [m]. Assumption: breaths differ by 10 mm at most."""

DRIFTING, DRIFT_M, PLANTED_DRIFT_M = 0.1, (0.0, 0.004), (0.012, 0.020)
"""Share of slices in which the breath is not held, and how far the body then moves [m]; in a planted failure
it moves that far in every slice."""

DRIVE_M = 40e-6
"""Displacement of the body under the pad [m], as in `examination`."""

PAD_M = (0.17, 0.21)
"""Length of outline that the pad covers [m]. Assumption: the passive driver is a disc of 19 cm."""

PAD_ANGLE = -0.72 * np.pi
"""Direction of the pad seen from the body's middle [rad]: the right side of the front."""

RIB_SHARE, RIB_REACH_M, RIB_SPEED_M_S = (0.5, 1.0), (0.10, 0.22), (4.0, 12.0)
"""Motion of a rib at the pad, relative to the pad's; distance along the wall in which it falls to 1/e [m];
speed at which it runs along the wall [m/s].

Assumption: the rib cage is stiff and carries the pad's motion around the chest. Without it the fat under the
skin takes the wave away before the liver, which no examination shows."""

SNR = {1.5: (12.0, 22.0), 3.0: (15.0, 30.0)}
"""Signal of a normal liver over the noise in each channel, by field strength [T]."""

LINES = (64, 97)
"""Fewest lines of k-space along y, and one more than most; along x there are as many as pixels."""

SHADING = {1.5: 0.20, 3.0: 0.35}
"""Coil and B1 shading (rms), by field strength [T]."""

VARIATION = 0.10
"""Spread of a tissue's signal between subjects. Assumption: as relaxation times spread within a group."""

GRADIENT_ECHO = {"flip_rad": np.deg2rad(25), "repetition_s": 0.050, "echo_s": 0.020}
SPIN_ECHO = {"repetition_s": 1.0, "echo_s": 0.050}
"""Settings of both sequences. Assumption: values of common protocols, 2D gradient echo and echo-planar."""

SPIN_ECHO_SHARE = 0.2
"""Share of examinations by echo-planar spin echo, in which fat is suppressed to `FAT_LEFT`."""

FAT_LEFT = 0.15

NORMAL_R2STAR_PER_S = 60.0
"""Largest R2* at 3 T of a liver without iron overload [1/s]."""

IRON_IN_R2 = 0.35
"""Growth of R2 with R2* by iron. Assumption: 289 /s spoil a spin echo as 101 /s spoil a gradient echo."""

GRAIN = 0.04
"""Fine texture of the signal (rms)."""


def examine(seed, subject, stage="F0", volunteer=False, visit=0, planted=""):
    """Simulate one examination of one subject.

    Parameters
    ----------
    seed, subject, visit : int
        The body depends on seed and subject alone; position, breath-holds, drive and noise on the visit too.
    stage : one of F0 to F4
    volunteer : bool
        See `habitus.draw_subject`.
    planted : one of `PLANTED`, or ""

    Returns
    -------
    dict of arrays
        phase [rad] wrapped and magnitude, (slice, offset, y, x) float16; stiffness |G*| [Pa] (slice, y, x)
        float32, 0 outside the body and in cavities; tissue (slice, y, x) uint8, numbers of
        `abdomen.TISSUES`; liver (slice, y, x) bool with its vessels; label, JSON of what was drawn.

    Raises
    ------
    ValueError
        Unknown failure or stage.
    """
    if planted not in ("", *PLANTED):
        raise ValueError(f"planted: expected one of {', '.join(PLANTED)}, found {planted!r}")
    person = draw_subject((seed, subject), stage, volunteer)
    rng = np.random.default_rng([seed, subject, 10, visit])
    field_t = float(rng.choice([1.5, 3.0]))
    middle = rng.uniform(*(BELOW_M if planted == "no liver" else MIDDLE_M))
    place = rng.uniform(-5e-3, 5e-3, 2)
    visiting = {
        "field_t": field_t,
        "sequence": "spin echo" if rng.random() < SPIN_ECHO_SHARE else "gradient echo",
        "snr": float(rng.uniform(*SNR[field_t])),
        "lines": int(rng.integers(*LINES)),
        "inflow": float(rng.uniform(1.4, 1.6) if rng.random() < 0.5 else rng.uniform(0.25, 0.6)),
        "pad_m": float(rng.uniform(*PAD_M)),
        "pad_angle": PAD_ANGLE + 0.15 * rng.standard_normal(),
        "rib_share": float(rng.uniform(*RIB_SHARE)),
        "rib_reach_m": float(rng.uniform(*RIB_REACH_M)),
        "rib_speed_m_s": float(rng.uniform(*RIB_SPEED_M_S)),
        "background": float(rng.uniform(0, 0.6)),
    }
    r2star = float(rng.uniform(300, 700)) if planted == "iron" else person.r2star_per_s
    tissues = _signals(person, visiting, r2star, np.random.default_rng([seed, subject, 11]))
    slices, levels = [], []
    for index in range(SLICES):
        one = np.random.default_rng([seed, subject, 12, visit, index])
        shift = {axis: one.uniform(0, reach) for axis, reach in BREATH_HOLD_M.items()}
        levels.append(middle + ((SLICES - 1) / 2 - index) * STEP_M - shift["z"])
        at = place + np.array([shift["x"], shift["y"]])
        tissue = _brain(seed, subject, index) if planted == "brain" else None
        slices.append(_slice(person, visiting, tissues, levels[-1], index, at, planted, one, tissue))
    label = {"subject": subject, "visit": visit, "stage": person.stage, "planted": planted}
    label |= {"stiffness_pa": person.stiffness_pa, "bmi": person.bmi, "sex": person.sex}
    label |= {"fat_share": person.fat_share, "r2star_per_s": r2star, "levels_m": levels} | visiting
    stacked = {name: np.stack([one[name] for one in slices]) for name in slices[0]}
    return stacked | {"label": json.dumps(label, sort_keys=True)}


def _slice(person, visiting, tissues, z_m, index, shift, planted, rng, brain):
    """One slice: its wave, its signal, and the images that are recorded of it."""
    axis = axis_m(MATRIX, SPACING_M)
    x, y = axis - shift[0], axis - shift[1]
    if brain is None:
        seen = section(person, z_m, index)
        tissue = seen.tissue_at(*np.meshgrid(x, y)).astype(np.uint8)
        body = tissue != ID["air"]
        wave = _body_wave(seen, visiting, x, y)
        stiffness = seen.stiffness(*np.meshgrid(x, y))
        fine = (axis_m(2 * MATRIX, SPACING_M / 2) - one for one in shift)
        signals = tissues[seen.tissue_at(*np.meshgrid(*fine))]
        signals = signals.reshape(MATRIX, 2, MATRIX, 2).mean(axis=(1, 3))  # a pixel that two tissues share
    else:
        body, wave, stiffness = brain
        tissue = np.where(body, ID["fluid"], ID["air"]).astype(np.uint8)
        signals = np.where(body, elastography.tissue_magnitude(body, SPACING_M, rng), 0)
    known = body & np.isfinite(wave)
    carries = ~np.isin(tissue, [ID[name] for name in ("air", *CAVITIES)])
    wave = np.where(known, wave, 0) * {"still": 1 / 20, "wraps": 8.0}.get(planted, 1.0)
    wave = wave + np.where(known, background_motion(wave, known, SPACING_M, rng, visiting["background"]), 0)
    shading = np.exp(
        SHADING[visiting["field_t"]] * unit_rms(random_polynomial(body.shape, SPACING_M, rng), body)
    )
    grain = 1 + GRAIN * rng.standard_normal(body.shape)
    signals = np.where(body, signals * shading * grain, 0)
    images = _record(wave, body, signals, visiting, planted, rng)
    return {
        "phase": np.angle(images).astype(np.float16),
        "magnitude": np.abs(images).astype(np.float16),
        "stiffness": np.where(carries, stiffness, 0).astype(np.float32),
        "tissue": tissue,
        "liver": _with_vessels(tissue),
    }


def _body_wave(seen, visiting, x, y):
    """Displacement (y, x) [m] of the section, driven by the pad and the ribs; NaN in cavities and outside."""
    ahead = np.arctan2(*seen.outline.T[::-1])
    apart = np.abs(np.angle(np.exp(1j * (ahead - visiting["pad_angle"]))))
    around = len(seen.outline) * np.hypot(*np.diff(seen.outline[:2], axis=0)[0])
    middle, length = np.argmin(apart) / len(seen.outline), visiting["pad_m"] / around
    start = (middle - length / 2) % 1
    pad = Driver(start, start + length, DRIVE_M, "smooth")

    def ribs(px, py):
        turn = np.angle(np.exp(1j * (np.arctan2(py, px) - visiting["pad_angle"])))
        away = np.abs(turn) * around / (2 * np.pi)
        lag = 2 * np.pi * FREQUENCY_HZ / visiting["rib_speed_m_s"]
        motion = visiting["rib_share"] * DRIVE_M * np.exp(-away / visiting["rib_reach_m"] - 1j * lag * away)
        return np.where(seen.ribs_at(px, py), motion, np.nan)

    return solve_around(seen, seen.cavity_at, [pad], FREQUENCY_HZ, moved=ribs).sample(x, y)


def _signals(person, visiting, r2star, rng):
    """Signal of every tissue of `TISSUES`, relative to that of a liver without fat and iron."""
    field_t, table = visiting["field_t"], signal.RELAXATION[visiting["field_t"]]
    echo = visiting["sequence"] == "gradient echo"

    def of(tissue):
        density, rates = tissue.proton_density, (tissue.t1_s, tissue.r2star_per_s if echo else tissue.t2_s)
        if echo:
            return signal.spoiled_gradient_echo(density, *rates, **GRADIENT_ECHO)
        return signal.spin_echo(density, *rates, **SPIN_ECHO)

    liver = table["liver"]
    normal, values = of(liver), np.zeros(len(TISSUES))
    iron = max(r2star - NORMAL_R2STAR_PER_S, 0) * field_t / 3  # R2* of iron grows with the field
    for number, name in enumerate(TISSUES):
        if name not in table:
            continue
        spread = np.exp(VARIATION * rng.standard_normal())
        values[number] = spread * of(table[name]) / normal
        if name == "fat" and not echo:
            values[number] *= FAT_LEFT
        if name == "vessel":
            values[number] = visiting["inflow"]
        if name == "liver":
            rusty = liver._replace(
                r2star_per_s=liver.r2star_per_s + iron, t2_s=1 / (1 / liver.t2_s + IRON_IN_R2 * iron)
            )
            fat = of(table["fat"]._replace(r2star_per_s=rusty.r2star_per_s)) * (1 if echo else FAT_LEFT)
            echo_s = (GRADIENT_ECHO if echo else {"echo_s": 0.0})["echo_s"]  # a spin echo refocuses the shift
            values[number] = signal.water_and_fat(of(rusty), fat, person.fat_share, field_t, echo_s) / normal
    return values


def _record(wave, body, signals, visiting, planted, rng):
    """Complex images (offset, y, x) that the scanner stores of a slice."""
    scan = elastography.acquire(
        wave,
        body,
        SPACING_M,
        rng,
        offsets=OFFSETS,
        snr=visiting["snr"] * max(signals[body].mean(), 1e-6),  # of a normal liver, whose signal is 1
        acquired_shape=(visiting["lines"], MATRIX),
        magnitude=signals,
    )
    images = scan["magnitude"].values * np.exp(1j * scan["phase"].values)
    moving = rng.random() < DRIFTING
    if planted == "drift" or moving:
        reach = rng.uniform(*(PLANTED_DRIFT_M if planted == "drift" else DRIFT_M))
        images = breathe(images, SPACING_M, drift(OFFSETS, visiting["lines"], reach, rng))
    return images


def _with_vessels(tissue):
    """The liver with the vessels that lie inside it, (y, x) bool."""
    liver = tissue == ID["liver"]
    filled = binary_fill_holes(binary_closing(liver, iterations=3))
    return liver | (filled & (tissue == ID["vessel"]))


def _brain(seed, subject, index):
    """Mask, displacement and stiffness (y, x) of a brain in the place of the abdomen."""
    rng = np.random.default_rng([seed, subject, 13, index])
    phantom = families.draw("brain", rng)
    axis = axis_m(MATRIX, SPACING_M)
    maps = render(phantom, axis, axis)
    drivers, boundary = shaking.draw_drive(rng)
    shaken = shaking.shake(phantom, drivers, boundary, axis, axis, FREQUENCY_HZ)
    mask = maps["mask"].values & shaken.mask
    return mask, np.where(mask, shaken.wave, np.nan), maps["stiffness"].values
