"""Simulate what a patient's scanner shows without a wave: T1-weighted, T2-weighted and diffusion images.

The body is that of the liver examination (`dime.phantoms.abdomen`), on coarser pixels, since no wave is
solved on them. The markers of a patient enter as tissue does: T1, T2, fat and iron as relaxation, the
coefficient of diffusion as decay, texture as patches, the nodular surface as dents and ripples, the spleen by
its size.
"""

import numpy as np

from dime.mri import signal
from dime.mri.noise import random_polynomial, unit_rms
from dime.phantoms.abdomen import paint
from dime.phantoms.canvas import ID, TISSUES
from dime.phantoms.habitus import draw_subject
from dime.phantoms.tissue import Texture
from dime.records.columns import SEQUENCES
from dime.records.resample import resampling
from dime.records.scans import Image

LEVELS, STEP_M, MIDDLE_M = 8, 0.020, -0.005
"""Slices, their distance [m], and the height of their middle above that of the liver [m].

Assumption: every second or third slice of a clinical stack, from the liver's dome to its tip."""

GRID_M, FINE_GRID_M = 2.5e-3, 1.0e-3
"""Pixel of the painted sections [m], and of the one that shows the surface of the liver."""

FINE_LEVEL = LEVELS // 2
"""Number of the slice that is painted finely: the lower of the two in the middle."""

FIELD_OF_VIEW_M = (0.300, 0.384)
"""Height and width of the images [m]."""

HEALTHY_SPLEEN_ML = 220.0
"""Volume of the spleen [ml] that the painted body shows at its relative size of 1.

Source: means of 195 to 292 ml in healthy groups. What is painted of a larger spleen grows more slowly than
its volume, as wall, liver and lung leave no more room."""

RIPPLE_M, SMOOTH_SCORE = 1.0e-3, 1.5
"""Ripples of the liver's outline (rms) [m] for one unit of the surface nodularity score, and the score of a
smooth surface.

Assumption: 0.5 mm at the score of a healthy liver, 1.5 mm in cirrhosis, as in `distributions.STAGES`."""

PERFUSION, PERFUSION_B = 0.20, 500.0
"""Share of the liver's signal from moving blood, and the b-value [s/mm2] for which its marker is stated.

S_b / S_0 = (1 - f) exp(-b D) + f exp(-b D*), and D* is so large that blood has left the signal from 50 s/mm2
on. The apparent coefficient therefore falls with b, as it differs between sites.
Assumption: a share of 20 %, the middle of the values in use for the liver."""

DIFFUSION_MM2_S = {
    **{"fat": 0.2e-3, "muscle": 1.5e-3, "marrow": 0.4e-3, "vessel": 3.0e-3, "spleen": 0.9e-3},
    **{"stomach": 2.8e-3, "bowel": 1.6e-3, "cortex": 2.1e-3, "medulla": 1.9e-3, "gall bladder": 3.0e-3},
    **{"fluid": 3.0e-3, "heart": 1.6e-3},
}
"""Coefficient of diffusion by tissue [mm2/s].

Assumption: round values of the abdomen's reviews, recalled; only differences from the liver matter."""

FLIP_RAD, REPETITION_S = np.deg2rad(70), 0.150
"""T1-weighted: a spoiled gradient echo in two dimensions."""

ECHO_S = {(3.0, False): 2.30e-3, (3.0, True): 1.15e-3, (1.5, False): 4.60e-3, (1.5, True): 2.30e-3}
"""Echo time [s] by field [T] and by whether water and fat are opposed."""

T2_ECHO_S, T2_REPETITION_S, DWI_ECHO_S, DWI_REPETITION_S = 0.080, 2.5, 0.060, 4.0
"""T2-weighted fast spin echo and diffusion: echo and repetition times [s]. Fat is suppressed in both."""

FAT_LEFT = 0.15
"""Share of the signal of fat that suppression leaves."""

VARIATION = 0.03
"""Spread of the other tissues' signals between patients.

Source: T1 of muscle and spleen at 3 T spread by 4 and 2 % (de Bazelaire et al., Radiology 230, 2004)."""

SNR = {"t1w": 40.0, "t2w": 30.0, "dwi": 25.0}
"""Signal of a normal liver over the noise in a voxel of 1.5 x 1.5 x 6 mm, of the diffusion images at b = 0.

Assumption: usual clinical images; the noise falls as the voxel grows."""

REFERENCE_VOXEL_MM3 = 1.5 * 1.5 * 6.0

SHADING = {1.5: 0.05, 3.0: 0.10}
"""Shading (rms) by field [T]. Assumption: what is left after the scanner's own normalisation."""

SHIFT_M = {"x": 2e-3, "y": 3e-3, "z": 5e-3}
"""Spread of the place at which the breath is held, of each sequence on its own [m]."""

IRON_IN_R2 = 0.35
"""Growth of R2 with R2* by iron, as in `dime.simulation.abdominal`."""

NORMAL_R2STAR_PER_S = 60.0
"""Largest R2* at 3 T of a liver without iron overload [1/s]."""


def scan(truth, records, seed, visit=0, outlined=False):
    """Images of one examination.

    Parameters
    ----------
    truth : mapping
        Markers and scanner, a row of the cohort's TRUTH: stage, fat_share, r2star_per_s, t1_ms, t2_ms,
        adc_mm2_s, nodularity, texture, spleen_ml; field_t, b_s_mm2, pixel_mm, slice_mm, opposed.
    records : mapping
        Of the same examination: sex, bmi_kg_m2; t1w, t2w, dwi, whether the sequence was acquired.
    seed : sequence of int
        Determines the body.
    visit : int
        Changes position, breath-holds, gain and noise.
    outlined : bool
        Whether to add where the liver is in the T1-weighted images.

    Returns
    -------
    dict of str -> Image
        The acquired ones of `SEQUENCES`, in arbitrary units; "liver", its share of each voxel, if wanted.
    """
    known = {
        "sex": records["sex"],
        "bmi": float(np.clip(records["bmi_kg_m2"], 18, 38)),  # larger bodies leave the field of view
        "fat_share": float(truth["fat_share"]),
        "spleen": float(truth["spleen_ml"]) / HEALTHY_SPLEEN_ML,
        "nodularity_m": RIPPLE_M * max(float(truth["nodularity"]) - SMOOTH_SCORE, 0.1),
    }
    person = draw_subject(seed, truth["stage"], known=known)
    rng = np.random.default_rng([*seed, 20, visit])
    place = rng.uniform(-0.01, 0.01, 2)
    variation = np.exp(VARIATION * np.random.default_rng([*seed, 21]).standard_normal((2, len(TISSUES))))
    patches = [_patches(truth, seed, index) for index in range(LEVELS)]
    images = {}
    for sequence in SEQUENCES:
        one = np.random.default_rng([*seed, 22, visit, SEQUENCES.index(sequence)])
        shift = {axis: reach * one.standard_normal() for axis, reach in SHIFT_M.items()}
        if not records[sequence]:
            continue
        table = _signals(sequence, truth, variation)
        at = place + np.array([shift["x"], shift["y"]])
        fine = FINE_LEVEL if sequence == "t1w" else None
        slices = [
            _slice(person, table, patches[k], k, at, shift["z"], truth, FINE_GRID_M if k == fine else GRID_M)
            for k in range(LEVELS)
        ]
        clean = np.stack(slices, axis=1)[:, ::-1]  # from the feet to the head
        images[sequence] = _recorded(clean[:-1], sequence, truth, one)
        if outlined and sequence == "t1w":
            images["liver"] = Image(clean[-1], images[sequence].spacing_m)
    return images


def _slice(person, table, patches, index, place, rise_m, truth, grid_m):
    """Signals (image, y, x) of one slice without noise, on the scanner's pixels; last the share of liver."""
    height = MIDDLE_M + ((LEVELS - 1) / 2 - index) * STEP_M - rise_m
    canvas, _ = paint(person, height, index, grid_m)
    signals = table[:, canvas.tissue]
    liver = canvas.tissue == ID["liver"]
    if liver.any():
        signals[:, liver] *= np.exp(truth["texture"] * patches(canvas.x[liver], canvas.y[liver]))
    signals = np.concatenate([signals, liver[None]])
    pixel_m = truth["pixel_mm"] * 1e-3
    sizes = [2 * round(reach / pixel_m / 2) for reach in FIELD_OF_VIEW_M]
    rows, columns = (
        resampling(canvas.tissue.shape[axis], grid_m, sizes[axis], pixel_m, -place[1 - axis])
        for axis in (0, 1)
    )
    return rows @ signals @ columns.T


def _patches(truth, seed, index):
    """Texture of the parenchyma in one slice, the same for every sequence and breath."""
    rng = np.random.default_rng([*seed, 23, index])
    return Texture.draw(rng.uniform(0.010, 0.025), rng, patchiness=0.8)


def _signals(sequence, truth, variation):
    """Signal (image, tissue) of every tissue, relative to a normal liver's in the first image of the pair."""
    field_t, b = truth["field_t"], truth["b_s_mm2"]
    table, normal = signal.RELAXATION[field_t], signal.RELAXATION[3.0]["liver"]
    iron = max(truth["r2star_per_s"] - NORMAL_R2STAR_PER_S, 0) * field_t / 3  # it grows with the field
    own = table["liver"]
    t2_s = own.t2_s * 1e-3 * truth["t2_ms"] / normal.t2_s
    liver = own._replace(
        t1_s=own.t1_s * 1e-3 * truth["t1_ms"] / normal.t1_s,
        t2_s=1 / (1 / t2_s + IRON_IN_R2 * iron),
        r2star_per_s=own.r2star_per_s + iron,
    )
    of, echo_s, fat_left = _sequence(sequence, field_t, bool(truth["opposed"]))
    values = np.zeros((1 if sequence != "dwi" else 2, len(TISSUES)))
    for number, name in enumerate(TISSUES):
        if name not in table:
            continue
        one = of(liver if name == "liver" else table[name])
        one = one * fat_left if name == "fat" else one
        if name == "liver":
            fat = of(table["fat"]._replace(r2star_per_s=liver.r2star_per_s)) * fat_left
            one = signal.water_and_fat(one, fat, truth["fat_share"], field_t, echo_s)
        values[:, number] = one / of(own)
        if name != "liver":
            values[:, number] *= variation[0, number]
        if sequence == "dwi":
            values[1, number] *= _decay(name, truth, b, variation[1, number])
    return values


def _sequence(sequence, field_t, opposed):
    """How a sequence turns a tissue into its signal; its echo time for the beat of fat [s]; share of fat."""
    if sequence == "t1w":
        echo_s = ECHO_S[field_t, opposed]
        return (
            lambda t: signal.spoiled_gradient_echo(
                t.proton_density, t.t1_s, t.r2star_per_s, FLIP_RAD, REPETITION_S, echo_s
            ),
            echo_s,
            1.0,
        )
    times = (T2_REPETITION_S, T2_ECHO_S) if sequence == "t2w" else (DWI_REPETITION_S, DWI_ECHO_S)
    return lambda t: signal.spin_echo(t.proton_density, t.t1_s, t.t2_s, *times), 0.0, FAT_LEFT


def _decay(name, truth, b, variation):
    """Share of the signal that diffusion leaves at a b-value [s/mm2]."""
    if name != "liver":
        return np.exp(-b * DIFFUSION_MM2_S[name] * variation)
    # At PERFUSION_B the apparent coefficient is the marker's: exp(-b adc) = (1 - f) exp(-b d).
    d = truth["adc_mm2_s"] + np.log(1 - PERFUSION) / PERFUSION_B
    return (1 - PERFUSION) * np.exp(-b * d)


def _recorded(clean, sequence, truth, rng):
    """The image that the scanner stores: shaded, noisy (Rician), in a unit of its own."""
    pixel_m = truth["pixel_mm"] * 1e-3
    shape = clean.shape[2:]
    shading = np.exp(
        SHADING[truth["field_t"]] * unit_rms(random_polynomial(shape, pixel_m, rng), np.ones(shape, bool))
    )
    voxel = truth["pixel_mm"] ** 2 * truth["slice_mm"]
    sigma = REFERENCE_VOXEL_MM3 / voxel / SNR[sequence] * (1.4 if truth["field_t"] == 1.5 else 1.0)
    noise = sigma * rng.standard_normal((2, *clean.shape), dtype=np.float32)
    values = np.hypot(clean * shading + noise[0], noise[1]) * rng.uniform(200, 2000)
    spacing_m = (STEP_M, pixel_m, pixel_m)
    if sequence == "dwi":
        return Image(values.astype(np.float32), spacing_m, (0.0, float(truth["b_s_mm2"])))
    return Image(values[0].astype(np.float32), spacing_m, None)
