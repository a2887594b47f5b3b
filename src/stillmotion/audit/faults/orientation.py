"""Quarter turns and mirroring: rotation tags that one reader obeys and another ignores, selfie cameras."""

from __future__ import annotations

import numpy as np

from stillmotion.audit.faults.fault import PictureFault
from stillmotion.audit.resampling import Picture

Orientation = tuple[int, bool]  # quarter turns counterclockwise, then whether mirrored left to right
UPRIGHT: Orientation = (0, False)
ALL_ORIENTATIONS: tuple[Orientation, ...] = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))

_TURNS = ("", "rotated 90 degrees left", "upside down", "rotated 90 degrees right")
_CALLS = ("", "ROTATE_90_CLOCKWISE", "ROTATE_180", "ROTATE_90_COUNTERCLOCKWISE")


def _apply(picture: Picture, orientation: Orientation) -> Picture:
    turned = np.rot90(picture, orientation[0])
    return np.ascontiguousarray(turned[:, ::-1] if orientation[1] else turned)


def _label(orientation: Orientation) -> str:
    parts = [part for part in (_TURNS[orientation[0]], "mirrored" if orientation[1] else "") if part]
    return " and ".join(parts) or "upright"


def _fix(video: Orientation, snapshots: Orientation) -> str:
    lines = ["frame = cv2.flip(frame, 1)"] if video[1] != snapshots[1] else []
    turns = video[0] if video[1] or snapshots[1] else (video[0] - snapshots[0]) % 4
    if turns:
        lines.append(f"frame = cv2.rotate(frame, cv2.{_CALLS[turns]})")
    return "; ".join(lines) + "  # or obey the rotation tag: PyAV's frame.rotation, Pillow's ImageOps.exif_transpose"


ORIENTATION: PictureFault[Orientation] = PictureFault(
    id="orientation",
    name="rotation or mirroring",
    normal=UPRIGHT,
    strengths=((1, False), (2, False), (3, False), (0, True), (2, True)),
    apply=_apply,
    label=_label,
    describe=lambda orientation: f"are {_label(orientation)}",
    fix=_fix,
)
