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


def read_table(path: Path, texts: Collection[str] | None = None, *, needed: Collection[str] = ()) -> pa.Table:
    """A Parquet table by its first bytes or its ending, else a CSV, whose names and texts are without spaces around.

    The delimiter of a CSV is the one whose header has most of the needed columns; then the most frequent one. Rows
    of delimiters alone at its end are none.

    texts: the columns of a CSV that are text: '01' stays '01', and 'null' or 'NA' is a word. By default all.

    Raises:
        StillmotionError: no such file, or not a readable table.
    """
    try:
        with path.open("rb") as file:
            if path.suffix.lower() == ".parquet" or file.read(4) == b"PAR1":
                return parquet.read_table(path)
        return _read_csv(path, texts, needed)
    except FileNotFoundError:
        raise StillmotionError(f"{path}: no such file") from None
    except MemoryError:
        raise StillmotionError(f"{path}: too large for this machine's memory") from None
    except UnicodeDecodeError:
        raise StillmotionError(f"{path}: not text in UTF-8; save it as 'CSV UTF-8'") from None
    except (pa.ArrowException, OSError, plain_csv.Error) as error:
        why = str(error).splitlines()[0]
        if "invalid UTF8" in why:
            raise StillmotionError(f"{path}: not text in UTF-8; save it as 'CSV UTF-8'") from None
        if "straddling" in why:
            why = "a row of more than a million letters; is a quotation mark not closed?"
        raise StillmotionError(f"{path}: not a readable table ({why})") from None


def columns_told(columns: Sequence[str], known: Collection[str]) -> str:
    """Which columns there are, for a person who misses one of those that are known."""
    told = ", ".join(columns)[:200]
    large = any(name not in known and name.lower() in known for name in columns)
    return f"{told} (write them in small letters)" if large else told


def _read_csv(path: Path, texts: Collection[str] | None, needed: Collection[str]) -> pa.Table:
    headers = {}
    for delimiter in DELIMITERS:
        with path.open(encoding="utf-8-sig", newline="") as file:
            headers[delimiter] = next(plain_csv.reader(file, delimiter=delimiter), [])

    def fit(delimiter: str) -> tuple[int, int]:
        return len({name.strip() for name in headers[delimiter]} & set(needed)), len(headers[delimiter])

    delimiter = max(DELIMITERS, key=fit)
    table = csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types={name: pa.string() for name in headers[delimiter] if texts is None or name.strip() in texts}
        ),
    )
    columns = [pc.utf8_trim_whitespace(one) if pa.types.is_string(one.type) else one for one in table.columns]
    table = pa.table(columns, names=[name.strip() for name in table.column_names])
    while table.num_rows and all(column[-1].as_py() in (None, "") for column in table.columns):
        table = table.slice(0, table.num_rows - 1)
    return table
