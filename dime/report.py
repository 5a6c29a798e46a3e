"""What a run found, in one table: read from the metrics files and printed."""

import json
import math
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dime.figures import METHOD_NAMES

STUDIES = ("homogeneous", "heterogeneous", "liver")


def print_summary(folder):
    """Print the figures of merit of every study and cohort.

    Parameters
    ----------
    folder : path
        Holds the metrics JSON files that the stages wrote.

    Raises
    ------
    FileNotFoundError
        A study's file is missing: names it and the stage.
    """
    folder = Path(folder)
    table = Table(title="DIME: stiffness against the truth of simulated phantoms")
    for column in ("study", "slices", "method", "MAPE % [95 % CI]", "bias %", "RMSE kPa", "pixel r", "R2"):
        table.add_column(column, no_wrap=True)
    for study in STUDIES:
        content = read(folder / f"compare-{study}.json", "compare")
        for method, figures in content["methods"].items():
            mape = figures["mape"]
            table.add_row(
                study,
                str(content["slices"]),
                METHOD_NAMES[method],
                f"{mape['mean']:.1f} [{number(mape['low'], '.1f')}, {number(mape['high'], '.1f')}]",
                f"{figures['bias']['mean']:+.1f}",
                f"{figures['rmse']['mean']:.2f}",
                f"{figures['pooled']['pixel_r']:.3f}",
                f"{figures['pooled']['pixel_r2']:.3f}",
            )
    console = Console()
    console.width = max(console.width, 100)  # a log file counts as 80 columns wide, too few for the table
    console.print(table)
    cohort = read(folder / "cohort.json", "cohort")
    console.print(
        f"simulated cohort: {cohort['healthy']} healthy and {cohort['fibrotic']} fibrotic livers; "
        f"subject means by DIME and MMDI r = {number(cohort['dime_mmdi']['r'])}"
    )
    measured = read(folder / "in-vivo.json", "in_vivo")
    if measured["slices"]:
        r, bias = measured["dime_clinical"]["r"], measured["dime_clinical_agreement"]["bias"]
        console.print(
            f"measured livers: {measured['slices']} slices; DIME against the clinical maps r = {number(r)}, "
            f"bias {number(bias, '+.2f')} kPa"
        )
    else:
        console.print("measured livers: absent from this build")


def number(value, form=".2f"):
    """A figure of merit for people: a dash where there are too few cases to have one."""
    return "-" if value is None else format(value, form)


def read(path, stage):
    """A metrics file.

    Raises
    ------
    FileNotFoundError
        Names the file and the stage that writes it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; the stage `{stage}` writes it")
    return json.loads(path.read_text())


def write(path, content):
    """Write a metrics file: sorted keys, eight significant digits, null where nothing could be computed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(content), indent=2, sort_keys=True, allow_nan=False) + "\n")


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    return value
