"""When are warnings shown? After the work, and not at all where it is refused: then one line says why."""

import warnings
from contextlib import contextmanager


@contextmanager
def shown_after():
    """Show the warnings of a block, each once, when it has ended without an error.

    Yields
    ------
    list of warnings.WarningMessage
        Those raised so far.
    """
    with warnings.catch_warnings(record=True) as doubts:
        yield doubts
    for one in {str(one.message): one for one in doubts}.values():
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
