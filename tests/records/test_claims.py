"""Verdicts of claims, from intervals whose place is known."""

import pytest

from dime.records.claims import claim, verdict


@pytest.mark.parametrize(
    ("low", "high", "above", "below", "expected"),
    [
        (0.91, 0.99, 0.9, None, "yes"),
        (0.85, 0.95, 0.9, None, "undecided"),
        (0.70, 0.80, 0.9, None, "no"),
        (-0.02, 0.02, None, 0.03, "yes"),
        (0.01, 0.05, None, 0.03, "undecided"),
        (0.04, 0.05, None, 0.03, "no"),
        (0.95, 1.05, 0.9, 1.1, "yes"),
        (0.95, 1.15, 0.9, 1.1, "undecided"),
        (0.80, 1.20, 0.9, 1.1, "undecided"),
        (1.15, 1.20, 0.9, 1.1, "no"),
        (0.70, 0.80, 0.9, 1.1, "no"),
        (None, None, 0.9, 1.1, "undecided"),
    ],
)
def test_a_verdict_is_where_the_interval_lies(low, high, above, below, expected):
    """All of it inside the limits: yes; all of it outside: no; otherwise undecided."""
    assert verdict({"mean": low, "low": low, "high": high}, above, below) == expected


def test_a_claim_is_told_in_words():
    """One figure with an interval, and one without any value."""
    found = claim("slope", {"mean": 0.987, "low": 0.941, "high": 1.052}, above=0.9, below=1.1)
    expected = {"claim": "slope", "target": "> 0.9, < 1.1", "found": "0.99 [0.94, 1.05]", "verdict": "yes"}
    assert found == expected
    absent = claim("area", {"mean": None, "low": None, "high": None}, above=0.5)
    assert absent["found"] == "-" and absent["verdict"] == "undecided"
