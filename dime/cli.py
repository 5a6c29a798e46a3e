"""The command line: stages (`run`, `measured`, `paper`, `summary`) and methods (`simulate`, `invert`)."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def main():
    """Run the command line; bad input is one line on stderr and exit code 2."""
    try:
        app()
    except (ValueError, FileNotFoundError) as error:
        typer.echo(f"dime: {error}", err=True)
        raise SystemExit(2) from None


@app.command()
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
    from papermill import PapermillExecutionError

    from dime import pipeline

    values = pipeline.read_block(params_file, params) if params else {}
    for item in parameter or []:
        name, equals, text = item.partition("=")
        if not equals:
            raise ValueError(f"-p {item}: expected NAME=VALUE")
        values[name] = yaml.safe_load(text)
    try:
        pipeline.execute(notebook, output, values)
    except PapermillExecutionError as error:
        typer.echo(
            f"dime: {notebook}: cell {error.exec_count} failed: {error.ename}: {error.evalue}", err=True
        )
        raise SystemExit(1) from None


@app.command()
def simulate(
    family: Annotated[str, typer.Option(help="Phantom family, or `mixed`.")],
    count: Annotated[int, typer.Option(help="Number of phantoms.")],
    seed: Annotated[int, typer.Option(help="The number that all randomness follows from.")],
    output: Annotated[Path, typer.Option("-o", help="Zarr folder to write.")],
    frequency: Annotated[float, typer.Option(help="Vibration [Hz].")] = 60.0,
    spacing: Annotated[float, typer.Option(help="Pixel [mm].")] = 1.5,
    snr: Annotated[float, typer.Option(help="Wave rms over noise; inf for none.")] = float("inf"),
    physics: Annotated[str, typer.Option(help="antiplane, inplane or 3d (a slab: slow).")] = "antiplane",
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    scheduler: Annotated[str | None, typer.Option(help="Existing Dask scheduler, tcp://...")] = None,
):
    """Simulate phantoms and their waves to a zarr folder; a killed run continues where it stopped."""
    from dime import dataset, examination

    recipe = examination.Recipe(
        family, count, seed, frequency_hz=frequency, spacing_m=spacing * 1e-3, snr=snr, physics=physics
    )
    dataset.simulate(recipe, output, workers=workers, scheduler=scheduler)


@app.command()
def invert(
    wave: Annotated[Path, typer.Argument(help="NIfTI: phase offsets, real and imaginary part, or complex.")],
    frequency: Annotated[float, typer.Option(help="Vibration [Hz].")],
    output: Annotated[Path, typer.Option("-o", help="NIfTI to write: stiffness [kPa], 0 outside the mask.")],
    spacing: Annotated[float | None, typer.Option(help="Pixel [mm]; default: the header's.")] = None,
    mask: Annotated[Path | None, typer.Option(help="NIfTI, tissue where not 0.")] = None,
    method: Annotated[str, typer.Option(help="dime, mmdi, ...")] = "dime",
    layout: Annotated[str | None, typer.Option(help="offsets, real-imag or complex.")] = None,
    model: Annotated[Path, typer.Option(help="Folder of a trained network.")] = Path("results/model"),
    uncertainty: Annotated[Path | None, typer.Option(help="NIfTI to write: relative uncertainty.")] = None,
):
    """Invert a wave to a stiffness map on its own grid."""
    from dime import inversion, io

    waves = io.read_wave(wave, frequency, None if spacing is None else spacing * 1e-3, mask, layout)
    if uncertainty and method != "dime":
        raise ValueError(f"--uncertainty: only method dime has one, not {method}")
    result = inversion.invert(waves, method, model)
    io.write_map(output, result["stiffness"].values / 1e3, wave)
    if uncertainty:
        io.write_map(uncertainty, result["uncertainty"].values, wave)
    kind = waves.attrs["layout"] + (", unwrapped" if waves.attrs["unwrapped"] else "")
    typer.echo(f"{output}: {method}, {kind}, pixel {waves.attrs['spacing_m'] * 1e3:g} mm, {frequency:g} Hz")


@app.command()
def measured(output: Path):
    """Convert the measured slices (data/, or $DIME_REFERENCE) to OUTPUT; none there is an empty dataset."""
    from dime import io

    typer.echo(io.convert_measured(output))


@app.command()
def paper(source: Path, output: Path):
    """Typeset the paper; what it needs and is not there is named, and the stage that makes it."""
    from dime import pipeline
    from dime import summary as found

    found.check_inputs("paper")
    pipeline.typeset(source, output)


@app.command()
def summary(
    metrics: Path = Path("results/metrics"),
    readme: Annotated[Path | None, typer.Option(help="README whose table of claims to bring up to date.")] = None,
):
    """Print what the last run found, and the original's claims beside it."""
    from dime import summary as found

    found.print_summary(metrics)
    if readme:
        found.update_readme(readme, metrics)
