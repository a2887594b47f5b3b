"""Color or grayscale."""

from __future__ import annotations

import numpy as np

from stillmotion.audit.faults.fault import PictureFault, to_levels
from stillmotion.audit.resampling import Picture

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _apply(picture: Picture, mode: str) -> Picture:
    return to_levels(np.repeat((picture @ _LUMA)[..., None], 3, axis=-1)) if mode == "gray" else picture


def _fix(video: str, snapshots: str) -> str:
    if video == "gray":
        return "keep the color of the frames"
    return "train on color, or: frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2RGB)"


GRAYSCALE: PictureFault[str] = PictureFault(
    id="grayscale",
    name="grayscale",
    normal="color",
    strengths=("gray",),
    apply=_apply,
    label=str,
    describe=lambda mode: "are gray" if mode == "gray" else "are in color",
    fix=_fix,
)
