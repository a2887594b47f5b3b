"""A run's predictions for its test part, which are recorded in the run's folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from stillmotion.clips import OpenedVideos, SkippedVideo
from stillmotion.data import Part, Video, Videos, as_videos, shared_videos
from stillmotion.errors import StillmotionError
from stillmotion.files import folder_lock
from stillmotion.prediction.clip_models import ClipModel
from stillmotion.prediction.costs import measure_cost
from stillmotion.prediction.records import VideoPrediction
from stillmotion.prediction.tables import evaluation_rows, write_rows
from stillmotion.prediction.videos import predict
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Run, as_run, write_run


def evaluate(
    run: Run | str | Path,
    test: Videos | OpenedVideos | str | Path,
    *,
    cost: bool = True,
    progress: Progress = no_progress,
) -> Run:
    """Predict the test videos and record the result in the run's folder.

    Writes predictions.parquet, and puts the test part and the model's costs into run.json. A run has one test part:
    evaluating on another one replaces what was recorded before. A video of the recorded part that cannot be read this
    time stays in the part, and is listed as skipped.

    Args:
        run: a finished run, or its folder.
        test: labeled videos, or their folder or table, that were neither trained nor validated on. If some of their
            groups were, a verdict on the run is withheld and says so.
        cost: whether the model's costs are measured; otherwise the record keeps those that it has.
        progress: receives the number of videos done.

    Returns:
        The run with its new record.

    Raises:
        UsageError: there is no such run or data set.
        StillmotionError: a video that was trained or validated on, without a label or with one that the run does not
            know, no readable video, or another process is working in the run's folder.

    Examples:
        >>> run = sm.evaluate("runs/motion", "test-clips/")
        >>> sm.compute_metrics(sm.read_predictions(run.predictions_file)).accuracy.value <= 1
        True
    """
    run = as_run(run)
    test = test if isinstance(test, OpenedVideos) else as_videos(test)
    _check_held_out(run, as_videos(test))
    with folder_lock(run.folder):
        predictions, skipped = predict_labeled(run, test, progress=progress)
        write_rows(evaluation_rows(predictions), run.predictions_file)
        data = run.record.data
        trained_on = tuple(video for video in data.videos if video.part != "test")
        root = str(test.root.resolve())
        # A share that is not mounted must not shrink the test part for good.
        kept = set(data.part("test")) if data.root in (root, str(test.root)) else set()
        kept |= {_as_test(prediction.video) for prediction in predictions}
        videos = as_videos(test)
        given = list(dict.fromkeys(_as_test(video) for video in [*videos, *(video.video for video in skipped)]))
        names = {video.name for video in given}
        skipped_before = [(name, reason) for name, reason in data.skipped if name not in names]
        skipped_now = [(video.video.name, video.reason) for video in skipped]
        data = dataclasses.replace(
            data,
            root=root,
            train_root=data.train_root or ("" if data.root == root else data.root),
            videos=trained_on + tuple(video for video in given if video in kept),
            skipped=tuple(dict.fromkeys([*skipped_before, *skipped_now])),
        )
        record = dataclasses.replace(run.record, data=data, cost=measure_cost(run) if cost else run.record.cost)
        return write_run(dataclasses.replace(run, record=record))


def _check_held_out(run: Run, test: Videos) -> None:
    """Refuse videos that the run has learned from. To test it on them all the same is what `run_evaluation` is for."""
    parts: tuple[tuple[Part, str], ...] = (("train", "trained"), ("validation", "validated"))
    for part, done in parts:
        seen = shared_videos(run.record.data.part(part), test)
        if seen:
            raise StillmotionError(
                f"{run.folder}: was {done} on {len(seen)} of these {len(test)} videos ({seen[0]}, ...); test it on "
                "others, such as the third part that `split` gives"
            )


def record_cost(run: Run) -> Run:
    """Measure what a prediction costs, and record it in the run's folder.

    Args:
        run: a finished run.

    Returns:
        The run with its new record.

    Raises:
        StillmotionError: the run's model cannot be loaded, or another process is working in the run's folder.
    """
    with folder_lock(run.folder):
        record = dataclasses.replace(run.record, cost=measure_cost(run))
        return write_run(dataclasses.replace(run, record=record))


def _as_test(video: Video) -> Video:
    """The video as a run records it when it is in the test part."""
    return dataclasses.replace(video, part="test")


def predict_labeled(
    run: Run | ClipModel, test: Videos | OpenedVideos | str | Path, *, progress: Progress = no_progress
) -> tuple[list[VideoPrediction], list[SkippedVideo]]:
    """Predict labeled videos; nothing is recorded.

    Args:
        run: a finished run, or a model from `load_clip_model`.
        test: labeled videos.
        progress: receives the number of videos done.

    Returns:
        The predictions, and the videos that were skipped.

    Raises:
        StillmotionError: a video without a label or with one that the run does not know, or no readable video.
    """
    test = test if isinstance(test, OpenedVideos) else as_videos(test)
    videos = as_videos(test)
    unknown = sorted(set(videos.labels) - set(run.labels))
    if unknown or any(video.label is None for video in videos):
        raise StillmotionError(
            f"the test part has {f'the label {unknown[0]!r}' if unknown else 'videos without a label'}; "
            f"this run knows {', '.join(map(repr, run.labels))}"
        )
    predictions: list[VideoPrediction] = []
    skipped: list[SkippedVideo] = []
    for result in predict(run, test, cache=True, progress=progress):
        if isinstance(result, VideoPrediction):
            predictions.append(result)
        else:
            skipped.append(result)
        progress("testing", len(predictions) + len(skipped), len(test))
    if not predictions:
        raise StillmotionError(f"no readable video in the test part{f': {skipped[0].reason}' if skipped else ''}")
    return predictions, skipped
