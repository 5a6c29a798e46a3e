"""Meshes come back from every kind of file; what is no conforming mesh of tetrahedra in um is refused."""

import meshio
import numpy as np
import pytest

from dime.diffusion.grid import lattice
from dime.diffusion.mesh_file import read_mesh

GRID = lattice(2)


def write(path, points_um=GRID.points_um, tetrahedra=GRID.tetrahedra, more=()):
    meshio.Mesh(points_um, [("tetra", tetrahedra), *more]).write(path)
    return path


@pytest.mark.parametrize("ending", [".vtu", ".vtk", ".msh"])
def test_a_mesh_comes_back_from_a_file_of_any_kind(tmp_path, ending, capsys):
    found = read_mesh(write(tmp_path / f"mesh{ending}"))
    np.testing.assert_allclose(found.points_um, GRID.points_um)
    np.testing.assert_array_equal(found.tetrahedra, GRID.tetrahedra)
    assert capsys.readouterr().out == ""


def test_a_file_of_the_originals_form_is_read(tmp_path):
    np.savez(tmp_path / "mesh.npz", points_um=GRID.points_um, tetrahedra=GRID.tetrahedra)
    assert len(read_mesh(tmp_path / "mesh.npz").faces) == len(GRID.faces)


def test_triangles_and_points_beside_the_tetrahedra_are_left_out(tmp_path):
    points = np.concatenate([[[99.0, 0, 0]], GRID.points_um])
    triangles = [("triangle", GRID.outer_faces + 1)]
    found = read_mesh(write(tmp_path / "mesh.vtu", points, GRID.tetrahedra + 1, triangles))
    np.testing.assert_allclose(found.points_um, GRID.points_um)
    np.testing.assert_array_equal(found.tetrahedra, GRID.tetrahedra)


def test_the_lattice_is_built_in():
    assert len(read_mesh("lattice:4").tetrahedra) == 576
    edges = [np.ptp(read_mesh(f"lattice:3{size}").points_um, 0)[0] for size in ("", ":10")]
    np.testing.assert_allclose(edges, [20, 30])


@pytest.mark.parametrize(
    "name", ["lattice:", "lattice:1", "lattice:four", "lattice:9", "lattice:4:0", "lattice:4:6:1"]
)
def test_a_lattice_that_cannot_be_is_refused(name):
    with pytest.raises(ValueError, match=r"expected lattice:CELLS or lattice:CELLS:SPACING_UM, with 2 to 8 "):
        read_mesh(name)


CORNERS = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9], [2, 2, 5.0], [9, 9, 9], [9, 9, 0]])
CUBE = np.stack(np.meshgrid([0, 1.0], [0, 1.0], [0, 1.0], indexing="ij"), -1).reshape(-1, 3)[
    [0, 4, 6, 2, 1, 5, 7, 3]
]


@pytest.mark.parametrize(
    ("points_um", "cells", "message"),
    [
        (CUBE, [("hexahedron", [range(8)])], "expected tetrahedra of four points alone, found hexahedron"),
        (CUBE, [("triangle", [[0, 1, 2]])], "expected tetrahedra, found none"),
        (CORNERS, [("tetra", [[0, 1, 2, 3], [0, 1, 2, 4]])], "expected tetrahedra that do not overlap"),
        (CORNERS * [1, 1, 0], [("tetra", [[0, 1, 2, 3]])], "expected volume, found number 0 flat"),
        (CORNERS, [("tetra", [[0, 1, 2, 3], [1, 2, 6, 5]])], "expected one piece, found 2"),
        (
            1e-3 * GRID.points_um,
            [("tetra", GRID.tetrahedra)],
            "points: expected um, edges of 0.1 to 1000, found",
        ),
        (
            1e3 * GRID.points_um,
            [("tetra", GRID.tetrahedra)],
            "points: expected um, edges of 0.1 to 1000, found",
        ),
        (  # a cube of 60 um in mm
            1e-3 * lattice(3, 20.0).points_um,
            [("tetra", lattice(3).tetrahedra)],
            "points: expected um, edges of 0.1 to 1000, found 0.0173",
        ),
        (np.nan * GRID.points_um, [("tetra", GRID.tetrahedra)], "points: expected finite numbers"),
    ],
)
def test_what_is_no_conforming_mesh_is_refused_with_the_name_of_its_file(tmp_path, points_um, cells, message):
    meshio.Mesh(points_um, [(kind, np.array(data)) for kind, data in cells]).write(tmp_path / "mesh.vtk")
    with pytest.raises(ValueError) as error:
        read_mesh(tmp_path / "mesh.vtk")
    assert f"{tmp_path / 'mesh.vtk'}: " in str(error.value) and message in str(error.value)


def test_a_point_inside_an_edge_is_refused(tmp_path):
    """Two halves of a tetrahedron beside a whole one, which does not know the point between them."""
    points = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [0, 0, 4], [2, 0, 0], [0, -4, 0.0]])
    cells = [[0, 4, 2, 3], [4, 1, 2, 3], [0, 1, 5, 3]]
    path = write(tmp_path / "mesh.vtu", points, np.array(cells))
    with pytest.raises(ValueError, match=r"mesh\.vtu: mesh: expected a conforming mesh, found"):
        read_mesh(path)


@pytest.mark.parametrize("ending", ["vtu", "vtk", "msh", "npz"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_file_that_is_cut_off_is_one_line(tmp_path, ending, share, capsys):
    path = tmp_path / f"mesh.{ending}"
    if ending == "npz":
        np.savez(path, points_um=GRID.points_um, tetrahedra=GRID.tetrahedra)
    else:
        write(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=rf"mesh\.{ending}: expected a") as error:
        read_mesh(path)
    assert "\n" not in str(error.value) and capsys.readouterr() == ("", "")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "mesh.doc").write_text("cells")
    with pytest.raises(ValueError, match=r"mesh\.doc: expected a mesh, such as \.vtu"):
        read_mesh(tmp_path / "mesh.doc")
    with pytest.raises(FileNotFoundError, match=r"none\.vtu: no such file"):
        read_mesh(tmp_path / "none.vtu")
    np.savez(tmp_path / "mesh.npz", points_um=GRID.points_um)
    with pytest.raises(ValueError, match=r"expected points_um and tetrahedra, found no tetrahedra"):
        read_mesh(tmp_path / "mesh.npz")
    np.savez(tmp_path / "mesh.npz", points_um=GRID.points_um, tetrahedra=1.0 * GRID.tetrahedra)
    with pytest.raises(ValueError, match=r"expected points_um as numbers and tetrahedra as whole numbers"):
        read_mesh(tmp_path / "mesh.npz")
