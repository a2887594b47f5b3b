"""For models that take clips: the clip frozen to an instant against the full clip, and the still family's answer."""

from __future__ import annotations

import numpy as np

from stillmotion.audit.attribution import distance
from stillmotion.audit.audited_model import AuditedModel, clip_spec, load_audited_model
from stillmotion.audit.comparing_paths import PathComparison, feed
from stillmotion.audit.records import Motion
from stillmotion.clips import even_windows, read_clips
from stillmotion.models import FAMILIES
from stillmotion.runs import read_run

MOST = 12  # moments
INSTANTS = 8  # of each clip, or a few more


def compare_motion(subject: AuditedModel, comparison: PathComparison) -> tuple[Motion, ...]:
    """Answers at up to 12 moments: how far they depend on the moment, and how far on motion."""
    spec, still = clip_spec(subject), _still_beside(subject)
    found = []
    for moment, one in list(zip(comparison.matched, comparison.attributions, strict=True))[:MOST]:
        assert moment.match is not None
        reel, at = moment.match.reel, moment.match.seconds
        windows = even_windows(spec, (0.0, float(reel.facts.seconds)))
        window = min(windows, key=lambda span: abs((span[0] + span[1]) / 2 - at))
        clip = np.stack(
            [feed(subject, picture.astype(np.float32)) for picture in read_clips(reel.file, [window], spec)[0]]
        )
        full = subject.answers([clip])[0]
        others = subject.answers(list(clip[:: max(1, len(clip) // INSTANTS)]))
        answer = still.answers([feed(still, moment.picture)])[0] if still else None
        found.append(
            Motion(
                video=str(reel.file),
                seconds=at,
                snapshot=subject.labels[int(one.snapshot_answer.argmax())],
                frozen=subject.labels[int(one.video_answer.argmax())],
                clip=subject.labels[int(full.argmax())],
                snapshot_to_frozen=one.total,
                frozen_to_clip=distance(one.video_answer, full),
                frozen_to_others=float(np.mean([distance(one.video_answer, other) for other in others])),
                still=still.labels[int(answer.argmax())] if still and answer is not None else None,
            )
        )
    return tuple(found)


def _still_beside(subject: AuditedModel) -> AuditedModel | None:
    """The still family that was trained in the same comparison, if there is one."""
    for file in sorted(subject.file.parent.glob("*/snapshot.keras")):
        run = read_run(file.parent)
        if FAMILIES[run.recipe.family].kind == "still" and run.labels == subject.labels:
            return load_audited_model(file)
    return None
