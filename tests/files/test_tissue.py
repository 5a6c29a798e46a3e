"""Tissue is what a mask says, or what differs from the constant at the border."""

import warnings

import nibabel
import numpy as np
import pytest
from waves import phase_offsets, save_nifti, travelling

from dime.files import tissue
from dime.files.nifti import open_image


def channels(background, count=4):
    """Phase offsets (n, z, y, x) of a disc of tissue in a background, and the disc."""
    u, disc = travelling()
    values = np.where(disc[..., None], phase_offsets(u, count), background)
    return np.moveaxis(values, (2, 1, 0), (0, 1, 2))[:, None], disc.T[None]


@pytest.mark.parametrize("background", [0.0, 7.0, -np.pi, 3.1e-5, -4096.0, np.nan])
def test_the_constant_at_the_border_is_background(background):
    values, disc = channels(background)
    np.testing.assert_array_equal(tissue.not_background(values), disc)


def test_every_channel_and_slice_has_a_background_of_its_own():
    """Offsets of which the mean was subtracted: the background is another number in each."""
    values, disc = channels(0.0)
    several = np.concatenate([values, values], axis=1)
    several = several + np.arange(8.0).reshape(4, 2, 1, 1)
    np.testing.assert_array_equal(tissue.not_background(several), np.concatenate([disc, disc]))


def test_tissue_may_touch_the_border():
    """A section of the body as wide as the image: half of the border is tissue."""
    values, _ = channels(5.0)
    values[..., 30:70, :] = np.random.default_rng(0).standard_normal((4, 1, 40, 96))
    found = tissue.not_background(values)
    assert found[0, 30:70].all() and not found[0, 0].any() and tissue.remark(found) == ""


def test_air_that_is_noise_is_tissue_and_that_is_said():
    values, _ = channels(0.0)
    noise = np.random.default_rng(0).uniform(-np.pi, np.pi, values.shape)
    found = tissue.not_background(np.where(values == 0, noise, values))
    assert found.all() and "tissue fills the image (100 %)" in tissue.remark(found)


def test_tissue_along_the_border_is_said_to_be_there():
    """Three of the four sides, but less than two thirds of the image."""
    mask = np.ones((1, 60, 60), bool)
    mask[0, 20:50, :45] = False
    mask[0, 0] = mask[0, :, -1] = mask[0, -1] = True
    assert "reaches 87 % of the image's border" in tissue.remark(mask)


WAVE = np.zeros((20, 16, 2, 4), np.float32)
INSIDE = np.zeros((20, 16, 2), bool)
INSIDE[5:15, 4:12] = True


def read(tmp_path, values, affine=None):
    wave = open_image(save_nifti(tmp_path / "wave.nii", WAVE))[0]
    affine = wave.affine if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "mask.nii")
    return tissue.read_mask(tmp_path / "mask.nii", (2, 16, 20), wave)


@pytest.mark.parametrize(
    "values",
    [
        INSIDE.astype(np.uint8),
        255 * INSIDE.astype(np.int16),
        np.where(INSIDE, 3, 0).astype(np.float32),
        np.float32(0.9998) * INSIDE,
        np.where(INSIDE, 0.8, 0.3).astype(np.float32),
        np.where(INSIDE, 1.05, -0.12).astype(np.float32),
        INSIDE[..., None].astype(np.uint8),
    ],
    ids=["ones", "255", "label", "scaled", "probability", "spline", "four axes"],
)
def test_masks_of_every_kind(tmp_path, values):
    np.testing.assert_array_equal(read(tmp_path, values), np.moveaxis(INSIDE, (2, 1, 0), (0, 1, 2)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.where(INSIDE, 1, -1).astype(np.int16), "expected 0 outside and positive inside, found -1"),
        (np.where(INSIDE, 0.5, -0.5).astype(np.float32), "expected 0 outside and positive inside"),
        (np.where(INSIDE, 1, np.nan).astype(np.float32), "expected finite values"),
        (np.zeros(INSIDE.shape, np.uint8), "the mask is empty"),
        (INSIDE[:, :, :1].astype(np.uint8), r"expected the wave's shape \(20, 16, 2\), found \(20, 16, 1\)"),
    ],
)
def test_masks_that_are_refused(tmp_path, values, message):
    with pytest.raises(ValueError, match=f"mask.nii: {message}"):
        read(tmp_path, values)


def placed(zooms, origin):
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = origin
    return affine


@pytest.mark.parametrize(
    ("affine", "message"),
    [
        (placed((-2, 2, 5), (0, 0, 0)), "its header says LAS, the wave's RAS"),
        (placed((2, 2, 5), (30, 0, 0)), "its header places it up to 30 mm away"),
        (placed((3, 3, 5), (0, 0, 0)), "its header places it up to"),
        (np.eye(4), "its header places it up to"),
    ],
)
def test_a_mask_that_lies_elsewhere_is_taken_by_index_with_a_warning(tmp_path, affine, message):
    with pytest.warns(UserWarning, match=f"mask.nii: {message}.*voxels are matched by index"):
        assert read(tmp_path, INSIDE.astype(np.uint8), affine).any()


def test_a_mask_in_its_place_is_taken_without_a_word(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path, INSIDE.astype(np.uint8), placed((2, 2, 5), (0.3, 0, 0)))


@pytest.mark.parametrize("unplaced", ["mask", "wave"])
def test_nothing_is_said_of_the_place_where_a_header_states_none(tmp_path, unplaced):
    """A wave of MATLAB has none, and the place of a mask by its pixels alone is no place."""
    placed_image = nibabel.Nifti1Image(INSIDE.astype(np.uint8), placed((-2, -2, 5), (90, 80, -30)))
    free = nibabel.Nifti1Image(INSIDE.astype(np.uint8), None)
    free.header.set_zooms((2, 2, 5))
    mask, wave = (free, placed_image) if unplaced == "mask" else (placed_image, free)
    nibabel.save(mask, tmp_path / "mask.nii")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tissue.read_mask(tmp_path / "mask.nii", INSIDE.shape[::-1], wave).any()


def test_tissue_of_a_magnitude_has_no_holes_and_no_specks():
    """A square of 20 x 20 with a dark vessel, an organ of 10 x 10 beside it, and two bright pixels in air."""
    magnitude = np.zeros((2, 40, 40))
    magnitude[:, 5:25, 5:25] = magnitude[:, 28:38, 28:38] = 1.0
    magnitude[:, 10:13, 10:13] = 0.01
    magnitude[0, 2, 30:32] = 0.5
    found = tissue.of_magnitude(magnitude)
    assert found.sum(axis=(1, 2)).tolist() == [500, 500] and found[0, 11, 11] and not found[0, 2, 30]
