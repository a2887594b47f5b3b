"""Predict an archive: what is done is found again, what is left goes to workers, results stream into a folder."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stillmotion.archive.dispatching import Dispatcher
from stillmotion.archive.listing import list_archive
from stillmotion.archive.models import ArchiveModel, prepare_model
from stillmotion.archive.records import ArchiveFile, FileFailure, place_of
from stillmotion.archive.store import ResultStore
from stillmotion.archive.workers import workers_on
from stillmotion.errors import CancelledError
from stillmotion.execution.places import LOCAL, check_place
from stillmotion.progress import Progress, no_progress

if TYPE_CHECKING:
    from stillmotion.anomaly import Detector
    from stillmotion.prediction import ClipModel
    from stillmotion.runs import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ArchiveResult:
    """What has become of an archive.

    Attributes:
        out: where the predictions are.
        files: how many files the archive has; segments of a table count as files.
        predicted: how many of them are predicted.
        before: how many of those were predicted by earlier calls.
        failures: why the others are not.

    Examples:
        >>> result = sm.predict_archive("runs/motion", "clips/", "predictions/")
        >>> result.files, result.predicted, result.failures
        (12, 12, ())
    """

    out: str
    files: int
    predicted: int
    before: int
    failures: tuple[FileFailure, ...]


def predict_archive(
    model: Run | ClipModel | Detector | str | Path,
    inputs: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    frame_rate: float | None = None,
    on: str = LOCAL,
    progress: Progress = no_progress,
    cancel: threading.Event | None = None,
) -> ArchiveResult:
    """Predict many files side by side, into a folder of Parquet files. The same call goes on after an interruption.

    `out/predictions/` gets the rows of `stillmotion predict` with a column `key`, in more and more parts as the work
    goes on, and `out/errors/` one row for each file that cannot be predicted. All rows of a file are in one part. A
    file is known by its path, its segment, its size and when it was changed: it is predicted once, and again only if
    it has changed or its rows are deleted. One that is alone with its worker when that dies, three times, is not tried
    again.

    Only paths are sent to workers: they decode, and send rows back.

    Args:
        model: a run or its folder, any other model with a card or a model from `load_clip_model`, or an anomaly
            detector or its folder, which scores frames.
        inputs: files, folders and tables, as for `predict`, and addresses of files and folders in object storage, such
            as "s3://bucket/folder".
        out: a folder, or an address of one.
        frame_rate: frames per second of folders of numbered frames, which are then videos.
        on: "local", for as many processes as the cores and the free memory allow; "processes:N"; "ray", for the Ray
            cluster of this machine, which is started if none runs; "ray://HOST:PORT".
        progress: receives how many of the files that are left are done, with `files_per_second`.
        cancel: once set, the work ends with `CancelledError`.

    Returns:
        What has become of the files.

    Raises:
        UsageError: no such model, input or place, a model in memory only, or a folder of another model's predictions.
        CancelledError: `cancel` was set.
        StillmotionError: the model or the folder cannot be used, or workers die whatever they do.

    Examples:
        >>> result = sm.predict_archive("runs/motion", "clips/", "predictions/", on="processes:2")
        >>> for failure in result.failures:
        ...     print(failure.reason)
    """
    check_place(on)
    store = ResultStore(out)
    files = list_archive(inputs, frame_rate=frame_rate)
    return run_archive(prepare_model(model), files, store, on, progress, cancel)


def run_archive(
    model: ArchiveModel,
    files: Sequence[ArchiveFile],
    store: ResultStore,
    on: str,
    progress: Progress = no_progress,
    cancel: threading.Event | None = None,
) -> ArchiveResult:
    """Predict what is not predicted yet; see `predict_archive`.

    Args:
        model: the model.
        files: the archive.
        store: where results go.
        on: where the work is done.
        progress: see `predict_archive`.
        cancel: see `predict_archive`.

    Returns:
        What has become of the files.

    Raises:
        UsageError: a folder of another model's predictions.
        CancelledError: `cancel` was set.
        StillmotionError: the folder cannot be used, or workers die whatever they do.
    """
    with store.locked():
        store.check_model(model.name, model.identity)
        done, failed = store.read_done(), store.read_failures()
        known = {file.key for file in files}
        # Names are as typed, so that two files may have the same; only places tell whether a file has changed.
        places = {place_of(key) for key in known}
        earlier = {*done, *failed}
        store.forget({key for key in earlier - known if place_of(key) in places})
        left = [file for file in files if file.key not in earlier]
        before = sum(file.key in done for file in files)
        if before:
            log.info("%d of %d files are predicted already", before, len(files))
        failures = [failed[file.key] for file in files if file.key in failed]
        control = next((file for file in files if file.key in done), None)
        failures += _predict(store, left, control, model.pickled, on, progress, cancel)
    return ArchiveResult(store.name, len(files), len(files) - len(failures), before, tuple(failures))


def _predict(
    store: ResultStore,
    files: Sequence[ArchiveFile],
    control: ArchiveFile | None,
    model: bytes,
    on: str,
    progress: Progress,
    cancel: threading.Event | None,
) -> list[FileFailure]:
    """Predict the files that are left. Returns those that failed."""
    failures: list[FileFailure] = []
    notes: set[str] = set()
    done, began = 0, time.monotonic()
    if not files:
        return failures
    progress("starting workers", 0, len(files))
    with workers_on(on, model) as workers:
        dispatcher = Dispatcher(workers, files, store.read_strikes(), store.write_strikes, control)
        with closing(dispatcher.outcomes()) as outcomes:
            for outcome in outcomes:
                if outcome is not None:
                    store.add(outcome)
                    done += len(outcome.keys)
                    failures += outcome.failures
                    for kind, note in outcome.notes.items():
                        if kind not in notes:
                            notes.add(kind)
                            log.info(note)
                store.flush_if_due()
                if cancel is not None and cancel.is_set():
                    raise CancelledError("canceled; the same call resumes where it stopped")
                figures = {"files_per_second": done / max(time.monotonic() - began, 1e-9)} if done else {}
                if done:
                    progress("", done, len(files), figures)
    return failures
