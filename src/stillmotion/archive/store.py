"""The folder that predictions go to: Parquet files that are complete or not there, on a disk or in object storage."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute, fs, parquet

from stillmotion.archive.addresses import open_store, split_address, without_options
from stillmotion.archive.records import FileFailure, Outcome
from stillmotion.errors import StillmotionError, UsageError, describe_error
from stillmotion.files import as_path, atomic_write, folder_lock, is_address, make_folder

PREDICTIONS, ERRORS = "predictions", "errors"
# How long results wait at most, and how many of them.
FLUSH_SECONDS = 30.0
FLUSH_FILES = 2000
READERS = 16  # of parts at once, for object stores answer late
_FORMAT = 1


class ResultStore:
    """Predictions and errors of an archive.

    `predictions/` and `errors/` hold Parquet files, each of which is written at once: whoever reads the folder sees
    whole files of the archive. All rows of a file are in one part, so that the part is what says that the file is done.

    Args:
        out: a folder, or an address in object storage.
    """

    def __init__(self, out: str | Path) -> None:
        self.name = without_options(str(out))
        self.folder: Path | None = None
        if is_address(out):
            store, self._root = split_address(str(out))
            self._files: Any = open_store(store)
        else:
            self.folder = as_path(out, "a folder")
            self._root, self._files = self.folder.absolute().as_posix(), fs.LocalFileSystem()
        self._tables: list[pa.Table] = []
        self._failures: list[FileFailure] = []
        self._waiting, self._flushed = 0, time.monotonic()
        # Parts that are not known to be written: a store may say that it failed although they are there.
        self._unwritten: dict[str, str] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out, and write what waits at the end, however the work ends.

        An object store has no locks: there, two runs at once would predict files twice.

        Raises:
            StillmotionError: another process is at work in the folder, or it cannot be written to.
        """
        if self.folder is not None:
            for name in (PREDICTIONS, ERRORS):
                make_folder(self.folder / name)
        with folder_lock(self.folder) if self.folder is not None else nullcontext():
            self._delete_unfinished()
            try:
                yield
            finally:
                self.flush()

    def _delete_unfinished(self) -> None:
        """Delete what a run that was killed has begun to write; readers do not see it.

        What is in other folders there belongs to others, who may be at work on it.
        """
        if self.folder is None:
            return
        for folder in (self.folder, self.folder / PREDICTIONS, self.folder / ERRORS):
            for path in folder.glob(".part-*"):
                path.unlink(missing_ok=True)

    def check_model(self, name: str, identity: str) -> None:
        """Write down whose predictions these are, or check it.

        Args:
            name: what the model is called.
            identity: what it is known by.

        Raises:
            UsageError: the folder holds another model's predictions.
        """
        known = self._read_json("archive.json")
        if known is None:
            self._write_json("archive.json", {"format": _FORMAT, "model": name, "identity": identity})
        elif known.get("format") != _FORMAT or known.get("identity") != identity:
            raise UsageError(
                f"{self.name}: holds predictions of another model, {known.get('model')}, or of this one as it was "
                "before; choose another folder"
            )

    def read_done(self) -> set[str]:
        """The keys of the files that are predicted."""
        tables = self._read_parts(PREDICTIONS, ["key"]).values()
        return {str(key) for table in tables for key in table["key"].to_pylist()}

    def read_failures(self) -> dict[str, FileFailure]:
        """The files that are not tried again, by their keys."""
        tables = self._read_parts(ERRORS, ["video", "key", "cause", "reason"]).values()
        return {row["key"]: FileFailure(**row) for table in tables for row in table.to_pylist()}

    def forget(self, keys: Collection[str]) -> None:
        """Delete what there is of some files: they have changed, and their rows are of what they were."""
        if not keys:
            return
        gone = pa.array(list(keys), pa.string())
        for folder in (PREDICTIONS, ERRORS):
            for name, table in self._read_parts(folder, ["key"]).items():
                if not compute.any(compute.is_in(table["key"], gone)).as_py():
                    continue
                whole = self._read_part(name, None)
                left = whole.filter(compute.invert(compute.is_in(whole["key"], gone)))
                if left.num_rows:
                    self._write_table(name, left)
                else:
                    self._files.delete_file(f"{self._root}/{name}")

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome until it is written.

        Failures that may be over soon are not kept: the next call tries these files again.
        """
        if outcome.table is not None:
            self._tables.append(outcome.table)
        self._failures += [failure for failure in outcome.failures if failure.cause != "temporary"]
        self._waiting += len(outcome.keys)

    def flush_if_due(self) -> None:
        """Write what waits if it is much or has waited for long."""
        if self._waiting >= FLUSH_FILES or time.monotonic() >= self._flushed + FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._tables:
            self._write_part(PREDICTIONS, pa.concat_tables(self._tables))
            self._tables = []
        if self._failures:
            self._write_part(ERRORS, pa.Table.from_pylist([asdict(one) for one in self._failures]))
            self._failures = []
        self._waiting, self._flushed = 0, time.monotonic()

    def read_strikes(self) -> dict[str, int]:
        """How often each file has killed its worker, by its key."""
        strikes = self._read_json("strikes.json") or {}
        return {str(key): int(count) for key, count in strikes.items()}

    def write_strikes(self, strikes: Mapping[str, int]) -> None:
        """Keep them for the next run: a file that kills this process, too, would else be tried forever."""
        self._write_json("strikes.json", dict(strikes))

    def _read_parts(self, folder: str, columns: list[str]) -> dict[str, pa.Table]:
        """The distinct rows of each part, by its name."""
        selector = fs.FileSelector(f"{self._root}/{folder}", allow_not_found=True)
        try:
            infos = self._files.get_file_info(selector)
        except OSError as error:
            raise StillmotionError(f"{self.name}: cannot be read ({describe_error(error)})") from None
        names = [info.base_name for info in infos if info.is_file and info.base_name.endswith(".parquet")]
        names = sorted(f"{folder}/{name}" for name in names if not name.startswith("."))
        with ThreadPoolExecutor(READERS) as pool:
            tables = pool.map(lambda name: self._read_part(name, columns).group_by(columns).aggregate([]), names)
            return dict(zip(names, tables, strict=True))

    def _read_part(self, name: str, columns: list[str] | None) -> pa.Table:
        try:
            with self._files.open_input_file(f"{self._root}/{name}") as file:
                return parquet.read_table(file, columns=columns)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise StillmotionError(
                f"{self.name}/{name}: not a readable part ({describe_error(error)}); delete it, and its files are "
                "predicted again"
            ) from None

    def _write_part(self, folder: str, table: pa.Table) -> None:
        """Write a new part. After a failure, the next one gets its name, so that no row is there twice."""
        self._write_table(self._unwritten.setdefault(folder, _new_part(folder)), table)
        del self._unwritten[folder]

    def _write_table(self, name: str, table: pa.Table) -> None:
        buffer = pa.BufferOutputStream()
        parquet.write_table(table, buffer)
        self._write(name, buffer.getvalue())

    def _read_json(self, name: str) -> dict[str, Any] | None:
        try:
            with self._files.open_input_stream(f"{self._root}/{name}") as file:
                content = json.loads(file.read())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StillmotionError(f"{self.name}/{name}: cannot be read ({describe_error(error)})") from None
        return content if isinstance(content, dict) else {}

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        self._write(name, pa.py_buffer((json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()))

    def _write(self, name: str, content: pa.Buffer) -> None:
        """Write a file at once. That of an object store is there when it is closed, and not before."""
        if self.folder is not None:
            with atomic_write(self.folder / name) as part, part.open("wb") as local:
                local.write(content)
            return
        try:
            with self._files.open_output_stream(f"{self._root}/{name}") as remote:
                remote.write(content)
        except OSError as error:
            raise StillmotionError(f"{self.name}/{name}: cannot be written ({describe_error(error)})") from None


def _new_part(folder: str) -> str:
    """The name of a part, which no other run uses; parts sort by the time at which they were written."""
    return f"{folder}/part-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}.parquet"
