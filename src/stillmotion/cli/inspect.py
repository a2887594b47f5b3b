"""stillmotion inspect"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from stillmotion.cli import options
from stillmotion.cli.console import bar, out, shown
from stillmotion.clips import choose_rate

if TYPE_CHECKING:
    from stillmotion.inspection import Inspection

FRAMES = 16


def inspect(
    data: options.Data,
    group: options.Group = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="The contact sheet.", show_default="DATA-sheet.png"),
    ] = None,
) -> None:
    """What is in a data set, and what is wrong with it; and a contact sheet to look at.

    Example: stillmotion inspect clips/
    """
    from stillmotion.data import read_videos
    from stillmotion.inspection import inspect_videos, write_contact_sheet

    videos = read_videos(data, group=group)
    with bar("opening") as progress:
        found = inspect_videos(videos, progress=progress)
    _say(found)
    if found.segments:
        path = write_contact_sheet(found.segments, sheet or Path(f"{data.resolve().stem}-sheet.png"))
        out.print(f"contact sheet: {shown(path)}", markup=False)


def _say(found: Inspection) -> None:
    videos = found.videos
    out.print(f"{len(videos)} videos, {len(videos.labels)} labels, {len(videos.groups)} groups", markup=False)
    out.print(videos.grouping, markup=False)
    facts = [segment.facts for segment in found.segments]
    if facts:
        out.print(f"lengths    {_range([s.seconds for s in found.segments])} s")
        out.print(f"rates      {_range([fact.rate for fact in facts])} frames a second")
        out.print(f"sizes      {_common([f'{fact.width}x{fact.height}' for fact in facts])}", markup=False)
        out.print(f"codecs     {_common([f'{fact.codec} in {fact.container}' for fact in facts])}", markup=False)
        out.print(choose_rate([s.seconds for s in found.segments], FRAMES)[1], markup=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("label", overflow="fold")
    table.add_column("videos", justify="right")
    table.add_column("groups", justify="right")
    for label, count in found.labels.items():
        table.add_row(escape(label or "(none)"), str(count.videos), str(count.groups))
    out.print(table)

    _list("left out", [one.reason for one in found.skipped])
    _list(
        "end before their header says",
        [f"{s.file}: {s.facts.seconds:.3g} s of {s.facts.header_seconds:.3g} s" for s in found.ends_early],
    )
    _list(
        "pairs show the same under two labels or in two parts",
        [f"{p.first.video.name} ({p.first.video.label}), {p.second.video.name} ({p.second.video.label})"
         for p in found.duplicates],
    )  # fmt: skip
    _list("labels have too few groups to split (3 are needed)", [f"{k!r}: {v}" for k, v in found.few_groups.items()])
    _list("groups lie in more than one part of the table's split", found.straddling)
    if len(videos.labels) < 2:
        out.print("only one label: there is nothing to tell apart")


def _list(what: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    out.print(f"[bold]{len(lines)} {what}:[/bold]")
    for line in lines[:20]:
        out.print(f"  {line}", markup=False)
    if len(lines) > 20:
        out.print(f"  and {len(lines) - 20} more")


def _range(values: Sequence[float]) -> str:
    ordered = sorted(values)
    low, typical, high = ordered[0], ordered[len(ordered) // 2], ordered[-1]
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}, typically {typical:.3g}"


def _common(values: Sequence[str]) -> str:
    counts = Counter(values).most_common(4)
    more = len(set(values)) - len(counts)
    return ", ".join(f"{value} ({count})" for value, count in counts) + (f", and {more} more" if more else "")
