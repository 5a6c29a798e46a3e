"""Simulate bodies whose tissue is drawn evenly and independently of any disease: what a reader learns from.

No patient, stage or stiffness is in them. Their images teach a network to read tissue, so that the patients'
few hundred readings of stiffness need not teach it that too.
"""

from functools import partial

import numpy as np
import xarray as xr

from dime.files import datasets
from dime.phantoms.distributions import LogUniform, Uniform
from dime.processes import run_all
from dime.records import frame, images
from dime.records.columns import SEQUENCES

QUANTITIES = {
    "t1_ms": Uniform(620, 1080),
    "t2_ms": Uniform(25, 50),
    "adc_mm2_s": Uniform(0.7e-3, 1.9e-3),
    "nodularity": Uniform(1.2, 4.0),
    "texture": Uniform(0.0, 0.35),
    "spleen_ml": LogUniform(90, 900),
    "fat_share": LogUniform(0.005, 0.45),
    "r2star_per_s": LogUniform(28, 110),
}
"""What is read, at 3 T. Assumption: even, over somewhat more than the range of patients."""

SCANNER = {"b_s_mm2": Uniform(500, 800), "pixel_mm": Uniform(1.2, 1.8), "slice_mm": Uniform(4, 8)}
"""Scanners of every kind. Source: the range of the sites in `distributions`."""

BMI = Uniform(17, 42)

LOGARITHMIC = ("spleen_ml", "fat_share", "r2star_per_s")
"""Quantities that are learnt as logarithms."""


def simulate(count, seed, path, workers=2):
    """Simulate bodies to a zarr folder.

    Parameters
    ----------
    count, seed : int
    path : path
        Zarr folder; replaced if it exists.
    workers : int
        Processes.

    Returns
    -------
    xarray.Dataset
        As written: volume (body, sequence, z, y, x), surface and liver (body, v, u) of `frame.framed`; tissue
        (body, quantity), `QUANTITIES`, those of `LOGARITHMIC` as natural logarithms.
    """
    found = run_all([partial(_body, seed, number) for number in range(count)], workers, "bodies")
    volume, surface, liver, tissue = (np.stack(part) for part in zip(*found, strict=True))
    data = xr.Dataset(
        {
            "volume": (("body", "sequence", "z", "y", "x"), volume),
            "surface": (("body", "v", "u"), surface),
            "liver": (("body", "v", "u"), liver),
            "tissue": (("body", "quantity"), tissue),
        },
    )
    datasets.write(data, path)
    return data


def _body(seed, number):
    rng = np.random.default_rng([seed, number])
    truth = {name: law.draw(rng) for name, law in (QUANTITIES | SCANNER).items()}
    truth |= {"stage": "F0", "field_t": float(rng.choice([1.5, 3.0])), "opposed": bool(rng.random() < 0.5)}
    person = {"sex": str(rng.choice(["female", "male"])), "bmi_kg_m2": BMI.draw(rng)}
    person |= dict.fromkeys(SEQUENCES, True)
    seen = frame.framed(images.scan(truth, person, (seed, number), outlined=True))
    tissue = [np.log(truth[name]) if name in LOGARITHMIC else truth[name] for name in QUANTITIES]
    return *seen, np.array(tissue)
