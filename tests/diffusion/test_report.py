"""What is written of membranes: meshes with the numbers of the result, in place of earlier ones alone."""

import meshio
import numpy as np
import pytest
from membrane_fits import GRID, SEQUENCE

import dime
from dime.diffusion import estimate, report
from dime.diffusion.basis import slow_modes
from dime.diffusion.fit import Fit
from dime.diffusion.geometries import draw
from dime.files.report import read

BALL = draw("ball", GRID, 100)


@pytest.fixture
def result(monkeypatch):
    """Two fits, which find a ball and nothing."""

    def fit(method, operators, blocks, data, seed, number, kept, on_step):
        kappa = BALL.permeability_um_per_ms
        none = np.zeros_like(BALL.membrane), np.zeros_like(BALL.outer_membrane), 0 * BALL.labels
        parts = none if number else (BALL.membrane, BALL.outer_membrane, BALL.labels)
        return Fit(kappa, *parts, 1.0 + number, [], slow_modes(operators, kappa, 60)[1])

    monkeypatch.setattr(estimate, "_start", lambda *given: {})
    monkeypatch.setattr(estimate, "_fit", fit)
    signal = np.tile([0.5, 0.2], 6)
    with pytest.warns(UserWarning):
        return dime.estimate_permeability(signal, SEQUENCE, GRID, noise=0.01, fits=2)


def test_the_meshes_hold_cell_and_membranes(result, tmp_path):
    report.write(result, tmp_path / "out.vtu")
    cells, faces = (meshio.read(tmp_path / name) for name in ("out.vtu", "out-membranes.vtu"))
    np.testing.assert_array_equal(cells.cell_data["label"][0], BALL.labels)
    expected = np.concatenate([GRID.faces[BALL.membrane], GRID.outer_faces[BALL.outer_membrane]])
    np.testing.assert_array_equal(faces.cells_dict["triangle"], expected)
    data = {name: values[0] for name, values in faces.cell_data.items()}
    inner = data["outside"] == 0
    assert (
        inner.sum() == BALL.membrane.sum() and (data["share"] == 0.5).all() and (data["membrane"] == 1).all()
    )
    np.testing.assert_allclose(data["permeability_um_per_ms"][inner], 0.01)
    assert np.isnan(data["permeability_um_per_ms"][~inner]).all()
    said = read(tmp_path / "out.json")
    assert said["volume_share"] == pytest.approx(BALL.labels.mean()) and said["compartments"] == 2
    assert said["held_by_all"] == 0 and said["held_by_any"] == BALL.membrane.sum()
    assert said["chi_of_fits"] == [1, 2] and said["mirror"] is True


def test_the_same_result_gives_the_same_files(result, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        report.write(result, tmp_path / name / "out.vtu")
    first, second = ([path.read_bytes() for path in sorted((tmp_path / name).iterdir())] for name in "ab")
    assert len(first) == 4 and first == second


def test_an_earlier_result_is_replaced_and_a_file_of_others_is_not(result, tmp_path):
    report.write(result, tmp_path / "out.vtu")
    report.check_output(tmp_path / "out.vtu")
    (tmp_path / "out.json").unlink()
    with pytest.raises(
        ValueError, match=r"out\.vtu: expected a new name or an earlier result, found out\.vtu of"
    ):
        report.write(result, tmp_path / "out.vtu")
    with pytest.raises(ValueError, match=r"and not in -membranes\.vtu"):
        report.check_output(tmp_path / "out-membranes.vtu")
    (tmp_path / "new.png").mkdir()
    with pytest.raises(ValueError, match="found a folder"):
        report.check_output(tmp_path / "new.vtu")
