"""Typeset the paper and its supplement, and read off a source which files it opens."""

import json
import os
import re
from pathlib import Path

import typst

from dime.files.whole import whole

OPENED = re.compile(r'\b(import|include|json|bibliography)[ (]"([^"@]+)"(?! *\+)')
"""Files that Typst opens, by paths from the folder of the source."""

MEASURED = re.compile(r'\bmetrics\("([\w-]+)", "([\w-]+)"\)')
LEADINGS_EM = ("0.55", "0.56", "0.54", "0.57")
"""Line spacings that `typeset` tries in turn. Typst 0.15 stops at one layout in some twenty while it tags the
PDF ("parent group"); a slightly different spacing makes another layout."""

DRAWN = re.compile(r'\bplot\("[\w-]+"(?:, part: "(\w+)")?')


def reads(source):
    """Files and folders that a Typst source opens, itself and what it imports included.

    The calls `metrics(part, name)` and `plot(name, part: ...)` of `paper/house.typ` are read off the text:
    their arguments must be typed out.

    Parameters
    ----------
    source : path
        Relative to the current folder.

    Returns
    -------
    list of str
        Sorted paths from the current folder: sources, references, metrics, folders of figures.

    Raises
    ------
    FileNotFoundError
        The source, or one that it imports, does not exist.
    """
    found, waiting = set(), [Path(source).as_posix()]
    while waiting:
        path = waiting.pop()
        found.add(path)
        if not path.endswith(".typ"):
            continue
        text = Path(path).read_text()
        opened = {os.path.normpath(Path(path).parent / name) for _, name in OPENED.findall(text)}
        waiting += sorted(opened - found)
        found |= {f"results/{part}/metrics/{name}.json" for part, name in MEASURED.findall(text)}
        found |= {f"results/{part or 'mre'}/figures" for part in DRAWN.findall(text)}
    return sorted(found)


def typeset(source, output, foreign=()):
    """Compile a Typst paper to PDF; equal sources and results give equal bytes.

    The paper is told the profile of the run (`sys.inputs.profile`), which `params.yaml` links to, and the
    names of the methods in print (`sys.inputs.names`).

    Parameters
    ----------
    source, output : path
        The .typ file and the PDF; paths of files that the paper reads start at the current folder.
    foreign : sequence of str
        Stages whose results stem from an earlier run; the paper names them (`sys.inputs.foreign`).

    Raises
    ------
    FileNotFoundError
        The source does not exist.
    ValueError
        The source does not compile; the message is that of Typst.
    """
    source = Path(source)
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no such paper")
    from dime.plotting.style import METHOD_NAMES  # what a paper reads is found without loading figures

    said = {
        "names": json.dumps(METHOD_NAMES),
        "foreign": ", ".join(foreign),
        "profile": Path("params.yaml").resolve().stem,
    }
    for leading in LEADINGS_EM:
        inputs = said | {"leading": leading}
        compiler = typst.Compiler(root=".", ignore_system_fonts=True, sys_inputs=inputs)
        try:
            pdf = compiler.compile(input=str(source), format="pdf", timestamp=0)
            break
        except RuntimeError as error:
            if "parent group" not in str(error) or leading == LEADINGS_EM[-1]:
                raise ValueError(f"{source}: {error}") from error
    with whole(output) as aside:
        aside.write_bytes(pdf)
