"""Which images are phases, and what a stored value is in radians, as each vendor writes it.

What neither a header nor a vendor's rule tells is refused; there is no guess.
"""

import math

import numpy as np

from dime.files.dicom_fields import named
from dime.files.phases import SPELLINGS, UNITS

IMAGE_TYPE, FRAME_TYPE = (0x0008, 0x0008), (0x0008, 0x9007)
COMPONENT, GE_TYPE, PHILIPS_TYPE = (0x0008, 0x9208), (0x0043, 0x102F), (0x2005, 0x1011)
SLOPE, INTERCEPT, RESCALE_TYPE = (0x0028, 0x1053), (0x0028, 0x1052), (0x0028, 0x1054)
SCALE_SLOPE, SCALE_INTERCEPT, PHILIPS_UNIT = (0x2005, 0x100E), (0x2005, 0x100D), (0x2005, 0x140B)
BITS, REAL_WORLD = (0x0028, 0x0101), (0x0040, 0x9096)
MANUFACTURER = (0x0008, 0x0070)

KINDS = {"M": "magnitude", "P": "phase", "R": "real", "I": "imaginary"}

GE_KINDS = {0: "magnitude", 1: "phase", 2: "real", 3: "imaginary"}

MILLIRADIANS = ("milliradials", "milliradian", "normalized")
"""Philips' words for 1/1000 rad beside those of `phases`; `normalized` counts where the range agrees."""

MRAD_END = 3142
"""Stored end of a circle in 1/1000 rad, rounded."""

GE_END = 4096
"""Other end of a circle of GE's, where 12 bits and a sign are filled."""

FILLED = 0.95
"""Share of that range from which it counts as filled."""

AGREES = 0.01
"""Relative difference up to which two statements of a scale say the same."""

ADVICE = "convert the phases to NIfTI (dcm2niix) and give --phase-units or --phase-period"


def vendor(frame):
    """ "GE", "Siemens", "Philips", or the manufacturer's name as it is in the header."""
    name = frame.text(MANUFACTURER)
    plain = name.lower()
    if plain.startswith("ge ") or plain in ("ge", "gems") or "general electric" in plain:
        return "GE"
    return next((one for one in ("Siemens", "Philips") if one.lower() in plain), name)


def kind(frame):
    """ "phase", "magnitude", "real", "imaginary", or "" where no field says it.

    ComplexImageComponent (0008,9208) counts first, then ImageType (Siemens `P`, Philips `PHASE MAP` and `P`),
    then the private element of GE (0043,102F) or Philips (2005,1011).

    Raises
    ------
    ValueError
        ImageType says two kinds at once.

    Source: dcm2niix, GE/README.md, "Complex Image Component": "The values 0, 1, 2, 3 correspond to magnitude,
    phase, real, and imaginary"; Philips `ORIGINAL\\\\PRIMARY\\\\PHASE MAP\\\\P\\\\FFE` and Siemens
    `ORIGINAL\\\\PRIMARY\\\\P\\\\ND` as in its tests.
    """
    component = frame.text(COMPONENT).upper()
    if component in ("PHASE", "MAGNITUDE", "REAL", "IMAGINARY"):
        return component.lower()
    words = {word.upper() for word in (*frame.words(FRAME_TYPE), *frame.words(IMAGE_TYPE))}
    if vendor(frame) == "GE":
        told = frame.number_of(GE_TYPE)
        if told is not None:
            return GE_KINDS.get(int(told), "")
    found = {KINDS[word] for word in words & set(KINDS)}
    found |= {"phase"} if words & {"PHASE", "PHASE MAP"} else set()
    found |= {"magnitude"} if words & {"MAG", "MAGNITUDE"} else set()
    if len(found) > 1:
        raise ValueError(
            f"{frame.path}: {named(IMAGE_TYPE)}: expected one of {' and '.join(sorted(found))}, found both"
        )
    if found:
        return found.pop()
    return KINDS.get(frame.text(PHILIPS_TYPE).upper(), "")


def radians(frames, stored):
    """Phases [rad] of one series.

    Parameters
    ----------
    frames : list of Frame
        Of one series.
    stored : int array (x, y, frame)

    Returns
    -------
    phases : float32 array (x, y, frame) [rad]
        phase = slope x stored + intercept, for each frame.
    words : str
        What the scale was read from.

    Raises
    ------
    ValueError
        The header states no scale, one that is not known to be an angle, or two that differ.
    """
    which = vendor(frames[0])
    rule = {"GE": _ge, "Siemens": _siemens, "Philips": _philips}.get(which, _stated)
    slopes, intercepts, words = zip(
        *(rule(frame, stored[..., number], stored) for number, frame in enumerate(frames)), strict=True
    )
    if len(set(words)) > 1:
        other = words.index(next(one for one in words if one != words[0]))
        raise ValueError(
            f"{frames[other].path}: {named(RESCALE_TYPE)}: expected the scale of {frames[0].path.name} "
            f"({words[0]}), found {words[other]}"
        )
    return (stored * np.array(slopes) + np.array(intercepts)).astype(np.float32), words[0]


def _stated(frame, values, series):
    """Slope, intercept and words of a unit that the header states; any vendor."""
    found = _by_real_world(frame) or _by_rescale(frame)
    if found:
        return found
    raise ValueError(
        f"{frame.path}: {named(RESCALE_TYPE)}: expected the unit of the phases (rad, mrad or deg), found "
        f"{frame.text(RESCALE_TYPE) or 'none'!r} by {vendor(frame) or 'an unknown maker'!r}; {ADVICE}"
    )


def _siemens(frame, values, series):
    """Siemens: 12 bits, 0 to 4095, are -pi to pi; with slope 2 and intercept -4096 they read -4096 to 4094.

    Source: rordenlab/dcm2niix issue 406 (0..4095, slope 2, intercept -4096); CMRR-C2P/MB issue 238
    ("-4096=-pi,+4095=+pi or 0=-pi,+4095=+pi").
    """
    found = _by_real_world(frame) or _by_rescale(frame)
    if found:
        return found
    slope, intercept = _rescale(frame)
    bits = frame.needed(BITS, 1)[0]
    circle = -2 * intercept / slope if intercept < 0 else 2**bits  # stored values of one turn
    offset = intercept if intercept < 0 else -slope * circle / 2
    if intercept > 0 or circle not in (2.0**12, 2.0**bits):
        raise ValueError(
            f"{frame.path}: {named(INTERCEPT)}: expected Siemens' -4096 with RescaleSlope 2 (or 0 with 1), "
            f"found {intercept:g} with {slope:g}; {ADVICE}"
        )
    if series.min() < 0 or series.max() > circle:
        raise ValueError(
            f"{frame.path}: PixelData (7FE0,0010): expected phases of 0 to {circle - 1:g}, found "
            f"{series.min()} to {series.max()}"
        )
    turn = 2 * math.pi / (slope * circle)
    return slope * turn, offset * turn, f"Siemens, {circle:g} values of a circle"


def _ge(frame, values, series):
    """GE: 1/1000 rad, or -4096 to 4095 for -pi to pi; the header states neither.

    The range of the series tells them apart. Noise in the air fills the circle, so phases of 12 bits and a
    sign reach both of its ends. A series that stays within 3142 has no jumps of another period, and an error
    of scale would then change amplitudes alone, which stiffness does not depend on.

    Source: 1/1000 rad as in wadqc/WAD_AnalysisMatlab, WAD_MR_B0_readGE_VUMC_custom.m ("factor = 1/1000").
    """
    found = _by_real_world(frame) or _by_rescale(frame)
    if found:
        return found
    slope, intercept = (1.0, 0.0) if frame.element(SLOPE) is None else _rescale(frame)
    low, high = (slope * float(one) + intercept for one in (series.min(), series.max()))
    if -MRAD_END <= low and high <= MRAD_END and low < 0:
        return slope / 1e3, intercept / 1e3, "GE, 1/1000 rad (no value beyond 3142)"
    if -GE_END <= low <= -FILLED * GE_END and FILLED * GE_END <= high <= GE_END:
        turn = math.pi / GE_END
        return slope * turn, intercept * turn, "GE, -4096 to 4095 (the range is filled)"
    raise ValueError(
        f"{frame.path}: PixelData (7FE0,0010): expected GE's phases of -3142 to 3142 (1/1000 rad) or a full "
        f"-4096 to 4095, found {low:g} to {high:g}; {ADVICE}"
    )


def _philips(frame, values, series):
    """Philips: the real-world value, the displayed value in 1/1000 rad, or the floating-point value in rad.

    D = R x RS + RI and P = D / (RS x SS), with the raw value R, RescaleSlope RS, RescaleIntercept RI and the
    private scale slope SS (2005,100E). P of a phase is in rad: a published header with RS 1.53455, RI -3142
    and SS 651.74 gives +-3.142. Where no unit is stated, the ends of the 12 bits must be +-pi or +-3142.

    Source: dcm2niix, Philips/README.md, "Image Scaling", and issues 463 and 975; BIC-MNI/minc-tools issue 89.
    """
    private = _by_scale_slope(frame)
    found = _by_real_world(frame) or _by_rescale(frame)
    if found and private and abs(found[0] / private[0] - 1) > AGREES:
        raise ValueError(
            f"{frame.path}: {named(SCALE_SLOPE)}: expected the scale that {found[2]} states "
            f"({found[0]:.5g} rad), found {private[0]:.5g} rad"
        )
    if found:
        return found
    slope, intercept = _rescale(frame)
    ends = [slope * one + intercept for one in (0, 2 ** frame.needed(BITS, 1)[0] - 1)]
    unit = frame.text(RESCALE_TYPE).lower()
    known = not unit or unit in ("us", "pv", "dv") or any(word in unit for word in MILLIRADIANS)
    for scale, words in ((1e-3, "in mrad"), (1.0, "in rad")):
        if known and all(math.isclose(abs(one) * scale, math.pi, rel_tol=AGREES) for one in ends):
            return slope * scale, intercept * scale, f"Philips, displayed value {words} (by its ends)"
    if known and private:
        return private
    raise ValueError(
        f"{frame.path}: {named(RESCALE_TYPE)}: expected rad or mrad, or ends of +-3142, found "
        f"{unit or 'no unit'!r} and {ends[0]:g} to {ends[1]:g}; {ADVICE}"
    )


def _by_scale_slope(frame):
    """Philips' floating-point value, if its ends are -pi and pi."""
    scale, start = frame.number_of(SCALE_SLOPE), frame.number_of(SCALE_INTERCEPT)
    if not scale or frame.element(BITS) is None:
        return None
    if start is None:
        if frame.element(SLOPE) is None or frame.element(INTERCEPT) is None:
            return None
        slope, intercept = _rescale(frame)
        start = -intercept / slope
    ends = [(one - start) / scale for one in (0, 2 ** frame.needed(BITS, 1)[0] - 1)]
    if not all(math.isclose(abs(one), math.pi, rel_tol=AGREES) for one in ends):
        return None
    return 1 / scale, -start / scale, "Philips, floating-point value in rad (by its ends)"


def _by_real_world(frame):
    """The real-world value, if its unit is one of angles."""
    sequence = frame.element(REAL_WORLD)
    for item in sequence if sequence is not None and not isinstance(sequence, str | bytes) else ():
        inner = frame._replace(headers=(item,))
        codes = inner.element((0x0040, 0x08EA))
        said = [frame._replace(headers=(one,)) for one in codes or ()]
        texts = [one.text(tag) for one in said for tag in ((0x0008, 0x0100), (0x0008, 0x0104))]
        unit = next(filter(None, map(unit_of, [*texts, frame.text(PHILIPS_UNIT)])), None)
        if unit is None:
            continue
        slope, intercept = (inner.needed(tag, 1)[0] for tag in ((0x0040, 0x9225), (0x0040, 0x9224)))
        _check_slope(frame, (0x0040, 0x9225), slope)
        scale = 2 * math.pi / UNITS[unit]
        return slope * scale, intercept * scale, f"real-world value in {unit}"
    return None


def _by_rescale(frame):
    """The rescaled value, if RescaleType is a unit of angles."""
    unit = unit_of(frame.text(RESCALE_TYPE))
    if unit is None:
        return None
    slope, intercept = _rescale(frame)
    scale = 2 * math.pi / UNITS[unit]
    return slope * scale, intercept * scale, f"RescaleType {unit}"


def _rescale(frame):
    slope, intercept = frame.needed(SLOPE, 1)[0], frame.needed(INTERCEPT, 1)[0]
    _check_slope(frame, SLOPE, slope)
    return slope, intercept


def _check_slope(frame, tag, slope):
    if not slope > 0:
        raise ValueError(f"{frame.path}: {named(tag)}: expected a positive slope, found {slope:g}")


def unit_of(text):
    """Key of `phases.UNITS` for a word in a header, or None."""
    plain = text.strip().lower().replace(" ", "")
    if plain in MILLIRADIANS[:2]:
        return "mrad"
    return next((unit for unit, words in SPELLINGS.items() if plain in words), None)
