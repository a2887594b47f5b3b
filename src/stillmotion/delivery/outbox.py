"""Notices that wait for their receivers, in a file that survives a crash, or in memory."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from stillmotion.errors import StillmotionError

# In memory, where nothing else ends their number, the oldest are given up.
MAX_IN_MEMORY = 10_000
# Delivered notices whose keys are remembered, so that they are not sent again.
REMEMBERED = 100_000
# Another process, such as a backup, may have locked the file for a moment.
BUSY_SECONDS = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    key TEXT,
    body BLOB,
    delivered REAL,
    UNIQUE (receiver, key)
);
CREATE INDEX IF NOT EXISTS waiting ON notices (receiver, number) WHERE delivered IS NULL;
"""


class WaitingNotice(NamedTuple):
    """A notice that its receiver does not have yet.

    Attributes:
        number: numbers grow in the order in which notices were put in.
        body: what is sent.
    """

    number: int
    body: bytes


class Outbox:
    """Notices in order, for one or several receivers. A notice that was put in is on disk before `put` returns.

    Args:
        path: a SQLite file, which is made if it is not there; None keeps notices in memory.

    Raises:
        StillmotionError: the file cannot be read or written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self.changed = threading.Condition()
        with self._errors():
            self._database = sqlite3.connect(
                ":memory:" if path is None else path, timeout=BUSY_SECONDS, check_same_thread=False
            )
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_TABLES)

    def put(self, receivers: Sequence[str], body: bytes, *, key: str | None = None) -> None:
        """Put a notice in.

        Args:
            receivers: names.
            body: what is sent.
            key: a notice with the same key is not put in twice, also if it has been delivered.

        Raises:
            StillmotionError: it cannot be written.
        """
        with self._lock, self._errors(), self._database:
            self._database.executemany(
                "INSERT OR IGNORE INTO notices (receiver, key, body) VALUES (?, ?, ?)",
                [(receiver, key, body) for receiver in receivers],
            )
        with self.changed:
            self.changed.notify_all()

    def first(self, receiver: str) -> WaitingNotice | None:
        """The oldest notice that a receiver does not have yet."""
        row = self._row(
            "SELECT number, body FROM notices WHERE receiver = ? AND delivered IS NULL ORDER BY number", receiver
        )
        return None if row is None else WaitingNotice(*row)

    def remove(self, notice: WaitingNotice) -> None:
        """A receiver has the notice: only its key is kept."""
        with self._lock, self._errors(), self._database:
            self._database.execute(
                "UPDATE notices SET delivered = ?, body = NULL WHERE number = ?", (time.time(), notice.number)
            )
            self._database.execute(
                "DELETE FROM notices WHERE delivered IS NOT NULL AND (key IS NULL OR number <= ?)",
                (notice.number - REMEMBERED,),
            )

    def count(self, receiver: str) -> int:
        """How many notices wait for a receiver."""
        return int(self._row("SELECT count(*) FROM notices WHERE receiver = ? AND delivered IS NULL", receiver)[0])

    def give_up_oldest(self, receiver: str, keep: int) -> int:
        """Forget the oldest waiting notices of a receiver, but for this many. Returns how many were forgotten."""
        with self._lock, self._errors(), self._database:
            return self._database.execute(
                "DELETE FROM notices WHERE number IN (SELECT number FROM notices WHERE receiver = ? AND delivered IS "
                "NULL ORDER BY number DESC LIMIT -1 OFFSET ?)",
                (receiver, keep),
            ).rowcount

    def receivers(self) -> list[str]:
        """The names of all receivers for whom notices wait."""
        with self._lock, self._errors():
            rows = self._database.execute("SELECT DISTINCT receiver FROM notices WHERE delivered IS NULL").fetchall()
        return [name for (name,) in rows]

    def close(self) -> None:
        """Close the file."""
        with self._lock, self._errors():
            self._database.close()

    def _row(self, query: str, *values: object) -> Any:
        with self._lock, self._errors():
            return self._database.execute(query, values).fetchone()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            advice = "; move it away to start anew" if "not a database" in str(error) else ""
            raise StillmotionError(f"{self.path}: cannot be read or written ({error}){advice}") from None
