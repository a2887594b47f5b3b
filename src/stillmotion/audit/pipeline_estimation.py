"""Which settings turn a video's frames into the pictures that were observed.

Matching has found orientation and framing. Then colors are estimated together, on small pictures. Then a greedy
search at the pictures' own size starts from the healthy path. Each step tries all settings that the faults in the table
propose, and takes the one that leaves least of the pictures unexplained, as long as it explains clearly more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stillmotion.audit.attribution import Alternatives
from stillmotion.audit.colors import MIN_FRACTION, MIN_LEVELS, explain_colors, likeliest_tonings
from stillmotion.audit.faults import (
    CHANNEL_ORDER,
    COLOR_MATRIX,
    DYNAMIC_RANGE,
    EXPOSURE,
    FAULTS,
    FRAMING,
    GRAYSCALE,
    JPEG,
    MOTION_BLUR,
    ORIENTATION,
    RESIZING,
    TIME_OFFSET,
    VIDEO_COMPRESSION,
    Fault,
    FrameFault,
    PathSettings,
    Size,
    changed_faults,
    render_picture,
)
from stillmotion.audit.faults.color_matrix import MISTAKES
from stillmotion.audit.faults.fault import NEIGHBORS
from stillmotion.audit.faults.jpeg import NONE
from stillmotion.audit.faults.resizing import stored_size
from stillmotion.audit.faults.video_compression import encode
from stillmotion.audit.observations import Observation
from stillmotion.audit.resampling import Picture

MAX_PICTURES = 4  # that the search is made on
MAX_STEPS = 6  # of the search
SHIFT_FACTOR = 0.8  # another frame must reduce the squared error to this fraction to be believed
LOSSY_LEVELS = 1.5  # unexplained, before an encoder is suspected
# Faults that may have stood in for one that was found after them.
STAND_INS: tuple[Fault[Any], ...] = (EXPOSURE, COLOR_MATRIX, MOTION_BLUR, JPEG)


@dataclass(frozen=True, eq=False)
class Explanation:
    """The path that pictures came, and how well it explains them.

    Attributes:
        settings: the path.
        before: the root mean square of what is unexplained by orientation, framing and colors, in levels.
        after: the same by the whole path.
        shifts: by how many frames each picture's match must be moved.
        residual_cause: the fault that what is unexplained belongs to, if it was recognized but cannot be reproduced
            exactly: the loss of another encoder.
        alternatives: of each fault of the path, the other faults that explain the pictures as well in its place, each
            with its setting.
    """

    settings: PathSettings
    before: float
    after: float
    shifts: tuple[int, ...]
    residual_cause: Fault[Any] | None = None
    alternatives: Alternatives = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _SearchEvidence:
    """What faults may look at when they propose settings; see `faults.FaultEvidence`."""

    observations: Sequence[Observation]
    settings: PathSettings

    @property
    def observed(self) -> list[Picture]:
        return [observation.levels for observation in self.observations]

    @property
    def size(self) -> Size:
        return self.observations[0].size

    @property
    def resized(self) -> bool:
        return self.observations[0].resized

    @property
    def file_known(self) -> bool:
        return self.observations[0].jpeg is not None

    def rendered_without(self, fault: Fault[Any]) -> list[Picture]:
        return [
            render_picture(self.settings.without(fault), observation.context(NEIGHBORS), observation.size)
            for observation in self.observations
        ]


def explain(observations: Sequence[Observation]) -> Explanation:
    """Estimate the path from the frames to their pictures.

    Args:
        observations: pictures of one size, orientation, framing and kind of file (`group_alike`).

    Returns:
        The path, and how well it explains the pictures.
    """
    first = observations[0]
    settings = PathSettings().having(ORIENTATION, first.match.orientation).having(FRAMING, first.match.box)
    settings = settings.having(RESIZING, ("area", first.size) if first.resized else "area")
    known = settings.having(JPEG, first.jpeg or NONE)
    settings = explain_colors(observations, known)
    # Kernels and encoders differ most on detailed pictures.
    detailed = sorted(observations, key=lambda seen: -float(np.abs(np.diff(seen.levels, axis=1)).mean()))
    detailed = detailed[:MAX_PICTURES]
    before = least = _unexplained(detailed, settings)
    for _ in range(MAX_STEPS):
        # Expensive faults are tried only where much is left unexplained.
        for proposals in (_proposals, _expensive_proposals) if least > LOSSY_LEVELS else (_proposals,):
            tried = [(_unexplained(detailed, changed), changed) for changed in proposals(detailed, settings)]
            best = min(tried, key=lambda entry: entry[0], default=(np.inf, settings))
            if _clearly_better(least, best[0]):
                least, settings = best
                break
        else:
            break
    settings, least = _prune(detailed, settings, least)
    quick = settings.without(*_expensive_faults())
    shifts = tuple(_best_shift(observation, quick, (0, -1, 1, -2, 2))[1] for observation in observations)
    residual_cause = _residual_cause(detailed, settings, least)
    return Explanation(
        settings, before, least, shifts, residual_cause, _find_alternatives(detailed[:2], settings, known)
    )


def to_model_size(settings: PathSettings, size: Size, model_size: Size) -> PathSettings:
    """A path to pictures of their own size, as a path to the model.

    What was resized to the model's size already needs no second resizing.

    Args:
        settings: the path to the pictures.
        size: height and width of the pictures.
        model_size: height and width that the model takes.

    Returns:
        The path to the model.
    """
    kernel, stored = stored_size(settings[RESIZING])
    if stored is not None and size == model_size and not settings.has(JPEG):
        return settings.having(RESIZING, kernel)
    return settings


def _expensive_faults() -> list[Fault[Any]]:
    return [fault for fault in FAULTS.values() if fault.expensive]


def _proposals(observations: Sequence[Observation], settings: PathSettings) -> list[PathSettings]:
    """The path with each setting that a fault proposes."""
    evidence = _SearchEvidence(observations, settings)
    return [
        settings.having(fault, setting)
        for fault in FAULTS.values()
        if not fault.expensive
        for setting in fault.proposals(evidence, settings[fault])
        if setting != settings[fault]
    ]


def _expensive_proposals(observations: Sequence[Observation], settings: PathSettings) -> list[PathSettings]:
    """The path with one setting of each expensive fault: the setting that explains the first picture best."""
    evidence = _SearchEvidence(observations, settings)
    best = []
    for fault in _expensive_faults():
        tried = [settings.having(fault, setting) for setting in fault.proposals(evidence, settings[fault])]
        if tried:
            best.append(min(tried, key=lambda changed: _unexplained(observations[:1], changed)))
    return best


def _prune(observations: Sequence[Observation], settings: PathSettings, least: float) -> tuple[PathSettings, float]:
    """The path without the faults that do not improve it."""
    for fault in STAND_INS:
        known = fault is JPEG and observations[0].jpeg is not None
        if not settings.has(fault) or known:
            continue
        without = settings.without(fault)
        if not _clearly_better(left := _unexplained(observations, without), least):
            settings, least = without, left
    return settings, least


def _residual_cause(observations: Sequence[Observation], settings: PathSettings, left: float) -> Fault[Any] | None:
    """Video compression, if the unexplained rest is an encoder's loss, in the snapshot or in the video.

    If the video was compressed, encoding the snapshot brings it nearer to its frame.
    """
    if settings.has(VIDEO_COMPRESSION):
        return VIDEO_COMPRESSION
    if left < LOSSY_LEVELS or any(observation.resized for observation in observations):
        return None
    for encoding in VIDEO_COMPRESSION.candidates:
        squares = []
        for observation in observations[:2]:
            rendered = render_picture(settings, observation.context(), observation.size)
            levels = np.clip(np.rint(observation.levels), 0, 255).astype(np.uint8)
            squares.append(float(((encode(levels[None], encoding)[0] - rendered) ** 2).mean()))
        if float(np.sqrt(np.mean(squares))) < 0.85 * left:
            return VIDEO_COMPRESSION
    return None


def _find_alternatives(
    observations: Sequence[Observation], settings: PathSettings, known: PathSettings
) -> dict[str, tuple[tuple[Fault[Any], Any], ...]]:
    """What else explains the pictures as well as each fault of a path, in that fault's place.

    Args:
        observations: some of the pictures.
        settings: the path.
        known: what of it is known from matching and from files; for that, no alternatives are sought.

    Returns:
        Fault id -> other faults with their settings, the best first.
    """
    least = _unexplained(observations, settings)
    alternatives = {}
    for fault in changed_faults(known, settings):
        without = settings.having(fault, known[fault])
        best: dict[str, tuple[float, Fault[Any], Any]] = {}
        for changed in [*_proposals(observations, without), *_color_proposals(observations, without)]:
            (other,) = changed_faults(without, changed)
            if other is fault or settings[other] != known[other]:
                continue
            left = _unexplained(observations, changed)
            if other.id not in best or left < best[other.id][0]:
                best[other.id] = left, other, changed[other]
        as_good = sorted(
            (entry for entry in best.values() if not _clearly_better(entry[0], least)), key=lambda entry: entry[0]
        )
        if as_good:
            alternatives[fault.id] = tuple((other, setting) for _, other, setting in as_good)
    return alternatives


def _color_proposals(observations: Sequence[Observation], settings: PathSettings) -> list[PathSettings]:
    """The path with one more of the faults that are estimated together."""
    tonings = likeliest_tonings(observations)
    tried: tuple[tuple[Fault[Any], Sequence[Any]], ...] = (
        (CHANNEL_ORDER, ("BGR",)),
        (GRAYSCALE, ("gray",)),
        (COLOR_MATRIX, MISTAKES),
        (DYNAMIC_RANGE, tonings),
    )
    return [settings.having(fault, value) for fault, values in tried if not settings.has(fault) for value in values]


def _clearly_better(before: float, after: float) -> bool:
    return after < before * (1 - MIN_FRACTION) - MIN_LEVELS


def _unexplained(observations: Sequence[Observation], settings: PathSettings) -> float:
    """How far rendered pictures are from the observed ones: the root mean square, in levels.

    The median over pictures, because the match of one may be wrong.
    """
    active = [fault for fault in FAULTS.values() if settings.has(fault)]
    blends = any(isinstance(fault, FrameFault) and fault.blends for fault in active)
    # A blend may have been matched a frame off. With an expensive fault, three shifts would take too long.
    shifts = (0, -1, 1) if blends and not any(fault.expensive for fault in active) else (0,)
    squares = [_best_shift(observation, settings, shifts)[0] for observation in observations]
    return float(np.sqrt(np.median(squares)))


def _best_shift(observation: Observation, settings: PathSettings, shifts: Sequence[int]) -> tuple[float, int]:
    """The mean squared error, and the shift of the match where that makes it clearly smaller."""
    best = (np.inf, 0)
    for shift in shifts:
        shifted = settings.having(TIME_OFFSET, shift)
        rendered = render_picture(shifted, observation.context(NEIGHBORS), observation.size)
        square = float(((rendered - observation.levels) ** 2).mean())
        if square < best[0] * (SHIFT_FACTOR if shift else 1):
            best = square, shift
    return best
