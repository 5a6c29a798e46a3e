"""Write magnitude images of a simulated brain with their sequences and fields, to try the estimate on.

They are not made as the estimate takes them: the anatomy has a grid four times finer than the images, which
have noise. The spoiling of the pulses is stated, and the estimate has it too (`dime.brain.epg`).
"""

import re
from pathlib import Path

import nibabel
import numpy as np
from ruamel.yaml import YAML

from dime.brain.anatomy import EXTENT_M, FINE, draw, fractions_of
from dime.brain.scanner import acquire, add_noise, original_fields, reference_signal
from dime.brain.sequence_file import Sequences, written
from dime.brain.sequences import COMBINATIONS, Train
from dime.brain.tissues import TISSUES, mixed
from dime.files.folders import check_own
from dime.files.whole import whole

SEQUENCES = Sequences(Train(), COMBINATIONS["+ T2"], simulator="epg")
"""Four inversion recoveries and four T2 preparations of the original."""

SNR = 50.0
"""Largest signal over the noise of a channel."""

BRIGHTEST = 1000.0
"""Value of the largest signal in the files, whose unit is arbitrary as a scanner's."""

SEED = 7

NAMES = (
    "SEQ.yaml",
    *(f"image-{place}.nii.gz" for place in range(1, len(SEQUENCES.contrasts) + 1)),
    *(f"{name}.nii.gz" for name in ("b1", "b0", "mask")),
    *(f"truth/{tissue}.nii.gz" for tissue in TISSUES),
)
"""What `write` writes."""


def write(folder, seed=SEED):
    """Write an example, whole or not at all; an earlier one is replaced.

    Parameters
    ----------
    folder : path
        Receives image-1.nii.gz to image-8.nii.gz (magnitudes in an arbitrary unit), b1.nii.gz, b0.nii.gz
        [Hz], mask.nii.gz, SEQ.yaml, and the true fractions in truth/.
    seed : int
        Of anatomy and noise.

    Raises
    ------
    ValueError
        The folder holds other files.
    """
    folder = Path(folder).resolve()
    check_own(folder, "|".join(map(re.escape, NAMES)), "an earlier example", marks=NAMES)
    train, contrasts = SEQUENCES.train, SEQUENCES.contrasts
    labels = draw(1, seed)["label"].values[0]
    fine = fractions_of(labels, FINE)
    fields = original_fields(mixed(fine).proton_density)
    images = acquire(fine, contrasts, train, fields=fields, simulator=SEQUENCES.simulator)
    largest = reference_signal(contrasts, train)
    images = add_noise(images, SNR, largest, np.random.default_rng(seed)).abs() * (BRIGHTEST / largest)
    truth = fractions_of(labels, train.lines)
    with whole(folder) as aside:
        (aside / "truth").mkdir(parents=True)
        maps = {f"image-{place}": image for place, image in enumerate(images, 1)}
        maps |= {"b1": _coarse(fields.b1, train.lines), "b0": _coarse(fields.b0_hz, train.lines)}
        maps |= {"mask": truth.sum(0) > 0}
        maps |= {f"truth/{name}": one for name, one in zip(TISSUES, truth, strict=True)}
        for name, values in maps.items():
            _save(aside / f"{name}.nii.gz", values.numpy())
        yaml = YAML()
        yaml.default_flow_style, yaml.width = None, 4096
        with (aside / "SEQ.yaml").open("w") as file:
            yaml.dump(written(SEQUENCES), file)


def _coarse(field, size):
    """Means of a fine field over the voxels of the images."""
    factor = field.shape[0] // size
    return field.reshape(size, factor, size, factor).mean((1, 3))


def _save(path, values):
    """Write a map (y, x), seen from the feet with the front of the head above."""
    size_mm = EXTENT_M / len(values) * 1e3
    image = nibabel.Nifti1Image(values.T.astype(np.float32)[:, :, None], np.diag([-size_mm, -size_mm, 5, 1]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
