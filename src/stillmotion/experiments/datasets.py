"""A data set made ready to train on: read, opened once, split by group, its clip rate chosen."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stillmotion.clips import OpenedVideos, Rate, SkippedVideo, cap_rate, choose_rate, open_videos
from stillmotion.data import (
    PARTS,
    Videos,
    as_videos,
    check_labeled,
    find_alike_names,
    read_videos,
    split,
    split_folds,
    straddling_groups,
)
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.inspection import copies
from stillmotion.progress import Progress, no_progress

MAX_SHOWN = 10  # skipped videos that are named
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fold:
    """One division of the data set into train, validation and test parts."""

    train: OpenedVideos
    validation: OpenedVideos
    test: OpenedVideos


@dataclass(frozen=True)
class Dataset:
    """An opened data set and how it is divided.

    Attributes:
        opened: all readable videos.
        skipped: the others, with reasons.
        folds: one division, or several for cross-validation.
        rate: the clip rate that suits the videos, in frames per second, or "spread".
    """

    opened: OpenedVideos
    skipped: tuple[SkippedVideo, ...]
    folds: tuple[Fold, ...]
    rate: Rate


def read_labeled(
    data: str | Path | Videos | OpenedVideos, *, group: str | None = None, frame_rate: float | None = None
) -> Videos | OpenedVideos:
    """Read a labeled data set; no video is opened yet.

    Args:
        data: a folder, a table, or videos that were read before.
        group: a regular expression; what it matches in a video's path names its group.
        frame_rate: frames per second of videos that are folders of numbered frames.

    Returns:
        The videos.

    Raises:
        UsageError: nothing is there, it is not a data set, or `group` or `frame_rate` is given for videos that were
            read before.
        StillmotionError: it cannot be read, a video has no label, or there are fewer than two labels.
    """
    if isinstance(data, Videos | OpenedVideos):
        if group is not None or frame_rate is not None:
            raise UsageError(
                "a group pattern or a frame rate applies to a folder or a table; these videos have their groups already"
            )
        videos: Videos | OpenedVideos = data
    else:
        videos = read_videos(data, group=group, frame_rate=frame_rate)
    check_labeled(as_videos(videos))
    return videos


def open_dataset(
    videos: Videos | OpenedVideos,
    *,
    fractions: Sequence[float],
    seed: int,
    rate: Rate | Literal["auto"],
    frames: int,
    folds: int = 0,
    progress: Progress = no_progress,
) -> Dataset:
    """Open a data set and divide it by group. What a user should know of it is logged.

    Args:
        videos: labeled videos.
        fractions: shares of the train, validation and test parts.
        seed: of the division.
        rate: the clip rate in frames per second, "spread", or "auto" to choose by the videos' durations.
        frames: of a clip, for the choice of the rate.
        folds: 0 for one division, 2 or more for cross-validation.
        progress: receives the number of videos opened.

    Returns:
        The data set.

    Raises:
        StillmotionError: no video can be read, there are too few groups, or a table's own split tests a label that its
            train part lacks.
    """
    everything = open_videos(videos, progress=progress)
    _log_skipped(everything)
    if not everything.segments:
        total = len(everything.skipped)
        raise StillmotionError(f"{everything.root}: none of {total} videos can be read")
    opened = everything.only(everything.videos)
    usable = opened.videos if isinstance(videos, OpenedVideos) else videos.only(opened.videos)
    divisions = split_folds(usable, folds, fractions, seed=seed) if folds else [split(usable, fractions, seed=seed)]
    for division in divisions:
        _check_labels(division)
    _log_divisions(usable, divisions)
    alike = find_alike_names(usable)
    if alike:
        log.warning("%s", alike.question, extra={"parameter": "group"})
    _warn_of_copies(opened)
    own_rates = [segment.facts.rate for segment in opened if segment.seconds > 0]
    if rate == "auto":
        rate, reason = choose_rate([segment.seconds for segment in opened], frames, own_rates)
        log.info(reason)
    elif rate != "spread" and (capped := cap_rate(rate, own_rates)) < rate:
        log.info("rate: %g frames per second instead of %g; no video has more", capped, rate)
        rate = capped
    parts = tuple(Fold(*(opened.only(part) for part in division)) for division in divisions)
    return Dataset(opened, everything.skipped, parts, rate)


def _check_labels(division: tuple[Videos, Videos, Videos]) -> None:
    """Refuse a label that a model is tested on without having been trained on it."""
    train = division[0]
    for name, part in zip(PARTS[1:], division[1:], strict=True):
        unknown = sorted(set(part.labels) - set(train.labels))
        if unknown:
            raise StillmotionError(
                f"the label {unknown[0]!r} is in the {name} part but not in the train part; "
                "move one of its groups to the train part"
            )


def _log_skipped(opened: OpenedVideos) -> None:
    if not opened.skipped:
        return
    log.info("%d of %d videos skipped:", len(opened.skipped), len(opened) + len(opened.skipped))
    for video in opened.skipped[:MAX_SHOWN]:
        log.info("  %s", video.reason)
    if len(opened.skipped) > MAX_SHOWN:
        log.info("  and %d more; inspect the data set to see all of them", len(opened.skipped) - MAX_SHOWN)


def _log_divisions(usable: Videos, divisions: Sequence[tuple[Videos, Videos, Videos]]) -> None:
    grouping = f"; {usable.grouping}" if usable.grouping else ""
    log.info("%d videos, %d labels, %d groups%s", len(usable), len(usable.labels), len(usable.groups), grouping)
    if len(divisions) > 1:
        ignored = "; the table's own split is not used" if any(video.part for video in usable) else ""
        log.info("%d folds by group, each video in the test part of one%s", len(divisions), ignored)
    for division in divisions:
        sizes = ", ".join(
            f"{name} {len(part)} videos of {len(part.groups)} groups"
            for name, part in zip(PARTS, division, strict=True)
        )
        log.info("split by group: %s", sizes)
        straddling = straddling_groups(division)
        if straddling:
            log.warning(
                "%d groups are in more than one part of the table's own split (%r, ...); "
                "clips of one recording in train and test make every model look better than it is",
                len(straddling),
                straddling[0],
            )


def _warn_of_copies(opened: OpenedVideos) -> None:
    pairs = copies(opened.segments)
    if pairs:
        original, copy = pairs[0]
        more = f" (and {len(pairs) - 1} more)" if len(pairs) > 1 else ""
        log.warning(
            "%s %s %s, under another label or in another group%s; "
            "copies mislead training or make every model look better than it is",
            copy.video.name,
            "overlaps" if copy.file == original.file else "is a copy of",
            original.video.name,
            more,
        )
