"""From attributed changes to causes: their shares, with intervals over videos, and what to do."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.attribution import UNEXPLAINED, Attribution, PathPair, distance
from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.comparing_paths import PathComparison
from stillmotion.audit.faults import FAULTS, Setting, render
from stillmotion.audit.records import Cause
from stillmotion.audit.resampling import Picture

RESAMPLES = 1000
LEAST = 0.01  # a share below this is no effect
NOISE_PAIRS = 12


def find_causes(comparison: PathComparison, floor: float, reader: str | None) -> tuple[Cause, ...]:
    """The causes of the change, the largest first; none where it lies within the noise floor.

    A difference that was recognised is told even where it moves no answer now: another may hide it until it is mended.
    """
    found = comparison.attributions
    total = np.array([one.total for one in found])
    if not len(total) or total.mean() <= floor:
        return ()
    names = list(dict.fromkeys(name for one in found for name in one.change))
    videos = [str(one.match.reel.file) for one in comparison.matched if one.match is not None]
    causes = []
    for name in names:
        change = np.array([one.change.get(name, 0.0) for one in found])
        share = float(change.sum() / total.sum())
        if name == UNEXPLAINED and (change.mean() <= floor or share < LEAST):
            continue
        low, high = _interval(change, total, videos)
        flips = sum(one.flip.get(name, 0.0) for one in found if one.flipped)
        causes.append(
            dataclasses.replace(
                _told(name, comparison, reader),
                share=share,
                low=low,
                high=high,
                flips=flips / max(1, sum(one.flipped for one in found)),
            )
        )
    return tuple(sorted(causes, key=lambda cause: -cause.share))


def unexplained_share(found: Sequence[Attribution]) -> float:
    """The share of the change that no stage explains."""
    total = sum(one.total for one in found)
    return sum(one.change.get(UNEXPLAINED, 0.0) for one in found) / total if total else 0.0


def decoding_noise(subject: AuditedModel, pairs: Sequence[PathPair]) -> float:
    """How far answers move, on average, where another decoder rounds and spreads chroma otherwise.

    The frame against itself with chroma repeated over 2 by 2 pixels, and with two levels of noise: the larger.
    """
    rng = np.random.default_rng(0)
    chosen = [pairs[index] for index in np.unique(np.linspace(0, len(pairs) - 1, NOISE_PAIRS).astype(int))]
    inputs = []
    for pair in chosen:
        plain = pair.shot.picture.astype(np.float32)
        noisy = np.clip(np.rint(plain + rng.uniform(-2, 2, plain.shape)), 0, 255).astype(np.float32)
        for picture in (plain, _blocky_chroma(plain), noisy):
            frames = picture.astype(np.uint8)[None]
            shot = type(pair.shot)(frames, 0, pair.shot.seconds[:1])
            path = dict(pair.snapshot_path) | {
                name: fault.normal for name, fault in FAULTS.items() if fault.stage in ("time", "file")
            }
            inputs.append(render(path, shot, subject.size))
    answers = subject.answers(inputs)
    chroma = [distance(answers[index], answers[index + 1]) for index in range(0, len(answers), 3)]
    noise = [distance(answers[index], answers[index + 2]) for index in range(0, len(answers), 3)]
    return float(max(np.mean(chroma), np.mean(noise)))


def _blocky_chroma(picture: Picture) -> Picture:
    luma = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    rest = picture - luma[..., None]
    height, width = luma.shape
    even = rest[: height - height % 2, : width - width % 2]
    mean = even.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    rest = rest.copy()
    rest[: height - height % 2, : width - width % 2] = mean.repeat(2, 0).repeat(2, 1)
    result: Picture = np.clip(np.rint(luma[..., None] + rest), 0, 255).astype(np.float32)
    return result


def _interval(change: NDArray[np.float64], total: NDArray[np.float64], videos: Sequence[str]) -> tuple[float, float]:
    """95 % of the share, resampling videos; snapshots where there are fewer than three videos."""
    names, codes = np.unique(np.array(videos), return_inverse=True)
    if len(names) < 3:
        codes = np.arange(len(change))
    sums = np.stack([np.bincount(codes, change), np.bincount(codes, total)])
    rng = np.random.default_rng((0, len(change)))
    drawn = rng.multinomial(sums.shape[1], np.full(sums.shape[1], 1 / sums.shape[1]), size=RESAMPLES)
    tops, bottoms = drawn @ sums[0], drawn @ sums[1]
    shares = tops[bottoms > 0] / bottoms[bottoms > 0]
    return float(np.quantile(shares, 0.025)), float(np.quantile(shares, 0.975))


def _told(name: str, comparison: PathComparison, reader: str | None) -> Cause:
    """A cause in words, its share still open."""
    whose = "your frame reader's pictures" if reader else "the video's frames"
    if name == UNEXPLAINED:
        left = float(np.mean(comparison.after)) if comparison.after else 0.0
        return Cause(
            name, 0, 0, 0,
            f"after all that was recognised, {whose} and the snapshots still differ by {left:.1f} levels",
            "look at the difference pictures in audit.html",
            sentence="the pictures differ in a way that is none of the known ones",
        )  # fmt: skip
    fault = FAULTS[name]
    settings: Counter[tuple[Setting, Setting]] = Counter(
        (pair.video_path.get(name, fault.normal), pair.snapshot_path.get(name, fault.normal))
        for pair in comparison.pairs
        if pair.video_path.get(name, fault.normal) != pair.snapshot_path.get(name, fault.normal)
    )
    (video, snapshot), count = settings.most_common(1)[0]
    frames = f"{whose} {fault.words(video)}"
    if reader and fault.yields:
        frames = f"your frame reader yields {fault.yields(video)}"
    sentence = f"your snapshots {fault.words(snapshot)}, {frames}"
    return Cause(
        name, 0, 0, 0,
        f"{sentence} ({count} of {len(comparison.pairs)} snapshots)",
        fault.cure(video, snapshot),
        sentence=sentence,
        brief=_against(fault.words(video), fault.words(snapshot)),
    )  # fmt: skip


def _against(video: str, snapshots: str) -> str:
    """Two predicates as "one against the other", less what both begin with."""
    one, other = video.split(), snapshots.split()
    while len(one) > 1 and len(other) > 1 and one[0] == other[0]:
        one, other = one[1:], other[1:]
    said = [" ".join(words[words[0] in ("are", "have", "show") and len(words) > 1 :]) for words in (one, other)]
    return " against ".join(said)
