"""Errors of known brains: against the bound, under noise, and with fields and properties that are wrong."""

from dime.brain import bound
from dime.brain.tissues import AT_3T
from dime.brain.trials import attempt, measure
from dime.brain.uncertainty import uncertainty

WRONG = {
    "b1": "B1",
    "t1_s": "T1 of all tissues",
    "t1_s apart": "T1, white / others",
    "t2_s": "T2 of all tissues",
}
"""What `suppose` can have wrong -> name in print."""


def errors(brain, contrasts, train, noise, seed):
    """Error of a fraction by theory and as it is found: root mean squares over the voxels with tissue.

    Parameters
    ----------
    brain, contrasts, train, noise, seed : as for `measure`

    Returns
    -------
    list of dict
        tissue, bound (Cramer-Rao), free (without constraints), constrained, psnr_db (of the last).
    """
    images = measure(brain, contrasts, train, noise, seed)
    trial = attempt(images, brain, contrasts, train)
    sure = uncertainty(images, trial.found, contrasts, train, brain.fields, mask=brain.mask, noise=noise)
    least = bound.deviation(contrasts, train, noise, brain.fields, brain.mask)
    kinds = {
        "bound": least,
        "free": sure.free - brain.fractions,
        "constrained": sure.active - brain.fractions,
    }
    rms = {
        kind: maps[:, brain.mask].double().square().mean(1).sqrt().tolist() for kind, maps in kinds.items()
    }
    return [
        {"tissue": row["tissue"], "psnr_db": row["psnr_db"], **{kind: rms[kind][place] for kind in rms}}
        for place, row in enumerate(trial.scores)
    ]


def scored(brains, contrasts, train, noise, seed, wrong=None, signs="kept", **about):
    """PSNR of brains under one condition.

    Parameters
    ----------
    brains : sequence of Brain
    contrasts, train, noise, seed : as for `measure`
    wrong : (str, float), optional
        As for `suppose`.
    signs : "kept" or "lost"
    about : further columns

    Returns
    -------
    list of dict
        brain, tissue, psnr_db and what is in `about`.
    """
    rows = []
    for number, brain in enumerate(brains):
        images = measure(brain, contrasts, train, noise, [seed, number])
        images = images if signs == "kept" else images.abs()
        supposed = suppose(brain, *wrong) if wrong else {}
        trial = attempt(images, brain, contrasts, train, **supposed)
        figures = [{"tissue": row["tissue"], "psnr_db": row["psnr_db"]} for row in trial.scores]
        rows += [about | {"brain": number} | figure for figure in figures]
    return rows


def suppose(brain, what, part):
    """Tissues and fields of a brain of which one is wrong by a part of itself.

    Parameters
    ----------
    brain : Brain
    what : str
        Of `WRONG`; "t1_s apart" is too long in white matter and too short in the others.
    part : float
        Relative error.

    Returns
    -------
    dict
        tissues, fields, as `attempt` takes them.

    Raises
    ------
    ValueError
        The name is unknown.
    """
    if what not in WRONG:
        raise ValueError(f"what: expected {', '.join(WRONG)}, found {what!r}")
    if what == "b1":
        return {"tissues": AT_3T, "fields": brain.fields._replace(b1=brain.fields.b1 * (1 + part))}
    name, *apart = what.split()
    tissues = {}
    for tissue, values in AT_3T.items():
        signed = -part if apart and tissue != "wm" else part
        tissues[tissue] = values._replace(**{name: getattr(values, name) * (1 + signed)})
    return {"tissues": tissues, "fields": brain.fields}
