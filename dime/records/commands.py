"""Command line `dime records`: simulate examinations, train on a table with images, predict stiffness."""

from pathlib import Path
from typing import Annotated

import typer

from dime.files.folders import check_own

KINDS = ("internal", "temporal", "external")
"""Cohorts: the sites of the training, the same with a newer scanner, and another site."""

MODEL_FILES = ("card.json", "checkpoint.pt")
"""Files of which one lies in the folder of a model, or in one below it, and in no other folder."""

records = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Predict stiffness without a wave. T1w, T2w and diffusion images and records are read.",
    epilog="""\b
Example:
  dime records simulate --exams 2 --seed 1 -o cohort
  dime records predict cohort/records.csv --images cohort/images -o predicted.csv""",
)

Table = Annotated[
    Path, typer.Argument(help="CSV, one row an examination; exam, patient, site, date and clinical columns.")
]


@records.command(
    epilog="""\b
Example:
  dime records simulate --exams 2 --seed 1 -o cohort"""
)
def simulate(
    output: Annotated[Path, typer.Option("-o", help="Folder to write: records.csv, truth.csv, images/.")],
    exams: Annotated[int, typer.Option(help="Number of examinations.")],
    seed: Annotated[int, typer.Option(help="The number that all randomness follows from.")],
    site_kind: Annotated[
        str, typer.Option(help="internal (five sites), temporal (the same, later) or external (another).")
    ] = "internal",
):
    """Simulate a table of records, its truth, and images."""
    from dime.records.dataset import simulate_files

    _at_least("--exams", exams, 1)
    _at_least("--seed", seed, 0)
    if site_kind not in KINDS:
        raise ValueError(f"--site-kind: expected one of {', '.join(KINDS)}, found {site_kind}")
    _check_simulation(output)
    simulate_files(site_kind, exams, seed, output)
    typer.echo(f"{output}: {exams} simulated examination{'s' * (exams > 1)}, {site_kind}, seed {seed}")


def _check_simulation(folder):
    """Refuse to replace records and images that were not simulated: those have a truth of other columns."""
    from dime.records.cohort import TRUTH as COLUMNS
    from dime.records.columns import SEQUENCES
    from dime.records.dataset import FILES, RECORDS, TRUTH

    made = rf"{RECORDS}|{TRUTH}|{FILES}/[^/]+/({'|'.join(SEQUENCES)})\.(nii\.gz|bval)"
    check_own(folder, made, "an earlier simulation", marks=(RECORDS, TRUTH))
    table = folder / TRUTH
    if table.exists() and table.read_bytes().splitlines()[:1] != [",".join(["exam", *COLUMNS]).encode()]:
        raise ValueError(f"{folder}: expected a new name or an earlier simulation, found another {TRUTH}")


@records.command(
    epilog="""\b
Example:
  dime records simulate --exams 6 --seed 1 -o sample
  dime records train sample/records.csv --images sample/images --epochs 1 -o model"""
)
def train(
    table: Table,
    images: Annotated[Path, typer.Option(help="Folder of EXAM/t1w.nii.gz, t2w.nii.gz, dwi.nii.gz.")],
    output: Annotated[Path, typer.Option("-o", help="Folder of the model to write.")],
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the examinations; default: the package's own schedule.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The number that all randomness follows from.")] = None,
):
    """Train a model on a table with stiffness_kpa [kPa]. A killed run continues where it stopped."""
    from dime.records.columns import LABEL
    from dime.records.files_training import train_files
    from dime.records.inputs import examinations

    schedule = {"epochs": epochs, "seed": seed}
    schedule = {name: value for name, value in schedule.items() if value is not None}
    for name, least in (("epochs", 1), ("seed", 0)):
        if name in schedule:
            _at_least(f"--{name}", schedule[name], least)
    check_model_folder(output, (table, images))
    found = examinations(table, images, (LABEL,))
    train_files(found, images, output, schedule)
    typer.echo(f"{output}: trained on {len(found)} examinations of {found['patient'].nunique()} patients")


@records.command(
    epilog="""\b
Example:
  dime records simulate --exams 2 --seed 1 -o cohort
  dime records predict cohort/records.csv --images cohort/images -o predicted.csv"""
)
def predict(
    table: Table,
    output: Annotated[Path, typer.Option("-o", help="CSV to write: stiffness [kPa], interval, flags.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of EXAM/t1w.nii.gz, t2w.nii.gz, dwi.nii.gz; default: the records alone."),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a model; else the package's own.")] = None,
):
    """Predict the stiffness [kPa] of every row of a table. All are written, or none."""
    from dime.files.whole import whole
    from dime.records.prediction import predict_stiffness

    if output.suffix != ".csv":
        raise ValueError(f"{output}: expected a name that ends in .csv")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"{output.parent}: no such folder")
    if output.is_dir() or output.resolve() == table.resolve():
        raise ValueError(f"{output}: expected a new name or earlier predictions, found {_kind(output)}")
    if model is not None and not model.is_dir():
        raise FileNotFoundError(f"{model}: no such folder")
    found = predict_stiffness(table, images, model)
    with whole(output) as aside:
        found.to_csv(aside, index=False, float_format="%.4g")
    flagged = int((found["flags"] != "").sum())
    count = f"{len(found)} examination{'s' * (len(found) > 1)}"
    typer.echo(f"{output}: {count}, median {found['kpa'].median():.2f} kPa, {flagged} with flags")


def check_model_folder(folder, inputs):
    """Refuse to write a model into a folder of other files, or into one that is read.

    Parameters
    ----------
    folder : path
    inputs : paths
        Files and folders that are read.

    Raises
    ------
    ValueError
    """
    place = folder.resolve()
    within = [path for path in inputs if place in (path.resolve(), *path.resolve().parents)]
    within += [path for path in inputs if path.is_dir() and path.resolve() in place.parents]
    if place.exists() and not place.is_dir():
        within.append(folder)
    if place.is_dir() and any(place.iterdir()):
        marks = (any(place.glob(f"{below}{name}")) for below in ("", "*/") for name in MODEL_FILES)
        within += [] if any(marks) else sorted(place.iterdir())
    if within:
        raise ValueError(f"{folder}: expected a new name or an earlier model, found {within[0].name}")


def _kind(path):
    return "a folder" if path.is_dir() else "the table itself"


def _at_least(name, value, least):
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, found {value}")
