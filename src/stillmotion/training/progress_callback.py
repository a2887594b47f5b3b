"""Keras training reported through `stillmotion.progress.Progress`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from stillmotion.progress import Progress


class ProgressCallback(keras.callbacks.Callback):
    """Reports every training step, with the figures of the last finished epoch.

    Args:
        progress: receives the reports, under the stage "training".
        epochs: maximum number of epochs.
        steps: number of steps in each epoch.
    """

    def __init__(self, progress: Progress, epochs: int, steps: int) -> None:
        super().__init__()
        self.progress, self.epochs, self.steps = progress, epochs, steps
        self.epoch = 0
        self.figures: dict[str, float] = {}

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.progress("training", self.epoch * self.steps + batch + 1, self.epochs * self.steps, self.figures)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.figures = {"epoch": epoch + 1, **(logs or {})}
        self.progress("training", (epoch + 1) * self.steps, self.epochs * self.steps, self.figures)
