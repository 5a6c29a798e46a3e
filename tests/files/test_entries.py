"""Entries of settings files: each fault is one line that names the place and the entry."""

import pytest

from dime.files.entries import check_keys, number_in

RANGES = {"echo_ms": (0.3, 200, "ms")}


def test_entries_as_expected_pass():
    check_keys({"echo_ms": 2}, ("echo_ms",), ("order",), "a.yaml")
    assert number_in({"echo_ms": 2}, "echo_ms", "a.yaml", RANGES) == 2.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], r"^a\.yaml: expected entries echo_ms, order, found \[1\]$"),
        ({"echo": 2}, r"^a\.yaml: echo: unknown, expected echo_ms, order$"),
        ({"order": 1}, r"^a\.yaml: echo_ms: missing$"),
    ],
)
def test_other_entries_are_refused(content, message):
    with pytest.raises(ValueError, match=message):
        check_keys(content, ("echo_ms",), ("order",), "a.yaml")


@pytest.mark.parametrize(
    ("value", "found"), [(0.002, "0.002"), ("2", "'2'"), (True, "True"), (float("nan"), "nan")]
)
def test_numbers_out_of_range_or_none_are_refused(value, found):
    with pytest.raises(ValueError, match=rf"^a\.yaml: echo_ms: expected 0\.3 to 200 ms, found {found}$"):
        number_in({"echo_ms": value}, "echo_ms", "a.yaml", RANGES)
