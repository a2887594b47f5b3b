"""Some test videos to look at, with each model's prediction for the whole video and over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stillmotion.comparison.cross_validation import read_joined_predictions
from stillmotion.comparison.example_selection import Example, ExampleReason, select_examples
from stillmotion.comparison.model_runs import RunsByModel, group_by_model
from stillmotion.comparison.predictions import Predictions
from stillmotion.comparison.traces import PredictionTrace, make_trace, read_over_time
from stillmotion.data import Video
from stillmotion.runs import Run

MAX_EXAMPLES = 24
MAX_TRACED_LABELS = 6  # of a video: the true label, and those with the highest probabilities


@dataclass(frozen=True)
class ExamplePrediction:
    """A model's prediction for a whole video, by the first of its trainings that was tested on it.

    Attributes:
        label: the predicted label.
        probability: its probability.
        correct: whether it is the true label.
    """

    label: str
    probability: float
    correct: bool


@dataclass(frozen=True)
class ExampleVideo:
    """A test video, why it is worth a look, and each model's predictions.

    Attributes:
        video: the video.
        reason: which of the verdict's two models is right.
        predictions: by model, the prediction for the whole video.
        traces: by model, the predictions over time, where the model was run over time.
    """

    video: Video
    reason: ExampleReason
    predictions: Mapping[str, ExamplePrediction]
    traces: Mapping[str, PredictionTrace]


def gather_examples(
    runs: RunsByModel[Run], pair: tuple[str, str], *, count: int = MAX_EXAMPLES
) -> tuple[ExampleVideo, ...]:
    """Choose test videos to look at, those on which the verdict's two models disagree first.

    Args:
        runs: the evaluated runs, by model or in a list; in a list, a model is a family.
        pair: the still and the motion model that the verdict compares.
        count: maximum number of videos.

    Returns:
        The videos. If the runs were run over time on some videos, only those are returned.

    Raises:
        StillmotionError: a run was not evaluated, or runs were tested on different videos.
    """
    by_model = group_by_model(runs)
    predictions = {name: read_joined_predictions(members) for name, members in by_model.items()}
    chosen = select_examples(predictions[pair[0]], predictions[pair[1]], count=count)
    names = {example.video for example in chosen}
    traces = {name: _read_traces(members, names) for name, members in by_model.items()}
    traced = {video for by_video in traces.values() for video in by_video}
    videos = {
        video.name: video for members in by_model.values() for run in members for video in run.record.data.part("test")
    }
    examples = []
    for example in chosen:
        if (traced and example.video not in traced) or example.video not in videos:
            continue
        of_video = {name: by_video[example.video] for name, by_video in traces.items() if example.video in by_video}
        examples.append(
            ExampleVideo(
                videos[example.video],
                example.reason,
                {name: _prediction(trainings[0], example) for name, trainings in predictions.items()},
                _keep_likely_labels(of_video, example.label),
            )
        )
    return tuple(examples)


def _prediction(predictions: Predictions, example: Example) -> ExamplePrediction:
    column = int(predictions.predicted[example.row])
    probability = round(float(predictions.probabilities[example.row, column]), 4)
    correct = column == int(predictions.truth[example.row])
    return ExamplePrediction(predictions.labels[column], probability, correct)


def _read_traces(runs: Sequence[Run], videos: set[str]) -> dict[str, PredictionTrace]:
    labels = runs[0].labels
    timed = read_over_time([run.over_time_file for run in runs], labels, videos)
    return {video: make_trace(predictions, labels) for video, predictions in timed.items()}


def _keep_likely_labels(traces: Mapping[str, PredictionTrace], truth: str) -> dict[str, PredictionTrace]:
    """The same traces with the probabilities of few labels, as comparison.json would be large with all."""
    peaks: dict[str, float] = {}
    for trace in traces.values():
        for label, probabilities in trace.probabilities.items():
            peaks[label] = max(peaks.get(label, 0.0), *probabilities)
    likely = sorted((label for label in peaks if label != truth), key=lambda label: -peaks[label])
    kept = [truth, *likely[: MAX_TRACED_LABELS - 1]]
    return {
        name: replace(trace, probabilities={label: trace.probabilities[label] for label in kept})
        for name, trace in traces.items()
    }
