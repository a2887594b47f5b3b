"""What train and compare begin with: read a data set, leave out what is broken, split it, choose the rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stillmotion.cli.options import read_rate, read_split
from stillmotion.cli.screen import bar, note, show_left_out
from stillmotion.clips import LeftOut, Rate, choose_rate, find_stretches
from stillmotion.data import PARTS, Videos, check_labelled, read_videos, split, straddling_groups
from stillmotion.errors import StillmotionError


@dataclass(frozen=True)
class Opened:
    """A data set, ready to train on."""

    train: Videos
    validation: Videos
    test: Videos
    left_out: list[LeftOut]
    rate: Rate


def open_data(data: Path, *, group: str | None, shares: str, seed: int, rate: str, frames: int) -> Opened:
    """Read and split a data set, and tell the user what it is.

    Raises:
        UsageError: an option that cannot be read.
        StillmotionError: nothing readable, one label only, too few groups.
    """
    fractions, chosen = read_split(shares), read_rate(rate)
    videos = read_videos(data, group=group)
    check_labelled(videos)
    with bar("opening") as watch:
        stretches, left_out = find_stretches(videos, progress=lambda done, total: watch("", done, total))
    show_left_out(left_out, len(videos))
    if not stretches:
        raise StillmotionError(f"{data}: none of {len(videos)} videos can be read")
    usable = videos.only([stretch.video for stretch in stretches])
    parts = split(usable, fractions, seed=seed)
    note(f"{len(usable)} videos, {len(usable.labels)} labels, {len(usable.groups)} groups; {usable.grouping}")
    note("split by group: " + ", ".join(
        f"{name} {len(part)} videos of {len(part.groups)} groups" for name, part in zip(PARTS, parts, strict=True)
    ))  # fmt: skip
    straddling = straddling_groups(parts)
    if straddling:
        note(
            f"warning: {len(straddling)} groups lie in more than one part of the table's own split "
            f"({straddling[0]!r}, ...); clips of one recording in train and test flatter every model"
        )
    if chosen is None:
        chosen, why = choose_rate([stretch.seconds for stretch in stretches], frames)
        note(why)
    return Opened(*parts, left_out, chosen)
