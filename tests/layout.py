"""What is printed where on the pages of a PDF: glyphs by the ink they cover, figures by their frames."""

import ctypes
import math
from dataclasses import dataclass, field
from functools import cached_property

import pypdfium2 as pdfium
from pypdfium2 import raw

SHARE = 0.2
"""Part of a glyph's box that another may cover. Boxes are those of the ink, not of the font, so that accents,
superscripts, fractions and tight rows do not meet at all; kerned italics meet by a tenth of a box or less."""

SPECK_PT2 = 1.0
"""Area in square points that boxes may share in any case: a hyphen that tucks under an f shares 0.7."""

NEIGHBOURS = 2
"""Runs that follow each other so closely belong to one formula or word."""

OVERHANG_PT = 3.0
"""How far ink may reach over a margin: descenders and hyphens hang by up to 0.3 em of 9.5 pt. A word that has
run out reaches further."""


@dataclass
class Run:
    """Glyphs that were set in one go: a part of a line in one font."""

    inside: bool  # of a figure
    angle: int  # of its line to the page, in degrees
    text: str = ""
    boxes: list = field(default_factory=list)  # of its glyphs, (left, bottom, right, top) in points

    @cached_property
    def box(self):
        sides = list(zip(*self.boxes, strict=True))
        return min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])


@dataclass
class Page:
    number: int
    size: tuple
    runs: list
    figures: list  # boxes


def pages(path):
    """Pages of a PDF file."""
    with pdfium.PdfDocument(path) as document:
        return [_page(number, page) for number, page in enumerate(document, 1)]


def _page(number, page):
    figures, inner = [], set()
    for thing in page.get_objects(max_depth=16):
        if thing.level == 0 and thing.type in (raw.FPDF_PAGEOBJ_FORM, raw.FPDF_PAGEOBJ_IMAGE):
            figures.append(thing.get_bounds())
        elif thing.level > 0 and thing.type == raw.FPDF_PAGEOBJ_TEXT:
            inner.add(_address(thing.raw))
    text, runs = page.get_textpage(), {}
    for index in range(text.count_chars()):
        letter = chr(raw.FPDFText_GetUnicode(text, index))
        if letter.isspace() or raw.FPDFText_IsGenerated(text, index) == 1:
            continue
        key = _address(raw.FPDFText_GetTextObject(text, index))
        angle = round(math.degrees(raw.FPDFText_GetCharAngle(text, index)))
        run = runs.setdefault(key, Run(key in inner, angle))
        run.text += letter
        run.boxes.append(text.get_charbox(index))
    return Page(number, page.get_size(), list(runs.values()), figures)


def _address(handle):
    return ctypes.cast(handle, ctypes.c_void_p).value


def overlaps(page):
    """Text that covers other text or lies in a figure's frame, and figures that cover each other, in words.

    Slanted lines are not compared with lines of the same slant: the boxes of their glyphs meet. Neighbours in
    a line may meet by one glyph: a limit stands under its slanted integral, a comma under an italic f.
    """
    found = []
    for place, one in enumerate(page.runs):
        for step, other in enumerate(page.runs[place + 1 :], 1):
            alike = one.angle == other.angle and one.angle % 90 != 0
            allowed = 1 if step <= NEIGHBOURS else 0
            if not alike and _shared(one.box, other.box) > SPECK_PT2 and _meetings(one, other) > allowed:
                found.append(f"page {page.number}: {one.text!r} and {other.text!r}")
        for frame in page.figures:
            if not one.inside and any(
                _shared(box, frame) > max(SPECK_PT2, SHARE * _area(box)) for box in one.boxes
            ):
                found.append(f"page {page.number}: {one.text!r} and a figure")
    for place, frame in enumerate(page.figures):
        if any(
            _shared(frame, other) > SHARE * min(map(_area, (frame, other))) for other in page.figures[:place]
        ):
            found.append(f"page {page.number}: a figure and a figure")
    return found


def _area(box):
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def _shared(a, b):
    """Area that two boxes share."""
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def _meetings(one, other):
    """How many glyphs of two runs share more than `SHARE` of the smaller one's box, and more than a speck."""
    pairs = {(a, b) for a in one.boxes for b in other.boxes}  # a ligature is several letters in one box
    return sum(_shared(a, b) > max(SPECK_PT2, SHARE * min(_area(a), _area(b))) for a, b in pairs)


def strays(page, margin_pt):
    """Text and figures that reach into the margins `(left and right, top and bottom)`, in words.

    The page's own number may stand there.
    """
    (width, height), (x, y) = page.size, margin_pt
    left, bottom, right, top = (
        x - OVERHANG_PT,
        y - OVERHANG_PT,
        width - x + OVERHANG_PT,
        height - y + OVERHANG_PT,
    )

    def out(box):
        return box[0] < left or box[1] < bottom or box[2] > right or box[3] > top

    words = [
        run.text
        for run in page.runs
        if out(run.box) and not (run.text == str(page.number) and run.box[3] < y)
    ]
    words += ["a figure" for frame in page.figures if out(frame)]
    return [f"page {page.number}: {text!r} in the margin" for text in words]
