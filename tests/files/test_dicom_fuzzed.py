"""A garbled DICOM header is refused in one line, or does not matter; it never gives a traceback."""

import warnings

import numpy as np
import pydicom
import pytest
from dicom_series import VENDORS, small, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dime.files import dicom


@pytest.fixture(scope="module")
def headers(tmp_path_factory):
    """Small examinations, and the bytes of one file of each."""
    found = {}
    for vendor in VENDORS:
        folder = write(tmp_path_factory.mktemp("scan") / "a", small(1, 3), vendor, magnitude=False)
        path = sorted(folder.iterdir())[0]
        found[vendor] = folder, path, path.read_bytes()
    return found


GARBLED = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.binary(max_size=16),
    st.floats(),
    st.integers(-(2**31), 2**31),
    st.lists(st.floats(), max_size=4),
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    vendor=st.sampled_from(VENDORS),
    which=st.integers(0, 10**6),
    value=GARBLED,
    cut=st.booleans(),
    data=st.data(),
)
def test_a_garbled_header_never_gives_a_traceback(headers, vendor, which, value, cut, data):
    """One element of one file is removed or replaced, or some of its bytes are."""
    folder, path, raw = headers[vendor]
    try:
        if cut:
            place = data.draw(st.integers(132, min(len(raw) - 5, 4000)))
            path.write_bytes(raw[:place] + data.draw(st.binary(min_size=1, max_size=4)) + raw[place + 4 :])
        else:
            change_one(path, which, value)
        try:
            _, values, _, _ = dicom.read(folder)
            assert np.isfinite(values).all() and values.ndim == 4
        except (ValueError, OSError) as error:
            assert "\n" not in str(error) and str(folder) in str(error), repr(error)
    finally:
        path.write_bytes(raw)


def change_one(path, which, value):
    """Remove or replace one element, in the functional groups too."""
    dataset = pydicom.dcmread(path)
    places = [(dataset, tag) for tag in dataset.keys() if tag != 0x7FE00010]
    for sequence in (
        dataset.get("PerFrameFunctionalGroupsSequence"),
        dataset.get("SharedFunctionalGroupsSequence"),
    ):
        for group in sequence or ():
            for element in group:
                if element.VR == "SQ":
                    places += [(element.value[0], tag) for tag in element.value[0].keys()]
    holder, tag = places[which % len(places)]
    if value is None:
        del holder[tag]
    else:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kept = pydicom.config.settings.writing_validation_mode
                pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
                try:
                    element = pydicom.DataElement(tag, holder[tag].VR, value)
                    holder[tag] = element
                    dataset.save_as(path)
                finally:
                    pydicom.config.settings.writing_validation_mode = kept
        except Exception:  # a value that pydicom itself cannot hold or write
            return
    try:
        dataset.save_as(path)
    except Exception:
        return
