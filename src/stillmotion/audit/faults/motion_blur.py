"""Several frames in one: a long exposure, or a reader that blends frames to change the rate."""

from __future__ import annotations

import dataclasses

import numpy as np

from stillmotion.audit.faults.fault import FrameContext, FrameFault, to_levels


def _apply(context: FrameContext, count: int) -> FrameContext:
    if count == 1:
        return context
    first = max(0, context.center - count // 2)
    frames = context.frames.copy()
    frames[context.center] = to_levels(context.frames[first : first + count].mean(0, dtype=np.float32)).astype(np.uint8)
    return dataclasses.replace(context, frames=frames)


MOTION_BLUR: FrameFault[int] = FrameFault(
    id="motion_blur",
    name="motion blur",
    normal=1,
    strengths=(2, 3, 5),
    candidates=(2, 3, 5),
    blends=True,
    apply=_apply,
    label=lambda count: "1 frame" if count == 1 else f"{count} frames",
    describe=lambda count: "show a single frame" if count == 1 else f"blend {count} frames",
    fix=lambda video, snapshots: (
        "shorten the exposure, and use frames as they are: no minterpolate or framerate filter"
    ),
)
