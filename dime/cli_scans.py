"""Commands for scans of any organ: `demo`, `invert`, `methods`, `report`, `simulate`."""

import os
import shlex
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dime.inversion.registry import LEFT_OUT, METHODS, described

scans = typer.Typer(rich_markup_mode=None)

Frequency = Annotated[
    float | None, typer.Option(help="Vibration [Hz]; default: by sidecar or .mat file, never by DICOM.")
]
Spacing = Annotated[float | None, typer.Option(help="Pixel [mm]; default: the header's.")]
Mask = Annotated[Path | None, typer.Option(help="NIfTI, tissue where not 0.")]
Variable = Annotated[str | None, typer.Option(help="The wave's name in a .mat file.")]
MethodName = Annotated[str, typer.Option(help=f"{', '.join(METHODS)}; see `dime methods`.")]
Layout = Annotated[
    str | None,
    typer.Option(help="offsets, real-imag, amplitude-phase or complex; default: by type and last axis."),
]
Component = Annotated[int | None, typer.Option(help="1, 2 or 3, where a file holds three.")]
PhaseUnits = Annotated[
    str | None, typer.Option(help="rad, mrad, deg or cycles; default: by sidecar or by the jumps.")
]
PhasePeriod = Annotated[float | None, typer.Option(help="Period of the phases, such as 4096.")]
Model = Annotated[Path | None, typer.Option(help="Folder of a network; else the pretrained one.")]


@scans.command(
    epilog="""\b
Example:
  dime demo scan"""
)
def demo(folder: Annotated[Path, typer.Argument(help="Folder to write.")] = Path("dime-demo")):
    """Write a small simulated scan and its stiffness map. A picture shows both."""
    from dime.reporting import demo as example

    error, trusted = example.write(folder)
    typer.echo(f"{folder}: a simulated scan of a liver with a stiff lesion: phase, magnitude, mask and truth")
    shares = f"median error {100 * error:.1f} %, {100 * trusted:.0f} % of the liver trusted"
    typer.echo(f"{folder}/stiffness.nii.gz: the network's map [kPa], {shares}; trusted.nii.gz beside it")
    typer.echo(
        f"{folder}/{example.PICTURE}: magnitude, wave, truth and map. Now, or with a scan of your own:"
    )
    for command, purpose in example.next_commands(folder).items():
        typer.echo(f"  {command}  # {purpose}")


@scans.command(
    epilog="""\b
Example:
  dime demo scan
  dime invert scan/phase.nii.gz --frequency 60 --mask scan/mask.nii.gz -o stiffness.nii.gz"""
)
def invert(
    wave: Annotated[
        Path,
        typer.Argument(
            help="NIfTI, MATLAB's .mat, or a folder of DICOM: phase offsets (x, y, z, n) or (x, y, n), real "
            "and imaginary part (x, y, 2) or (x, y, z, 2), or complex (x, y) or (x, y, z)."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", help="NIfTI to write: stiffness [kPa], 0 outside the mask.")],
    frequency: Frequency = None,
    spacing: Spacing = None,
    mask: Mask = None,
    variable: Variable = None,
    method: MethodName = "dime",
    layout: Layout = None,
    component: Component = None,
    phase_units: PhaseUnits = None,
    phase_period: PhasePeriod = None,
    model: Model = None,
    uncertainty: Annotated[
        Path | None,
        typer.Option(help="NIfTI to write: Laplace scale b of log stiffness; 90 % lies within exp(+-2.3 b)."),
    ] = None,
    trusted: Annotated[
        Path | None, typer.Option(help="NIfTI to write: 1 where the map is to be trusted.")
    ] = None,
    dicom: Annotated[
        Path | None, typer.Option(help="Folder to write: the stiffness as a DICOM series.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Say what of the wave the map leaves unexplained (slow).")
    ] = False,
):
    """Invert a wave to a stiffness map on its own grid. Every map is written, or none."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads sleep while they have no work
    from dime.files import doubts, maps
    from dime.files.waves import read_wave
    from dime.inversion import methods

    outputs = {"stiffness": output, "uncertainty": uncertainty, "trusted": trusted}
    outputs = {name: path for name, path in outputs.items() if path}
    if uncertainty and not (method in METHODS and METHODS[method].learnt):
        learnt = ", ".join(name for name, one in METHODS.items() if one.learnt)
        raise ValueError(f"--uncertainty: only method {learnt} has one, not {method}")
    _check_model(model)
    _check_outputs(outputs.values(), dicom, [wave, *([mask] if mask else [])])
    spacing_m = None if spacing is None else spacing * 1e-3
    with doubts.shown_after() as raised:
        waves = read_wave(
            wave, frequency, spacing_m, mask, layout, component, phase_units, phase_period, variable
        )
        result = methods.invert(waves, method, model or methods.PRETRAINED)
    if result.attrs["time_sign"] < 0:
        waves["wave"] = waves["wave"].conj()
    left = []
    if check:
        from dime.inversion import residual  # brings the finite elements, which no other option needs

        left = residual.of_slices(result["stiffness"], waves)
    share = 100 * result["trusted"].values[waves["mask"].values].mean()
    result["stiffness"] = result["stiffness"] / 1e3
    image, warned = waves.encoding["image"], [str(one.message) for one in raised]
    made = {}
    for name, path in outputs.items():
        units = "kPa" if name == "stiffness" else "1"
        made[path] = result[name].values, maps.statement(result.attrs, units, name, warned), units
    with ExitStack() as stack:
        if dicom:
            stack.enter_context(_series(dicom, result["stiffness"].values, image, wave, method))
        maps.write_maps(made, image)
    sign = ", read as e^(-i omega t)" if result.attrs["time_sign"] < 0 else ""
    scale = f"pixel {waves.attrs['spacing_m'] * 1e3:g} mm, {waves.attrs['frequency_hz']:g} Hz{sign}"
    typer.echo(f"{output}: {method}, {waves.attrs['read_as']}, {scale}, {share:.0f} % of the tissue trusted")
    if left:
        shares = ", ".join(f"{100 * share:.0f} %" for share in left)
        typer.echo(f"{output}: put back through the wave equation it leaves {shares} of the wave, by slice")


@scans.command(
    "methods",
    epilog="""\b
Example:
  dime methods""",
)
def list_methods():
    """List the methods of inversion. Those of other packages are included."""
    for line in described():
        typer.echo(line)
    for line in LEFT_OUT:
        typer.echo(f"dime: {line}", err=True)


@scans.command(
    epilog="""\b
Example:
  dime demo scan
  dime report scan --mask scan/mask.nii.gz -o report.html"""
)
def report(
    scan: Annotated[Path, typer.Argument(help="Whatever `dime invert` reads.")],
    output: Annotated[Path, typer.Option("-o", help="HTML file to write, for any browser and for print.")],
    frequency: Frequency = None,
    spacing: Spacing = None,
    mask: Mask = None,
    variable: Variable = None,
    method: MethodName = "dime",
    layout: Layout = None,
    component: Component = None,
    phase_units: PhaseUnits = None,
    phase_period: PhasePeriod = None,
    model: Model = None,
):
    """Report one examination on one page, for research. It has images, wave, stiffness, trust, numbers."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads sleep while they have no work
    from dime.files import doubts
    from dime.files.waves import read_wave
    from dime.inversion import methods
    from dime.reporting import examination_page

    _check_model(model)
    examination_page.check_name(output, [scan, *([mask] if mask else [])])
    spacing_m = None if spacing is None else spacing * 1e-3
    with doubts.shown_after() as raised:
        waves = read_wave(
            scan, frequency, spacing_m, mask, layout, component, phase_units, phase_period, variable
        )
        maps = methods.invert(waves, method, model or methods.PRETRAINED)
        remarks = dict.fromkeys(str(one.message) for one in raised)
        examination_page.write_report(waves, maps, output, tuple(remarks))
    typer.echo(f"{output}: {examination_page.summary(waves, maps)}")


@scans.command(
    epilog="""\b
Example:
  dime simulate --family homogeneous --count 1 --seed 1 --spacing 4 -o phantom.zarr"""
)
def simulate(
    family: Annotated[str, typer.Option(help="Phantom family, or `mixed`.")],
    count: Annotated[int, typer.Option(help="Number of phantoms.")],
    seed: Annotated[int, typer.Option(help="The number that all randomness follows from.")],
    output: Annotated[Path | None, typer.Option("-o", help="Zarr folder to write.")] = None,
    nifti: Annotated[
        Path | None,
        typer.Option(help="Folder to write, one scan in it for each phantom, as `dime invert` reads them."),
    ] = None,
    frequency: Annotated[float, typer.Option(help="Vibration [Hz].")] = 60.0,
    spacing: Annotated[float, typer.Option(help="Pixel [mm].")] = 1.5,
    snr: Annotated[
        float, typer.Option(help="Wave rms over noise, with --nifti magnitude over noise; inf for none.")
    ] = float("inf"),
    physics: Annotated[str, typer.Option(help="antiplane, oblique, inplane or 3d (slow).")] = "antiplane",
    workers: Annotated[int, typer.Option(help="Processes that write to -o.")] = 2,
    scheduler: Annotated[
        str | None, typer.Option(help="Existing Dask scheduler, tcp://..., in their place.")
    ] = None,
):
    """Simulate phantoms and their waves. They go to zarr, where a killed run continues, or to NIfTI."""
    from dime.simulation import examination

    if (output is None) == (nifti is None):
        raise ValueError(f"-o, --nifti: expected one of them, found {'both' if output else 'neither'}")
    scale = {"frequency_hz": frequency, "spacing_m": spacing * 1e-3}
    if output:
        from dime.simulation import dataset

        recipe = examination.Recipe(family, count, seed, **scale, snr=snr, physics=physics)
        dataset.simulate(recipe, output, workers=workers, scheduler=scheduler)
        return
    from dime.simulation import exported

    offsets = exported.OFFSETS
    recipe = examination.Recipe(family, count, seed, **scale, snr=snr, physics=physics, offsets=offsets)
    exported.simulate(recipe, nifti)
    first = exported.place(nifti, 0)
    files = shlex.quote(f"{first}/phase.nii.gz"), "--mask", shlex.quote(f"{first}/mask.nii.gz")
    typer.echo(f"{nifti}: {count} scan{'s' * (count > 1)}. Now")
    typer.echo(f"  dime invert {' '.join(files)} --frequency {frequency:g} -o stiffness.nii.gz")


def _check_model(folder):
    """Refuse a missing folder before anything is read; what it must hold, the method knows."""
    if folder and not folder.is_dir():
        raise FileNotFoundError(f"{folder}: expected the folder of a trained network, found none")


def _check_outputs(outputs, dicom, inputs):
    """Refuse outputs that cannot be written, or that would replace an input or each other."""
    from dime.files import opening, sidecars

    for path in outputs:
        if not path.name.endswith((".nii", ".nii.gz")):
            raise ValueError(f"{path}: expected a name that ends in .nii or .nii.gz")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"{path.parent}: no such folder")
    taken = {one.resolve(): f"a file of {path}" for path in inputs for one in opening.parts(path)}
    for path in outputs:
        for one in (path, sidecars.beside(path)):
            if one.resolve() in taken:
                replaced = taken[one.resolve()]
                what = "it" if one == path else f"its sidecar {one.name}"
                raise ValueError(f"{path}: expected another name, as {what} would replace {replaced}")
        taken |= {one.resolve(): "another output" for one in (path, sidecars.beside(path))}
    for path in outputs:
        sidecars.check_own(path)
    if dicom:
        from dime.files import dicom_out

        if not dicom.parent.is_dir():
            raise FileNotFoundError(f"{dicom.parent}: no such folder")
        dicom_out.check_folder(dicom, [*inputs, *outputs])


@contextmanager
def _series(folder, stiffness_kpa, image, wave, method):
    """Write a map (z, y, x) as DICOM to a folder that takes its name when the block ends without an error."""
    from dime.files import dicom_out, opening
    from dime.files.whole import whole

    with whole(folder) as aside:
        source = opening.located(wave)
        like = source if source.is_dir() else None
        description = f"stiffness |G*| [kPa] by {method}"
        dicom_out.write_series(aside, stiffness_kpa.T, image, description=description, like=like)
        yield
