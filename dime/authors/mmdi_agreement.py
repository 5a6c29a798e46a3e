"""Compare this project's MMDI with the maps that the authors' MMDI gave for their phantoms and livers.

The files' waves are rescaled per channel and are 0 outside the mask: the zero of displacement and the
relation of the channels are lost. The authors' MMDI saw a step at the outline, as high as that zero, and its
ringing fills their maps of study 1a (a uniform disc, in which nothing else varies). `restore_input` fits both
to the map itself, two complex numbers per case. By default `dime.inversion.mmdi` continues the wave past the
outline: then there is no step, and the zero need not be known.
"""

import itertools
from dataclasses import replace

import numpy as np
from scipy import ndimage, optimize

from dime.authors import livers
from dime.authors.phantoms import CASES, CEILING_PA, FREQUENCY_HZ, STUDIES, folder, read_case
from dime.inversion import filters, mmdi

CALIBRATION = (1, 2)
"""Cases on which MMDI's open settings were chosen; means are over the others."""

ASSUMED_SPACING_M = 1.0e-3
"""Pixel size that the authors' MMDI assumed in the phantoms [m], inferred: with it the median ratio is 1."""

ERODE_PX = 10
"""Pixels by which masks are eroded before maps are compared."""


def agreement(ours, mask, theirs, erode_px=ERODE_PX):
    """Pearson r and ratio of the medians in the eroded mask, without their pixels above 15 kPa or at 0."""
    inner = ndimage.binary_erosion(mask, iterations=erode_px) & (theirs < CEILING_PA) & (theirs > 0)
    r = np.corrcoef(ours[inner], theirs[inner])[0, 1]
    return float(r), float(np.median(ours[inner]) / np.median(theirs[inner]))


def restore_input(wave, mask, theirs, settings):
    """Restore the wave that the authors' MMDI saw, as far as four numbers can.

    The restored wave is Re + c Im - z inside the mask and 0 outside. The complex numbers c (i if nothing were
    lost) and z (the zero of displacement) maximise the correlation of log stiffness over the whole mask. They
    are fitted to the very map that is then compared, so this agreement is an upper limit, not a prediction.
    The channels and the mask are filtered once, for the smallest window alone; each trial combines them.

    Returns
    -------
    wave : complex array (y, x)
    c, zero : complex; zero in units of the real channel's standard deviation, from its mean
    """
    channels = [np.where(mask, part - part[mask].mean(), 0) for part in (wave.real, wave.imag)]
    scale = channels[0][mask].std()
    every_fourth = np.zeros(mask.shape, bool)
    every_fourth[::4, ::4] = True
    used = mask & every_fourth & (theirs < CEILING_PA) & (theirs > 0)
    target = np.log(theirs[used])

    def respond(image):
        filtered = filters.band_pass(
            image.astype(complex),
            ASSUMED_SPACING_M,
            settings.low_cut_per_m,
            settings.high_cut_per_m,
            settings.band_pass_order,
        )
        parts = filters.directional_filters(filtered, settings.directions, settings.directional_power)
        fitted = mmdi.fit_laplacian(parts, ASSUMED_SPACING_M, min(settings.windows_m))
        return np.stack([part[:, used] for part in fitted])

    def mix(guess, real, imag, step):
        angle, phase, zero = guess[0], guess[1], guess[2] + 1j * guess[3]
        return np.cos(angle) * real + np.exp(1j * phase) * np.sin(angle) * imag - zero * step

    responses = [respond(image) for image in (*channels, mask * scale)]

    def mismatch(guess):
        value, laplacian = mix(guess, *responses)
        return -np.corrcoef(np.log(mmdi.combine_directions(value, laplacian, FREQUENCY_HZ)), target)[0, 1]

    zeros = np.linspace(-3, 3, 7)
    trials = list(itertools.product(np.linspace(0, np.pi / 2, 5), (0, np.pi / 2), zeros, zeros))
    simplex_steps = np.vstack([np.zeros(4), np.diag([0.15, 0.3, 0.4, 0.4])])
    fits = [
        optimize.minimize(
            mismatch,
            start,
            method="Nelder-Mead",
            options={"maxfev": 150, "initial_simplex": np.array(start) + simplex_steps},
        )
        for start in sorted(trials, key=mismatch)[:3]
    ]
    best = min(fits, key=lambda fit: fit.fun).x
    restored = mix(best, *channels, mask * scale)
    return restored, np.tan(best[0]) * np.exp(1j * best[1]), (best[2] + 1j * best[3]) / np.cos(best[0])


AS_THEIRS = mmdi.Settings(decay_m=0)
"""The default settings, but with the wave cut off at the outline as in the authors' maps."""

AS_THEIRS_11_MM = replace(AS_THEIRS, windows_m=(0.0115,))
"""The same with one window of 11 pixels of 1 mm, which resolves the rim in the maps of study 2."""


def compare_case(study, case, erode_px=ERODE_PX):
    """Agreement of one case, with default settings and the wave as in its file."""
    wave, mask, theirs = read_case(study, case)
    return agreement(
        mmdi.invert(wave, mask, ASSUMED_SPACING_M, FREQUENCY_HZ).stiffness, mask, theirs, erode_px
    )


def compare_restored(study, case, settings=AS_THEIRS, erode_px=(ERODE_PX, 2 * ERODE_PX)):
    """Agreement of one case with its input restored, one per depth of erosion; and c of `restore_input`."""
    wave, mask, theirs = read_case(study, case)
    restored, c, _ = restore_input(wave, mask, theirs, settings)
    ours = mmdi.invert(restored, mask, ASSUMED_SPACING_M, FREQUENCY_HZ, settings).stiffness
    return [agreement(ours, mask, theirs, depth) for depth in erode_px], c


def compare_slices(spacing_m=livers.SPACING_M, erode_px=5):
    """Agreement of each measured slice, with default settings: a dict by the slice's number."""
    slices = livers.read(folder() / "study3_in_vivo")
    found = {}
    for number in slices["slice"].values.tolist():
        one = slices.sel(slice=number)
        mask = one["mask"].values
        ours = mmdi.invert(one["wave"].values, mask, spacing_m, FREQUENCY_HZ).stiffness
        found[number] = agreement(ours, mask, one["clinical_stiffness"].values, erode_px)
    return found


def example(study, case):
    """One case to look at: mask, wave without its mean, maps theirs, default and restored [kPa]; (y, x)."""
    wave, mask, theirs = read_case(study, case)
    settings = AS_THEIRS_11_MM if study == "study2" else AS_THEIRS
    restored, _, _ = restore_input(wave, mask, theirs, settings)
    default = mmdi.invert(wave, mask, ASSUMED_SPACING_M, FREQUENCY_HZ).stiffness
    ceiling = mmdi.invert(restored, mask, ASSUMED_SPACING_M, FREQUENCY_HZ, settings).stiffness
    maps = {"theirs": theirs, "default": default, "restored": ceiling}
    shown = {"mask": mask, "wave": wave - wave[mask].mean()}
    return shown | {name: values / 1e3 for name, values in maps.items()}


def agreement_table():
    """r and median ratio per case and setting, as a dict of rows.

    Means are over the cases on which no setting was chosen; in vivo all slices were used to choose how
    directions combine. Rows with the input restored are upper limits: see `restore_input`.
    """
    table = {}
    for study in STUDIES:
        for depth in (10, 20):
            cases = {c: compare_case(study, c, depth) for c in CASES}
            table[f"{study}, default, eroded {depth} px"] = _summary(cases, CALIBRATION)
        for name, settings in (("", AS_THEIRS), (", 11 mm window", AS_THEIRS_11_MM)):
            found = {c: compare_restored(study, c, settings) for c in CASES}
            for number, depth in enumerate((10, 20)):
                row = _summary({c: found[c][0][number] for c in found}, CALIBRATION)
                row["c, phase in degrees"] = {
                    c: round(float(np.degrees(np.angle(found[c][1])))) for c in found
                }
                table[f"{study}, input restored{name}, eroded {depth} px"] = row
    table["study 3 in vivo, default, eroded 5 px"] = _summary(compare_slices(), ())
    return table


def _summary(cases, calibration):
    """r and ratio per case, and their means over the cases outside the calibration."""
    held_out = np.array([cases[c] for c in cases if c not in calibration])
    return {
        "r": {c: round(cases[c][0], 3) for c in cases},
        "ratio": {c: round(cases[c][1], 3) for c in cases},
        "mean r outside calibration": round(held_out[:, 0].mean(), 3),
        "mean ratio outside calibration": round(held_out[:, 1].mean(), 3),
    }
