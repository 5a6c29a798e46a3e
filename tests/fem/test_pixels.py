"""Reading images: values on an outline, and the noise of a wave."""

import numpy as np
import pytest

from dime.fem import pixels
from dime.mri import noise


def test_trace_on_the_outline_is_exact_for_quadratics():
    """1 + 2x - y + x^2 + 3xy - 2y^2 (in cm) on the pixels of a half plane, read off on its edge."""
    y, x = np.mgrid[0:0.03:1e-3, 0:0.02:1e-3]
    grid = np.stack([x.ravel(), y.ravel()], 1)
    edge = np.stack([np.full(9, -0.0005), np.linspace(0.005, 0.025, 9)], 1)

    def surface(points):
        x, y = points.T * 100
        return 1 + 2 * x - y + x**2 + 3 * x * y - 2 * y**2 + 0j

    found = pixels.local_fit(grid, surface(grid), edge, 1e-3, 4e-3)
    np.testing.assert_allclose(found, surface(edge), atol=1e-9)


def test_noise_is_told_from_the_wave():
    """White noise of 0.07 per channel on a wave twenty times its size; hardly any on a clean one."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:120, :160]
    mask = ((x - 80) / 70) ** 2 + ((y - 60) / 50) ** 2 < 1
    wave = 1.4 * np.exp(2j * np.pi * (0.6 * x + 0.8 * y) / 12)
    disturbed = wave + 0.07 * (rng.standard_normal(mask.shape) + 1j * rng.standard_normal(mask.shape))
    found = noise.noise_deviation(np.where(mask, disturbed, 0), mask)
    assert found == pytest.approx(0.07, rel=0.05)
    assert noise.noise_deviation(wave, mask) < 0.02
    assert noise.noise_deviation(wave, np.eye(160, dtype=bool)[:120]) == 0
