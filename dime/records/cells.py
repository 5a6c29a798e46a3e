"""Read the cells of a CSV file as text, without a guess at what they mean."""

import csv
import io
from pathlib import Path

import pandas as pd


def read_cells(path):
    """Cells of a CSV file as text.

    Parameters
    ----------
    path : path
        Text in UTF-8, commas between the cells, a header line; lines without a value are passed over.

    Returns
    -------
    DataFrame of str

    Raises
    ------
    FileNotFoundError, ValueError
        One line: no such file, a folder, another format or encoding, no header, or a row that is longer or
        shorter than the header, whose cells would land in other columns.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: expected a CSV file, found a folder")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    raw = path.read_bytes()
    if b"\0" in raw or raw[:2] == b"PK":
        raise ValueError(f"{path}: expected a CSV file (text in UTF-8), found another format")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}: line {line}: expected UTF-8, found the byte {raw[error.start]:#x}"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"{path}: line {reader.line_num}: expected a CSV file, found {error}") from None
    if not rows:
        raise ValueError(f"{path}: expected a header line, found an empty file")
    header = [cell.strip() for cell in rows[0][1]]
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise ValueError(f"{path}: line {line}: expected {len(header)} cells, found {len(row)}")
    return pd.DataFrame([row for _, row in rows[1:]], columns=header, dtype=object)
