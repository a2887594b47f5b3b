"""The same footage twice, where it flatters or misleads: under two labels, in two groups, in two parts of a split."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import Segment, read_frames, thread_map
from stillmotion.errors import UnreadableVideoError

MOMENTS, SIDE = 6, 24
# Two pictures of one scene differ by noise and by what moves; a copy, encoded anew, by much less than its own
# moments differ from each other.
CLOSE_LEVELS, CLOSE_SHARE = 4.0, 0.25


@dataclass(frozen=True)
class DuplicatePair:
    """Two videos that show the same, and the mean difference of their pictures in levels of 255."""

    first: Segment
    second: Segment
    difference: float


def copies(segments: Sequence[Segment]) -> list[tuple[Segment, Segment]]:
    """Files that are copies, byte for byte, under two labels or in two groups: an earlier one, and its copy.

    Only files of one size are read; footage that was encoded anew is a matter for `near_duplicates`.
    """
    sizes: dict[int, dict[Path, Segment]] = defaultdict(dict)
    for segment in segments:
        sizes[segment.file.stat().st_size].setdefault(segment.file, segment)
    first: dict[bytes, Segment] = {}
    found = []
    for alike in sizes.values():
        for segment in alike.values() if len(alike) > 1 else ():
            with segment.file.open("rb") as file:
                digest = hashlib.file_digest(file, "blake2b").digest()
            one, other = first.setdefault(digest, segment).video, segment.video
            if (one.label, one.group) != (other.label, other.group):
                found.append((first[digest], segment))
    return found


def near_duplicates(segments: Sequence[Segment]) -> list[DuplicatePair]:
    """Pairs of videos that show the same moments, across labels or across the table's own parts.

    Compares six small grey pictures at even times. A pair counts where the mean difference is at most 4
    levels of 255, and at most a quarter of how much the video changes from moment to moment; a video
    that hardly changes at all counts only where the pictures agree almost exactly.
    """
    found = thread_map(_thumbnails, segments)
    pictures = [one for one in found if one is not None]
    kept = [segment for segment, one in zip(segments, found, strict=True) if one is not None]
    if len(kept) < 2:
        return []
    stack = np.stack(pictures)
    changes = np.abs(np.diff(stack, axis=1)).mean((1, 2, 3))
    limits = np.clip(CLOSE_SHARE * changes, 0.1, CLOSE_LEVELS)
    means, flat = stack.mean((2, 3)), stack.reshape(len(stack), -1)
    pairs = []
    for i in range(len(kept) - 1):
        # Pictures whose mean levels differ by more than the limit differ themselves by more.
        later = i + 1 + np.flatnonzero(np.abs(means[i + 1 :] - means[i]).mean(1) <= limits[i])
        for j in later:
            one, two = kept[i], kept[int(j)]
            if one.video.label == two.video.label and one.video.part == two.video.part:
                continue
            if abs(one.seconds - two.seconds) > 0.1 + 0.02 * one.seconds:
                continue
            difference = float(np.abs(flat[i] - flat[j]).mean())
            if difference <= min(limits[i], limits[j]):
                pairs.append(DuplicatePair(one, two, difference))
    return pairs


def _thumbnails(segment: Segment) -> NDArray[np.float32] | None:
    start, end = segment.window
    times = start + (np.arange(MOMENTS) + 0.5) * (end - start) / MOMENTS
    try:
        images = read_frames(segment.file, times, SIDE, SIDE).shown_at(times)
    except UnreadableVideoError:
        return None
    grey: NDArray[np.float32] = images.mean(-1, dtype=np.float32)
    return grey
