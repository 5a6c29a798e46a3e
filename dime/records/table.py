"""Read and check a table of examinations: one row each, what a hospital's records hold of it.

A blank cell is a missing value, and a clinical column that is absent is missing for all. Whatever else is
not as expected is refused in one line, because a model would turn it into a plausible stiffness. A value that
is possible but rare among those that a model has learnt from is flagged, not refused.
"""

import difflib

import numpy as np
import pandas as pd

from dime.records.cells import read_cells
from dime.records.columns import (
    CHOICES,
    CLINICAL,
    COLUMNS,
    DOUBTS,
    FIELDS,
    KEYS,
    LOGARITHMS,
    MANY,
    NUMBERS,
    RANGED,
    SEQUENCES,
)

RANGE_PERCENTILES = (0.5, 99.5)
"""Percentiles of the training's values that bound its range: one value in a hundred lies outside."""


def read_table(table, require=()):
    """Read and check a table of examinations.

    Parameters
    ----------
    table : path or DataFrame
        CSV in UTF-8 with a header line, or a table with the same columns.
    require : names of columns
        Columns, such as "stiffness_kpa", that must be there without a blank.

    Returns
    -------
    DataFrame
        `COLUMNS`, one row an examination, index 0..n-1, in the order of the table. Numbers are float with NaN
        where they are missing, words str with NaN, `SEQUENCES` bool: False where nothing is said.

    Raises
    ------
    FileNotFoundError
        No such file.
    ValueError
        One line that names the table, the examination or row, the column, what was expected and what was
        found: not a CSV, no row, an unknown or missing column, a blank where there may be none, an
        examination twice, text among numbers, an impossible value, a median of another unit.
    """
    name = "table" if isinstance(table, pd.DataFrame) else table
    frame = (table if isinstance(table, pd.DataFrame) else read_cells(table)).reset_index(drop=True)
    _check_columns(frame, name, require)
    if frame.empty:
        raise ValueError(f"{name}: expected at least one examination, found none")
    texts = {column: _text(frame[column]) for column in frame}
    for column in (*KEYS, *require):
        if (blank := texts[column] == "").any():
            where = f"row {blank.argmax() + 1}" if column == "exam" else _exam(texts, blank)
            raise ValueError(f"{name}: {where}: {column}: expected a value, found a blank{_others(blank)}")
    _check_keys(texts, name)
    found = {column: texts[column].astype("str") for column in KEYS}
    for column in COLUMNS[len(KEYS) :]:
        text = texts.get(column, pd.Series("", frame.index, dtype=object))
        found[column] = (_words if column in CHOICES else _numbers)(text, column, texts, name)
    for doubt in DOUBTS:
        _check_unit(found[doubt.column], doubt, found["site"], name)
    for column, (unit, least, largest) in NUMBERS.items():
        out = (found[column] < least) | (found[column] > largest)
        _refuse(out, texts, column, f"{least:g} to {largest:g} {unit}", name)
    for column in SEQUENCES:
        found[column] = found[column] == 1
    return pd.DataFrame(found)


def fields(records):
    """Numbers that models see of the records.

    Parameters
    ----------
    records : DataFrame
        From `read_table`, n rows.

    Returns
    -------
    (n, 14) float array
        `FIELDS`: years, 0 or 1, kg/m2, 0 or 1, ln U/L, ln U/L, ln 1e9/L, g/dL, ln mg/dL, ln U/L, and four
        indicators of the aetiology, all 0 for "other". NaN = missing. The site is no field.
    """
    columns = []
    for field in FIELDS:
        if field == "male":
            column = (records["sex"] == "male").astype(float).where(records["sex"].notna())
        elif field in records:
            column = records[field].astype(float)
        else:
            cause = records["aetiology"]
            column = (cause.map(str.lower, na_action="ignore") == field).astype(float).where(cause.notna())
        columns.append(np.log(column) if field in LOGARITHMS else column)
    return np.column_stack(columns)


def training_ranges(records):
    """Range of each number in a training table, for the card of a model.

    Parameters
    ----------
    records : DataFrame
        From `read_table`.

    Returns
    -------
    dict
        Column -> [low, high], `RANGE_PERCENTILES` of its values; columns without a value are left out.
    """
    stated = records[list(RANGED)].dropna(axis=1, how="all")
    return {
        name: [float(one) for one in np.nanpercentile(stated[name], RANGE_PERCENTILES)] for name in stated
    }


def in_range(records, ranges):
    """Flag values outside the training's range: a model's answer is then an extrapolation.

    Parameters
    ----------
    records : DataFrame, n rows
    ranges : dict of column -> [low, high]
        From `training_ranges`.

    Returns
    -------
    list of n lists of str
        Such as "age_years out of the training range".
    """
    flags = {
        f"{name} out of the training range": (records[name] < low) | (records[name] > high)
        for name, (low, high) in ranges.items()
    }
    return _by_exam(flags, len(records))


def missing(records):
    """Flag sequences that are absent, and records of which more than half are blank.

    Returns
    -------
    list of n lists of str
        "no t1w", "no t2w", "no dwi"; "no records" or "records mostly missing".
    """
    flags = {f"no {name}": ~records[name].astype(bool) for name in SEQUENCES}
    blank = records[list(CLINICAL)].isna().mean(axis=1)
    flags |= {"no records": blank == 1, "records mostly missing": (blank > 0.5) & (blank < 1)}
    return _by_exam(flags, len(records))


def check_present(records, name="table"):
    """Refuse an examination that has neither an image nor a clinical value: there is nothing to go by.

    Raises
    ------
    ValueError
    """
    nothing = ~records[list(SEQUENCES)].any(axis=1) & records[list(CLINICAL)].isna().all(axis=1)
    if nothing.any():
        raise ValueError(
            f"{name}: {_exam(records, nothing)}: expected an image or a clinical value, found nothing "
            f"present{_others(nothing)}"
        )


def check_folds(records, fold):
    """Refuse folds that share a patient: what is learnt of one examination would be tested on another.

    Parameters
    ----------
    records : DataFrame, n rows
    fold : (n,) sequence of the number of each examination's fold

    Raises
    ------
    ValueError
    """
    folds = pd.Series(np.asarray(fold), records.index).groupby(records["patient"]).unique()
    for patient, several in folds[folds.str.len() > 1].items():
        numbers = ", ".join(str(one) for one in sorted(several))
        raise ValueError(f"patient {patient}: expected all examinations in one fold, found folds {numbers}")


def check_external(records, training_sites, name="external table"):
    """Refuse an external cohort with a site that the model has been trained on.

    Raises
    ------
    ValueError
    """
    seen = sorted(set(records["site"]) & set(training_sites))
    if seen:
        raise ValueError(f"{name}: site: expected sites unseen in training, found {', '.join(seen)}")


def _by_exam(flags, exams):
    """Flags, words -> (n,) bool, as a list for each examination."""
    lists = [[] for _ in range(exams)]
    for words, where in flags.items():
        for row in np.flatnonzero(where):
            lists[row].append(words)
    return lists


def _check_columns(frame, name, require):
    header = [str(column) for column in frame]
    if not set(header) & set(COLUMNS):
        found = repr(header[0]) if header else "none"
        raise ValueError(
            f"{name}: expected columns {', '.join(KEYS)}, ... with commas between, found {found}"
        )
    for column in header:
        if column not in COLUMNS:
            near = difflib.get_close_matches(column.lower(), COLUMNS, 1)
            known = f"{near[0]}?" if near else f"one of {', '.join(COLUMNS)}"
            raise ValueError(f"{name}: unknown column {column!r}: expected {known}")
        if header.count(column) > 1:
            raise ValueError(f"{name}: {column}: expected one such column, found {header.count(column)}")
    missing = [column for column in (*KEYS, *require) if column not in header]
    if missing:
        raise ValueError(f"{name}: expected a column {missing[0]}, found none")


def _text(column):
    """Cells as text without blanks around, "" where nothing is stated."""
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.dt.strftime("%Y-%m-%d")
    return column.astype(object).where(column.notna(), "").astype(str).str.strip().astype(object)


def _check_keys(texts, name):
    exam, date = texts["exam"], texts["date"]
    if (twice := exam.duplicated()).any():
        rows = np.flatnonzero(exam == exam[twice.argmax()])[:2] + 1
        raise ValueError(
            f"{name}: exam {exam[twice.argmax()]}: expected one row, found it in rows {rows[0]} and {rows[1]}"
        )
    _refuse(exam.str.contains(r"^\.|[/\\\x00-\x1f]"), texts, "exam", "the name of a folder", name)
    stated = date.str.fullmatch(r"\d{4}-\d\d-\d\d")
    real = pd.to_datetime(date.where(stated), format="%Y-%m-%d", errors="coerce").notna()
    _refuse(~real, texts, "date", "a date YYYY-MM-DD", name)


def _words(text, column, texts, name):
    expected = ", ".join(CHOICES[column])
    _refuse(~text.isin(("", *CHOICES[column])), texts, column, f"{expected} or a blank", name)
    return text.where(text != "", np.nan).astype("str")


def _numbers(text, column, texts, name):
    """Numbers, NaN where the cell is blank; True and False count as 1 and 0."""
    yes_or_no = column in ("diabetes", *SEQUENCES)
    stated = text.where(text != "", np.nan)
    stated = stated.replace({"True": "1", "False": "0"}) if yes_or_no else stated
    values = pd.to_numeric(stated, errors="coerce").astype(float)
    bad = (text != "") & (~values.isin((0, 1)) if yes_or_no else ~np.isfinite(values))
    expected = "0, 1 or a blank" if yes_or_no else f"a number [{NUMBERS[column].unit}] or a blank"
    _refuse(bad, texts, column, expected, name)
    return values


def _check_unit(values, doubt, sites, name):
    groups = [("", values), *((f" of site {site}", one) for site, one in values.groupby(sites))]
    for number, (whose, group) in enumerate(groups):
        group = group[group > 0]
        if len(group) < (max(MANY, doubt.values) if number else doubt.values):
            continue
        if not doubt.low <= (median := group.median()) <= doubt.high:
            found = f"a median of {median:g} in {len(group)} value{'s' * (len(group) > 1)}{whose}"
            unit = NUMBERS[doubt.column].unit
            raise ValueError(f"{name}: {doubt.column}: expected {unit}, found {found} ({doubt.unit}?)")


def _refuse(bad, texts, column, expected, name):
    if bad.any():
        found = texts[column].iloc[bad.argmax()]
        raise ValueError(
            f"{name}: {_exam(texts, bad)}: {column}: expected {expected}, found {found!r}{_others(bad)}"
        )


def _exam(table, bad):
    return f"exam {table['exam'].iloc[bad.argmax()]}"


def _others(bad):
    return f" (and in {bad.sum() - 1} more)" if bad.sum() > 1 else ""
