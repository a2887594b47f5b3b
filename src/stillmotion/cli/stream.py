"""stillmotion stream"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stillmotion.cli import options
from stillmotion.cli.backend import load_backend
from stillmotion.cli.console import err, interrupted, note, out, shown
from stillmotion.cli.detectors import find_detector, stream_with_detector
from stillmotion.cli.model_facts import Facts, check_model, takes_facts
from stillmotion.cli.model_view import ModelView, budget_table, describe_stats
from stillmotion.errors import UsageError

if TYPE_CHECKING:
    from stillmotion.models.cards import Outputs
    from stillmotion.prediction import EventDetector


@takes_facts()
def stream(
    context: typer.Context,
    model: options.ModelPath,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A file, a camera's number, a URL, or - for standard input.", show_default=False
        ),
    ],
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write the prediction of each window to a .csv or .jsonl file; - prints JSON lines.",
            show_default=False,
        ),
    ] = None,
    events_file: Annotated[
        Path | None,
        typer.Option("--events", metavar="FILE", help="Write events to a .csv or .jsonl file.", show_default=False),
    ] = None,
    video_file: Annotated[
        Path | None,
        typer.Option(
            "--video",
            metavar="FILE",
            help="Write the video with the current label on it: .mp4, .mov or .mkv.",
            show_default=False,
        ),
    ] = None,
    clips_folder: Annotated[
        Path | None,
        typer.Option(
            "--clips",
            metavar="DIR",
            help="Cut the events out of a file, into a folder for each label.",
            show_default=False,
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Post JSON there when an event or alarm begins, goes on and ends.", show_default=False
        ),
    ] = None,
    alarms_folder: Annotated[
        Path | None,
        typer.Option(
            "--alarms",
            metavar="DIR",
            help="With an anomaly detector: a folder for a clip and pictures of each alarm, and a table of all.",
            show_default=False,
        ),
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="BROKER/TOPIC",
            help="With an anomaly detector: publish JSON there when an alarm begins and ends; host:port/topic, or "
            "mqtts://user:password@host/topic.",
            show_default=False,
        ),
    ] = None,
    notice_interval: Annotated[
        float,
        typer.Option(
            "--notice-interval",
            metavar="SECONDS",
            help="Post that an event goes on each time this has passed; 0 for never.",
            min=0,
        ),
    ] = 60.0,
    only: Annotated[
        str | None,
        typer.Option(metavar="LABEL,...", help="Report only events with these labels.", show_default="all labels"),
    ] = None,
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown/--no-unknown",
            help="Whether what is unlike the training clips is an event 'unknown'; with --only, name it there.",
        ),
    ] = True,
    replace: options.Replace = False,
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Where in a file to begin: 90, 1:30 or 0:01:30.", show_default=False),
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="TIME", help="Where in a file to end, likewise.", show_default=False)
    ] = None,
    hop: Annotated[
        int | None,
        typer.Option(
            help="Frames from one window to the next.",
            show_default="1; for a live source as many as this machine needs to keep up",
            min=1,
        ),
    ] = None,
    every_frame: Annotated[
        bool, typer.Option("--every-frame", help="Drop no frame of a live source, however late predictions become.")
    ] = False,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Play a file at its own speed, as a camera would send it.")
    ] = False,
    *,
    facts: Facts,
    snapshots: options.Snapshots = None,
    engine: Annotated[
        Literal["keras", "onnx", "openvino"], typer.Option(help="What runs the model: keras, onnx or openvino.")
    ] = "keras",
    raw_video: Annotated[
        str,
        typer.Option(
            "--raw-video", metavar="WxH@FPS", help="Standard input is raw RGB video of this size.", show_default=False
        ),
    ] = "",
    smoothing: Annotated[
        float, typer.Option(metavar="SECONDS", help="Average probabilities over this many seconds.", min=0)
    ] = 1.0,
    enter_threshold: Annotated[
        str | None,
        typer.Option(
            "--enter-threshold",
            metavar="NUMBER|LABEL=NUMBER,...",
            help="Probability at which an event begins; also one for each label, or both.",
            show_default="0.6",
        ),
    ] = None,
    exit_threshold: Annotated[
        str | None,
        typer.Option(
            "--exit-threshold",
            metavar="NUMBER|LABEL=NUMBER,...",
            help="Probability below which an event ends; also one for each label, or both.",
            show_default="0.4, or two thirds of the enter threshold if that is less",
        ),
    ] = None,
    min_duration: Annotated[
        float, typer.Option("--min-duration", metavar="SECONDS", help="Ignore events shorter than this.", min=0)
    ] = 0.5,
) -> None:
    """Label a file, camera or network stream as it plays, computing only what is new in each frame.

    With an anomaly detector: say when it is unusual. --out gets scores, --events gets alarms, and --alarms gets clips
    and pictures of them.

    Example: stillmotion stream runs/cnn_rnn rtsp://camera/line --events events.csv
    """
    from stillmotion.decoding.live import find_source

    frames_from = find_source(
        source, raw=raw_video, start=options.read_time(start, "--start"), end=options.read_time(end, "--end")
    )
    if source == "-" and sys.stdin.isatty():
        raise UsageError("-: standard input is a terminal; pipe a video into it")
    enter, leave = (
        options.read_threshold(text, name)
        for text, name in ((enter_threshold, "--enter-threshold"), (exit_threshold, "--exit-threshold"))
    )
    usable = (
        "model source out_file events_file alarms_folder mqtt webhook replace start end every_frame realtime raw_video"
    )
    anomalies = find_detector(context, model, usable.split())
    if anomalies is not None:
        with stopping_between_frames():
            return stream_with_detector(
                anomalies,
                frames_from,
                scores=out_file,
                events=events_file,
                alarms=alarms_folder,
                mqtt=mqtt,
                webhook=webhook,
                replace=replace,
                stop=interrupted,
                every_frame=every_frame,
                realtime=realtime,
            )
    for option, value in (("--alarms", alarms_folder), ("--mqtt", mqtt)):
        if value is not None:
            raise UsageError(
                f"{option} needs an anomaly detector, and {model} is none; of models, see --clips, --webhook"
            )
    check_model(model, facts, streamed=True)
    from stillmotion.models.cards import find_run
    from stillmotion.prediction.events import EventDetector
    from stillmotion.prediction.outputs import check_stream_outputs

    outputs: dict[str, Any] = {
        "predictions": out_file,
        "events": events_file,
        "video": video_file,
        "clips": clips_folder,
        "webhook": webhook,
        "replace": replace,
    }
    check_stream_outputs(frames_from, **outputs)

    def find_events(labels: Sequence[str], kind: Outputs = "softmax") -> EventDetector:
        return EventDetector(
            labels,
            smoothing_seconds=smoothing,
            enter_threshold=options.spread_threshold(enter, labels),
            exit_threshold=options.spread_threshold(leave, labels),
            min_duration_seconds=min_duration,
            outputs=kind,
            only=options.read_names(only),
            notice_seconds=notice_interval,
            unknown=unknown,
        )

    run = find_run(model)
    if run is not None:
        find_events(run.labels)  # What is wrong with thresholds and labels is said before a backend loads.
    load_backend()
    from stillmotion.prediction import StreamStats, load_clip_model, stream_to, time_budget

    videos = [Path(source)] if not frames_from.live and Path(source).is_file() else []
    clip_model = load_clip_model(model, **facts, engine=engine, snapshots=snapshots, videos=videos)
    if clip_model.note:
        note(clip_model.note)
    if events_file and unknown and clip_model.memory is None and run:
        note("this run does not remember its training clips, so what is unlike them is not reported as 'unknown'")
    stats = StreamStats()
    # Predictions or events may be printed for another program: the view must not be mixed with them.
    console = err if Path("-") in (out_file, events_file) else out
    view = ModelView(str(frames_from), clip_model.labels, stats, console, clip_model.outputs)
    with view, stopping_between_frames():
        result = stream_to(
            clip_model,
            frames_from,
            detector=find_events(clip_model.labels, clip_model.outputs),
            hop=hop,
            every_frame=every_frame,
            realtime=realtime,
            on_update=view.update,
            stats=stats,
            stop=interrupted,
            **outputs,
        )
    note(", ".join(describe_stats(stats)))
    if result.events:
        console.print(budget_table(time_budget(result.events), result.seconds))
    if result.no_event:
        note(result.no_event)
    if result.webhook_failures:
        note(f"{result.webhook_failures} posts did not reach the webhook ({result.webhook_error})")
    for path in result.files:
        note(f"written: {shown(path)}")


@contextmanager
def stopping_between_frames() -> Iterator[None]:
    """Let Ctrl-C, or a request to terminate, finish the current frame first. Pressed again, it does not wait."""

    def stop(*_: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
