"""Ranks and misfits of problems whose answer is known."""

import numpy as np
import pytest
import torch

from dime.diffusion import pulses
from dime.diffusion.asymmetric import long_narrow
from dime.diffusion.basis import slow_basis
from dime.diffusion.geometries import draw, read_reference, reference_folder
from dime.diffusion.gradient import by_face
from dime.diffusion.grid import lattice
from dime.diffusion.information import (
    PROTOCOLS,
    parts,
    permeability,
    rank_table,
    sensitivity,
    singular_values,
    softened,
)
from dime.diffusion.operators import assemble
from dime.diffusion.sequence import pgse


@pytest.fixture(scope="module")
def ball():
    return draw("ball", lattice(2), 101)


def test_a_sensitivity_is_the_change_of_the_signal_by_a_decade(ball):
    operators = assemble(ball.grid)
    kappa = permeability(ball, "soft")
    reduced = slow_basis(operators, kappa, len(operators.start))
    block = pgse((10, 20), directions=3)[0]
    found = sensitivity(reduced, kappa, block)
    prepared = pulses.prepare(reduced, [block])
    step = np.zeros(len(kappa))
    step[5] = 1e-4
    ahead, behind = (pulses.signal(reduced, kappa * 10.0**way, prepared).numpy() for way in (step, -step))
    assert found[:, 5] == pytest.approx((ahead - behind) / 2e-4, rel=1e-5, abs=1e-10)


def test_complex_signals_count_twice_and_a_change_that_keeps_the_centre_has_no_imaginary_signal(ball):
    """Equal permeabilities are their own mirror image, and so are they when all change alike."""
    operators = assemble(ball.grid)
    kappa = permeability(ball, "uniform")
    reduced = slow_basis(operators, kappa, len(operators.start))
    found = sensitivity(reduced, kappa, long_narrow(directions=3))
    assert found.shape == (2 * 15, len(kappa))
    together = found[15:].sum(1)
    assert np.abs(together).max() < 1e-10 < np.abs(found[15:]).max()


def test_states_of_a_geometry(ball):
    assert set(permeability(ball, "true")) == {0.01, 100.0}
    assert (permeability(ball, "soft")[ball.membrane] == 0.3).all()
    assert (permeability(ball, "uniform") == 1).all()


def test_a_table_has_more_rank_with_more_measurements_and_less_noise(ball):
    protocols = {name: PROTOCOLS[name] for name in ("10/60", "10/60 + 10/20", "+ 5/6", "+ long-narrow")}
    rows = rank_table(singular_values(ball, ["uniform"], protocols, parts(6), 100), [1e-2, 1e-4])
    by = {(row["protocol"], row["noise"]): row["rank"] for row in rows}
    assert by["10/60", 1e-2] < by["10/60", 1e-4] < by["10/60 + 10/20", 1e-4]
    assert by["10/60 + 10/20", 1e-4] < min(by["+ 5/6", 1e-4], by["+ long-narrow", 1e-4])
    counts = {row["protocol"]: row["measurements"] for row in rows}
    assert counts == {"10/60": 30, "10/60 + 10/20": 60, "+ 5/6": 90, "+ long-narrow": 120}


def test_parts_of_all_protocols_exist_and_the_second_directions_are_others():
    found = parts(30)
    assert {name for names in PROTOCOLS.values() for name in names} <= set(found)
    first, second = found["10/60"].directions, found["10/60, turned"].directions
    assert np.abs(first @ second.T).max() < np.cos(np.radians(5))
    assert np.linalg.norm(second, axis=1) == pytest.approx(1)


def test_the_truth_fits_only_at_its_own_contrast(ball):
    rows = softened(ball, pgse((10, 60), directions=4), [2.0, 1.6, 1.0], 5e-3)
    ways = ("both", "membranes", "others")
    assert [rows[0][way] for way in ways] == pytest.approx([0, 0, 0], abs=1e-9)
    assert all(rows[0][way] < rows[1][way] < rows[2][way] for way in ways[1:])


@pytest.mark.skipif(reference_folder() is None, reason="the original's geometries are not here")
def test_ranks_of_the_originals_torus_are_those_of_the_prototype():
    """Known: 2, 6, 7, 20 at noise 1e-2, 3e-3, 1e-3, 1e-4; its torus had less small pieces than the file."""
    (path,) = reference_folder().glob("019_*.npz")
    geometry = read_reference(path)
    values = singular_values(geometry, ["true"], {"10/60": ("10/60",)}, parts(30), 120)
    found = [row["rank"] for row in rank_table(values)]
    assert found == pytest.approx([2, 6, 7, 20], abs=1)


def test_a_product_with_all_faces_at_once_is_that_of_each():
    rng = np.random.default_rng(0)
    rows = torch.as_tensor(rng.normal(size=(3 * 200, 7)))
    matrices = torch.as_tensor(rng.normal(size=(5, 7, 7)))
    matrices = matrices + matrices.mT
    expected = torch.einsum(
        "fri,mij,frj->mf", rows.unflatten(0, (-1, 3)), matrices, rows.unflatten(0, (-1, 3))
    )
    assert by_face(rows, matrices).numpy() == pytest.approx(expected.numpy(), abs=1e-12)
