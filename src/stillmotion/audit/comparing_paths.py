"""Snapshots, or the user's frame reader, compared with the frames of the videos that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stillmotion.audit.attribution import Alternatives, Attribution, PathPair, attribute
from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.faults import CHANNEL_ORDER, SCALING, Fault, PathSettings, context_radius, render
from stillmotion.audit.faults.framing import WHOLE, Box
from stillmotion.audit.faults.orientation import UPRIGHT
from stillmotion.audit.frame_reader import FrameReader
from stillmotion.audit.frame_search import Match
from stillmotion.audit.matching import match_picture
from stillmotion.audit.observations import Observation, group_alike
from stillmotion.audit.pipeline_estimation import explain, to_model_size
from stillmotion.audit.reader_paths import ReaderPath, find_reader_paths
from stillmotion.audit.snapshots import MatchedSnapshot, Snapshot
from stillmotion.audit.video_index import IndexedVideo
from stillmotion.progress import Progress

SAMPLED_FRAMES = 24  # at which a reader is compared, where there are no snapshots
MAX_SNAPSHOTS = 200
MAX_BOXES = 4  # framings of earlier snapshots that are tried again


@dataclass(frozen=True, eq=False)
class ComparedSnapshot:
    """A snapshot, its frame, and what their differences do to predictions.

    Attributes:
        snapshot: the snapshot.
        match: the frame that it shows.
        pair: both as the model gets them, and the paths that they came.
        attribution: the change of prediction, by fault.
        unexplained_levels: the root mean square of what the snapshot's path leaves unexplained, in levels.
    """

    snapshot: Snapshot
    match: Match
    pair: PathPair
    attribution: Attribution
    unexplained_levels: float


@dataclass(frozen=True, eq=False)
class PathComparison:
    """All snapshots, and what came out for those that match a frame.

    Attributes:
        matched: every snapshot with its match, or with none.
        compared: the matched ones, compared.
        notes: what is unusual about the frame reader.
    """

    matched: tuple[MatchedSnapshot, ...]
    compared: tuple[ComparedSnapshot, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def pairs(self) -> tuple[PathPair, ...]:
        """The compared snapshots by both paths."""
        return tuple(compared.pair for compared in self.compared)

    @property
    def attributions(self) -> tuple[Attribution, ...]:
        """What their differences do."""
        return tuple(compared.attribution for compared in self.compared)


@dataclass(frozen=True, eq=False)
class _SnapshotPath:
    """The path that a snapshot came, and its match, corrected if that was a frame off."""

    match: Match
    settings: PathSettings
    residual_cause: Fault[Any] | None = None
    unexplained_levels: float = 0.0
    alternatives: Alternatives = field(default_factory=dict)


def match_snapshots(
    snapshots: Sequence[Snapshot], videos: Sequence[IndexedVideo], progress: Progress
) -> list[MatchedSnapshot]:
    """Find the frame that each snapshot shows.

    Args:
        snapshots: the snapshots; only the first `MAX_SNAPSHOTS` are used.
        videos: where to look.
        progress: called after each.

    Returns:
        Each snapshot with its match, or with none.
    """
    matched: list[MatchedSnapshot] = []
    boxes: list[Box] = []  # snapshots of one folder are often framed alike
    for number, snapshot in enumerate(snapshots[:MAX_SNAPSHOTS]):
        progress("matching snapshots", number, len(snapshots))
        match = match_picture(snapshot.picture, videos, boxes)
        if match is not None and match.box not in boxes:
            boxes = [*boxes, match.box][-MAX_BOXES:]
        matched.append(MatchedSnapshot(snapshot, match))
    return matched


def sample_frames(videos: Sequence[IndexedVideo]) -> list[MatchedSnapshot]:
    """Evenly spread frames of the videos themselves, in place of snapshots."""
    per_video = max(2, SAMPLED_FRAMES // len(videos))
    sampled = []
    for video in videos[:SAMPLED_FRAMES]:
        for index in np.unique(np.linspace(0, len(video) - 1, per_video + 2).round().astype(int)[1:-1]):
            frame = Snapshot(video.file, video.picture(int(index)), is_frame=True)
            sampled.append(MatchedSnapshot(frame, Match(video, int(index), UPRIGHT, WHOLE, 1.0)))
    return sampled


def compare_paths(
    audited: AuditedModel, matched: Sequence[MatchedSnapshot], reader: FrameReader | None, progress: Progress
) -> PathComparison:
    """Estimate both paths of every snapshot, and attribute the change of its prediction.

    Args:
        audited: the model.
        matched: the snapshots with their frames.
        reader: the user's frame reader; None to compare with the frames themselves.
        progress: called after each snapshot.

    Returns:
        What came out.

    Raises:
        StillmotionError: the reader's pictures are not those of the video.
    """
    matches = [(entry.snapshot, entry.match) for entry in matched if entry.match is not None]
    if not matches:
        return PathComparison(tuple(matched))
    progress("estimating paths", 0, 1)
    snapshot_paths = _find_snapshot_paths(audited, matches)
    reader_paths: list[ReaderPath] | None = None
    notes: list[str] = []
    if reader is not None:
        reader_paths, notes = find_reader_paths(audited, [path.match for path in snapshot_paths], reader)
    compared = []
    for number, ((snapshot, _), path) in enumerate(zip(matches, snapshot_paths, strict=True)):
        progress("attributing changes", number, len(matches))
        reader_path = reader_paths[number] if reader_paths else None
        video_settings = reader_path.settings if reader_path else audited.settings
        context = path.match.video.context(path.match.index, context_radius(video_settings, path.settings))
        pair = PathPair(
            context=context,
            video_settings=video_settings,
            snapshot_settings=path.settings,
            video=reader_path.values if reader_path else render(video_settings, context, audited.size),
            snapshot=audited.feed(snapshot.picture),
            residual_cause=path.residual_cause or (reader_path.residual_cause if reader_path else None),
            alternatives={**(reader_path.alternatives if reader_path else {}), **path.alternatives},
        )
        attribution = attribute(pair, audited.predict, independent=audited.independent)
        compared.append(ComparedSnapshot(snapshot, path.match, pair, attribution, path.unexplained_levels))
    return PathComparison(tuple(matched), tuple(compared), tuple(notes))


def _find_snapshot_paths(audited: AuditedModel, matches: Sequence[tuple[Snapshot, Match]]) -> list[_SnapshotPath]:
    """The path of each snapshot, as the model is fed it; a frame of the video itself came the healthy path."""
    paths = [_SnapshotPath(match, audited.settings) for _, match in matches]
    numbers = [number for number, (snapshot, _) in enumerate(matches) if not snapshot.is_frame]
    observations = [
        Observation(matches[number][0].picture, matches[number][1], matches[number][0].jpeg) for number in numbers
    ]
    for group in group_alike(observations):
        explanation = explain([observations[index] for index in group])
        settings = to_model_size(explanation.settings, observations[group[0]].size, audited.size)
        settings = settings.having(SCALING, audited.settings[SCALING])
        first = observations[group[0]]
        settings = audited.framed(settings, first.size, first.match.video.size)
        if audited.channels == "BGR":  # the model's path swaps the channels once more
            settings = settings.having(CHANNEL_ORDER, "RGB" if settings[CHANNEL_ORDER] == "BGR" else "BGR")
        for index, shift in zip(group, explanation.shifts, strict=True):
            match = replace(observations[index].match, index=observations[index].match.index + shift)
            paths[numbers[index]] = _SnapshotPath(
                match, settings, explanation.residual_cause, explanation.after, explanation.alternatives
            )
    return paths
