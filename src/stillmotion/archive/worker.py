"""What happens in a worker: it holds the model, gets paths, decodes and predicts, and returns tables."""

from __future__ import annotations

import logging
import os
import pickle
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from stillmotion.archive.addresses import fetch, open_store
from stillmotion.archive.models import FilePredictor, Row
from stillmotion.archive.records import ArchiveFile, Cause, FileFailure, Outcome, rows_table
from stillmotion.data import Video
from stillmotion.decoding import limit_threads, source_files
from stillmotion.errors import describe_error
from stillmotion.execution.worker_processes import process_exists, start_quietly

# What names of folders with copies begin with. The number of the process follows.
_COPIES = f"stillmotion-{platform.node()}_"


class ArchivePredictor:
    """Predicts groups of files with one model.

    A group is divided among threads that each decode and predict, in batches across their files: as many as the worker
    has, as more would only get in each other's way, and one more if files are copied from an object store, which makes
    the others wait.

    Args:
        model: see `ArchiveModel.pickled`.
        threads: of each library that computes, and of each video that is decoded.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        limit_threads(threads)
        _delete_left_copies()
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        self._predictor: FilePredictor = pickle.loads(model)
        self._readers = 1 if self._predictor.reads_ahead else threads
        self._stores: dict[str, Any] = {}

    def predict(self, files: Sequence[ArchiveFile]) -> Outcome:
        """Predict a group of files.

        Args:
            files: at least one.

        Returns:
            What has become of them. Whatever goes wrong with one file is its failure.

        Raises:
            StillmotionError: an object store cannot be opened.
        """
        readers = self._readers + any(file.store for file in files)
        parts = [files[start::readers] for start in range(min(readers, len(files)))]
        with _collected_notes() as notes:
            if len(parts) == 1:
                results = [self._predict_part(parts[0])]
            else:
                results = list(self._threads.map(self._predict_part, parts))
        rows = [row for part, _ in results for row in part]
        failures = tuple(failure for _, part in results for failure in part)
        return Outcome(tuple(file.key for file in files), rows_table(rows), failures, notes)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._readers + 1)

    def _predict_part(self, files: Sequence[ArchiveFile]) -> tuple[list[Row], list[FileFailure]]:
        rows: list[Row] = []
        failures: list[FileFailure] = []
        done = 0
        with tempfile.TemporaryDirectory(prefix=f"{_COPIES}{os.getpid()}_", ignore_cleanup_errors=True) as folder:
            here, absent = self._fetched(files, Path(folder))
            failures += absent
            try:
                for (file, local), result in zip(
                    here, self._predictor.predict([local for _, local in here]), strict=True
                ):
                    if isinstance(result, str):
                        reason = result.replace(local.path, file.video.path)
                        failures.append(_failure(file, local, "unreadable", reason))
                    else:
                        rows += [{"video": file.video.name, **row, "key": file.key} for row in result]
                    done += 1
            except Exception as error:
                left = [file for file, _ in here[done:]]
                if len(files) == 1 or not left:
                    ((file, local),) = here[done:]
                    cause: Cause = "temporary" if isinstance(error, MemoryError) else "error"
                    reason = f"{file.video.name}: {describe_error(error)}"
                    return rows, [*failures, _failure(file, local, cause, reason)]
            else:
                return rows, failures
        for file in left:  # One of them is at fault: each alone shows which.
            more, failed = self._predict_part([file])
            rows += more
            failures += failed
        return rows, failures

    def _fetched(
        self, files: Sequence[ArchiveFile], folder: Path
    ) -> tuple[list[tuple[ArchiveFile, Video]], list[FileFailure]]:
        """The files, each as a video of this machine; those of object stores are copied."""
        here: list[tuple[ArchiveFile, Video]] = []
        failures = []
        for file in files:
            if not file.store:
                here.append((file, file.video))
                continue
            try:
                if file.store not in self._stores:
                    self._stores[file.store] = open_store(file.store)
                copy = fetch(self._stores[file.store], file.video.path.partition("://")[2], folder)
                here.append((file, replace(file.video, path=str(copy))))
            except OSError as error:  # Gone or refused; or it is the network, the credentials or this disk.
                reason = f"{file.video.name}: cannot be fetched ({describe_error(error)})"
                failures.append(FileFailure(file.video.name, file.key, "temporary", reason))
        return here, failures


def _failure(file: ArchiveFile, local: Video, cause: Cause, reason: str) -> FileFailure:
    """Why a file has no predictions. If it cannot even be opened any more, that may be over soon."""
    try:
        for source in source_files(Path(local.path)):
            with source.open("rb") as opened:
                opened.read(1)
    except OSError:
        cause = "temporary"
    return FileFailure(file.video.name, file.key, cause, reason)


def _delete_left_copies() -> None:
    """Delete the copies of files that workers have left when they were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_COPIES}*"):
        pid = folder.name.removeprefix(_COPIES).partition("_")[0]
        if pid.isdecimal() and not process_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


class _NoteHandler(logging.Handler):
    """Keeps one message of each kind."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.notes: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.notes.setdefault(str(record.msg), record.getMessage())


@contextmanager
def _collected_notes() -> Iterator[dict[str, str]]:
    log, handler = logging.getLogger("stillmotion"), _NoteHandler()
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield handler.notes
    finally:
        log.removeHandler(handler)


# What the predictor of a worker process is made of; see `ArchivePredictor`.
_model: tuple[bytes, int] | None = None


def start_process(parent: Connection, model: bytes, threads: int) -> None:
    """Prepare a worker process; see `start_quietly` and `ArchivePredictor`."""
    global _model
    start_quietly(parent)
    logging.getLogger("stillmotion").propagate = False
    _model = model, threads


@cache
def _loaded() -> ArchivePredictor:
    assert _model is not None
    return ArchivePredictor(*_model)


def load_model() -> int:
    """Load the model in a worker process.

    Returns:
        The process.
    """
    _loaded()
    return os.getpid()


def predict_files(files: Sequence[ArchiveFile]) -> Outcome:
    """Predict a group of files in a worker process; see `ArchivePredictor.predict`.

    The model may not be loaded yet: loky replaces a process whose memory has grown by another one.
    """
    return _loaded().predict(files)
