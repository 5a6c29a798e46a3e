"""Deformed templates: they follow the template, they are reproducible, and they look like brains."""

import numpy as np
import pytest
from scipy import ndimage

from dime.brain import anatomy


@pytest.fixture(scope="module")
def labels():
    return anatomy.draw(12, 3)["label"].values


def test_a_draw_is_its_seed_and_place(labels):
    assert np.array_equal(anatomy.draw(2, 3)["label"], labels[:2])
    for one in (labels[1], anatomy.draw(1, 4)["label"].values[0]):
        assert (one != labels[0]).mean() > 0.05


def test_gumbel_noise_is_smooth_and_gives_every_label_its_probability():
    """P(argmax log p + g) = p for independent Gumbel variables; the filter is to leave their law alone."""
    rng, shares = np.random.default_rng(0), np.array([0.2, 0.5, 0.3])
    noise = np.stack([[anatomy._gumbel(rng) for _ in shares] for _ in range(30)])
    chosen = (np.log(shares)[:, None, None] + noise).argmax(axis=1)
    # A draw holds some (216 mm / 7 mm)^2 independent patches: 30 draws give the shares within 0.01.
    assert np.bincount(chosen.ravel()) / chosen.size == pytest.approx(shares, abs=0.01)
    neighbours = np.corrcoef(noise[:, 0, :, 1:].ravel(), noise[:, 0, :, :-1].ravel())[0, 1]
    assert neighbours > 0.9


def test_deformations_keep_the_order_of_places():
    """Positive Jacobian everywhere: nothing folds over."""
    for seed in range(20):
        places = anatomy.deformation(np.random.default_rng(seed))
        step = anatomy.EXTENT_M / anatomy.FINE
        (ydy, ydx), (xdy, xdx) = (np.gradient(one, step) for one in places)
        assert (ydy * xdx - ydx * xdy).min() > 0.2


def test_tissue_has_the_areas_of_a_slice_through_the_ventricles(labels):
    """Head of 13 to 20 cm by 11 to 17 cm; grey and white matter are near equal, fluid is the least."""
    area_cm2 = np.stack([(labels == tissue).sum(axis=(1, 2)) for tissue in (1, 2, 3)]) * 1e4
    area_cm2 *= (anatomy.EXTENT_M / anatomy.FINE) ** 2
    assert (area_cm2[0] > 8).all() and (area_cm2[0] < 70).all()
    assert (0.7 < area_cm2[1] / area_cm2[2]).all() and (area_cm2[1] / area_cm2[2] < 2.2).all()
    for one in labels:
        height, width = (part.stop - part.start for part in ndimage.find_objects((one > 0).astype(int))[0])
        assert 13 < height * 21.6 / anatomy.FINE < 21.6 and 11 < width * 21.6 / anatomy.FINE < 18


def test_ventricles_lie_in_the_middle_and_the_cortex_at_the_rim(labels):
    """Fluid near the centre, where the lateral ventricles are; the outermost tissue is fluid."""
    for one in labels:
        middle = one[96:128, 112:144]
        assert (middle == 1).mean() > 0.05
        rim = (one > 0) & ~ndimage.binary_erosion(one > 0)
        assert (one[rim] == 1).all()


def test_fractions_keep_areas_on_any_grid(labels):
    """Area averages: the sum over voxels times their area is the area of the labels."""
    for size in (64, 100, 256):
        fractions = anatomy.fractions_of(labels[:2], size)
        assert fractions.shape == (2, 3, size, size)
        assert 0 <= fractions.min() and fractions.sum(1).max() < 1 + 1e-5
        counts = np.stack([(labels[:2] == tissue).sum(axis=(1, 2)) for tissue in (1, 2, 3)], axis=1)
        found = fractions.sum((2, 3)).numpy() * (256 / size) ** 2
        assert found == pytest.approx(counts, rel=1e-4)


def test_area_weights_of_a_ratio_that_is_no_whole_number():
    """Three pixels on two voxels: the middle one is shared."""
    assert anatomy.area_weights(3, 2) == pytest.approx(np.array([[2, 1, 0], [0, 1, 2]]) / 3)
