"""A clip sampled faster or slower than in training: a camera with another rate, frames dropped or duplicated."""

from __future__ import annotations

from stillmotion.audit.faults.fault import ClipFault, Times


def _apply(times: Times, factor: float) -> Times:
    center = (times[0] + times[-1]) / 2
    stretched: Times = center + (times - center) * factor
    return stretched


RATE: ClipFault[float] = ClipFault(
    id="rate",
    name="rate",
    normal=1.0,
    strengths=(0.5, 0.8, 1.25, 2.0),
    apply=_apply,
    label=lambda factor: f"{factor:g}x",
    describe=lambda factor: "run at the rate of the clip" if factor == 1 else f"run {factor:g} times as fast",
    fix=lambda video, snapshots: "sample frames by time, not by index: times = start + (np.arange(n) + 0.5) / rate",
)
