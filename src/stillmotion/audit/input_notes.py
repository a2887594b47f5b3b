"""What a reader of an audit should know about what was given to it."""

from __future__ import annotations

from collections.abc import Sequence

from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.faults.dynamic_range import usual_tonings
from stillmotion.audit.snapshots import Snapshot
from stillmotion.audit.video_index import IndexedVideo
from stillmotion.decoding import have_same_aspect


def notes_on_inputs(audited: AuditedModel, videos: Sequence[IndexedVideo], snapshots: Sequence[Snapshot]) -> list[str]:
    """What a reader should know about what was given.

    Args:
        audited: the model.
        videos: the videos.
        snapshots: the snapshots.

    Returns:
        One line for each.
    """
    notes = []
    wide = [video for video in videos if usual_tonings(video.facts)]
    if wide:
        kinds = dict.fromkeys(f"{video.facts.transfer} in {video.facts.gamut}" for video in wide)
        notes.append(
            f"{len(wide)} of {len(videos)} videos are HDR or of wide gamut ({', '.join(kinds)}): frames are read as "
            "their code values, without tone mapping, as most readers do"
        )
    if audited.card.per_frame.value:
        notes.append("the model returns an output for each frame; that for the newest frame is audited")
    if audited.card.outputs.source == "assumed":
        notes.append(f"the model's outputs are taken for {audited.card.outputs.value}; use --outputs to be sure")
    same_aspect = all(have_same_aspect(video.size, audited.size) for video in videos)
    if audited.card.framing.source == "assumed" and not same_aspect:
        notes.append("frames are taken to be stretched to the model's aspect ratio; use --framing to be sure")
    if len(snapshots) == 1:
        notes.append("a single snapshot cannot show how certain the causes are: use more")
    if not audited.has_class_names:
        notes.append("no labels were given, so classes have numbers")
    if audited.kind == "clip":
        notes += [
            f"{video.file}: has {len(video)} frames, fewer than the {audited.frames} of a clip; frames are repeated"
            for video in videos
            if len(video) < audited.frames
        ]
    return notes
