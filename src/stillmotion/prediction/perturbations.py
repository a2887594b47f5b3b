"""A trained motion model on test clips whose frames were tampered with: what of the motion does it use?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import OpenedVideos, even_windows, open_videos, read_clips
from stillmotion.data import Videos
from stillmotion.errors import UnreadableVideoError
from stillmotion.prediction.tables import named, write_rows
from stillmotion.prediction.videos import load_model, probabilities
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Run

Order = NDArray[np.intp]

# Which frames stand in the clip's places, of so many.
PERTURBATIONS: Mapping[str, Callable[[int, np.random.Generator], Order]] = MappingProxyType(
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
    run: Run, test: Videos | OpenedVideos, *, seed: int = 0, progress: Progress = no_progress
) -> Run:
    """The run's answers for the test videos with their frames in other orders; perturbed.parquet is left in the run.

    The model was not trained for such clips. That it fails on them shows what it uses, not what it needs: a model
    trained without motion may do as well (Huang et al. 2018, What makes a video a video). For that, clips are
    trained with `ClipSpec(order="shuffled")` or `"frozen"`.

    seed: of the shuffling. Half a clip is held at its end or beginning, so that speeds stay.
    """
    model, spec = load_model(run.model_file), run.recipe.spec
    rows = []
    segments = open_videos(test).segments
    for number, segment in enumerate(segments):
        try:
            clips = read_clips(segment.file, even_windows(spec, segment.window, 4), spec, cache=True)
        except UnreadableVideoError:
            continue
        for probe, order in PERTURBATIONS.items():
            rng = np.random.default_rng((seed, number))
            found = probabilities(model, [clip[order(spec.frames, rng)] for clip in clips]).mean(0)
            video = segment.video
            rows.append(
                {"video": video.name, "label": video.label, "group": video.group, "probe": probe}
                | named(run.labels, found)
            )
        progress("perturbing frames", number + 1, len(segments))
    write_rows(rows, run.perturbed_file)
    return run
