"""What the page of an examination shows of each slice: its panels in colours that all slices share."""

import math
from typing import NamedTuple

import numpy as np

from dime.files import orientation
from dime.plotting import examination as drawing

WIDEST_SHOWN = 2.0
"""End of the scale of uncertainty: the factor that the 90 % interval reaches up and down."""

PERIOD_S = 1.5
"""Duration of one period of the wave on the page [s]."""


class Scale(NamedTuple):
    """Colours of one kind of panel: matplotlib's name of them, the ends of the scale, and its ticks."""

    colours: str
    low: float
    high: float
    ticks: tuple = ()


def images_of(waves, maps):
    """Images as they lie in the body where that is known, and whether it is.

    Parameters
    ----------
    waves, maps : xarray.Dataset
        From `dime.read_wave` and `dime.invert`. Where `encoding` of the waves holds `image`, the NIfTI image
        that they were read from, its header says how they lie.

    Returns
    -------
    images : dict
        "wave" (at e^{+i omega t}), "mask", "stiffness" [Pa], "trusted", "magnitude" where there is one, and
        either "confidence" or "factor", which the 90 % interval reaches up and down: (slice, y, x) arrays.
    placed : bool
        Whether x grows to the patient's left and y to the back.
    """
    images = {name: waves[name].values for name in ("wave", "mask", "magnitude") if name in waves}
    images |= {name: maps[name].values for name in ("stiffness", "confidence") if name in maps}
    images["trusted"] = images["mask"] & maps["trusted"].values.astype(bool)
    if "uncertainty" in maps:
        from dime.network.prediction import COVERAGE

        images["factor"] = np.exp(maps["uncertainty"].values * math.log(1 / (1 - COVERAGE)))
    if maps.attrs.get("time_sign", 1) < 0:
        images["wave"] = images["wave"].conj()
    images = {name: values.reshape(-1, *values.shape[-2:]) for name, values in images.items()}
    if "image" not in waves.encoding:
        return images, False
    turned, doubt = orientation.orientation(waves.encoding["image"])
    return {name: orientation.turn(values, turned) for name, values in images.items()}, not doubt


def scales_of(images):
    """`Scale` of each panel, in the order of the page; one for all slices.

    Parameters
    ----------
    images : dict
        From `images_of`.
    """
    scales = {}
    if "magnitude" in images:
        brightest = float(np.quantile(np.nan_to_num(images["magnitude"]), 0.995))
        scales["magnitude"] = Scale("gray", 0.0, max(brightest, 1e-12))
    wave_end = drawing.wave_end(images["wave"], images["mask"])
    scales["wave"] = Scale("RdBu_r", -wave_end, wave_end, ("−", "0", "+"))
    end_kpa = drawing.stiffness_end_kpa(images["stiffness"] / 1e3, images["trusted"])
    scales["stiffness"] = Scale("viridis", 0.0, end_kpa, tuple(f"{end_kpa * n / 4:g}" for n in range(5)))
    if "factor" in images:
        ticks = tuple(f"×{1 + (WIDEST_SHOWN - 1) * n / 4:g}" for n in range(5))
        scales["uncertainty"] = Scale("magma", 1.0, WIDEST_SHOWN, ticks)
    else:
        scales["confidence"] = Scale("cividis", 0.0, 1.0, ("0", "0.25", "0.5", "0.75", "1"))
    return scales


def slice_of(row, images, scales, numbers):
    """What the page shows of one slice.

    Parameters
    ----------
    row : int
    images, scales : dict
        From `images_of`, cut to the tissue, and `scales_of`.
    numbers : dict
        Region -> its reading in this slice.

    Returns
    -------
    dict
        number, counted from 1; panels: kind, alt (what a listener hears) and image (a data address) of each;
        outline and veil: SVG paths of what is trusted and what is not; tissue; numbers.
    """
    one = {name: values[row] for name, values in images.items()}
    mask = one["mask"]
    shown = {
        "magnitude": one.get("magnitude"),
        "wave": one["wave"].real,
        "stiffness": one["stiffness"] / 1e3,
        "uncertainty": one.get("factor"),
        "confidence": one.get("confidence"),
    }
    seen = {"magnitude": np.ones_like(mask), "stiffness": mask & (one["stiffness"] > 0)}
    panels = [
        {
            "kind": kind,
            "alt": _alt(kind, row + 1, shown[kind], mask, numbers["tissue"]),
            "image": drawing.picture(shown[kind], seen.get(kind, mask), *scale[:3]),
        }
        for kind, scale in scales.items()
    ]
    return {
        "number": row + 1,
        "panels": panels,
        "outline": drawing.outline_path(one["trusted"]),
        "veil": drawing.area_path(mask & ~one["trusted"]),
        "tissue": bool(mask.any()),
        "numbers": numbers,
    }


def _alt(kind, number, values, mask, tissue):
    """A panel in words."""
    if kind == "magnitude":
        return f"Magnitude image of slice {number}, with the outline of the trusted pixels."
    if not mask.any():
        return f"{kind.capitalize()} of slice {number}: no tissue."
    if kind == "wave":
        return f"Wave of slice {number}: real part of the first harmonic of the displacement, at one moment."
    if kind == "stiffness":
        share = f"{100 * tissue['trusted_share']:.0f} % trusted"
        area = f"{tissue['area_cm2']:.0f} cm² of tissue"
        median = "no value" if tissue["median_kpa"] is None else f"median {tissue['median_kpa']:.2f} kPa"
        return f"Stiffness map of slice {number}: {median} in {area}, {share}."
    middle = float(np.median(values[mask]))
    if kind == "uncertainty":
        return (
            f"Uncertainty of slice {number}: the interval of the median pixel reaches a factor {middle:.2f}."
        )
    return f"Confidence of slice {number}: {middle:.2f} in the median pixel."


def view_of(shape, spacing_m):
    """Size of a picture [pixels], strip under it for the bar of length, that bar [mm], and a pixel [mm]."""
    height, width = shape
    bar_mm = next((bar for bar in (50, 20, 10, 5, 2) if bar < 0.6 * width * spacing_m * 1e3), 1)
    strip = math.ceil(0.08 * width)
    return {"width": width, "height": height, "strip": strip, "bar_mm": bar_mm, "pixel_mm": 1e3 * spacing_m}


def playing(images, scales, view, frequency_hz):
    """What the page's script needs to play the wave: sizes, colours, and the wave of each slice.

    Returns
    -------
    dict
        first: the row of the slice that is shown first, the one with most trusted pixels; slices: see
        `dime.plotting.examination.playing_wave`; slower: by how many times the wave is slowed.
    """
    pairs = zip(images["wave"], images["mask"], strict=True)
    return {name: view[name] for name in ("width", "height", "strip")} | {
        "room": drawing.WAVE_ROOM,
        "colours": drawing.coded(drawing.palette(scales["wave"].colours)),
        "slices": [drawing.playing_wave(wave, mask, scales["wave"].high) for wave, mask in pairs],
        "first": int(np.argmax(images["trusted"].sum(axis=(1, 2)))),
        "seconds": PERIOD_S,
        "slower": round(PERIOD_S * frequency_hz),
    }
