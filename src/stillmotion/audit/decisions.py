"""How predictions are compared: one label of several, or, for independent labels, each by itself."""

from __future__ import annotations

import numpy as np

from stillmotion.audit.resampling import Floats
from stillmotion.prediction.records import given_labels


def same_labels(first: Floats, second: Floats, *, independent: bool) -> bool:
    """Whether two predictions `(labels,)` give the same labels."""
    pair = np.stack([first, second])
    return bool(np.equal(*given_labels(pair, independent=independent)).all())


def total_variation(first: Floats, second: Floats, *, independent: bool = False) -> float:
    """The distance of two predictions `(labels,)`: from 0 if they are equal to 1 if they have nothing in common.

    Of independent labels, each of which has two outcomes, that of the label which changes most.
    """
    differences = np.abs(first - second)
    return float(differences.max() if independent else differences.sum() / 2)
