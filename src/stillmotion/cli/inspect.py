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
from stillmotion.cli.console import bar, out, print_list, shown
from stillmotion.clips import choose_rate
from stillmotion.errors import StillmotionError

if TYPE_CHECKING:
    from stillmotion.inspection import Inspection

FRAMES = 16


def inspect(
    data: options.Data,
    group: options.Group = None,
    frame_rate: options.FrameRate = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="File for the contact sheet.", show_default="DATA-sheet.png"),
    ] = None,
) -> None:
    """Report what a data set contains and what is wrong with it, and draw a contact sheet.

    Example: stillmotion inspect clips/
    """
    from stillmotion.data import read_videos
    from stillmotion.inspection import inspect_videos, write_contact_sheet

    videos = read_videos(data, group=group, frame_rate=frame_rate)
    with bar("inspect") as progress:
        inspection = inspect_videos(videos, progress=progress)
    _print_contents(inspection)
    _print_problems(inspection)
    if not inspection.segments:
        raise StillmotionError(f"{data}: none of {len(videos)} videos can be read")
    with bar("inspect") as progress:
        path = write_contact_sheet(
            inspection.segments, sheet or Path(f"{data.resolve().stem}-sheet.png"), progress=progress
        )
    out.print(f"contact sheet: {shown(path)}", markup=False)


def _print_contents(inspection: Inspection) -> None:
    """Print the numbers of videos, labels and groups, and the properties of the files."""
    videos, segments = inspection.videos, inspection.segments
    out.print(f"{len(videos)} videos, {len(videos.labels)} labels, {len(videos.groups)} groups", markup=False)
    out.print(videos.grouping, markup=False)
    facts = [segment.facts for segment in segments]
    if facts:
        durations = [segment.seconds for segment in segments]
        out.print(f"durations  {_range(durations)} s")
        out.print(f"rates      {_range([fact.rate for fact in facts])} frames per second")
        out.print(f"sizes      {_most_common([f'{fact.width}x{fact.height}' for fact in facts])}", markup=False)
        out.print(f"codecs     {_most_common([f'{fact.codec} in {fact.container}' for fact in facts])}", markup=False)
        out.print(
            choose_rate(durations, FRAMES, [segment.facts.rate for segment in segments if segment.seconds > 0])[1],
            markup=False,
        )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("label", overflow="fold")
    table.add_column("videos", justify="right")
    table.add_column("groups", justify="right")
    for label, count in inspection.labels.items():
        table.add_row(escape(label or "(none)"), str(count.videos), str(count.groups))
    out.print(table)


def _print_problems(inspection: Inspection) -> None:
    """Print each kind of problem with its videos."""
    print_list("videos are skipped", [skipped.reason for skipped in inspection.skipped])
    print_list(
        "videos end before their headers say",
        [f"{s.file}: {s.facts.seconds:.3g} s of {s.facts.header_seconds:.3g} s" for s in inspection.ends_early],
    )
    print_list(
        "pairs of videos show the same, but have two labels or are in two parts of the split",
        [
            f"{pair.first.video.name} ({pair.first.video.label}), {pair.second.video.name} ({pair.second.video.label})"
            for pair in inspection.duplicates
        ],
    )
    print_list(
        "pairs of videos are copies or overlap, under another label or in another group",
        [f"{first.video.name}, {second.video.name}" for first, second in inspection.copies],
    )
    few_groups = [f"{label!r}: {count}" for label, count in inspection.few_groups.items()]
    print_list("labels have too few groups to split (at least 3 are needed)", few_groups)
    print_list("groups are in more than one part of the table's split", inspection.straddling)
    if inspection.alike_names:
        out.print(f"{inspection.alike_names.question} (--group)", markup=False)
    elif inspection.each_its_own_group:
        out.print(
            "each video counts as a group of its own. If some show the same person, animal, machine, camera or day, or "
            "were cut from one recording, join them by a table's column 'group' or by --group; otherwise every model "
            "looks better than it is. --group '.+' says that none do",
            markup=False,
        )
    if len(inspection.videos.labels) < 2:
        out.print("there are fewer than two labels, so there is nothing to classify")


def _range(values: Sequence[float]) -> str:
    """The lowest, highest and median value in words."""
    ordered = sorted(values)
    low, typical, high = ordered[0], ordered[len(ordered) // 2], ordered[-1]
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}, typically {typical:.3g}"


def _most_common(values: Sequence[str]) -> str:
    """The most frequent values with their counts."""
    counts = Counter(values).most_common(4)
    more = len(set(values)) - len(counts)
    return ", ".join(f"{value} ({count})" for value, count in counts) + (f", and {more} more" if more else "")
