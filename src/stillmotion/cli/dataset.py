"""What train and compare begin with: read a data set, leave out what is broken, split it, choose the rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stillmotion.cli.console import bar, note, show_left_out
from stillmotion.clips import Rate, Segment, SkippedVideo, choose_rate, open_videos
from stillmotion.data import PARTS, Videos, check_labelled, read_videos, split, split_folds, straddling_groups
from stillmotion.errors import StillmotionError


@dataclass(frozen=True)
class Opened:
    """A data set, ready to train on."""

    train: Videos
    validation: Videos
    test: Videos
    skipped: list[SkippedVideo]
    rate: Rate
    folds: tuple[tuple[Videos, Videos, Videos], ...] = ()  # train, validation, test; one or more


def read_labelled(data: Path, *, group: str | None) -> Videos:
    """Read a data set to train on; no video is opened yet.

    Raises:
        StillmotionError: as `read_videos`, or nothing can be learned from it.
    """
    videos = read_videos(data, group=group)
    check_labelled(videos)
    return videos


def open_data(
    videos: Videos, *, fractions: tuple[float, ...], seed: int, rate: Rate | None, frames: int, folds: int = 0
) -> Opened:
    """Open and split a data set, and tell the user what it is. folds: for cross-validation, 2 or more.

    Raises:
        StillmotionError: nothing readable, too few groups.
    """
    with bar("opening") as progress:
        opened = open_videos(videos, progress=progress)
    segments, skipped = list(opened.segments), list(opened.skipped)
    show_left_out(skipped, len(segments) + len(skipped))
    if not segments:
        raise StillmotionError(f"{videos.root}: none of {len(videos)} videos can be read")
    usable = videos.only([segment.video for segment in segments])
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
    _warn_of_copies(segments)
    if rate is None:
        rate, why = choose_rate([segment.seconds for segment in segments], frames)
        note(why)
    return Opened(*divided[0], skipped, rate, divided)


def _warn_of_copies(segments: Sequence[Segment]) -> None:
    from stillmotion.inspection import copies

    found = copies(segments)
    if found:
        one, other = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        note(
            f"warning: {other.video.path} is a copy of {one.video.path}, under another label or in another group"
            f"{more}; copies mislead or flatter every model"
        )
