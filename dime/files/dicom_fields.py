"""One image of a DICOM file, and what its header says.

Headers come from many programs and hands. Every field is read through `Frame.text` and its kin, which refuse
what does not make sense and name file and field.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

CREATORS = {
    (0x0043, 0x10): "GEMS_PARM_01",
    (0x2001, 0x10): "Philips Imaging DD 001",
    (0x2005, 0x10): "Philips MR Imaging DD 001",
    (0x2005, 0x14): "Philips MR Imaging DD 005",
}
"""Who reserves the private elements that are read, by group and the block in which the vendor writes them."""

ROWS, COLUMNS = (0x0028, 0x0010), (0x0028, 0x0011)


class Frame(NamedTuple):
    """One image of a file, and the headers that speak of it, the nearest first."""

    path: Path
    number: int
    count: int
    headers: tuple

    def element(self, tag):
        """Value of (group, element), or None where it is absent or empty.

        Private elements are found by the name of who reserved them, or, where a program has removed that
        name, in the block that the vendor's own software uses.
        """
        group, number = tag
        for header in self.headers:
            try:
                found = _private(header, group, number) if group % 2 else header.get(tag)
                value = None if found is None else found.value
            except Exception as error:  # pydicom converts on access and fails in many ways
                reason = plain(error)[:160] or type(error).__name__
                raise ValueError(f"{self.path}: {named(tag)}: cannot be read ({reason})") from None
            if value is not None and value != "" and not (hasattr(value, "__len__") and len(value) == 0):
                return value
        return None

    def words(self, tag):
        """Texts of an element, as a list; empty where it is absent."""
        value = self.element(tag)
        if value is None:
            return []
        several = not isinstance(value, str | bytes) and hasattr(value, "__iter__")
        return [plain(one) for one in (value if several else [value])]

    def text(self, tag):
        """An element as one line of text, "" where it is absent."""
        return "\\".join(self.words(tag))

    def numbers(self, tag, count):
        """`count` finite numbers, or None where the element is absent.

        Raises ValueError where it is something else.
        """
        value = self.element(tag)
        if value is None:
            return None
        if isinstance(value, bytes):  # a private element whose type the file does not tell
            value = _decoded(value, count)
        several = not isinstance(value, str) and hasattr(value, "__iter__")
        try:
            found = [float(one) for one in (value if several else [value])]
        except (TypeError, ValueError):
            found = []
        if len(found) != count or not all(map(math.isfinite, found)):
            kind = "a number" if count == 1 else f"{count} numbers"
            raise ValueError(f"{self.path}: {named(tag)}: expected {kind}, found {self._shown(tag)}")
        return found

    def number_of(self, tag):
        """One finite number, or None where the element is absent."""
        found = self.numbers(tag, 1)
        return found[0] if found else None

    def needed(self, tag, count):
        """`count` finite numbers of an element that must be there."""
        found = self.numbers(tag, count)
        if found is None:
            raise ValueError(f"{self.path}: {named(tag)}: expected it in the header, found none")
        return found

    def _shown(self, tag):
        return repr(self.text(tag)[:60])


def named(tag):
    """An element in words: "TriggerTime (0018,1060)"."""
    from pydicom.datadict import keyword_for_tag

    group, number = tag
    word = keyword_for_tag(tag) if group % 2 == 0 else PRIVATE_NAMES.get(tag, "")
    return f"{word} ({group:04X},{number:04X})".strip()


PRIVATE_NAMES = {
    (0x0043, 0x102F): "GE image type",
    (0x2001, 0x1008): "Philips phase number",
    (0x2001, 0x1017): "Philips number of phases",
    (0x2005, 0x100D): "Philips scale intercept",
    (0x2005, 0x100E): "Philips scale slope",
    (0x2005, 0x1011): "Philips image type",
    (0x2005, 0x140B): "Philips unit",
}


def _private(header, group, number):
    """A private element, or None; in another block than the vendor's where a program has moved it."""
    usual = number >> 8
    try:
        return header.private_block(group, CREATORS[group, usual])[number & 0xFF]
    except KeyError:
        bare = (group, usual) not in header  # its creator's name was removed
        return header.get((group, number)) if bare else None


def plain(value):
    """Text on one line."""
    text = value.decode("latin-1").strip("\0 ") if isinstance(value, bytes) else str(value)
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _decoded(value, count):
    """Numbers in the bytes of an element without a type: text, or little-endian whole numbers or floats."""
    text = value.decode("latin-1").strip("\0 ").split("\\")
    try:
        return [float(one) for one in text]
    except ValueError:
        size = len(value) // count if len(value) % count == 0 else 0
        kind = {2: "<i2", 4: "<f4", 8: "<f8"}.get(size)
        return np.frombuffer(value, kind).tolist() if kind else []
