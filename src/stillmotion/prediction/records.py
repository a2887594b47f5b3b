"""What a model predicts for a whole video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import Window
from stillmotion.data import Video
from stillmotion.models.cards import Outputs

Probabilities = NDArray[np.float32]
THRESHOLD = 0.5  # from which probability on an independent label is given
NO_LABEL = "none"


def given_labels(probabilities: Probabilities, *, independent: bool) -> NDArray[np.bool_]:
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


def name_prediction(probabilities: Probabilities, labels: Sequence[str], *, independent: bool) -> str:
    """The label that a prediction `(labels,)` gives, or all labels that it gives."""
    given = given_labels(probabilities, independent=independent)
    names = [label for label, is_given in zip(labels, given, strict=True) if is_given]
    return " + ".join(names) or NO_LABEL


def describe_numbers(numbers: Probabilities, labels: Sequence[str]) -> str:
    """The numbers of a regression `(labels,)` as a line for people."""
    return ", ".join(f"{label} {number:.4g}" for label, number in zip(labels, numbers, strict=True))


@dataclass(frozen=True)
class VideoPrediction:
    """A model's prediction for one video: the mean of its predictions for the windows that cover the video.

    Attributes:
        video: the entry in the data set.
        windows: start and end of each window, in seconds.
        window_probabilities: float32 `(windows, classes)`; the numbers of a regression.
        labels: the class names, in the order of the probabilities.
        outputs: what the model's outputs are; see `ModelCard`.
        window_distances: float64 `(windows,)`, how unlike the clips of the run's training each window is; None if the
            run does not remember them.

    Examples:
        >>> (result,) = sm.predict("runs/motion", "new.mp4")
        >>> result.probabilities.shape, len(result.windows)
        ((2,), 2)
    """

    video: Video
    windows: tuple[Window, ...]
    window_probabilities: Probabilities
    labels: tuple[str, ...]
    outputs: Outputs = "softmax"
    window_distances: NDArray[np.float64] | None = None

    @property
    def distance(self) -> float | None:
        """How unlike the clips of the run's training the video is: the mean over its windows."""
        return None if self.window_distances is None else float(self.window_distances.mean())

    @property
    def unlike_training(self) -> bool | None:
        """Whether the video is further from the training clips than 95 % of them are from other recordings."""
        return None if self.distance is None else self.distance > 1

    @property
    def probabilities(self) -> Probabilities:
        """Probabilities of the whole video, float32 `(classes,)`: the mean over its windows."""
        mean: Probabilities = self.window_probabilities.mean(0)
        return mean

    @property
    def label(self) -> str:
        """The most probable label; of independent ones all from 0.5 on, such as "a + b"; "" for a regression."""
        if self.outputs == "regression":
            return ""
        return name_prediction(self.probabilities, self.labels, independent=self.outputs == "independent sigmoids")

    @property
    def probability(self) -> float:
        """The probability of that label; of independent ones the largest."""
        return float(self.probabilities.max())
