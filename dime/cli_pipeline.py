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
    """Execute a notebook with checked parameters; OUTPUT appears only if every cell passes."""
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
    """Convert the measured slices (data/, or $DIME_REFERENCE) to OUTPUT; none there is an empty dataset."""
    from dime.authors import livers

    typer.echo(livers.convert(output))


@authors.command(
    "phantoms",
    epilog="""\b
Example:
  dime authors phantoms phantoms.zarr""",
)
def authors_phantoms(output: Path):
    """Convert the authors' phantoms ($DIME_REFERENCE) to OUTPUT; none there is an empty dataset."""
    from dime.authors import phantoms

    typer.echo(phantoms.convert(output))


@records.command(
    "survey",
    epilog="""\b
Example:
  dime records survey survey.csv""",
)
def records_survey(output: Path):
    """Convert NHANES (nhanes/, or beside $DIME_REFERENCE) to OUTPUT; none there is a table without people."""
    from dime.records import nhanes

    typer.echo(nhanes.convert(output))


@pipeline.command(
    epilog="""\b
Example:
  dime brainweb brains.zarr"""
)
def brainweb(output: Path):
    """Convert labelled brains (brainweb/, or beside $DIME_REFERENCE) to OUTPUT; none is an empty dataset."""
    from dime.brain import labelled

    typer.echo(labelled.convert(output))


@pipeline.command(
    epilog="""\b
Example:
  dime geometries geometries"""
)
def geometries(output: Path):
    """Convert the original's geometries (in or beside $DIME_REFERENCE) to OUTPUT; none is an empty list."""
    from dime.diffusion import originals

    typer.echo(originals.convert(output))


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime paper paper/dime.typ dime.pdf"""
)
def paper(source: Path, output: Path):
    """Typeset SOURCE; if an input is missing, name it and the command that makes it."""
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
    """Copy the project's sources to FOLDER, or update that copy; a run there leaves the project as it is."""
    from dime.reporting.workspace import copy

    copy(folder, profile)


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime inputs"""
)
def inputs():
    """Say before a run which results would lose the measured data, because these are absent now."""
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
    """Print what the last run found, and the original's claims beside it."""
    from dime.reporting.summary import print_foreign, print_summary

    print_summary(results)
    print_foreign()


@pipeline.command(
    epilog="""\b
In the project's folder:
  dime publish"""
)
def publish(results: Path = Path("results"), docs: Path = Path("docs"), readme: Path = Path("README.md")):
    """Write the results of the last run into README.md and docs/results.md."""
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
    """List the pipeline files whose dependencies on dime/ differ from the imports (then exit code 1)."""
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
    """Make a run's network (SOURCE: the folder with its weights) the one that comes with the package."""
    from dime.inversion.methods import PRETRAINED
    from dime.learning import checkpoints

    checkpoints.release(source, output or PRETRAINED, commit)
