"""Colour against grey."""

from __future__ import annotations

import numpy as np

from stillmotion.audit.faults.fault import Fault, Size, clipped
from stillmotion.audit.resampling import Picture

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _apply(picture: Picture, setting: str, size: Size) -> Picture:
    return clipped(np.repeat((picture @ _LUMA)[..., None], 3, axis=-1)) if setting == "grey" else picture


GREY = Fault(
    name="grey",
    stage="picture",
    normal="colour",
    strengths=("grey",),
    candidates=("grey",),
    apply=_apply,
    words=lambda setting: "are grey" if setting == "grey" else "are in colour",
    cure=lambda video, snapshots: (
        "keep the colour of the frames"
        if video == "grey"
        else "train on colour, or: frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2RGB)"
    ),
)
