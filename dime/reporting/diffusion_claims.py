"""Set what the diffusion wing found beside its targets.

The original's repository holds no table of results, so that no figure of it stands here. A target is met,
missed, or undecided where an interval reaches across it. Rows without a target only tell what was found. A
part that was not run has a row that says so.

What the metrics files hold, all under results/diffusion/metrics:

solver        errors of the signal under the names of `FORWARD`
gradient      `adjoint_error`: largest relative error of the derivative with all modes
one-geometry  `truth_chi`: {least, most} of true membranes under the inversion's settings; `small`: {reached,
              of, same}, signals on 2 cells per side whose best fit has a chi of at most the truth's, and how
              many of these fits are the truth; `fits`: the best of each signal on 4 cells per side, list of
              {name, chi, chamfer_um2, nearest_um2, bad_edges}
tables        `means`: table of `TABLES` -> list of {its key, score, mean, low, high, n}
seen          `rank`: list of {geometry, state, protocol, noise, rank}; `mirror`: {pgse_difference};
              `ensembles`: list of {target, fits, chi_best, chi_truth, dice_best, dice_median};
              `calibration`: {error, bins} with {promised, found, count} in each bin
"""

from dime.files.report import number
from dime.reporting.liver_claims import value
from dime.reporting.wing_parts import rows_of_parts

HEADS = ("claim or target", "target", "found", "verdict")

TARGETS = {
    "forward": 0.01,
    "gradient": 1e-3,
    "truth_chi": (0.9, 1.1),
    "small": (5, 6),
    "chi": 1.3,
    "bad_edges": 0.1,
    "mirror": 1e-6,
    "calibration": 0.1,
}
"""Targets of this project: error of the signal, and of its derivative; chi of the true membranes;
share of small fits that must reach the truth's chi; on the original's mesh chi, and share of bad edges;
change of the signal by the mirror image; mean difference of promised and true share of faces."""

FORWARD = {
    "free_slope_error": "free diffusion, slope, relative",
    "slab_error": "between two walls, relative",
    "sphere_error": "in a sphere, extrapolated, relative",
    "membrane_error": "across one membrane, relative",
    "conforming_error": "faces wide open against conforming elements",
    "rotation_error": "mesh and gradients turned",
}
"""Test of the forward model -> its name in print."""

ENDS = ("mean", "low", "high")

TABLES = {
    "ablation": ("prior", "face by face, no noise, prior:"),
    "schedule": ("schedule", "face by face, no noise, one ring, timings"),
    "noise": ("noise", "face by face, no prior, noise"),
    "learned": ("method", "cells that no network saw, noise 0.02:"),
    "closed": ("way", "the same signals, noise 0.01:"),
}
"""Table -> what its groups are called in the metrics, and in print."""

SCORES = {
    "chamfer_um2": ("chamfer distance [um2]", 1, ".1f"),
    "bad_edges": ("bad edges [%]", 100, ".1f"),
    "precision": ("precision of faces [%]", 100, ".0f"),
    "recall": ("recall of faces [%]", 100, ".0f"),
    "chi": ("chi", 1, ".2f"),
}
"""Score -> its name, factor and digits in print."""


def table(results):
    """Rows of text under `HEADS`.

    Parameters
    ----------
    results : path
        Folder with the results of every part. Files of `diffusion` that are absent give "not run".

    Returns
    -------
    list of tuple of str
    """
    return rows_of_parts(results, "diffusion", PARTS)


def _verdict(fine):
    return "met" if fine else "missed"


def _at_most(entry, limit):
    """Verdict of a mean with its interval on a target from above."""
    low, high = (entry["mean"] if entry.get(name) is None else entry[name] for name in ("low", "high"))
    if low <= limit < high:
        return "undecided"
    return _verdict(high <= limit)


def _solver(found):
    limit = TARGETS["forward"]
    for name, words in FORWARD.items():
        told = number(found[name], ".2g")
        yield f"signal, {words}: error", f"< {limit:g}", told, _verdict(found[name] < limit)


def _gradient(found):
    limit, error = TARGETS["gradient"], found["adjoint_error"]
    title = "derivative by permeability against differences, all modes: relative error"
    yield title, f"< {limit:g}", number(error, ".2g"), _verdict(error < limit)


def _one_geometry(found):
    low, high = TARGETS["truth_chi"]
    least, most = (found["truth_chi"][name] for name in ("least", "most"))
    title = "chi of the true membranes with the inversion's modes and steps"
    told = f"{number(least)} to {number(most)}"
    yield title, f"{low:g} to {high:g}", told, _verdict(low <= least and most <= high)
    small, (least, of) = found["small"], TARGETS["small"]
    title = "2 cells per side, labels: signals whose best fit has a chi of at most the truth's"
    told = f"{small['reached']} of {small['of']}; {small['same']} are the truth"
    yield title, f">= {least} of {of}", told, _verdict(small["reached"] * of >= least * small["of"])
    for one in found["fits"]:
        yield from _one_fit(one)


def _one_fit(one):
    """Rows of one fit on the original's mesh."""
    name = f"4 cells per side, best fit of {one['name']}"
    limit = TARGETS["chi"]
    yield f"{name}: chi", f"<= {limit:g}", number(one["chi"]), _verdict(one["chi"] <= limit)
    nearest, distance = one["nearest_um2"], one["chamfer_um2"]
    told = "no membrane" if distance is None else number(distance, ".1f")
    fine = distance is not None and distance <= nearest
    yield f"{name}: chamfer distance [um2]", f"<= {nearest:.1f}, the dictionary's", told, _verdict(fine)
    limit, edges = TARGETS["bad_edges"], one["bad_edges"]
    told = "no membrane" if edges is None else f"{100 * edges:.1f} %"
    yield f"{name}: bad edges", f"<= {100 * limit:g} %", told, _verdict(edges is not None and edges <= limit)


def _tables(found):
    for table, (key, words) in TABLES.items():
        groups = {}
        for one in found["means"][table]:
            name = one[key] if table != "learned" else f"{one[key]}, {one['cells']}"
            groups.setdefault(name, {})[one["score"]] = one
        for group, scores in groups.items():
            cells = [
                f"{name} {_told(scores[score], factor, form)}"
                for score, (name, factor, form) in SCORES.items()
                if score in scores and scores[score]["mean"] is not None
            ]
            gate = group == "labels"
            limit = f"bad edges <= {100 * TARGETS['bad_edges']:g} %" if gate else ""
            verdict = _at_most(scores["bad_edges"], TARGETS["bad_edges"]) if gate else ""
            yield f"{words} {group}", limit, "; ".join(cells), verdict


def _told(entry, factor, form):
    """A mean with its interval, times a factor."""
    scaled = {name: one if one is None else factor * one for name, one in entry.items() if name in ENDS}
    scaled["n"] = entry["n"]
    return value(scaled, "mean", form)


def _seen(found):
    rows = {}
    for one in found["rank"]:
        of = rows.setdefault((one["geometry"], one["state"]), {})
        of.setdefault(one["protocol"], []).append(str(one["rank"]))
    noises = ", ".join(f"{one:g}" for one in dict.fromkeys(one["noise"] for one in found["rank"]))
    for (geometry, state), ranks in rows.items():
        told = "; ".join(f"{protocol}: {', '.join(of)}" for protocol, of in ranks.items())
        yield f"rank of the signal at noise {noises}: {geometry}, {state} permeabilities", "", told, ""
    limit, change = TARGETS["mirror"], found["mirror"]["pgse_difference"]
    title = "mirror image, symmetric echoes: largest change of S"
    yield title, f"< {limit:g}", number(change, ".1g"), _verdict(change < limit)
    for one in found["ensembles"]:
        told = f"chi {one['chi_best']:.2f}, of the truth {one['chi_truth']:.2f}; Dice {one['dice_best']:.2f}"
        title = f"{one['fits']} fits of {one['target']}: the best, and the median of Dice"
        yield title, "", f"{told}, median {one['dice_median']:.2f}", ""
    limit, table = TARGETS["calibration"], found["calibration"]
    cells = [
        f"{100 * one['promised']:.0f} {100 * one['found']:.0f} ({one['count']})" for one in table["bins"]
    ]
    title = "share of fits that hold a face, and share of such faces that are membranes [%] (faces)"
    yield (
        title,
        f"apart by <= {limit:g}",
        f"{table['error']:.3f}: {'; '.join(cells)}",
        _verdict(table["error"] <= limit),
    )


PARTS = (
    ("solver", "the signal between membranes", _solver),
    ("gradient", "its derivative", _gradient),
    ("one-geometry", "one geometry", _one_geometry),
    ("tables", "the tables", _tables),
    ("seen", "what can be seen", _seen),
)
"""Metrics file, its name in print, and what makes rows of it, in the order of the table."""
