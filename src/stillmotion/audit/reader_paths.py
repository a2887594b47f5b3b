"""What the user's frame reader yields for the frames of a video, and by which path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stillmotion.audit.attribution import Alternatives
from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.colors import find_scaling
from stillmotion.audit.faults import SCALING, TIME_OFFSET, Fault, PathSettings
from stillmotion.audit.faults.framing import WHOLE, Box
from stillmotion.audit.faults.orientation import UPRIGHT, Orientation
from stillmotion.audit.faults.scaling import LEVELS, TRUNCATED, as_levels
from stillmotion.audit.frame_reader import FrameReader, sample_evenly
from stillmotion.audit.frame_search import Match
from stillmotion.audit.matching import match_near, match_picture
from stillmotion.audit.observations import Observation, group_alike
from stillmotion.audit.pipeline_estimation import explain, to_model_size
from stillmotion.audit.resampling import Floats
from stillmotion.audit.video_index import IndexedVideo
from stillmotion.errors import StillmotionError

MAX_MATCHED = 5  # frames that are matched to find out how a reader turns and frames


@dataclass(frozen=True, eq=False)
class ReaderPath:
    """What a reader yields for one frame.

    Attributes:
        values: float32 `(height, width, 3)`, as the model gets it.
        settings: the path that it came.
        residual_cause: the fault that what the path leaves unexplained belongs to, if that is known.
        alternatives: of each fault of the path, other faults that explain the picture as well.
    """

    values: Floats
    settings: PathSettings
    residual_cause: Fault[Any] | None = None
    alternatives: Alternatives = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _ReadVideo:
    """How a reader reads one video.

    Attributes:
        video: the video.
        count: how many frames it yields.
        truncated: whether it yields nothing but 0 and 1.
        by_index: whether its frames are the video's one by one, and not every second one or so.
        orientation: how it turns frames.
        box: how it frames them.
    """

    video: IndexedVideo
    count: int
    truncated: bool
    by_index: bool
    orientation: Orientation
    box: Box

    @property
    def complete(self) -> bool:
        """Whether it yields about as many frames as there are."""
        return abs(self.count - len(self.video)) <= max(2, 0.02 * len(self.video))

    def position(self, index: int) -> int:
        """Where among the frames that it yields a frame of the video should be."""
        position = index if self.by_index else round(index * self.count / len(self.video))
        return min(position, self.count - 1)

    def match(self, picture: Floats, index: int) -> Match:
        """The frame that it yields in place of an expected one."""
        if self.truncated:  # nothing is left to match
            return Match(self.video, index, self.orientation, self.box, 1.0)
        return match_near(picture, self.video, index, self.orientation, self.box)


def find_reader_paths(
    audited: AuditedModel, matches: Sequence[Match], reader: FrameReader
) -> tuple[list[ReaderPath], list[str]]:
    """Read frames by the user's reader, and estimate the path that they came.

    Args:
        audited: the model.
        matches: the frames to read.
        reader: the reader.

    Returns:
        A path for each match, and notes on what is unusual.

    Raises:
        StillmotionError: the reader's pictures are not those of the video.
    """
    values: dict[int, Floats] = {}
    reader_matches: dict[int, Match] = {}
    read_videos = []
    for video in dict.fromkeys(match.video for match in matches):
        read_video = _inspect(audited, video, reader)
        read_videos.append(read_video)
        wanted: dict[int, list[int]] = {}
        for number, match in enumerate(matches):
            if match.video is video:
                wanted.setdefault(read_video.position(match.index), []).append(number)
        for position, picture in enumerate(reader.read(video.file, *audited.size)):
            for number in wanted.get(position, ()):
                values[number] = picture
                reader_matches[number] = read_video.match(picture, matches[number].index)
            if position >= max(wanted):
                break
    notes = [
        f"{reader.name} yields {read_video.count} frames of {read_video.video.file.name}, "
        f"which has {len(read_video.video)}"
        for read_video in read_videos
        if not read_video.complete
    ]
    pictures = [values[number] for number in range(len(matches))]
    if all(read_video.truncated for read_video in read_videos):
        return [ReaderPath(picture, audited.settings.having(SCALING, TRUNCATED)) for picture in pictures], notes
    yielded = [reader_matches[number] for number in range(len(matches))]
    return _estimate(audited, pictures, matches, yielded), notes


def _estimate(
    audited: AuditedModel, pictures: Sequence[Floats], expected: Sequence[Match], yielded: Sequence[Match]
) -> list[ReaderPath]:
    """The paths of a reader's pictures, from the frames that they should and do show."""
    scaling = find_scaling(pictures, yielded, audited.input_range or LEVELS)
    observations = [
        Observation(as_levels(picture, scaling), match) for picture, match in zip(pictures, yielded, strict=True)
    ]
    paths: dict[int, ReaderPath] = {}
    for group in group_alike(observations):
        explanation = explain([observations[number] for number in group])
        settings = to_model_size(explanation.settings, audited.size, audited.size).having(SCALING, scaling)
        settings = audited.framed(settings, audited.size, yielded[group[0]].video.size)
        for number, shift in zip(group, explanation.shifts, strict=True):
            offset = yielded[number].index + shift - expected[number].index
            paths[number] = ReaderPath(
                pictures[number],
                settings.having(TIME_OFFSET, offset),
                explanation.residual_cause,
                explanation.alternatives,
            )
    return [paths[number] for number in range(len(pictures))]


def _inspect(audited: AuditedModel, video: IndexedVideo, reader: FrameReader) -> _ReadVideo:
    """Read a video once, and match some frames with it."""
    count, sample = sample_evenly(reader.read(video.file, *audited.size))
    complete = abs(count - len(video)) <= max(2, 0.02 * len(video))
    if all(np.isin(picture, (0, 1)).all() for _, picture in sample):
        return _ReadVideo(video, count, True, complete, UPRIGHT, WHOLE)
    if max(float(np.ptp(picture)) for _, picture in sample) == 0:
        raise StillmotionError(f"{reader.name} on {video.file}: yields pictures of one color")
    looked_at = sample[:: max(1, len(sample) // MAX_MATCHED)]
    matched = [
        (position, match) for position, picture in looked_at if (match := match_picture(picture, [video])) is not None
    ]
    if not matched:
        raise StillmotionError(f"{reader.name} on {video.file}: its pictures match no frame of this video")
    ways = [(match.orientation, match.box) for _, match in matched]
    orientation, box = max(dict.fromkeys(ways), key=ways.count)
    by_index = complete or _goes_by_index(matched, len(video) / count)
    return _ReadVideo(video, count, False, by_index, orientation, box)


def _goes_by_index(matched: Sequence[tuple[int, Match]], rate: float) -> bool:
    """Whether frames are skipped at one end only, and not throughout, as by a lower frame rate.

    `matched` holds positions among the frames that the reader yields, and the frames that these show.
    """
    positions = np.array([position for position, _ in matched])
    frames = np.array([match.index for _, match in matched])
    by_index, by_rate = (
        np.abs(offset - np.median(offset)).mean() for offset in (frames - positions, frames - rate * positions)
    )
    return len(matched) > 1 and bool(by_index < by_rate)
