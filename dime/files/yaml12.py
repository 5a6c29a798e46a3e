"""Read YAML as DVC does, by version 1.2: 6e1 is a number, and no is a word."""

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def parse(text, source):
    """The value of a text.

    Parameters
    ----------
    text : str
    source : str
        Where it comes from, for messages.

    Returns
    -------
    dict, list, str, int, float, bool or None

    Raises
    ------
    ValueError
        The text is no YAML; the message names the source and the line.
    """
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark and "\n" in text else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ValueError(f"{source}{line}: expected YAML, found {text.strip()[:40]!r} ({problem})") from None


def read(path):
    """The content of a file.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file, or no YAML in UTF-8. The message names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected text in UTF-8") from None
    return parse(text, path)
