"""The verdict: numbers and codes. The answer and all text follow from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from stillmotion.comparison.guessing import guessing_sentence
from stillmotion.comparison.measuring import Metric
from stillmotion.comparison.per_label import LabelGain, MissedLabel, PairGain
from stillmotion.comparison.sentences import verdict_sentence
from stillmotion.statistics import CONFIDENCE

VerdictAnswer = Literal["motion needed", "stills suffice", "undecided"]
BestFrameReason = Literal["most_confident_frame_close", "order_not_needed"]
VerdictReason = Literal[
    "test_not_held_out",
    "interval_above_margin",
    "interval_below_margin",
    "interval_spans_margin",
    "motion_not_better_than_guessing",
    "still_not_better_than_guessing",
    "label_missed",
    "most_confident_frame_close",
    "order_not_needed",
]
Selection = Literal["only_pair", "named", "validation_accuracy", "test_accuracy"]
WarningCode = Literal[
    "videos_as_groups",
    "few_groups",
    "test_not_held_out",
    "validation_not_held_out",
    "training_unknown",
    "shortcuts",
    "not_checked",
    "none_pretrained",
]


@dataclass(frozen=True)
class Contrast:
    """One motion model against one still model.

    Attributes:
        still: name of the still model.
        motion: name of the motion model.
        difference: accuracy of the motion model less that of the still model.
        low: lower limit of the difference's interval, at the level for *motion needed* if it rests on `motion`.
        high: upper limit of that interval, at the level for *stills suffice* if it rests on `still`.
    """

    still: str
    motion: str
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class VerdictWarning:
    """Something to keep in mind when reading the answer.

    Attributes:
        code: "videos_as_groups": every video is its own group. "few_groups": fewer than 10 groups.
            "test_not_held_out": a model was trained or validated on groups of the test videos.
            "validation_not_held_out": it was trained on groups that it was validated on. "training_unknown": it is not
            known what a model was trained on. "shortcuts": something other
            than the action predicts the label. "not_checked": shortcuts or evidence were not looked for.
            "none_pretrained": all still models of the ladder were trained from nothing, and do not suffice.
        text: the warning in words.
        groups: number of groups, for "few_groups" and those that are not held out.
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
        still: name of the still model: the only one, the one that was named, that validation chose or that is the best
            on the test videos. If *stills suffice* can rest only on another one, that one.
        motion: name of the motion model, likewise.
        still_accuracy: its accuracy on the test videos, the mean over trainings.
        motion_accuracy: the same for the motion model.
        difference: `motion_accuracy` less `still_accuracy`.
        low: lower limit of what `motion` gains over every still model, by group and, with several trainings, by
            training.
        high: upper limit of what any motion model gains over `still`. Together they are an interval of the best motion
            model's gain over the best still model (`decide_among`).
        margin: the smallest difference that is worth motion.
        videos: number of test videos.
        groups: number of groups of test videos.
        seeds: number of trainings of each model.
        metric: what accuracies are: "accuracy", or "balanced" for the mean recall of the labels.
        sequential: whether the interval holds at every look, however often recordings are added.
        level: confidence of the interval, at this look or, if sequential, at all.
        selected_by: how the two models were chosen among those of `contrasts`.
        groups_to_decide: how many groups of test videos would decide in 80 % of such tests, if the difference and its
            spread stayed the same; None if decided, out of reach, or neither model beats guessing.
        p_needed: one-sided p of "no motion model is better than every still model by more than the margin", at one
            look. *Motion needed* takes p below 0.025.
        p_suffice: one-sided p of "some motion model is better than every still model by the margin or more", likewise.
        superior: motion is significantly better at all (`low` above 0).
        equivalent: two one-sided tests at 5 % (TOST) put the difference between minus and plus the margin.
        equivalence_low: lower limit for `equivalent`, of a 90 % interval like that of `low` and `high`.
        equivalence_high: upper limit for `equivalent`.
        cluster_robust_low: lower limit of the same interval from the textbook's (cluster-robust standard error, CR1,
            with Student's t), as a cross-check. Nothing rests on it.
        cluster_robust_high: upper limit of that interval.
        brier_gain: by how much the motion model's Brier score is better, with adjusted confidence (0 to 2).
        brier_low: lower limit of what `motion` gains over every still model by that score, of a 97 % interval.
        brier_high: upper limit of what any motion model gains over `still`.
        guessing: accuracy of always predicting the most frequent label.
        stills_beat_guessing: the still model is significantly better than that, by the interval of its accuracy or
            video by video.
        motion_beats_guessing: the same for the motion model.
        others_beating_guessing: names of the other models that are, too. Each model is tested at the level of a claim
            that rests on it.
        leaked_groups: groups of the test videos that a model was trained or validated on; there should be none.
        best_frame_reason: why one or a few good frames may explain the gain; None if nothing says so
            (`require_motion_evidence`).
        about: names of the models that the answer may rest on; empty if that is all.
        contrasts: every motion model against every still model.
        labels: where motion helps, label by label.
        missed: labels of which a still model finds significantly less than a motion model, by more than the margin, for
            all still models.
        pairs: where motion helps, pair of labels by pair.
        warnings: what to keep in mind when reading the answer.

    Examples:
        >>> verdict = sm.read_comparison("comparison").verdict
        >>> verdict.answer, verdict.blocked_by
        ('motion needed', ())
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
    metric: Metric = "accuracy"
    sequential: bool = False
    level: float = CONFIDENCE
    selected_by: Selection = "only_pair"
    groups_to_decide: int | None = None
    p_needed: float = 1.0
    p_suffice: float = 1.0
    superior: bool = False
    equivalent: bool = False
    equivalence_low: float = -1.0
    equivalence_high: float = 1.0
    cluster_robust_low: float = -1.0
    cluster_robust_high: float = 1.0
    brier_gain: float = 0.0
    brier_low: float = -1.0
    brier_high: float = 1.0
    guessing: float = 0.0
    stills_beat_guessing: bool = True
    motion_beats_guessing: bool = True
    others_beating_guessing: tuple[str, ...] = ()
    leaked_groups: tuple[str, ...] = ()
    best_frame_reason: BestFrameReason | None = None
    about: tuple[str, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    labels: tuple[LabelGain, ...] = ()
    missed: tuple[MissedLabel, ...] = ()
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

        The test must be of new recordings, the model that the answer rests on must be better than guessing, *motion
        needed* needs evidence that it is motion, and stills do not suffice if they find significantly less of a label.
        """
        reasons: list[VerdictReason] = []
        if self.leaked_groups and self.interval_answer != "undecided":
            reasons.append("test_not_held_out")
        if self.interval_answer == "motion needed":
            if not self.motion_beats_guessing:
                reasons.append("motion_not_better_than_guessing")
            if self.best_frame_reason is not None:
                reasons.append(self.best_frame_reason)
        elif self.interval_answer == "stills suffice":
            if not self.stills_beat_guessing:
                reasons.append("still_not_better_than_guessing")
            if self.missed_labels:
                reasons.append("label_missed")
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
    def leaning(self) -> Literal["motion"] | None:
        """An earlier, weaker statement where the interval decides nothing.

        "motion" if the motion model's probabilities tell significantly more (Brier score), and it is better by more
        than the margin on these videos.
        """
        leans = self.brier_low > 0 and self.difference > self.margin
        return "motion" if leans and self.interval_answer == "undecided" else None

    @property
    def missed_labels(self) -> tuple[MissedLabel, ...]:
        """Labels of which `still` finds significantly less than some motion model, by more than the margin."""
        return tuple(loss for loss in self.missed if loss.model == self.still)

    @property
    def stills_miss_labels(self) -> bool:
        """Whether missed labels are what keeps stills from sufficing, now or with more data."""
        if not self.missed_labels or self.interval_answer != "undecided":
            return bool(self.missed_labels) and self.interval_answer == "stills suffice"
        incomplete = {loss.model for loss in self.missed}
        none_complete = all(c.still in incomplete for c in self.contrasts if self._may_rest_on(c.still))
        return self.difference < self.margin and none_complete

    @property
    def sufficient_stills(self) -> tuple[str, ...]:
        """The still models that *stills suffice* may rest on.

        They are not worse than any motion model by the margin, miss no label, and beat guessing.
        """
        highs: dict[str, float] = {}
        for contrast in self.contrasts:
            highs[contrast.still] = max(contrast.high, highs.get(contrast.still, -1.0))
        unfit = {loss.model for loss in self.missed} | {
            name for name, beats in self.beats_guessing.items() if not beats
        }
        return tuple(
            still
            for still, high in highs.items()
            if high < self.margin and still not in unfit and self._may_rest_on(still)
        )

    def _may_rest_on(self, name: str) -> bool:
        return not self.about or name in self.about

    @property
    def beats_guessing(self) -> dict[str, bool]:
        """Whether each model is significantly better than guessing."""
        names = (name for contrast in self.contrasts for name in (contrast.still, contrast.motion))
        others = {name: name in self.others_beating_guessing for name in names}
        return others | {self.still: self.stills_beat_guessing, self.motion: self.motion_beats_guessing}

    @property
    def guessing_sentence(self) -> str:
        """Whether anything beats guessing: what to read before the answer."""
        return guessing_sentence(self.beats_guessing, self.guessing, self.metric)

    @property
    def nothing_beats_guessing(self) -> bool:
        """Whether neither model is significantly better than guessing, so that the two cannot be compared."""
        return not (self.stills_beat_guessing or self.motion_beats_guessing)

    @property
    def best_frame_explains(self) -> bool:
        """Whether the answer is undecided because one or a few good frames may explain the gain."""
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
            "leaning": self.leaning,
            **asdict(self),
        }
