"""The mean of a map and its interval: by hand, and by simulation of the errors that it assumes."""

import math

import numpy as np
import pytest
from scipy import stats

from dime.liver import reading
from dime.physics import shear_wavelength

FREQUENCY_HZ, STIFFNESS_PA, PATCH_PX = 60.0, 3000.0, 8

SPACING_M = shear_wavelength(STIFFNESS_PA, FREQUENCY_HZ) * reading.PATCH_WAVELENGTHS / PATCH_PX
"""A patch is 8 x 8 pixels of 1.8 mm at 3 kPa."""

Z = stats.norm.ppf(0.975)


def field(slices, patches):
    """A map of one stiffness over `patches` x `patches` patches, and its region: (slice, y, x)."""
    shape = (slices, PATCH_PX * patches, PATCH_PX * patches)
    return np.full(shape, STIFFNESS_PA), np.ones(shape, bool)


def read(stiffness, region, uncertainty=None):
    return reading.read(stiffness, region, SPACING_M, FREQUENCY_HZ, uncertainty)


def reach(found):
    """Half the width of an interval on the log scale."""
    assert found.mean_pa**2 == pytest.approx(found.low_pa * found.high_pa)
    return math.log(found.high_pa / found.mean_pa)


def test_the_mean_is_over_pixels_not_over_slices():
    """300 pixels of 2 kPa and 100 of 4 kPa in two slices: 2.5 kPa. What lies outside does not count."""
    stiffness = np.full((3, 20, 20), 9000.0, np.float32)
    region = np.zeros(stiffness.shape, bool)
    region[0, :15], region[2, :5] = True, True
    stiffness[0][region[0]], stiffness[2][region[2]] = 2000, 4000
    found = reading.read(stiffness, region, 2e-3, FREQUENCY_HZ)
    assert found.mean_pa == pytest.approx(2500)
    assert reading.read(np.where(region, stiffness, np.nan), region, 2e-3, FREQUENCY_HZ) == found


@pytest.mark.parametrize("scale", [0.05, 0.2])
def test_the_interval_of_one_slice_by_hand(scale):
    """Laplace scale b, n patches: the mean times exp(-+ z sqrt(2 b^2 / n))."""
    stiffness, region = field(1, 4)
    found = read(stiffness, region, np.full(stiffness.shape, scale))
    assert reach(found) == pytest.approx(Z * math.sqrt(2 * scale**2 / 16))


@pytest.mark.parametrize("slices", [1, 4])
@pytest.mark.parametrize("times", [2, 3])
def test_the_interval_shrinks_with_the_root_of_the_number_of_patches(slices, times):
    """Side times k: k^2 patches, an interval 1 / k as wide. Four slices of one mean: half of one's."""
    small, large = (
        read(stiffness, region, np.full(stiffness.shape, 0.1))
        for stiffness, region in (field(slices, patches) for patches in (3, 3 * times))
    )
    assert reach(small) == pytest.approx(times * reach(large))
    assert reach(small) == pytest.approx(Z * math.sqrt(0.02 / 9 / slices))


def test_pixels_within_a_patch_are_not_independent():
    """Half the pixel, the same area: the same interval."""
    stiffness, region = field(2, 3)
    fine = [np.repeat(np.repeat(one, 2, axis=1), 2, axis=2) for one in (stiffness, region)]
    found = reading.read(*fine, SPACING_M / 2, FREQUENCY_HZ, np.full(fine[0].shape, 0.1))
    assert reach(found) == pytest.approx(reach(read(stiffness, region, np.full(stiffness.shape, 0.1))))


def test_a_region_below_a_patch_counts_as_one():
    """12 cm2 of 12 kPa at 30 Hz, a wave of 116 mm: one patch of 33 cm2 would be needed."""
    region = np.zeros((1, 40, 40), bool)
    region[0, :30, :10] = True
    found = reading.read(np.full(region.shape, 12e3), region, 2e-3, 30.0, np.full(region.shape, 0.1))
    assert reach(found) == pytest.approx(Z * math.sqrt(0.02))


def test_without_uncertainty_the_scatter_within_a_slice_takes_its_place():
    """A chessboard of patches, 10 % above and below: relative variance 0.01 over 16 patches."""
    stiffness, region = field(1, 4)
    y, x = np.indices(stiffness.shape[1:]) // PATCH_PX
    found = read(stiffness * (1 + 0.1 * (-1) ** (x + y)), region)
    assert found.mean_pa == pytest.approx(STIFFNESS_PA)
    assert reach(found) == pytest.approx(Z * math.sqrt(0.01 / 16))


@pytest.mark.parametrize("slices", [1, 3])
def test_a_constant_map_without_uncertainty_has_an_interval_of_width_0(slices):
    found = read(*field(slices, 3))
    assert found == pytest.approx((STIFFNESS_PA,) * 3)


def test_the_scatter_of_slices_widens_the_interval():
    """Means 2.7, 3.0, 3.3, 3.0 kPa of equal slices, no error within: tau^2 is their relative variance.

    By hand: sum (0.1^2 + 0.1^2) / 4 over sum w (1 - w) = 3/4 gives 0.00667; the interval is Student's t of
    3 degrees of freedom times sqrt(tau^2 / 4), as that of a mean of four values.
    """
    stiffness, region = field(4, 3)
    means = np.array([0.9, 1.0, 1.1, 1.0])
    found = read(stiffness * means[:, None, None], region)
    student = stats.t.ppf(0.975, 3)
    assert found.mean_pa == pytest.approx(STIFFNESS_PA)
    assert reach(found) == pytest.approx(student * math.sqrt(0.02 / 4 / 0.75 / 4))
    assert reach(found) == pytest.approx(student * means.std(ddof=1) / 2)


def test_only_the_scatter_beyond_the_errors_within_slices_counts():
    """DerSimonian and Laird, two unequal slices (w = 3/4 and 1/4) 8 % apart; v = 2 b^2 / n, n = 27 and 9.

    Q = w1 w2 0.08^2 / m^2, its expectation without tau is sum w (1 - w) v. For a small b the excess is what
    remains; for a large b nothing does, and only the patches count.
    """
    shape = (2, 3 * PATCH_PX, 9 * PATCH_PX)
    region = np.ones(shape, bool)
    region[1, :, 3 * PATCH_PX :] = False
    weights = np.array([0.75, 0.25])
    means = STIFFNESS_PA * np.array([1.02, 0.94])
    assert weights @ means == pytest.approx(STIFFNESS_PA)
    for scale, scattered in ((0.05, True), (0.4, False)):
        found = read(np.broadcast_to(means[:, None, None], shape), region, np.full(shape, scale))
        within = 2 * scale**2 / np.array([27, 9])
        room = 2 * 0.75 * 0.25
        tau2 = (weights @ (means / STIFFNESS_PA - 1) ** 2 - 0.1875 * within.sum()) / room
        assert (tau2 > 0) == scattered
        own = np.sum(weights**2 * within)
        scatter = stats.t.ppf(0.975, 1) ** 2 * (own + tau2 * np.sum(weights**2))
        assert reach(found) == pytest.approx(math.sqrt(max(Z**2 * own, scatter)))


@pytest.mark.parametrize(("pixels", "known"), [(249, False), (250, True)])
def test_a_region_below_10_cm2_gives_no_reading(pixels, known):
    """Of 2 mm pixels 250 are 10 cm2, over two slices together."""
    region = np.zeros((2, 20, 20), bool)
    region[0, :10, :10] = True
    region[1].flat[: pixels - 100] = True
    found = reading.read(np.full(region.shape, 3000.0), region, 2e-3, FREQUENCY_HZ)
    assert np.isfinite(found).all() == known and np.isnan(found).all() != known


def test_an_empty_region_gives_no_reading():
    stiffness, region = field(2, 3)
    assert np.isnan(read(stiffness, ~region)).all()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("slices", "scale", "tau", "least", "most"),
    [
        (1, 0.1, 0.0, 0.95, 0.95),
        (4, 0.02, 0.1, 0.95, 0.95),
        (4, 0.1, 0.0, 0.95, 1.0),
        (4, 0.15, 0.05, 0.92, 1.0),
    ],
)
def test_intervals_hold_the_true_mean_as_often_as_they_say(slices, scale, tau, least, most, told):
    """400 maps whose patches have relative Laplace errors and whose slices share a normal one of sd tau.

    With errors of one kind alone the interval is exact: 95 % of them hold the truth, within three binomial
    standard errors. A tau of 0 is estimated as more, so they hold it more often. Where slices scatter about
    as much as their patches make them, four slices tell tau poorly, and some 92 % hold it. The scale is told,
    or follows from the scatter within the slices.
    """
    count, patches = 400, 6
    rng = np.random.default_rng([slices, told])
    held = 0
    for _ in range(count):
        errors = rng.laplace(0, scale, (slices, patches, patches)) + tau * rng.standard_normal((slices, 1, 1))
        stiffness = STIFFNESS_PA * (1 + errors.repeat(PATCH_PX, 1).repeat(PATCH_PX, 2))
        second = np.full(stiffness.shape, scale) if told else None
        found = read(stiffness, np.ones(stiffness.shape, bool), second)
        held += found.low_pa < STIFFNESS_PA < found.high_pa
    reach = 3 * math.sqrt(0.95 * 0.05 / count)
    assert least - reach < held / count < most + reach
