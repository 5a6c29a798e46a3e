"""From images to a reading: a known wave reads its stiffness, axes and signs count, faults are said."""

import json

import numpy as np
import pytest
from segmenters import bright, turned

from dime.files.scans import check_images
from dime.liver import checks, examination, maps, quality
from dime.mri.elastography import wrap
from dime.physics import axis_m, wavenumber

SPACING_M, FREQUENCY_HZ, SHAPE = 1.5e-3, 60.0, (88, 72)
"""Pixels along x and y: 132 x 108 mm."""

STIFFNESS_PA = 3000.0

WIDE_M = 0.045
"""Radius of the liver, which is a disc of 64 cm2."""


def plane(stiffness_pa=STIFFNESS_PA, offsets=4, amplitude_rad=1.0, sides=SHAPE, body_m=0.0):
    """Magnitude, phase (x, y, slice, offset) and liver (x, y, slice) of two slices with a plane wave.

    The disc of liver lies to the right of the patient. In the second slice it is cut off at the front. The
    body is a dimmer disc.
    """
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(*(axis_m(side, SPACING_M) for side in sides), indexing="ij")
    disc = np.hypot(x + 0.012, y - 0.004) < WIDE_M
    liver = np.stack([disc, disc & (y > -0.016)], axis=-1)
    k = wavenumber(stiffness_pa, 0.2, FREQUENCY_HZ)
    wave = amplitude_rad * np.exp(-1j * k * (0.6 * x + 0.8 * y + 0.06))
    turns = np.exp(2j * np.pi * np.arange(offsets) / offsets)
    shape = (*sides, 2, offsets)
    phase = wrap((wave[..., None, None] * turns).real + 0.03 * rng.standard_normal(shape))
    body = np.where(np.hypot(x, y) < body_m / 2, 0.4, 0.02)[..., None]
    magnitude = np.where(liver, 1, body)[..., None] * (1 + 0.02 * rng.random(shape))
    return magnitude, phase, liver


def even(wave, mask, spacing_m, frequency_hz):
    """A map network that says 2.5 kPa."""
    return np.where(mask, 2500.0, 0), np.where(mask, 0.05, 0)


@pytest.fixture
def networks(monkeypatch, tmp_path):
    """Stubs in place of networks, `bright` and `even`; returns the folder of their weights."""
    monkeypatch.setattr(checks, "turned_bottlenecks", turned)
    monkeypatch.setattr(examination, "segment", bright)
    monkeypatch.setattr(examination, "load_segmenter", lambda folder: (None, {}))
    monkeypatch.setattr(maps, "translator", lambda folder: even)
    (tmp_path / "map-unet").mkdir()
    return tmp_path


def examine(magnitude, phase, **named):
    return examination.examine_liver(magnitude, phase, SPACING_M, FREQUENCY_HZ, **named)


def reading(found):
    """What is reported; it can be written as JSON and is the same when it is read back."""
    said = found.attrs["reading"]
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    return said


@pytest.mark.parametrize("method", ["dime", "mmdi"])
@pytest.mark.parametrize("stiffness_pa", [2000.0, 4000.0])
def test_a_plane_wave_reads_its_stiffness(method, stiffness_pa):
    """|G*| of a plane wave is that of its wavelength: the reading is within 8 %, whole maps are given."""
    magnitude, phase, liver = plane(stiffness_pa)
    found = examine(magnitude, phase, mask=liver, method=method)
    said = reading(found)
    assert said["mean_kpa"] == pytest.approx(stiffness_pa / 1e3, rel=0.08)
    low, high = said["interval_kpa"]
    assert low < said["mean_kpa"] < high
    assert said["flags"] == ["size"] and said["method"] == method  # a liver without a body
    second = "confidence" if method == "mmdi" else "uncertainty"
    assert {"liver", "stiffness", "trusted", "reportable", "wave", second} <= set(found.data_vars)
    assert not found["stiffness"].values[~found["liver"].values].any()
    assert (found["stiffness"].values[found["liver"].values] > 0).all()


def test_the_reading_says_what_it_was_made_from():
    """Areas by slice in cm2, scale, seconds by step; the mean is that of the map over the region."""
    magnitude, phase, liver = plane()
    found = examine(magnitude, phase, mask=liver)
    said = reading(found)
    region, stiffness = found["reportable"].values, found["stiffness"].values
    assert said["mean_kpa"] == pytest.approx(stiffness[region].mean(dtype=float) / 1e3)
    pixel_cm2 = (100 * SPACING_M) ** 2
    assert said["liver_cm2"] == pytest.approx(list(liver.sum(axis=(0, 1)) * pixel_cm2), abs=0.006)
    assert said["area_cm2"] == pytest.approx(list(region.sum(axis=(1, 2)) * pixel_cm2), abs=0.006)
    assert (said["frequency_hz"], said["spacing_mm"], said["time_sign"]) == (60, 1.5, 1)
    assert set(said["seconds"]) == {"segment", "wave", "map", "quality"}
    assert min(said["seconds"].values()) >= 0


def test_axes_are_those_of_nifti():
    """(x, y, slice, offset) in, (slice, y, x) out; the liver lies where the mask had it, off the centre."""
    magnitude, phase, liver = plane()
    found = examine(magnitude, phase, mask=liver)
    assert dict(found.sizes) == {"slice": 2, "y": SHAPE[1], "x": SHAPE[0]}
    for name in ("liver", "stiffness", "trusted", "reportable", "wave", "uncertainty"):
        assert found[name].dims == ("slice", "y", "x"), name
    np.testing.assert_array_equal(found["liver"], liver.transpose(2, 1, 0))
    np.testing.assert_allclose(found["x"], axis_m(SHAPE[0], SPACING_M))
    np.testing.assert_allclose(found["y"], axis_m(SHAPE[1], SPACING_M))
    assert not (found["reportable"].values & ~found["liver"].values).any()


def test_the_first_harmonic_of_the_offsets_is_the_wave():
    """Offset j is Re(U e^{2 pi i j / N}): U comes back, up to the noise, in the liver."""
    magnitude, phase, liver = plane(offsets=8)
    found = examine(magnitude, phase, mask=liver)
    x, y = np.meshgrid(found["x"], found["y"])
    wave = np.exp(-1j * wavenumber(STIFFNESS_PA, 0.2, FREQUENCY_HZ) * (0.6 * x + 0.8 * y + 0.06))
    inside = found["liver"].values
    error = (found["wave"].values - wave)[inside]
    assert np.sqrt(np.mean(np.abs(error) ** 2)) == pytest.approx(0.03 * np.sqrt(4 / 8), rel=0.1)
    assert not found["wave"].values[~inside].any()


def test_phases_that_wrap_read_as_if_they_did_not():
    """Motion of 4 rad: the same liver moves more, and its stiffness is the same."""
    magnitude, phase, liver = plane(amplitude_rad=4.0, offsets=8)
    said = reading(examine(magnitude, phase, mask=liver))
    assert said["mean_kpa"] == pytest.approx(STIFFNESS_PA / 1e3, rel=0.08)


@pytest.mark.parametrize("method", ["dime", "mmdi", "map-unet"])
def test_time_may_run_backwards(networks, method):
    """Offsets in the opposite order are the conjugate wave: the same map, and the sign is said."""
    magnitude, phase, liver = plane()
    backwards = np.roll(phase[..., ::-1], 1, axis=-1)
    ahead, back = (
        examine(magnitude, one, mask=liver, method=method, weights=networks) for one in (phase, backwards)
    )
    np.testing.assert_allclose(back["wave"], np.conj(ahead["wave"]), atol=1e-6)
    np.testing.assert_allclose(back["stiffness"], ahead["stiffness"], rtol=1e-4)
    np.testing.assert_array_equal(back["reportable"], ahead["reportable"])
    assert (reading(ahead)["time_sign"], reading(back)["time_sign"]) == (1, -1)


def test_a_network_gets_the_wave_whose_time_runs_forwards(networks, monkeypatch):
    """The wave of a slice, or its conjugate, in the same order of slices."""
    seen = []

    def watch(wave, mask, *scale):
        seen.append(wave)
        return even(wave, mask, *scale)

    monkeypatch.setattr(maps, "translator", lambda folder: watch)
    magnitude, phase, liver = plane()
    backwards = np.roll(phase[..., ::-1], 1, axis=-1)
    for one in (phase, backwards):
        found = examine(magnitude, one, mask=liver, method="map-resnet", weights=networks)
        assert reading(found)["mean_kpa"] == pytest.approx(2.5)
    np.testing.assert_allclose(seen[2:], seen[:2], atol=1e-6)


def test_a_given_mask_has_no_quality():
    """Quality judges the segmentation too; there is none, and no segmenter is loaded (none lies there)."""
    magnitude, phase, liver = plane()
    said = reading(examine(magnitude, phase, mask=liver, weights="nowhere"))
    assert said["quality"] is None and said["distance"] is None and said["numbers"] == {}


@pytest.mark.parametrize("method", ["dime", "mmdi"])
def test_a_mask_replaces_the_magnitude(method):
    """Without a magnitude the reading is that of the deep liver, and nobody complains about anatomy."""
    _, phase, liver = plane()
    said = reading(examine(None, phase, mask=liver, method=method))
    assert said["mean_kpa"] == pytest.approx(STIFFNESS_PA / 1e3, rel=0.08) and said["flags"] == []


def test_three_offsets_are_enough_with_a_mask():
    _, phase, liver = plane(offsets=3)
    said = reading(examine(None, phase, mask=liver))
    assert said["mean_kpa"] == pytest.approx(STIFFNESS_PA / 1e3, rel=0.08)


def test_vessels_are_not_read_where_there_is_a_magnitude():
    """A tube twice as bright as the liver is left out of the region, and no other part of the map changes."""
    magnitude, phase, liver = plane()
    tube = np.zeros(liver.shape, bool)
    tube[30:36, 34:50] = True
    plain, with_tube = (
        examine(image, phase, mask=liver)
        for image in (magnitude, np.where(tube[..., None], 2 * magnitude, magnitude))
    )
    inside = tube.transpose(2, 1, 0)
    assert plain["reportable"].values[inside].all()
    assert not with_tube["reportable"].values[inside].any()
    np.testing.assert_array_equal(plain["stiffness"], with_tube["stiffness"])


def test_what_lies_outside_a_given_mask_may_be_anything():
    """NaN, or 0 as in the released waves: the reading is the same. Inside a mask NaN is refused."""
    magnitude, phase, liver = plane()
    expected = reading(examine(None, phase, mask=liver))
    for other in (np.nan, 0.0, 100.0):
        said = reading(examine(None, np.where(liver[..., None], phase, other), mask=liver))
        assert said["mean_kpa"] == pytest.approx(expected["mean_kpa"], rel=1e-6), other
        assert said["area_cm2"] == expected["area_cm2"]
    masked = np.where(liver[..., None], magnitude, np.nan)
    reading(examine(masked, phase, mask=liver))
    phase[44, 36, 0, 1] = np.nan
    with pytest.raises(ValueError, match=r"^phase: expected finite values, found 1 that are not$"):
        examine(magnitude, phase, mask=liver)


@pytest.mark.parametrize("method", examination.METHODS)
def test_every_method_reads_a_segmented_liver(networks, method):
    """Stubbed segmenters: the outline is the bright disc, and the numbers of the quality are there."""
    magnitude, phase, liver = plane()
    found = examine(magnitude, phase, method=method, weights=networks)
    np.testing.assert_array_equal(found["liver"], liver.transpose(2, 1, 0))
    said = reading(found)
    kpa = 2.5 if method.startswith("map") else STIFFNESS_PA / 1e3
    assert said["mean_kpa"] == pytest.approx(kpa, rel=0.08) and said["method"] == method
    assert set(said["numbers"]) == set(quality.NUMBERS)
    assert said["numbers"]["segmenters_dice"] == 1 and said["numbers"]["moving"] == pytest.approx(1, abs=0.01)
    # the second network says 2.5 kPa whatever the method of the reading: log(3 / 2.5)
    assert said["numbers"]["maps_log_ratio"] == pytest.approx(np.log(3 / 2.5), abs=0.08)
    assert said["quality"] is None and said["flags"] == ["size"]  # a liver without a body


def test_the_quality_is_that_of_the_file_below_the_weights(networks):
    """All weights 0: q = 1 / (1 + exp(c)); below the limit of the alarm the reading is doubted.

    A liver of 2 kPa in a body of 0.21 m breaks no rule.
    """
    magnitude, phase, _ = plane(2000.0, sides=(152, 150), body_m=0.21)
    zero, one = (dict.fromkeys(quality.NUMBERS, value) for value in (0.0, 1.0))
    model = dict.fromkeys(("mean", "low", "high", "weights"), zero)
    model |= {"sd": one, "missing": 0.0, "intercept": -2.0}
    for limit in (0.8, 0.9):
        content = {"model": model, "alarm_below": limit}
        (networks / examination.QUALITY).write_text(json.dumps(content))
        said = reading(examine(magnitude, phase, weights=networks))
        q = 1 / (1 + np.exp(-2.0))
        assert said["quality"] == pytest.approx(q) and said["distance"] is None
        assert said["flags"] == [] and said["doubted"] == (q < limit)


def test_images_unlike_the_training_are_flagged(networks):
    """The bottleneck is the liver's centre; training livers lay 40 pixels away, or about here."""
    magnitude, phase, liver = plane(2000.0, sides=(152, 150), body_m=0.21)
    here = np.mean([np.mean(np.nonzero(one.T), axis=1) for one in liver.transpose(2, 0, 1)], axis=0)
    here -= (np.array(liver.shape[1::-1]) - 1) / 2
    spread = 8 * np.random.default_rng(1).standard_normal((60, 2))
    for centre, expected in ((here, []), (np.add(here, [40, 0]), ["unlike training"])):
        density = quality.fit_density(*np.split(centre + spread, [40]))
        content = {"density": density, "alarm_below": 0.0}
        (networks / examination.QUALITY).write_text(json.dumps(content))
        said = reading(examine(magnitude, phase, weights=networks))
        assert [name for name in said["flags"] if name != "orientation"] == expected
        assert (said["distance"] > density["limit"]) == bool(expected) and said["quality"] is None


def test_where_no_liver_is_found_there_is_no_number_and_that_is_said(networks):
    """A dim magnitude: no outline, no kPa, empty maps, and no exception by any method."""
    magnitude, phase, _ = plane()
    for method in examination.METHODS:
        found = examine(0.4 * magnitude, phase, method=method, weights=networks)
        said = reading(found)
        assert said["mean_kpa"] is None and said["interval_kpa"] is None
        assert {"no liver", "no region"} <= set(said["flags"]) and said["doubted"]
        assert said["liver_cm2"] == said["area_cm2"] == [0.0, 0.0]
        for name in ("liver", "stiffness", "trusted", "reportable", "wave"):
            assert not found[name].values.any(), name
        assert said["numbers"]["area_m2"] == 0 and said["method"] == method


@pytest.mark.parametrize("side_px", [3, 24])
def test_a_region_below_10_cm2_gives_no_number(side_px):
    """A square of 13 cm2, of which the rim of 8 mm leaves less than 10; and one that no wave fits in."""
    _, phase, _ = plane()
    mask = np.zeros((*SHAPE, 2), bool)
    mask[30 : 30 + side_px, 30 : 30 + side_px, 0] = True
    said = reading(examine(None, phase, mask=mask))
    assert said["mean_kpa"] is None and said["interval_kpa"] is None
    assert said["flags"] == ["no region"] and said["doubted"]
    assert 0 <= sum(said["area_cm2"]) < 10


def test_a_slice_without_liver_is_left_empty():
    magnitude, phase, liver = plane()
    liver[..., 1] = False
    found = examine(magnitude, phase, mask=liver)
    said = reading(found)
    assert said["liver_cm2"][1] == said["area_cm2"][1] == 0 and not found["stiffness"].values[1].any()
    assert said["mean_kpa"] == pytest.approx(STIFFNESS_PA / 1e3, rel=0.08)


def test_a_liver_at_rest_gives_no_number():
    """Noise without a wave: nothing is trusted."""
    magnitude, phase, liver = plane(amplitude_rad=0.0)
    for method in ("dime", "mmdi"):
        said = reading(examine(magnitude, phase, mask=liver, method=method))
        assert said["mean_kpa"] is None and "no region" in said["flags"]


@pytest.mark.parametrize("method", examination.METHODS)
def test_what_is_not_trusted_is_not_read_even_where_it_is_reportable(networks, method):
    """The segmenter calls a liver at rest reportable; the map is noise, and no number is given."""
    magnitude, phase, _ = plane(amplitude_rad=0.0)
    found = examine(magnitude, phase, method=method, weights=networks)
    said = reading(found)
    assert not found["trusted"].values.any() and not found["reportable"].values.any()
    assert said["mean_kpa"] is None and {"no motion", "no region"} <= set(said["flags"])


def test_an_unknown_method_is_refused():
    magnitude, phase, liver = plane()
    message = r"^method: expected one of dime, mmdi, map-unet, map-resnet, found 'lfe'$"
    with pytest.raises(ValueError, match=message):
        examine(magnitude, phase, mask=liver, method="lfe")


MAGNITUDE, PHASE, LIVER = plane()

BROKEN = {
    "neither": ({"magnitude": None}, "no magnitude: give a mask"),
    "three axes": (
        {"phase": PHASE[..., 0]},
        r"phase: expected \(x, y, slice, offset\), found shape \(88, 72, 2\)",
    ),
    "two offsets": (
        {"phase": PHASE[..., :2], "magnitude": MAGNITUDE[..., :2]},
        "phase: expected at least 3 phase offsets, found 2",
    ),
    "other shape": (
        {"magnitude": MAGNITUDE[:80]},
        r"magnitude: expected the phase's shape \(88, 72, 2, 4\), found \(80, 72, 2, 4\)",
    ),
    "constant": (
        {"phase": np.repeat(PHASE[..., :1], 4, axis=-1)},
        "phase: expected phase offsets that differ, found all alike",
    ),
    "dark": ({"magnitude": 0 * MAGNITUDE}, "magnitude: expected a magnitude, found 0 everywhere"),
    "negative": ({"magnitude": -MAGNITUDE}, "magnitude: expected a magnitude, found values below 0"),
    "NaN": (
        {"magnitude": np.full_like(MAGNITUDE, np.nan)},
        "magnitude: expected finite values, found 50688 that are not",
    ),
    "mask of other shape": (
        {"mask": LIVER[..., :1]},
        r"mask: expected the phase's slices \(88, 72, 2\), found \(88, 72, 1\)",
    ),
    "empty mask": ({"mask": ~np.ones_like(LIVER)}, "mask: the mask is empty, expected at least one pixel"),
    "degrees": (
        {"phase": np.degrees(PHASE)},
        r"phase: expected wrapped phases in rad \(a range of 7 at most\), found -\d+.*multiply by a scale",
    ),
    "unwrapped inside the mask": (
        {"phase": 8 * PHASE, "mask": LIVER},
        r"phase: expected wrapped phases in rad \(a range of 7 at most\), found .*multiply by a scale",
    ),
    "coarse": ({"spacing_m": 5e-3}, "spacing_m, frequency_hz: expected a pixel of at most 4 mm, found 5 mm"),
    "millimetres": (
        {"spacing_m": 1.5},
        "spacing_m, frequency_hz: expected a pixel of at most 4 mm, found 1500",
    ),
    "frequency": ({"frequency_hz": 0}, "spacing_m, frequency_hz: frequency: expected 1 to 1000 Hz, found 0"),
    "no frequency": (
        {"frequency_hz": None},
        "spacing_m, frequency_hz: expected the frequency of the vibration, found none",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_images_that_no_reading_can_come_from_are_refused(name):
    """One line that names the field, what was expected and what was found, before any network is loaded."""
    changed, message = BROKEN[name]
    whole = {"magnitude": MAGNITUDE, "phase": PHASE, "spacing_m": SPACING_M, "frequency_hz": FREQUENCY_HZ}
    check_images(PHASE.transpose(2, 3, 1, 0), MAGNITUDE.transpose(2, 3, 1, 0))
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        examination.examine_liver(**whole | {"weights": "nowhere"} | changed)
    assert "\n" not in str(caught.value)


def test_images_are_not_changed(networks):
    """The arrays of the caller stay as they are, of any real type and order in memory."""
    magnitude, phase, liver = plane()
    given = magnitude.astype(np.float16), np.asfortranarray(phase), liver.astype(np.uint8)
    before = [one.copy() for one in given]
    first = examine(given[0], given[1], mask=given[2])
    examine(*given[:2], weights=networks)
    for one, earlier in zip(given, before, strict=True):
        np.testing.assert_array_equal(one, earlier)
    again = examine(magnitude.astype(np.float16), phase, mask=liver)
    np.testing.assert_array_equal(first["stiffness"], again["stiffness"])
