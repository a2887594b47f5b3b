"""stillmotion stream"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import err, interrupted, note, out, shown
from stillmotion.cli.live_view import LiveView, told
from stillmotion.errors import UsageError

if TYPE_CHECKING:
    import stillmotion as sm


def stream(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run's folder, or a Keras model's file.", show_default=False),
    ],
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A file, a camera's number, a URL, or - for standard input.", show_default=False
        ),
    ],
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Moments: .jsonl or .csv; - prints JSON lines.", show_default=False),
    ] = None,
    events_file: Annotated[
        Path | None, typer.Option("--events", metavar="FILE", help="Events: .jsonl or .csv.", show_default=False)
    ] = None,
    video_file: Annotated[
        Path | None,
        typer.Option("--video", metavar="FILE", help="The source with its labels on it.", show_default=False),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Each event is posted there as JSON.", show_default=False)
    ] = None,
    hop: Annotated[
        int | None,
        typer.Option(
            help="Frames from a window to the next.",
            show_default="1, or what this machine keeps up with",
            min=1,
        ),
    ] = None,
    every_frame: Annotated[bool, typer.Option("--every-frame", help="Never drop a frame, however late.")] = False,
    paced: Annotated[bool, typer.Option("--paced", help="Play a file at its own pace, as a camera would.")] = False,
    rate: Annotated[
        float | None, typer.Option(help="Frames a second that the model sees.", show_default="the run's")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Of a Keras model that is no run.", show_default=False)
    ] = None,
    engine: Annotated[str, typer.Option(help="What runs the model: keras, onnx or openvino.")] = "keras",
    raw: Annotated[
        str, typer.Option(metavar="WxH@FPS", help="Standard input is bare RGB pictures.", show_default=False)
    ] = "",
    past: Annotated[
        Literal["window", "unlimited"],
        typer.Option(
            metavar="window|unlimited",
            help="What a window feels of what was before it. 'unlimited' is another definition of the answer.",
        ),
    ] = "window",
    smoothing: Annotated[float, typer.Option(metavar="SECONDS", help="Probabilities are averaged over.", min=0)] = 1.0,
    enter: Annotated[float, typer.Option(help="Probability at which an event begins.", min=0, max=1)] = 0.6,
    leave: Annotated[float, typer.Option(help="Probability below which it ends.", min=0, max=1)] = 0.4,
    least: Annotated[float, typer.Option(metavar="SECONDS", help="A shorter event is none.", min=0)] = 0.5,
) -> None:
    """Label a file, camera or network stream as it goes: each window's answer at the cost of one new frame.

    Example: stillmotion stream runs/cnn_rnn rtsp://camera/line --events events.csv
    """
    from stillmotion.decoding.live import find_source

    found = find_source(source, raw=raw)
    if source == "-" and sys.stdin.isatty():
        raise UsageError("-: standard input is a terminal; pipe a video into it")
    if leave > enter:
        raise UsageError(f"--leave {leave:g} is above --enter {enter:g}; an event would end as it begins")
    files = [path for path in (out_file, events_file, video_file) if path]
    _check_apart(files, source)
    load_backend()
    from stillmotion.prediction import sinks
    from stillmotion.prediction.events import EventDetector
    from stillmotion.prediction.live import StreamStats, load_clip_model, stream_updates

    watcher = load_clip_model(run, rate=rate, labels=labels.split(",") if labels else None, engine=engine)
    if watcher.note:
        note(watcher.note)
    tally, events = StreamStats(), EventDetector(watcher.labels, smoothing, enter, leave, least)
    columns = sinks.window_columns(watcher.labels)
    printed = Path("-") in files
    with ExitStack() as stack:

        def opened(path: Path | None, columns: Sequence[str]) -> list[sinks.Sink]:
            return [stack.enter_context(closing(sinks.open_sink(path, columns)))] if path else []

        moments_to = opened(out_file, columns)
        hook = stack.enter_context(closing(sinks.Webhook(webhook))) if webhook else None
        events_to = opened(events_file, sinks.EVENT_COLUMNS) + ([hook] if hook else [])
        video = stack.enter_context(closing(sinks.AnnotatedVideo(video_file))) if video_file else None
        view = stack.enter_context(LiveView(str(found), watcher.labels, tally, err if printed else out))
        seen_by = stack.enter_context(closing(stream_updates(
            watcher, found, hop=hop, every_frame=every_frame, paced=paced, at_once=1 if video else None, past=past,
            tally=tally, stop=interrupted,
        )))  # fmt: skip

        def tell(ended: list[sm.Event]) -> None:
            for event in ended:
                for sink in events_to:
                    sink.write(sinks.event_row(event))
                view.event(event)

        latest = None
        with ending_between_frames():
            for seen in seen_by:
                if seen.shot.fresh:
                    tell(events.flush())
                for moment in seen.moments:
                    latest = moment
                    for sink in moments_to:
                        sink.write(sinks.window_row(moment, watcher.labels))
                    view.moment(moment)
                    tell(events.push(moment))
                if video:
                    video.write(seen.shot, latest)
            tell(events.flush())
    note(", ".join(told(tally)))
    if hook and hook.failed:
        note(f"{hook.failed} events did not reach {webhook} ({hook.trouble})")
    for path in files:
        if path.exists():  # not standard output, nor a video without a frame
            note(f"written: {shown(path)}")


def _check_apart(files: Sequence[Path], source: str) -> None:
    """What is written goes to different places, and not over the source."""
    taken = set() if source == "-" else {Path(source).resolve()}
    for path in files:
        if path.resolve() in taken:
            raise UsageError(f"{path}: named twice; it would be written over")
        taken.add(path.resolve())


@contextmanager
def ending_between_frames() -> Iterator[None]:
    """Ctrl-C, or a request to terminate, lets the frame at hand come to its end; pressed again, it does not wait."""

    def ask(*_: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
