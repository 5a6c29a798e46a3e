"""Bloch simulation of isochromats, against the graph, rotations and single steps that are known."""

import numpy as np
import pytest

from dime.brain import epg, isochromat
from dime.brain.sequences import COMBINATIONS, Contrast, Train
from dime.brain.tissues import AT_3T, Properties, stacked

ALL = COMBINATIONS["+ DWI"]


def test_isochromats_and_graph_agree():
    properties, b1 = Properties(*(one.numpy()[:, None] for one in stacked())), np.array([0.6, 1.0, 1.3])
    vectors = isochromat.signals(properties, ALL, Train(), b1)
    graph = epg.signals(properties, ALL, Train(), b1)
    assert vectors.shape == graph.shape == (24, 64, 3, 3)
    assert np.abs(vectors - graph).max() < 1e-3 * np.abs(graph).max(axis=(0, 1)).min()


@pytest.mark.parametrize("spoiling_deg", [0, 50, 117])
def test_they_agree_where_transverse_magnetisation_lives_long(spoiling_deg):
    slow = Properties(1.0, 1.0, np.array([0.3, 0.9]), 1.0, 0.0)
    train = Train(flip_rad=np.deg2rad(35), spoiling_rad=np.deg2rad(spoiling_deg), lines=40)
    vectors, graph = (one.signals(slow, ALL[:2], train) for one in (isochromat, epg))
    assert np.abs(vectors - graph).max() < 1e-9


def test_rotations():
    x, y, z = np.eye(3)
    np.testing.assert_allclose(isochromat.turn_about_x(np.pi / 2) @ z, -y, atol=1e-15)
    np.testing.assert_allclose(isochromat.turn_about_z(np.pi / 2) @ x, y, atol=1e-15)
    turns = isochromat.turn_about_z(np.array([0.1, 2.0])) @ isochromat.turn_about_x(0.7)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, -1, -2), np.tile(np.eye(3), (2, 1, 1)), atol=1e-15)


def test_the_first_line_after_a_t2_preparation_has_decayed():
    density, _, t2, t2_prime, diffusion = AT_3T["gm"]
    contrast = Contrast(t2_preparation_s=0.05, diffusion_s=0.01, b_s_per_m2=1e9)
    found = isochromat.signals(AT_3T["gm"], (contrast,), Train(lines=2))[0, 0]
    decay = np.exp(-(0.06 + 2.51e-3) / t2 - 2.51e-3 / t2_prime - 1e9 * diffusion)
    assert found == pytest.approx(density * np.sin(np.deg2rad(5)) * decay, rel=1e-9)


def test_an_inversion_is_null_after_t1_ln_2():
    contrast = Contrast(inversion_s=1.55 * np.log(2))
    assert abs(isochromat.signals(AT_3T["gm"], (contrast,), Train(lines=2))[0, 0]) < 1e-12


def test_a_train_of_as_many_lines_as_isochromats_is_refused():
    with pytest.raises(ValueError, match="expected fewer than 256 lines, found 256"):
        isochromat.signals(AT_3T["gm"], ALL[:1], Train(lines=256))
