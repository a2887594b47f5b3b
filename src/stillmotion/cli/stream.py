"""stillmotion stream"""

from __future__ import annotations

import sys
from collections import deque
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from stillmotion.cli.backend import load_backend
from stillmotion.cli.screen import interrupted, note, out, shown

if TYPE_CHECKING:
    import stillmotion as sm
    from stillmotion.prediction.live import Tally

_BLOCKS = " ▁▂▃▄▅▆▇█"


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
        Path | None, typer.Option("--out", metavar="FILE", help="Moments: .jsonl or .csv.", show_default=False)
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
            help="Frames from a window to the next. [default: 1, or what this machine keeps up with]",
            show_default=False,
            min=1,
        ),
    ] = None,
    every_frame: Annotated[bool, typer.Option("--every-frame", help="Never drop a frame, however late.")] = False,
    paced: Annotated[bool, typer.Option("--paced", help="Play a file at its own pace, as a camera would.")] = False,
    rate: Annotated[
        float | None, typer.Option(help="Frames a second that the model sees. [default: the run's]", show_default=False)
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Of a Keras model that is no run.", show_default=False)
    ] = None,
    raw: Annotated[
        str, typer.Option(metavar="WxH@FPS", help="Standard input is bare RGB pictures.", show_default=False)
    ] = "",
    smoothing: Annotated[float, typer.Option(metavar="SECONDS", help="Probabilities are averaged over.", min=0)] = 1.0,
    enter: Annotated[float, typer.Option(help="Probability at which an event begins.", min=0, max=1)] = 0.6,
    leave: Annotated[float, typer.Option(help="Probability below which it ends.", min=0, max=1)] = 0.4,
    least: Annotated[float, typer.Option(metavar="SECONDS", help="A shorter event is none.", min=0)] = 0.5,
) -> None:
    """Label a file, camera or network stream as it goes: each window's answer at the cost of one new frame.

    Example: stillmotion stream runs/cnn_rnn rtsp://camera/line --events events.csv
    """
    from stillmotion.decoding.cameras import find_source
    from stillmotion.prediction import outlets

    found = find_source(source, raw=raw)
    load_backend()
    from stillmotion.prediction.events import EventFinder
    from stillmotion.prediction.live import Tally, make_watcher, watch

    watcher = make_watcher(run, rate=rate, labels=labels.split(",") if labels else None)
    if watcher.note:
        note(watcher.note)
    tally, events = Tally(), EventFinder(watcher.labels, smoothing, enter, leave, least)
    columns = outlets.moment_columns(watcher.labels)
    with ExitStack() as stack:
        moments_to = [stack.enter_context(closing(outlets.open_outlet(path, columns))) for path in [out_file] if path]
        hook = stack.enter_context(closing(outlets.Webhook(webhook))) if webhook else None
        events_to = [
            stack.enter_context(closing(outlets.open_outlet(path, outlets.EVENT_COLUMNS)))
            for path in [events_file]
            if path
        ]
        video = stack.enter_context(closing(outlets.AnnotatedVideo(video_file))) if video_file else None
        screen = stack.enter_context(_Screen(watcher.labels, tally))

        def tell(ended: list[sm.Event]) -> None:
            for event in ended:
                screen.event(event)
                for outlet in [*events_to, *([hook] if hook else [])]:
                    outlet.write(outlets.event_row(event))

        latest = None
        try:
            for seen in watch(watcher, found, hop=hop, every_frame=every_frame, paced=paced,
                              at_once=1 if video else None, tally=tally):  # fmt: skip
                for moment in seen.moments:
                    latest = moment
                    for outlet in moments_to:
                        outlet.write(outlets.moment_row(moment, watcher.labels))
                    screen.moment(moment)
                    tell(events.push(moment))
                if video:
                    video.write(seen.shot, latest)
        except BaseException:
            if not interrupted.is_set():
                raise
            # Ctrl-C is the way to end a stream, whatever the backend makes of it.
        finally:
            tell(events.flush())
    note(_summary(tally))
    if hook and hook.failed:
        note(f"{hook.failed} events did not reach {webhook} ({hook.trouble})")
    for path in (out_file, events_file, video_file):
        if path:
            note(f"written: {shown(path)}")


class _Screen:
    """The live view where there is a terminal; elsewhere a line an event."""

    def __init__(self, labels: tuple[str, ...], tally: Tally) -> None:
        self.labels, self.tally = labels, tally
        self.history: deque[float] = deque(maxlen=48)
        self.latest: sm.Moment | None = None
        self.live = Live(get_renderable=self.view, console=out, refresh_per_second=8) if out.is_terminal else None

    def __enter__(self) -> _Screen:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def moment(self, moment: sm.Moment) -> None:
        self.latest = moment
        self.history.append(moment.probability)

    def event(self, event: sm.Event) -> None:
        span = f"{event.start_seconds:8.2f} to {event.end_seconds:8.2f} s"
        out.print(f"{span}  {escape(event.label)}  {event.confidence:.2f}")
        sys.stdout.flush()

    def view(self) -> Table:
        """Label and bars now, the last moments as a sparkline, and how the stream goes."""
        table = Table.grid(padding=(0, 2))
        if self.latest is None:
            table.add_row("waiting for the first window")
            return table
        table.add_row(f"[bold]{escape(self.latest.label or '')}[/bold]", f"at {self.latest.seconds or 0:.1f} s")
        order = sorted(range(len(self.labels)), key=lambda n: -self.latest.probabilities[n] if self.latest else 0)[:6]
        for number in order:
            share = float(self.latest.probabilities[number])
            table.add_row(escape(self.labels[number]), f"{'█' * round(30 * share):30} {share:.2f}")
        line = "".join(_BLOCKS[round(share * (len(_BLOCKS) - 1))] for share in self.history)
        table.add_row("", line)
        table.add_row("", f"[dim]{escape(_summary(self.tally))}[/dim]")
        return table


def _summary(tally: Tally) -> str:
    source = tally.source
    told = [f"{source.frames} frames, {tally.moments} moments"]
    if tally.hop > 1:
        told.append(f"a window every {tally.hop} frames")
    if source.dropped or tally.skipped:
        told.append(f"{source.dropped + tally.skipped} dropped")
    if source.reconnects:
        told.append(f"{source.reconnects} reconnects")
    if len(source.sizes) > 1:
        told.append(f"{len(source.sizes)} sizes")
    if tally.rate:
        told.append(f"{tally.rate:.0f} frames/s, lag {tally.lag:.2f} s")
    return ", ".join([*told, *([source.trouble] if source.trouble else [])])
