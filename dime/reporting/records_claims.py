"""Set what the wing without a wave found beside its ceiling, its targets and the published study.

The claims and their verdicts stand in the metrics files, where the notebooks wrote them. Every row says
whether its data are simulated or measured, and measured rows come last, under a heading of their own. A part
that was not run has a row that says so, since the wing takes longest of all.
"""

from pathlib import Path

from dime.files import report
from dime.files.report import number
from dime.reporting import liver_claims
from dime.reporting.liver_claims import verdict

HEADS = ("data", "claim or target", "original or target", "found", "holds?")

SIMULATED, MEASURED = "simulated", "measured"

SOURCES = {
    "stage": "the stage, known exactly",
    "records": "the records",
    "image": "an image",
    "both": "image and records",
}
"""What the ceiling is computed for, and its names in print."""

COHORTS = ("internal", "temporal", "external")

QUANTITIES = {
    "t1_ms": "T1",
    "t2_ms": "T2",
    "adc_mm2_s": "ADC",
    "fat_share": "PDFF",
    "r2star_per_s": "R2*",
    "nodularity": "nodularity",
    "texture": "texture",
    "spleen_ml": "spleen volume",
}
"""What the reader reads in images, and its names in print."""


def table(results):
    """Rows of text under `HEADS`: the ceiling, every claim on simulated patients, then the measured survey.

    Parameters
    ----------
    results : path
        Folder with the results of every part. Files of `records` that are absent give "not run".

    Returns
    -------
    list of tuple of str
    """
    rows = []
    for name, data, title, rows_of in PARTS:
        path = Path(results) / "records" / "metrics" / f"{name}.json"
        made = rows_of(report.read(path)) if path.is_file() else [(title, "", "not run", "-")]
        rows += [(MEASURED, "**Measured: NHANES 2017-2018**", "", "", "")] if data == MEASURED else []
        rows += [(data, *row) for row in made]
    return rows


def value(entry, form=".2f", key="mean"):
    """An estimate with its interval, as text; a dash where there is none."""
    return "-" if entry is None else liver_claims.value(entry, key, form)


def claims(found, key="claims"):
    """Rows of the claims that a notebook has judged."""
    for one in found[key] or []:
        yield tuple(one[part] or "-" for part in ("claim", "target", "found", "verdict"))


def _ceiling(found):
    complete, gaps = found["base"], found["base_missing"]
    for source, name in SOURCES.items():
        yield (
            f"ceiling of r, base case: {name}",
            "",
            f"{_both_units(complete[source])}; with missing values {_both_units(gaps[source])}",
            "",
        )
    best = _of_kpa(complete["both"])
    yield (
        f"the ceiling of image and records reaches the published r of kPa (cohorts of {found['patients']})",
        f">= {number(found['published'])}",
        value(best),
        verdict(best, found["published"], below=False),
    )
    yield (
        "assumptions with which it does",
        f">= {number(found['published'])}",
        "; ".join(_reaching(found, f"r_{unit}", text) for unit, text in (("ln", "ln kPa"), ("kpa", "kPa"))),
        "",
    )


def _of_ln(entry):
    """Correlation of ln kPa of a ceiling, with the middle 95 % of cohorts."""
    return {"mean": entry["r_ln"], "low": entry["low"], "high": entry["high"]}


def _of_kpa(entry):
    """The same of kPa."""
    return {"mean": entry["r_kpa"], "low": entry["low_kpa"], "high": entry["high_kpa"]}


def _both_units(entry):
    return f"{value(_of_ln(entry))} (ln kPa), {value(_of_kpa(entry))} (kPa)"


def _reaching(found, measure, unit):
    """How many cases, and which, have a ceiling of image and records of at least the published r."""
    cases = [case for case in found["table"] if (case["both"][measure] or 0) >= found["published"]]
    listed = f": {'; '.join(map(_case, cases))}" if cases else ""
    return f"in {unit} {len(cases)} of {len(found['table'])} cases{listed}"


def _case(case):
    """Assumptions of one case in words: its own rho and inflammation, and else what is not of the base."""
    words = [f"rho {case['rho']:g}", f"inflammation {100 * case['inflammation']:g} %"]
    words += [f"AUC of elastography {case['auroc'][0]:g}"] if len(case["auroc"]) == 1 else []
    words += [f"{case['prevalence']} prevalence"] if case["prevalence"] != "meta" else []
    words += [f"{case['markers']} markers"] if case["markers"] != "base" else []
    return ", ".join(words)


def _cohort(found):
    counted = [
        f"{name} {found['cohorts'][name]['examinations']} of {found['cohorts'][name]['patients']}"
        for name in COHORTS
    ]
    yield "cohorts: examinations of patients", "", ", ".join(counted), ""
    gaps = {
        name: abs(one["found"] - one["source"])
        for name, one in found["markers"].items()
        if None not in (one["found"], one["source"])
    }
    worst = max(gaps, key=gaps.get, default=None)
    text = f"{gaps[worst]:.3f}, of {_named(worst)}, in {len(gaps)} markers" if gaps else "-"
    yield "largest distance of a marker's AUC for F2 from the one asked for", "", text, ""


def _named(quantity):
    """A quantity in print: its own name there, or that of its column without the unit."""
    return QUANTITIES.get(quantity, quantity.split("_")[0])


def _train(found):
    sizes = [
        f"{name} {number(one['parameters'], ',d')}, {number(one['examinations'], 'd')}"
        for name, one in found["networks"].items()
        if "/" not in name
    ]
    yield "networks: parameters, examinations in a fold's training", "", "; ".join(sizes) or "-", ""
    yield _reader(found["reader"])
    reached = {name: r for name, r in found["internal_r_ln"].items() if "/" not in name}
    order = sorted(reached, key=lambda name: -2 if reached[name] is None else reached[name], reverse=True)
    texts = [f"{name} {number(reached[name])}" for name in order]
    yield "r of ln kPa in cross-validation, every model", "", "; ".join(texts) or "-", ""


def _reader(reader):
    title = "the image reader on bodies drawn without disease (development data): r with the truth"
    if reader is None:
        return title, "", "-", ""
    texts = [f"{_named(name)} {number(r)}" for name, r in (reader["r"] or {}).items()]
    texts += [f"roughness of the outline {number(reader['roughness_r'])}"]
    dice = f"Dice of the outline {number(reader['outliner_dice'])}"
    return title, "", f"{', '.join(texts)}; {dice}; {number(reader['bodies'], 'd')} bodies", ""


def _validation(found):
    for cohort in COHORTS:
        published = found["published_r"][cohort]
        fused, share = found["merits"][cohort]["fused"], found["share_of_bound"][cohort]
        yield (
            f"r of kPa, fused, {cohort}: ours beside the published study's",
            number(published),
            f"{value(fused['r_kpa'])}; of ln kPa {value(fused['r_ln'])}, "
            f"over the ceiling on the same examinations {value(share)}",
            "not testable: simulated",
        )
    for cohort in COHORTS:
        models = found["merits"][cohort]
        best, oracle = (value(models[name]["r_kpa"]) for name in ("best, both", "oracle"))
        text = f"{best}; of boosting on true image markers and records {oracle}"
        yield f"beside it: r of kPa of the best predictor, {cohort}", "", text, ""
    shares = [f"{name} {value(one)}" for name, one in found["share_by_source"].items()]
    yield "r of ln kPa over the own ceiling, by one source alone", "", "; ".join(shares), ""
    yield from claims(found)


def _bias(found):
    for group, published in found["published_r"].items():
        yield (
            f"r of kPa, fused, {group}: ours beside the published study's",
            number(published),
            value(found["by_group"][group]["r_kpa"]),
            "not testable: simulated",
        )
    yield from claims(found)
    best = value(found["power_of_best"])
    yield "beside it: a bias of 8 % is found in errors of the best predictor", "", best, ""


def _missing(found):
    yield from claims(found)


def _nhanes(found):
    if found["absent"]:
        for claim, target, _, _ in claims(found):
            yield claim, target, "absent from this build", "not testable"
        return
    median = number(found["median_kpa"])
    yield "adults with transient elastography (not MR)", "", f"{found['n']}, median {median} kPa", ""
    yield from claims(found)
    for text, key in (("r of ln kPa", "r_ln"), ("r of kPa", "r_kpa")):
        by_model = {name: one[key] for name, one in found["models"].items() if name != "mean"}
        yield f"{text}, every model", "", _listed(by_model, ".3f"), ""
    steatotic = {name: one["steatosis"] for name, one in found["at_equal_prediction"].items()}
    yield (
        "steatotic people are read higher than others of the same prediction, by [ln kPa]",
        "",
        _listed(steatotic, "+.3f"),
        "",
    )


def _listed(by_model, form):
    return "; ".join(f"{name} {value(one, form)}" for name, one in by_model.items())


PARTS = (
    ("bound", SIMULATED, "the ceiling", _ceiling),
    ("cohort", SIMULATED, "the cohorts", _cohort),
    ("train", SIMULATED, "the networks", _train),
    ("validation", SIMULATED, "validation", _validation),
    ("bias", SIMULATED, "bias", _bias),
    ("missing", SIMULATED, "missing parts", _missing),
    ("nhanes", MEASURED, "NHANES, records alone", _nhanes),
)
"""Metrics file, its data, its name in print, and what makes rows of it, in the order of the table."""
