"""What a model predicts for a whole video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import Window
from stillmotion.data import Video

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class VideoPrediction:
    """A model's prediction for one video: the mean of its predictions for the windows that cover the video.

    Attributes:
        video: the entry in the data set.
        windows: start and end of each window, in seconds.
        window_probabilities: float32 `(windows, classes)`.
        labels: the class names, in the order of the probabilities.
    """

    video: Video
    windows: tuple[Window, ...]
    window_probabilities: Probabilities
    labels: tuple[str, ...]

    @property
    def probabilities(self) -> Probabilities:
        """Probabilities of the whole video, float32 `(classes,)`: the mean over its windows."""
        mean: Probabilities = self.window_probabilities.mean(0)
        return mean

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.labels[int(self.probabilities.argmax())]

    @property
    def probability(self) -> float:
        """The probability of that label."""
        return float(self.probabilities.max())
