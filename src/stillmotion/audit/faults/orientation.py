"""Quarter turns and mirroring: rotation tags that one reader obeys and another does not, selfie cameras."""

from __future__ import annotations

import numpy as np

from stillmotion.audit.faults.fault import Fault, Size
from stillmotion.audit.resampling import Picture

Turn = tuple[int, bool]  # quarter turns counter-clockwise, then mirrored left to right

_TURNS = ("", "turned a quarter to the left", "upside down", "turned a quarter to the right")
_CALLS = ("", "ROTATE_90_CLOCKWISE", "ROTATE_180", "ROTATE_90_COUNTERCLOCKWISE")
ALL_TURNS: tuple[Turn, ...] = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))


def _apply(picture: Picture, setting: Turn, size: Size) -> Picture:
    turned = np.rot90(picture, setting[0])
    return np.ascontiguousarray(turned[:, ::-1] if setting[1] else turned)


def _words(setting: Turn) -> str:
    said = [part for part in (_TURNS[setting[0]], "mirrored" if setting[1] else "") if part]
    return "are " + (" and ".join(said) or "upright")


def _cure(video: Turn, snapshots: Turn) -> str:
    lines = ["frame = cv2.flip(frame, 1)"] if video[1] != snapshots[1] else []
    turns = (video[0] - snapshots[0]) % 4 if video[1] == snapshots[1] == False else video[0]  # noqa: E712
    if turns:
        lines.append(f"frame = cv2.rotate(frame, cv2.{_CALLS[turns]})")
    return "; ".join(lines) + "  # or obey the rotation tag: PyAV's frame.rotation, Pillow's ImageOps.exif_transpose"


ORIENTATION = Fault(
    name="rotation or mirroring",
    stage="picture",
    normal=(0, False),
    strengths=((1, False), (2, False), (3, False), (0, True), (2, True)),
    candidates=ALL_TURNS[1:],
    apply=_apply,
    words=_words,
    cure=_cure,
)
