"""Divide cases into folds: every case of a patient in one fold, and each fold like the whole."""

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold


def folds(groups, strata, count, seed):
    """Number the fold in which each case is tested.

    Cases of one group share a fold, so that no network is tested on a patient that it learnt from. Each
    stratum (such as site and stage class) is spread over the folds as evenly as whole groups allow.

    Parameters
    ----------
    groups : (n,) array
        Patient of each case, of any type.
    strata : (n,) array
        Class that is to be spread evenly, of any type.
    count : int
        Number of folds, at least 2.
    seed : int

    Returns
    -------
    (n,) int array
        Fold of each case, 0 to count - 1; none is empty.

    Raises
    ------
    ValueError
        There are fewer than `count` groups, or every stratum has fewer than `count` cases.

    Source: scikit-learn's StratifiedGroupKFold, which is greedy: groups in random order, those with uneven
    strata first, go where the strata become most even.
    """
    groups, strata = np.asarray(groups), np.asarray(strata)
    people = len(np.unique(groups))
    if people < count:
        raise ValueError(f"groups: expected at least {count} for {count} folds, found {people}")
    largest = np.unique(strata, return_counts=True)[1].max()
    if largest < count:
        raise ValueError(
            f"strata: expected one with at least {count} cases for {count} folds, found {largest}"
        )
    found = np.zeros(len(groups), int)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a stratum with fewer cases than folds
        for number, (_, tested) in enumerate(splitter.split(strata, strata, groups)):
            found[tested] = number
    if len(np.unique(found)) < count:
        raise ValueError(f"groups: too uneven for {count} folds, {count - len(np.unique(found))} are empty")
    return found
