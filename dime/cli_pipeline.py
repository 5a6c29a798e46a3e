"""Commands of the pipeline: execute notebooks, convert data, typeset, and say what a run found."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dime.records.commands import records

pipeline = typer.Typer(rich_markup_mode=None)
authors = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Convert the DIME authors' files.",
    epilog="""\b
Example:
  dime authors livers livers.zarr""",
)
pipeline.add_typer(authors, name="authors")


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime run notebooks/00-quickstart.ipynb quickstart.ipynb"""
)
def run(
    notebook: Path,
    output: Path,
    params: Annotated[str, typer.Option(help="Block of params.yaml whose entries are the parameters.")] = "",
    params_file: Annotated[Path, typer.Option()] = Path("params.yaml"),
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="NAME=VALUE", help="One more parameter; may be repeated."),
    ] = None,
):
    """Execute a notebook with checked parameters. OUTPUT appears only if every cell passes."""
    sys.modules.setdefault(
        "rfc3987_syntax", None
    )  # a grammar of web addresses that takes jsonschema a second
    from papermill import PapermillExecutionError

    from dime.files import yaml12
    from dime.reporting import stage

    values = stage.read_block(params_file, params) if params else {}
    for item in parameter or []:
        name, equals, text = item.partition("=")
        if not (equals and name):
            raise ValueError(f"-p {item}: expected NAME=VALUE")
        values[name] = yaml12.parse(text, f"-p {item}")
    try:
        stage.execute(notebook, output, values)
    except PapermillExecutionError as error:
        typer.echo(
            f"dime: {notebook}: cell {error.exec_count} failed: {error.ename}: {error.evalue}", err=True
        )
        raise SystemExit(1) from None


@authors.command(
    "livers",
    epilog="""\b
Example:
  dime authors livers livers.zarr""",
)
def authors_livers(output: Path):
    """Convert the measured slices. They lie in data/ or $DIME_REFERENCE; none is an empty dataset."""
    from dime.authors import livers

    typer.echo(livers.convert(output))


@authors.command(
    "phantoms",
    epilog="""\b
Example:
  dime authors phantoms phantoms.zarr""",
)
def authors_phantoms(output: Path):
    """Convert the authors' phantoms. They lie in $DIME_REFERENCE; none is an empty dataset."""
    from dime.authors import phantoms

    typer.echo(phantoms.convert(output))


@records.command(
    "survey",
    epilog="""\b
Example:
  dime records survey survey.csv""",
)
def records_survey(output: Path):
    """Convert NHANES. It lies in nhanes/ or beside $DIME_REFERENCE; without it the table has no people."""
    from dime.records import nhanes

    typer.echo(nhanes.convert(output))


@pipeline.command(
    epilog="""\b
Example:
  dime brainweb brains.zarr"""
)
def brainweb(output: Path):
    """Convert labelled brains. They lie in brainweb/ or beside $DIME_REFERENCE; none is an empty dataset."""
    from dime.brain import labelled

    typer.echo(labelled.convert(output))


@pipeline.command(
    epilog="""\b
Example:
  dime geometries geometries"""
)
def geometries(output: Path):
    """Convert the original's geometries. They lie in or beside $DIME_REFERENCE; none is an empty list."""
    from dime.diffusion import originals

    typer.echo(originals.convert(output))


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime paper paper/dime.typ dime.pdf"""
)
def paper(source: Path, output: Path):
    """Typeset the paper. If an input is missing, the command that makes it is named."""
    from dime.files import pipeline
    from dime.reporting.lineage import check_inputs, foreign
    from dime.reporting.paper import typeset

    among = pipeline.stages()
    papers = {
        stage.command.split()[2]: stage.name for stage in among if stage.command.startswith("dime paper ")
    }
    if source.is_file() and source.as_posix() in papers:
        check_inputs(papers[source.as_posix()])
    typeset(source, output, [name for name in foreign() if name not in papers.values()])


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime workspace ../trial --profile smoke"""
)
def workspace(
    folder: Path, profile: Annotated[str, typer.Option(help="Parameters there: params/PROFILE.yaml.")]
):
    """Copy the project's sources to FOLDER. A run there leaves the project as it is."""
    from dime.reporting.workspace import copy

    copy(folder, profile)


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime inputs"""
)
def inputs():
    """Name results that a run would lose. These need measured data, which are absent now."""
    from dime.authors.livers import find
    from dime.reporting.summary import losses

    for line in losses(find()):
        typer.echo(line, err=True)


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime summary"""
)
def summary(results: Path = Path("results")):
    """Print what the last run found. The original's claims stand beside it."""
    from dime.reporting.summary import print_foreign, print_summary

    print_summary(results)
    print_foreign()


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime publish"""
)
def publish(results: Path = Path("results"), docs: Path = Path("docs"), readme: Path = Path("README.md")):
    """Write the last run's results into README.md and docs."""
    from dime.reporting.publication import publish as write

    write(results, readme, docs / "results.md")


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime deps --write"""
)
def deps(
    write: Annotated[
        bool, typer.Option("--write", help="Bring them up to date in the dvc.yaml files.")
    ] = False,
):
    """Compare the dependencies of stages with the imports. Exit code 1 where they differ."""
    from dime.reporting import dependencies

    if write:
        for path in dependencies.write():
            typer.echo(f"{path}: dependencies brought up to date")
        return
    stale = dependencies.stale()
    for path in stale:
        typer.echo(f"{path}: dependencies are not those of the imports; run `dime deps --write`")
    raise SystemExit(1 if stale else 0)


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime release results/mre/model --commit v1.0 -o network"""
)
def release(
    source: Path,
    commit: Annotated[str, typer.Option(help="Version of the code that trained the network.")],
    output: Annotated[
        Path | None, typer.Option("-o", help="Folder to write; default: the package's own.")
    ] = None,
):
    """Ship a run's network with the package. SOURCE is the folder with its weights."""
    from dime.inversion.methods import PRETRAINED
    from dime.learning import checkpoints

    checkpoints.release(source, output or PRETRAINED, commit)
