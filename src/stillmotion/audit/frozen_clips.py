"""For models that take clips: clips frozen to one frame against full clips, and what the still family predicts."""

from __future__ import annotations

import numpy as np

from stillmotion.audit.audited_model import AuditedModel, clip_spec
from stillmotion.audit.comparing_paths import PathComparison
from stillmotion.audit.decisions import total_variation
from stillmotion.audit.loading import load_audited_model
from stillmotion.audit.records import FrozenClip
from stillmotion.clips import even_windows, read_clips
from stillmotion.models import find_family
from stillmotion.runs import read_run

MAX_SNAPSHOTS = 12
FROZEN_FRAMES = 8  # of each clip, or a few more


def compare_frozen_clips(audited: AuditedModel, comparison: PathComparison) -> tuple[FrozenClip, ...]:
    """Predict clips frozen to a snapshot, to its frame and to other frames, and full clips.

    Args:
        audited: a model of clips.
        comparison: the compared snapshots, of which up to 12 are used.

    Returns:
        How far predictions depend on which frame is frozen, and how far on motion.
    """
    spec, still = clip_spec(audited), _load_still_sibling(audited)
    rows = []
    for compared in comparison.compared[:MAX_SNAPSHOTS]:
        video, seconds = compared.match.video, compared.match.seconds
        windows = even_windows(spec, (0.0, float(video.facts.seconds)))
        window = min(windows, key=lambda span: abs((span[0] + span[1]) / 2 - seconds))
        frames = read_clips(video.file, [window], spec)[0]
        clip = np.stack([audited.feed(frame.astype(np.float32)) for frame in frames])
        full = audited.predict([clip])[0]
        other_predictions = audited.predict(list(clip[:: max(1, len(clip) // FROZEN_FRAMES)]))
        still_label = None
        if still is not None:
            still_label = still.name(still.predict([still.feed(compared.snapshot.picture)])[0])
        frozen = compared.attribution.video_probabilities
        rows.append(
            FrozenClip(
                video=str(video.file),
                seconds=seconds,
                snapshot=audited.name(compared.attribution.snapshot_probabilities),
                frozen=audited.name(frozen),
                clip=audited.name(full),
                snapshot_to_frozen=compared.attribution.total,
                frozen_to_clip=total_variation(frozen, full, independent=audited.independent),
                frozen_to_others=float(
                    np.mean(
                        [total_variation(frozen, other, independent=audited.independent) for other in other_predictions]
                    )
                ),
                still=still_label,
            )
        )
    return tuple(rows)


def _load_still_sibling(audited: AuditedModel) -> AuditedModel | None:
    """The still model that was trained in the same comparison, if there is one."""
    for file in sorted(audited.file.parent.glob("*/snapshot.keras")):
        run = read_run(file.parent)
        if find_family(run.recipe.family).kind == "still" and run.labels == audited.labels:
            return load_audited_model(file)
    return None
