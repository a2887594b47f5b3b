"""What the model gets by both paths, as pictures to look at."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.comparing_paths import ComparedSnapshot, PathComparison
from stillmotion.audit.faults.scaling import LEVELS, as_levels
from stillmotion.audit.records import Preview
from stillmotion.audit.resampling import Floats

MAX_PREVIEWS = 3


def make_previews(audited: AuditedModel, comparison: PathComparison) -> tuple[tuple[Preview, ...], dict[str, bytes]]:
    """Choose the snapshots whose predictions change most, one of each video first.

    Args:
        audited: the model.
        comparison: the compared snapshots.

    Returns:
        The previews, and their PNG files by name.
    """
    by_change = sorted(comparison.compared, key=lambda compared: -compared.attribution.total)
    videos = [compared.match.video for compared in by_change]
    turns = [videos[:number].count(video) for number, video in enumerate(videos)]
    chosen = [by_change[number] for number in np.argsort(turns, kind="stable")[:MAX_PREVIEWS]]
    previews = tuple(_make_preview(audited, compared, number) for number, compared in enumerate(chosen))
    images = {}
    for preview, compared in zip(previews, chosen, strict=True):
        images[preview.snapshot_image] = _encode_png(audited, compared.pair.snapshot)
        images[preview.frame_image] = _encode_png(audited, compared.pair.video)
    return previews, images


def _make_preview(audited: AuditedModel, compared: ComparedSnapshot, number: int) -> Preview:
    return Preview(
        file=compared.snapshot.file.name,
        seconds=compared.match.seconds,
        snapshot_image=f"{number}-snapshot.png",
        frame_image=f"{number}-frame.png",
        snapshot_label=audited.name(compared.attribution.snapshot_probabilities),
        frame_label=audited.name(compared.attribution.video_probabilities),
    )


def _encode_png(audited: AuditedModel, values: Floats) -> bytes:
    """The levels and RGB order in which the model interprets the values."""
    from PIL import Image

    levels = np.clip(np.rint(as_levels(values, audited.input_range or LEVELS)), 0, 255).astype(np.uint8)
    if audited.channels == "BGR":
        levels = levels[..., ::-1]
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(levels)).save(buffer, "PNG")
    return buffer.getvalue()
