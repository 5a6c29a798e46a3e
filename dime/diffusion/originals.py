"""The original's geometries as a data set of this project: converted where they are, none elsewhere."""

import numpy as np

from dime.diffusion.geometries import read_reference, reference_folder
from dime.files import report
from dime.files.whole import whole

INDEX = "index.json"
"""File with the list of `names`, which is there even where there is no geometry."""


def convert(output):
    """Write all geometries of the original that are found to a folder, or an empty list.

    Parameters
    ----------
    output : path
        Receives one NumPy file a geometry, in the form of `dime.diffusion.geometries.read_reference`, and
        `INDEX`. It takes its name when it is complete; equal files give equal bytes.

    Returns
    -------
    str
        One line that says what was found.

    Raises
    ------
    ValueError
        A file is not as it was expected; nothing is written then.
    """
    folder = reference_folder()
    paths = [] if folder is None else sorted(folder.glob("*.npz"))
    with whole(output) as aside:
        aside.mkdir()
        for path in paths:
            one = read_reference(path)
            faces = np.concatenate([one.grid.faces[one.membrane], one.grid.outer_faces[one.outer_membrane]])
            content = {"points_um": one.grid.points_um, "tetrahedra": one.grid.tetrahedra}
            np.savez_compressed(aside / path.name, **content, interface_faces=faces)
        report.write(aside / INDEX, {"names": [path.stem for path in paths]})
    if not paths:
        return "geometries of the original: none (see docs/install.md); notebooks will say so"
    return f"geometries of the original: {len(paths)}"
