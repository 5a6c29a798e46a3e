"""Compare the claims of the original article with the results of a run: a table with computed verdicts.

A verdict follows from a 95 % interval over slices or phantoms, paired where two methods are compared. It is
"yes" where the whole interval supports the claim, "no" where the whole interval contradicts it, and
"undecided" otherwise. "not testable" marks a claim that these data cannot test: because no truth exists,
because the data steered a choice (development data), or because the generator was told the answer.
"""

from dime.files.report import number, read_part
from dime.metrics.statistics import side

STUDIES = ("homogeneous", "heterogeneous", "liver")

NETWORKS = ("dime", "pretrained")
"""This run's network and the network that comes with the package."""

ORIGINAL = {"liver_r": 0.99, "liver_r2": 0.98, "healthy": 8, "fibrotic": 7}
"""Results that the original article reports. Source: Iftikhar et al. 2025, arXiv:2512.13010, abstract."""

TARGETS = {"liver_mape": 4.0, "liver_r": 0.99, "liver_r2": 0.98, "coverage_low": 0.87, "coverage_high": 0.93}
"""Targets of this project: MAPE [%], r and R2 by pixel in its liver study; coverage of its 90 % intervals."""

COLUMNS = ("claim", "original", *NETWORKS, "mmdi", "holds")

HEADS = ("claim of the original", "the original", "DIME-S", "DIME-L", "MMDI", "holds?")

DEVELOPMENT = "not testable: development data"


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
    found = {study: read_part(results, "mre", f"compare-{study}")["methods"] for study in STUDIES}
    return [
        _headline("slice", found["liver"]),
        _headline("pixel", found["liver"]),
        _underestimation(found["liver"]),
        *_phantoms(found["homogeneous"], found["heterogeneous"]),
        _theirs(read_part(results, "authors", "phantoms")),
        _direction(read_part(results, "studies", "direction")["drive"]["methods"]),
        *_subjects(*(read_part(results, "mre", name) for name in ("cohort", "in-vivo"))),
    ]


def _row(claim, original, text, verdicts):
    """One row: the result of each method as text, and the verdict of each network in one phrase."""
    methods = {method: text(method) for method in (*NETWORKS, "mmdi")}
    return {"claim": claim, "original": original, "holds": _both(verdicts), **methods}


def above(entry, limit=0.0):
    """Verdict on "larger than a limit" by an interval (`statistics.side`)."""
    return {1: "yes", -1: "no", 0: "undecided", None: "not tested"}[side(entry, limit)]


def below(entry, limit=0.0):
    """Verdict on "smaller than a limit" by an interval (`statistics.side`)."""
    return {-1: "yes", 1: "no", 0: "undecided", None: "not tested"}[side(entry, limit)]


def worst(*verdicts):
    """Verdict on all of several statements: the least favourable one."""
    return next(v for v in ("not tested", "no", "undecided", "yes") if v in verdicts)


def _both(verdicts):
    """Verdicts of DIME-S and DIME-L in one phrase."""
    small, large = verdicts
    return small if small == large else f"DIME-S {small}, DIME-L {large}"


def _headline(level, liver):
    """Whether r and R2 of the livers reach the original's, by slice mean or by pixel, in all tissue."""
    names = {
        "slice": "anatomy-informed livers agree with the truth, by slice mean",
        "pixel": "the same by pixel",
    }
    original = "r = {liver_r}, R² = {liver_r2}".format(**ORIGINAL) if level == "slice" else "not said"

    def text(m):
        r, r2 = (liver[m]["pooled_interval"][f"{level}_{key}"] for key in ("r", "r2"))
        squared = None if r["value"] is None else r["value"] ** 2
        numbers = (
            f"{number(r['value'], '.3f')} {span(r, '.3f')}",
            f"{number(r2['value'], '.3f')} {span(r2, '.3f')}",
        )
        return f"r = {numbers[0]}, R² = {numbers[1]}, r² = {number(squared, '.3f')}".replace("  ", " ")

    def verdict(m):
        r, r2 = (liver[m]["pooled_interval"][f"{level}_{key}"] for key in ("r", "r2"))
        return worst(above(r, ORIGINAL["liver_r"]), above(r2, ORIGINAL["liver_r2"]))

    return _row(names[level], original, text, [verdict(m) for m in NETWORKS])


def _underestimation(liver):
    """Whether MMDI reads livers too soft, and softer than a network, each where it trusts itself."""

    def error(m):
        return liver[m]["regions"]["own"]["mean_error_kpa"]

    def text(m):
        return f"{number(error(m)['mean'], '+.2f')} {span(error(m), '+.2f')} kPa".replace("  ", " ")

    def verdict(m):  # the stored difference is network - MMDI
        return worst(below(error("mmdi")), above(liver[m]["versus_mmdi"]["own"]["mean_error_kpa"]))

    claim = "MMDI underestimates livers more; error of slice means in trusted interior"
    return _row(claim, "greater underestimation by MMDI", text, [verdict(m) for m in NETWORKS])


def _phantoms(homogeneous, heterogeneous):
    """Rows on the phantoms: variability, boundaries and correlation, each against MMDI on the same pixels."""

    def mean(methods, key, unit):
        return lambda m: (
            f"{number(methods[m][key]['mean'], '.1f')} {span(methods[m][key], '.1f')} {unit}".strip()
        )

    def correlation(m):
        pooled = heterogeneous[m]["regions"]["common"]["pooled"]
        if pooled is None:
            return "no pixel that all trust"
        r = pooled["pixel_r"]
        return f"r = {number(r['value'], '.3f')} {span(r, '.3f')}".strip()

    def versus(methods, m, *keys):
        entry = methods[m]["versus_mmdi"]
        for key in keys:
            entry = entry[key]
        return entry

    return [
        _row(
            "low inter-pixel variability in homogeneous phantoms; verdict where all trust",
            "lower than MMDI's",
            mean(homogeneous, "cv", "%"),
            [below(versus(homogeneous, m, "common", "cv")) for m in NETWORKS],
        ),
        _row(
            "accurate boundaries in heterogeneous phantoms, 10-90 % edge; verdict paired by phantom",
            "sharper than MMDI's",
            mean(heterogeneous, "edge_width_mm", "mm"),
            [below(versus(heterogeneous, m, "edge_width_mm")) for m in NETWORKS],
        ),
        _row(
            "heterogeneous phantoms agree with the truth better than by MMDI, by pixel where all trust",
            "higher correlation",
            correlation,
            [above(versus(heterogeneous, m, "common", "pixel_r")) for m in NETWORKS],
        ),
    ]


def _theirs(phantoms):
    """Row on the authors' own livers: development data of this project."""
    claim, original = (
        "the same on the authors' own livers",
        "r = {liver_r}, R² = {liver_r2}".format(**ORIGINAL),
    )
    if phantoms["absent"]:
        return _row(claim, original, lambda m: "absent from this build", ["not tested"] * 2)
    study = phantoms["studies"]["study2"]["mask"]

    def text(m):
        return f"r = {number(study[m]['slice_r'], '.3f')} by slice, {number(study[m]['r'], '.3f')} by pixel"

    return _row(claim, f"{original}; their maps hold {text('authors_dime')}", text, [DEVELOPMENT] * 2)


def _direction(by_method):
    """Whether the directional filters cause MMDI's dependence on the wave's direction."""

    def text(m):
        entry = by_method[m]["scatter_kpa"]
        return f"{number(entry['mean'])} {span(entry, '.2f')} kPa".strip()

    without = f"{text('mmdi')}; without filters {text('mmdi_unfiltered')}"
    return _row(
        "MMDI's bias is of its directional filters (here: change with the driven side, with less without)",
        "a larger bias, that directional filtering may explain",
        lambda m: without if m == "mmdi" else text(m),
        [above(by_method["mmdi"]["scatter_change_kpa"])] * 2,
    )


def _subjects(cohort, measured):
    """Rows on subjects, measured and simulated."""
    subjects = f"{ORIGINAL['healthy']} healthy, {ORIGINAL['fibrotic']} fibrotic subjects in vivo"

    def agreement(m):
        if not measured["slices"]:
            return "absent from this build"
        r, limits = measured[f"{m}_clinical"], measured[f"{m}_clinical_agreement"]
        return f"r = {number(r['r'])} {span(r, '.2f')}, bias {number(limits['bias'], '+.2f')} kPa"

    def area(m):
        entry = cohort["auc_interval"][m]
        return f"area under ROC curve {number(entry['auc'])} {span(entry, '.2f')}".strip()

    told = f"{subjects}; here {cohort['healthy']} and {cohort['fibrotic']} simulated"
    return [
        _row(
            "in vivo, closely matches MMDI (here: the clinic's maps)",
            f"{subjects}; ten slices released",
            agreement,
            [DEVELOPMENT + ", no truth" if measured["slices"] else "not tested"] * 2,
        ),
        _row(
            "healthy and fibrotic livers differ (here: in simulation)",
            told,
            area,
            ["not testable: the generator was told"] * 2,
        ),
    ]


def span(entry, form):
    """Interval of an entry as text "[low, high]"; empty where there are too few cases for one."""
    return "" if entry["low"] is None else f"[{entry['low']:{form}}, {entry['high']:{form}}]"


def content(results):
    """Content of the metrics file for the paper: the original's results, the targets, the table of claims."""
    targets = authors_targets(read_part(results, "authors", "phantoms"))
    found = {"original": ORIGINAL, "targets": TARGETS, "authors_targets": targets}
    return found | {"rows": claims(results), "columns": COLUMNS, "heads": HEADS}
