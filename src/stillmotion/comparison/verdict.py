"""The verdict: numbers and codes. The answer and all text follow from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from stillmotion.comparison.per_label import LabelGain, PairGain
from stillmotion.comparison.sentences import verdict_sentence
from stillmotion.statistics import CONFIDENCE

VerdictAnswer = Literal["motion needed", "stills suffice", "undecided"]
BestFrameReason = Literal["max_pool_control_close", "most_confident_frame_close", "order_not_needed"]
VerdictReason = Literal[
    "interval_above_margin",
    "interval_below_margin",
    "interval_spans_margin",
    "motion_not_better_than_guessing",
    "still_not_better_than_guessing",
    "max_pool_control_close",
    "most_confident_frame_close",
    "order_not_needed",
]
Selection = Literal["only_motion_model", "validation_accuracy", "test_accuracy", "hardest_to_rule_out"]
WarningCode = Literal["videos_as_groups", "few_groups", "shortcuts", "not_checked"]


@dataclass(frozen=True)
class Contrast:
    """One motion model against the still model.

    Attributes:
        motion: name of the motion model.
        difference: its accuracy less that of the still model.
        low: lower limit of the interval, at the verdict's level.
        high: upper limit of the interval.
    """

    motion: str
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class VerdictWarning:
    """Something to keep in mind when reading the answer.

    Attributes:
        code: "videos_as_groups": every video is its own group. "few_groups": fewer than 10 groups. "shortcuts":
            something other than the action predicts the label. "not_checked": shortcuts or evidence were not looked
            for.
        text: the warning in words.
        groups: number of groups, for "few_groups".
        names: the shortcuts for "shortcuts"; "shortcuts", "evidence" for "not_checked".
    """

    code: WarningCode
    text: str
    groups: int | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Whether motion is needed, and the numbers that the answer rests on. Accuracies are shares (0..1).

    Attributes:
        still: name of the still model.
        motion: name of the motion model.
        still_accuracy: its accuracy on the test videos, the mean over trainings.
        motion_accuracy: the same for the motion model.
        difference: `motion_accuracy` less `still_accuracy`.
        low: lower limit of the difference's interval, by group and, with several trainings, by training.
        high: upper limit of that interval.
        margin: the smallest difference that is worth motion.
        videos: number of test videos.
        groups: number of groups of test videos.
        seeds: number of trainings of each model.
        level: confidence of the interval. 0.95, or more where the test videos themselves chose the motion model among
            several, unless stills suffice against all of them (`decide_among`).
        selected_by: how the motion model was chosen among `contrasts`.
        groups_to_decide: how many groups of test videos would decide in 80 % of such tests, if the difference and its
            spread stayed the same; None if decided or out of reach.
        p_needed: one-sided p of "the difference is the margin or less". *Motion needed* takes p below
            (1 - `level`) / 2.
        p_suffice: one-sided p of "the difference is the margin or more". *Stills suffice* takes p below 0.025.
        superior: motion is significantly better at all (`low` above 0).
        equivalent: two one-sided tests at 5 % (TOST) put the difference between minus and plus the margin.
        equivalence_low: lower limit for `equivalent`, of a 90 % interval; at 5 % / models where only the test videos
            chose among several motion models.
        equivalence_high: upper limit for `equivalent`.
        cluster_robust_low: lower limit of the textbook interval at the same level (cluster-robust standard error, CR1,
            with Student's t), as a cross-check. Nothing rests on it.
        cluster_robust_high: upper limit of that interval.
        guessing: accuracy of always predicting the most frequent label.
        stills_beat_guessing: the still model is significantly better than that, by the interval of its accuracy or
            video by video.
        motion_beats_guessing: the same for the motion model.
        best_frame_reason: why one good frame may explain the gain; None if nothing says so
            (`require_motion_evidence`).
        max_pool_accuracy: accuracy of the still model trained to find the best frame, if that is the reason.
        contrasts: every motion model against the still model.
        labels: where motion helps, label by label.
        pairs: where motion helps, pair of labels by pair.
        warnings: what to keep in mind when reading the answer.
    """

    still: str
    motion: str
    still_accuracy: float
    motion_accuracy: float
    difference: float
    low: float
    high: float
    margin: float
    videos: int
    groups: int
    seeds: int
    level: float = CONFIDENCE
    selected_by: Selection = "only_motion_model"
    groups_to_decide: int | None = None
    p_needed: float = 1.0
    p_suffice: float = 1.0
    superior: bool = False
    equivalent: bool = False
    equivalence_low: float = -1.0
    equivalence_high: float = 1.0
    cluster_robust_low: float = -1.0
    cluster_robust_high: float = 1.0
    guessing: float = 0.0
    stills_beat_guessing: bool = True
    motion_beats_guessing: bool = True
    best_frame_reason: BestFrameReason | None = None
    max_pool_accuracy: float | None = None
    contrasts: tuple[Contrast, ...] = ()
    labels: tuple[LabelGain, ...] = ()
    pairs: tuple[PairGain, ...] = ()
    warnings: tuple[VerdictWarning, ...] = ()

    @property
    def answer(self) -> VerdictAnswer:
        """*Motion needed* or *stills suffice* if the whole interval says so and nothing blocks it; else undecided."""
        return "undecided" if self.blocked_by else self.interval_answer

    @property
    def statistical_answer(self) -> VerdictAnswer:
        """The answer by statistics alone, before evidence on best frames."""
        blocked = set(self.blocked_by) - {self.best_frame_reason}
        return "undecided" if blocked else self.interval_answer

    @property
    def interval_answer(self) -> VerdictAnswer:
        """What the interval alone says: the whole of it must be above or below the margin."""
        if self.low > self.margin:
            return "motion needed"
        return "stills suffice" if self.high < self.margin else "undecided"

    @property
    def blocked_by(self) -> tuple[VerdictReason, ...]:
        """Why the answer is undecided although the interval is on one side of the margin; empty if it is not.

        The model that the answer rests on must be better than guessing, and *motion needed* needs evidence that it is
        motion.
        """
        reasons: list[VerdictReason] = []
        if self.interval_answer == "motion needed":
            if not self.motion_beats_guessing:
                reasons.append("motion_not_better_than_guessing")
            if self.best_frame_reason is not None:
                reasons.append(self.best_frame_reason)
        elif self.interval_answer == "stills suffice" and not self.stills_beat_guessing:
            reasons.append("still_not_better_than_guessing")
        return tuple(reasons)

    @property
    def reasons(self) -> tuple[VerdictReason, ...]:
        """Codes of everything that led to the answer."""
        positions: dict[VerdictAnswer, VerdictReason] = {
            "motion needed": "interval_above_margin",
            "stills suffice": "interval_below_margin",
            "undecided": "interval_spans_margin",
        }
        return positions[self.interval_answer], *self.blocked_by

    @property
    def nothing_beats_guessing(self) -> bool:
        """Whether neither model is significantly better than guessing, so that the two cannot be compared."""
        return not (self.stills_beat_guessing or self.motion_beats_guessing)

    @property
    def best_frame_explains(self) -> bool:
        """Whether the answer is undecided because one good frame may explain the gain."""
        return self.best_frame_reason in self.blocked_by

    @property
    def sentence(self) -> str:
        """The answer and what it rests on, in one sentence."""
        return verdict_sentence(self)

    def to_json(self) -> dict[str, Any]:
        """Convert the verdict to the form it has in comparison.json.

        Returns:
            All attributes, and the answer and its reasons, which follow from them.
        """
        return {
            "answer": self.answer,
            "reasons": list(self.reasons),
            "sentence": self.sentence,
            "best_frame_explains": self.best_frame_explains,
            **asdict(self),
        }
