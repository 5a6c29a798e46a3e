"""Set what the brain wing found beside its targets and the original's published figures.

The original's subjects are others, so that its figures stand beside ours and no verdict follows. Targets of
this project have one. A part that was not run has a row that says so.
"""

from dime.files.report import number
from dime.plotting.brain_tables import METHOD_NAMES
from dime.reporting.liver_claims import value
from dime.reporting.wing_parts import rows_of_parts

HEADS = ("claim or target", "original or target", "found", "holds?")

LABELS = {"csf": "CSF", "gm": "GM", "wm": "WM"}

FIRST = "T1"
"""Combination of the first family of contrasts, which every method has in both tables."""

TARGETS = {
    "closed_epg": {"csf": 0.06, "gm": 0.025, "wm": 0.025},
    "epg_isochromat": dict.fromkeys(LABELS, 1e-3),
    "psnr_db": {"4 complex": (37, 30, 33), "12 complex": (45, 36, 37), "4 magnitude": (36, 29, 32)},
    "seconds": {"4 complex": 5, "12 complex": 5, "4 magnitude": 15},
    "distance": 1e-3,
    "bound": 0.1,
}
"""Targets of this project: largest difference of signals over the largest one; least PSNR of CSF, GM and WM
[dB], and most time [s], of the labelled slice at SNR 100; distance of a fraction from its optimum; distance
of an error without constraints from the bound, relative."""


def table(results):
    """Rows of text under `HEADS`.

    Parameters
    ----------
    results : path
        Folder with the results of every part. Files of `brain` that are absent give "not run".

    Returns
    -------
    list of tuple of str
    """
    return rows_of_parts(results, "brain", PARTS)


def _by_tissue(values, form):
    return ", ".join(f"{label} {number(values[name], form)}" for name, label in LABELS.items())


def _holds(values, limits):
    return "yes" if all(values[name] <= limit for name, limit in limits.items()) else "no"


def _simulator(found):
    nominal = found["nominal_b1"]
    for key, words in (
        (
            "closed_epg",
            "closed form against extended phase graphs: largest difference over the largest signal",
        ),
        ("epg_isochromat", "extended phase graphs against isochromats: the same"),
    ):
        limits = TARGETS[key]
        verdict = _holds(nominal[key], limits)
        yield words, f"<= {_by_tissue(limits, 'g')}", _by_tissue(nominal[key], ".2g"), verdict


def _one_brain(found):
    for name, scores in found["scores"].items():
        values = {one["tissue"]: one["psnr_db"] for one in scores}
        least = dict(zip(LABELS, TARGETS["psnr_db"][name], strict=True))
        seconds, most = found["seconds"][name], TARGETS["seconds"][name]
        met = all(values[tissue] >= limit for tissue, limit in least.items()) and seconds < most
        text = f"{_by_tissue(values, '.1f')}; {number(seconds, '.1f')} s"
        target = f">= {_by_tissue(least, 'g')}; < {most} s"
        title = f"one brain ({found['origin']}), {name} contrasts: PSNR [dB]"
        yield title, target, text, "yes" if met else "no"
    worst = max(one for name, one in found["certified"].items() if "complex" in name)
    limit = TARGETS["distance"]
    verdict = "yes" if worst <= limit else "no"
    yield "distance of any fraction from the certified optimum", f"<= {limit:g}", f"{worst:.1g}", verdict


def _contrasts(found):
    ratio = found["free_over_bound"]
    limit = TARGETS["bound"]
    verdict = "yes" if max(abs(ratio["least"] - 1), abs(ratio["most"] - 1)) <= limit else "no"
    yield (
        "error without constraints over the Cramer-Rao bound",
        f"{1 - limit:g} to {1 + limit:g}",
        f"{ratio['least']:.2f} to {ratio['most']:.2f}",
        verdict,
    )
    choices = {}
    for one in found["best"]:
        choices.setdefault((one["limit"], one["contrasts"]), []).append(one)
    for (limit, contrasts), rows in choices.items():
        cells = [
            f"{kind} {_by_tissue({tissue: rows[0][f'{kind} {tissue}'] for tissue in LABELS}, '.1f')}"
            for kind in ("complex", "magnitude")
        ]
        title = f"four contrasts, {limit}, signs {' or '.join(one['signs'] for one in rows)}: PSNR [dB]"
        yield title, "", f"{contrasts} ({rows[0]['scan_s']:.1f} s): {'; '.join(cells)}", ""


def _psnr(found, method, combination):
    """Mean PSNR of every tissue with its interval, as text."""
    values = found["means"]["psnr_db"][method][combination]
    return "; ".join(f"{label} {value(values[tissue], 'mean', '.1f')}" for tissue, label in LABELS.items())


def _original(found):
    yield from _tabled(found, "original's way", found["published"]["psnr_db"])
    yield from _differences(found, "original's way")


def _honest(found):
    yield from _tabled(found, "honest", {})
    yield from _differences(found, "honest")
    changes = {tissue: rows["no B1"]["difference"] for tissue, rows in found["without_b1"]["psnr_db"].items()}
    text = "; ".join(f"{label} {value(changes[tissue], 'mean', '+.1f')}" for tissue, label in LABELS.items())
    yield "honest: without a map of B1 less with one that errs, signals add, complex [dB]", "", text, ""


def _tabled(found, condition, published):
    """Rows of mean scores: of combinations with a published figure, `FIRST`, and the one that is tested."""
    for method, name in METHOD_NAMES.items():
        means = found["means"]["psnr_db"].get(method, {})
        for combination in (one for one in found["combinations"] if one in means):
            known = published.get(method, {}).get(combination, {})
            told = any(known.values())
            if told or combination in (FIRST, found["test_combination"]):
                title = f"{condition} ({found['source']}), {combination}, {name}: PSNR [dB]"
                yield title, _by_tissue(known, ".2f") if told else "", _psnr(found, method, combination), ""


def _differences(found, condition):
    """Rows of the paired tests: how far each rival lies from the convex estimate of complex images."""
    by_tissue = found["tests"]["psnr_db"]
    for method, name in METHOD_NAMES.items():
        rows = {tissue: row[method] for tissue, row in by_tissue.items() if method in row}
        if rows:
            cells = []
            for tissue, one in rows.items():
                p = number(one["p_holm"], ".1g")
                cells.append(f"{LABELS[tissue]} {value(one['difference'], 'mean', '+.1f')}, p {p}")
            title = f"{condition}, {found['test_combination']}: {name} less signals add, complex [dB]"
            yield title, "", "; ".join(cells), ""


PARTS = (
    ("simulator", "the simulators", _simulator),
    ("one-brain", "one brain", _one_brain),
    ("table", "the original's table", _original),
    ("honest-table", "the honest table", _honest),
    ("which-contrasts", "which contrasts", _contrasts),
)
"""Metrics file, its name in print, and what makes rows of it, in the order of the table."""
