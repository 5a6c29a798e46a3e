"""How far is a long loop?"""

import os


def bar(items=None, name="", total=None, hidden=False):
    """A progress bar on stderr, or a widget in JupyterLab; it vanishes when it is closed.

    There is none where stderr is a file or a pipe, nor where the environment has TQDM_DISABLE, as in
    notebooks that the pipeline executes: the widget would have another id in every run. What takes less than
    a second shows none either.

    Parameters
    ----------
    items : iterable, optional
        What the loop runs over; left out, the bar is moved by its `update`.
    name : str
    total : int, optional
        Number of items, where they have no length.
    hidden : bool
        None at all, as in all processes but one that train a network.

    Returns
    -------
    tqdm
        To be closed, best by `with`; `disable` says whether it is hidden.

    Examples
    --------
    >>> with bar(range(3), "slices") as slices:
    ...     sum(slices)
    3
    """
    from tqdm.auto import tqdm  # it looks for a Lab at its import: as late as can be

    off = True if hidden or os.environ.get("TQDM_DISABLE") else None  # None: unless in a terminal or a Lab
    # without miniters the name is written again between two items too
    options = {"leave": False, "dynamic_ncols": True, "delay": 1.0, "miniters": 0, "disable": off}
    return tqdm(items, desc=name, total=total, **options)
