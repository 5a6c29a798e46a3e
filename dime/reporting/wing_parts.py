"""Rows of a wing's table, metrics file by metrics file, whether or not a part was run."""

from pathlib import Path

from dime.files import report


def rows_of_parts(results, wing, parts):
    """Rows of text of every part of a wing.

    Parameters
    ----------
    results : path
        Folder with the results of every part.
    wing : str
        Its folder there.
    parts : sequence of (name, title, function)
        Metrics file, its name in print, and what makes rows of four cells of its content. A file that is
        absent gives one row with the title and "not run".

    Returns
    -------
    list of tuple of str
    """
    rows = []
    for name, title, rows_of in parts:
        path = Path(results) / wing / "metrics" / f"{name}.json"
        rows += rows_of(report.read(path)) if path.is_file() else [(title, "", "not run", "-")]
    return rows
