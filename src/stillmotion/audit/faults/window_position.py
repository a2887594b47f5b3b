"""A clip cut from elsewhere in the video: the window begins earlier or later, by a share of its length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.fault import Fault, Size

Times = NDArray[np.float64]


def _apply(times: Times, setting: float, size: Size) -> Times:
    moved: Times = times + setting * len(times) * float(np.median(np.diff(times)) if len(times) > 1 else 0)
    return moved


WINDOW_POSITION = Fault(
    name="window position",
    stage="clip",
    normal=0.0,
    strengths=(-0.5, -0.25, -0.1, 0.1, 0.25, 0.5),
    candidates=(),
    apply=_apply,
    words=lambda setting: (
        "are cut where they should be"
        if setting == 0
        else f"are cut {abs(setting):.0%} of a clip too {'late' if setting > 0 else 'early'}"
    ),
    cure=lambda video, snapshots: "slide windows over the whole video and average their answers",
)
