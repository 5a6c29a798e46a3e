"""What the authors of BMapEst report for their own subjects, beside which this project sets its figures.

Source: BMapEst (arXiv 2404.14739), its table of results over twenty BrainWeb normals: Dice, PSNR [dB] and
SSIM of CSF, grey and white matter. None stands where this project has no figure at hand.
"""

from dime.brain.scores import SCORES
from dime.brain.tissues import TISSUES

METHODS = {"BMapEst": "property", "U-Net": "unet", "BCEFCM": "bcefcm"}
"""Method as it is published -> the one of `dime.brain.comparison` that is to be like it."""

_TABLE = {
    "property": {
        "T1 x 1": ((0.38, 17.84, 0.58), (0.67, 14.22, 0.57), (0.62, 12.83, 0.38)),
        "T1": ((0.55, 27.57, 0.89), (0.70, 16.16, 0.74), (0.76, 18.15, 0.78)),
        "+ T2": ((0.55, 30.90, 0.97), (0.76, 23.50, 0.93), (0.79, 25.63, 0.93)),
        "+ T2*": ((0.56, 33.43, 0.97), (0.76, 26.38, 0.96), (0.79, 25.16, 0.91)),
        "+ DIR": ((None, 33.68, None), (None, 26.33, None), (None, 25.16, None)),
        "+ FLAIR": ((0.55, 34.64, 0.98), (0.76, 27.71, 0.97), (0.80, 27.00, 0.93)),
        "+ DWI": ((0.55, 34.45, 0.98), (0.76, 26.80, 0.96), (0.79, 25.99, 0.92)),
    },
    "unet": {
        "T1 x 1": ((0.31, 18.29, 0.63), (0.66, 14.94, 0.64), (0.65, 13.50, 0.51)),
        "+ DWI": ((0.45, 24.23, 0.89), (0.76, 20.38, 0.90), (0.79, 20.42, 0.85)),
    },
    "bcefcm": {"T1 x 1": ((0.04, 11.47, 0.13), (0.40, 7.53, 0.16), (0.38, 7.68, 0.18))},
}


def published(method, combination, tissue, score):
    """A published figure, or None where there is none.

    Parameters
    ----------
    method : str
        One of `dime.brain.comparison.METHODS`.
    combination : str
        One of `dime.brain.sequences.COMBINATIONS`.
    tissue : str
        One of `TISSUES`.
    score : str
        One of `SCORES`.
    """
    rows = _TABLE.get(method, {}).get(combination)
    return None if rows is None else rows[TISSUES.index(tissue)][SCORES.index(score)]
