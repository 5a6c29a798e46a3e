"""A claim, its target, what a run found, and whether it holds.

A verdict follows from a 95 % interval: "yes" where all of it meets the target, "no" where none of it does,
"undecided" where it holds both, or where there are too few cases for an interval.
"""

from dime.files.report import number
from dime.metrics.statistics import side


def claim(text, found, above=None, below=None, form=".2f"):
    """A claim about one figure of merit, in words for a table.

    Parameters
    ----------
    text : str
    found : dict
        mean, low, high: an estimate and its 95 % interval; None where there are too few cases.
    above, below : float, optional
        Limits between which the target lies, at least one of them.
    form : str
        Format of a number.

    Returns
    -------
    dict of str
        claim, target, found, verdict.
    """
    limits = [f"{sign} {limit:.3g}" for sign, limit in ((">", above), ("<", below)) if limit is not None]
    return {
        "claim": text,
        "target": ", ".join(limits),
        "found": value(found, form),
        "verdict": verdict(found, above, below),
    }


def verdict(found, above=None, below=None):
    """ "yes", "no" or "undecided": whether an interval lies above one limit and below the other."""
    sides = [(side(found, limit), sign) for limit, sign in ((above, 1), (below, -1)) if limit is not None]
    if any(one is None for one, _ in sides):
        return "undecided"
    worst = min(one * sign for one, sign in sides)
    return {1: "yes", 0: "undecided", -1: "no"}[worst]


def value(found, form=".2f"):
    """An estimate with its interval as text, "0.65 [0.61, 0.68]"; a dash where there is none."""
    text = number(found["mean"], form)
    return text if found["low"] is None else f"{text} [{found['low']:{form}}, {found['high']:{form}}]"
