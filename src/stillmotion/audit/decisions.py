"""How predictions are compared: one label of several, or, for independent labels, each by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.resampling import Floats

THRESHOLD = 0.5  # from which probability on an independent label is given
NO_LABEL = "none"


def given_labels(probabilities: Floats, *, independent: bool) -> NDArray[np.bool_]:
    """Which labels predictions give.

    Args:
        probabilities: `(..., labels)`.
        independent: whether each label has its own yes or no.

    Returns:
        The same shape: true for the most probable label, or for all independent ones from a half on.
    """
    if independent:
        return np.asarray(probabilities >= THRESHOLD)
    given: NDArray[np.bool_] = np.arange(probabilities.shape[-1]) == probabilities.argmax(-1)[..., None]
    return given


def same_labels(first: Floats, second: Floats, *, independent: bool) -> bool:
    """Whether two predictions `(labels,)` give the same labels."""
    pair = np.stack([first, second])
    return bool(np.equal(*given_labels(pair, independent=independent)).all())


def name_prediction(probabilities: Floats, labels: Sequence[str], *, independent: bool) -> str:
    """The label that a prediction `(labels,)` gives, or all labels that it gives."""
    given = given_labels(probabilities, independent=independent)
    names = [label for label, is_given in zip(labels, given, strict=True) if is_given]
    return " + ".join(names) or NO_LABEL


def total_variation(first: Floats, second: Floats, *, independent: bool = False) -> float:
    """The distance of two predictions `(labels,)`: from 0 if they are equal to 1 if they have nothing in common.

    Of independent labels, each of which has two outcomes, that of the label which changes most.
    """
    differences = np.abs(first - second)
    return float(differences.max() if independent else differences.sum() / 2)
