"""A trained motion model on test clips whose frames were tampered with: what of the motion does it use?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import cut, even_windows, find_stretches
from stillmotion.data import Videos
from stillmotion.errors import UnreadableVideo
from stillmotion.prediction.rows import named, write_rows
from stillmotion.prediction.whole import load_model, probabilities
from stillmotion.runs import Run
from stillmotion.training import Watch

Order = NDArray[np.intp]

# Which frames stand in the clip's places, of so many.
PROBES: Mapping[str, Callable[[int, np.random.Generator], Order]] = MappingProxyType(
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


def probe_motion(run: Run, test: Videos, *, seed: int = 0, watch: Watch | None = None) -> Run:
    """The run's answers for the test videos with their frames in other orders; probes.parquet is left in the run.

    The model was not trained for such clips. That it fails on them shows what it uses, not what it needs: a model
    trained without motion may do as well (Huang et al. 2018, What makes a video a video). For that, clips are
    trained with `ClipSpec(order="shuffled")` or `"frozen"`.

    seed: of the shuffling. Half a clip is held at its end or beginning, so that speeds stay.
    """
    model, spec = load_model(run.model_file), run.recipe.spec
    rows = []
    stretches = find_stretches(test)[0]
    for number, stretch in enumerate(stretches):
        try:
            clips = cut(stretch.file, even_windows(spec, stretch.window, 4), spec, keep=True)
        except UnreadableVideo:
            continue
        for probe, order in PROBES.items():
            rng = np.random.default_rng((seed, number))
            found = probabilities(model, [clip[order(spec.frames, rng)] for clip in clips]).mean(0)
            video = stretch.video
            rows.append(
                {"video": video.name, "label": video.label, "group": video.group, "probe": probe}
                | named(run.labels, found)
            )
        if watch:
            watch("tampering with", number + 1, len(stretches))
    write_rows(rows, run.probes_file)
    return run
