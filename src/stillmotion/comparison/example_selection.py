"""Which test videos to look at to see why two families differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stillmotion.comparison.predictions import Floats, Ints, Predictions, check_same_videos


@dataclass(frozen=True)
class Example:
    """A test video and why it is worth a look. row: its place in the predictions."""

    row: int
    video: str
    label: str
    reason: str


def select_examples(still: Sequence[Predictions], motion: Sequence[Predictions], *, count: int = 8) -> list[Example]:
    """Choose up to `count` test videos, at most two thirds of them where the first runs disagree.

    still, motion: one `Predictions` a seed; the first of each is shown, so the first decides. First
    the disagreements, the widest gap in the true label's probability first, taking labels and the
    two directions in turn; then what both get wrong with the most confidence, then the videos that
    both get right. Raises StillmotionError if the videos differ.
    """
    check_same_videos([*still, *motion])
    one, two = still[0], motion[0]
    rows = np.arange(len(one.truth))
    gap = two.probabilities[rows, one.truth] - one.probabilities[rows, one.truth]
    sure = np.maximum(one.probabilities.max(axis=1), two.probabilities.max(axis=1))
    still_right, motion_right = (run.answers == run.truth for run in (one, two))
    wrong = ~still_right & ~motion_right
    kinds = (
        ("Only motion is right", motion_right & ~still_right, np.abs(gap)),
        ("Only the still model is right", still_right & ~motion_right, np.abs(gap)),
        ("Both wrong, with different answers", wrong & (one.answers != two.answers), np.abs(gap)),
        ("Both wrong", wrong & (one.answers == two.answers), sure),
        ("Both right", still_right & motion_right, np.abs(gap)),
    )
    queues = [(reason, _in_turn(np.flatnonzero(mask), one.truth, weight)) for reason, mask, weight in kinds]
    differing = _round_robin(queues[:2]) + _round_robin(queues[2:3])
    agreeing = _round_robin(queues[3:])
    room = max(count - len(agreeing), -(-2 * count // 3))
    chosen = (differing[:room] + agreeing)[:count]
    return [Example(row, one.videos[row], one.labels[int(one.truth[row])], reason) for reason, row in chosen]


def _in_turn(rows: Ints, truth: Ints, weight: Floats) -> list[int]:
    """Rows by falling weight, but a second one of a label only after the first ones of all labels."""
    ordered = rows[np.argsort(-weight[rows], kind="stable")]
    seen: dict[int, int] = {}
    turns = []
    for row in ordered.tolist():
        turns.append(seen.setdefault(int(truth[row]), 0))
        seen[int(truth[row])] += 1
    return [row for _, row in sorted(zip(turns, ordered.tolist(), strict=True), key=lambda pair: pair[0])]


def _round_robin(queues: Sequence[tuple[str, list[int]]]) -> list[tuple[str, int]]:
    longest = max((len(rows) for _, rows in queues), default=0)
    return [(reason, rows[turn]) for turn in range(longest) for reason, rows in queues if turn < len(rows)]
