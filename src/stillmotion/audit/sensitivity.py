"""What the model is sensitive to: frames of the videos through one fault at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.audited_model import AuditedModel, clip_spec
from stillmotion.audit.decisions import same_labels, total_variation
from stillmotion.audit.faults import (
    CHANNEL_ORDER,
    FAULTS,
    FRAMING,
    TIME_OFFSET,
    ClipFault,
    Fault,
    FrameContext,
    PathSettings,
    render,
)
from stillmotion.audit.faults.fault import Times
from stillmotion.audit.records import Sensitivity
from stillmotion.audit.resampling import Floats
from stillmotion.audit.video_index import IndexedVideo
from stillmotion.clips import even_windows, frame_times
from stillmotion.progress import Progress
from stillmotion.statistics.intervals import proportion_interval

MAX_FRAMES, MAX_CLIPS = 36, 8  # inputs, over all videos
MIN_FRAMES = 6
MAX_PIXELS = 2e7  # of all frames: of large videos, fewer are used
# Inputs that go through expensive faults, by the kind of model.
MAX_EXPENSIVE = {"image": 12, "clip": 3}
RADIUS = 10  # frames around each


@dataclass(frozen=True, eq=False)
class SensitivityMeasurements:
    """What was measured.

    Attributes:
        rows: one per fault and strength.
        flicker: the mean change between neighboring frames.
        flicker_flips: the share of neighboring frames with another label.
        instability: the share of frames with another label within 1, 2, ... frames.
    """

    rows: tuple[Sensitivity, ...]
    flicker: float
    flicker_flips: float
    instability: tuple[float, ...]


@dataclass(frozen=True)
class _Trial:
    """One fault at one strength."""

    fault: Fault[Any]
    setting: Any


def measure_sensitivity(
    audited: AuditedModel, videos: Sequence[IndexedVideo], progress: Progress
) -> SensitivityMeasurements:
    """Try every fault at every strength on inputs that are spread evenly over the videos.

    Args:
        audited: the model.
        videos: the videos.
        progress: called after each input.

    Returns:
        What was measured.
    """
    inputs = _choose_inputs(audited, videos)
    trials = _plan_trials(audited)
    unchanged: list[Floats] = []
    changed: dict[_Trial, dict[int, Floats]] = {trial: {} for trial in trials}
    for number, (video, times) in enumerate(inputs):
        progress("sensitivity", number, len(inputs))
        contexts = _read_contexts(videos[video], times)
        tried = [trial for trial in trials if not trial.fault.expensive or number < MAX_EXPENSIVE[audited.kind]]
        values = [_render_input(audited, contexts, audited.settings)]
        for trial in tried:
            settings, trial_contexts = audited.settings, contexts
            if isinstance(trial.fault, ClipFault):
                trial_contexts = _read_contexts(videos[video], trial.fault.apply(times, trial.setting))
            else:
                settings = settings.having(trial.fault, trial.setting)
            values.append(_render_input(audited, trial_contexts, settings))
        probabilities = audited.predict(values)
        unchanged.append(probabilities[0])
        for trial, row in zip(tried, probabilities[1:], strict=True):
            changed[trial][number] = row
    codes = np.array([video for video, _ in inputs])
    rows = {
        trial: _summarize(
            trial,
            np.stack([unchanged[n] for n in by_input]),
            np.stack(list(by_input.values())),
            codes[list(by_input)],
            independent=audited.independent,
        )
        for trial, by_input in changed.items()
        if by_input
    }
    offsets = {trial.setting: trial for trial in trials if trial.fault is TIME_OFFSET}
    neighbors = [rows[offsets[frames]] for frames in (-1, 1)]
    return SensitivityMeasurements(
        tuple(rows.values()),
        float(np.mean([row.change for row in neighbors])),
        float(np.mean([row.flips for row in neighbors])),
        _instability(
            unchanged,
            {frames: changed[trial] for frames, trial in offsets.items()},
            independent=audited.independent,
        ),
    )


def divergence(first: Floats, second: Floats) -> float:
    """The Jensen-Shannon divergence of two predictions `(labels,)`, in bits: 0 to 1 (Lin 1991)."""
    middle = (first.astype(np.float64) + second) / 2

    def entropy(p: NDArray[np.float64]) -> float:
        return float(-(p[p > 0] * np.log2(p[p > 0])).sum())

    return max(0.0, entropy(middle) - (entropy(first.astype(np.float64)) + entropy(second.astype(np.float64))) / 2)


def _plan_trials(audited: AuditedModel) -> list[_Trial]:
    """Every fault at every strength, except settings that are healthy for this model."""
    trials = []
    for fault in FAULTS.values():
        if isinstance(fault, ClipFault) and audited.kind != "clip":
            continue
        strengths = fault.strengths
        if fault is CHANNEL_ORDER:
            strengths = ("RGB" if audited.channels == "BGR" else "BGR",)
        if fault is FRAMING and audited.framing != "stretch":
            strengths = ("stretch", *strengths)
        trials += [_Trial(fault, setting) for setting in strengths if setting != audited.settings[fault]]
    return trials


def _choose_inputs(audited: AuditedModel, videos: Sequence[IndexedVideo]) -> list[tuple[int, Times]]:
    """Videos by number, each with the times of the frames of one input."""
    if audited.kind == "clip":
        spec = clip_spec(audited)
        clips = []
        for number, video in enumerate(videos[:MAX_CLIPS]):
            windows = even_windows(spec, (0.0, float(video.facts.seconds)))
            clips.append((number, frame_times(spec, windows[len(windows) // 2])))
        return clips
    pixels = float(np.mean([video.facts.height * video.facts.width for video in videos]))
    count = int(np.clip(MAX_PIXELS / pixels, MIN_FRAMES, MAX_FRAMES))
    per_video = max(1, count // len(videos))
    frames = []
    for number, video in enumerate(videos[:count]):
        spread = np.linspace(0, len(video) - 1, per_video + 2).round().astype(int)[1:-1]
        frames += [(number, video.seconds[[index]]) for index in np.unique(spread)]
    return frames


def _read_contexts(video: IndexedVideo, times: Times) -> tuple[FrameContext, ...]:
    """The frames that are shown at these times, with frames around them."""
    indices = np.searchsorted(video.seconds, times + 1e-6, side="right") - 1
    return tuple(video.context(int(index), RADIUS) for index in np.clip(indices, 0, len(video) - 1))


def _render_input(audited: AuditedModel, contexts: Sequence[FrameContext], settings: PathSettings) -> Floats:
    values = [render(settings, context, audited.size) for context in contexts]
    return np.stack(values) if audited.kind == "clip" else values[0]


def _summarize(
    trial: _Trial, unchanged: Floats, changed: Floats, codes: NDArray[np.int64], *, independent: bool
) -> Sensitivity:
    """One row, from predictions `(inputs, labels)` and the number of each input's video."""
    pairs = list(zip(unchanged, changed, strict=True))
    flips = np.array([float(not same_labels(*pair, independent=independent)) for pair in pairs])
    change = np.array([total_variation(*pair, independent=independent) for pair in pairs])
    flips_low, flips_high = proportion_interval(flips, codes)
    change_low, change_high = proportion_interval(change, codes)
    return Sensitivity(
        fault=trial.fault.id,
        name=trial.fault.name,
        strength=trial.fault.label(trial.setting),
        flips=float(flips.mean()),
        flips_low=flips_low,
        flips_high=flips_high,
        change=float(change.mean()),
        change_low=change_low,
        change_high=change_high,
        divergence=float(np.mean([_divergence(*pair, independent=independent) for pair in pairs])),
    )


def _divergence(first: Floats, second: Floats, *, independent: bool) -> float:
    """The divergence of two predictions; of independent labels, that of the label which differs most."""
    if not independent:
        return divergence(first, second)
    outcomes = (np.stack([rows, 1 - rows], axis=1) for rows in (first, second))
    return max(divergence(*pair) for pair in zip(*outcomes, strict=True))


def _instability(
    unchanged: Sequence[Floats], moved: Mapping[int, Mapping[int, Floats]], *, independent: bool
) -> tuple[float, ...]:
    """The share of inputs with another label on any frame within 1, 2, ... RADIUS of theirs.

    `moved` maps an offset in frames to the predictions there, by input.
    """
    differs = np.zeros((len(unchanged), RADIUS), bool)
    for offset, predictions in moved.items():
        for number, probabilities in predictions.items():
            differs[number, abs(offset) - 1] |= not same_labels(
                probabilities, unchanged[number], independent=independent
            )
    return tuple(float(share) for share in np.logical_or.accumulate(differs, axis=1).mean(0))
