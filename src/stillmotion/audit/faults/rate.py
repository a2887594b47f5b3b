"""A clip taken faster or slower than the model learned: another camera's rate, frames left out or doubled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.fault import Fault, Size

Times = NDArray[np.float64]


def _apply(times: Times, setting: float, size: Size) -> Times:
    centre = (times[0] + times[-1]) / 2
    spread: Times = centre + (times - centre) * setting
    return spread


RATE = Fault(
    name="rate",
    stage="clip",
    normal=1.0,
    strengths=(0.5, 0.8, 1.25, 2.0),
    candidates=(),
    apply=_apply,
    words=lambda setting: "go at the clip's own rate" if setting == 1 else f"go {setting:g} times as fast",
    cure=lambda video, snapshots: "take frames by time, not by number: times = start + (np.arange(n) + 0.5) / rate",
)
