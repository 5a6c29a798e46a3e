"""The original's geometries become a data set where they are, and an empty list elsewhere."""

import numpy as np
import pytest

from dime.diffusion import originals
from dime.diffusion.geometries import draw, read_reference
from dime.diffusion.grid import lattice
from dime.files import report


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder as the original's, with one geometry."""
    monkeypatch.setenv("DIME_REFERENCE", str(tmp_path / "elsewhere"))
    place = tmp_path / "microstructure"
    place.mkdir()
    one = draw("ball", lattice(3), 100)
    faces = np.concatenate([one.grid.faces[one.membrane], one.grid.outer_faces[one.outer_membrane]])
    mesh = {"points_um": one.grid.points_um, "tetrahedra": one.grid.tetrahedra}
    np.savez(place / "000_r4.5.npz", **mesh, interface_faces=faces[:, ::-1])
    return place, one


def test_a_geometry_comes_back_the_same_each_time(folder, tmp_path):
    assert originals.convert(tmp_path / "out") == "geometries of the original: 1"
    found = read_reference(tmp_path / "out" / "000_r4.5.npz")
    assert found.name == "000_r4.5"
    np.testing.assert_array_equal(found.membrane, folder[1].membrane)
    np.testing.assert_array_equal(found.outer_membrane, folder[1].outer_membrane)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    originals.convert(tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_none_is_an_empty_list(tmp_path, monkeypatch):
    monkeypatch.delenv("DIME_REFERENCE", raising=False)
    assert originals.convert(tmp_path / "out").startswith("geometries of the original: none")
    assert report.read(tmp_path / "out" / originals.INDEX) == {"names": []}


def test_a_broken_geometry_is_named_and_nothing_is_written(folder, tmp_path):
    np.savez(folder[0] / "001.npz", points_um=np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"001\.npz: expected points_um, tetrahedra and interface_faces"):
        originals.convert(tmp_path / "out")
    assert not (tmp_path / "out").exists()
