"""The chain of differences: which settings turn a video's frames into the pictures that were seen.

Greedy, from the healthy path on: at each step the one fault is taken that leaves least of the pictures over, as long
as it explains clearly more. Colours are judged small, where no kernel matters; the rest at the pictures' own size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stillmotion.audit.colours import LEVELS, SHARE, explain_colours, fit_exposure, spread
from stillmotion.audit.faults import FAULTS, Setting, normal_path, render_picture
from stillmotion.audit.faults.jpeg import NONE
from stillmotion.audit.faults.video_compression import VIDEO_COMPRESSION, encoded
from stillmotion.audit.observations import Observation

MOST = 4  # pictures that the dear comparisons are made on
SHIFTED = 0.8  # what another moment must leave over of the first one's, to be believed
LEAD = 6  # frames around a moment that faults of time look at
LOSSY_LEVELS = 1.5  # left over, before an encoder is suspected


@dataclass(frozen=True, eq=False)
class Explanation:
    """A path, and how far off it leaves the pictures: the root of the mean square, in levels, before and after.

    `shifts` moves each picture's moment by so many frames. `rest` names what the path cannot repeat to the level,
    where it was recognised all the same: the loss of another encoder.
    """

    path: dict[str, Setting]
    before: float
    after: float
    shifts: tuple[int, ...]
    rest: str | None = None


def explain(sightings: Sequence[Observation]) -> Explanation:
    """The path that pictures of one kind took from their frames. All have one size, turn and framing."""
    first = sightings[0]
    path = normal_path() | {
        "rotation or mirroring": first.match.turn,
        "stretch, crop or letterbox": first.match.box,
        "resizing": ("area", first.size) if first.resized else "area",
        "JPEG compression": first.jpeg or NONE,
    }
    path |= explain_colours(sightings)
    detailed = sorted(sightings, key=lambda one: -float(np.abs(np.diff(one.levels, axis=1)).mean()))[:MOST]
    before = least = _off(detailed, path)
    for _ in range(6):
        for changes in (_changes(detailed, path), _dear_changes(detailed, path, least)):
            tried = [(_off(detailed, path | change), change) for change in changes]
            best = min(tried, key=lambda one: one[0], default=(np.inf, {}))
            if _believed(least, best[0]):
                least, path = best[0], path | best[1]
                break
        else:
            break
    path, least = _pruned(detailed, path, least)
    plain = path | {VIDEO_COMPRESSION.name: VIDEO_COMPRESSION.normal}  # encoding each would take long
    shifts = tuple(_best_shift(one, plain, (0, -1, 1, -2, 2))[1] for one in sightings)
    return Explanation(path, before, least, shifts, _lossy(detailed, path, least))


def _pruned(
    sightings: Sequence[Observation], path: dict[str, Setting], least: float
) -> tuple[dict[str, Setting], float]:
    """The path without what it does as well without: a setting that stood in for one that was found after it."""
    for name in ("gamma or exposure", "colour matrix or range", "motion blur", "JPEG compression"):
        without = path | {name: FAULTS[name].normal}
        known = name == "JPEG compression" and sightings[0].jpeg is not None
        if without != path and not known and not _believed(off := _off(sightings, without), least):
            path, least = without, off
    return path, least


def _lossy(sightings: Sequence[Observation], path: dict[str, Setting], left: float) -> str | None:
    """Whether what is left over is an encoder's loss: on the snapshot's side, or on the video's.

    On the video's, a snapshot that is encoded comes nearer to its frame.
    """
    name = VIDEO_COMPRESSION.name
    if path[name] != VIDEO_COMPRESSION.normal:
        return name
    if left < LOSSY_LEVELS or any(one.resized for one in sightings):
        return None
    for setting in VIDEO_COMPRESSION.candidates:
        squares = []
        for one in sightings[:2]:
            made = render_picture(path, one.shot(), one.size)
            whole = np.clip(np.rint(one.levels), 0, 255).astype(np.uint8)[None]
            squares.append(float(((encoded(whole, setting)[0] - made) ** 2).mean()))  # type: ignore[arg-type]
        if float(np.sqrt(np.mean(squares))) < 0.85 * left:
            return name
    return None


def _believed(before: float, after: float) -> bool:
    return after < before * (1 - SHARE) - LEVELS


def _dear_changes(
    sightings: Sequence[Observation], path: dict[str, Setting], left: float
) -> Iterator[dict[str, Setting]]:
    """The encoder to try where nothing else helps: the one that does best on one picture."""
    if left > LOSSY_LEVELS and path[VIDEO_COMPRESSION.name] == VIDEO_COMPRESSION.normal:
        changes = [{VIDEO_COMPRESSION.name: setting} for setting in VIDEO_COMPRESSION.candidates]
        yield min(changes, key=lambda change: _off(sightings[:1], path | change))


def _changes(sightings: Sequence[Observation], path: dict[str, Setting]) -> Iterator[dict[str, Setting]]:
    """Settings to try next, judged at the pictures' own size."""
    one = sightings[0]
    names = ["motion blur", "interlacing"]
    if one.resized:
        names.append("resizing")
    if one.jpeg is None:
        names.append("JPEG compression")
    for name in names:
        for setting in FAULTS[name].candidates:
            if name == "resizing":
                setting = (setting, one.size)
            if setting != path[name] and (name == "resizing" or path[name] == FAULTS[name].normal):
                yield {name: setting}
    if path["gamma or exposure"] != (1.0, 1.0):
        yield {"gamma or exposure": (1.0, 1.0)}
    unlit = path | {"gamma or exposure": (1.0, 1.0)}
    made = [render_picture(unlit, one.shot(LEAD), one.size) for one in sightings]
    fitted = fit_exposure(
        np.concatenate([spread(picture) for picture in made]),
        np.concatenate([spread(one.levels) for one in sightings]),
    )
    if fitted not in ((1.0, 1.0), path["gamma or exposure"]):
        yield {"gamma or exposure": fitted}


def _off(sightings: Sequence[Observation], path: dict[str, Setting]) -> float:
    """How far the path's pictures are from those seen: the root of the mean square, in levels.

    The median of the pictures', as the moment of one may be wrong.
    """
    blends = any(path[name] != FAULTS[name].normal for name in ("motion blur", "interlacing"))
    plain = path[VIDEO_COMPRESSION.name] == VIDEO_COMPRESSION.normal  # encoding three times would take long
    shifts = (0, -1, 1) if blends and plain else (0,)  # a blend's moment may be a frame off
    return float(np.sqrt(np.median([_best_shift(one, path, shifts)[0] for one in sightings])))


def _best_shift(one: Observation, path: dict[str, Setting], shifts: Sequence[int]) -> tuple[float, int]:
    """The mean square that the path leaves over, and the shift of the moment where it is clearly least."""
    best = (np.inf, 0)
    for shift in shifts:
        made = render_picture(path | {"moment": shift}, one.shot(LEAD), one.size)
        square = float(((made - one.levels) ** 2).mean())
        if square < best[0] * (SHIFTED if shift else 1):
            best = square, shift
    return best
