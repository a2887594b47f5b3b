"""From attributed changes to causes: their shares, with intervals over videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.attribution import UNEXPLAINED, Attribution, PathPair
from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.comparing_paths import PathComparison
from stillmotion.audit.decisions import total_variation
from stillmotion.audit.faults import FAULTS, Fault, FileFault, FrameContext, FrameFault, render
from stillmotion.audit.resampling import Floats, Picture

RESAMPLES = 1000
MIN_SHARE = 0.01  # a smaller share is no effect
MIN_VIDEOS = 3  # with fewer, snapshots are resampled
MAX_NOISE_PAIRS = 12


@dataclass(frozen=True)
class AttributedCause:
    """A cause of the change, in codes and numbers.

    Attributes:
        fault: what it is; None for what no known fault explains.
        video_setting: how the video's path is set, in most of the pairs in which the paths differ.
        snapshot_setting: how the snapshots' path is set there.
        count: in how many pairs the paths are set like this.
        share: its share of the change of probability.
        low: the lower end of the share's 95 % interval over videos.
        high: the upper end.
        flips: its share of the changes of label.
        left: the mean change of probability that is left if this alone is fixed.
        alternatives: other faults, with their settings, that most of these pictures do not tell from it.
    """

    fault: Fault[Any] | None
    video_setting: Any
    snapshot_setting: Any
    count: int
    share: float
    low: float
    high: float
    flips: float
    left: float = 0.0
    alternatives: tuple[tuple[Fault[Any], Any], ...] = ()

    @property
    def id(self) -> str:
        """The fault's id, or "unexplained"."""
        return self.fault.id if self.fault else UNEXPLAINED


def find_causes(comparison: PathComparison, noise_floor: float) -> tuple[AttributedCause, ...]:
    """The causes of a change.

    Args:
        comparison: the attributed changes.
        noise_floor: a mean change up to this has no causes.

    Returns:
        The causes, the largest first. A difference that was recognized but does not change predictions is one of them:
        another fault may hide its effect until that is fixed.
    """
    attributions = [snapshot.attribution for snapshot in comparison.compared]
    totals = np.array([attribution.total for attribution in attributions])
    if not len(totals) or totals.mean() <= noise_floor:
        return ()
    videos = [str(snapshot.match.video.file) for snapshot in comparison.compared]
    causes = []
    for name in dict.fromkeys(name for attribution in attributions for name in attribution.change):
        changes = np.array([attribution.change.get(name, 0.0) for attribution in attributions])
        share = float(changes.sum() / totals.sum())
        if name == UNEXPLAINED and (changes.mean() <= noise_floor or share < MIN_SHARE):
            continue
        low, high = _share_interval(changes, totals, videos)
        flips = sum(attribution.flip.get(name, 0.0) for attribution in attributions if attribution.flipped)
        flips /= max(1, sum(attribution.flipped for attribution in attributions))
        fault = FAULTS.get(name)
        video_setting, snapshot_setting, count = _usual_settings(fault, comparison) if fault else (None, None, 0)
        left = float(np.mean([each.left.get(name, each.total) for each in attributions]))
        alternatives = _usual_alternatives(fault, comparison) if fault else ()
        causes.append(
            AttributedCause(fault, video_setting, snapshot_setting, count, share, low, high, flips, left, alternatives)
        )
    return tuple(sorted(causes, key=lambda cause: -cause.share))


def unexplained_share(attributions: Sequence[Attribution]) -> float:
    """The share of the change that no known fault explains."""
    total = sum(attribution.total for attribution in attributions)
    unexplained = sum(attribution.change.get(UNEXPLAINED, 0.0) for attribution in attributions)
    return unexplained / total if total else 0.0


def decoding_noise(audited: AuditedModel, pairs: Sequence[PathPair]) -> float:
    """How far predictions move, on average, if another decoder rounds levels and upsamples chroma differently.

    Args:
        audited: the model.
        pairs: frames by both paths; some of them are used.

    Returns:
        The mean total variation between a frame and itself with chroma repeated over 2 by 2 pixels, or with noise of
        two levels: the larger one.
    """
    rng = np.random.default_rng(0)
    some = [pairs[index] for index in np.unique(np.linspace(0, len(pairs) - 1, MAX_NOISE_PAIRS).astype(int))]
    unchanged = [fault for fault in FAULTS.values() if isinstance(fault, FrameFault | FileFault)]
    inputs = []
    for pair in some:
        plain = pair.context.picture.astype(np.float32)
        noisy = np.clip(np.rint(plain + rng.uniform(-2, 2, plain.shape)), 0, 255).astype(np.float32)
        for picture in (plain, _repeat_chroma(plain), noisy):
            context = FrameContext(picture.astype(np.uint8)[None], 0, pair.context.seconds[:1])
            inputs.append(render(pair.snapshot_settings.without(*unchanged), context, audited.size))
    probabilities = audited.predict(inputs)
    plain_rows, chroma_rows, noisy_rows = probabilities[::3], probabilities[1::3], probabilities[2::3]

    def mean_change(rows: Floats) -> float:
        pairs = zip(plain_rows, rows, strict=True)
        return float(np.mean([total_variation(*pair, independent=audited.independent) for pair in pairs]))

    return max(mean_change(chroma_rows), mean_change(noisy_rows))


def _repeat_chroma(picture: Picture) -> Picture:
    """A picture whose color differences are constant over 2 by 2 pixels."""
    luma = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    chroma = picture - luma[..., None]
    height, width = luma.shape
    even = chroma[: height - height % 2, : width - width % 2]
    mean = even.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    chroma = chroma.copy()
    chroma[: height - height % 2, : width - width % 2] = mean.repeat(2, 0).repeat(2, 1)
    repeated: Picture = np.clip(np.rint(luma[..., None] + chroma), 0, 255).astype(np.float32)
    return repeated


def _share_interval(
    changes: NDArray[np.float64], totals: NDArray[np.float64], videos: Sequence[str]
) -> tuple[float, float]:
    """The 95 % interval of a share by resampling videos, or snapshots if there are few videos."""
    names, groups = np.unique(np.array(videos), return_inverse=True)
    if len(names) < MIN_VIDEOS:
        groups = np.arange(len(changes))
    sums = np.stack([np.bincount(groups, changes), np.bincount(groups, totals)])
    rng = np.random.default_rng((0, len(changes)))
    drawn = rng.multinomial(sums.shape[1], np.full(sums.shape[1], 1 / sums.shape[1]), size=RESAMPLES)
    numerators, denominators = drawn @ sums[0], drawn @ sums[1]
    shares = numerators[denominators > 0] / denominators[denominators > 0]
    return float(np.quantile(shares, 0.025)), float(np.quantile(shares, 0.975))


def _usual_settings(fault: Fault[Any], comparison: PathComparison) -> tuple[Any, Any, int]:
    """The most frequent different settings of the two paths, and how often they occur."""
    settings = Counter(
        (pair.video_settings[fault], pair.snapshot_settings[fault])
        for pair in comparison.pairs
        if pair.video_settings[fault] != pair.snapshot_settings[fault]
    )
    if not settings:  # the fault was recognized by what it left unexplained
        return fault.normal, fault.normal, 0
    (video_setting, snapshot_setting), count = settings.most_common(1)[0]
    return video_setting, snapshot_setting, count


def _usual_alternatives(fault: Fault[Any], comparison: PathComparison) -> tuple[tuple[Fault[Any], Any], ...]:
    """The other faults that explain most of the pairs as well, each with its most frequent setting."""
    pairs = [pair for pair in comparison.pairs if pair.video_settings[fault] != pair.snapshot_settings[fault]]
    settings: dict[str, Counter[Any]] = {}
    for pair in pairs:
        for other, setting in pair.alternatives.get(fault.id, ()):
            settings.setdefault(other.id, Counter())[setting] += 1
    return tuple(
        (FAULTS[name], counter.most_common(1)[0][0])
        for name, counter in settings.items()
        if 2 * counter.total() > len(pairs)
    )
