"""Compare the claims of the original article with the results of a run: a table with computed verdicts."""

from dime.files.report import number, read_part

STUDIES = ("homogeneous", "heterogeneous", "liver")

NETWORKS = ("dime", "pretrained")
"""This run's network and the network that comes with the package."""

ORIGINAL = {"liver_r": 0.99, "liver_r2": 0.98, "healthy": 8, "fibrotic": 7}
"""Results that the original article reports. Source: Iftikhar et al. 2025, arXiv:2512.13010, abstract."""

TARGETS = {"liver_mape": 4.0, "liver_r": 0.99, "liver_r2": 0.98, "coverage_low": 0.87, "coverage_high": 0.93}
"""Targets of this project: MAPE [%], r and R2 by pixel in its liver study; coverage of its 90 % intervals."""

COLUMNS = ("claim", "original", *NETWORKS, "mmdi", "holds")

HEADS = (
    "claim of the original",
    "the original",
    "DIME, this run",
    "DIME, pretrained weights",
    "MMDI, this run",
    "holds?",
)


def authors_targets(theirs):
    """Targets on the original authors' phantoms, one row each, and whether each network meets them.

    Parameters
    ----------
    theirs : dict
        Content of results/authors/metrics/phantoms.json.

    Returns
    -------
    list of dict
        study, figure (of merit), target, found (with the pretrained weights), digits (to print); dime and
        pretrained: whether that network meets the target.
    """
    if theirs["absent"]:
        return []
    rows = []
    for study, targets in theirs["targets"].items():
        for key, target in targets.items():
            region, figure = ("mask", key) if key == "slice_r" else key.split("_")
            name = figure.replace("_", " ").replace("mape", "MAPE")
            rows.append(
                {
                    "study": study,
                    "figure": f"interior {name}" if region == "interior" else name,
                    "target": target,
                    "found": theirs["studies"][study][region]["pretrained"][figure],
                    "digits": 3 if figure.endswith("r") else 1,
                    **{network: theirs["met"][network][study][key] for network in NETWORKS},
                }
            )
    return rows


def claims(results):
    """Table of the original's claims, this run's results, and whether the results support each claim.

    Parameters
    ----------
    results : path
        Folder with the results of every part.

    Returns
    -------
    list of dict
        One row per claim: text under each of `COLUMNS`.
    """
    found = {study: read_part(results, "mre", f"compare-{study}") for study in STUDIES}
    phantoms = read_part(results, "authors", "phantoms")
    cohort, measured = (read_part(results, "mre", name) for name in ("cohort", "in-vivo"))
    homogeneous, heterogeneous, liver = (found[study]["methods"] for study in STUDIES)
    claimed = f"r = {ORIGINAL['liver_r']}, R² = {ORIGINAL['liver_r2']}"

    def row(claim, original, text, holds):
        """One row: the result of each method as text, and whether those of the networks support the claim."""
        return {
            "claim": claim,
            "original": original,
            "holds": _judged([holds(network) for network in NETWORKS]),
            **{method: text(method) for method in (*NETWORKS, "mmdi")},
        }

    def pooled(level):
        return lambda m: "r = {}, R² = {}".format(
            *(number(liver[m]["pooled"][f"{level}_{key}"], ".3f") for key in ("r", "r2"))
        )

    def reached(level):
        return lambda m: _all(
            _compare(liver[m]["pooled"][f"{level}_{key}"], ORIGINAL[f"liver_{key}"]) for key in ("r", "r2")
        )

    def less(methods, key):
        return lambda m: _compare(methods["mmdi"][key]["mean"], methods[m][key]["mean"])

    def by_mean(methods, key, form, unit):
        return lambda m: (
            f"{number(methods[m][key]['mean'], form)} {unit} {span(methods[m][key], form)}".strip()
        )

    rows = [
        row(
            "anatomy-informed livers agree with the truth, by slice mean",
            claimed,
            pooled("slice"),
            reached("slice"),
        ),
        row("the same by pixel", "not said", pooled("pixel"), reached("pixel")),
        _underestimation_claim(liver),
        row(
            "low inter-pixel variability in homogeneous phantoms",
            "lower than MMDI's",
            by_mean(homogeneous, "cv", ".1f", "%"),
            less(homogeneous, "cv"),
        ),
        row(
            "accurate boundaries in heterogeneous phantoms, 10-90 % edge",
            "sharper than MMDI's",
            by_mean(heterogeneous, "edge_width_mm", ".1f", "mm"),
            less(heterogeneous, "edge_width_mm"),
        ),
        row(
            "heterogeneous phantoms agree with the truth better than by MMDI, by pixel",
            "higher correlation",
            lambda m: f"r = {number(heterogeneous[m]['pooled']['pixel_r'], '.3f')}",
            lambda m: _compare(
                heterogeneous[m]["pooled"]["pixel_r"], heterogeneous["mmdi"]["pooled"]["pixel_r"]
            ),
        ),
    ]
    if not phantoms["absent"]:
        study = phantoms["studies"]["study2"]["mask"]
        theirs = study["authors_dime"]

        def on_theirs(m):
            return (
                f"r = {number(study[m]['slice_r'], '.3f')} by slice, {number(study[m]['r'], '.3f')} by pixel"
            )

        rows.append(
            row(
                "the same on the authors' own livers",
                f"{claimed}; their maps hold {on_theirs('authors_dime')}",
                on_theirs,
                lambda m: _compare(study[m]["r"], theirs["r"]),
            )
        )
    rows.append(_direction_claim(read_part(results, "studies", "direction")["drive"]["methods"]))
    return rows + _subject_claims(cohort, measured)


def _underestimation_claim(by_method):
    """Row of `claims`: whether MMDI underestimates liver stiffness more, by slice means and by pixels."""
    by_slice = {m: by_method[m]["agreement"]["bias"] for m in (*NETWORKS, "mmdi")}
    by_pixel = {m: by_method[m]["bias"]["mean"] for m in by_slice}

    def judged(bias):
        mmdi, ours = bias["mmdi"], [bias[m] for m in NETWORKS]
        return _judged([None if None in (mmdi, our) else mmdi < min(0, our) for our in ours])

    def text(m):
        pixels = f"{number(by_pixel[m], '+.1f')} % {span(by_method[m]['bias'], '+.1f')}".strip()
        return f"{number(by_slice[m], '+.2f')} kPa by slice mean, {pixels} by pixel"

    slices, pixels = judged(by_slice), judged(by_pixel)
    return {
        "claim": "MMDI underestimates livers more",
        "original": "greater underestimation by MMDI",
        "holds": slices if slices == pixels else f"by slice mean {slices}, by pixel {pixels}",
        **{m: text(m) for m in by_slice},
    }


def _direction_claim(by_method):
    """Row of `claims`: whether the directional filters cause MMDI's dependence on the wave's direction."""
    scatter = {m: entry["scatter_kpa"] for m, entry in by_method.items()}

    def text(m):
        return f"{number(scatter[m]['mean'])} kPa {span(scatter[m], '.2f')}".strip()

    unfiltered = text("mmdi_unfiltered")
    filters_do_it = _compare(scatter["mmdi"]["mean"], scatter["mmdi_unfiltered"]["mean"])
    return {
        "claim": "MMDI's bias is of its directional filters (here: change with the driven side)",
        "original": "a larger bias, that directional filtering may explain",
        "holds": _judged([filters_do_it, filters_do_it]),
        **{m: text(m) for m in NETWORKS},
        "mmdi": f"{text('mmdi')}; without filters {unfiltered}",
    }


def _subject_claims(cohort, measured):
    """Rows of `claims` on subjects, simulated and measured."""
    subjects = f"{ORIGINAL['healthy']} healthy, {ORIGINAL['fibrotic']} fibrotic subjects in vivo"
    clinical = {
        m: (measured.get(f"{m}_clinical"), measured.get(f"{m}_clinical_agreement"))
        for m in (*NETWORKS, "mmdi")
    }

    def agreement(m):
        if not measured["slices"]:
            return "absent from this build"
        r, limits = clinical[m]
        return f"r = {number(r['r'])} {span(r, '.2f')}, bias {number(limits['bias'], '+.2f')} kPa"

    def area(m):
        entry = cohort["auc_interval"][m]
        return f"area under ROC curve {number(entry['auc'])} {span(entry, '.2f')}".strip()

    def apart(m):
        entry = cohort["auc_interval"][m]
        return None if entry["low"] is None else entry["low"] > 0.5

    rows = [
        {
            "claim": "in vivo, closely matches MMDI",
            "original": f"{subjects}; ten slices released",
            "holds": _judged([_close(*clinical[m]) if measured["slices"] else None for m in NETWORKS]),
            **{m: agreement(m) for m in (*NETWORKS, "mmdi")},
        },
        {
            "claim": "healthy and fibrotic livers differ (here: in simulation)",
            "original": f"{subjects}; here {cohort['healthy']} and {cohort['fibrotic']} simulated",
            "holds": _judged([apart(m) for m in NETWORKS]),
            **{m: area(m) for m in (*NETWORKS, "mmdi")},
        },
    ]
    return rows


def _close(correlation, limits):
    """Whether slice means match the clinical ones: r of at least 0.9 and |bias| below 0.3 kPa.

    Assumption: "closely" means this; 0.3 kPa is about the repeatability coefficient of 2D liver elastography:
    no scan could detect a smaller bias. None where there are too few slices.
    """
    if correlation["r"] is None or limits["bias"] is None:
        return None
    return correlation["r"] >= 0.9 and abs(limits["bias"]) < 0.3


def _judged(by_network):
    """Verdict in words, from whether this run's network and the pretrained one support a claim."""
    mine, pretrained = by_network
    if mine is None or pretrained is None:
        return "not tested in this build"
    words = {
        (True, True): "yes",
        (False, True): "by the pretrained weights",
        (True, False): "by this run's network",
    }
    return words.get((bool(mine), bool(pretrained)), "no")


def _compare(value, least):
    return None if value is None or least is None else value >= least


def _all(conditions):
    conditions = list(conditions)
    return None if None in conditions else all(conditions)


def span(entry, form):
    """Interval of an entry as text "[low, high]"; empty where there are too few cases for one."""
    return "" if entry["low"] is None else f"[{entry['low']:{form}}, {entry['high']:{form}}]"


def content(results):
    """Content of the metrics file for the paper: the original's results, the targets, the table of claims."""
    targets = authors_targets(read_part(results, "authors", "phantoms"))
    found = {"original": ORIGINAL, "targets": TARGETS, "authors_targets": targets}
    return found | {"rows": claims(results), "columns": COLUMNS, "heads": HEADS}
