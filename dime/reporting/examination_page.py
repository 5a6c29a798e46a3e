"""One examination on one page: a self-contained HTML file with maps, the playing wave, numbers and settings.

The page asks for nothing outside itself, and its Content-Security-Policy lets it ask for nothing. Every text
that comes from a file is escaped (jinja2 with autoescape). The parts of the page are beside this module:
`examination_page.html`, `.css` and `.js`.
"""

import base64
import datetime
import hashlib
import json
from importlib import metadata, resources
from pathlib import Path

import xarray as xr
from jinja2 import Environment, StrictUndefined

from dime.files.whole import whole
from dime.inversion.registry import METHODS
from dime.metrics import readings
from dime.metrics.roi import LEAST_AREA_M2
from dime.plotting import examination as drawing
from dime.reporting import examination_fields
from dime.reporting import examination_panels as panels

LEAST_SHARE = 0.5
"""Share of the tissue that is trusted, below which the headline says so. Assumption: a minority of the pixels
does not stand for the tissue."""

LONGEST = 400
"""Characters of a field that are shown."""

REGIONS = {
    "tissue": "All tissue",
    "trusted": "Trusted pixels",
    "interior": f"Tissue {readings.RIM_M * 1e3:g} mm or more from its rim",
}
"""Names of `dime.metrics.readings.regions` in print."""


def write_report(
    waves: xr.Dataset, maps: xr.Dataset, path: str | Path, remarks: tuple[str, ...] = ()
) -> None:
    """Write one examination as one self-contained HTML page, for research use.

    Parameters
    ----------
    waves : xarray.Dataset
        From `dime.read_wave`: `wave` and `mask` (..., y, x); `magnitude` of that shape where there is one.
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
        expected, found = waves["wave"].shape, maps["stiffness"].shape
        raise ValueError(f"maps: expected the wave's shape {expected}, found {found}")
    images, placed = panels.images_of(waves, maps)
    found = _numbers(images, waves)
    scales = panels.scales_of(images)
    place = drawing.window(images["mask"])
    shown = {name: values[:, *place] for name, values in images.items()}
    view = panels.view_of(shown["mask"].shape[1:], waves.attrs["spacing_m"])
    count = len(shown["mask"])
    by_slice = [{name: found[name]["slices"][row] for name in REGIONS} for row in range(count)]
    source = waves.attrs.get("source", "a wave")
    parts = {suffix: _part(suffix) for suffix in ("css", "js")}
    fields, withheld = examination_fields.technical(waves.attrs.get("sidecar"))
    return _template().render(
        parts=parts,
        hashes={suffix: _hash(text) for suffix, text in parts.items()},
        source=_plain(examination_fields.short(source)),
        headline=headline_of(found),
        facts=_facts(found["tissue"]["all"], waves, maps, count),
        slices=[panels.slice_of(row, shown, scales, numbers) for row, numbers in enumerate(by_slice)],
        regions=[{"name": REGIONS[name]} | found[name] for name in REGIONS],
        view=view,
        placed=placed,
        scales=scales,
        bars={name: drawing.colour_bar(one.colours) for name, one in scales.items() if one.ticks},
        play=panels.playing(shown, scales, view, waves.attrs["frequency_hz"]),
        acquisition=_acquisition(waves, maps, images),
        settings=_settings(maps),
        fields=[(name, _plain(value)) for name, value in fields],
        withheld=withheld,
        remarks=[_plain(examination_fields.without_folders(one, source)) for one in remarks],
        today=datetime.date.today().isoformat(),
        version=metadata.version("dime"),
    )


def _numbers(images, waves):
    names = ("stiffness", "mask", "trusted")
    return readings.readings(*(images[name] for name in names), waves.attrs["spacing_m"])


def summary(waves, maps):
    """The page's headline in a line of text, for the terminal."""
    one = headline_of(_numbers(panels.images_of(waves, maps)[0], waves))
    read, share = one["all"], one["tissue"]["trusted_share"]
    where = "the trusted pixels" if one["name"] == "trusted" else "all tissue"
    if read["median_kpa"] is None:
        return f"no stiffness, by {maps.attrs['method']}"
    number = f"{read['median_kpa']:.2f} kPa, median of {where}"
    quartiles = f"quartiles {read['low_kpa']:.2f} and {read['high_kpa']:.2f}"
    trusted = f"{100 * share:.0f} % of the tissue trusted"
    return f"{number} ({quartiles}), by {maps.attrs['method']}, {trusted}; for research use only"


def headline_of(found):
    """The number that stands for an examination, and what speaks against it.

    Parameters
    ----------
    found : dict
        From `dime.metrics.readings.readings`.

    Returns
    -------
    dict
        name: "trusted", or "tissue" where no pixel is trusted; all: its reading over all slices; tissue: that
        of all tissue; range: lowest and highest median of a slice, None for one slice; read: slices with any
        such pixel; doubt: words, or "".
    """
    tissue, trusted = found["tissue"]["all"], found["trusted"]["all"]
    name = "trusted" if trusted["median_kpa"] is not None else "tissue"
    least_cm2 = LEAST_AREA_M2 * 1e4
    doubt = ""
    if name == "tissue":
        doubt = "No pixel is trusted. The number is that of all tissue, and it is not to be relied on."
    elif trusted["area_cm2"] < least_cm2:
        area = f"{trusted['area_cm2']:.1f} cm²"
        doubt = f"Only {area} are trusted; a reading takes at least {least_cm2:.0f} cm²."
    elif tissue["trusted_share"] < LEAST_SHARE:
        doubt = f"Only {100 * tissue['trusted_share']:.0f} % of the tissue is trusted."
    rows = found[name]["slices"]
    return {
        "name": name,
        "all": found[name]["all"],
        "tissue": tissue,
        "range": found[name]["slice_medians_kpa"] if len(rows) > 1 else None,
        "read": sum(row["median_kpa"] is not None for row in rows),
        "doubt": doubt,
    }


def _facts(tissue, waves, maps, count):
    """What stands beside the headline: pairs of a name and a text."""
    median = "–" if tissue["median_kpa"] is None else f"{tissue['median_kpa']:.2f} kPa"
    share = "–" if tissue["trusted_share"] is None else f"{100 * tissue['trusted_share']:.0f} %"
    return [
        ("All tissue, median", median),
        ("Trusted", f"{share} of {tissue['area_cm2']:.0f} cm²"),
        ("Method", _method(maps)),
        ("Frequency", f"{waves.attrs['frequency_hz']:g} Hz"),
        ("Pixel", f"{waves.attrs['spacing_m'] * 1e3:g} mm"),
        ("Slices", str(count)),
    ]


def _acquisition(waves, maps, images):
    """What was examined, and how it was read: pairs of a name and a text."""
    count, rows, columns = images["mask"].shape
    pairs = [
        ("File", examination_fields.short(waves.attrs.get("source", "not stated"))),
        ("Read as", waves.attrs.get("read_as", "not stated")),
        ("Frequency of the vibration", f"{waves.attrs['frequency_hz']:g} Hz"),
        ("Pixel", f"{waves.attrs['spacing_m'] * 1e3:g} mm"),
        ("Images", f"{count} slice{'s' * (count != 1)} of {columns} × {rows} pixels"),
        ("Magnitude", "in the file" if "magnitude" in images else "the file holds none"),
    ]
    sign = "e^(−iωt) in the file; the conjugate was inverted"
    pairs.append(("Sign of time", sign if maps.attrs.get("time_sign", 1) < 0 else "e^(+iωt)"))
    return [(name, _plain(text)) for name, text in pairs]


def _method(maps):
    """A method as figures call it, and as the command line does: "k-MDEV (kmdev)"."""
    name = maps.attrs.get("method", "not stated")
    return f"{METHODS[name].label} ({name})" if name in METHODS else _plain(name)


def _settings(maps):
    """Method and its settings: pairs of a name and a text."""
    try:
        found = json.loads(maps.attrs.get("settings", "{}"))
    except ValueError:
        found = {"settings": maps.attrs["settings"]}
    names = {"sha256": "weights, SHA-256"}
    return [
        ("method", _method(maps)),
        *((_plain(names.get(name, name)), _plain(value)) for name, value in found.items()),
    ]


def _plain(value):
    """A text of one line that can be printed: no control characters, no broken Unicode, not too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(
        one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in " ".join(text.split())
    )
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _part(suffix):
    return resources.files("dime.reporting").joinpath(f"examination_page.{suffix}").read_text("utf-8")


def _hash(text):
    """Source expression of a style or script that the Content-Security-Policy lets run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _template():
    surroundings = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    surroundings.filters["kpa"] = lambda value: "–" if value is None else f"{value:.2f}"
    surroundings.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.0f} %"
    return surroundings.from_string(_part("html"))
