"""Open NIfTI images."""

import gzip
import zlib
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError


def open_image(path):
    """Open a NIfTI file and read it to its end.

    Parameters
    ----------
    path : path
        .nii, .nii.gz, or one of a pair .hdr and .img.

    Returns
    -------
    image : nibabel.Nifti1Image
        Or one of its kin: NIfTI-2, or a pair of files.
    values : array (x, y, ...)
        With the header's slope and intercept applied.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file, a folder, another format, a damaged file, colours. The message names the file.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: expected a NIfTI file, found a folder")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        image = _kind(path).from_filename(path)
        values = np.asarray(image.dataobj)
        if path.suffix == ".gz":
            with gzip.open(path) as packed:  # to the checksum, which nibabel does not reach
                while packed.read(2**20):
                    pass
    except (ImageFileError, HeaderDataError, ValueError, OverflowError, MemoryError) as error:
        raise ValueError(f"{path}: not a NIfTI file ({error or type(error).__name__})") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: damaged or not whole ({error})") from None
    except OSError as error:  # nibabel's "Expected N bytes, got M" does not name the file
        raise OSError(f"{path}: cannot be read ({error.strerror or error})") from None
    if values.dtype.names:
        raise ValueError(f"{path}: expected numbers, found colours ({', '.join(values.dtype.names)})")
    if not np.isfinite(image.affine).all():
        raise ValueError(f"{path}: expected a header with a finite affine, found {image.affine[:3].tolist()}")
    if values.ndim < 2 or values.size == 0:
        raise ValueError(f"{path}: expected an image (x, y, ...), found shape {values.shape}")
    return image, values


def _kind(path):
    """The class of nibabel's that reads a file; no other format is tried.

    Raises ImageFileError where none does.
    """
    sniffed = None
    for kind in (nibabel.Nifti1Pair, nibabel.Nifti1Image, nibabel.Nifti2Pair, nibabel.Nifti2Image):
        fits, sniffed = kind.path_maybe_image(path, sniffed)
        if fits:
            return kind
    raise ImageFileError("its content is not that of .nii, .nii.gz, or a pair .hdr and .img")
