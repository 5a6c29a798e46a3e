"""What goes into the estimate: files and arrays are read alike, and what is wrong is one line."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from brain_maps import synthetic

from dime.brain.inputs import bright, gather
from dime.brain.scanner import acquire, add_noise, reference_signal
from dime.brain.sequence_file import CONTRAST_RANGES, Sequences, read_sequences, written
from dime.brain.sequences import COMBINATIONS, FAMILIES, Contrast, Train
from dime.brain.tissues import AT_3T
from dime.files import yaml12

N = 16
SEQUENCES = Sequences(Train(lines=N), FAMILIES["T1"])
SAID = """\
train: {flip_deg: 5, repetition_ms: 5.6, echo_ms: 2.51, recovery_s: 10,
        lines: 16, order: centric, phase_axis: y}
contrasts:
  - {inversion_ms: 500, second_inversion_ms: 400, t2_preparation_ms: 50}
  - {diffusion_ms: 10, b_s_per_mm2: 600, echo_delay_ms: 5}
  - {}
"""


def images(slices=2):
    """Magnitudes (contrast, slice, y, x) that are all different."""
    return 1 + np.arange(4 * slices * N * 12, dtype=np.float32).reshape(4, slices, N, 12)


def save(path, values, affine=None):
    """Save (slice, y, x) or more, the last axes first."""
    image = nibabel.Nifti1Image(np.asarray(values).T, np.diag([3, 3, 5, 1.0]) if affine is None else affine)
    nibabel.save(image, path)
    return path


@pytest.fixture
def files(tmp_path):
    return [save(tmp_path / f"{place}.nii.gz", one) for place, one in enumerate(images())]


def test_files_one_file_and_arrays_are_the_same(tmp_path, files):
    together = save(tmp_path / "all.nii.gz", images())
    for given in (files, [str(one) for one in files], together, [together], images()):
        found = gather(given, SEQUENCES, mask=np.ones((2, N, 12)))
        np.testing.assert_array_equal(found["image"], images())
        assert found["image"].dtype == np.float32
    flat = [save(tmp_path / f"flat-{place}.nii.gz", one[0]) for place, one in enumerate(images())]
    together = save(tmp_path / "flat.nii.gz", images()[:, 0])
    for given in (flat, together, images()[:, 0]):
        found = gather(given, SEQUENCES, mask=np.ones((N, 12)))
        np.testing.assert_array_equal(found["image"], images()[:, :1])
    turned = [save(tmp_path / f"c{place}.nii.gz", one * 1j) for place, one in enumerate(images())]
    assert gather(turned, SEQUENCES, mask=np.ones((2, N, 12)))["image"].dtype == np.complex64


def test_fields_count_within_the_mask_alone(tmp_path, files):
    mask = np.zeros((2, N, 12))
    mask[:, 4:8, 4:8] = 1
    b1 = np.where(mask, 0.9, 0.0)
    b0_hz = np.where(mask, -40.0, np.nan)
    paths = [save(tmp_path / f"{name}.nii", one) for name, one in (("m", mask), ("b1", b1), ("b0", b0_hz))]
    for given in (paths, (mask, b1, b0_hz)):
        found = gather(files, SEQUENCES, *given)
        np.testing.assert_array_equal(found["mask"], mask > 0)
        np.testing.assert_allclose(found["b1"], np.where(mask, 0.9, 1))
        np.testing.assert_array_equal(found["b0_hz"], np.where(mask, -40, 0))
    holes = images()
    holes[:, 0, 0, 0] = np.nan
    assert gather(holes, SEQUENCES, mask=mask)["image"].values[0, 0, 0, 0] == 0


@pytest.mark.parametrize("name", ["T1", "T2", "+ T2"])
@pytest.mark.parametrize("snr", [30, 1000])
def test_brightness_finds_the_brain(name, snr):
    fractions, mask = synthetic(64)
    contrasts, train = COMBINATIONS.get(name, FAMILIES.get(name)), Train()
    made = acquire(fractions, contrasts, train)
    noisy = add_noise(made, snr, reference_signal(contrasts, train), np.random.default_rng(0)).abs()
    found = torch.tensor(bright(noisy.numpy()[:, None])[0])
    assert (found == mask).float().mean() > 0.985


def wrong(place, change):
    """Images of which one is changed."""
    made = images()
    made[place] = change(made[place])
    return made


def some(value):
    """A change of one voxel."""

    def change(one):
        one = one.copy()
        one[0, 3, 3] = value
        return one

    return change


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (wrong(1, some(np.nan)), "images: contrast 2: expected finite values, found 1 that are not"),
        (wrong(2, some(-3)), "images: contrast 3: expected magnitudes of at least 0, found -3"),
        (wrong(0, lambda one: 0 * one), "images: contrast 1: expected a signal, found 0 everywhere"),
        (images()[:3], r"images: expected 4 contrasts .*, found \(3, 2, 16, 12\)"),
        (images().swapaxes(2, 3), "expected 16 voxels along y, one for each line of the train, found 12"),
        (images().astype(str), "images: expected numbers"),
        ([[1, 2], [3]], "images: expected paths or an array of numbers, found neither"),
        (wrong(3, lambda one: 0 * one + 7), "images: contrast 4: expected an image, found 7 everywhere"),
        (
            images()[[0, 1, 2, 1]],
            "contrast 4: expected an image of its own, found that of .*contrast 2 again",
        ),
    ],
)
def test_bad_arrays_are_refused(given, message):
    with pytest.raises(ValueError, match=message) as caught:
        gather(given, SEQUENCES)
    assert "\n" not in str(caught.value)


def test_bad_files_are_named(tmp_path, files):
    def refused(message, given=files, **others):
        with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
            gather(given, SEQUENCES, **{"mask": np.ones((2, N, 12))} | others)
        assert "\n" not in str(caught.value)

    one = images()[0]
    shape = save(tmp_path / "shape.nii", one[:, :-1])
    pixel = save(tmp_path / "pixel.nii", one, np.diag([2, 3, 5, 1.0]))
    moved = save(tmp_path / "moved.nii", one, np.diag([3, 3, 5, 1.0]) + np.eye(4, k=3))
    refused(r"shape.nii: expected the shape of .*0.nii.gz 12x16x2, found 12x15x2", [*files[:3], shape])
    refused(r"pixel.nii: expected the pixel of .*0.nii.gz 3 x 3 mm, found 2 x 3 mm", [*files[:3], pixel])
    refused(
        r"moved.nii: expected the place of .*0.nii.gz, found an affine that is 1 mm off", [*files[:3], moved]
    )
    refused("images: expected 4, one for each contrast, found 3 files", files[:3])
    refused("nowhere.nii: no such file", [*files[:3], tmp_path / "nowhere.nii"])
    refused(r"0.nii.gz: expected 4 images, one a contrast", files[0])
    turned = save(tmp_path / "complex.nii", one * 1j)
    refused(
        "0.nii.gz: expected complex numbers, as in the other images, found magnitudes", [turned, *files[:3]]
    )
    refused("shape.nii: expected the shape of", b1=shape)
    refused("moved.nii: expected the place of", mask=moved)
    refused("mask: the mask is empty", mask=np.zeros((2, N, 12)))
    refused("mask: expected 0 outside and positive numbers inside", mask=-np.ones((2, N, 12)))
    refused("mask: expected the images' grid 12x16x2, found 12x16x1", mask=np.ones((N, 12)))
    low = save(tmp_path / "low.nii", np.full(one.shape, 0.5))
    refused(
        "low.nii: expected 0.6 to 1.3 of the nominal flip angle within the mask, found 0.5 and 383 more",
        b1=low,
    )
    refused("b0_hz: expected -1000 to 1000 Hz within the mask, found nan", b0_hz=np.full((2, N, 12), np.nan))


def test_equally_bright_images_need_a_mask():
    flat = 1.0 + np.arange(4)[:, None, None] * (np.indices((N, N)).sum(0) % 2 - 0.5) / 4
    flat /= np.sqrt((flat**2).mean(0))
    with pytest.raises(ValueError, match="expected dark voxels around the brain, found none; give a mask"):
        gather(flat, SEQUENCES)


def test_a_slice_without_signal_within_its_mask_is_named():
    made = images()
    made[:, 1] = 0
    with pytest.raises(ValueError, match="contrast 1: expected a signal in slice 2, found 0 within the mask"):
        gather(made, SEQUENCES, mask=np.ones((2, N, 12)))
    mask = np.stack([np.ones((N, 12)), np.zeros((N, 12))])
    assert not gather(made, SEQUENCES, mask=mask)["mask"].values[1].any()


def test_negative_magnitudes_are_refused_outside_the_mask_too():
    made, mask = images(), np.zeros((2, N, 12))
    mask[:, 4:8, 4:8] = 1
    made[2, 0, 0, 0] = -5
    with pytest.raises(ValueError, match="contrast 3: expected magnitudes of at least 0, found -5"):
        gather(made, SEQUENCES, mask=mask)


def test_a_mask_that_was_resampled_begins_at_half():
    mask = np.zeros((2, N, 12))
    mask[:, 4:8, 4:8] = 1
    soft = mask.copy()
    soft[:, 3, 4:8] = 0.2
    soft[:, 8, 4:8] = 0.6
    found = gather(images(), SEQUENCES, mask=soft)["mask"].values
    np.testing.assert_array_equal(found, soft > 0.5)
    assert gather(images(), SEQUENCES, mask=3 * mask)["mask"].values.sum() == mask.sum()
    with pytest.raises(ValueError, match="mask: expected whole numbers or fractions up to 1, found up to 51"):
        gather(images(), SEQUENCES, mask=51 * soft)


def test_a_file_of_sequences_is_read_in_its_units_and_written_alike(tmp_path):
    (tmp_path / "SEQ.yaml").write_text(SAID)
    found = read_sequences(tmp_path / "SEQ.yaml")
    assert found.train.repetition_s == pytest.approx(5.6e-3) and found.train.flip_rad == pytest.approx(
        0.0872665
    )
    assert found.train.lines == N and found.simulator == "closed" and found.tissues == AT_3T
    assert found.contrasts[0] == Contrast(0.5, 0.4, 0.05)
    assert found.contrasts[1] == Contrast(diffusion_s=0.01, b_s_per_m2=600e6, echo_delay_s=0.005)
    assert found.contrasts[2] == Contrast()
    for one in (
        Sequences(Train(), COMBINATIONS["+ DWI"], phase_axis="x", simulator="epg"),
        found._replace(tissues=AT_3T | {"wm": AT_3T["wm"]._replace(t1_s=0.9)}),
    ):
        again = read_sequences(written(one))
        assert again.simulator == one.simulator and again.phase_axis == one.phase_axis
        for a, b in zip(again.contrasts, one.contrasts, strict=True):
            np.testing.assert_allclose(numbers(a), numbers(b), rtol=1e-9)
        np.testing.assert_allclose(again.tissues["wm"], one.tissues["wm"], rtol=1e-9)


def test_the_page_states_a_file_that_is_read_and_its_ranges():
    page = (Path(__file__).parents[2] / "docs/brain.md").read_text()
    said = page.split("```yaml")[1].split("```")[0]
    found = read_sequences(yaml12.parse(said, "docs/brain.md"))
    assert found.simulator == "epg" and len(found.contrasts) == 5
    assert found.tissues["wm"].t1_s == pytest.approx(0.85)
    for name, (low, high, _) in CONTRAST_RANGES.items():
        (row,) = [one for one in page.splitlines() if one.startswith("|") and f"`{name}`" in one]
        said = row.split("|")[-2].strip().replace("20 000", "20000").split("; ")
        assert f"{low} to {high}" in said, name


def numbers(contrast):
    return [value or 0 for value in vars(contrast).values()]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("echo_ms: 2.51, ", "", "train: echo_ms: missing"),
        ("echo_ms: 2.51", "echo_ms: 5.6", "train: echo_ms: expected an echo before the repetition of 5.6 ms"),
        ("flip_deg: 5,", "flip_deg: 0,", "train: flip_deg: expected 0.5 to 90 deg, found 0"),
        ("repetition_ms: 5.6", "repetition_ms: 0.0056", "train: repetition_ms: expected 1 to 500 ms"),
        ("repetition_ms: 5.6", "repetition_ms: fast", "repetition_ms: expected 1 to 500 ms, found 'fast'"),
        ("repetition_ms: 5.6", "repetition_ms: .nan", "repetition_ms: expected 1 to 500 ms, found nan"),
        ("recovery_s: 10", "recovery_s: true", "recovery_s: expected 0 to 60 s, found True"),
        ("lines: 16", "lines: 16.5", "lines: expected a whole number, found 16.5"),
        ("order: centric", "order: spiral", "train: order: expected centric or linear, found 'spiral'"),
        ("phase_axis: y", "phase_axis: z", "train: phase_axis: expected y or x, found 'z'"),
        ("phase_axis: y", "dwell_us: 30, phase_axis: y", "train: dwell_us: unknown, expected flip_deg, "),
        (
            "inversion_ms: 500",
            "inversion_ms: -500",
            "number 1: inversion_ms: expected 5 to 20000 ms, found -500",
        ),
        (
            "inversion_ms: 500",
            "inversion_ms: 0.5",
            "number 1: inversion_ms: expected 5 to 20000 ms, found 0.5",
        ),
        ("flip_deg: 5", "flip_deg: 91", "train: flip_deg: expected 0.5 to 90 deg, found 91"),
        ("echo_ms: 2.51", "echo_ms: 0.00251", "train: echo_ms: expected 0.3 to 200 ms, found 0.00251"),
        ("{}", "7", "contrasts: number 3: expected entries inversion_ms, .*found 7"),
        ("t2_preparation_ms: 50", "t2_preparation_ms: -50", "t2_preparation_ms: expected 1 to 2000 ms"),
        (
            "{inversion_ms: 500, s",
            "{s",
            "number 1: second_inversion_ms: expected inversion_ms with it, found none",
        ),
        ("diffusion_ms: 10, ", "", "number 2: b_s_per_mm2: expected diffusion_ms with it, found none"),
        (
            "echo_delay_ms: 5",
            "echo_delay: 5",
            "contrasts: number 2: echo_delay: unknown, expected inversion_ms",
        ),
        ("contrasts:", "images:", "images: unknown, expected train, contrasts, tissues"),
        ("train:", "tissues: {bone: {}}\ntrain:", "tissues: bone: unknown, expected csf, gm, wm"),
        ("train:", "tissues: {gm: {t2_ms: 4000}}\ntrain:", "tissues: gm: t2_ms: expected at most t1_ms"),
        ("{inversion_ms", "{{inversion_ms", "expected YAML"),
    ],
)
def test_a_bad_file_of_sequences_is_one_line_with_its_field(tmp_path, old, new, message):
    assert old in SAID
    path = tmp_path / "SEQ.yaml"
    path.write_text(SAID.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as caught:
        read_sequences(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_no_contrasts_and_no_file_are_refused(tmp_path):
    with pytest.raises(ValueError, match="contrasts: expected a list of contrasts"):
        read_sequences({"train": {}, "contrasts": []} | {"train": written(SEQUENCES)["train"]})
    with pytest.raises(FileNotFoundError, match=r"SEQ.yaml: no such file"):
        read_sequences(tmp_path / "SEQ.yaml")
