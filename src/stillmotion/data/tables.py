"""Tables as people save them: Parquet, or CSV with commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv as plain_csv
from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from stillmotion.errors import StillmotionError

DELIMITERS = ",;\t|"
# A table of predictions has one column of probabilities per label: this and the label.
PROBABILITY_PREFIX = "prob_"


def probability_column(label: str) -> str:
    """The name of the column that holds the probabilities of a label."""
    return PROBABILITY_PREFIX + label


def read_table(path: Path, text_columns: Collection[str] | None = None, *, expected: Collection[str] = ()) -> pa.Table:
    """Read a Parquet or CSV table.

    A file is Parquet by its first bytes or its ending. In a CSV, column names and texts are stripped of surrounding
    spaces, and blank rows at the end are ignored, even if they hold delimiters.

    Args:
        path: the table.
        text_columns: the columns of a CSV that hold text, so that '01' stays '01' and 'NA' is a word; by default all.
        expected: columns that the table should have. A CSV's delimiter is the one whose header has most of these, then
            the one that gives most columns.

    Returns:
        The table.

    Raises:
        StillmotionError: there is no such file, or it is not a readable table.
    """
    try:
        with path.open("rb") as file:
            if path.suffix.lower() == ".parquet" or file.read(4) == b"PAR1":
                return parquet.read_table(path)
        return _read_csv(path, text_columns, expected)
    except FileNotFoundError:
        raise StillmotionError(f"{path}: no such file") from None
    except MemoryError:
        raise StillmotionError(f"{path}: too large for this machine's memory") from None
    except UnicodeDecodeError:
        raise StillmotionError(f"{path}: not text in UTF-8; save it as 'CSV UTF-8'") from None
    except (pa.ArrowException, OSError, plain_csv.Error) as error:
        reason = str(error).splitlines()[0]
        if "invalid UTF8" in reason:
            raise StillmotionError(f"{path}: not text in UTF-8; save it as 'CSV UTF-8'") from None
        # Arrow reads blocks of 1 MB, and reports a row that does not end within one as "straddling object".
        if "straddling" in reason:
            reason = "a row of more than a million letters; is a quotation mark not closed?"
        raise StillmotionError(f"{path}: not a readable table ({reason})") from None


def describe_columns(columns: Sequence[str], expected: Collection[str]) -> str:
    """List a table's columns for an error message, with a hint if one differs from an expected name only in case."""
    names = ", ".join(columns)[:200]
    wrong_case = any(name not in expected and name.lower() in expected for name in columns)
    return f"{names} (write them in small letters)" if wrong_case else names


def _read_csv(path: Path, text_columns: Collection[str] | None, expected: Collection[str]) -> pa.Table:
    headers = {}
    for delimiter in DELIMITERS:
        # utf-8-sig: Excel puts a byte order mark before the first name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            headers[delimiter] = next(plain_csv.reader(file, delimiter=delimiter), [])

    def fit(delimiter: str) -> tuple[int, int]:
        return len({name.strip() for name in headers[delimiter]} & set(expected)), len(headers[delimiter])

    delimiter = max(DELIMITERS, key=fit)
    types = {name: pa.string() for name in headers[delimiter] if text_columns is None or name.strip() in text_columns}
    table = csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types=types),
    )
    columns = [
        pc.utf8_trim_whitespace(column) if pa.types.is_string(column.type) else column for column in table.columns
    ]
    table = pa.table(columns, names=[name.strip() for name in table.column_names])
    # Spreadsheets may write rows of delimiters alone at the end.
    while table.num_rows and all(column[-1].as_py() in (None, "") for column in table.columns):
        table = table.slice(0, table.num_rows - 1)
    return table
