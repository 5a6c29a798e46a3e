"""The commands of the diffusion wing: a first run without own data; bad input writes nothing."""

import json

import meshio
import numpy as np
import pytest
from membrane_fits import GRID, SEQUENCE, STEPS, measured, walk, walk_instead

from dime.diffusion import estimate, example
from dime.diffusion.inputs import gather
from dime.diffusion.mesh_file import read_mesh
from dime.diffusion.sequence_file import read_sequence
from dime.files import yaml12


@pytest.fixture
def walked(monkeypatch):
    """Fits that need no search, and where they stop."""
    return walk_instead(monkeypatch)


@pytest.fixture
def folder(tmp_path):
    """A folder with signal.csv, SEQ.yaml and mesh.vtu."""
    np.savetxt(tmp_path / "signal.csv", measured())
    (tmp_path / "SEQ.yaml").write_text(json.dumps(SEQUENCE))
    meshio.Mesh(GRID.points_um, [("tetra", GRID.tetrahedra)]).write(tmp_path / "mesh.vtu")
    return tmp_path


WORDS = "diffusion signal.csv --sequence SEQ.yaml --mesh mesh.vtu --noise 0.01 -o out.vtu".split()
MADE = {"out.vtu", "out-membranes.vtu", "out.json", "out.png"}
GIVEN = {"signal.csv", "SEQ.yaml", "mesh.vtu"}


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_membranes_are_written_as_meshes_numbers_and_a_picture(walked, folder, here):
    done = here(*WORDS, "--fits", "3", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "out.vtu: 3 fits, chi up to 3.17" in done.stdout and "mirror image" in done.stdout
    assert names(folder) == GIVEN | MADE
    cells = meshio.read(folder / "out.vtu")
    np.testing.assert_array_equal(cells.cells_dict["tetra"], GRID.tetrahedra)
    assert set(cells.cell_data) == {"label"} and cells.cell_data["label"][0].min() == 0
    faces = meshio.read(folder / "out-membranes.vtu")
    data = {name: values[0] for name, values in faces.cell_data.items()}
    assert set(data) == {"permeability_um_per_ms", "membrane", "share", "outside"}
    held, inner = data["membrane"] == 1, data["outside"] == 0
    assert (data["permeability_um_per_ms"][held & inner] < 1).all()
    assert (data["share"] > 0).all()
    said = json.loads((folder / "out.json").read_text())
    assert said["membranes"] == (held & inner).sum() and said["held_by_any"] == inner.sum()
    assert said["outer_membranes"] == (held & ~inner).sum()
    assert said["chi"] == pytest.approx(1 + 1 / STEPS) and len(said["chi_of_fits"]) == 3
    assert "the membranes do not explain the signal" in said["warnings"][0]
    assert said["seed"] == 0 and said["noise_from"] == "stated" and set(said["versions"]) >= {"dime", "torch"}
    assert (folder / "out.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_a_membrane_is_written_too(walked, folder, here, monkeypatch):
    def fit(*given):
        one = walk(*given[1:3], None, 0.01, given[4], None, given[-1])
        return one._replace(membrane=np.zeros_like(one.membrane))

    assert here(*WORDS, cwd=folder).returncode == 0 and names(folder) == GIVEN | MADE
    monkeypatch.setattr(estimate, "_fit", fit)
    for _ in range(2):  # in place of one with membranes, and of one without
        done = here(*WORDS, cwd=folder)
        assert done.returncode == 0 and "0 faces are membranes, 1 compartment," in done.stdout, done.stderr
        said = json.loads((folder / "out.json").read_text())["warnings"]
        assert "no face is a membrane: nothing was found" in said
        assert names(folder) == GIVEN | MADE - {"out-membranes.vtu"}


def test_ctrl_c_leaves_a_file_from_which_the_same_call_goes_on(walked, folder, here):
    walked[0] = 4
    done = here(*WORDS, cwd=folder)
    assert done.returncode == 130 and done.stderr == "dime: stopped\n"
    assert names(folder) == GIVEN | {"out.partial.npz"}
    done = here(*WORDS[:-1], "other.vtu", cwd=folder)
    assert done.returncode == 130
    walked.clear()
    assert here(*WORDS, cwd=folder).returncode == 0
    assert names(folder) == GIVEN | MADE | {"other.partial.npz"}
    first = (folder / "out.json").read_bytes()
    assert here(*WORDS, cwd=folder).returncode == 0 and (folder / "out.json").read_bytes() == first


def test_a_stopped_run_that_is_another_or_broken_is_one_line(walked, folder, here):
    walked[0] = 4
    here(*WORDS, cwd=folder)
    walked.clear()
    before = (folder / "out.partial.npz").read_bytes()
    np.savetxt(folder / "signal.csv", measured() - 0.01)
    done = here(*WORDS, cwd=folder)
    assert done.returncode == 2 and "out.partial.npz: expected a fit of the same signal" in done.stderr
    assert (folder / "out.partial.npz").read_bytes() == before
    (folder / "out.partial.npz").write_bytes(before[:300])
    done = here(*WORDS, cwd=folder)
    assert done.returncode == 2 and "found a broken file; delete it" in done.stderr
    assert done.stderr.strip().count("\n") == 0 and names(folder) == GIVEN | {"out.partial.npz"}


def test_nothing_is_written_where_a_picture_cannot_be(walked, folder, here, monkeypatch):
    from dime.diffusion import report

    def fail(result):
        raise OSError("no room for a picture")

    monkeypatch.setattr(report, "drawn", fail)
    done = here(*WORDS, cwd=folder)
    assert done.returncode == 2 and "no room for a picture" in done.stderr
    assert names(folder) == GIVEN | {"out.partial.npz"}  # the fit is not lost


def text(name, content):
    return lambda folder: (folder / name).write_text(content)


def yaml(**changes):
    return text("SEQ.yaml", json.dumps({"blocks": [SEQUENCE["blocks"][0] | changes]}))


def numbers(values):
    return lambda folder: np.savetxt(folder / "signal.csv", values)


def mesh(points_um, *cells):
    blocks = [(kind, np.array(data)) for kind, data in cells]
    return lambda folder: meshio.Mesh(points_um, blocks).write(folder / "mesh.vtu")


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:400])


def given(*words):
    return lambda folder: words


def put(value):
    return [value, *measured()[1:]]


CORNERS = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9], [2, 2, 5.0], [4.5, 0, 0], [0, -9, 0]])
CUBE = np.stack(np.meshgrid(*[[0, 9.0]] * 3, indexing="ij"), -1).reshape(-1, 3)[[0, 4, 6, 2, 1, 5, 7, 3]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (numbers(measured()[1:]), "signal.csv: expected 12 numbers, as the sequence says, found 11"),
        (numbers(put(np.nan)), "signal.csv: expected finite values, found 1 that are not, first number 1"),
        (numbers(put(1.2)), "signal.csv: signal above 1: expected at most 1 + 5 times the noise of 0.01"),
        (numbers(put(-0.2)), "signal.csv: signal below 0"),
        (numbers(1000 * measured()), "signal.csv: signal above 1"),
        (text("signal.csv", "high, low"), "signal.csv: expected numbers, found 'none'"),
        (text("SEQ.yaml", "blocks: ["), "SEQ.yaml"),
        (text("SEQ.yaml", "bloks: []"), "SEQ.yaml: bloks: unknown, expected blocks"),
        (yaml(echo_ms=80), "SEQ.yaml: blocks: number 1: echo_ms: unknown, expected duration_ms"),
        (yaml(duration_ms=0.01), "duration_ms: expected 0.1 to 200 ms, found 0.01"),
        (yaml(separation_ms=60_000), "separation_ms: expected 0.1 to 5000 ms, found 60000"),
        (yaml(separation_ms=5), "separation_ms: expected at least the duration of 10 ms, found 5"),
        (yaml(b_ms_per_um2=[-1, 3]), "b_ms_per_um2: expected 0 to 100 ms/um2 (1 is 1000 s/mm2), found -1"),
        (yaml(b_ms_per_um2=[1000, 3000]), "b_ms_per_um2: expected 0 to 100 ms/um2"),
        (yaml(duration_ms=0.5, separation_ms=1), "expected timings and b-values within 10000 mT/m"),
        (yaml(directions=[[0, 0, 0]]), "directions: number 1: expected a vector with a length, found 0"),
        (
            mesh(CUBE, ("hexahedron", [range(8)])),
            "mesh.vtu: expected tetrahedra of four points alone, found hex",
        ),
        (
            mesh(CORNERS, ("tetra", [[0, 1, 2, 3], [0, 1, 2, 4]])),
            "mesh.vtu: mesh: expected tetrahedra that do not",
        ),
        (mesh(CORNERS, ("tetra", [[0, 5, 2, 3], [5, 1, 2, 3], [0, 1, 6, 3]])), "expected a conforming mesh"),
        (
            mesh(CORNERS / 1e4, ("tetra", [[0, 1, 2, 3]])),
            "mesh.vtu: points: expected um, edges of 0.1 to 1000",
        ),
        (cut("mesh.vtu"), "mesh.vtu: expected a whole mesh, found a broken or another file"),
        (given("diffusion", "none.csv", *WORDS[2:]), "none.csv: no such file"),
        (given(*WORDS, "--sequence", "none.yaml"), "none.yaml: no such file"),
        (given(*WORDS, "--mesh", "none.vtu"), "none.vtu: no such file"),
        (given(*WORDS, "--mesh", "lattice:1"), "lattice:1: expected lattice:CELLS"),
        (given(*WORDS, "--mesh", "lattice:9"), "with 2 to 8 cells per side"),
        (given(*WORDS, "-o", "out.vtk"), "out.vtk: expected a name that ends in .vtu"),
        (given(*WORDS, "-o", "none/out.vtu"), "none: no such folder"),
        (
            given(*WORDS, "-o", "mesh.vtu"),
            "mesh.vtu: expected a new name or an earlier result, found mesh.vtu, which",
        ),
        (given(*WORDS, "--noise", "-0.01"), "noise: expected above 0 and at most 0.5"),
        (given(*WORDS, "--fits", "0"), "fits: expected at least 1, found 0"),
        (given(*WORDS, "--seed", "-3"), "seed: expected at least 0, found -3"),
        (given(*WORDS, "--method", "magic"), "method: expected labels or faces, found 'magic'"),
        (given(*WORDS[:-2]), "Missing option '-o'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(folder, here, change, message):
    words = change(folder)
    before = names(folder)
    done = here(*(words if isinstance(words, tuple) else WORDS), cwd=folder)
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert done.stderr.strip().count("\n") == 0 and names(folder) == before


def test_files_of_others_are_not_replaced(walked, folder, here):
    (folder / "out.png").write_text("mine")
    done = here(*WORDS, cwd=folder)
    assert done.returncode == 2 and "found out.png of another" in done.stderr
    assert (folder / "out.png").read_text() == "mine" and names(folder) == GIVEN | {"out.png"}


def test_an_example_is_made_more_finely_and_read_as_it_was_meant(tmp_path, here):
    done = here("diffusion-example", "made", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "dime diffusion made/signal.csv --sequence made/SEQ.yaml --mesh lattice:4" in done.stdout
    assert names(tmp_path / "made") == set(example.NAMES)
    sequence = read_sequence(tmp_path / "made/SEQ.yaml")
    data = gather(tmp_path / "made/signal.csv", sequence)
    assert len(data.signal) == 150 and data.noise == pytest.approx(example.NOISE, rel=0.3)
    free = np.exp(-2 * yaml12.read(tmp_path / "made/SEQ.yaml")["blocks"][0]["b_ms_per_um2"][1])
    assert free < data.signal[::5].mean() < 1  # hindered, and weighted by b = 1
    truth = meshio.read(tmp_path / "made/truth.vtu")
    assert len(truth.cells_dict["tetra"]) == len(read_mesh(example.MESH).tetrahedra)
    assert set(truth.cell_data["label"][0]) == {0, 1}
    (tmp_path / "made/notes.txt").write_text("mine")
    done = here("diffusion-example", "made", cwd=tmp_path)
    assert done.returncode == 2 and "found notes.txt" in done.stderr
