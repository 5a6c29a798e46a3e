"""Compare the claims of the original liver pipeline, and the targets of this one, with the results of a run.

A verdict follows from a 95 % interval, as in `claims`: "yes" where all of it supports the claim, "no"
where it contradicts it, "undecided" otherwise.
"""

from dime.files.report import number, read_part
from dime.metrics.statistics import side
from dime.reporting.claims import span

ORIGINAL = {"all": 11.0, "best": 3.0, "icc": 0.86, "icc_readers": 0.89, "seconds": 23.7}
"""Deviation from a reader [%] in all and in the best configurations, ICC(A,1) with a reader
and of readers, time [s] of an examination. Source: abstract, NMR in Biomedicine, April 2026."""

TARGETS = {
    "dice": 0.92,
    "dice_5th": 0.85,
    "hd95_mm": 12.0,
    "icc_margin": 0.05,
    "auc_margin": 0.02,
    "cv_percent": 7.0,
    "seconds": 5.0,
    "clinic_best": 5.0,
    "auc": 0.90,
    "noticed": 0.85,
    "groups": 0.95,
    "interval": 0.95,
    "risk": 0.5,
}
"""Targets of this project in the default profile."""

HEADS = ("claim or target", "original or target", "found", "holds?")

COHORTS = ("volunteers", "clinic")

LEARNT = ("unet", "resnet", "unet_cycle", "resnet_cycle")
"""Map networks; `compare` names a configuration "mask + map"."""

MAPS = {"dime": "DIME-L", "mmdi": "MMDI", "map-unet": "U-Net", "map-resnet": "ResNet"}
"""Ways to make a map, and their names in print."""


def table(results):
    """Rows of text under `HEADS`: every claim and target of the liver part.

    Parameters
    ----------
    results : path
        Folder with the results of every part.

    Returns
    -------
    list of tuple of str
    """
    segment, compare = (read_part(results, "liver", name) for name in ("segment", "compare"))
    rows = [*_segmentation(segment), *_deviation(compare), *_agreement(compare)]
    rows += [*_staging(compare), *_retest(compare), *_parts(compare), *_time(compare)]
    rows += _failure(read_part(results, "liver", "failure"))
    rows += _measured(read_part(results, "liver", "measured"))
    return rows


def verdict(entry, limit, below=True):
    """ "yes", "no" or "undecided": whether an interval lies below (or above) a limit."""
    found = side(entry, limit)
    if found in (None, 0):
        return "undecided"
    return "yes" if (found < 0) == below else "no"


def value(entry, key, form):
    """An estimate with its interval, as text."""
    return f"{number(entry[key], form)} {span(entry, form)}".strip()


def learnt(names):
    """The configurations of two networks among the names of `compare`."""
    return [name for name in names if name.split(" + ")[-1] in LEARNT]


def _segmentation(found):
    for cohort in COHORTS:
        for kind, one in found["test"][cohort].items():
            fifth = number(one["dice_5th_percentile"], ".3f")
            text = f"Dice {value(one['dice'], 'mean', '.3f')}, 5th percentile {fifth}"
            distance = value(one["hd95_mm"], "mean", ".1f")
            meets = [verdict(one["dice"], TARGETS["dice"], below=False)]
            meets += [verdict(one["hd95_mm"], TARGETS["hd95_mm"])]
            meets += ["yes" if one["dice_5th_percentile"] >= TARGETS["dice_5th"] else "no"]
            target = f"Dice {TARGETS['dice']:g}, 5th percentile {TARGETS['dice_5th']:g}"
            target += f", HD95 {TARGETS['hd95_mm']:g} mm"
            yield (
                f"segmentation by {kind}, {cohort}",
                target,
                f"{text}, HD95 {distance} mm",
                worst(meets),
            )
    control = found["control"]
    parts = [f"by {number(control[own]['fall'])} with the own {own}" for own in ("phase", "wave")]
    fixed = number(control["fixed"]["validation_dice"])
    yield (
        "leak control: Dice falls where the magnitude is that of another body",
        "falls",
        f"{', '.join(parts)} alone, to {number(control['wave']['validation_dice'])}; "
        f"one outline for all livers has {fixed}",
        "yes, without an interval" if min(control[own]["fall"] for own in ("phase", "wave")) > 0 else "no",
    )


def worst(verdicts):
    """The least favourable of several verdicts."""
    return min(verdicts, key=["no", "undecided", "yes"].index)


def _deviation(found):
    volunteers = found["deviation"]["volunteers"]
    names = learnt(volunteers)
    medians = {name: volunteers[name]["reader"]["median"] for name in names}
    low, high = (pick(one["median"] for one in medians.values()) for pick in (min, max))
    yield (
        "every learnt configuration deviates less from the reader (median, volunteers)",
        f"< {ORIGINAL['all']:g} %",
        f"{low:.1f} to {high:.1f} % in {len(names)} configurations",
        worst([verdict(one, ORIGINAL["all"]) for one in medians.values()]),
    )
    for cohort, limit in (("volunteers", ORIGINAL["best"]), ("clinic", TARGETS["clinic_best"])):
        best = found["best"][cohort]
        entry = found["deviation"][cohort][best]
        yield (
            f"the best learnt configuration deviates less (median, {cohort}; chosen on this cohort)",
            f"< {limit:g} %",
            f"{best}: {value(entry['reader']['median'], 'median', '.1f')} % from the reader, "
            f"{value(entry['truth']['median'], 'median', '.1f')} % from the truth",
            verdict(entry["reader"]["median"], limit),
        )
    for method in ("dime", "mmdi"):
        entries = {cohort: found["deviation"][cohort][f"unet + {method}"] for cohort in COHORTS}
        texts = [
            f"{cohort} {value(one['reader']['median'], 'median', '.1f')} and "
            f"{value(one['truth']['median'], 'median', '.1f')} %"
            for cohort, one in entries.items()
        ]
        name = {"dime": "DIME-L", "mmdi": "MMDI"}[method]
        yield (f"beside them: U-Net mask + {name}, from reader and truth", "", "; ".join(texts), "")


def _agreement(found):
    for cohort in COHORTS:
        by_name = found["agreement"][cohort]
        readers, best = by_name["readers"], found["best"][cohort]
        auto = by_name[best]["icc"]
        limit = None if readers["icc"] is None else readers["icc"] - TARGETS["icc_margin"]
        holds = "undecided" if limit is None else verdict(auto, limit, below=False)
        original = f"{ORIGINAL['icc']:g} beside {ORIGINAL['icc_readers']:g}" if cohort == "volunteers" else ""
        target = f"no more than {TARGETS['icc_margin']:g} below the readers'"
        yield (
            f"ICC(A,1) of {best} with a reader, beside that of three readers ({cohort})",
            "; ".join(filter(None, [original, target])),
            f"{value(auto, 'icc', '.3f')} beside {value(readers, 'icc', '.3f')}",
            holds,
        )


def _staging(found):
    best = found["best"]["clinic"]
    texts, meets = [], []
    for stage in ("F2", "F3", "F4"):
        ours, physics = (found["staging"][name][stage]["auc"] for name in (best, "unet + dime"))
        texts.append(f"{stage} {number(ours, '.3f')} and {number(physics, '.3f')}")
        if ours is not None and physics is not None:
            meets.append(ours >= physics - TARGETS["auc_margin"])
    yield (
        f"staging: AUC of {best} and of U-Net mask + DIME-L",
        f"no more than {TARGETS['auc_margin']:g} below",
        "; ".join(texts),
        "undecided" if not meets else "yes, without an interval" if all(meets) else "no",
    )


def _retest(found):
    best = found["best"]["clinic"]
    for name in dict.fromkeys((best, "unet + dime", "unet + mmdi")):
        one = found["repeatability"][name]
        yield (
            f"repeatability of {name}: wCV of {one['n']} subjects",
            f"<= {TARGETS['cv_percent']:g} %",
            f"{number(one['cv_percent'], '.1f')} %, smallest detectable change "
            f"{number(one['change_percent'], '.0f')} %",
            "undecided" if one["cv_percent"] is None else verdict(_interval(one), TARGETS["cv_percent"]),
        )


def _interval(one):
    """Interval of wCV, from that of the detectable change: both are multiples of one another."""
    scale = one["cv_percent"] / one["change_percent"]
    return {"low": scale * one["change_low"], "high": scale * one["change_high"]}


def _failure(found):
    auc, noticed = found["auc"], found["noticed"]
    yield (
        "the quality, with the rules, tells bad results (AUC, subjects that it was not fitted on)",
        f">= {TARGETS['auc']:g}",
        f"{value(auc['trust'], 'auc', '.3f')}; q alone {value(auc['q'], 'auc', '.3f')}",
        verdict(auc["trust"], TARGETS["auc"], below=False),
    )
    alarms = noticed["good results"]
    yield (
        "planted failures are noticed",
        f">= {100 * TARGETS['noticed']:g} % at {100 * found['false_alarms']:g} % false alarms",
        f"{_share(noticed['all failures'])}; false alarms {_share(alarms)}",
        verdict(noticed["all failures"], TARGETS["noticed"], below=False),
    )
    for name, one in found["groups"].items():
        yield (
            f"noticed: {name}",
            f">= {100 * TARGETS['groups']:g} %",
            _share(one),
            verdict(one, TARGETS["groups"], below=False),
        )
    held = found["interval"]
    yield (
        "the reading's 95 % interval holds the liver's true mean",
        f"{100 * TARGETS['interval']:g} %",
        f"{_share(held)}; median half width {100 * held['half_width']:.1f} %",
        verdict(held, TARGETS["interval"], below=False),
    )
    ratio = found["error_of_best_80"] / found["error"]
    yield (
        "the best 80 % of the readings have half the error of all, planted failures among them",
        f"<= {100 * TARGETS['risk']:g} %",
        f"{100 * ratio:.0f} % ({100 * found['error_of_best_80']:.1f} of {100 * found['error']:.1f} %)",
        "yes, without an interval" if ratio <= TARGETS["risk"] else "no",
    )


def _share(one):
    """Share of examinations with its interval and their counts, as text."""
    if not one["n"]:
        return "none"
    share, low, high = (f"{100 * one[name]:.0f}" for name in ("share", "low", "high"))
    return f"{share} [{low}, {high}] %, {one['count']} of {one['n']}"


def _parts(found):
    for cohort in COHORTS:
        texts = []
        for method in (*LEARNT, "dime", "mmdi"):
            one = found["parts"][cohort][f"unet + {method}"]
            texts.append(f"{method} {number(one['mask']['mean'])} and {number(one['map']['mean'])}")
        yield (f"error by the U-Net's mask and by the map [kPa], {cohort}", "", "; ".join(texts), "")


def _time(found):
    one = found["time"]
    texts = [
        f"{seconds:.2f} s on {cores} core{'s' * (int(cores) > 1)}" for cores, seconds in one["dime"].items()
    ]
    yield (
        "an examination of four slices from files to files, by U-Net mask + DIME-L",
        f"{ORIGINAL['seconds']:g} s; <= {TARGETS['seconds']:g} s on two cores",
        ", ".join(texts),
        "yes, without an interval" if one["dime"]["2"] <= TARGETS["seconds"] else "no",
    )


def _measured(found):
    targets = found["targets"]
    claim = "measured slices (development data), mask given: r of means, r by pixel, bias to the clinic's map"
    target = f"r >= {targets['r']:g} in both; bias within {targets['bias_kpa']:g} kPa"
    if found["absent"]:
        yield (claim, target, "absent from this build", "not testable")
        return
    texts, verdicts = [], []
    for method, title in MAPS.items():
        one = found["agreement"][method]["all"]
        texts.append(
            f"{title} {value(one['means'], 'r', '.2f')}, {number(one['r_median'])} (median of slices), "
            f"{value(one['bias_kpa'], 'mean', '+.2f')} kPa"
        )
        verdicts.append(f"{title} {', '.join(one['holds'][name] for name in ('means', 'pixels', 'bias'))}")
    yield (claim, target, "; ".join(texts), "; ".join(verdicts))
