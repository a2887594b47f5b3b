"""What train and compare begin with: read a data set, leave out what is broken, split it, choose the rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stillmotion.cli.options import read_rate, read_split
from stillmotion.cli.screen import bar, note, show_left_out
from stillmotion.clips import LeftOut, Rate, choose_rate, find_stretches
from stillmotion.data import PARTS, Videos, check_labelled, read_videos, split, split_folds, straddling_groups
from stillmotion.errors import StillmotionError


@dataclass(frozen=True)
class Opened:
    """A data set, ready to train on."""

    train: Videos
    validation: Videos
    test: Videos
    left_out: list[LeftOut]
    rate: Rate
    folds: tuple[tuple[Videos, Videos, Videos], ...] = ()  # train, validation, test; one or more


def open_data(
    data: Path, *, group: str | None, shares: str, seed: int, rate: str, frames: int, folds: int = 0
) -> Opened:
    """Read and split a data set, and tell the user what it is. folds: for cross-validation, 2 or more.

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
    divided = (
        tuple(split_folds(usable, folds, fractions, seed=seed)) if folds else (split(usable, fractions, seed=seed),)
    )
    note(f"{len(usable)} videos, {len(usable.labels)} labels, {len(usable.groups)} groups; {usable.grouping}")
    if folds:
        own = "; the table's own split is not used" if any(video.part for video in usable) else ""
        note(f"{folds} folds by group, each video in the test part of one{own}")
    for one in divided:
        note("split by group: " + ", ".join(
            f"{name} {len(part)} videos of {len(part.groups)} groups" for name, part in zip(PARTS, one, strict=True)
        ))  # fmt: skip
        straddling = straddling_groups(one)
        if straddling:
            note(
                f"warning: {len(straddling)} groups lie in more than one part of the table's own split "
                f"({straddling[0]!r}, ...); clips of one recording in train and test flatter every model"
            )
    if chosen is None:
        chosen, why = choose_rate([stretch.seconds for stretch in stretches], frames)
        note(why)
    return Opened(*divided[0], left_out, chosen, divided)
