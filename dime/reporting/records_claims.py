"""Set what the records wing found beside the published figures and its own targets, one row a claim."""

from pathlib import Path

from dime.files.report import number, read

HEADS = ("claim or target", "published or target", "found", "holds?")

NOT_RUN = "not run"

PUBLISHED_R = {"internal": "0.78", "temporal": "0.77", "external": "0.76"}
"""Published r of kPa by set. Source: European Radiology, May 2026 (abstract)."""

SETS = {"internal": "cross-validation", "temporal": "temporal set", "external": "external set"}

SOURCES = {
    "stage": "the stage known exactly",
    "records": "records",
    "image": "image",
    "both": "image and records",
}
"""Source of the bound -> its name in print."""

GROUPS = {"validation": "", "bias": "", "missing": "", "nhanes": "measured, NHANES: "}
"""Metrics files with claims -> how their rows begin."""


def table(results):
    """Rows of text, under `HEADS`.

    Parameters
    ----------
    results : path
        Folder with the results of every part.

    Returns
    -------
    list of tuple of str
        The ceiling first, then the correlations beside the published ones, then every claim; the last rows
        are measured. What was not run has a row that says so.
    """
    folder = Path(results) / "records" / "metrics"
    rows = _ceiling(_found(folder, "bound")) + _correlations(_found(folder, "validation"))
    for name, begin in GROUPS.items():
        found = _found(folder, name)
        if found is None:
            rows.append((f"{begin}claims of {name}", "-", NOT_RUN, "-"))
            continue
        rows += [
            (begin + one["claim"], one["target"], one["found"], one["verdict"]) for one in found["claims"]
        ]
    return rows


def _found(folder, name):
    """A metrics file, or None where there is none."""
    path = folder / f"{name}.json"
    return read(path) if path.is_file() else None


def _ceiling(found):
    if found is None:
        return [("the ceiling of r", "-", NOT_RUN, "-")]
    rows = []
    for source, label in SOURCES.items():
        one = found["base"][source]
        text = f"{_span(one, 'r_ln', '')} of ln kPa, {_span(one, 'r_kpa', '_kpa')} of kPa"
        rows.append((f"ceiling of r, {label} (base case)", "computed before any training", text, "-"))
    cases = found["table"]
    reached = {name: sum(case["both"][name] >= 0.78 for case in cases) for name in ("r_ln", "r_kpa")}
    free = all(case["rho"] == 0 for case in cases if case["both"]["r_ln"] >= 0.78)
    text = f"{reached['r_ln']} of {len(cases)} for ln kPa, {reached['r_kpa']} for kPa"
    text += "; all with independent markers" if free and reached["r_ln"] else ""
    return [*rows, ("sets of assumptions whose ceiling reaches the published r", "0.78", text, "-")]


def _correlations(found):
    if found is None:
        return [("r of the fused transformer", "-", NOT_RUN, "-")]
    rows = []
    for cohort, label in SETS.items():
        models = found["merits"].get(cohort, {})
        parts = [
            f"{name} {_interval(models[model]['r_kpa'])}"
            for model, name in (("fused", "fused"), ("best, both", "best predictor"), ("oracle", "oracle"))
            if model in models
        ]
        rows.append((f"r of kPa, {label}", PUBLISHED_R[cohort], "; ".join(parts) or NOT_RUN, "-"))
    return rows


def _span(entry, value, ending):
    """A value with its interval, of an entry with low and high."""
    return f"{number(entry[value])} [{number(entry['low' + ending])}, {number(entry['high' + ending])}]"


def _interval(entry):
    return f"{number(entry['mean'])} [{number(entry['low'])}, {number(entry['high'])}]"
