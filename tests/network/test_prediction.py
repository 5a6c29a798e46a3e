"""From network to map: symmetries of the square, the calibrated factor, and where a map is to be believed."""

import math

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import ndimage

from dime.network import prediction
from dime.network.unet import UNet


class AmplitudeOnly(torch.nn.Module):
    """A random network that sees no phase: nothing but turning and mirroring tells one view from another."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = UNet((8, 8, 8)).eval()

    def forward(self, waves, masks):
        power = (waves**2).sum(dim=1)
        mean, log_scale = self.network(torch.stack([power, power.sqrt()], dim=1), masks)
        return 6 + 20 * (mean - 6), log_scale


@pytest.fixture
def full_precision(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)


def slice_of(seed=0, side=96):
    """Smooth random motion in an ellipse off the centre, on a grid whose every tile has a mirror image."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    terms = rng.normal(size=(12, 4))
    wave = sum(a * np.exp(1j * (0.4 * b * x + 0.4 * c * y + d)) for a, b, c, d in terms)
    mask = ((x - 47.5) / 40) ** 2 + ((y - 47.5) / 30) ** 2 < 1
    return np.where(mask, wave, 0), mask


def test_gain_and_offset_of_each_channel_leave_the_map_as_it_is(full_precision):
    """Real and imaginary part each rescaled on its own, as images on disk are: all views, random network."""
    torch.manual_seed(0)
    network, (wave, mask) = UNet((8, 8, 8)).eval(), slice_of()
    rescaled = np.where(mask, 3 * wave.real + 5 + 1j * (0.2 * wave.imag - 1), 0)
    maps = [prediction.predict(network, w, mask, 1.5e-3, 60.0) for w in (rescaled, wave)]
    for found, expected in zip(*maps, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.ptp(expected[mask]))


SYMMETRIES = {
    "flip": lambda image: image[:, ::-1],
    "upside down": lambda image: image[::-1],
    "quarter turn": np.rot90,
    "transpose": np.transpose,
}


@pytest.mark.parametrize("symmetry", SYMMETRIES.values(), ids=SYMMETRIES)
def test_eight_views_make_the_map_turn_with_the_slice(symmetry, full_precision):
    """Flip in, flip out, for a random network; with a single view the two maps differ."""
    network, (wave, mask) = AmplitudeOnly(), slice_of()

    def both(views):
        place = (prediction.PIXEL_M_PER_S / 60, 60.0)
        straight = prediction.predict(network, wave, mask, *place, views=views)
        turned = prediction.predict(network, symmetry(wave), symmetry(mask), *place, views=views)
        return [symmetry(image)[symmetry(mask)] for image in straight], [
            image[symmetry(mask)] for image in turned
        ]

    for expected, found in zip(*both(8), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    expected, found = both(1)
    assert np.abs(found[0] / expected[0] - 1).max() > 1e-2


def test_views_are_the_eight_symmetries_of_the_square_and_can_be_undone():
    tiles = torch.rand(3, 2, 5, 5)
    views = [prediction._view(tiles, view) for view in range(8)]
    for view, seen in enumerate(views):
        assert torch.equal(prediction._unview(seen, view), tiles)
        assert not any(torch.equal(seen, other) for other in views[:view])


@pytest.mark.parametrize("step", [0.4, 0.83, 1.0, 1.7])
def test_grids_are_interpolated_linearly_about_one_centre(step):
    """As scipy does it; a ramp stays a ramp, with 0 where its centre was."""
    y, x = np.mgrid[:30, :41] - np.array([14.5, 20.0])[:, None, None]
    images = np.stack([y, x, np.random.default_rng(0).normal(size=y.shape)])
    shape = (round(25 / step), round(33 / step))
    found = prediction._grid(images, shape, step)
    offset = [(n - 1 - step * (m - 1)) / 2 for n, m in zip(y.shape, shape, strict=True)]
    for image, grid in zip(images, found, strict=True):
        expected = ndimage.affine_transform(image, (step, step), offset, shape, order=1, mode="nearest")
        np.testing.assert_allclose(grid, expected, atol=1e-5)  # float32
    np.testing.assert_allclose(found[0][:, 0], step * (np.arange(shape[0]) - (shape[0] - 1) / 2), atol=1e-5)


class Wrong(torch.nn.Module):
    """A network whose error of log stiffness follows from the mask's area alone, so that it is known."""

    def __init__(self, errors, log_truth):
        super().__init__()
        self.errors, self.log_truth = errors, log_truth

    def forward(self, waves, masks):
        error = self.errors[round(masks.sum().item() / len(masks))]
        shape = (len(waves), *waves.shape[2:])
        return torch.full(shape, self.log_truth + error), torch.full(shape, -3.0)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_calibration_finds_by_how_much_the_scale_is_wrong(factor):
    """Errors of 30 phantoms: the quantiles of a Laplace law of `factor` times the predicted scale.

    Then nine tenths lie within factor * b * log 10: the calibration is the factor.
    """
    phantoms, side = 30, 60
    places = (np.arange(phantoms) + 0.5) / phantoms
    sizes = -factor * math.exp(-3.0) * np.log(1 - places) * (-1.0) ** np.arange(phantoms)
    y, x = np.mgrid[:side, :side]
    masks = np.array([(y >= 10) & (y < 40) & (x >= 2) & (x < 4 + n) for n in range(phantoms)])
    errors = {int(mask.sum()): error for mask, error in zip(masks, sizes, strict=True)}
    wave = np.where(masks, np.exp(1j * 0.3 * x), 0)
    dims = ("phantom", "y", "x")
    variables = {"wave": wave, "mask": masks, "stiffness": np.full(wave.shape, 3e3)}
    dataset = xr.Dataset(
        {name: (dims, values) for name, values in variables.items()},
        attrs={"spacing_m": prediction.PIXEL_M_PER_S / 60, "frequency_hz": 60.0},
    )
    network = Wrong(errors, math.log(3e3 / (1000 * prediction.PIXEL_M_PER_S**2)))
    found, power = prediction.calibrate(network, dataset)
    assert found * math.exp(-3.0) ** (power - 1) == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize("power", [1.0, 1.4])
def test_calibration_finds_the_power_that_evens_out_the_phantoms(power):
    """Errors of 40 phantoms follow Laplace laws of scale 2 b^power; b is one number per phantom."""
    rng = np.random.default_rng(5)
    scales = np.repeat(np.geomspace(0.01, 0.3, 40)[:, None], 2000, axis=1)
    errors = np.abs(rng.laplace(scale=2 * scales**power))
    factor, found = prediction.fit_calibration(errors, scales)
    assert found == power and factor == pytest.approx(2, rel=0.05)


def test_scatter_between_views_adds_to_the_uncertainty(full_precision):
    """b_total = c (b + mean |view - mean|): twice the factor is twice b; more than b alone."""
    network, (wave, mask) = AmplitudeOnly(), slice_of()
    _, alone = prediction.predict(network, wave, mask, 1.5e-3, 60.0, views=1)
    _, together = prediction.predict(network, wave, mask, 1.5e-3, 60.0)
    _, doubled = prediction.predict(network, wave, mask, 1.5e-3, 60.0, calibration=(2.0, 1.0))
    assert together[mask].mean() > alone[mask].mean()
    np.testing.assert_allclose(doubled[mask], 2 * together[mask], rtol=1e-6)


def test_a_hair_of_tissue_lost_in_resampling_takes_its_nearest_neighbours_value(full_precision):
    """On pixels of 0.3 mm a line one pixel wide vanishes from the network's grid; no other pixel does."""
    y, x = np.mgrid[:200, :200]
    body = (x - 70) ** 2 + (y - 100) ** 2 < 55**2
    hair = (y == 100) & (x >= 150) & (x < 190)
    wave = np.where(body | hair, x / 100 * np.exp(0.05j * (x + y)), 0)
    for image in prediction.predict(AmplitudeOnly(), wave, body | hair, 0.3e-3, 60.0):
        assert (image[body | hair] > 0).all() and not image[~(body | hair)].any()
        assert np.ptp(image[hair]) == 0 < np.ptp(image[body])
        assert abs(image[hair][0] - image[100, 124]) < 0.05 * np.ptp(image[body])
