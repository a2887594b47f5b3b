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

from stillmotion.clips import LeftOut, Stretch, cut, even_windows, find_stretches, frame_times
from stillmotion.data import Videos
from stillmotion.errors import StillmotionError, UnreadableVideo
from stillmotion.models import FAMILIES
from stillmotion.models.counting import count_multiply_adds
from stillmotion.prediction.rows import column_of, record_rows, write_columns, write_rows
from stillmotion.prediction.whole import BATCH, Answer, Probabilities, load_model, predict, probabilities
from stillmotion.runs import CostRecord, Run, sole_user, write_run
from stillmotion.training import Watch

# Of a long video, so many moments are asked for.
MOST_MOMENTS = 64


def evaluate(run: Run, test: Videos, *, watch: Watch | None = None) -> Run:
    """Predict the test videos and record them: predictions.parquet, the test part and the costs are the run's.

    A run has one test part: another one takes the place of what was recorded before.

    Args:
        test: videos none of whose groups the run was trained on.
        watch: told how far it is.

    Raises:
        StillmotionError: a label that the run does not know, or no readable video.
    """
    with sole_user(run.folder):
        answers, left_out = answer(run, test, watch=watch)
        write_rows(record_rows(answers), run.predictions_file)
        data = run.record.data
        kept = tuple(video for video in data.videos if video.part != "test")
        tested = tuple(dataclasses.replace(one.video, part="test") for one in answers)
        data = dataclasses.replace(
            data,
            root=str(test.root.resolve()),
            videos=kept + tested,
            left_out=tuple(dict.fromkeys([*data.left_out, *((one.video.name, one.reason) for one in left_out)])),
        )
        record = dataclasses.replace(run.record, data=data, cost=measure_cost(run))
        return write_run(dataclasses.replace(run, record=record))


def answer(run: Run, test: Videos, *, watch: Watch | None = None) -> tuple[list[Answer], list[LeftOut]]:
    """The run's answers for labelled videos, and those that are left out; nothing is recorded.

    Raises:
        StillmotionError: as `evaluate`.
    """
    strange = sorted(set(test.labels) - set(run.labels))
    if strange or any(video.label is None for video in test):
        raise StillmotionError(
            f"the test part has {f'the label {strange[0]!r}' if strange else 'videos without a label'}; "
            f"this run knows {', '.join(map(repr, run.labels))}"
        )
    answers: list[Answer] = []
    left_out: list[LeftOut] = []
    for found in predict(run, test, keep=True):
        if isinstance(found, Answer):
            answers.append(found)
        else:
            left_out.append(found)
        if watch:
            watch("testing", len(answers) + len(left_out), len(test))
    if not answers:
        raise StillmotionError(f"no readable video in the test part{f': {left_out[0].reason}' if left_out else ''}")
    return answers, left_out


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


def trace(run: Run, videos: Videos, *, watch: Watch | None = None) -> Run:
    """The run's answer through time for each video; moments.parquet is left in the run.

    At each moment, a still model's answer is that on the frame then shown, alone. A motion model's is
    that on the window that ends then; where the window is the whole video, the answer having seen it so
    far, with the last frame held to the end.
    """
    still = FAMILIES[run.recipe.family].kind == "still"
    model = load_model(run.folder / "snapshot.keras" if still else run.model_file)
    names: list[str] = []
    moments: list[NDArray[np.float64]] = [np.empty(0)]
    chances = [np.empty((0, len(run.labels)), np.float32)]
    stretches = find_stretches(videos)[0]
    for number, stretch in enumerate(stretches, 1):
        if watch:
            watch("looking at single moments", number, len(stretches))
        try:
            seconds, found = (_still_moments if still else _motion_moments)(model, run, stretch)
        except UnreadableVideo:
            continue
        names += [stretch.video.name] * len(found)
        moments.append(np.asarray(seconds, float))
        chances.append(found)
    probabilities = {column_of(label): one for label, one in zip(run.labels, np.concatenate(chances).T, strict=True)}
    write_columns({"video": names, "seconds": np.concatenate(moments), **probabilities}, run.moments_file)
    return run


def _still_moments(model: keras.Model, run: Run, stretch: Stretch) -> tuple[Sequence[float], Probabilities]:
    spec = run.recipe.spec
    frames = spec.frames * len(even_windows(spec, stretch.window))
    dense = dataclasses.replace(spec, frames=min(max(frames, spec.frames), MOST_MOMENTS), rate="spread")
    return list(frame_times(dense, stretch.window)), probabilities(
        model, cut(stretch.file, [stretch.window], dense, keep=True)[0]
    )


def _motion_moments(model: keras.Model, run: Run, stretch: Stretch) -> tuple[Sequence[float], Probabilities]:
    spec = run.recipe.spec
    start, end = stretch.window
    if spec.seconds is None or end - start <= spec.seconds:
        clip = cut(stretch.file, [stretch.window], spec, keep=True)[0]
        held = np.minimum(np.arange(spec.frames)[None, :], np.arange(spec.frames)[:, None])
        return list(frame_times(spec, stretch.window)), probabilities(model, clip[held])
    count = min(MOST_MOMENTS, 1 + int(4 * (end - start - spec.seconds) / spec.seconds))
    ends = np.linspace(start + spec.seconds, end, max(2, count))
    windows = [(float(at) - spec.seconds, float(at)) for at in ends]
    return list(ends), probabilities(model, cut(stretch.file, windows, spec, keep=True))


def _median_seconds(model: keras.Model, clips: np.ndarray, times: int) -> float:
    taken = []
    for _ in range(times + 2):
        began = time.perf_counter()
        model.predict_on_batch(clips)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[2:]))
