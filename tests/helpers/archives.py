"""Archives without a backend: a predictor that reads a file's text, and files that do what their names say."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow.dataset as ds

from stillmotion.archive import store
from stillmotion.archive.listing import list_archive
from stillmotion.archive.models import ArchiveModel
from stillmotion.archive.predicting import ArchiveResult, run_archive
from stillmotion.archive.records import ArchiveFile, Outcome, rows_table
from stillmotion.archive.store import ResultStore
from stillmotion.data import Video

WINDOWS = ("0", "1", "all")


@dataclass(frozen=True)
class TextPredictor:
    """Two windows and a whole video for each file, with its length; see `FilePredictor`.

    A file whose text begins with "kill" kills its worker, one with "raise" raises, one with "memory" lacks memory, one
    with "broken" is unreadable.

    Attributes:
        trace: a folder in which a file is made for each prediction, with the process that made it.
        seconds: how long each file takes.
    """

    trace: str
    seconds: float = 0.0
    reads_ahead: bool = True

    def predict(self, videos: Sequence[Video]) -> Iterator[list[dict[str, Any]] | str]:
        for video in videos:
            text = Path(video.path).read_text(encoding="utf-8")
            time.sleep(self.seconds)
            if text.startswith("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            if text.startswith("raise"):
                raise ValueError("no such thing")
            if text.startswith("memory"):
                raise MemoryError
            if text.startswith("broken"):
                yield f"{video.path}: not a readable video"
                continue
            Path(self.trace, f"{Path(video.path).stem}-{time.monotonic_ns()}").write_text(str(os.getpid()))
            yield [{"window": window, "length": float(len(text))} for window in WINDOWS]


def _at_once(work: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(work())
    except (OSError, RuntimeError) as error:
        future.set_exception(error)
    return future


def predicted(files: Sequence[ArchiveFile]) -> Outcome:
    """Files that were all predicted."""
    rows = [{"video": file.video.name, "window": "all", "length": 1.0, "key": file.key} for file in files]
    return Outcome(tuple(file.key for file in files), rows_table(rows))


@dataclass
class WorkersAtOnce:
    """Workers that do all work at once in this process; see `WorkerSource`.

    Attributes:
        work: what they do; a worker dies of a RuntimeError.
        count: how many there are.
        given: what they were given, group by group.
    """

    work: Callable[[Sequence[ArchiveFile]], Outcome] = predicted
    count: int = 1
    given: list[list[str]] = field(default_factory=list)
    ready: Future[Any] = field(default_factory=lambda: _at_once(int))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self) -> Self:
        self.ready = _at_once(int)
        return self

    def submit(self, files: Sequence[ArchiveFile]) -> Future[Outcome]:
        self.given.append([Path(file.video.name).name for file in files])
        return _at_once(lambda: self.work(files))

    def end(self) -> None:
        pass

    def cause_of_death(self, error: BaseException) -> str | None:
        return "SIGKILL" if isinstance(error, RuntimeError) else None

    def explain(self, error: BaseException) -> BaseException:
        return error


def write_archive(folder: Path, texts: Mapping[str, str]) -> Path:
    """Write files with these texts under these names."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def predict_texts(inputs: Path | str, out: Path | str, on: str, predictor: Any, **more: Any) -> ArchiveResult:
    """Predict an archive of texts."""
    model = ArchiveModel("texts", "0", pickle.dumps(predictor))
    return run_archive(model, list_archive(inputs), ResultStore(out), on, **more)


def read_predictions(out: Path) -> list[tuple[str, str, float]]:
    """Name of file, window and length of each row, sorted; as a reader of the folder sees it."""
    return read_rows(ds.dataset(out / "predictions", format="parquet").to_table().to_pylist())


def read_rows(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, float]]:
    """Name of file, window and length of each row, sorted."""
    return sorted((Path(row["video"]).name, row["window"], row["length"]) for row in rows)


def expected_predictions(texts: Mapping[str, str]) -> list[tuple[str, str, float]]:
    """What `read_predictions` returns if each of these files was predicted once."""
    return sorted((Path(name).name, window, float(len(text))) for name, text in texts.items() for window in WINDOWS)


if __name__ == "__main__":  # to be killed
    from helpers import archives  # Workers cannot import `__main__`.

    store.FLUSH_SECONDS = 0.1
    clips, out, trace = sys.argv[1:]
    predict_texts(Path(clips), out, "processes:2", archives.TextPredictor(trace, seconds=0.3))
