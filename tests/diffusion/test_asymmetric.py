"""Long-narrow gradients: against matrix exponentials, other derivatives, and symmetry."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from dime.diffusion import asymmetric, pulses
from dime.diffusion.asymmetric import LongNarrow, jacobian, long_narrow, prepare, signal, truncation
from dime.diffusion.basis import slow_basis
from dime.diffusion.geometries import from_labels, inside
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.shape_scores import mirror

AREAS = np.array([0.2, 0.6, 1.0])
BLOCK = LongNarrow(60.0, 3.0, 5.0, AREAS, long_narrow(directions=4).directions)
"""With a gap, so that its part of the derivative is tested."""


@pytest.fixture(scope="module")
def small():
    """All modes of the smallest grid, between faces of any permeability."""
    operators = assemble(lattice(2))
    kappa = 10 ** np.random.default_rng(0).uniform(-2, 2, len(operators.grid.faces))
    return operators, kappa, slow_basis(operators, kappa, len(operators.start))


def exponentials(reduced, kappa, block):
    """The two gradients by matrix exponentials, for each direction and area."""
    rates, start = reduced.rates(torch.as_tensor(kappa)).numpy(), reduced.start.numpy()
    found = []
    for direction in block.directions:
        along = np.einsum("a,akl->kl", direction, reduced.moments.numpy())
        for area in block.areas_rad_per_um:
            state = expm(-block.long_ms * rates - 1j * area * along) @ start
            state = expm(-block.narrow_ms * rates + 1j * area * along) @ expm(-block.gap_ms * rates) @ state
            found.append(start @ state / reduced.volume_um3)
    return np.array(found)


def test_the_signal_goes_to_that_of_matrix_exponentials_with_the_square_of_the_step(small):
    _, kappa, reduced = small
    exact = exponentials(reduced, kappa, BLOCK)
    errors = [
        np.abs(signal(reduced, kappa, prepare(reduced, BLOCK, 2 * n, n)).numpy() - exact).max()
        for n in (24, 48, 96)
    ]
    assert np.log2(np.array(errors[:-1]) / errors[1:]) == pytest.approx([2, 2], abs=0.1)
    assert errors[-1] < 5e-4


def test_no_area_leaves_all_of_the_signal(small):
    _, kappa, reduced = small
    nothing = BLOCK._replace(areas_rad_per_um=np.zeros(1))
    assert signal(reduced, kappa, prepare(reduced, nothing)).numpy() == pytest.approx(1, abs=1e-12)


def test_two_equal_gradients_are_a_symmetric_echo(small):
    """delta_L = delta_S: the second gradient's propagator is the first one's conjugate."""
    _, kappa, reduced = small
    block = LongNarrow(10.0, 10.0, 50.0, AREAS, BLOCK.directions)
    places = pulses.places_along(reduced, block.directions)
    echo = pulses.gradient(places, AREAS / 10, 10.0, 50.0, 12)
    expected = pulses.signal(reduced, kappa, [echo]).numpy()
    found = signal(reduced, kappa, prepare(reduced, block, 12, 12)).numpy()
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_derivative_is_that_of_central_differences(small):
    _, kappa, reduced = small
    prepared = prepare(reduced, BLOCK, 8, 4)
    found, derivative = jacobian(reduced, kappa, prepared)
    assert (found - signal(reduced, kappa, prepared)).abs().max() < 1e-14
    rng = np.random.default_rng(1)
    for _ in range(3):
        way = rng.normal(size=len(kappa)) * kappa
        ahead, behind = (signal(reduced, kappa + step * way, prepared).numpy() for step in (1e-5, -1e-5))
        expected = (ahead - behind) / 2e-5
        assert derivative.numpy() @ way == pytest.approx(expected, abs=3e-6 * np.abs(expected).max())


def test_the_derivative_is_that_of_automatic_differentiation(small):
    _, kappa, reduced = small
    prepared = prepare(reduced, BLOCK, 6, 3)
    derivative = jacobian(reduced, kappa, prepared)[1]
    variable = torch.tensor(kappa, requires_grad=True)
    automatic = signal(reduced, variable, prepared)
    for number in (0, 7, 11):
        for part in ("real", "imag"):
            (expected,) = torch.autograd.grad(getattr(automatic[number], part), variable, retain_graph=True)
            error = (getattr(derivative[number], part) - expected).abs().max()
            assert error < 1e-9 * expected.abs().max()


def shapes():
    """A ball in the middle, its own mirror image, and a tube bent to one side, on a grid of 216."""
    grid = lattice(3)
    half = np.ptp(grid.points_um, 0).min() / 2
    ball = inside("ball", grid.centres_um, np.zeros(3), np.eye(3)[2], (0.6 * half,))
    tube = inside("bent tube", grid.centres_um, np.zeros(3), np.eye(3)[2], (0.5 * half, 2 * half, half))
    return [from_labels(name, grid, one.astype(int)) for name, one in (("ball", ball), ("tube", tube))]


def made(geometry, block, faces=None):
    kappa = geometry.permeability_um_per_ms
    kappa = kappa if faces is None else kappa[faces]
    reduced = slow_basis(assemble(geometry.grid), kappa, 90)
    return signal(reduced, kappa, prepare(reduced, block)).numpy()


def test_the_signal_of_a_shape_with_a_centre_is_real_and_of_another_is_not():
    ball, tube = shapes()
    faces = mirror(ball.grid)[0]
    assert (ball.membrane == ball.membrane[faces]).all() and (tube.membrane != tube.membrane[faces]).any()
    block = long_narrow(directions=6)
    assert np.abs(made(ball, block).imag).max() < 1e-8
    assert np.abs(made(tube, block).imag).max() > 1e-3


def test_the_mirror_image_has_the_conjugate_signal():
    tube = shapes()[1]
    block = long_narrow(directions=6)
    image = made(tube, block, mirror(tube.grid)[0])
    assert image == pytest.approx(made(tube, block).conj(), abs=1e-8)


def test_opposite_gradients_give_the_conjugate_signal(small):
    _, kappa, reduced = small
    block = long_narrow(directions=3)
    opposite = block._replace(directions=-block.directions)
    forth, back = (signal(reduced, kappa, prepare(reduced, one)).numpy() for one in (block, opposite))
    assert back == pytest.approx(forth.conj(), abs=1e-12)


def test_errors_fall_with_modes_and_steps(small):
    operators, kappa, _ = small
    block = long_narrow(directions=2)
    rows = truncation(operators, kappa, block, [20, 60, 120], [(24, 12), (48, 24)], 192)
    by_modes = [row["error"] for row in rows if "modes" in row]
    by_steps = [row["error"] for row in rows if "steps" in row]
    assert by_modes[0] > by_modes[1] > by_modes[2]
    assert 3.5 < by_steps[0] / by_steps[1] < 4.5


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"narrow_ms": 0}, "long_ms, narrow_ms: expected positive, found 60.0, 0"),
        ({"areas_rad_per_um": [np.nan]}, "areas_rad_per_um: expected finite numbers"),
        ({"areas_rad_per_um": []}, "areas_rad_per_um: expected finite numbers"),
    ],
)
def test_wrong_gradients_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        long_narrow(**given)


def test_the_size_is_the_number_of_complex_signals():
    block = long_narrow(directions=7)
    assert block.size == 7 * len(asymmetric.AREAS_RAD_PER_UM)
