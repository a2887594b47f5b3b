"""Several frames in one: a long exposure, or a reader that blends frames to change the rate."""

from __future__ import annotations

import dataclasses

import numpy as np

from stillmotion.audit.faults.fault import Fault, FrameContext, Size, clipped


def _apply(shot: FrameContext, setting: int, size: Size) -> FrameContext:
    if setting == 1:
        return shot
    first = max(0, shot.centre - setting // 2)
    frames = shot.frames.copy()
    frames[shot.centre] = clipped(shot.frames[first : first + setting].mean(0, dtype=np.float32)).astype(np.uint8)
    return dataclasses.replace(shot, frames=frames)


MOTION_BLUR = Fault(
    name="motion blur",
    stage="time",
    normal=1,
    strengths=(2, 3, 5),
    candidates=(2, 3, 5),
    apply=_apply,
    words=lambda setting: "show one frame" if setting == 1 else f"blend {setting} frames",
    cure=lambda video, snapshots: (
        "shorten the exposure, and take frames as they are: no minterpolate, no framerate filter"
    ),
)
