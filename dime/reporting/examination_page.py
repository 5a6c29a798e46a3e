"""One examination on one page: a self-contained HTML file with maps, the playing wave, numbers and settings.

The page asks for nothing outside itself, and its Content-Security-Policy lets it ask for nothing. Every text that
comes from a file is escaped (jinja2 with autoescape). `examination_page.html`, `.css` and `.js` beside this module
are its parts.
"""

import base64
import datetime
import hashlib
import json
import math
import re
from importlib import metadata, resources
from pathlib import Path

import numpy as np
import xarray as xr
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from dime.files import orientation
from dime.files.whole import whole
from dime.metrics import readings
from dime.metrics.roi import LEAST_AREA_M2
from dime.plotting import examination as drawing

WIDEST_SHOWN = 2.0
"""End of the scale of uncertainty: the factor that the 90 % interval reaches up and down."""

LONGEST = 400
"""Characters of a field that are shown."""

PERSONAL = re.compile(
    r"^(Other)?Patient(s?Name|ID|IDs|Birth.*|Address|Telephone.*|Mother.*)$|Physician|Operators?Name|Accession"
)
"""Fields of a sidecar that name a person: a page is passed on, and they are left out of it."""

REGIONS = {
    "tissue": "All tissue",
    "trusted": "Trusted pixels",
    "interior": f"Tissue {readings.RIM_M * 1e3:g} mm or more from its rim",
}
"""Names of `dime.metrics.readings.regions` in print."""


def write_report(waves: xr.Dataset, maps: xr.Dataset, path: str | Path, remarks: tuple[str, ...] = ()) -> None:
    """Write one examination as one self-contained HTML page, for research use.

    Parameters
    ----------
    waves : xarray.Dataset
        From `dime.read_wave`: `wave` and `mask` (..., y, x), `magnitude` of that shape where the scan has one.
    maps : xarray.Dataset
        From `dime.invert` of these waves.
    path : path
        File to write; its name ends in .html. It is replaced whole or not at all.
    remarks : sequence of str
        Warnings that reading and inverting raised; the page repeats them.

    Raises
    ------
    ValueError
        The name does not end in .html, or waves and maps are of different shapes.
    OSError
        It cannot be written.

    Examples
    --------
    >>> import dime
    >>> waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
    >>> dime.write_report(waves, dime.invert(waves, "mmdi"), "report.html")
    """
    check_name(path)
    text = page(waves, maps, remarks)
    with whole(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")


def check_name(path, inputs=()):
    """Refuse a page that is no .html file, whose folder is missing, or that would replace an input.

    Raises
    ------
    ValueError, FileNotFoundError
    """
    path = Path(path)
    if path.suffix != ".html" or path.is_dir():
        raise ValueError(f"{path}: expected the name of a file that ends in .html")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")
    if any(path.resolve() == Path(one).resolve() for one in inputs):
        raise ValueError(f"{path}: expected another name than that of a file that is read")


def page(waves, maps, remarks=()):
    """The page's text; parameters as in `write_report`."""
    if waves["wave"].shape != maps["stiffness"].shape:
        raise ValueError(
            f"maps: expected the wave's shape {waves['wave'].shape}, found {maps['stiffness'].shape}"
        )
    images, sides = _images(waves, maps)
    spacing_m = waves.attrs["spacing_m"]
    found = readings.readings(images["stiffness"], images["mask"], images["trusted"], spacing_m)
    place = drawing.window(images["mask"])
    end_kpa = drawing.stiffness_end_kpa(images["stiffness"] / 1e3, images["mask"] & images["trusted"])
    wave_end = drawing.wave_end(images["wave"], images["mask"])
    boxed = {name: values[:, *place] for name, values in images.items()}
    second = "uncertainty" if "uncertainty" in images else "confidence"
    height, width = boxed["mask"].shape[1:]
    parts = {suffix: _part(suffix) for suffix in ("css", "js")}
    bars = {"wave": "RdBu_r", "stiffness": "viridis", second: SECOND[second][0]}
    fields, withheld = _fields(waves.attrs.get("sidecar"))
    return _template().render(
        parts=parts,
        hashes={suffix: _hash(text) for suffix, text in parts.items()},
        source=_plain(Path(waves.attrs.get("source") or "wave").name),
        slices=[_slice(row, boxed, found, end_kpa, wave_end) for row in range(len(boxed["mask"]))],
        regions=[{"name": REGIONS[name]} | found[name] for name in REGIONS],
        headline=_headline(found, len(images["mask"])),
        view={"width": width, "height": height, "bar": _bar_mm(width, spacing_m), "mm": 1e3 * spacing_m},
        sides=sides,
        bars={name: drawing.colour_bar(colours) for name, colours in bars.items()},
        ticks={"stiffness": [round(end_kpa * share / 4, 1) for share in range(5)], second: SECOND[second][1]},
        second=second,
        end_kpa=end_kpa,
        play=_play(boxed, wave_end, waves.attrs["frequency_hz"]),
        acquisition=_acquisition(waves, maps, images),
        settings=_settings(maps),
        fields=fields,
        withheld=withheld,
        remarks=[_plain(one) for one in remarks],
        today=datetime.date.today().isoformat(),
        version=metadata.version("dime"),
    )


SECOND = {
    "uncertainty": ("magma", ("×1", "×1.25", "×1.5", "×1.75", "×2")),
    "confidence": ("cividis", ("0", "0.25", "0.5", "0.75", "1")),
}
"""Colours and ticks of what a method says of its own map."""


def _images(waves, maps):
    """Images (slice, y, x) as they lie in the body where that is known, and the letters of the four sides."""
    named = {name: waves[name].values for name in ("wave", "mask", "magnitude") if name in waves}
    named |= {name: maps[name].values for name in ("stiffness", "trusted", *SECOND) if name in maps}
    named["trusted"] = named["trusted"].astype(bool)
    if maps.attrs.get("time_sign", 1) < 0:
        named["wave"] = named["wave"].conj()
    named = {name: values.reshape(-1, *values.shape[-2:]) for name, values in named.items()}
    affine = waves.attrs.get("affine")
    if affine is None:
        return named, None
    from nibabel import Nifti1Image

    image = Nifti1Image(np.zeros((1, 1, 1), np.uint8), np.asarray(affine, float))
    turned, doubt = orientation.orientation(image)
    if doubt:
        return named, None
    return {name: orientation.turn(values, turned) for name, values in named.items()}, ("R", "L", "A", "P")


def _slice(row, boxed, found, end_kpa, wave_end):
    """What the page shows of one slice: its panels, and its readings in each region."""
    one = {name: values[row] for name, values in boxed.items()}
    mask, trusted = one["mask"], one["mask"] & one["trusted"]
    number = row + 1
    numbers = {name: found[name]["slices"][row] for name in REGIONS}
    panels = []
    if "magnitude" in one:
        image = np.nan_to_num(np.abs(one["magnitude"]))
        brightest = max(float(np.quantile(boxed["magnitude"], 0.995)), 1e-12)
        alt = f"Magnitude image of slice {number}, with the outline of the trusted pixels."
        whole_image = np.ones_like(mask)
        panels.append({"kind": "magnitude", "alt": alt, "image": drawing.picture(image, whole_image, "gray", 0, brightest)})
    alt = f"Wave of slice {number}: real part of the first harmonic of the displacement, at one moment."
    still = drawing.picture(one["wave"].real, mask, "RdBu_r", -wave_end, wave_end)
    panels.append({"kind": "wave", "alt": alt, "image": still})
    whole_slice = numbers["tissue"]
    alt = f"Stiffness map of slice {number}: no tissue."
    if mask.any():
        alt = (
            f"Stiffness map of slice {number}: median {whole_slice['median_kpa']:.2f} kPa in "
            f"{whole_slice['area_cm2']:.0f} cm² of tissue, {100 * whole_slice['trusted_share']:.0f} % trusted."
        )
    kpa = one["stiffness"] / 1e3
    panels.append({"kind": "stiffness", "alt": alt, "image": drawing.picture(kpa, mask, "viridis", 0, end_kpa)})
    if "uncertainty" in one:
        factor, reach = _factor(one["uncertainty"]), WIDEST_SHOWN
        middle = f": in the median pixel a factor of {np.median(factor[mask]):.2f}" if mask.any() else ""
        alt = f"Uncertainty of slice {number}{middle}."
        panels.append({"kind": "uncertainty", "alt": alt, "image": drawing.picture(factor, mask, "magma", 1, reach)})
    else:
        middle = f": {np.median(one['confidence'][mask]):.2f} in the median pixel" if mask.any() else ""
        alt = f"Confidence of slice {number}{middle}."
        image = drawing.picture(one["confidence"], mask, "cividis", 0, 1)
        panels.append({"kind": "confidence", "alt": alt, "image": image})
    return {
        "number": number,
        "panels": panels,
        "outline": drawing.outline_path(trusted),
        "veil": drawing.area_path(mask & ~trusted),
        "tissue": bool(mask.any()),
        "numbers": numbers,
    }


def _factor(uncertainty):
    """Factor that the interval of coverage `COVERAGE` reaches up and down, of the Laplace scale b."""
    from dime.network.prediction import COVERAGE

    return np.exp(uncertainty * math.log(1 / (1 - COVERAGE)))


def _headline(found, slices):
    """The number that stands for the examination, what it is the median of, and what speaks against it."""
    tissue, trusted = found["tissue"]["all"], found["trusted"]["all"]
    name = "trusted" if trusted["median_kpa"] is not None else "tissue"
    doubt = ""
    if name == "tissue":
        doubt = "No pixel is trusted. The number is that of all tissue, and it is not to be relied on."
    elif trusted["area_cm2"] < LEAST_AREA_M2 * 1e4:
        doubt = (
            f"Only {trusted['area_cm2']:.1f} cm² are trusted. Less than {LEAST_AREA_M2 * 1e4:.0f} cm² "
            "is little for a reading."
        )
    elif tissue["trusted_share"] < 0.5:
        doubt = f"Only {100 * tissue['trusted_share']:.0f} % of the tissue is trusted."
    return {
        "name": name,
        "all": found[name]["all"],
        "tissue": tissue,
        "trusted": trusted,
        "range": found[name]["slice_medians_kpa"] if slices > 1 else None,
        "read": sum(row["median_kpa"] is not None for row in found[name]["slices"]),
        "doubt": doubt,
    }


def _play(boxed, wave_end, frequency_hz):
    """What the script needs to play the wave."""
    height, width = boxed["mask"].shape[1:]
    slices = [
        drawing.playing_wave(wave, mask, wave_end)
        for wave, mask in zip(boxed["wave"], boxed["mask"], strict=True)
    ]
    colours = base64.b64encode(drawing.palette("RdBu_r").tobytes()).decode()
    return {
        "width": width,
        "height": height,
        "room": drawing.WAVE_ROOM,
        "colours": colours,
        "slices": slices,
        "first": int(np.argmax((boxed["mask"] & boxed["trusted"]).sum(axis=(1, 2)))),
        "seconds": PERIOD_S,
        "slower": round(PERIOD_S * frequency_hz),
    }


PERIOD_S = 1.5
"""Duration of one period of the wave on the page [s]."""


def _bar_mm(width, spacing_m):
    """Length of the bar of length [mm]: 50, or less where the image is narrow."""
    return next((bar for bar in (50, 20, 10, 5, 2) if bar < 0.6 * width * spacing_m * 1e3), 1)


def _acquisition(waves, maps, images):
    """What was examined, and how it was read: pairs of a name and a text."""
    count, rows, columns = images["mask"].shape
    pairs = [
        ("File", waves.attrs.get("source", "not stated")),
        ("Read as", waves.attrs.get("read_as", "not stated")),
        ("Frequency of the vibration", f"{waves.attrs['frequency_hz']:g} Hz"),
        ("Pixel", f"{waves.attrs['spacing_m'] * 1e3:g} mm"),
        ("Images", f"{count} slice{'s' * (count != 1)} of {columns} × {rows} pixels"),
        ("Magnitude", "in the file" if "magnitude" in images else "the file holds none"),
    ]
    sign = "e^(−iωt) in the file; its complex conjugate was inverted"
    pairs.append(("Sign of time", sign if maps.attrs.get("time_sign", 1) < 0 else "e^(+iωt)"))
    return [(name, _plain(text)) for name, text in pairs]


def _settings(maps):
    """Method and its settings: pairs of a name and a text."""
    try:
        found = json.loads(maps.attrs.get("settings", "{}"))
    except ValueError:
        found = {"settings": maps.attrs["settings"]}
    names = {"sha256": "weights, SHA-256"}
    return [
        ("method", _plain(maps.attrs.get("method", "not stated"))),
        *((_plain(names.get(name, name)), _plain(value)) for name, value in found.items()),
    ]


def _fields(sidecar):
    """Fields of a sidecar (JSON text or dict) as pairs of texts, and how many are withheld."""
    if isinstance(sidecar, str):
        try:
            sidecar = json.loads(sidecar)
        except ValueError:
            sidecar = {"sidecar": sidecar}
    if not isinstance(sidecar, dict):
        sidecar = {"sidecar": sidecar} if sidecar else {}
    shown = [(_plain(name), _plain(value)) for name, value in sidecar.items() if not PERSONAL.search(name)]
    return shown, len(sidecar) - len(shown)


def _plain(value):
    """A text of one line that can be printed: no control characters, no broken Unicode, not too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in " ".join(text.split()))
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _part(suffix):
    return resources.files("dime.reporting").joinpath(f"examination_page.{suffix}").read_text("utf-8")


def _hash(text):
    """Source expression of a style or script that the Content-Security-Policy lets run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _template():
    surroundings = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    surroundings.filters["own"] = Markup  # the page's own style and script, never a text of a file
    surroundings.filters["kpa"] = lambda value: "–" if value is None else f"{value:.2f}"
    surroundings.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.0f} %"
    return surroundings.from_string(_part("html"))
