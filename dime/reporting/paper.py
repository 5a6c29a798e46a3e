"""Typeset the paper."""

from pathlib import Path

import typst

from dime.files.whole import whole


def typeset(source, output, foreign=()):
    """Compile a Typst paper to PDF; equal sources and results give equal bytes.

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
    compiler = typst.Compiler(root=".", ignore_system_fonts=True, sys_inputs={"foreign": ", ".join(foreign)})
    try:
        pdf = compiler.compile(input=str(source), format="pdf", timestamp=0)
    except RuntimeError as error:
        raise ValueError(f"{source}: {error}") from error
    with whole(output) as aside:
        aside.write_bytes(pdf)
