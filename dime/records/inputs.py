"""What the networks see of examinations: from a table and a folder of images to readings and fields."""

from pathlib import Path

import numpy as np
import torch

from dime.records.columns import LABEL
from dime.records.frame import framed
from dime.records.reader import load_reader, read
from dime.records.scans import find_images, read_images
from dime.records.surface import load_outliner, roughness_of
from dime.records.table import check_present, fields, read_table
from dime.records.training import COLUMNS, Examples

READER, OUTLINER = "reader", "outliner"
"""Names of the two networks that read images, in the folder of a model."""


def examinations(table, images, require=()):
    """Read and check a table, and say in it which sequences have a file.

    Parameters
    ----------
    table : path or DataFrame
        As `table.read_table`.
    images : path or None
        Folder of the examinations' folders; None: the records alone.
    require : names of columns

    Returns
    -------
    DataFrame
        As `table.read_table`, one row an examination.

    Raises
    ------
    FileNotFoundError, ValueError
        As `table.read_table`, `scans.find_images` and `table.check_present`.
    """
    found = find_images(read_table(table, require), images)
    check_present(found, table if isinstance(table, str | Path) else "table")
    return found


def load_readers(folder):
    """The reader and the outliner in the folder of a model; raises as `checkpoints.load_model`."""
    return load_reader(Path(folder) / READER)[0], load_outliner(Path(folder) / OUTLINER)[0]


def read_folder(records, images_folder, reader, outliner):
    """What is read from the images of each examination.

    Parameters
    ----------
    records : DataFrame
        From `examinations`, n rows.
    images_folder : path or None
        None: no images.
    reader, outliner : networks
        From `load_readers`.

    Returns
    -------
    (n, 33) float32 array
        As `read_arrays`.

    Raises
    ------
    FileNotFoundError, ValueError
        As `scans.read_images`.
    """
    found = np.full((len(records), COLUMNS), np.nan, np.float32)
    for row, exam in enumerate(records["exam"]):
        if images_folder is not None and (images := read_images(images_folder, exam)):
            one = framed(images)
            found[row] = read_arrays(one.volume[None], one.surface[None], reader, outliner)[0]
    return found


def read_arrays(volume, surface, reader, outliner):
    """What is read from framed images, volume (n, 3, 8, 48, 72) and surface (n, 128, 128).

    Returns
    -------
    (n, 33) float32 array
        The readings of each group of patches (`tokens.GROUPS`), and the roughness [1/m] of the liver's
        surface. NaN where a sequence is absent, or no surface was found.
    """
    readings = read(reader, volume, surface).reshape(len(volume), -1)
    return np.column_stack([readings, roughness_of(outliner, surface)]).astype(np.float32)


def examples_of(records, images):
    """Examinations as the networks see them (`training.Examples`).

    records : DataFrame with n rows, whose stiffness_kpa [kPa] is NaN where it is not known
    images : (n, 33) array, from `read_folder`, or (n, pixel) tensor
    """
    parts = fields(records), np.log(records[LABEL].to_numpy(float))
    return Examples(torch.as_tensor(images), *(torch.from_numpy(part.astype(np.float32)) for part in parts))
