"""Draw an examination for a page: maps as PNGs with a palette, outlines as paths, a wave that plays.

One pixel of a map is one pixel of its picture, so that the page can enlarge it without blurring it.
"""

import base64
import io
from functools import cache

import numpy as np
from matplotlib import colormaps
from PIL import Image

SCALES_KPA = (8.0, 20.0)
"""Ends of the stiffness scale [kPa]: 8, or 20 where a tenth of the trusted pixels is above 8.

Source: 0 to 8 kPa is the usual scale of liver elastograms, 0 to 20 kPa that of stiff livers."""

STEPS = 255
"""Colours of a palette; one more entry is transparent, for what is not tissue."""

WAVE_QUANTILE, WAVE_ROOM = 0.98, 1.5
"""The ends of the wave's colours, as a quantile of its amplitude in the tissue; how far beyond them the bytes
of a playing wave reach."""

MARGIN_PX = 4
"""Pixels around the tissue that are shown."""


def window(mask):
    """Rows and columns, as slices, that hold the tissue of every slice (slice, y, x) and a margin."""
    spans = []
    for axes in ((0, 2), (0, 1)):
        occupied = np.flatnonzero(mask.any(axis=axes))
        if not occupied.size:
            return slice(None), slice(None)
        spans.append(slice(max(0, occupied[0] - MARGIN_PX), occupied[-1] + 1 + MARGIN_PX))
    return tuple(spans)


def stiffness_end_kpa(stiffness_kpa, region):
    """End of the colour scale of stiffness, one of `SCALES_KPA`."""
    inside = stiffness_kpa[region]
    return SCALES_KPA[int(inside.size > 0 and np.mean(inside > SCALES_KPA[0]) > 0.1)]


def wave_end(wave, mask):
    """End of the colour scale of a wave, in its own unit; 1 where there is no motion."""
    return float(np.quantile(np.abs(wave[mask]), WAVE_QUANTILE) if mask.any() else 0) or 1.0


@cache
def palette(name):
    """The colours of a map's palette: (STEPS, 3) bytes."""
    return np.round(255 * colormaps[name](np.linspace(0, 1, STEPS))[:, :3]).astype(np.uint8)


def picture(values, mask, colours, low, high):
    """One map as a PNG in a data address, a pixel a pixel, transparent outside the mask.

    Parameters
    ----------
    values : (y, x) array
    mask : (y, x) bool array
    colours : str
        Name of a matplotlib colour map.
    low, high : float
        Ends of the scale; values beyond them take its first and last colour.

    Returns
    -------
    str
    """
    share = np.clip((np.nan_to_num(values) - low) / (high - low), 0, 1)
    index = np.where(mask, 1 + np.round(share * (STEPS - 1)), 0).astype(np.uint8)
    return _png(index, np.vstack([[[0, 0, 0]], palette(colours)]))


def colour_bar(colours):
    """The colours of a scale from left to right, as a PNG in a data address."""
    return _png(np.arange(STEPS, dtype=np.uint8)[None], palette(colours))


def _png(index, colours):
    image = Image.fromarray(index, "L")
    image.putpalette(colours.astype(np.uint8).tobytes())
    written = io.BytesIO()
    clear = {"transparency": 0} if len(colours) > STEPS else {}
    image.save(written, "PNG", optimize=True, **clear)
    return "data:image/png;base64," + coded(written.getvalue())


def coded(data):
    """Bytes, or the bytes of an array, as base64 text."""
    return base64.b64encode(bytes(data)).decode()


def outline_path(region):
    """SVG path along the outline of a region (y, x), pixel edges one unit long."""
    padded = np.pad(region, 1).astype(np.int8)
    across = np.diff(padded, axis=0)[:, 1:-1] != 0  # edges between a row and the next: (y + 1, x)
    down = np.diff(padded, axis=1)[1:-1] != 0
    level = [f"M{start} {row}h{length}" for row, start, length in _runs(across)]
    upright = [f"M{row} {start}v{length}" for row, start, length in _runs(down.T)]
    return "".join(level + upright)


def area_path(region):
    """SVG path that fills a region (y, x), row by row."""
    return "".join(f"M{start} {row}h{length}v1h-{length}z" for row, start, length in _runs(region))


def _runs(rows):
    """Row, start and length of each run of true values of a (row, column) bool array."""
    edges = np.diff(np.pad(rows, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    (row, start), (_, stop) = np.nonzero(edges > 0), np.nonzero(edges < 0)
    return zip(row.tolist(), start.tolist(), (stop - start).tolist(), strict=True)


def playing_wave(wave, mask, end):
    """What a script needs to play a wave: its tissue by runs, and real and imaginary part as signed bytes.

    u(t) = Re(u e^{i omega t}) = Re u cos(omega t) - Im u sin(omega t). The byte 127 is `WAVE_ROOM` ends of
    the scale; the phase of a few larger values is kept and their amplitude cut.

    Parameters
    ----------
    wave : (y, x) complex array
    mask : (y, x) bool array
    end : float
        End of the colour scale, see `wave_end`.

    Returns
    -------
    dict
        runs: starts and lengths in turn, in the order of rows; real, imaginary: base64 text.
    """
    inside = wave[mask] / (WAVE_ROOM * end)
    inside = 127 * inside / np.maximum(1, np.abs(inside))
    real, imaginary = (coded(np.round(part).astype(np.int8)) for part in (inside.real, inside.imag))
    runs = [number for _, *run in _runs(mask.reshape(1, -1)) for number in run]
    return {"runs": runs, "real": real, "imaginary": imaginary}
