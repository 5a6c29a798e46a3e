"""Print the results of a run, the results that are absent, and those that stem from an earlier run."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from dime.files import pipeline
from dime.files.report import number, read, read_part
from dime.plotting.style import METHOD_NAMES
from dime.reporting import lineage
from dime.reporting.claims import COLUMNS, HEADS, STUDIES, claims, span


def headline(results):
    """Table of figures of merit of the simulated studies: rows of text, the first row holds the heads."""
    rows = [("study", "slices", "method", "MAPE % [95 % CI]", "bias %", "RMSE kPa", "pixel r", "R2")]
    for study in STUDIES:
        content = read_part(results, "mre", f"compare-{study}")
        for method in sorted(content["methods"], key=list(METHOD_NAMES).index):
            found = content["methods"][method]
            pooled = found["pooled"]
            rows.append(
                (
                    study,
                    str(content["slices"]),
                    METHOD_NAMES[method],
                    f"{number(found['mape']['mean'], '.1f')} {span(found['mape'], '.1f')}".strip(),
                    number(found["bias"]["mean"], "+.1f"),
                    number(found["rmse"]["mean"]),
                    number(pooled["pixel_r"], ".3f"),
                    number(pooled["pixel_r2"], ".3f"),
                )
            )
    return rows


def print_summary(results):
    """Print the figures of merit of every study, and the original's claims beside this run's results.

    Parameters
    ----------
    results : path
        Folder with the results of every part.

    Raises
    ------
    FileNotFoundError
        The file of a study is missing; the message names it and the command that makes it.
    """
    console = Console()
    console.width = max(console.width, 110)  # a log file counts as 80 columns wide, too few for the tables
    head, *rows = headline(results)
    table = Table(title="DIME: stiffness against the truth of simulated phantoms")
    for column in head:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    table = Table(*HEADS, title="The original's claims")
    for row in claims(results):
        table.add_row(*(row[column] for column in COLUMNS))
    console.print(table)


def losses(found, results="results"):
    """Say which results would lose the measured data, because these are absent while the last run had them.

    Parameters
    ----------
    found : path or None
        Where the measured slices are now.
    results : path

    Returns
    -------
    list of str
        Lines for the terminal; none if nothing would be lost.
    """
    path = Path(results) / "mre" / "metrics" / "in-vivo.json"
    if found is not None or not path.is_file() or not read(path)["slices"]:
        return []
    among = pipeline.stages()
    first = [stage for stage in among if stage.command.startswith("dime authors ")]
    changed = [path for one in first for stage in lineage.after(one, among) for path in stage.writes]
    lines = ["The measured data are absent now (no data/, no DIME_REFERENCE), and the results hold some."]
    lines += ["Stages of measured data that run now replace these by results without them:"]
    return lines + [f"  {path}" for path in dict.fromkeys(changed)]


def print_foreign():
    """Name the stages whose results stem from another run than the ones that they were made from."""
    names = lineage.foreign()
    if names:
        print("Not of this run, but of an earlier one with other inputs: " + ", ".join(names))
        print("`make repro PART=all` brings everything up to date.")
