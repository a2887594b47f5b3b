"""JPEG quality and chroma subsampling."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from stillmotion.audit.faults.fault import Fault, Size
from stillmotion.audit.resampling import Picture

Jpeg = tuple[int, str]  # quality 1 to 100 (0: none), chroma subsampling
NONE: Jpeg = (0, "")


def _apply(picture: Picture, setting: Jpeg, size: Size) -> Picture:
    if setting == NONE:
        return picture
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(buffer, "JPEG", quality=setting[0], subsampling=setting[1])
    return np.asarray(Image.open(buffer), np.float32)


def quality_of(table: list[int]) -> int:
    """The quality of the libjpeg scale whose luminance table is nearest; table: 64 numbers, in any fixed order."""
    from PIL import Image

    wanted, best, found = float(np.mean(table)), np.inf, 0
    for quality in range(1, 101):
        buffer = BytesIO()
        Image.new("L", (8, 8)).save(buffer, "JPEG", quality=quality)
        mean = float(np.mean(Image.open(buffer).quantization[0]))  # type: ignore[attr-defined]
        if abs(mean - wanted) < best:
            best, found = abs(mean - wanted), quality
    return found


JPEG = Fault(
    name="JPEG compression",
    stage="file",
    normal=NONE,
    strengths=((10, "4:2:0"), (30, "4:2:0"), (50, "4:2:0"), (75, "4:2:0"), (95, "4:2:0"), (95, "4:4:4")),
    candidates=tuple((quality, "4:2:0") for quality in (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90)),
    apply=_apply,
    words=lambda setting: "were never JPEG" if setting == NONE else f"were JPEG of quality {setting[0]}, {setting[1]}",
    cure=lambda video, snapshots: (
        'save without loss: image.save("snapshot.png"), cv2.imwrite("snapshot.png", frame); or train on such JPEGs'
    ),
)
