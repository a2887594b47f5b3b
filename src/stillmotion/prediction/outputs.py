"""What is checked of a stream's outputs before a model is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from stillmotion.decoding.live import Source
from stillmotion.delivery.webhooks import Webhook
from stillmotion.errors import UsageError
from stillmotion.prediction.annotation import check_video_ending
from stillmotion.prediction.cutting import check_clips
from stillmotion.prediction.sinks import check_table_ending


def check_stream_outputs(
    source: Source,
    *,
    predictions: str | Path | None = None,
    events: str | Path | None = None,
    video: str | Path | None = None,
    clips: str | Path | None = None,
    webhook: str | None = None,
    replace: bool = False,
) -> list[Path]:
    """Check what `stream_to` is to write, without loading a model.

    Args:
        source: what is read.
        predictions: see `stream_to`.
        events: likewise.
        video: likewise.
        clips: likewise.
        webhook: likewise.
        replace: likewise.

    Returns:
        The files.

    Raises:
        UsageError: two outputs with the same name, one that exists, an unknown ending, a folder for clips that is in
            use or of a source that is no file, or a webhook that is no URL.
    """
    for table in (predictions, events):
        if table is not None:
            check_table_ending(Path(table))
    if video is not None:
        check_video_ending(Path(video))
    paths = [Path(path) for path in (predictions, events, video) if path is not None]
    check_outputs(paths, source)
    if not replace:
        check_not_there(paths)
    if clips is not None:
        check_clips(Path(clips), source, replace=replace)
    if webhook is not None:
        Webhook(webhook)
    return paths


def check_not_there(paths: Sequence[Path]) -> None:
    """Refuse to replace what an earlier stream has written; a table without a row is nothing. Raises UsageError."""
    for path in paths:
        if path.is_file() and path.stat().st_size and not _is_empty_table(path):
            raise UsageError(f"{path}: is there already; choose another name, or give `replace`")


def _is_empty_table(path: Path) -> bool:
    """Whether a file is a table that `Csv` began, without a row."""
    if path.suffix.lower() != ".csv":
        return False
    with path.open("rb") as file:
        first, more = file.readline(10_000), file.read(1)
    return first.startswith((b"seconds,", b"start_seconds,")) and first.endswith(b"\n") and not more


def check_outputs(paths: Sequence[Path], source: Source) -> None:
    """Check that a stream's files have different names, and do not replace its source.

    Args:
        paths: the files to write.
        source: what is read.

    Raises:
        UsageError: a name occurs twice.
    """
    # Path.resolve raises RuntimeError for a link to itself; this gives its name.
    taken = set() if source.name == "-" else {os.path.realpath(source.name)}
    for path in paths:
        if os.path.realpath(path) in taken:
            raise UsageError(f"{path}: named twice; it would be overwritten")
        taken.add(os.path.realpath(path))
