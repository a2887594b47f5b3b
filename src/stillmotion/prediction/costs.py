"""What a prediction costs on this machine: time, operations and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import keras
import numpy as np

from stillmotion.decoding import Images
from stillmotion.models.counting import count_multiply_adds
from stillmotion.models.inference import load_keras_model
from stillmotion.runs import CostRecord, Run

# How often single clips and batches are predicted at most; of slow models three times, or until half a second is over.
SINGLE_CLIPS, BATCHES, AT_LEAST, ENOUGH_SECONDS = 20, 5, 3, 0.5
# Clips in a batch. More of them would gain nothing and take long with large models.
BATCH_SIZE = 4

# Run in a separate process, with the model's file and the shape of a clip as arguments; it prints kilobytes on Linux
# and bytes on macOS. On Linux a child inherits ru_maxrss from its parent, so VmHWM is read, which does not.
_PEAK_MEMORY_SCRIPT = r"""
import pathlib, re, resource, sys
import keras, numpy
model = keras.saving.load_model(sys.argv[1], compile=False)
model.predict_on_batch(numpy.zeros((1, *map(int, sys.argv[2:])), "uint8"))
status = pathlib.Path("/proc/self/status")
if status.exists():
    print(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measure_cost(run: Run, *, clock: Callable[[], float] = time.perf_counter) -> CostRecord:
    """Measure what the run's model costs on this machine, with clips that are in memory already.

    The latency is the median of up to 20 single clips, the throughput that of up to 5 batches of 4, after some to warm
    up. Of a slow model at least 3 are measured, and as many as fit into half a second.

    Args:
        run: a finished run.
        clock: returns the time in seconds.

    Returns:
        Parameters, milliseconds per clip, frames per second, and multiply-adds per clip.

    Raises:
        StillmotionError: the run's model cannot be loaded.
    """
    model, spec = load_keras_model(run.model_file), run.recipe.spec
    shape = (BATCH_SIZE, spec.frames, spec.height, spec.width, 3)
    clips = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    seconds_per_clip = _median_seconds(model, clips[:1], SINGLE_CLIPS, 2, clock)
    seconds_per_batch = _median_seconds(model, clips, BATCHES, 1, clock)
    return CostRecord(
        parameters=model.count_params(),
        milliseconds_per_clip=1000 * seconds_per_clip,
        frames_per_second=BATCH_SIZE * spec.frames / seconds_per_batch,
        multiply_adds=count_multiply_adds(model),
    )


def measure_memory(run: Run) -> float | None:
    """Measure the peak memory of a process that loads the run's model and predicts one clip.

    The backend itself takes a large part of it.

    Args:
        run: a finished run.

    Returns:
        Megabytes, or None if such a process cannot run here.
    """
    spec = run.recipe.spec
    shape = map(str, (spec.frames, spec.height, spec.width, 3))
    process = subprocess.run(
        [sys.executable, "-c", _PEAK_MEMORY_SCRIPT, str(run.model_file), *shape],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    lines = process.stdout.strip().splitlines()
    if process.returncode != 0 or not lines or not lines[-1].isdigit():
        return None
    units_per_megabyte = 2**20 if sys.platform == "darwin" else 2**10
    return int(lines[-1]) / units_per_megabyte


def _median_seconds(model: keras.Model, clips: Images, times: int, warm_up: int, clock: Callable[[], float]) -> float:
    """The median time of a prediction, in seconds, without the first ones, which compile."""
    durations: list[float] = []
    while len(durations) < warm_up + times:
        start = clock()
        model.predict_on_batch(clips)
        durations.append(clock() - start)
        measured = durations[warm_up:]
        if len(measured) >= AT_LEAST and sum(measured) > ENOUGH_SECONDS:
            break
    return float(np.median(measured))
