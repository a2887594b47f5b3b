"""What a comparison is: typed records of everything in comparison.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from stillmotion.clips import ClipSpec
from stillmotion.comparison.evidence import Evidence
from stillmotion.comparison.example_videos import ExampleVideo
from stillmotion.comparison.guessing import beats_guessing, guessing_sentence
from stillmotion.comparison.ladder import Ladder
from stillmotion.comparison.ladder_sentences import ladder_sentence
from stillmotion.comparison.learning import LearningPoint, learning_sentence
from stillmotion.comparison.metrics import IntervalEstimate, LabelMetrics
from stillmotion.comparison.rates import RateResult, rates_sentence
from stillmotion.comparison.recommendation import Recommendation
from stillmotion.comparison.verdict import Verdict
from stillmotion.inspection.shortcuts import Shortcut
from stillmotion.models import Rung
from stillmotion.runs.recipe import Recipe
from stillmotion.runs.run import TrainingRecord
from stillmotion.training.efforts import Trial

Kind = Literal["still", "motion"]
AdviceTopic = Literal["cost", "failures", "next_steps"]


@dataclass(frozen=True)
class ModelCost:
    """What a model costs: the median over its trainings. None is unknown.

    Attributes:
        parameters: number of parameters.
        multiply_adds: of one clip, counted from the graph.
        clip_seconds: how much video a clip covers.
        milliseconds_per_clip: time to predict one clip, on the machine that measured it.
        milliseconds_per_second: the same per second of video, for windows that follow each other.
        multiply_adds_per_second: likewise.
        frames_per_second: throughput.
        train_seconds: time to train once.
        peak_megabytes: memory of a process that loads the model and predicts one clip.
    """

    parameters: int | None = None
    multiply_adds: float | None = None
    clip_seconds: float | None = None
    milliseconds_per_clip: float | None = None
    milliseconds_per_second: float | None = None
    multiply_adds_per_second: float | None = None
    frames_per_second: float | None = None
    train_seconds: float | None = None
    peak_megabytes: float | None = None


@dataclass(frozen=True)
class AccuracyCurves:
    """Accuracy after each epoch.

    Attributes:
        train: on the training part.
        validation: on the validation part.
    """

    train: tuple[float, ...]
    validation: tuple[float, ...]


@dataclass(frozen=True)
class TrainingSummary:
    """How one training of a model went.

    Attributes:
        accuracy: on the videos that it was tested on.
        recipe: how it was trained.
        training: epochs, time and validation results.
        curves: accuracy after each epoch; None if the run has no history.
    """

    accuracy: float
    recipe: Recipe
    training: TrainingRecord | None = None
    curves: AccuracyCurves | None = None


@dataclass(frozen=True)
class SearchRecord:
    """What one search for settings was given, and what it tried.

    Attributes:
        effort: how many settings to try: "quick", "standard" or "thorough".
        minutes: time budget of the whole experiment; None without one.
        epochs: maximum number of epochs of the training that follows.
        trials: the settings that were tried.
    """

    effort: str
    minutes: float | None
    epochs: int
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True)
class ContenderResult:
    """One way to fill a rung of the ladder, which validation chose or not.

    Attributes:
        name: what to call it.
        family: its family.
        options: the family's options.
        validation_accuracies: on the validation part of each fold.
        validation_losses: on the validation part of each fold.
        chosen_folds: the folds in which it was chosen, from 0.
    """

    name: str
    family: str
    options: Mapping[str, str | bool | int | float]
    validation_accuracies: tuple[float, ...]
    validation_losses: tuple[float, ...]
    chosen_folds: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelResult:
    """One model's results on the test videos, the mean over its trainings.

    Attributes:
        kind: whether the model looks at single frames ("still") or at their sequence ("motion").
        accuracy: the share of test videos that are predicted correctly.
        balanced_accuracy: the mean of the labels' recall.
        macro_f1: the mean of the labels' F1.
        log_loss: in nats per video.
        calibration_error: of the predicted label, in 15 bins of equal mass.
        per_label: metrics of each label.
        confusion: number of videos by true label (rows) and predicted label (columns).
        accuracies: accuracy of each training.
        validation_accuracy: on the validation part; None if unknown.
        family: the family of most of its runs; None if it was trained elsewhere.
        rung: the family's rung of the ladder; None if it was trained elsewhere.
        spec: what a clip is, for most of its runs; None if it was trained elsewhere.
        contenders: the ways to fill the rung among which validation chose; empty if there was one.
        cost: what a prediction and a training cost.
        trainings: one entry per run.
        searches: one entry per fold.
        runs: folders of the runs.
    """

    kind: Kind
    accuracy: IntervalEstimate
    balanced_accuracy: IntervalEstimate
    macro_f1: IntervalEstimate
    log_loss: IntervalEstimate
    calibration_error: float
    per_label: Mapping[str, LabelMetrics]
    confusion: tuple[tuple[float, ...], ...]
    accuracies: tuple[float, ...]
    validation_accuracy: float | None = None
    family: str | None = None
    rung: Rung | None = None
    spec: ClipSpec | None = None
    contenders: tuple[ContenderResult, ...] = ()
    cost: ModelCost = ModelCost()
    trainings: tuple[TrainingSummary, ...] = ()
    searches: tuple[SearchRecord, ...] = ()
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class SkippedRecord:
    """A file that was not used.

    Attributes:
        path: the file.
        reason: why it was skipped.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class DataSummary:
    """The data set.

    Attributes:
        videos: number of videos by part ("train", "validation", "test").
        groups: number of groups by part.
        cross_validated: whether the test part is that of all folds; train and validation are those of one fold.
        videos_per_label: number of videos by label.
        groups_per_label: number of groups by label.
        labels: the labels, in the order of the models' outputs.
        skipped: files that were not used.
        root: folder of the data set.
        fingerprint: hash of the data set.
        versions: versions of the software that trained the models.
    """

    videos: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    cross_validated: bool = False
    videos_per_label: Mapping[str, int] = field(default_factory=dict)
    groups_per_label: Mapping[str, int] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    skipped: tuple[SkippedRecord, ...] = ()
    root: str = ""
    fingerprint: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Advice:
    """One conclusion for the reader.

    Attributes:
        code: what it is about, such as "use_motion" (`stillmotion.comparison.advice` has all codes).
        topic: "cost", "failures" or "next_steps".
        text: one or two sentences of plain text, with commands in backticks.
    """

    code: str
    topic: AdviceTopic
    text: str


@dataclass(frozen=True)
class Comparison:
    """The results of a comparison.

    Attributes:
        models: the results of each model by name.
        verdict: whether motion is needed; None without both a still and a motion model.
        ladder: what each rung adds; None unless the models are the rungs of the ladder.
        data: the data set.
        recommendation: which model to use by accuracy and cost; None if a cost is unknown.
        evidence: what the motion model's gain rests on; None if it was not checked.
        shortcuts: how well things other than the action predict the label; empty if that was not checked.
        examples: test videos to look at.
        advice: what to take home: costs, failures, next steps.
        rates: accuracy by the number of frames in a window, and what more gain; empty if that was not measured.
        learning: accuracy by the share of the training groups, and what more gain; empty if that was not measured.

    Examples:
        >>> comparison = sm.read_comparison("comparison")
        >>> comparison.verdict.answer
        'motion needed'
        >>> comparison.models[comparison.verdict.motion].accuracy.value > 0.9
        True
    """

    models: Mapping[str, ModelResult]
    verdict: Verdict | None
    ladder: Ladder | None = None
    data: DataSummary = DataSummary()
    recommendation: Recommendation | None = None
    evidence: Evidence | None = None
    shortcuts: tuple[Shortcut, ...] = ()
    examples: tuple[ExampleVideo, ...] = ()
    advice: tuple[Advice, ...] = ()
    rates: tuple[RateResult, ...] = ()
    learning: tuple[LearningPoint, ...] = ()

    @property
    def guessing(self) -> float | None:
        """The accuracy of always predicting the test videos' most frequent label; None without test videos."""
        for model in self.models.values():
            videos = [label.videos for label in model.per_label.values()]
            if sum(videos):
                return max(videos) / sum(videos)
        return None

    def measured(self, model: str) -> IntervalEstimate:
        """What the verdict compares of a model: its accuracy, or the mean recall of the labels.

        Args:
            model: its name.

        Returns:
            The estimate with its 95 % interval.

        Raises:
            KeyError: no model of that name.

        Examples:
            >>> comparison = sm.read_comparison("comparison")
            >>> comparison.measured("order").value > 0.9
            True
        """
        result = self.models[model]
        return result.balanced_accuracy if self.balanced else result.accuracy

    @property
    def balanced(self) -> bool:
        """Whether the verdict compares the mean recall of the labels."""
        return self.verdict is not None and self.verdict.metric == "balanced"

    @property
    def measured_guessing(self) -> float | None:
        """Of always predicting the most frequent label, what the verdict compares; None without test videos."""
        return self.verdict.guessing if self.verdict is not None and self.balanced else self.guessing

    @property
    def beats_guessing(self) -> dict[str, bool]:
        """Whether each model is significantly better than guessing; empty without test videos."""
        return beats_guessing(self.models, self.verdict, self.guessing)

    @property
    def guessing_sentence(self) -> str:
        """Whether anything beats guessing: what to read first. Empty without test videos."""
        if self.verdict:
            return guessing_sentence(self.beats_guessing, self.verdict.guessing, self.verdict.metric)
        return guessing_sentence(self.beats_guessing, self.guessing or 0.0)

    @property
    def ladder_sentence(self) -> str:
        """What each rung adds and what follows; empty unless the models are the rungs of the ladder."""
        if self.ladder is None:
            return ""
        return ladder_sentence(self.ladder, self.verdict, self.model_to_use, self.beats_guessing)

    @property
    def recommendation_if_better_than_guessing(self) -> Recommendation | None:
        """The recommendation; None where the most accurate model is not significantly better than guessing."""
        recommendation = self.recommendation
        if recommendation is None or self.verdict is None:
            return recommendation
        return recommendation if self.beats_guessing[recommendation.best] else None

    @property
    def model_to_use(self) -> str | None:
        """The model to use: the recommended one if it is of those that the answer asks for; None if undecided."""
        verdict = self.verdict
        if verdict is None or verdict.answer == "undecided":
            return None
        recommendation = self.recommendation_if_better_than_guessing
        recommended = recommendation.model if recommendation else ""
        if verdict.answer == "stills suffice":
            return recommended if recommended in verdict.sufficient_stills else verdict.still
        return recommended if recommended and self.models[recommended].kind == "motion" else verdict.motion

    @property
    def rates_sentence(self) -> str:
        """How many frames pay; empty if that was not measured."""
        return rates_sentence(self.rates, self.verdict)

    @property
    def learning_sentence(self) -> str:
        """Whether stills would catch up with more footage; empty if that was not measured."""
        return learning_sentence(self.learning, self.verdict)

    def to_json(self) -> dict[str, Any]:
        """Convert the comparison to the form it has in comparison.json.

        Returns:
            All attributes, and those of the comparison, the verdict and the ladder that follow from others.
        """
        record = {
            **asdict(self),
            "verdict": self.verdict.to_json() if self.verdict else None,
            "guessing_sentence": self.guessing_sentence,
            "rates_sentence": self.rates_sentence,
            "learning_sentence": self.learning_sentence,
        }
        if self.ladder:
            record["ladder"]["sentence"] = self.ladder_sentence
        return record
