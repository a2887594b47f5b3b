"""What `predict` and `stream` do with an anomaly detector."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, err, note, out, shown
from stillmotion.errors import StillmotionError, UsageError

if TYPE_CHECKING:
    from stillmotion.anomaly import Alarm, Detector, Score
    from stillmotion.decoding.live import Source

SCENE_CHANGED = (
    "the scene has changed since training, slowly; what is unusual is told less well from now on. "
    "`stillmotion anomaly add` adds normal footage"
)


def find_detector(context: typer.Context, path: Path, usable: Collection[str]) -> Detector | None:
    """Load an anomaly detector.

    Args:
        context: the command's.
        path: what the command got for a model.
        usable: the names of the command's parameters that mean something for a detector.

    Returns:
        The detector; None if the path is something else.

    Raises:
        UsageError: an option is given that means nothing for a detector.
        StillmotionError: the detector is damaged.
    """
    from stillmotion.anomaly import is_detector, load_detector

    if not is_detector(path):
        return None
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name not in usable:
            raise UsageError(f"{parameter.opts[0]} has no meaning for an anomaly detector ({path})")
    detector = load_detector(path)
    load_backend()
    return detector


def predict_with_detector(
    detector: Detector, paths: Sequence[Path], out_file: Path | None, frame_rate: float | None
) -> None:
    """Score each frame of videos, and say when they are unusual."""
    from stillmotion.anomaly import score_source
    from stillmotion.anomaly.scene import SceneWatch
    from stillmotion.anomaly.scoring import score_row
    from stillmotion.prediction import check_ending, find_inputs, write_rows

    if out_file is not None:
        check_ending(out_file)
    videos = find_inputs(paths, frame_rate=frame_rate)
    rows: list[dict[str, Any]] = []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("video", "highest level", "alarms"):
        table.add_column(column, justify="right" if column == "highest level" else "left")
    skipped = 0
    watch = SceneWatch(detector.record.scene, detector.record.rate)
    with bar("scoring") as progress:
        for number, video in enumerate(videos, start=1):
            highest, alarms = 0.0, []
            try:
                for score, in_alarm in _with_state(score_source(detector, videos.file(video), watch=watch)):
                    highest = max(highest, score.level)
                    alarms += [score.ended] if score.ended else []
                    if score.scene_changed:
                        note(f"{video.name}, {score.seconds:.0f} s: {SCENE_CHANGED}")
                    if out_file is not None:
                        rows.append({"video": video.name, **score_row(score, in_alarm=in_alarm)})
                table.add_row(escape(video.name), f"{highest:.2f}", ", ".join(map(_describe, alarms)) or "none")
            except StillmotionError as error:
                skipped += 1
                note(f"skipped: {error}")
            progress("", number, len(videos))
    out.print(table)
    if out_file is not None and rows:
        write_rows(rows, out_file)
        note(f"scores of {len(rows)} frames in {shown(out_file)}")
    if skipped:
        raise StillmotionError(f"{skipped} of {len(videos)} inputs could not be read")


def stream_with_detector(
    detector: Detector,
    source: Source,
    scores_file: Path | None,
    events_file: Path | None,
    *,
    replace: bool,
    stop: threading.Event,
    **reading: Any,
) -> None:
    """Score frames as they arrive, and print a line for each alarm."""
    from stillmotion.anomaly import score_source
    from stillmotion.anomaly.scoring import ALARM_COLUMNS, SCORE_COLUMNS, alarm_row, score_row
    from stillmotion.prediction.recording import check_not_there, check_outputs
    from stillmotion.prediction.sinks import open_sink

    paths = [path for path in (scores_file, events_file) if path is not None]
    check_outputs(paths, source)
    if not replace:
        check_not_there(paths)
    console = err if Path("-") in paths else out
    with ExitStack() as stack:
        scores, events = (
            None if path is None else stack.enter_context(closing(open_sink(path, columns)))
            for path, columns in ((scores_file, SCORE_COLUMNS), (events_file, ALARM_COLUMNS))
        )
        for score, in_alarm in _with_state(score_source(detector, source, stop=stop, **reading)):
            if scores is not None:
                scores.write(score_row(score, in_alarm=in_alarm))
            if score.scene_changed:
                note(f"{score.seconds:.0f} s: {SCENE_CHANGED}")
            if score.raised is not None:
                console.print(f"{score.raised.raised_seconds:.1f} s: alarm, by {score.raised.kind}", markup=False)
            if score.ended is not None:
                console.print(f"ended: {_describe(score.ended)}", markup=False)
                if events is not None:
                    events.write(alarm_row(score.ended))
    for path in paths:
        if str(path) != "-":
            note(f"written: {shown(path)}")


def _with_state(scores: Iterator[Score]) -> Iterator[tuple[Score, bool]]:
    """Each score with whether an alarm is open after it."""
    in_alarm = False
    for score in scores:
        if score.ended is not None:
            in_alarm = False
        if score.raised is not None:
            in_alarm = True
        yield score, in_alarm


def _describe(alarm: Alarm) -> str:
    end = alarm.raised_seconds if alarm.end_seconds is None else alarm.end_seconds
    return f"{alarm.start_seconds:.1f} to {end:.1f} s by {alarm.kind}"
