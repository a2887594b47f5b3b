"""Another frame than the intended one: seek errors, skipped frames, readers that count where they should use times."""

from __future__ import annotations

import dataclasses

import numpy as np

from stillmotion.audit.faults.fault import FrameContext, FrameFault


def _apply(context: FrameContext, frames: int) -> FrameContext:
    return dataclasses.replace(context, center=int(np.clip(context.center + frames, 0, len(context.frames) - 1)))


def _label(frames: int) -> str:
    if not frames:
        return "same frame"
    return f"{abs(frames)} {'frame' if abs(frames) == 1 else 'frames'} {'late' if frames > 0 else 'early'}"


TIME_OFFSET: FrameFault[int] = FrameFault(
    id="time_offset",
    name="time offset",
    normal=0,
    strengths=tuple(frames for frames in range(-10, 11) if frames),
    neighbors=abs,
    apply=_apply,
    label=_label,
    describe=lambda frames: f"are {_label(frames)}" if frames else "show the same instant",
    fix=lambda video, snapshots: (
        "seek by time, then keep decoding: for frame in container.decode(video=0): if frame.time >= seconds: ..."
    ),
)
