"""Tables as people save them: Parquet, or CSV with commas, semicolons or tabs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from stillmotion.errors import StillmotionError


def read_table(path: Path, texts: Collection[str] | None = None) -> pa.Table:
    """A Parquet table by its ending, else a CSV; names of columns without the spaces around them.

    texts: the columns of a CSV that are text: '01' stays '01', and 'null' or 'NA' is a word. By default all.

    Raises:
        StillmotionError: no such file, or not a readable table.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return parquet.read_table(path)
        header = path.read_text(encoding="utf-8-sig").split("\n", 1)[0]
        delimiter = max(",;\t", key=header.count)
        names = [name.strip("\r").strip('"') for name in header.split(delimiter)]
        table = csv.read_csv(
            path,
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in names if texts is None or name.strip() in texts}
            ),
        )
        return table.rename_columns([name.strip() for name in table.column_names])
    except FileNotFoundError:
        raise StillmotionError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise StillmotionError(f"{path}: not text in UTF-8; save it as 'CSV UTF-8'") from None
    except (pa.ArrowException, OSError) as error:
        raise StillmotionError(f"{path}: not a readable table ({str(error).splitlines()[0]})") from None
