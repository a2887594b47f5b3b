"""A run on its test part: predictions and costs go into the run's folder."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import OpenedVideos, Segment, SkippedVideo, even_windows, frame_times, open_videos, read_clips
from stillmotion.data import Videos
from stillmotion.errors import StillmotionError, UnreadableVideoError
from stillmotion.files import folder_lock
from stillmotion.models import FAMILIES
from stillmotion.models.counting import count_multiply_adds
from stillmotion.prediction.tables import column_of, evaluation_rows, write_columns, write_rows
from stillmotion.prediction.videos import BATCH, Probabilities, VideoPrediction, load_model, predict, probabilities
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import CostRecord, Run, write_run

# Of a long video, so many moments are asked for.
MOST_MOMENTS = 64


def evaluate(run: Run, test: Videos | OpenedVideos, *, progress: Progress = no_progress) -> Run:
    """Predict the test videos and record them: predictions.parquet, the test part and the costs are the run's.

    A run has one test part: another one takes the place of what was recorded before.

    Args:
        test: videos none of whose groups the run was trained on.
        watch: told how far it is.

    Raises:
        StillmotionError: a label that the run does not know, or no readable video.
    """
    with folder_lock(run.folder):
        answers, skipped = predict_labelled(run, test, progress=progress)
        write_rows(evaluation_rows(answers), run.predictions_file)
        data = run.record.data
        kept = tuple(video for video in data.videos if video.part != "test")
        tested = tuple(dataclasses.replace(one.video, part="test") for one in answers)
        data = dataclasses.replace(
            data,
            root=str(test.root.resolve()),
            videos=kept + tested,
            skipped=tuple(dict.fromkeys([*data.skipped, *((one.video.name, one.reason) for one in skipped)])),
        )
        record = dataclasses.replace(run.record, data=data, cost=measure_cost(run))
        return write_run(dataclasses.replace(run, record=record))


def predict_labelled(
    run: Run, test: Videos | OpenedVideos, *, progress: Progress = no_progress
) -> tuple[list[VideoPrediction], list[SkippedVideo]]:
    """The run's answers for labelled videos, and those that are left out; nothing is recorded.

    Raises:
        StillmotionError: as `evaluate`.
    """
    videos = test.videos if isinstance(test, OpenedVideos) else test
    strange = sorted(set(videos.labels) - set(run.labels))
    if strange or any(video.label is None for video in videos):
        raise StillmotionError(
            f"the test part has {f'the label {strange[0]!r}' if strange else 'videos without a label'}; "
            f"this run knows {', '.join(map(repr, run.labels))}"
        )
    answers: list[VideoPrediction] = []
    skipped: list[SkippedVideo] = []
    for found in predict(run, test, cache=True):
        if isinstance(found, VideoPrediction):
            answers.append(found)
        else:
            skipped.append(found)
        progress("testing", len(answers) + len(skipped), len(test))
    if not answers:
        raise StillmotionError(f"no readable video in the test part{f': {skipped[0].reason}' if skipped else ''}")
    return answers, skipped


def measure_cost(run: Run) -> CostRecord:
    """What an answer costs here, from frames in memory: the median of 20 single clips, and of 5 batches."""
    model, spec = load_model(run.model_file), run.recipe.spec
    clips = np.random.default_rng(0).integers(0, 256, (BATCH, spec.frames, spec.height, spec.width, 3), dtype=np.uint8)
    single = _median_seconds(model, clips[:1], 20)
    batch = _median_seconds(model, clips, 5)
    return CostRecord(
        parameters=model.count_params(),
        milliseconds_per_clip=1000 * single,
        frames_per_second=BATCH * spec.frames / batch,
        multiply_adds=count_multiply_adds(model),
    )


def measure_memory(run: Run) -> float | None:
    """Peak memory, in megabytes, of a process that loads the run's model and answers one clip; None if it cannot run.

    The backend itself is a large part of it.
    """
    spec = run.recipe.spec
    # Linux hands a parent's ru_maxrss on to its child; VmHWM begins anew.
    code = (
        "import pathlib, re, resource, sys, numpy, keras; model = keras.saving.load_model(sys.argv[1], compile=False); "
        "model.predict_on_batch(numpy.zeros((1, *map(int, sys.argv[2:])), 'uint8')); "
        "own = pathlib.Path('/proc/self/status'); "
        "print(re.search(r'VmHWM:\\s+(\\d+)', own.read_text())[1] if own.exists() else "
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    shape = map(str, (spec.frames, spec.height, spec.width, 3))
    told = subprocess.run(
        [sys.executable, "-c", code, str(run.model_file), *shape],
        capture_output=True, text=True, check=False, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )  # fmt: skip
    peak = told.stdout.strip().splitlines()[-1:] if told.returncode == 0 else []
    if not peak or not peak[0].isdigit():
        return None
    return int(peak[0]) / (2**20 if sys.platform == "darwin" else 2**10)


def predict_over_time(run: Run, videos: Videos | OpenedVideos, *, progress: Progress = no_progress) -> Run:
    """The run's answer through time for each video; over_time.parquet is left in the run.

    At each moment, a still model's answer is that on the frame then shown, alone. A motion model's is
    that on the window that ends then; where the window is the whole video, the answer having seen it so
    far, with the last frame held to the end.
    """
    still = FAMILIES[run.recipe.family].kind == "still"
    model = load_model(run.folder / "snapshot.keras" if still else run.model_file)
    names: list[str] = []
    moments: list[NDArray[np.float64]] = [np.empty(0)]
    chances = [np.empty((0, len(run.labels)), np.float32)]
    segments = open_videos(videos).segments
    for number, segment in enumerate(segments, 1):
        progress("predicting over time", number, len(segments))
        try:
            seconds, found = (_still_moments if still else _motion_moments)(model, run, segment)
        except UnreadableVideoError:
            continue
        names += [segment.video.name] * len(found)
        moments.append(np.asarray(seconds, float))
        chances.append(found)
    probabilities = {column_of(label): one for label, one in zip(run.labels, np.concatenate(chances).T, strict=True)}
    write_columns({"video": names, "seconds": np.concatenate(moments), **probabilities}, run.over_time_file)
    return run


def _still_moments(model: keras.Model, run: Run, segment: Segment) -> tuple[Sequence[float], Probabilities]:
    spec = run.recipe.spec
    frames = spec.frames * len(even_windows(spec, segment.window))
    dense = dataclasses.replace(spec, frames=min(max(frames, spec.frames), MOST_MOMENTS), rate="spread")
    return list(frame_times(dense, segment.window)), probabilities(
        model, read_clips(segment.file, [segment.window], dense, cache=True)[0]
    )


def _motion_moments(model: keras.Model, run: Run, segment: Segment) -> tuple[Sequence[float], Probabilities]:
    spec = run.recipe.spec
    start, end = segment.window
    if spec.seconds is None or end - start <= spec.seconds:
        clip = read_clips(segment.file, [segment.window], spec, cache=True)[0]
        held = np.minimum(np.arange(spec.frames)[None, :], np.arange(spec.frames)[:, None])
        return list(frame_times(spec, segment.window)), probabilities(model, clip[held])
    count = min(MOST_MOMENTS, 1 + int(4 * (end - start - spec.seconds) / spec.seconds))
    ends = np.linspace(start + spec.seconds, end, max(2, count))
    windows = [(float(at) - spec.seconds, float(at)) for at in ends]
    return list(ends), probabilities(model, read_clips(segment.file, windows, spec, cache=True))


def _median_seconds(model: keras.Model, clips: np.ndarray, times: int) -> float:
    taken = []
    for _ in range(times + 2):
        began = time.perf_counter()
        model.predict_on_batch(clips)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[2:]))
