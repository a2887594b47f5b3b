"""Two half pictures of two moments, woven."""

from __future__ import annotations

import dataclasses

from stillmotion.audit.faults.fault import Fault, FrameContext, Size


def _apply(shot: FrameContext, setting: str, size: Size) -> FrameContext:
    if setting == "whole" or shot.centre + 1 >= len(shot.frames):
        return shot
    frames = shot.frames.copy()
    odd = 1 if setting == "woven, upper first" else 0
    frames[shot.centre, odd::2] = shot.frames[shot.centre + 1, odd::2]
    return dataclasses.replace(shot, frames=frames)


INTERLACING = Fault(
    name="interlacing",
    stage="time",
    normal="whole",
    strengths=("woven, upper first",),
    candidates=("woven, upper first", "woven, lower first"),
    apply=_apply,
    words=lambda setting: "show whole frames" if setting == "whole" else "show two moments in alternate lines",
    cure=lambda video, snapshots: "deinterlace before reading: ffmpeg -i in.mp4 -vf bwdif ...",
)
