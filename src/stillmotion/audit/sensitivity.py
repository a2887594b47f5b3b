"""What the model is sensitive to: frames of the videos through one fault at a time, beside what changes for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.audited_model import AuditedModel, Floats, clip_spec
from stillmotion.audit.faults import FAULTS, FrameContext, Setting, normal_path, render, text
from stillmotion.audit.records import Sensitivity
from stillmotion.audit.video_index import IndexedVideo
from stillmotion.clips import even_windows, frame_times
from stillmotion.progress import Progress
from stillmotion.statistics.intervals import proportion_interval

Times = NDArray[np.float64]
MOMENTS, CLIPS = 36, 8  # that are looked at, over all videos
PIXELS = 2e7  # of all moments' frames: of large videos fewer are looked at
ENCODED, ENCODED_CLIPS = 12, 3  # that go through an encoder: it is slow
RADIUS = 10


@dataclass(frozen=True, eq=False)
class Measured:
    """A row a fault and strength; flicker's change and flips, and the share of moments with another label near."""

    rows: tuple[Sensitivity, ...]
    flicker: float
    flicker_flips: float
    unsteady: tuple[float, ...]


def measure_sensitivity(subject: AuditedModel, reels: Sequence[IndexedVideo], progress: Progress) -> Measured:
    """Every fault at every strength, on moments spread evenly over the videos."""
    places = _places(subject, reels)
    tried: list[tuple[str, Setting]] = [
        (name, setting)
        for name, fault in FAULTS.items()
        if fault.stage != "clip" or subject.kind == "clip"
        for setting in fault.strengths
    ]
    own = normal_path() | {"scaling": subject.scale or "0..255", "channel order": subject.channels}
    order = "RGB" if subject.channels == "BGR" else "BGR"
    tried = [(name, order if name == "channel order" else setting) for name, setting in tried]
    tried = [(name, setting) for name, setting in tried if setting != own[name]]
    base: list[Floats] = []
    found: dict[tuple[str, Setting], dict[int, Floats]] = {key: {} for key in tried}
    for number, (video, times) in enumerate(places):
        progress("sensitivity", number, len(places))
        shots = _shots(reels[video], times)
        encode = number < (ENCODED if subject.kind == "image" else ENCODED_CLIPS)
        keys = [key for key in tried if key[0] != "video compression" or encode]
        inputs = [_see(subject, shots, own)]
        for name, setting in keys:
            read_clips = FAULTS[name].stage == "clip"
            others = _shots(reels[video], FAULTS[name].apply(times, setting, subject.size)) if read_clips else shots
            inputs.append(_see(subject, others, own | {name: setting}))
        answers = subject.answers(inputs)
        base.append(answers[0])
        for key, answer in zip(keys, answers[1:], strict=True):
            found[key][number] = answer
    codes = np.array([video for video, _ in places])
    rows = tuple(
        _row(name, setting, np.stack([base[n] for n in got]), np.stack(list(got.values())), codes[list(got)])
        for (name, setting), got in found.items()
        if got
    )
    near = [row for row in rows if row.fault == "moment" and row.strength in ("-1 frames", "1 frames")]
    return Measured(
        rows,
        float(np.mean([row.change for row in near])),
        float(np.mean([row.flips for row in near])),
        _unsteady(base, {int(str(shift)): got for (name, shift), got in found.items() if name == "moment"}),
    )


def _unsteady(base: Sequence[Floats], moved: Mapping[int, Mapping[int, Floats]]) -> tuple[float, ...]:
    """The share of moments with another label on any frame within 1, 2, ... RADIUS of it.

    moved: shift in frames -> the moment's number -> the answer there.
    """
    other = np.zeros((len(base), RADIUS), bool)
    for shift, answers in moved.items():
        for number, answer in answers.items():
            other[number, abs(shift) - 1] |= bool(answer.argmax() != base[number].argmax())
    return tuple(float(share) for share in np.logical_or.accumulate(other, axis=1).mean(0))


def _places(subject: AuditedModel, reels: Sequence[IndexedVideo]) -> list[tuple[int, Times]]:
    """Videos by number, with the times of one input's frames each."""
    if subject.kind == "clip":
        spec = clip_spec(subject)
        chosen = []
        for video, reel in enumerate(reels[:CLIPS]):
            windows = even_windows(spec, (0.0, float(reel.facts.seconds)))
            chosen.append((video, frame_times(spec, windows[len(windows) // 2])))
        return chosen
    size = float(np.mean([reel.facts.height * reel.facts.width for reel in reels]))
    most = int(np.clip(PIXELS / size, 6, MOMENTS))
    each = max(1, most // len(reels))
    places = []
    for video, reel in enumerate(reels[:most]):
        spread = np.linspace(0, len(reel) - 1, each + 2).round().astype(int)[1:-1]
        places += [(video, reel.seconds[[index]]) for index in np.unique(spread)]
    return places


def _shots(reel: IndexedVideo, times: Times) -> tuple[FrameContext, ...]:
    """The frames that are shown at these times, with what surrounds them."""
    indices = np.searchsorted(reel.seconds, times + 1e-6, side="right") - 1
    return tuple(reel.shot(int(index), RADIUS) for index in np.clip(indices, 0, len(reel) - 1))


def _see(subject: AuditedModel, shots: Sequence[FrameContext], path: dict[str, Setting]) -> Floats:
    values = [render(path, shot, subject.size) for shot in shots]
    return np.stack(values) if subject.kind == "clip" else values[0]


def _row(name: str, setting: Setting, base: Floats, changed: Floats, codes: NDArray[np.int64]) -> Sensitivity:
    flips = (base.argmax(1) != changed.argmax(1)).astype(float)
    change = np.abs(base - changed).sum(1).astype(float) / 2
    flips_low, flips_high = proportion_interval(flips, codes)
    change_low, change_high = proportion_interval(change, codes)
    return Sensitivity(
        fault=name,
        strength=_strength(name, setting),
        flips=float(flips.mean()),
        flips_low=flips_low,
        flips_high=flips_high,
        change=float(change.mean()),
        change_low=change_low,
        change_high=change_high,
        divergence=float(np.mean([divergence(a, b) for a, b in zip(base, changed, strict=True)])),
    )


def _strength(name: str, setting: Setting) -> str:
    """A strength as a table says it."""
    if name in ("rotation or mirroring", "gamma or exposure"):
        return FAULTS[name].words(setting).removeprefix("are ").removeprefix("have a ")
    if name == "JPEG compression":
        return f"quality {text(setting)}"
    if name == "video compression":
        return FAULTS[name].words(setting).removeprefix("are coded again, by ").replace("about ", "")
    if name == "rate":
        return f"x {text(setting)}"
    if name == "window position":
        return f"{100 * float(str(setting)):+.0f} % of a clip"
    if name in ("moment", "motion blur"):
        return f"{text(setting)} frames"
    return text(setting)


def divergence(one: Floats, other: Floats) -> float:
    """Jensen-Shannon divergence of two answers `(labels,)`, in bits: 0 to 1 (Lin 1991)."""
    middle = (one.astype(np.float64) + other) / 2

    def entropy(p: NDArray[np.float64]) -> float:
        return float(-(p[p > 0] * np.log2(p[p > 0])).sum())

    return max(0.0, entropy(middle) - (entropy(one.astype(np.float64)) + entropy(other.astype(np.float64))) / 2)
