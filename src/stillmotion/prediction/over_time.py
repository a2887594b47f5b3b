"""How a run's prediction changes in the course of each video."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import OpenedVideos, Segment, even_windows, frame_times, open_videos, read_clips
from stillmotion.data import Videos
from stillmotion.data.tables import probability_column
from stillmotion.errors import UnreadableVideoError
from stillmotion.models import FAMILIES
from stillmotion.models.inference import load_keras_model, predict_in_batches
from stillmotion.prediction.records import Probabilities
from stillmotion.prediction.tables import write_columns
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Run

# Long videos are predicted at this many times at most.
MAX_TIMES = 64
# Overlapping windows: this many start within the length of one.
WINDOWS_PER_LENGTH = 4

Seconds = NDArray[np.float64]


def predict_over_time(run: Run, videos: Videos | OpenedVideos, *, progress: Progress = no_progress) -> Run:
    """Predict each video at several times, and write over_time.parquet in the run's folder.

    A still model predicts the frame shown at a time, on its own. A motion model predicts the window that ends at that
    time. Where its window is the whole video, it predicts the video up to that time, with the last frame repeated to
    fill the clip. No prediction sees a later frame.

    Args:
        run: a finished run.
        videos: the videos; those that cannot be read are skipped.
        progress: receives the number of videos done.

    Returns:
        The run. The table has one row per video and time: `video`, `seconds`, and `prob_<label>` for each label.

    Raises:
        StillmotionError: the run's model cannot be loaded, or the table cannot be written.
    """
    still = FAMILIES[run.recipe.family].kind == "still"
    model = load_keras_model(run.snapshot_file if still else run.model_file)
    predict_segment = _predict_frames if still else _predict_past
    names: list[str] = []
    all_times: list[Seconds] = [np.empty(0)]
    all_probabilities: list[Probabilities] = [np.empty((0, len(run.labels)), np.float32)]
    segments = open_videos(videos).segments
    for number, segment in enumerate(segments, 1):
        progress("predicting over time", number, len(segments))
        try:
            times, predicted = predict_segment(model, run, segment)
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


def _predict_frames(model: keras.Model, run: Run, segment: Segment) -> tuple[Seconds, Probabilities]:
    """Times in seconds, and a still model's probabilities `(times, classes)` for the frames shown then."""
    spec = run.recipe.spec
    frames = spec.frames * len(even_windows(spec, segment.window))
    dense = dataclasses.replace(spec, frames=min(max(frames, spec.frames), MAX_TIMES), rate="spread")
    images = read_clips(segment.file, [segment.window], dense, cache=True)[0]
    return frame_times(dense, segment.window), predict_in_batches(model, images)


def _predict_past(model: keras.Model, run: Run, segment: Segment) -> tuple[Seconds, Probabilities]:
    """Times in seconds, and a motion model's probabilities `(times, classes)` for what was shown until then."""
    spec = run.recipe.spec
    start, end = segment.window
    if spec.seconds is None or end - start <= spec.seconds:
        clip = read_clips(segment.file, [segment.window], spec, cache=True)[0]
        # Row t shows frames 0 to t, then frame t again and again.
        frames_until = np.minimum(np.arange(spec.frames)[None, :], np.arange(spec.frames)[:, None])
        return frame_times(spec, segment.window), predict_in_batches(model, clip[frames_until])
    count = min(MAX_TIMES, 1 + int(WINDOWS_PER_LENGTH * (end - start - spec.seconds) / spec.seconds))
    ends = np.linspace(start + spec.seconds, end, max(2, count))
    windows = [(float(window_end) - spec.seconds, float(window_end)) for window_end in ends]
    return ends, predict_in_batches(model, read_clips(segment.file, windows, spec, cache=True))
