"""Statistics of grouped data: NumPy and SciPy only, used by every layer above."""

from stillmotion.statistics.intervals import (
    LEVEL,
    Estimate,
    effective_videos,
    estimate,
    group_codes,
    mean_interval,
    proportion_interval,
)

__all__ = [
    "LEVEL",
    "Estimate",
    "effective_videos",
    "estimate",
    "group_codes",
    "mean_interval",
    "proportion_interval",
]
