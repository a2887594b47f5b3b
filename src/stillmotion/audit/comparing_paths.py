"""What happened here: snapshots, or the user's frame reader, against the videos that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from stillmotion.audit.attribution import UNEXPLAINED, Attribution, PathPair, attribute
from stillmotion.audit.audited_model import AuditedModel, Floats
from stillmotion.audit.colours import find_scale
from stillmotion.audit.faults import FAULTS, Setting, normal_path, render
from stillmotion.audit.faults.framing import WHOLE, Box
from stillmotion.audit.faults.scaling import WHOLE_NUMBERS, as_levels
from stillmotion.audit.matching import Match, align, align_near
from stillmotion.audit.observations import Observation, grouped
from stillmotion.audit.pipeline_estimation import Explanation, explain
from stillmotion.audit.reading import Reader, first_look
from stillmotion.audit.resampling import Picture, resize
from stillmotion.audit.snapshots import Snapshot
from stillmotion.audit.video_index import IndexedVideo
from stillmotion.errors import StillmotionError
from stillmotion.progress import Progress

MOMENTS = 24  # that a reader is compared at, where there are no snapshots
MOST_SNAPSHOTS = 200
LEAD = 6  # frames around a moment that faults of time look at


@dataclass(frozen=True, eq=False)
class MatchedSnapshot:
    """A snapshot and its moment; a frame of the video where there is no snapshot."""

    file: Path
    picture: Picture
    match: Match | None
    snapshot: Snapshot | None = None


@dataclass(frozen=True, eq=False)
class PathComparison:
    """All moments, and for those that were found: both paths and what their differences do.

    `pairs` and `attributions` belong to `matched`; `before` and `after` are how far the frames are from the snapshots,
    in levels, before and after the differences are accounted for.
    """

    moments: tuple[MatchedSnapshot, ...]
    matched: tuple[MatchedSnapshot, ...] = ()
    pairs: tuple[PathPair, ...] = ()
    attributions: tuple[Attribution, ...] = ()
    after: tuple[float, ...] = ()
    notes: tuple[str, ...] = field(default=())


def find_moments(
    snapshots: Sequence[Snapshot], reels: Sequence[IndexedVideo], progress: Progress
) -> list[MatchedSnapshot]:
    """Each snapshot's moment, or none."""
    found: list[MatchedSnapshot] = []
    boxes: list[Box] = []  # as earlier ones were framed
    for number, snapshot in enumerate(snapshots[:MOST_SNAPSHOTS]):
        progress("finding moments", number, len(snapshots))
        match = align(snapshot.picture, reels, boxes)
        if match is not None and match.box not in boxes:
            boxes = [*boxes, match.box][-4:]
        found.append(MatchedSnapshot(snapshot.file, snapshot.picture, match, snapshot))
    return found


def even_moments(reels: Sequence[IndexedVideo]) -> list[MatchedSnapshot]:
    """Frames of the videos themselves, evenly spread."""
    each = max(2, MOMENTS // len(reels))
    found = []
    for reel in reels[:MOMENTS]:
        for index in np.unique(np.linspace(0, len(reel) - 1, each + 2).round().astype(int)[1:-1]):
            picture = reel.shot(int(index)).picture.astype(np.float32)
            found.append(MatchedSnapshot(reel.file, picture, Match(reel, int(index), (0, False), WHOLE, 1.0)))
    return found


def compare_paths(
    subject: AuditedModel, moments: Sequence[MatchedSnapshot], reader: Reader | None, progress: Progress
) -> PathComparison:
    """Explain the two paths of every moment, and share the change of answer out.

    Raises:
        StillmotionError: the reader's pictures are not those of the video.
    """
    matched = [one for one in moments if one.match is not None]
    if not matched:
        return PathComparison(tuple(moments))
    progress("explaining", 0, 1)
    snapshot_paths = _snapshot_paths(subject, matched)
    notes: list[str] = []
    if reader is None:
        video_values: list[Floats | None] = [None] * len(matched)
        video_paths: list[tuple[dict[str, Setting], str | None]] = [(_own_path(subject), None)] * len(matched)
    else:
        video_values, video_paths, notes = _reader_paths(subject, matched, reader)
    pairs, attributions, after = [], [], []
    for number, one in enumerate(matched):
        progress("sharing out", number, len(matched))
        assert one.match is not None
        snapshot_path, explained = snapshot_paths[number]
        video_path, video_rest = video_paths[number]
        far = [abs(int(str(path["moment"]))) for path in (video_path, snapshot_path)]
        timed = any(
            path[name] != FAULTS[name].normal
            for path in (video_path, snapshot_path)
            for name in ("motion blur", "interlacing", "video compression")
        )
        shot = one.match.reel.shot(one.match.index, max(*far, 0) + (LEAD if timed else 0))
        values = video_values[number]
        pair = PathPair(
            shot,
            video_path,
            snapshot_path,
            render(video_path, shot, subject.size) if values is None else values,
            feed(subject, one.picture),
            (explained and explained.rest) or video_rest or UNEXPLAINED,
        )
        pairs.append(pair)
        attributions.append(attribute(pair, subject.answers))
        after.append(explained.after if explained else 0.0)
    return PathComparison(tuple(moments), tuple(matched), tuple(pairs), tuple(attributions), tuple(after), tuple(notes))


def feed(subject: AuditedModel, picture: Picture) -> Floats:
    """A picture, RGB of 0 to 255 and any size, as the model is given it: stretched, by area."""
    resized = resize(picture, *subject.size, "area")
    ordered = FAULTS["channel order"].apply(resized, subject.channels, subject.size)
    values: Floats = FAULTS["scaling"].apply(ordered, subject.scale or "0..255", subject.size)
    return np.ascontiguousarray(values, np.float32)


def _own_path(subject: AuditedModel) -> dict[str, Setting]:
    return normal_path() | {"scaling": subject.scale or "0..255", "channel order": subject.channels}


def _snapshot_paths(
    subject: AuditedModel, matched: list[MatchedSnapshot]
) -> list[tuple[dict[str, Setting], Explanation | None]]:
    """For each moment the path of its snapshot, as the model is fed it; moments are put right where they are off."""
    paths: list[tuple[dict[str, Setting], Explanation | None]] = [(_own_path(subject), None)] * len(matched)
    mine = [number for number, one in enumerate(matched) if one.snapshot is not None]
    sightings = []
    for number in mine:
        match, snapshot = matched[number].match, matched[number].snapshot
        assert match is not None and snapshot is not None
        sightings.append(Observation(snapshot.picture, match, snapshot.jpeg))
    for group in grouped(sightings):
        found = explain([sightings[index] for index in group])
        path = _at_model_size(found, sightings[group[0]].size, subject)
        path["scaling"] = subject.scale or "0..255"
        if subject.channels == "BGR":
            path["channel order"] = "RGB" if path["channel order"] == "BGR" else "BGR"
        for index, shift in zip(group, found.shifts, strict=True):
            number = mine[index]
            paths[number] = (path, found)
            match = matched[number].match
            if shift and match is not None:
                matched[number] = replace(matched[number], match=replace(match, index=match.index + shift))
    return paths


def _in_step(sure: Sequence[tuple[int, Match]], rate: float) -> bool:
    """Whether a reader's pictures go frame by frame, some left out at an end, and not every `rate`-th or so.

    sure: pictures by number, and the frames that they are.
    """
    numbers, frames = np.array([number for number, _ in sure]), np.array([match.index for _, match in sure])
    off = [np.abs(apart - np.median(apart)).mean() for apart in (frames - numbers, frames - rate * numbers)]
    return len(sure) > 1 and bool(off[0] < off[1])


def _at_model_size(found: Explanation, size: tuple[int, int], subject: AuditedModel) -> dict[str, Setting]:
    """A path to a picture's own size, as one to the model's: what is stored at that size needs no second resizing."""
    path = dict(found.path)
    resizing = path["resizing"]
    if isinstance(resizing, tuple) and size == subject.size and path["JPEG compression"] == (0, ""):
        path["resizing"] = resizing[0]
    return path


def _reader_paths(
    subject: AuditedModel, matched: Sequence[MatchedSnapshot], reader: Reader
) -> tuple[list[Floats | None], list[tuple[dict[str, Setting], str | None]], list[str]]:
    """What the reader gives at each moment, the path that it took, and the name of what that leaves over."""
    values: list[Floats | None] = [None] * len(matched)
    matches: dict[int, Match] = {}
    reels = list(dict.fromkeys(one.match.reel for one in matched if one.match is not None))
    notes = []
    whole = False
    for reel in reels:
        count, some = first_look(reader.frames(reel.file, *subject.size))
        whole = all(np.isin(picture, (0, 1)).all() for _, picture in some)
        even = full = abs(count - len(reel)) <= max(2, 0.02 * len(reel))
        if whole or max(float(np.ptp(picture)) for _, picture in some) == 0:
            if not whole:
                raise StillmotionError(f"{reader.name} on {reel.file}: yields pictures of one colour")
            turn, box = (0, False), WHOLE
        else:
            looked = some[:: max(1, len(some) // 5)]
            sure = [(number, match) for number, picture in looked if (match := align(picture, [reel])) is not None]
            if not sure:
                raise StillmotionError(f"{reader.name} on {reel.file}: its pictures match no frame of this video")
            ways = [(match.turn, match.box) for _, match in sure]
            turn, box = max(dict.fromkeys(ways), key=ways.count)
            even = even or _in_step(sure, len(reel) / count)
        if not full:
            notes.append(f"{reader.name} yields {count} frames of {reel.file.name}, which has {len(reel)}")
        wanted: dict[int, list[int]] = {}
        for number, one in enumerate(matched):
            if one.match is not None and one.match.reel is reel:
                place = one.match.index if even else round(one.match.index * count / len(reel))
                wanted.setdefault(min(place, count - 1), []).append(number)
        for place, picture in enumerate(reader.frames(reel.file, *subject.size)):
            for number in wanted.get(place, ()):
                match = matched[number].match
                assert match is not None
                values[number] = picture
                known = Match(reel, match.index, turn, box, 1.0)
                matches[number] = known if whole else align_near(picture, reel, match.index, turn, box)
            if place >= max(wanted):
                break
    found = [value for value in values if value is not None]
    known_matches = [matches[number] for number in range(len(matched))]
    scale = WHOLE_NUMBERS if whole else find_scale(found, known_matches, subject.scale or "0..255")
    if whole:
        return values, [(_own_path(subject) | {"scaling": scale}, None)] * len(matched), notes
    paths: list[tuple[dict[str, Setting], str | None]] = [({}, None)] * len(matched)
    sightings = [Observation(as_levels(value, scale), match) for value, match in zip(found, known_matches, strict=True)]
    for group in grouped(sightings):
        explained = explain([sightings[index] for index in group])
        for index, shift in zip(group, explained.shifts, strict=True):
            path = _at_model_size(explained, subject.size, subject) | {"scaling": scale}
            expected = matched[index].match
            assert expected is not None
            path["moment"] = known_matches[index].index + shift - expected.index
            paths[index] = (path, explained.rest)
    return values, paths, notes
