"""How much of a change of prediction each difference makes: Shapley values over the differences.

From the video's path to the snapshot's path, one fault at a time is replaced, in every order. A fault's value is what
its replacement adds on average (Shapley 1953; Lundberg & Lee 2017 for models). The distance of a prediction from the
snapshot's is the total variation, half the sum of absolute differences of probability, so that the values add up to
the whole change. What no setting reproduces counts as a separate fault, *unexplained*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.decisions import same_labels, total_variation
from stillmotion.audit.faults import (
    FAULTS,
    SCALING,
    Fault,
    FrameContext,
    PathSettings,
    Size,
    changed_faults,
    render_picture,
    to_values,
)
from stillmotion.audit.faults.scaling import TRUNCATED, as_levels
from stillmotion.audit.resampling import Floats, Picture

UNEXPLAINED = "unexplained"
MAX_FAULTS = 6  # of one snapshot: 2 ** 6 predictions
MIN_RESIDUAL = 0.01  # levels; smaller differences are rounding
Alternatives = Mapping[str, tuple[tuple[Fault[Any], Any], ...]]
Predict = Callable[[Sequence[Floats]], Floats]


@dataclass(frozen=True, eq=False)
class PathPair:
    """A frame rendered by both paths.

    Attributes:
        context: the frame, with frames around it.
        video_settings: how the video's picture came about.
        snapshot_settings: how the snapshot came about.
        video: what the model gets of the video, float32 `(height, width, 3)`.
        snapshot: what it gets of the snapshot, likewise.
        residual_cause: the fault that unexplained differences belong to; None if that is not known.
        alternatives: of each fault of the two paths, the other faults that explain the pictures as well, each with its
            setting.
    """

    context: FrameContext
    video_settings: PathSettings
    snapshot_settings: PathSettings
    video: Floats
    snapshot: Floats
    residual_cause: Fault[Any] | None = None
    alternatives: Alternatives = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """Height and width that the model takes."""
        return self.video.shape[0], self.video.shape[1]


@dataclass(frozen=True, eq=False)
class Attribution:
    """The change of one snapshot's prediction, by fault.

    Attributes:
        change: id of a fault (or `UNEXPLAINED`) -> its share of the change of probability; they add up to `total`.
        flip: the same for the change of label: 0 or 1 in total.
        video_probabilities: float32 `(labels,)`.
        snapshot_probabilities: float32 `(labels,)`.
        left: id of a fault -> the total variation that is left if this fault alone is fixed.
        independent: whether each label has its own yes or no.
    """

    change: dict[str, float]
    flip: dict[str, float]
    video_probabilities: Floats
    snapshot_probabilities: Floats
    left: dict[str, float] = field(default_factory=dict)
    independent: bool = False

    @property
    def total(self) -> float:
        """The total variation between the two predictions."""
        return total_variation(self.video_probabilities, self.snapshot_probabilities, independent=self.independent)

    @property
    def flipped(self) -> bool:
        """Whether the labels differ."""
        return not same_labels(self.video_probabilities, self.snapshot_probabilities, independent=self.independent)


def attribute(pair: PathPair, predict: Predict, *, independent: bool = False) -> Attribution:
    """Attribute the change of one snapshot's prediction to the differences of its two paths.

    Args:
        pair: the frame by both paths.
        predict: pictures as the model gets them -> probabilities `(n, labels)`.
        independent: whether each label has its own yes or no.

    Returns:
        The change, by fault.
    """
    residuals = (
        _residual(pair.video, pair.video_settings, pair.context),
        _residual(pair.snapshot, pair.snapshot_settings, pair.context),
    )
    names = [fault.id for fault in changed_faults(pair.video_settings, pair.snapshot_settings)][: MAX_FAULTS - 1]
    if float(np.abs(residuals[0] - residuals[1]).max()) > MIN_RESIDUAL:
        residual_name = pair.residual_cause.id if pair.residual_cause else UNEXPLAINED
        names = [*(name for name in names if name != residual_name), residual_name]
    mixtures = [
        _mixture(pair, {name for bit, name in enumerate(names) if mask >> bit & 1}, residuals)
        for mask in range(1, 2 ** len(names) - 1)
    ]
    probabilities = predict([pair.video, *mixtures, pair.snapshot])
    if not names:
        probabilities = probabilities[[0]]
    snapshot = probabilities[-1]
    closeness = np.array([1 - total_variation(row, snapshot, independent=independent) for row in probabilities])
    same_label = np.array([float(same_labels(row, snapshot, independent=independent)) for row in probabilities])
    left = {name: float(1 - closeness[1 << bit]) for bit, name in enumerate(names)}
    change, flip = shapley(names, closeness), shapley(names, same_label)
    return Attribution(change, flip, probabilities[0], snapshot, left, independent)


def shapley(players: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    """Compute the Shapley values of a game.

    Args:
        players: their names.
        values: `(2 ** players,)`, the value of each coalition, by the bit mask of the players in it.

    Returns:
        Each player's value. They add up to the value of all less that of none.
    """
    count = len(players)
    shares = {}
    for bit, player in enumerate(players):
        other_bits = [other for other in range(count) if other != bit]
        total = 0.0
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for coalition in combinations(other_bits, size):
                mask = sum(1 << other for other in coalition)
                total += weight * float(values[mask | 1 << bit] - values[mask])
        shares[player] = total
    return shares


def _mixture(pair: PathPair, names: set[str], residuals: tuple[Picture, Picture]) -> Floats:
    """What the model would get by the video's path with some of its faults set as in the snapshot's path."""
    settings = pair.video_settings
    for name in names:
        if name in FAULTS:
            settings = settings.having(FAULTS[name], pair.snapshot_settings[FAULTS[name]])
    residual_name = pair.residual_cause.id if pair.residual_cause else UNEXPLAINED
    residual = residuals[1 if residual_name in names else 0]
    return to_values(settings, render_picture(settings, pair.context, pair.size) + residual)


def _residual(values: Floats, settings: PathSettings, context: FrameContext) -> Picture:
    """How far a path's rendering is from the values that came by it, in levels."""
    rendered = render_picture(settings, context, (values.shape[0], values.shape[1]))
    if settings[SCALING] == TRUNCATED:  # of levels that are lost, nothing is known
        return np.zeros_like(rendered)
    return as_levels(values, settings[SCALING]) - rendered
