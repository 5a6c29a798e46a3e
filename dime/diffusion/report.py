"""Write membranes that were found: meshes for ParaView, numbers as JSON, and a picture."""

import importlib.metadata
import io
from contextlib import ExitStack
from pathlib import Path

import meshio
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dime.files import report
from dime.files.whole import whole
from dime.plotting.membranes import surface

ENDINGS = (".vtu", "-membranes.vtu", ".json", ".png")
"""How the names of what is written go on after OUT."""

UNFINISHED = ".partial.npz"
"""How the name of an unfinished fit goes on."""

KINDS = (("face_points", "membrane", "share"), ("outer_face_points", "outer_membrane", "outer_share"))
"""Variables of the faces between tetrahedra and of those on the outside."""

VERSIONS = ("dime", "numpy", "scipy", "torch")
"""Packages whose versions stand beside the numbers."""


def outputs(output):
    """Paths that `write` writes for OUT.vtu: tuple of pathlib.Path, in the order of `ENDINGS`."""
    output = Path(output)
    return tuple(output.with_name(output.stem + ending) for ending in ENDINGS)


def unfinished(output):
    """Path of the file that keeps an unfinished fit beside OUT.vtu."""
    output = Path(output)
    return output.with_name(output.stem + UNFINISHED)


def check_output(output, inputs=()):
    """Refuse a name that is no VTU file, and to replace anything but an earlier result.

    Parameters
    ----------
    output : path
    inputs : paths
        Files that are read.

    Raises
    ------
    FileNotFoundError, ValueError
    """
    output = Path(output)
    if output.suffix != ".vtu" or output.stem.endswith("-membranes"):
        raise ValueError(f"{output}: expected a name that ends in .vtu, and not in -membranes.vtu")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"{output.parent}: no such folder")
    made = outputs(output)
    read = {Path(path).resolve() for path in inputs}
    for path in made:
        if path.is_dir() or path.resolve() in read:
            found = "a folder" if path.is_dir() else f"{path.name}, which is read"
            raise ValueError(f"{output}: expected a new name or an earlier result, found {found}")
    there = [path.name for path in made if path.exists()]
    needed = [
        path.name for path in made if not path.stem.endswith("-membranes")
    ]  # left out if there are none
    if there and not set(needed) <= set(there):
        raise ValueError(f"{output}: expected a new name or an earlier result, found {there[0]} of another")


def write(result, output):
    """Write the result of `dime.diffusion.estimate.estimate_permeability`, whole or not at all.

    Parameters
    ----------
    result : xarray.Dataset
    output : path
        OUT.vtu, tetrahedra with `label`; OUT-membranes.vtu, triangles that are membranes of any fit, with
        `permeability_um_per_ms` (NaN on the outside), `outside`, `membrane` of the best fit, and `share`,
        left out if there are none, as meshio reads no mesh without cells; OUT.json, see `numbers`; OUT.png.
        Replaces an earlier result.

    Raises
    ------
    FileNotFoundError, ValueError
        See `check_output`.
    OSError
        They cannot be written.
    """
    check_output(output)
    volume, surface_file, *others = outputs(output)
    found = _faces(result)
    with ExitStack() as stack:
        cells, said, picture = (stack.enter_context(whole(path)) for path in (volume, *others))
        write_volume(cells, *(result[name].values for name in ("points_um", "tetrahedron_points", "label")))
        if len(found.cells[0]):
            found.write(stack.enter_context(whole(surface_file)))
        report.write(said, numbers(result))
        picture.write_bytes(drawn(result))
    if not len(found.cells[0]):
        surface_file.unlink(missing_ok=True)  # of an earlier result


def write_volume(path, points_um, tetrahedra, labels):
    """Write tetrahedra with their labels as VTU.

    Parameters
    ----------
    path : path
    points_um : (point, 3) array
    tetrahedra : (tetrahedron, 4) int array
    labels : (tetrahedron,) int array
    """
    columns = {"label": [np.asarray(labels, np.int32)]}
    meshio.Mesh(points_um, [("tetra", tetrahedra)], cell_data=columns).write(path)


def numbers(result):
    """What was found in numbers, as plain values.

    Returns
    -------
    dict
        `chi` of the best fit and `chi_of_fits`; `membranes`, `outer_membranes` and `faces`: how many there
        are; `compartments`; `volume_share` of the cells; with several fits `held_by_all`, how many faces all
        of them hold, and `held_by_any`; `measurements`; `versions`; and the attributes of the result.
    """
    labels = result["label"].values
    corners = result["points_um"].values[result["tetrahedron_points"].values]
    volumes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
    found = {
        "chi": float(result["chi"].min()),
        "chi_of_fits": [float(one) for one in result["chi"]],
        "membranes": int(result["membrane"].sum()),
        "outer_membranes": int(result["outer_membrane"].sum()),
        "faces": result.sizes["face"],
        "compartments": len(np.unique(labels)),
        "volume_share": float(volumes[labels > 0].sum() / volumes.sum()),
        "measurements": result.sizes["measurement"],
        "versions": {name: importlib.metadata.version(name) for name in VERSIONS},
        **result.attrs,
    }
    if "share" in result:
        found["held_by_all"] = int((result["share"] == 1).sum())
        found["held_by_any"] = int((result["share"] > 0).sum())
    return found


def _faces(result):
    """Triangles that are membranes of any fit."""
    triangles, data = [], {"permeability_um_per_ms": [], "membrane": [], "share": [], "outside": []}
    for outside, (points, membrane, share) in enumerate(KINDS):
        held = result[membrane].values
        shared = result[share].values if share in result else held.astype(float)
        chosen = held | (shared > 0)
        kappa = np.full(len(held), np.nan) if outside else result["permeability_um_per_ms"].values
        triangles.append(result[points].values[chosen])
        columns = kappa, held.astype(np.int32), shared, np.full(len(held), outside, np.int32)
        for name, values in zip(data, columns, strict=True):
            data[name].append(values[chosen])
    cells = [("triangle", np.concatenate(triangles))]
    columns = {name: [np.concatenate(values)] for name, values in data.items()}
    return meshio.Mesh(result["points_um"].values, cells, cell_data=columns)


def drawn(result):
    """PNG: the membranes of the best fit from two sides, and what they leave of the signal.

    Where there are several fits, colour shows how many of them hold each face.
    """
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    held = [result[membrane].values for _, membrane, _ in KINDS]
    faces = np.concatenate(
        [result[points].values[one] for (points, *_), one in zip(KINDS, held, strict=True)]
    )
    shares = None
    if "share" in result:
        shares = np.concatenate(
            [result[share].values[one] for (*_, share), one in zip(KINDS, held, strict=True)]
        )
    for column, azimuth_deg in enumerate((-55, 35), 1):
        ax = figure.add_subplot(1, 3, column, projection="3d")
        shown = surface(ax, result["points_um"].values, faces, values=shares, limits=(0, 1))
        ax.view_init(22, azimuth_deg)
        ax.set_title(("membranes", "from another side")[column - 1])
    if shown:
        figure.colorbar(shown, ax=ax, label="share of fits", shrink=0.7)
    ax = figure.add_subplot(1, 3, 3)
    ax.axhspan(-2, 2, color="0.92")
    left = (result["measured"] - result["fitted"]) / result.attrs["noise"]
    ax.plot(result["measured"], left, ".", ms=4)
    ax.set(xlabel="measured signal over that at b = 0", ylabel="(measured - fitted) / noise")
    ax.set_title(f"chi {float(result['chi'].min()):.2f}, {result.sizes['measurement']} measurements")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100, metadata={"Software": None})
    return content.getvalue()
