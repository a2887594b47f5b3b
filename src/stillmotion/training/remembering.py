"""What a run will remember of the clips that it learned from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillmotion.clips import ClipSpec, Segment, Window, cached_appearance, thread_map
from stillmotion.clips.appearance import Appearance
from stillmotion.errors import UnreadableVideoError
from stillmotion.progress import Progress
from stillmotion.runs import MAX_CLIPS, ClipMemory, make_memory
from stillmotion.training.batches import training_windows


def remember_clips(segments: Sequence[Segment], spec: ClipSpec, progress: Progress) -> ClipMemory | None:
    """Describe the clips of a training, or a random part of them if there are very many.

    Args:
        segments: what is remembered. The validation part may be among it, as clips are described without the model.
        spec: what a clip is.
        progress: receives the number of clips done.

    Returns:
        The memory; None if the clips are of too few recordings, or their frames are not in order, which is for
        experiments alone.
    """
    if spec.order != "forward":
        return None
    clips = [(segment, window) for segment in segments for window in training_windows(spec, segment)]
    if len(clips) > MAX_CLIPS:
        # Not seeded by the recipe: the trainings of a comparison remember the same clips, which are described once.
        chosen = np.random.default_rng(0).permutation(len(clips))[:MAX_CLIPS]
        clips = [clips[number] for number in sorted(chosen)]

    def describe(clip: tuple[Segment, Window]) -> Appearance | None:
        try:
            return cached_appearance(*clip, spec)
        except UnreadableVideoError:
            return None  # It could be read before. A training does not fail because of what is remembered of it.

    described = thread_map(describe, clips, progress, "remembering")
    pairs = [(it, segment) for it, (segment, _) in zip(described, clips, strict=True) if it is not None]
    return make_memory([it for it, _ in pairs], [segment.video.group or segment.video.name for _, segment in pairs])
