"""Another frame than the one meant: seek errors, skipped frames, readers that count where times should be compared."""

from __future__ import annotations

import dataclasses

import numpy as np

from stillmotion.audit.faults.fault import Fault, FrameContext, Size


def _apply(shot: FrameContext, setting: int, size: Size) -> FrameContext:
    return dataclasses.replace(shot, centre=int(np.clip(shot.centre + setting, 0, len(shot.frames) - 1)))


def _words(setting: int) -> str:
    if not setting:
        return "are of the moment"
    count = abs(setting)
    return f"are {count} {'frame' if count == 1 else 'frames'} too {'late' if setting > 0 else 'early'}"


MOMENT = Fault(
    name="moment",
    stage="time",
    normal=0,
    strengths=tuple(frames for frames in range(-10, 11) if frames),
    candidates=(),  # found by aligning
    apply=_apply,
    words=_words,
    cure=lambda video, snapshots: (
        "seek by time, then decode on: for frame in container.decode(video=0): if frame.time >= seconds: ..."
    ),
)
