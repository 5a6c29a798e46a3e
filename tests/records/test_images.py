"""Images of an examination: each marker enters as its equation says, and nothing else moves with it."""

from functools import cache

import numpy as np
import pytest

from dime.mri import signal
from dime.phantoms.canvas import ID, TISSUES
from dime.records import frame, images, surface
from dime.records.columns import SEQUENCES

TRUTH = {
    **{"stage": "F0", "fat_share": 0.0, "r2star_per_s": 48.0, "t1_ms": 809.0, "t2_ms": 34.0},
    **{"adc_mm2_s": 1.3e-3, "nodularity": 2.0, "texture": 0.0, "spleen_ml": 220.0},
    **{"field_t": 3.0, "b_s_mm2": 500.0, "pixel_mm": 1.5, "slice_mm": 6.0, "opposed": False},
}
PERSON = {"sex": "male", "bmi_kg_m2": 26.0, "t1w": True, "t2w": True, "dwi": True}
ONLY_T1W = {"t2w": False, "dwi": False}
PLAIN = np.ones((2, len(TISSUES)))


def liver(sequence, **changed):
    """Signal of the liver in the images of a sequence, relative to a normal one's in the first of them."""
    return images._signals(sequence, TRUTH | changed, PLAIN)[:, ID["liver"]]


@cache
def scanned(visit=0, seed=1, outlined=False, person=(), **changed):
    return images.scan(TRUTH | changed, PERSON | dict(person), (seed, 2), visit, outlined)


def t1w(outlined=False, **changed):
    return scanned(outlined=outlined, person=tuple(ONLY_T1W.items()), **changed)


def test_a_normal_liver_has_signal_1():
    for sequence in SEQUENCES:
        assert liver(sequence)[0] == pytest.approx(1)


@pytest.mark.parametrize("field_t", [1.5, 3.0])
def test_t1_acts_by_the_equation_of_the_gradient_echo(field_t):
    """At a = 70 deg and TR = 150 ms the signals of T1 900 and 750 ms (at 3 T) have the ratio of
    (1 - E) / (1 - E cos a); at 1.5 T both times are shorter by 586 / 809."""
    times = np.array([0.900, 0.750]) * (586 / 809 if field_t == 1.5 else 1)
    e = np.exp(-0.150 / times)
    expected = (1 - e) / (1 - e * np.cos(np.deg2rad(70)))
    found = [liver("t1w", t1_ms=t1, field_t=field_t)[0] for t1 in (900.0, 750.0)]
    assert found[0] / found[1] == pytest.approx(expected[0] / expected[1], rel=1e-6)
    assert found[0] < found[1], "long T1 is dark"


def test_the_ratio_of_two_t1_is_seen_in_the_image():
    """The same body with T1 of 1000 and 700 ms: the mean signal of the liver has the equation's ratio,
    within the noise of 2 % in hundreds of voxels."""
    means = []
    for t1_ms in (1000.0, 700.0):
        found = t1w(outlined=True, t1_ms=t1_ms)
        means.append(found["t1w"].values[found["liver"].values > 0.99].mean())
    expected = liver("t1w", t1_ms=1000.0)[0] / liver("t1w", t1_ms=700.0)[0]
    assert means[0] / means[1] == pytest.approx(expected, rel=0.02)


def test_t2_acts_by_the_equation_of_the_spin_echo():
    """exp(-TE / T2), TE = 80 ms; iron shortens T2 and R2* of 60 /s is no overload."""
    ratio = liver("t2w", t2_ms=45.0)[0] / liver("t2w", t2_ms=35.0)[0]
    assert ratio == pytest.approx(np.exp(80 / 35 - 80 / 45), rel=1e-6)
    assert liver("t2w", r2star_per_s=60.0)[0] == pytest.approx(1)
    iron = liver("t2w", r2star_per_s=160.0)[0]
    assert iron == pytest.approx(np.exp(-0.080 * images.IRON_IN_R2 * 100), rel=1e-6)


@pytest.mark.parametrize("field_t", [1.5, 3.0])
def test_opposed_phase_lowers_a_fatty_liver(field_t):
    """At 20 % fat the signal is |(1 - f) W - f F| in place of |(1 - f) W + f F|; a lean liver only decays."""
    for fat_share, lowest, highest in ((0.0, 0.85, 1.2), (0.2, 0.0, 0.75)):
        phases = [
            liver("t1w", fat_share=fat_share, field_t=field_t, opposed=opposed)[0]
            for opposed in (True, False)
        ]
        assert lowest < phases[0] / phases[1] < highest
    water, fat = (
        signal.spoiled_gradient_echo(t.proton_density, t.t1_s, 47, images.FLIP_RAD, 0.15, 1.15e-3)
        for t in (signal.RELAXATION[3.0]["liver"], signal.RELAXATION[3.0]["fat"])
    )
    found = liver("t1w", fat_share=0.2, opposed=True)[0]
    assert found == pytest.approx((0.8 * water - 0.2 * fat) / water, rel=2e-3)


def apparent(b, adc=1.3e-3):
    first, second = liver("dwi", b_s_mm2=b, adc_mm2_s=adc)
    return np.log(first / second) / b


def test_the_apparent_coefficient_falls_with_b():
    """At b = 500 it is the marker; at 800, with f = 0.2 of moving blood,
    -ln((1 - f) exp(-800 d)) / 800 = adc + ln(1 - f) / 500 - ln(1 - f) / 800."""
    assert apparent(images.PERFUSION_B) == pytest.approx(1.3e-3, rel=1e-6)
    expected = 1.3e-3 + np.log(0.8) / 500 - np.log(0.8) / 800
    assert apparent(800.0) == pytest.approx(expected, rel=1e-6) and expected < 1.3e-3


@pytest.mark.parametrize(("b", "expected"), [(500.0, 1.30), (800.0, 1.30 + 1e3 * np.log(0.8) * 3 / 4000)])
def test_the_frame_shows_the_coefficient_of_the_liver(b, expected):
    """Median of the diffusion channel in the liver [1e-3 mm2/s]: the marker at b = 500; at 800 as the
    perfusion formula has it. Noise and vessels leave 6 %."""
    person = (("t1w", True), ("t2w", False), ("dwi", True))
    found = scanned(outlined=True, person=person, b_s_mm2=b)
    seen = frame.framed(found)
    where = frame.framed({"t1w": found["liver"]}).volume[0] > -0.01  # whole voxels of liver
    assert where.sum() > 500
    assert np.median(seen.volume[2][where]) == pytest.approx(expected, rel=0.06)


def test_a_larger_spleen_fills_more_pixels(monkeypatch):
    """Volumes V of 110, 220 and 440 ml: what is painted in the slices is about V at the healthy 220 ml, and
    grows more slowly than V, since wall, liver and lung leave no more room: as V to the power of 0.5 to 1."""
    stated, volumes = (110.0, 220.0, 440.0), []
    for spleen_ml in stated:
        count = []
        paint = images.paint

        def counted(*arguments, count=count, paint=paint):
            canvas, rng = paint(*arguments)
            count.append((canvas.tissue == ID["spleen"]).sum() * arguments[3] ** 2)
            return canvas, rng

        with monkeypatch.context() as patch:
            patch.setattr(images, "paint", counted)
            images.scan(TRUTH | {"spleen_ml": spleen_ml}, PERSON | ONLY_T1W, (7, 2))
        volumes.append(sum(count) * images.STEP_M * 1e6)
    powers = np.diff(np.log(volumes)) / np.diff(np.log(stated))
    assert ((powers > 0.5) & (powers < 1.05)).all(), volumes
    assert volumes[1] == pytest.approx(220, rel=0.3), volumes


def test_the_surface_is_rougher_the_higher_the_score():
    """The outline of the true liver in the fine slice, the mean over five bodies: scores 1.5, 2.5, 3.5."""
    found = []
    for score in (1.5, 2.5, 3.5):
        seen = [frame.framed(t1w(outlined=True, seed=seed, nodularity=score)) for seed in range(5)]
        found.append(np.mean([surface.roughness(one.liver.astype(float)) for one in seen]))
    assert found[0] < found[1] < found[2]
    assert found[2] > 1.3 * found[0]


def test_texture_varies_the_liver_and_no_other_tissue():
    """Texture of 0.3 adds to the spread of the log signal in the liver; the rest of the image, in which the
    same noise lies, is the same."""
    smooth, rough = (t1w(outlined=True, texture=texture) for texture in (0.0, 0.3))
    inside, outside = smooth["liver"].values > 0.99, smooth["liver"].values == 0
    np.testing.assert_array_equal(smooth["t1w"].values[outside], rough["t1w"].values[outside])
    spread = [np.log(one["t1w"].values[inside]).std() for one in (smooth, rough)]
    assert np.sqrt(spread[1] ** 2 - spread[0] ** 2) == pytest.approx(0.3, abs=0.06)


def test_another_visit_shows_the_same_body_with_other_noise():
    """The same seed and visit give the same bytes. At another visit noise, gain and place differ, while the
    framed bodies correlate as closely as a shift of millimetres allows; another person is less alike."""
    first, again = t1w(), images.scan(TRUTH, PERSON | ONLY_T1W, (1, 2))
    assert first["t1w"].values.tobytes() == again["t1w"].values.tobytes()
    other, stranger = t1w(visit=1), t1w(seed=3)
    assert not np.array_equal(first["t1w"].values, other["t1w"].values)
    one, two, three = (
        frame.framed(part).volume[0].astype(float).ravel() for part in (first, other, stranger)
    )
    assert np.corrcoef(one, two)[0, 1] > 0.93 > np.corrcoef(one, three)[0, 1] + 0.05


def test_a_sequence_that_was_not_acquired_is_absent_and_changes_no_other():
    """The images of T1w are the same whether T2w and DWI were acquired or not."""
    everything, part = scanned(), t1w()
    assert list(everything) == ["t1w", "t2w", "dwi"] and list(part) == ["t1w"]
    np.testing.assert_array_equal(everything["t1w"].values, part["t1w"].values)
    assert everything["dwi"].b_s_mm2 == (0.0, 500.0) and everything["t2w"].b_s_mm2 is None
    assert everything["dwi"].values.shape == (2, *everything["t1w"].values.shape)


def test_noise_follows_the_size_of_a_voxel():
    """In air the magnitude is Rayleigh: its mean is sqrt(pi / 2) sigma. Half as thick a slice has twice the
    noise; the gain, the same for both, is taken out."""
    clean = np.zeros((1, 4, 60, 80))
    means = [
        images._recorded(clean, "t1w", TRUTH | {"slice_mm": mm}, np.random.default_rng(0)).values.mean()
        for mm in (6.0, 3.0)
    ]
    assert means[1] / means[0] == pytest.approx(2, rel=1e-5)
