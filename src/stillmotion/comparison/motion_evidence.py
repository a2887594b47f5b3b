"""The rule that withdraws *motion needed* where good frames may explain the gain."""

from __future__ import annotations

from dataclasses import replace

from stillmotion.comparison.evidence import Evidence
from stillmotion.comparison.verdict import BestFrameReason, Verdict


def require_motion_evidence(verdict: Verdict, evidence: Evidence) -> Verdict:
    """Keep *motion needed* only where the motion model relies on motion; otherwise make it undecided.

    A gain may come from one or a few good frames of the clip, which a still model could find, too, if it learned to:

    1. If the still model's most confident frame is not significantly worse than motion.
    2. If half of the gain significantly outlives shuffling. A motion model that is shown its frames in random order is
       a still model, of several frames without their order, so there is one that does nearly as well. Nevertheless,
       *motion needed* is kept if one half of a clip has all of the gain: what changes all the time is motion. A change
       that happens once is not told from a good frame.

    The second rests on a motion model that was trained on shuffled clips, if there is one: the other has not seen such
    clips in training and does worse on them than it could. Evidence only ever withdraws an answer.

    Args:
        verdict: a verdict from statistics.
        evidence: what is known about the gain.

    Returns:
        The same verdict, with `best_frame_reason` set if statistics say *motion needed* and the rule applies.
    """
    needed = verdict.statistical_answer == "motion needed"
    return replace(verdict, best_frame_reason=_best_frame_reason(verdict, evidence) if needed else None)


def _best_frame_reason(verdict: Verdict, evidence: Evidence) -> BestFrameReason | None:
    if evidence.best_frame and evidence.best_frame.one_frame_decides:
        return "most_confident_frame_close"
    by_name = {condition.name: condition for condition in (*evidence.perturbed, *evidence.retrained)}
    shuffled, *halves = (by_name.get(name) for name in ("shuffled", "first half only", "last half only"))
    outlives_shuffling = shuffled is not None and shuffled.low > -verdict.difference / 2
    if outlives_shuffling and all(half is not None and half.high < 0 for half in halves):
        return "order_not_needed"
    return None
