"""alarms.csv: a row for each alarm that has ended. It is only ever appended to."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, fields
from pathlib import Path

from stillmotion.errors import UsageError
from stillmotion.prediction.alarm_records import AlarmRecord
from stillmotion.prediction.sinks import name_file_in_errors

COLUMNS = [field.name for field in fields(AlarmRecord)]


class AlarmTable:
    """Appends alarms to a table.

    Args:
        path: the CSV file, which is made if it is not there.

    Attributes:
        states: the state of each alarm in the table, by id.

    Raises:
        UsageError: the file is another table.
        StillmotionError: it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.states: dict[str, str] = {}
        with name_file_in_errors(path):
            content = path.read_bytes() if path.exists() else b""
            # A row of which a full disk has taken the end: it is written again, from the alarm's own file.
            whole = content[: content.rfind(b"\n") + 1]
            rows = csv.DictReader(io.StringIO(whole.decode("utf-8", "replace"), newline=""))
            if whole and list(rows.fieldnames or []) != COLUMNS:
                raise UsageError(f"{path}: has other columns than a table of alarms; choose another folder for alarms")
            self.states = {row["id"]: row["state"] for row in rows}
            with path.open("r+b" if content else "wb") as file:
                file.truncate(len(whole))
        if not whole:
            self._append()

    def append(self, record: AlarmRecord) -> None:
        """Add an alarm that has ended.

        Raises:
            StillmotionError: the file cannot be written.
        """
        self._append(asdict(record))
        self.states[record.id] = record.state

    def _append(self, *rows: dict[str, object]) -> None:
        # Opened each time, so that the file may be moved away meanwhile: then another one begins.
        with name_file_in_errors(self.path), self.path.open("ab") as file:
            lines = io.StringIO(newline="")
            writer = csv.DictWriter(lines, COLUMNS)
            if not file.tell():
                writer.writeheader()
            writer.writerows(rows)
            file.write(lines.getvalue().encode())
