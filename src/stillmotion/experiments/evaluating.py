"""A run tested: its figures on its own test part, or on other videos."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from stillmotion import prediction
from stillmotion.clips import OpenedVideos
from stillmotion.comparison import Metrics, compute_metrics, read_predictions
from stillmotion.data import Videos, as_videos, shared_groups
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.experiments.datasets import read_labeled
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Run, as_run

log = logging.getLogger(__name__)


def run_evaluation(
    run: Run | prediction.ClipModel | str | Path,
    data: str | Path | Videos | OpenedVideos | None = None,
    *,
    group: str | None = None,
    frame_rate: float | None = None,
    progress: Progress = no_progress,
) -> Metrics:
    """Test a run: the whole of `stillmotion evaluate`.

    Other videos leave the run as it is; only a run that has no test part yet takes them as its own. A warning is
    logged if the run was trained on groups of the data, or if videos of its own test part were skipped.

    Args:
        run: the run, its folder, or a model from `load_clip_model`.
        data: labeled videos; by default the run's own test part.
        group: a regular expression; what it matches in a video's path names its group.
        frame_rate: frames per second of videos that are folders of numbered frames.
        progress: receives the number of videos tested.

    Returns:
        The figures, with 95 % intervals by group.

    Raises:
        UsageError: no such run or data set, or a model whose outputs are not labels of which each video has one.
        StillmotionError: the run has no test part, a label it does not know, or no readable video.

    Examples:
        >>> metrics = sm.run_evaluation("runs/motion", "test-clips/")
        >>> 0 <= metrics.accuracy.low <= metrics.accuracy.high <= 1
        True
    """
    if isinstance(run, prediction.ClipModel):
        if data is None:
            raise UsageError("give the labeled videos to test the model on")
        if run.outputs in ("regression", "independent sigmoids"):
            is_number = run.outputs == "regression"
            what = "a number" if is_number else "independent labels, of which a video may have several"
            raise UsageError(f"the model returns {what}; only labels of which each video has one can be tested")
        return _test(run, read_labeled(data, group=group, frame_rate=frame_rate), progress)
    run = as_run(run)
    own = run.record.data.part("test")
    test = own if data is None else read_labeled(data, group=group, frame_rate=frame_rate)
    if not test:
        raise StillmotionError(f"{run.folder}: this run has no test part; give the videos to test it on")
    _warn_of_leaks(run, as_videos(test))
    if data is None or not own:
        evaluated = prediction.evaluate(run, test, progress=progress)
        _warn_of_skipped(evaluated, test)
        return compute_metrics([read_predictions(evaluated.predictions_file)])
    return _test(run, test, progress)


def _test(model: Run | prediction.ClipModel, test: Videos | OpenedVideos, progress: Progress) -> Metrics:
    """The figures on labeled videos, of which nothing is recorded."""
    predictions, skipped = prediction.predict_labeled(model, test, progress=progress)
    for video in skipped:
        log.info("skipped: %s", video.reason)
    with TemporaryDirectory() as folder:
        table = Path(folder) / "predictions.parquet"
        prediction.write_rows(prediction.evaluation_rows(predictions), table)
        return compute_metrics([read_predictions(table)])


def _warn_of_skipped(run: Run, test: Videos | OpenedVideos) -> None:
    """Log which videos of its own test part a run could not be tested on."""
    names = {video.name for video in as_videos(test)}
    if isinstance(test, OpenedVideos):
        names |= {skipped.video.name for skipped in test.skipped}
    reasons = [reason for name, reason in run.record.data.skipped if name in names]
    if not reasons:
        return
    log.warning(
        "%d of %d test videos were skipped, so the figures are those of the others (%s)",
        len(reasons),
        len(names),
        reasons[0],
    )
    for reason in reasons[1:]:
        log.info("skipped: %s", reason)


def _warn_of_leaks(run: Run, test: Videos) -> None:
    data = run.record.data
    common = sorted({*shared_groups(data.part("train"), test), *shared_groups(data.part("validation"), test)})
    if common:
        log.warning(
            "the run was trained on %d of these groups (%r, ...); its figures look better than they are",
            len(common),
            common[0],
        )
