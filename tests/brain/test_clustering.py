"""BCEFCM: clusters that are there, their names, a known gain, and bad input."""

import numpy as np
import pytest

from dime.brain import clustering
from dime.brain.clustering import Settings
from dime.brain.sequences import COMBINATIONS, Train

CONTRASTS, TRAIN = COMBINATIONS["T1"], Train()


@pytest.fixture(scope="module")
def piecewise():
    """Labels (y, x) of four blocks and the magnitudes (contrast, y, x) of pure tissues."""
    labels = np.repeat(np.repeat([[0, 1], [2, 3]], 32, 0), 32, 1)
    values = np.vstack([np.zeros(len(CONTRASTS)), clustering.brightness(CONTRASTS, TRAIN)])
    return labels, values[labels].transpose(2, 0, 1)


def test_pure_tissues_are_found_with_their_names(piecewise):
    labels, images = piecewise
    found = clustering.estimate(images, CONTRASTS, TRAIN, Settings(0.0, 1.5, np.inf))
    known = [labels == number for number in (1, 2, 3)]
    np.testing.assert_allclose(found, known, atol=1e-3)


def test_names_do_not_depend_on_the_order_of_clusters():
    likely = clustering.brightness(CONTRASTS, TRAIN)
    order = [2, 0, 1]
    np.testing.assert_array_equal(clustering.named(1.1 * likely[order], likely), np.argsort(order))


def test_smooth_gain_is_taken_out(piecewise):
    labels, images = piecewise
    gain = 1 + 0.5 * np.linspace(-1, 1, 64) ** 3 + 0.2 * np.cos(np.linspace(0, np.pi, 64))[:, None]
    with_gain = Settings(0.0, 1.6, 8.0, 0.5)

    def wrong(settings):
        found = clustering.estimate(gain * images, CONTRASTS, TRAIN, settings)
        return np.abs(found - [labels == number for number in (1, 2, 3)]).mean()

    assert wrong(with_gain) < 0.4 * wrong(Settings(0.0, 1.6, np.inf, 0.5))


def test_neighbours_calm_noise(piecewise):
    labels, images = piecewise
    noisy = np.abs(images + 0.006 * np.random.default_rng(0).normal(size=images.shape))

    def wrong(weight):
        found = clustering.estimate(noisy, CONTRASTS, TRAIN, Settings(weight, 2.0, np.inf))
        return (found.argmax(0) != labels - 1)[labels > 0].mean()

    assert 0 < wrong(0.0)
    assert wrong(2.0) < 0.7 * wrong(0.0)


def test_choice_is_the_best_of_the_candidates(piecewise):
    labels, images = piecewise
    truth = np.stack([labels == number for number in (1, 2, 3)]).astype(float)
    poor, good = Settings(0.0, 6.0, np.inf), Settings(0.0, 1.5, np.inf)
    assert clustering.choose(images[None], truth[None], CONTRASTS, TRAIN, (poor, good)) == good


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 8, 8)), "4 contrasts"),
        (np.zeros((4, 8, 8), complex), "magnitudes"),
        (-np.ones((4, 8, 8)), "at least 0"),
        (np.full((4, 8, 8), np.nan), "finite"),
    ],
)
def test_bad_images(images, message):
    with pytest.raises(ValueError, match=message):
        clustering.estimate(images, CONTRASTS, TRAIN)


def test_bad_fuzziness():
    with pytest.raises(ValueError, match="fuzziness"):
        clustering.estimate(np.zeros((4, 8, 8)), CONTRASTS, TRAIN, Settings(fuzziness=1.0))


def test_head_has_no_holes_and_nothing_around_it():
    """A ring around a middle as dark as a nulled tissue: the middle belongs to the head."""
    y, x = np.mgrid[:64, :64] - 31.5
    radius = np.hypot(y, x)
    ring = np.where((radius > 10) & (radius < 20), 1.0, 0.0)
    ring += 0.05 * np.random.default_rng(0).random(ring.shape)
    assert np.array_equal(clustering.head(ring[None], 1.1), radius < 20)


def test_nothing_is_found_outside_the_head(piecewise):
    labels, images = piecewise
    noisy = np.abs(images + 1e-3 * np.random.default_rng(1).normal(size=images.shape))
    found = clustering.estimate(noisy, CONTRASTS, TRAIN, Settings(level=2.0))  # well above the noise
    assert not found[:, labels == 0].any()
    assert found[:, labels > 0].sum(0) == pytest.approx(1)
