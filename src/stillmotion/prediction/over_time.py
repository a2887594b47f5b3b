"""How a run's prediction changes in the course of each video."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import ClipSpec, OpenedVideos, Segment, Window, even_windows, frame_times, open_videos
from stillmotion.data import Videos
from stillmotion.data.tables import probability_column
from stillmotion.errors import UnreadableVideoError
from stillmotion.models import FAMILIES
from stillmotion.models.inference import predict_in_batches
from stillmotion.prediction.records import Probabilities
from stillmotion.prediction.run_models import RunModel, load_run_model
from stillmotion.prediction.tables import write_columns
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Run, as_run

# Long videos are predicted at this many times at most.
MAX_TIMES = 64
# Overlapping windows: this many start within the length of one.
WINDOWS_PER_LENGTH = 4
# A model of single frames is asked about as many frames of a window as others see.
DEFAULT_FRAMES = ClipSpec().frames

Seconds = NDArray[np.float64]


def predict_over_time(
    run: Run | str | Path, videos: Videos | OpenedVideos | str | Path, *, progress: Progress = no_progress
) -> Run:
    """Predict each video at several times, and write over_time.parquet in the run's folder.

    A still model predicts the frame shown at a time, on its own. A motion model predicts the window that ends at that
    time. Where its window is the whole video, it predicts the video up to that time, with the last frame repeated to
    fill the clip. No prediction sees a later frame.

    Args:
        run: a finished run, or its folder.
        videos: the videos, or their folder or table; those that cannot be read are skipped.
        progress: receives the number of videos done.

    Returns:
        The run. The table has one row per video and time: `video`, `seconds`, and `prob_<label>` for each label.

    Raises:
        UsageError: there is no such run or data set.
        StillmotionError: the run's model cannot be loaded, or the table cannot be written.

    Examples:
        >>> run = sm.predict_over_time("runs/motion", "test-clips/")
        >>> run.over_time_file.exists()
        True
    """
    run = as_run(run)
    still = run.recipe.family in FAMILIES and FAMILIES[run.recipe.family].kind == "still"
    loaded = load_run_model(run, features=True, single_frames=still)
    segments = open_videos(videos).segments
    if still:
        seen = [(segment.file, segment.window, _dense_spec(run, segment)) for segment in segments]
    else:
        seen = [
            (segment.file, window, run.recipe.spec) for segment in segments for window in _past_windows(run, segment)
        ]
    loaded.extract(seen, progress)
    predict_segment = _predict_frames if still else _predict_past
    names: list[str] = []
    all_times: list[Seconds] = [np.empty(0)]
    all_probabilities: list[Probabilities] = [np.empty((0, len(run.labels)), np.float32)]
    for number, segment in enumerate(segments, 1):
        progress("predicting over time", number, len(segments))
        try:
            times, predicted = predict_segment(loaded, run, segment)
        except UnreadableVideoError:
            continue
        names += [segment.video.name] * len(times)
        all_times.append(times)
        all_probabilities.append(predicted)
    columns = zip(run.labels, np.concatenate(all_probabilities).T, strict=True)
    write_columns(
        {
            "video": names,
            "seconds": np.concatenate(all_times),
            **{probability_column(label): values for label, values in columns},
        },
        run.over_time_file,
    )
    return run


def _predict_frames(loaded: RunModel, run: Run, segment: Segment) -> tuple[Seconds, Probabilities]:
    """Times in seconds, and a still model's probabilities `(times, classes)` for the frames shown then."""
    dense = _dense_spec(run, segment)
    frames = loaded.read(segment.file, [segment.window], dense)[0]
    return frame_times(dense, segment.window), predict_in_batches(loaded.model, frames)


def _dense_spec(run: Run, segment: Segment) -> ClipSpec:
    """All frames of a segment that a still model is asked about, as one clip."""
    spec = run.recipe.spec
    frames = (DEFAULT_FRAMES if spec.frames == 1 else spec.frames) * len(even_windows(spec, segment.window))
    return dataclasses.replace(spec, frames=min(frames, MAX_TIMES), rate="spread")


def _predict_past(loaded: RunModel, run: Run, segment: Segment) -> tuple[Seconds, Probabilities]:
    """Times in seconds, and a motion model's probabilities `(times, classes)` for what was shown until then."""
    spec, windows = run.recipe.spec, _past_windows(run, segment)
    clips = loaded.read(segment.file, windows, spec)
    if len(windows) > 1:
        return np.array([end for _, end in windows]), predict_in_batches(loaded.model, clips)
    # Row t shows frames 0 to t, then frame t again and again.
    frames_until = np.minimum(np.arange(spec.frames)[None, :], np.arange(spec.frames)[:, None])
    return frame_times(spec, segment.window), predict_in_batches(loaded.model, clips[0][frames_until])


def _past_windows(run: Run, segment: Segment) -> list[Window]:
    """The windows that a motion model is asked about; one if it is the whole segment."""
    spec = run.recipe.spec
    start, end = segment.window
    if spec.seconds is None or end - start <= spec.seconds:
        return [segment.window]
    count = min(MAX_TIMES, 1 + int(WINDOWS_PER_LENGTH * (end - start - spec.seconds) / spec.seconds))
    ends = np.linspace(start + spec.seconds, end, max(2, count))
    return [(float(window_end) - spec.seconds, float(window_end)) for window_end in ends]
