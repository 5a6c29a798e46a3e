"""From signal, sequence and mesh to a dataset; a run that was stopped ends as if it had not been."""

import importlib
from functools import partial

import numpy as np
import pytest
from membrane_fits import GRID, SEQUENCE, STEPS, Stopped, measured, walk, walk_instead

import dime
from dime.diffusion import estimate
from dime.diffusion.acquisition import acquire
from dime.diffusion.geometries import compartments, draw, from_labels
from dime.diffusion.grid import lattice


@pytest.fixture
def walked(monkeypatch):
    """Fits that need no search, and where they stop."""
    return walk_instead(monkeypatch)


def call(**options):
    with pytest.warns(UserWarning):
        return dime.estimate_permeability(measured(), SEQUENCE, GRID, **{"noise": 0.01, **options})


def test_what_is_found_stands_beside_the_mesh_and_the_signal(walked):
    found = call(fits=3)
    assert found.sizes["face"] == len(GRID.faces) and found.sizes["fit"] == 3
    np.testing.assert_allclose(found["chi"], [1 + 1 / STEPS + seed for seed in range(3)])
    np.testing.assert_array_equal(found["membrane"], found["permeability_um_per_ms"] < 1)
    assert (found["share"].values[found["membrane"].values] >= 1 / 3).all()
    assert set(np.round(3 * found["share"].values, 9)) <= {0, 1, 2, 3}
    np.testing.assert_allclose(found["measured"], measured())
    assert found.attrs["mirror"] and found.attrs["noise"] == 0.01 and found.attrs["noise_from"] == "stated"
    assert [one["iteration"] for one in found.attrs["trace"]] == list(range(STEPS))


def test_a_poor_fit_is_said_to_be(walked):
    with pytest.warns(UserWarning, match="the membranes do not explain the signal to within its noise"):
        found = dime.estimate_permeability(measured(), SEQUENCE, GRID, noise=1e-3)
    assert any(text.startswith("chi is") for text in found.attrs["warnings"])


def test_a_basis_that_is_too_small_is_said_to_be(walked):
    """40 modes decay within 10 ms, and not within .1 ms."""
    short = {"blocks": [SEQUENCE["blocks"][0] | {"duration_ms": 0.5, "b_ms_per_um2": [0.1, 0.3]}]}
    with pytest.warns(UserWarning, match="the basis of 40 modes is small for gradients of 0.5 ms"):
        dime.estimate_permeability(measured(), short, GRID, noise=0.01)
    assert not any("basis" in text for text in call().attrs["warnings"])


def test_gradients_that_no_scanner_has_and_noise_that_nobody_knows_are_told(walked):
    strong = {
        "blocks": [SEQUENCE["blocks"][0] | {"duration_ms": 2, "separation_ms": 3, "b_ms_per_um2": [5, 9]}]
    }
    found = []
    with pytest.warns(UserWarning):
        found = dime.estimate_permeability(measured(), strong, GRID).attrs["warnings"]
    assert any("mT/m, more than almost any scanner has" in text for text in found)
    assert any("no noise is stated and none is seen" in text for text in found)


@pytest.mark.parametrize(("seed", "step"), [(4, 2), (5, 3), (6, 0)])
def test_a_stopped_run_goes_on_to_the_same_end(walked, tmp_path, seed, step):
    straight = call(seed=4, fits=3)
    walked[seed] = step
    with pytest.raises(Stopped):
        call(seed=4, fits=3, resume=tmp_path / "kept.npz")
    assert (tmp_path / "kept.npz").exists()
    walked.clear()
    walked[4 if seed > 4 else None] = 0  # a fit that was finished is not begun again
    resumed = call(seed=4, fits=3, resume=tmp_path / "kept.npz")
    assert straight.identical(resumed)


def test_finished_fits_serve_a_run_of_more(walked, tmp_path):
    call(fits=2, resume=tmp_path / "kept.npz")
    walked[0] = walked[1] = 0
    more = call(fits=3, resume=tmp_path / "kept.npz")
    walked.clear()
    assert more.identical(call(fits=3))


@pytest.mark.parametrize("change", [{"seed": 1}, {"method": "faces"}, {"noise": 0.02}])
def test_a_stopped_run_of_other_settings_is_not_gone_on_with(walked, tmp_path, change):
    call(resume=tmp_path / "kept.npz")
    with pytest.raises(ValueError, match=r"kept\.npz: expected a fit of the same signal, sequence, mesh"):
        dime.estimate_permeability(
            measured(), SEQUENCE, GRID, **{"noise": 0.01, "resume": tmp_path / "kept.npz", **change}
        )


def test_a_stopped_run_of_another_mesh_or_signal_is_not_gone_on_with(walked, tmp_path):
    call(resume=tmp_path / "kept.npz")
    for signal, mesh in ((measured(), lattice(3)), (measured() * 0.99, GRID)):
        with pytest.raises(ValueError, match="expected a fit of the same signal"):
            dime.estimate_permeability(signal, SEQUENCE, mesh, noise=0.01, resume=tmp_path / "kept.npz")


def test_shares_take_a_mirrored_fit_for_what_it_is(walked):
    """A fit and its mirror image through the middle hold the same faces."""
    operators, blocks = estimate.assemble(GRID), estimate.read_sequence(SEQUENCE).blocks
    one = walk(operators, blocks, measured(), 0.01, 0, None, lambda state: None)
    inner, _ = estimate.mirror(GRID)
    other = one._replace(membrane=one.membrane[inner])
    assert not np.array_equal(one.membrane, other.membrane)
    share, _ = estimate._shares(one, [one, other], GRID)
    np.testing.assert_array_equal(share, one.membrane)


def test_shares_of_labels_take_the_side_on_which_cells_lie(walked):
    """The outer faces of a mirrored cell are mirrored with it."""
    operators, blocks = estimate.assemble(GRID), estimate.read_sequence(SEQUENCE).blocks
    cell = draw("ball", GRID, 100)
    other = from_labels("mirrored", GRID, cell.labels[estimate.mirror(GRID)[1]])
    assert (cell.labels != other.labels).any() and cell.outer_membrane.any()
    start = walk(operators, blocks, measured(), 0.01, 0, None, lambda state: None)
    one, turned = (
        start._replace(membrane=at.membrane, outer_membrane=at.outer_membrane, labels=at.labels)
        for at in (cell, other)
    )
    inner, outer = estimate._shares(one, [one, turned], GRID)
    np.testing.assert_array_equal(inner, cell.membrane)
    np.testing.assert_array_equal(outer, cell.outer_membrane)


def test_every_piece_has_a_number_of_its_own(walked, monkeypatch):
    """Labels are 0 and 1; two cells apart are pieces 1 and 2, and close at the outside."""
    lower, upper = GRID.centres_um[:, 2].argsort()[[0, -1]]
    cells = np.zeros(len(GRID.tetrahedra), int)
    cells[[lower, upper]] = 1
    tissue = from_labels("two", GRID, cells)

    def fit(method, operators, blocks, *given):
        one = walk(operators, blocks, measured(), 0.01, 0, None, lambda state: None)
        return one._replace(membrane=tissue.membrane, labels=cells)

    monkeypatch.setattr(estimate, "_fit", fit)
    found = call()
    label = found["label"].values
    np.testing.assert_array_equal(label, compartments(GRID, tissue.membrane))
    assert {label[lower], label[upper]} == {1, 2} and (label > 0).sum() == 2
    np.testing.assert_array_equal(found["outer_membrane"], tissue.outer_membrane)


def test_the_number_of_a_fit_says_where_it_starts_and_the_seed_how_it_goes_on(monkeypatch):
    given = []
    monkeypatch.setattr(estimate.labels, "estimate", lambda *parts, **options: given.append(options))
    kept = estimate.Kept([], {"labels": np.zeros((1, 2)), "signals": np.zeros((1, 3))})
    data = estimate.gather(measured(), estimate.read_sequence(SEQUENCE), 0.01)
    for number in (0, 2):
        estimate._fit("labels", None, (), data, 5, number, kept, None)
    assert [(one["rank"], one["seed"]) for one in given] == [(0, 5), (2, 7)]


def test_a_mesh_that_was_never_tried_for_its_size_is_refused():
    large = lattice(9)
    with pytest.raises(ValueError, match=r"mesh: expected at most 6000 tetrahedra, .* tried, found 7776"):
        dime.estimate_permeability(measured(), SEQUENCE, large, noise=0.01)


@pytest.mark.parametrize("text", ["Factor is exactly singular\nat row 3", ""])
def test_a_solver_that_gives_up_is_one_line(walked, monkeypatch, text):
    def fail(*given):
        raise RuntimeError(text)

    monkeypatch.setattr(estimate, "_fit", fail)
    with pytest.raises(
        ValueError, match="simulator: expected equations that can be solved, found: "
    ) as error:
        dime.estimate_permeability(measured(), SEQUENCE, GRID, noise=0.01)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("method", "small"),
    [
        ("labels", {"shapes": 4, "iterations": 2, "polishing": 1, "trials": 4}),
        ("faces", {"iterations": 20, "modes": (40,)}),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_methods_themselves_are_stopped_and_go_on(tmp_path, monkeypatch, method, small):
    """A few steps of each from the signal of a drawn cell; the end is the same to rounding."""
    module = importlib.import_module(f"dime.diffusion.{method}")
    monkeypatch.setattr(module, "Settings", partial(module.Settings, **small))
    monkeypatch.setattr(estimate, "SECONDS", 0.0)
    signal = acquire(draw("ball", GRID, 100), estimate.read_sequence(SEQUENCE).blocks)

    def call(**options):
        return dime.estimate_permeability(
            signal, SEQUENCE, GRID, method=method, noise=0.01, seed=1, **options
        )

    straight, save, count = call(), estimate.save, 0

    def stop(*given):
        nonlocal count
        save(*given)
        count += 1
        if count == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(estimate, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        call(resume=tmp_path / "kept.npz")
    monkeypatch.setattr(estimate, "save", save)
    with np.load(tmp_path / "kept.npz") as file:
        assert file["state is known"]
    resumed = call(resume=tmp_path / "kept.npz")
    np.testing.assert_array_equal(resumed["membrane"], straight["membrane"])
    np.testing.assert_allclose(resumed["chi"], straight["chi"], rtol=1e-6)
    assert len(resumed.attrs["trace"]) == len(straight.attrs["trace"]) >= 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method: expected labels or faces, found 'magic'"),
        ({"fits": 0}, "fits: expected at least 1, found 0"),
        ({"seed": -1}, "seed: expected at least 0, found -1"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        dime.estimate_permeability(measured(), SEQUENCE, GRID, **options)
