"""A motion model's predictions for test clips with changed frame order: which part of the motion does it use?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import OpenedVideos, even_windows, open_videos
from stillmotion.data import Videos
from stillmotion.errors import UnreadableVideoError
from stillmotion.models.inference import predict_in_batches
from stillmotion.prediction.run_models import load_run_model
from stillmotion.prediction.tables import probability_columns, write_rows
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Run, as_run

FrameIndices = NDArray[np.intp]

MAX_WINDOWS = 4

# Which frame of the clip is shown in each place: a function of the number of frames and a random generator. Half a clip
# is filled up with its first or last frame, so that speeds stay as they are.
PERTURBATIONS: Mapping[str, Callable[[int, np.random.Generator], FrameIndices]] = MappingProxyType(
    {
        "as it is": lambda frames, rng: np.arange(frames),
        "shuffled": lambda frames, rng: rng.permutation(frames),
        "reversed": lambda frames, rng: np.arange(frames)[::-1],
        "frozen": lambda frames, rng: np.full(frames, frames // 2),
        "half the rate": lambda frames, rng: np.arange(frames) // 2 * 2,
        "first half only": lambda frames, rng: np.minimum(np.arange(frames), (frames - 1) // 2),
        "last half only": lambda frames, rng: np.maximum(np.arange(frames), frames // 2),
    }
)


def evaluate_perturbed(
    run: Run | str | Path,
    test: Videos | OpenedVideos | str | Path,
    *,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Run:
    """Predict the test videos with their frames in other orders, and write perturbed.parquet in the run's folder.

    The model was not trained for such clips. Where it fails on them, it uses what was changed, but may not need it:
    a model trained without motion may do as well (Huang et al. 2018, What Makes a Video a Video). To find out, train on
    clips with `ClipSpec(order="shuffled")` or `order="frozen"`.

    Args:
        run: a finished run of a motion family, or its folder.
        test: labeled videos, or their folder or table; those that cannot be read are skipped.
        seed: random seed for shuffling.
        progress: receives the number of videos done.

    Returns:
        The run. The table has one row per video and perturbation: `video`, `label`, `group`, `perturbation` (a name in
        `PERTURBATIONS`), and `prob_<label>` for each label, the mean over up to 4 windows.

    Raises:
        UsageError: there is no such run or data set.
        StillmotionError: the run's model cannot be loaded, or the table cannot be written.

    Examples:
        >>> run = sm.evaluate_perturbed("runs/motion", "test-clips/")
        >>> run.perturbed_file.exists()
        True
    """
    run = as_run(run)
    loaded, spec = load_run_model(run, features=True), run.recipe.spec
    rows = []
    segments = open_videos(test).segments
    windows_of = {segment: even_windows(spec, segment.window, MAX_WINDOWS) for segment in segments}
    loaded.extract([(s.file, window, spec) for s, windows in windows_of.items() for window in windows], progress)
    for number, segment in enumerate(segments):
        try:
            clips = loaded.read(segment.file, windows_of[segment], spec)
        except UnreadableVideoError:
            continue
        video = segment.video
        for name, frame_indices in PERTURBATIONS.items():
            rng = np.random.default_rng((seed, number))
            perturbed = [clip[frame_indices(spec.frames, rng)] for clip in clips]
            mean = predict_in_batches(loaded.model, perturbed).mean(0)
            rows.append(
                {"video": video.name, "label": video.label, "group": video.group, "perturbation": name}
                | probability_columns(run.labels, mean)
            )
        progress("perturbing frames", number + 1, len(segments))
    write_rows(rows, run.perturbed_file)
    return run
