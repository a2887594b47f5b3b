"""Interlaced frames: the odd and even lines show two successive instants."""

from __future__ import annotations

import dataclasses

from stillmotion.audit.faults.fault import FrameContext, FrameFault


def _apply(context: FrameContext, mode: str) -> FrameContext:
    if mode == "progressive" or context.center + 1 >= len(context.frames):
        return context
    frames = context.frames.copy()
    later_lines = slice(1 if mode == "upper field first" else 0, None, 2)
    frames[context.center, later_lines] = context.frames[context.center + 1, later_lines]
    return dataclasses.replace(context, frames=frames)


INTERLACING: FrameFault[str] = FrameFault(
    id="interlacing",
    name="interlacing",
    normal="progressive",
    strengths=("upper field first",),
    candidates=("upper field first", "lower field first"),
    blends=True,
    apply=_apply,
    label=str,
    describe=lambda mode: "are progressive" if mode == "progressive" else "are interlaced",
    fix=lambda video, snapshots: "deinterlace before reading: ffmpeg -i in.mp4 -vf bwdif ...",
)
