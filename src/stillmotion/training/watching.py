"""Long work tells how far it is: the one protocol between the library and a progress bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import keras


class Watch(Protocol):
    """Called with what is being done, how much of it is done, of how much, and the latest figures."""

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None: ...


class Watched(keras.callbacks.Callback):
    """Tells a watch of every training step."""

    def __init__(self, watch: Watch, epochs: int, steps: int) -> None:
        super().__init__()
        self.watch, self.epochs, self.steps = watch, epochs, steps
        self.epoch = 0
        self.figures: dict[str, float] = {}

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.watch("training", self.epoch * self.steps + batch + 1, self.epochs * self.steps, self.figures)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.figures = {"epoch": epoch + 1, **(logs or {})}
        self.watch("training", (epoch + 1) * self.steps, self.epochs * self.steps, self.figures)
