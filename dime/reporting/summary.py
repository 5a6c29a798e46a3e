"""Print the results of a run, write its table of claims into the README, and check the inputs of a stage."""

import re
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from dime.files.report import number, read
from dime.plotting.style import METHOD_NAMES
from dime.reporting.claims import COLUMNS, HEADS, STUDIES, claims, span

BEGIN, END = "<!-- claims: written by `dime summary` -->", "<!-- end of claims -->"


def check_inputs(stage, pipeline_file="dvc.yaml"):
    """Check that the inputs of a pipeline stage exist.

    Raises
    ------
    FileNotFoundError
        An input is missing; the message names the first one and the stage that writes it.
    """
    stages = yaml.safe_load(Path(pipeline_file).read_text())["stages"]
    writers = {}
    for name, content in stages.items():
        for out in (*content.get("outs", ()), *content.get("metrics", ())):
            path = next(iter(out)) if isinstance(out, dict) else out
            writers[re.sub(r"\\\$\\\{.*?\\\}", ".+", re.escape(path))] = name
    for path in stages[stage]["deps"]:
        writer = next((name for pattern, name in writers.items() if re.fullmatch(pattern, path)), None)
        if writer and not Path(path).exists():
            raise FileNotFoundError(f"{path}: missing; the stage `{writer}` writes it")


def headline(folder):
    """Table of figures of merit of the simulated studies: rows of text, the first row holds the heads."""
    rows = [("study", "slices", "method", "MAPE % [95 % CI]", "bias %", "RMSE kPa", "pixel r", "R2")]
    for study in STUDIES:
        content = read(folder / f"compare-{study}.json", "compare")
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


def print_summary(folder):
    """Print the figures of merit of every study, and the original's claims beside this run's results.

    Parameters
    ----------
    folder : path
        Holds the metrics JSON files that the stages wrote.

    Raises
    ------
    FileNotFoundError
        The file of a study is missing; the message names it and the stage that writes it.
    """
    folder = Path(folder)
    console = Console()
    console.width = max(console.width, 110)  # a log file counts as 80 columns wide, too few for the tables
    head, *rows = headline(folder)
    table = Table(title="DIME: stiffness against the truth of simulated phantoms")
    for column in head:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    table = Table(*HEADS, title="The original's claims")
    for row in claims(folder):
        table.add_row(*(row[column] for column in COLUMNS))
    console.print(table)


def update_readme(readme, folder):
    """Replace the block between the README's markers by the table of claims of the last run.

    Raises
    ------
    ValueError
        The README lacks the markers.
    """
    readme = Path(readme)
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{readme}: expected the markers {BEGIN} and {END}")
    readme.write_text(before + begin + "\n" + markdown(claims(Path(folder))) + end + after)


def markdown(rows):
    """Table of claims as Markdown."""
    lines = ["| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    lines += ["| " + " | ".join(row[column] for column in COLUMNS) + " |" for row in rows]
    return "\n".join(lines) + "\n"
