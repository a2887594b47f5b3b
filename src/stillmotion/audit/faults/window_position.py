"""A clip cut from elsewhere in the video: its window begins earlier or later, by a fraction of its length."""

from __future__ import annotations

import numpy as np

from stillmotion.audit.faults.fault import ClipFault, Times


def _apply(times: Times, shift: float) -> Times:
    moved: Times = times + shift * len(times) * float(np.median(np.diff(times)) if len(times) > 1 else 0)
    return moved


def _label(shift: float) -> str:
    if shift == 0:
        return "in place"
    return f"{abs(shift):.0%} of a clip {'late' if shift > 0 else 'early'}"


WINDOW_POSITION: ClipFault[float] = ClipFault(
    id="window_position",
    name="window position",
    normal=0.0,
    strengths=(-0.5, -0.25, -0.1, 0.1, 0.25, 0.5),
    apply=_apply,
    label=_label,
    describe=lambda shift: "begin where they should" if shift == 0 else f"begin {_label(shift)}",
    fix=lambda video, snapshots: "slide windows over the whole video and average the predictions",
)
