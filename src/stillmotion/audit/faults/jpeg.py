"""JPEG quality and chroma subsampling."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

import numpy as np

from stillmotion.audit.faults.fault import FaultEvidence, FileFault
from stillmotion.audit.resampling import Picture

Jpeg = tuple[int, str]  # quality from 1 to 100 (0 if the picture is not a JPEG), chroma subsampling
NONE: Jpeg = (0, "")
CANDIDATES: tuple[Jpeg, ...] = tuple((quality, "4:2:0") for quality in (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90))


def _apply(picture: Picture, jpeg: Jpeg) -> Picture:
    if jpeg == NONE:
        return picture
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(buffer, "JPEG", quality=jpeg[0], subsampling=jpeg[1])
    return np.asarray(Image.open(buffer), np.float32)


def quality_of(table: list[int]) -> int:
    """The quality on libjpeg's scale whose luminance table is nearest to this one.

    Args:
        table: the 64 steps of a luminance quantization table, in any order.

    Returns:
        A quality from 1 to 100.
    """
    from PIL import Image

    wanted, least, nearest = float(np.mean(table)), np.inf, 0
    for quality in range(1, 101):
        buffer = BytesIO()
        Image.new("L", (8, 8)).save(buffer, "JPEG", quality=quality)
        mean = float(np.mean(Image.open(buffer).quantization[0]))  # type: ignore[attr-defined]
        if abs(mean - wanted) < least:
            least, nearest = abs(mean - wanted), quality
    return nearest


def _propose(evidence: FaultEvidence, current: Jpeg) -> Iterable[Jpeg]:
    """Nothing where the files themselves say how they were compressed."""
    return CANDIDATES if current == NONE and not evidence.file_known else ()


JPEG: FileFault[Jpeg] = FileFault(
    id="jpeg",
    name="JPEG compression",
    normal=NONE,
    strengths=((10, "4:2:0"), (30, "4:2:0"), (50, "4:2:0"), (75, "4:2:0"), (95, "4:2:0"), (95, "4:4:4")),
    propose=_propose,
    apply=_apply,
    label=lambda jpeg: "not JPEG" if jpeg == NONE else f"quality {jpeg[0]}, {jpeg[1]}",
    describe=lambda jpeg: (
        "were never JPEG files" if jpeg == NONE else f"were JPEG files of quality {jpeg[0]} ({jpeg[1]})"
    ),
    fix=lambda video, snapshots: (
        'save without loss: image.save("snapshot.png"), cv2.imwrite("snapshot.png", frame); or train on such JPEGs'
    ),
)
