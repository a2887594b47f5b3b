"""What `predict` and `stream` do with an anomaly detector."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import bar, err, note, out, shown
from stillmotion.cli.detector_view import DetectorView, describe_alarm, describe_alarm_stats
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.formatting import count

if TYPE_CHECKING:
    from stillmotion.anomaly import Detector, Score
    from stillmotion.decoding.live import Source

SCENE_CHANGED = (
    "the scene has changed since training, slowly; what is unusual is told less well from now on. "
    "`stillmotion anomaly add` adds normal footage"
)


def find_detector(context: typer.Context, path: Path, usable: Collection[str]) -> Detector | None:
    """Load an anomaly detector, but no backend yet.

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
    return load_detector(path)


def predict_with_detector(
    detector: Detector, paths: Sequence[Path], out_file: Path | None, frame_rate: float | None
) -> None:
    """Score each frame of videos, and say when they are unusual."""
    from stillmotion.anomaly import score_source
    from stillmotion.anomaly.scene import SceneWatch
    from stillmotion.anomaly.scoring import score_row
    from stillmotion.decoding.live import find_source
    from stillmotion.prediction import check_ending, find_inputs, write_rows

    if out_file is not None:
        check_ending(out_file)
    videos = find_inputs(paths, frame_rate=frame_rate)
    load_backend()
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
                source = find_source(videos.file(video), start=video.start_seconds, end=video.end_seconds)
                for score in score_source(detector, source, watch=watch):
                    highest = max(highest, score.level)
                    alarms += [score.ended] if score.ended else []
                    if score.scene_changed:
                        note(f"{video.name}, {score.seconds:.0f} s: {SCENE_CHANGED}")
                    if out_file is not None:
                        rows.append({"video": video.name, **score_row(score)})
                described = ", ".join(map(describe_alarm, alarms))
                table.add_row(escape(video.name), f"{highest:.2f}", described or "none")
            except StillmotionError as error:
                skipped += 1
                note(f"skipped: {error}")
            progress("", number, len(videos))
    out.print(table)
    if out_file is not None and rows:
        write_rows(rows, out_file)
        note(f"scores of {count(len(rows), 'frame')} in {shown(out_file)}")
    if skipped:
        raise StillmotionError(f"{skipped} of {count(len(videos), 'input')} could not be read")


def stream_with_detector(
    detector: Detector, source: Source, *, stop: threading.Event, realtime: bool, **outputs: Any
) -> None:
    """Score frames as they arrive, and show how unusual they are, with a line for each alarm.

    Args:
        detector: what is normal.
        source: what is streamed.
        stop: ends the stream when it is set.
        realtime: see `stream_alarms`.
        **outputs: further arguments of `stream_alarms`.
    """
    from stillmotion.prediction.alarm_streams import AlarmStreamStats, check_alarm_outputs, stream_alarms

    reading = {"realtime": realtime, "every_frame": outputs.pop("every_frame")}
    check_alarm_outputs(source, **outputs)
    load_backend()
    stats = AlarmStreamStats()
    # Rows may be printed for another program: the view must not be mixed with them.
    console = err if Path("-") in (outputs["scores"], outputs["events"]) else out
    kinds = tuple(detector.record.thresholds)

    def show_score(score: Score) -> None:
        view.update(score)
        if score.scene_changed:
            note(f"{score.seconds:.0f} s: {SCENE_CHANGED}")

    with DetectorView(str(source), stats, console, kinds, live=source.live or realtime) as view:
        result = stream_alarms(detector, source, stop=stop, on_score=show_score, stats=stats, **reading, **outputs)
    note(", ".join(describe_alarm_stats(stats)))
    if not result.alarms:
        note("no alarm")
    if result.known:
        note(f"{result.known} of the alarms {'was' if result.known == 1 else 'were'} in {outputs['alarms']} already")
    for name, waiting in stats.undelivered.items():
        why = f" ({stats.errors[name]})" if name in stats.errors else ""
        waits = f"{count(waiting, 'notice')} {'has' if waiting == 1 else 'have'}"
        note(f"{waits} not reached {name}{why}; run the same command again to send what is left")
    for path in result.files:
        note(f"written: {shown(path)}")
    if outputs["alarms"] is not None and result.alarms:
        note(f"alarms: {shown(outputs['alarms'] / 'alarms.csv')}, with a folder for each")
        note("next: look at the where.jpg of each; the alarm.json of one that is none says how to make it normal")
