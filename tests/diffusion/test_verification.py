"""The solver comes to what is known without it, at the order of its parts; a wrong one does not."""

import numpy as np
import pytest

from dime.diffusion import verification
from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.sequence import pgse

BLOCKS = verification.along_x(10, 20, [1, 2, 5])


def test_free_water_decays_with_b_at_its_diffusivity():
    b = np.array([0.1, 0.25, 0.5, 0.75, 1.0])
    slopes = [verification.slope(b, verification.free_decay(b, cells=cells)) for cells in (60, 120)]
    errors = np.abs(np.array(slopes) / -2 - 1)
    assert errors[1] < 0.005 and errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_the_slab_at_second_order_in_the_mesh():
    errors = []
    for cells in (5, 10, 20):
        found, known = verification.slab_signals(BLOCKS, cells=cells, steps=128)
        errors.append(np.abs(found / known - 1).max())
    assert errors[-1] < 0.002
    assert verification.order([1 / 5, 1 / 10, 1 / 20], errors) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("permeability", [0.01, 0.1, 1.0])
def test_two_slabs_and_their_membrane(permeability):
    found, known = verification.membrane_signals(BLOCKS, permeability, cells=20)
    assert found == pytest.approx(known, rel=0.003)
    other = verification.membrane_signals(BLOCKS, 1.3 * permeability, cells=20)[1]
    assert np.abs(found / other - 1).max() > 0.003, "a permeability that is wrong by 30 % is seen"


def test_the_sphere_at_second_order_in_the_mesh():
    """The corners lie on the sphere, so that the volume is short by a part of h^2."""
    found = [verification.sphere_signals(BLOCKS, refinements=count) for count in (1, 2)]
    known = found[0][1]
    errors = [np.abs(one - known).max() for one, _ in found]
    assert verification.order([1, 1 / 2], errors) == pytest.approx(2, abs=0.2)
    extrapolated = (4 * found[1][0] - found[0][0]) / 3
    assert extrapolated == pytest.approx(known, abs=0.006)


def test_faces_that_open_come_to_continuous_elements_at_first_order():
    kappa = [1e2, 1e3, 1e4]
    errors = verification.conforming_errors(
        lattice(2), kappa, pgse((10, 20), b_ms_per_um2=[1, 5], directions=2)
    )
    assert verification.order(kappa, errors) == pytest.approx(-1, abs=0.03) and errors[-1] < 1e-4


def test_mesh_and_gradients_turn_together():
    geometry = draw("tube", lattice(3), 101)
    blocks = pgse((10, 20), directions=4)
    assert verification.rotation_error(geometry, blocks, 60) < 1e-9
    turned = blocks[0]._replace(directions=blocks[0].directions[:, [1, 2, 0]])
    kappa = geometry.permeability_um_per_ms
    found = [verification.signals(geometry.grid, kappa, [one], 60, 16) for one in (blocks[0], turned)]
    assert np.abs(found[0] - found[1]).max() > 1e-3, "gradients alone do change it"
