"""Gather what tissue is estimated from: images of every contrast, a mask and the scanner's fields; checked.

Images come as NIfTI files or as arrays, as magnitudes or with their phase as complex numbers.
"""

from pathlib import Path

import numpy as np
import xarray as xr
from scipy import ndimage
from skimage.filters import threshold_otsu

from dime.files.nifti import open_image

B1_RANGE = (0.6, 1.3)
"""B1 over its nominal value that is accepted, which is what `dime.brain.scanner` tabulates."""

LARGEST_B0_HZ = 1000.0
"""Largest offset of the resonance [Hz] that is accepted. Assumption: 8 ppm at 3 T; tissue near air has 2."""

APART = 0.1
"""Distance of corners, in pixels, up to which two grids are the same. Assumption: headers are rounded."""

DARKEST = 0.03
"""Brightness, relative to the brightest voxel, below which voxels are alike to the automatic mask.

Assumption: tissue is a tenth as bright as the brightest or more; what the train blurs is darker than this."""

EVEN = 0.1
"""Range of the logarithm of brightness up to which an image has no dark voxels. Assumption: air is darker."""

LARGEST_SHARE = 1.5
"""Largest value of a mask of fractions. Assumption: resampling by splines overshoots 1 by less than half."""

IMAGE_DIMS = ("contrast", "slice", "y", "x")


def gather(images, sequences, mask=None, b1=None, b0_hz=None):
    """Read and check images, mask and fields.

    Parameters
    ----------
    images : path, list of paths, or array
        One NIfTI file a contrast, (x, y) or (x, y, slice), in the order of the sequences; or one file with
        the contrasts last. An array is (contrast, y, x) or (contrast, slice, y, x). Any unit.
    sequences : Sequences
        From `dime.brain.sequence_file.read_sequences`.
    mask, b1, b0_hz : path or array, optional
        On the grid of the images, (x, y[, slice]) in files and ([slice, ]y, x) in arrays: voxels that may
        hold tissue, where not 0 (of fractions: above half of the largest); flip angle over its nominal value;
        offset of the resonance [Hz]. Their values must be possible within the mask alone; left out, 1 and 0.

    Returns
    -------
    xarray.Dataset
        `image` (contrast, slice, y, x), float32 or complex64; `mask` bool, `b1` and `b0_hz` float32
        (slice, y, x), outside the mask 1 and 0. Attrs: source (the first file, or ""), masked_by (in words).

    Raises
    ------
    FileNotFoundError, ValueError
        One line that names the file, what was expected and what was found: another number of images than of
        contrasts; other shapes, pixels or places; values that are not finite or below 0; magnitudes beside
        complex numbers; an image that is 0 or another constant everywhere, or that of an earlier contrast
        again; another number of rows than the train has lines; an
        empty mask; B1 or B0 out of range.
    """
    count = len(sequences.contrasts)
    values, names, first = _images(images, count)
    if mask is None:
        inside, said = None, "brightness"
    else:
        name, found = _volume(mask, "mask", values.shape[1:], names[0], first)
        inside = _mask(found, name)
        said = Path(name).name if isinstance(mask, str | Path) else "an array"
    _check_values(values, names, inside)
    values = np.where(np.isfinite(values), values, 0).astype(
        np.complex64 if np.iscomplexobj(values) else np.float32
    )
    axis = 2 if sequences.phase_axis == "y" else 3
    if values.shape[axis] != sequences.train.lines:
        raise ValueError(
            f"{names[0]}: expected {sequences.train.lines} voxels along {sequences.phase_axis}, one for each "
            f"line of the train, found {values.shape[axis]}; interpolated images cannot be used"
        )
    if inside is None:
        inside = bright(values)
    content = {"image": (IMAGE_DIMS, values), "mask": (IMAGE_DIMS[1:], inside)}
    for name, given, elsewhere, limits, unit in (
        ("b1", b1, 1.0, B1_RANGE, "of the nominal flip angle"),
        ("b0_hz", b0_hz, 0.0, (-LARGEST_B0_HZ, LARGEST_B0_HZ), "Hz"),
    ):
        field = np.full(inside.shape, elsewhere, np.float32)
        if given is not None:
            stated, found = _volume(given, name, values.shape[1:], names[0], first)
            _check_range(found[inside], stated, limits, unit)
            field[inside] = found[inside]
        content[name] = IMAGE_DIMS[1:], field
    return xr.Dataset(content, attrs={"source": str(names[0]) if first else "", "masked_by": said})


def bright(images):
    """Voxels (slice, y, x) that are bright in images (contrast, slice, y, x): bool array.

    Brightness is the root mean square over contrasts; the border between dark and bright is Otsu's, of its
    logarithm. The largest piece counts, with its holes.

    Raises
    ------
    ValueError
        All voxels are about equally bright.
    """
    brightness = np.sqrt(np.mean(np.abs(images.astype(np.complex128)) ** 2, axis=0))
    logarithm = np.log(np.maximum(brightness, DARKEST * brightness.max()))
    if np.ptp(logarithm) < EVEN:
        raise ValueError("images: expected dark voxels around the brain, found none; give a mask")
    pieces, number = ndimage.label(logarithm > threshold_otsu(logarithm))
    sizes = ndimage.sum_labels(np.ones(pieces.shape), pieces, np.arange(1, number + 1))
    largest = pieces == 1 + np.argmax(sizes)
    return np.stack([ndimage.binary_fill_holes(one) for one in largest])


def _images(images, count):
    """Values (contrast, slice, y, x), what each contrast is called, and the first file's image or None."""
    if isinstance(images, str | Path):
        images = [images]
    if not isinstance(images, list | tuple) or not all(isinstance(one, str | Path) for one in images):
        try:
            values = np.asarray(images)
        except ValueError:  # rows of several lengths
            raise ValueError("images: expected paths or an array of numbers, found neither") from None
        values = _numbers(values, "images")
        values = values[:, None] if values.ndim == 3 else values
        if values.ndim != 4 or len(values) != count or not values.size:
            raise ValueError(
                f"images: expected {count} contrasts (contrast, y, x) or (contrast, slice, y, x), "
                f"found {values.shape}"
            )
        return values, [f"images: contrast {place}" for place in range(1, count + 1)], None
    if len(images) == 1 and count > 1:
        image, values = open_image(images[0])
        values = _numbers(values, images[0])
        if values.ndim not in (3, 4) or values.shape[-1] != count:
            raise ValueError(
                f"{images[0]}: expected {count} images, one a contrast: as many files, or a last axis of "
                f"{count}; found one file of shape {values.shape}"
            )
        values = values[:, :, None] if values.ndim == 3 else values
        return np.moveaxis(values, (3, 2, 1, 0), (0, 1, 2, 3)), [images[0]] * count, image
    if len(images) != count:
        raise ValueError(f"images: expected {count}, one for each contrast, found {len(images)} files")
    first, rows = None, []
    for path in images:
        image, values = open_image(path)
        values = _spatial(_numbers(values, path), path)
        if first is None:
            first = image
        else:
            _check_grid(path, image, values.shape, images[0], first, rows[0].shape)
        rows.append(values)
    kinds = {np.iscomplexobj(one) for one in rows}
    if len(kinds) > 1:
        other = next(path for path, one in zip(images, rows, strict=True) if not np.iscomplexobj(one))
        raise ValueError(f"{other}: expected complex numbers, as in the other images, found magnitudes")
    return np.stack(rows), list(images), first


def _volume(given, name, shape, like, first):
    """Name and values (slice, y, x) of a file or an array on the grid of the images."""
    if isinstance(given, str | Path):
        image, values = open_image(given)
        values, name = _spatial(_numbers(values, given), given), str(given)
        if first is not None:
            _check_grid(given, image, values.shape, like, first, shape)
    else:
        values = _numbers(np.asarray(given), name)
        values = values[None] if values.ndim == 2 else values
    if values.shape != shape:
        raise ValueError(f"{name}: expected the images' grid {_told(shape)}, found {_told(values.shape)}")
    if np.iscomplexobj(values):
        raise ValueError(f"{name}: expected real numbers, found complex ones")
    return name, values


def _spatial(values, path):
    """Values (slice, y, x) of a file's (x, y) or (x, y, slice)."""
    shape = values.shape
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    values = values[:, :, None] if values.ndim == 2 else values
    if values.ndim != 3:
        raise ValueError(f"{path}: expected one image (x, y) or (x, y, slice), found shape {shape}")
    return np.moveaxis(values, (2, 1, 0), (0, 1, 2))


def _numbers(values, name):
    if values.dtype.kind not in "biufc":
        raise ValueError(f"{name}: expected numbers, found {values.dtype}")
    return values


def _check_grid(path, image, shape, like, reference, expected):
    """Refuse an image of another shape, pixel or place than the reference's."""
    if shape != expected:
        raise ValueError(f"{path}: expected the shape of {like} {_told(expected)}, found {_told(shape)}")
    sizes = [np.linalg.norm(one.affine[:3, :2], axis=0) for one in (reference, image)]
    if not np.allclose(*sizes, rtol=0.01):
        words = [" x ".join(f"{size:g}" for size in one) for one in sizes]
        raise ValueError(f"{path}: expected the pixel of {like} {words[0]} mm, found {words[1]} mm")
    if any(one.header["sform_code"] <= 0 and one.header["qform_code"] <= 0 for one in (reference, image)):
        return
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in shape[::-1]], [1], indexing="ij")).reshape(
        4, -1
    )
    apart = np.linalg.norm(((image.affine - reference.affine) @ corners)[:3], axis=0).max()
    if apart > APART * sizes[0].min():
        raise ValueError(f"{path}: expected the place of {like}, found an affine that is {apart:.3g} mm off")


def _check_values(values, names, inside):
    """Refuse what is not finite, negative magnitudes, and images that are constant or there twice.

    Within the mask values must be finite and vary; negative magnitudes are refused everywhere, as they say
    that the image is none.
    """
    for place, (one, name) in enumerate(zip(values, names, strict=True)):
        counted = one if inside is None else one[inside]
        if bad := int((~np.isfinite(counted)).sum()):
            raise ValueError(f"{name}: expected finite values, found {bad} that are not")
        if not counted.any():
            raise ValueError(f"{name}: expected a signal, found 0 everywhere")
        if counted.size > 1 and (counted == counted.flat[0]).all():
            raise ValueError(f"{name}: expected an image, found {counted.flat[0]:g} everywhere")
        lowest = 0 if np.iscomplexobj(one) else np.nanmin(one)
        if lowest < 0:
            raise ValueError(
                f"{name}: expected magnitudes of at least 0, found {lowest:g}; "
                "images with a sign or a phase must be complex"
            )
        for other, earlier in zip(names, values[:place], strict=False):
            if np.array_equal(one, earlier, equal_nan=True):
                raise ValueError(f"{name}: expected an image of its own, found that of {other} again")
    if inside is not None:
        for row, within in enumerate(inside):
            if within.any() and not values[:, row][:, within].any():
                raise ValueError(f"{names[0]}: expected a signal in slice {row + 1}, found 0 within the mask")


def _mask(values, name):
    """Where a mask holds tissue: bool array.

    Whole numbers: where they are not 0. Fractions, as of a mask that was resampled: above half the largest.
    """
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError(f"{name}: expected 0 outside and positive numbers inside, found others")
    if not values.any():
        raise ValueError(f"{name}: the mask is empty, expected at least one voxel of tissue")
    whole = np.array_equal(values, np.rint(values))
    if not whole and values.max() > LARGEST_SHARE:
        raise ValueError(f"{name}: expected whole numbers or fractions up to 1, found up to {values.max():g}")
    return values > (0 if whole else values.max() / 2)


def _check_range(values, name, limits, unit):
    """Refuse values within the mask that are not finite or out of range."""
    wrong = values[~((limits[0] <= values) & (values <= limits[1]))]
    if len(wrong):
        raise ValueError(
            f"{name}: expected {limits[0]:g} to {limits[1]:g} {unit} within the mask, found {wrong[0]:g}"
            f"{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''}"
        )


def _told(shape):
    """A shape (slice, y, x) as a file has it."""
    return "x".join(str(size) for size in shape[::-1])
