"""The images in a folder of DICOM files.

A classic file holds one image, an enhanced file many, each with a header of its own in its functional groups.
Both become a list of `Frame`.
"""

import warnings
from pathlib import Path

import numpy as np

from dime.files.dicom_fields import COLUMNS, ROWS, Frame, named, plain

DICOMDIR = "1.2.840.10008.1.3.10"
"""Media storage class of the index of a disc, which holds no image."""

SUFFIXES = (".dcm", ".ima", ".dicom")
"""Names of files that must be DICOM."""

NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
"""Transfer syntaxes without compression."""

IMAGES = ("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1")
"""Storage classes of MR images: one in a file, many in a file."""

PHILIPS_FRAME = (0x2005, 0x140F)
"""Philips' sequence in an enhanced file that holds the header of one classic image."""


def find(folder):
    """Every MR image in a folder and the folders within, in no order that matters.

    Parameters
    ----------
    folder : path

    Returns
    -------
    list of Frame
        Files of other kinds, and DICOM files without an image (reports, protocols), are passed over.

    Raises
    ------
    ValueError
        pydicom is missing; a file that is damaged, or called .dcm without being DICOM; an image of another
        modality; the same image twice; no image at all.
    """
    try:
        import pydicom  # noqa: F401
    except ModuleNotFoundError:
        raise ValueError(
            f"{folder}: a DICOM folder needs pydicom: pip install '.[dicom]' in a clone"
        ) from None
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    frames, seen = [], {}
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        header = _header(path)
        if header is None:
            continue
        found = _frames_of(path, header)
        if not found:
            continue
        modality = found[0].text((0x0008, 0x0060))
        if modality != "MR":
            raise ValueError(f"{path}: Modality (0008,0060): expected MR, found {modality or 'none'!r}")
        uid = found[0].text((0x0008, 0x0018))
        if uid and uid in seen:
            raise ValueError(
                f"{path}: SOPInstanceUID (0008,0018): expected each image once, found that of "
                f"{seen[uid].name} again"
            )
        seen[uid] = path
        frames += found
    if not frames:
        raise ValueError(f"{folder}: expected DICOM files with MR images, found none")
    return frames


def pixels(frames):
    """Stored values (x, y, frame) of some frames, in their order.

    Parameters
    ----------
    frames : list of Frame

    Returns
    -------
    int array (x, y, frame)

    Raises
    ------
    ValueError
        A file that is not whole, is compressed in a way that cannot be decoded, or has another shape than its
        header says.
    """
    decoded = {}
    return np.stack([_one(frame, decoded) for frame in frames], axis=-1)


def _one(frame, decoded):
    if frame.path not in decoded:
        decoded.clear()  # one file at a time
        decoded[frame.path] = _decode(frame)
    array = decoded[frame.path]
    expected = tuple(int(one) for one in (*frame.needed(ROWS, 1), *frame.needed(COLUMNS, 1)))
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or len(array) != frame.count or array.shape[1:] != expected:
        raise ValueError(
            f"{frame.path}: PixelData (7FE0,0010): expected {frame.count} image(s) of "
            f"{expected[0]} x {expected[1]}, found shape {array.shape}"
        )
    return array[frame.number].T


def _decode(frame):
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is wrong is refused or does not matter
        try:
            whole = pydicom.dcmread(frame.path)
        except Exception as error:  # as below
            raise ValueError(f"{frame.path}: damaged or not whole ({_line(error)})") from None
        meta = getattr(whole, "file_meta", None)
        syntax = getattr(meta, "TransferSyntaxUID", None)
        try:
            return np.asarray(whole.pixel_array)
        except Exception as error:  # pydicom and its decoders fail in many ways
            if str(syntax) not in NATIVE:
                name = plain(getattr(syntax, "name", "none"))
                raise ValueError(
                    f"{frame.path}: TransferSyntaxUID (0002,0010): {name} cannot be decoded here; decompress "
                    "the files first (dcmdjpeg, dcmdjpls, gdcmconv --raw)"
                ) from None
            raise ValueError(
                f"{frame.path}: PixelData (7FE0,0010): damaged or not whole ({_line(error)})"
            ) from None


def _header(path):
    """A file's header without its pixels, or None for a file that is not DICOM."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
            kind = str(header.file_meta.get("MediaStorageSOPClassUID", ""))
        except InvalidDicomError:
            if path.suffix.lower() in SUFFIXES:
                raise ValueError(f"{path}: expected a DICOM file, found no DICM at byte 128") from None
            return None
        except OSError as error:
            raise OSError(f"{path}: cannot be read ({error.strerror or error})") from None
        except Exception as error:  # a damaged header fails in many ways
            raise ValueError(f"{path}: damaged or not whole ({_line(error)})") from None
    return None if kind == DICOMDIR else header


def _frames_of(path, header):
    """The frames of one file; none where it holds no image."""
    try:
        return list(_frames(path, header))
    except Exception as error:  # a garbled sequence fails in many ways
        if str(path) in str(error):
            raise
        raise ValueError(f"{path}: damaged or not whole ({_line(error)})") from None


def _frames(path, header):
    outer = Frame(path, 0, 1, (header,))
    if outer.element(ROWS) is None or outer.element(COLUMNS) is None:
        if str(header.file_meta.get("MediaStorageSOPClassUID", "")) in IMAGES:
            raise ValueError(f"{path}: {named(ROWS)}: expected an image, found none; damaged or not whole")
        return
    per_frame = outer.element((0x5200, 0x9230))
    if per_frame is None:
        yield outer
        return
    shared = _items(outer.element((0x5200, 0x9229)))
    count = len(per_frame)
    for number, group in enumerate(per_frame):
        nearest = [*_items_of(group), *(one for item in shared for one in _items_of(item))]
        yield Frame(path, number, count, (*nearest, header))


def _items(sequence):
    return list(sequence) if sequence is not None and not isinstance(sequence, str | bytes) else []


def _items_of(group):
    """Datasets in the sequences of one functional group; Philips' own header last."""
    found, last = [], []
    for tag in list(group.keys()):
        element = group[tag]
        if element.VR != "SQ" or len(element.value) == 0:
            continue
        own = (tag.group, tag.element) == PHILIPS_FRAME
        (last if own else found).append(element.value[0])
    return found + last


def _line(error):
    return plain(error)[:160] or type(error).__name__
