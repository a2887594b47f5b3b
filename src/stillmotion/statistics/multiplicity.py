"""Adjusting p values for how many are asked."""

from __future__ import annotations

import numpy as np

from stillmotion.statistics.arrays import Floats


def holm(p: Floats) -> Floats:
    """Holm's adjusted p values (1979, Scandinavian J. of Statistics 6).

    Claiming every hypothesis whose adjusted p is below 0.05 makes any false claim in at most 5 % of such tables.

    Args:
        p: `(n,)`, p values.

    Returns:
        `(n,)`, adjusted p values in the same order, at most 1.
    """
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
