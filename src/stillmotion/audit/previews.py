"""What the model is given by both paths, as pictures for the page."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

import numpy as np

from stillmotion.audit.audited_model import AuditedModel, Floats
from stillmotion.audit.comparing_paths import PathComparison
from stillmotion.audit.faults.scaling import as_levels
from stillmotion.audit.records import Preview

MOST = 3


def views_of(subject: AuditedModel, comparison: PathComparison) -> tuple[Preview, ...]:
    """The instants whose answers change most, first one of each video."""
    found = list(zip(comparison.matched, comparison.pairs, comparison.attributions, strict=True))
    found.sort(key=lambda one: -one[2].total)
    videos = [one[0].match and one[0].match.reel for one in found]
    turn = [videos[:number].count(video) for number, video in enumerate(videos)]
    found = [found[number] for number in np.argsort(turn, kind="stable")]
    return tuple(
        Preview(
            str(moment.file.name),
            moment.match.seconds if moment.match else 0.0,
            _png(subject, pair.snapshot),
            _png(subject, pair.video),
            subject.labels[int(one.snapshot_answer.argmax())],
            subject.labels[int(one.video_answer.argmax())],
        )
        for moment, pair, one in found[:MOST]
    )


def _png(subject: AuditedModel, values: Floats) -> str:
    """Values as the levels that the model takes them for; RGB if it is fed so."""
    from PIL import Image

    levels = np.clip(np.rint(as_levels(values, subject.scale or "0..255")), 0, 255).astype(np.uint8)
    if subject.channels == "BGR":
        levels = levels[..., ::-1]
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(levels)).save(buffer, "PNG")
    return "data:image/png;base64," + b64encode(buffer.getvalue()).decode("ascii")
