"""Write a simulated signal with its sequence and the true membranes, to try the estimate on.

It is not made as the estimate takes it: with more modes and steps (`dime.diffusion.acquisition`), with noise,
and in an arbitrary unit as a scanner's.
"""

import re
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from dime.diffusion.acquisition import acquire
from dime.diffusion.geometries import draw
from dime.diffusion.mesh_file import read_mesh
from dime.diffusion.report import write_volume
from dime.diffusion.sequence import pgse
from dime.files.folders import check_own
from dime.files.whole import whole

MESH = "lattice:4"

BLOCK = {"duration_ms": 10, "separation_ms": 60, "b_ms_per_um2": [0, 1, 2, 3, 4, 5], "directions": 30}
"""Timing, b-values and directions of the original, and as many measurements at b = 0."""

NOISE = 0.005
"""Standard deviation relative to the signal at b = 0: SNR 200."""

UNWEIGHTED = 1000.0
"""Value of the signal at b = 0 in the file, whose unit is arbitrary."""

KIND, SEED = "ball", 700

NAMES = ("SEQ.yaml", "signal.csv", "truth.vtu")
"""What `write` writes."""


def write(folder):
    """Write an example, whole or not at all; an earlier one is replaced.

    Parameters
    ----------
    folder : path
        Receives signal.csv, one number a measurement; SEQ.yaml; and truth.vtu, tetrahedra of `MESH` with
        their labels.

    Raises
    ------
    ValueError
        The folder holds other files.
    """
    folder = Path(folder).resolve()
    check_own(folder, "|".join(map(re.escape, NAMES)), "an earlier example", marks=NAMES)
    geometry = draw(KIND, read_mesh(MESH), SEED)
    timing = BLOCK["duration_ms"], BLOCK["separation_ms"]
    blocks = pgse(timing, b_ms_per_um2=BLOCK["b_ms_per_um2"], directions=BLOCK["directions"])
    signal = UNWEIGHTED * acquire(geometry, blocks, NOISE, SEED)
    with whole(folder) as aside:
        aside.mkdir()
        heading = "signal, arbitrary unit; one number a measurement: direction, then b-value"
        np.savetxt(aside / "signal.csv", signal, "%.4f", header=heading)
        write_volume(aside / "truth.vtu", *geometry.grid[:2], geometry.labels)
        yaml = YAML()
        yaml.default_flow_style, yaml.width = None, 4096
        with (aside / "SEQ.yaml").open("w") as file:
            yaml.dump({"blocks": [BLOCK]}, file)
