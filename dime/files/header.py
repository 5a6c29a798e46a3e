"""Which pixel size a NIfTI header states, and whether it may be believed.

Stiffness goes with the square of the pixel, so a pixel that nobody filled in makes a wrong map.
"""

import numpy as np

MILLIMETRES = {"meter": 1e3, "micron": 1e-3}
"""Millimetres per unit of length in a NIfTI header; other units (mm or none) count as mm."""

SPACING_RANGE_M = (0.2e-3, 10e-3)
"""Pixel sizes that are accepted [m]."""

TOLERANCE = 0.01
"""Relative difference up to which two sizes are the same; the stiffness then differs by 2 %."""


def pixel_m(image, path, spacing_m=None):
    """In-plane pixel size of an image [m].

    Parameters
    ----------
    image : nibabel.Nifti1Pair
    path : path
        For messages.
    spacing_m : float, optional
        The pixel that the user gives; it replaces the header's.

    Returns
    -------
    spacing_m : float
    remark : str
        What the header says otherwise, or "".

    Raises
    ------
    ValueError
        The header states no pixel (0, not finite, or 1 x 1 as in a file that nobody filled in), states two
        different ones, or one out of `SPACING_RANGE_M`. Pixels that are not square, or not rectangular, are
        refused with `spacing_m` too: one number cannot describe them.

    Assumption: 1 x 1 without a unit, and 1 x 1 x 1 in any unit, are what programs write that were told no
    pixel. A wave that really has such pixels needs its spacing given.
    """
    stated, unit = _pixdim(image)
    placed = _affine_sizes(image, path)
    sizes = [one for one in (stated, placed) if one is not None and _filled(one, unit)]
    for one in sizes:
        if not np.isclose(one[0], one[1], rtol=TOLERANCE):
            raise ValueError(
                f"{path}: expected square pixels, found {_words(one)}; resample the image to square pixels "
                "first (a spacing cannot mend it)"
            )
    if spacing_m is None:
        spacing_m = _stated_m(stated, placed, unit, path)
    low, high = SPACING_RANGE_M
    if not low <= spacing_m <= high:
        raise ValueError(f"{path}: expected a spacing of 0.2 to 10 mm, found {spacing_m * 1e3:g} mm")
    other = next((one for one in sizes if not np.isclose(one[0] / 1e3, spacing_m, rtol=TOLERANCE)), None)
    return spacing_m, f"its header says a pixel of {_words(other)}" if other is not None else ""


def _stated_m(stated, placed, unit, path):
    """The header's pixel [m]."""
    advice = "give the pixel [mm] with --spacing (in Python: spacing_m)"
    if not (np.isfinite(stated).all() and (stated[:2] > 0).all()):
        raise ValueError(f"{path}: the header states no pixel (found {_words(stated)}); {advice}")
    if placed is not None and not np.allclose(stated[:2], placed[:2], rtol=TOLERANCE):
        raise ValueError(
            f"{path}: the header contradicts itself: pixel {_words(stated)}, affine {_words(placed)}; "
            + advice
        )
    if not _filled(stated, unit) and str(path).lower().endswith(".mat"):
        raise ValueError(
            f"{path}: expected a variable with the pixel, such as spacing_mm, found none; {advice}"
        )
    if not _filled(stated, unit):
        named = f"in {unit}" if unit else "without a unit"
        raise ValueError(
            f"{path}: the header states no pixel (1 x 1 {named}, as in a file that nobody filled in); "
            + advice
        )
    return float(stated[0]) * 1e-3


def _pixdim(image):
    """Sizes (x, y, z) [mm] as the file has them, before nibabel mends them, and their unit or ""."""
    holder = image.file_map.get("header") or image.file_map["image"]
    if holder.filename is None and holder.fileobj is None:
        raw = image.header
    else:
        with holder.get_prepare_fileobj("rb") as file:
            raw = type(image.header).from_fileobj(file, check=False)
    unit = _unit(image)
    return np.abs(np.asarray(raw["pixdim"][1:4], float)) * MILLIMETRES.get(unit, 1), unit


def _affine_sizes(image, path):
    """Sizes (x, y, z) [mm] by the affine of the header, or None where it has none."""
    if image.header["sform_code"] <= 0:
        return None  # the other affine, the qform, takes its sizes from pixdim
    columns = np.asarray(image.get_sform()[:3, :3], float)
    sizes = np.linalg.norm(columns, axis=0)
    if not (np.isfinite(sizes).all() and (sizes[:2] > 0).all()):
        return None
    if abs(columns[:, 0] @ columns[:, 1]) > TOLERANCE * sizes[0] * sizes[1]:
        raise ValueError(
            f"{path}: expected rectangular pixels, found an affine with a shear in the slice; resample the "
            "image first"
        )
    return sizes * MILLIMETRES.get(_unit(image), 1)


def _unit(image):
    """Unit of length: "meter", "mm", "micron", or "" where there is none or an unknown code."""
    try:
        unit = image.header.get_xyzt_units()[0]
    except KeyError:
        return ""
    return "" if unit == "unknown" else unit


def _filled(sizes, unit):
    """Whether somebody filled these sizes in."""
    if not (np.isfinite(sizes[:2]).all() and (sizes[:2] > 0).all()):
        return False
    default = 1 if unit == "" else MILLIMETRES.get(unit, 1)  # 1 of its unit
    ones = np.isclose(sizes, default, rtol=1e-6)
    return not (ones.all() if unit else ones[:2].all())


def _words(sizes):
    return " x ".join(f"{size:g}" for size in sizes[:2]) + " mm"
