"""Which test videos to look at to see why two models differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stillmotion.comparison.predictions import Predictions, check_same_videos
from stillmotion.statistics import Floats, Ints

ExampleReason = Literal["only_motion_right", "only_still_right", "both_wrong_differently", "both_wrong", "both_right"]


@dataclass(frozen=True)
class Example:
    """A test video and why it is worth a look.

    Attributes:
        row: its place in the predictions.
        video: its name.
        label: its true label.
        reason: which of the two models is right.
    """

    row: int
    video: str
    label: str
    reason: ExampleReason


def select_examples(still: Sequence[Predictions], motion: Sequence[Predictions], *, count: int = 8) -> list[Example]:
    """Choose test videos to look at, at most two thirds of them where the models disagree.

    The disagreements come first, those with the widest gap in the true label's probability leading, with labels and
    the two directions taking turns; then the videos that both get wrong with the most confidence, then those that both
    get right.

    Args:
        still: the still model's predictions, one entry per training. The first training decides.
        motion: the motion model's predictions of the same videos. The first training decides.
        count: maximum number of videos.

    Returns:
        The chosen videos.

    Raises:
        StillmotionError: the models predicted different videos.

    Examples:
        >>> still, motion = sm.read_predictions("still.csv"), sm.read_predictions("motion.csv")
        >>> examples = sm.select_examples([still], [motion], count=2)
        >>> len(examples)
        2
    """
    check_same_videos([*still, *motion])
    first, second = still[0], motion[0]
    rows = np.arange(len(first.truth))
    gap = np.abs(second.probabilities[rows, first.truth] - first.probabilities[rows, first.truth])
    confidence = np.maximum(first.probabilities.max(axis=1), second.probabilities.max(axis=1))
    still_right, motion_right = (model.predicted == model.truth for model in (first, second))
    both_wrong, agree = ~still_right & ~motion_right, first.predicted == second.predicted

    def queue(mask: np.ndarray, weight: Floats) -> list[int]:
        return _labels_in_turn(np.flatnonzero(mask), first.truth, weight)

    disagreeing = _take_turns(
        {
            "only_motion_right": queue(motion_right & ~still_right, gap),
            "only_still_right": queue(still_right & ~motion_right, gap),
        }
    ) + _take_turns({"both_wrong_differently": queue(both_wrong & ~agree, gap)})
    agreeing = _take_turns(
        {
            "both_wrong": queue(both_wrong & agree, confidence),
            "both_right": queue(still_right & motion_right, gap),
        }
    )
    max_disagreeing = max(count - len(agreeing), -(-2 * count // 3))
    chosen = (disagreeing[:max_disagreeing] + agreeing)[:count]
    return [Example(row, first.videos[row], first.labels[int(first.truth[row])], reason) for reason, row in chosen]


def _labels_in_turn(rows: Ints, truth: Ints, weight: Floats) -> list[int]:
    """Rows by falling weight, but the second row of a label only after the first rows of all labels."""
    ordered = rows[np.argsort(-weight[rows], kind="stable")].tolist()
    seen: dict[int, int] = {}
    turns = []
    for row in ordered:
        label = int(truth[row])
        turns.append(seen.get(label, 0))
        seen[label] = turns[-1] + 1
    return [row for _, row in sorted(zip(turns, ordered, strict=True), key=lambda pair: pair[0])]


def _take_turns(queues: dict[ExampleReason, list[int]]) -> list[tuple[ExampleReason, int]]:
    longest = max(map(len, queues.values()))
    return [(reason, rows[turn]) for turn in range(longest) for reason, rows in queues.items() if turn < len(rows)]
