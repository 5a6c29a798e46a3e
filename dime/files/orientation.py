"""How the images of a file lie in the body: seen from the feet, x to the patient's left and y to the back."""

import warnings

import nibabel
import numpy as np

from dime.files.header import TOLERANCE

AS_IT_IS = (False, False, False)
"""Nothing swapped or mirrored."""


def orientation(image):
    """How to turn an image so that it lies as this module says.

    Parameters
    ----------
    image : nibabel.Nifti1Pair

    Returns
    -------
    turned : (bool, bool, bool)
        Whether to swap x and y, then to mirror x, to mirror y; nothing of it where that is not known.
    doubt : str
        Why it is not known, or "".
    """
    if affine_free(image):
        return AS_IT_IS, "its header states no orientation; x is taken to grow to the left, y to the back"
    codes = nibabel.aff2axcodes(image.affine)
    axes = ["LR" if one in ("L", "R") else "PA" if one in ("P", "A") else "IS" for one in codes[:2]]
    if "IS" in axes or axes[0] == axes[1]:
        return AS_IT_IS, f"expected axial slices, found axes {''.join(map(str, codes))}"
    swap = axes[0] == "PA"
    x, y = codes[1::-1] if swap else codes[:2]
    return (swap, x == "R", y == "A"), ""


def turn(images, turned):
    """Images (..., y, x) of the file turned by what `orientation` says."""
    swap, mirror_x, mirror_y = turned
    images = images.swapaxes(-1, -2) if swap else images
    images = images[..., ::-1] if mirror_x else images
    return images[..., ::-1, :] if mirror_y else images


def turn_back(images, turned):
    """The inverse of `turn`."""
    swap, mirror_x, mirror_y = turned
    images = images[..., ::-1] if mirror_x else images
    images = images[..., ::-1, :] if mirror_y else images
    return images.swapaxes(-1, -2) if swap else images


def check_place(path, image, source, reference):
    """Refuse a magnitude of another plane, handedness or pixel than the phase's; warn of another place."""
    if affine_free(image) or affine_free(reference):
        return
    codes = ["".join(map(str, nibabel.aff2axcodes(one.affine))) for one in (reference, image)]
    sizes = [np.linalg.norm(one.affine[:3, :2], axis=0) for one in (reference, image)]
    if codes[0] != codes[1] or not np.allclose(*sizes, rtol=TOLERANCE):
        words = [f"{code}, {size[0]:g} x {size[1]:g} mm" for code, size in zip(codes, sizes, strict=True)]
        raise ValueError(f"{path}: expected the grid of {source.name} ({words[0]}), found {words[1]}")
    apart = np.linalg.norm((image.affine - reference.affine)[:3, 3])
    if apart > sizes[0][0] / 2:
        warnings.warn(
            f"{path}: its header places it {apart:.3g} mm from {source.name}; voxels are matched by index",
            stacklevel=3,
        )


def affine_free(image):
    """Whether a header leaves open where its image lies."""
    return image.header["sform_code"] <= 0 and image.header["qform_code"] <= 0
