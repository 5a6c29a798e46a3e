"""Brightness of tissues in magnetic resonance images of the abdomen.

    spoiled gradient echo  S = PD sin a (1 - E1) / (1 - E1 cos a) exp(-TE R2*),  E1 = exp(-TR / T1)
    spin echo              S = PD (1 - exp(-TR / T1)) exp(-TE / T2)
    water and fat          S = |(1 - f) S_w + f S_f exp(2 pi i df TE)|

with PD the proton density, a the flip angle, TR the repetition time, TE the echo time, f the share of fat
and df the chemical shift of fat [Hz].

Source: de Bazelaire et al., Radiology 230 (2004) 652, for T1 and T2 of liver, spleen, kidney, muscle, marrow
and fat. The 3 T values agree with the paper's abstract. The 1.5 T values agree with two programs that list
them, SpinSight (liver, spleen, muscle, cortex, medulla) and Fetal-XCMR (spleen, medulla, marrow); those of
fat are recalled, not compared.
Source: Stanisz et al., Magnetic Resonance in Medicine 54 (2005) 507, for T1 and T2 of blood and heart, as
Fetal-XCMR lists them; not compared with the paper.
Source: SpinSight, for T1 and T2 of cerebrospinal fluid, here "fluid".
Source: Acta Radiologica 43 (2002) 401, for bile: median rates of 0.76 /s and 1.48 /s outside the body.
Assumption: these rates of bile hold at both fields, because the abstract names none. The stomach holds water
and food, the bowel pulp; their times lie between those of water and tissue, since contents differ between
meals.
Source: Obrzut et al., Scientific Reports 10 (2020) 17887, for R2* of the liver at 1.5 T (28.7 /s in 100
volunteers); Storey et al., Journal of Magnetic Resonance Imaging 25 (2007) 540, for its step to 3 T (2.00 R2*
- 11 /s) and for the heart; Gloviczki et al., Investigative Radiology 44 (2009) 566, for the kidney, in
patients.
Assumption: R2* is never below 1 / T2, which raises the heart's at 1.5 T from 23 to 25 /s. The other tissues'
R2* is a choice: 1 / T2 plus the effect of the field's inhomogeneity, largest beside gas and among trabeculae.
Assumption: proton density is the mass of water per volume against pure water, and 0.9 for fat; water is 70 to
80 % of the mass of soft tissue. These numbers are recalled, not compared with a table.
"""

from typing import NamedTuple

import numpy as np

FAT_SHIFT_PPM = -3.4
"""Chemical shift of fat against water [ppm].

Assumption: one peak, the methylene of the chain, which holds about 70 % of fat's signal. Other peaks would
blur the beat between water and fat.
"""

GYROMAGNETIC_RATIO_HZ_PER_T = 42.577e6
"""Gyromagnetic ratio of the proton over 2 pi [Hz/T]."""


class Tissue(NamedTuple):
    """Relaxation of a tissue: T1 [s], T2 [s], R2* [1/s] and proton density (water is 1)."""

    t1_s: float
    t2_s: float
    r2star_per_s: float
    proton_density: float


RELAXATION = {
    1.5: {
        "fat": Tissue(0.343, 0.058, 25, 0.90),
        "muscle": Tissue(0.856, 0.027, 39, 0.80),
        "marrow": Tissue(0.549, 0.049, 60, 0.75),
        "liver": Tissue(0.586, 0.046, 29, 0.75),
        "vessel": Tissue(1.441, 0.290, 8, 0.85),
        "spleen": Tissue(1.057, 0.079, 20, 0.82),
        "stomach": Tissue(2.0, 0.300, 12, 0.95),
        "bowel": Tissue(0.5, 0.100, 25, 0.80),
        "cortex": Tissue(0.966, 0.087, 12, 0.82),
        "medulla": Tissue(1.412, 0.085, 22, 0.85),
        "gall bladder": Tissue(1 / 0.76, 1 / 1.48, 4, 0.95),
        "fluid": Tissue(4.28, 2.03, 3, 1.00),
        "heart": Tissue(1.030, 0.040, 25, 0.80),
    },
    3.0: {
        "fat": Tissue(0.382, 0.068, 30, 0.90),
        "muscle": Tissue(0.898, 0.029, 42, 0.80),
        "marrow": Tissue(0.586, 0.049, 110, 0.75),
        "liver": Tissue(0.809, 0.034, 47, 0.75),
        "vessel": Tissue(1.932, 0.275, 16, 0.85),
        "spleen": Tissue(1.328, 0.061, 30, 0.82),
        "stomach": Tissue(2.0, 0.300, 24, 0.95),
        "bowel": Tissue(0.5, 0.100, 45, 0.80),
        "cortex": Tissue(1.142, 0.076, 14, 0.82),
        "medulla": Tissue(1.545, 0.081, 32, 0.85),
        "gall bladder": Tissue(1 / 0.76, 1 / 1.48, 8, 0.95),
        "fluid": Tissue(4.16, 2.10, 6, 1.00),
        "heart": Tissue(1.471, 0.047, 30, 0.80),
    },
}
"""Relaxation of tissues by field [T] and name, for the tissues of the abdomen that give a signal.

Cortical bone, lung, gas and air are absent: their signal has decayed at the echo times of elastography.
Source, Assumption: as the module says, value by value.
"""


def spoiled_gradient_echo(proton_density, t1_s, r2star_per_s, flip_rad, repetition_s, echo_s):
    """Steady-state signal of a spoiled gradient echo.

    S = PD sin a (1 - E1) / (1 - E1 cos a) exp(-TE R2*), E1 = exp(-TR / T1), largest at cos a = E1.

    Parameters
    ----------
    proton_density : PD, any unit
    t1_s : T1 [s]
    r2star_per_s : R2* [1/s]
    flip_rad : a, flip angle [rad]
    repetition_s, echo_s : TR, TE [s]

    Each is a number or an array; they broadcast.

    Returns
    -------
    float or array, in PD's unit

    Raises
    ------
    ValueError : T1 or TR not positive, TE or R2* negative

    Source: Ernst and Anderson, Review of Scientific Instruments 37 (1966) 93.
    Assumption: spoiling is perfect, so no transverse magnetisation outlives a repetition.
    """
    _check(t1_s=t1_s, repetition_s=repetition_s, echo_s=echo_s)
    if not np.all(np.asarray(r2star_per_s) >= 0):
        raise ValueError(f"r2star_per_s: expected numbers >= 0; got {np.min(r2star_per_s)}")
    e1 = np.exp(-repetition_s / np.asarray(t1_s, dtype=float))
    steady = np.sin(flip_rad) * (1 - e1) / (1 - e1 * np.cos(flip_rad))
    return proton_density * steady * np.exp(-np.asarray(r2star_per_s) * echo_s)


def spin_echo(proton_density, t1_s, t2_s, repetition_s, echo_s):
    """Signal of a spin echo, as in echo-planar imaging: PD (1 - exp(-TR / T1)) exp(-TE / T2).

    proton_density : PD, any unit; t1_s, t2_s, repetition_s, echo_s : T1, T2, TR, TE [s]. Each is a number or
    an array; they broadcast. Returns PD's unit. Raises ValueError: T1, T2 or TR not positive, TE negative.

    Source: Bernstein, King and Zhou, Handbook of MRI Pulse Sequences (2004).
    Assumption: TE << TR, and both pulses are perfect. The blur by R2* along an echo train is ignored.
    """
    _check(t1_s=t1_s, t2_s=t2_s, repetition_s=repetition_s, echo_s=echo_s)
    recovered = 1 - np.exp(-repetition_s / np.asarray(t1_s, dtype=float))
    return proton_density * recovered * np.exp(-echo_s / np.asarray(t2_s, dtype=float))


def water_and_fat(water, fat, fat_share, field_t, echo_s):
    """Signal of a voxel that mixes water and fat: |(1 - f) S_w + f S_f exp(2 pi i df TE)|.

    df = -3.4 ppm x 42.577 MHz/T x B0 is -434 Hz at 3 T. Water and fat are in phase at every 2.3 ms there and
    opposed half-way.

    water, fat : S_w, S_f, signals of pure water and pure fat, one unit; fat_share : f, 0..1; field_t : B0
    [T]; echo_s : TE [s]. Each is a number or an array; they broadcast. Returns the unit of S_w.
    Raises ValueError: a share outside 0..1.
    Source: Dixon, Radiology 153 (1984) 189.
    """
    share = np.asarray(fat_share, dtype=float)
    if not np.all((share >= 0) & (share <= 1)):
        raise ValueError(f"fat_share: expected 0..1; got {share.min()} to {share.max()}")
    shift_hz = FAT_SHIFT_PPM * 1e-6 * GYROMAGNETIC_RATIO_HZ_PER_T * field_t
    return np.abs((1 - share) * water + share * fat * np.exp(2j * np.pi * shift_hz * np.asarray(echo_s)))


def liver_signal(fat_share, r2star_per_s, field_t, flip_rad, repetition_s, echo_s):
    """Spoiled gradient echo of a liver with fat and iron.

    Its water has the liver's T1 and proton density, its fat those of fat (`RELAXATION`); iron raises R2*.

    fat_share : 0..1; r2star_per_s [1/s]; field_t : 1.5 or 3 [T]; others as `spoiled_gradient_echo`. They
    broadcast, but for field_t. Raises ValueError: as `spoiled_gradient_echo` and `water_and_fat`, and for
    another field.

    Assumption: water and fat of a liver cell share one R2*, since both lie in the field of the same iron.
    Fat is not suppressed.
    """
    if field_t not in RELAXATION:
        raise ValueError(f"field_t: expected one of {', '.join(map(str, RELAXATION))} T; got {field_t}")
    water, fat = (
        spoiled_gradient_echo(t.proton_density, t.t1_s, r2star_per_s, flip_rad, repetition_s, echo_s)
        for t in (RELAXATION[field_t]["liver"], RELAXATION[field_t]["fat"])
    )
    return water_and_fat(water, fat, fat_share, field_t, echo_s)


def _check(echo_s, **positive):
    for name, value in positive.items():
        if not np.all(np.asarray(value) > 0):
            raise ValueError(f"{name}: expected positive seconds; got {np.min(value)}")
    if not np.all(np.asarray(echo_s) >= 0):
        raise ValueError(f"echo_s: expected seconds >= 0; got {np.min(echo_s)}")
