"""Clips for training and validation. Item i of an epoch depends on (seed, epoch, i) alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import (
    Stretch,
    augment,
    cached_frames,
    clips_an_epoch,
    cut,
    even_windows,
    frame_times,
    pool_times,
    random_window,
)
from stillmotion.decoding import Images
from stillmotion.runs import Recipe

# Validation looks at so many windows of a video, every epoch; the test at all of them, once.
VALIDATION_WINDOWS = 8

Batch = tuple[Images, NDArray[np.float32], NDArray[np.float32]]


class TrainingClips(keras.utils.PyDataset):
    """Batches of random, augmented clips: uint8 `(batch, time, height, width, 3)`, one-hot `(batch, classes)`, weights.

    Every batch is full; what is left over at an epoch's end differs from epoch to epoch. Weights
    balance the labels.
    """

    def __init__(self, stretches: Sequence[Stretch], labels: Sequence[str], recipe: Recipe, epoch: int = 0) -> None:
        super().__init__(workers=1)
        self.recipe, self.epoch = recipe, epoch
        self.stretches = [s for s in stretches for _ in range(clips_an_epoch(recipe.spec, s.window))]
        self.targets = one_hot(self.stretches, labels)
        self.weights = balanced_weights(self.stretches)
        self.batch_size = min(recipe.batch_size, len(self.stretches))

    def __len__(self) -> int:
        return len(self.stretches) // self.batch_size

    def __getitem__(self, index: int) -> Batch:
        order = np.random.default_rng((self.recipe.seed, self.epoch)).permutation(len(self.stretches))
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        return np.stack([self.clip(int(i)) for i in chosen]), self.targets[chosen], self.weights[chosen]

    def clip(self, index: int) -> Images:
        """One clip of this epoch: uint8 `(time, height, width, 3)`."""
        rng = np.random.default_rng((self.recipe.seed, self.epoch, index))
        stretch, spec = self.stretches[index], self.recipe.spec
        pool = cached_frames(stretch.file, pool_times(spec, stretch.window), spec.height, spec.width)
        images = pool.shown_at(frame_times(spec, random_window(spec, stretch.window, rng)))
        return augment(images, self.recipe.augment, rng)

    def on_epoch_end(self) -> None:
        """Draw anew."""
        self.epoch += 1


class ValidationClips(keras.utils.PyDataset):
    """Batches of clips from evenly spaced windows, as evaluation sees them: uint8 clips, one-hot labels."""

    def __init__(self, stretches: Sequence[Stretch], labels: Sequence[str], recipe: Recipe) -> None:
        super().__init__(workers=1)
        self.recipe = recipe
        self.items = [
            (stretch, window)
            for stretch in stretches
            for window in even_windows(recipe.spec, stretch.window, VALIDATION_WINDOWS)
        ]
        self.targets = one_hot([stretch for stretch, _ in self.items], labels)

    def __len__(self) -> int:
        return -(-len(self.items) // self.recipe.batch_size)

    def __getitem__(self, index: int) -> tuple[Images, NDArray[np.float32]]:
        part = slice(index * self.recipe.batch_size, (index + 1) * self.recipe.batch_size)
        clips = [cut(stretch.file, [window], self.recipe.spec, keep=True)[0] for stretch, window in self.items[part]]
        return np.stack(clips), self.targets[part]


def one_hot(stretches: Sequence[Stretch], labels: Sequence[str]) -> NDArray[np.float32]:
    """float32 `(n, classes)`, in the order of `labels`."""
    index = {label: i for i, label in enumerate(labels)}
    return np.eye(len(labels), dtype=np.float32)[[index[s.video.label or ""] for s in stretches]]


def balanced_weights(stretches: Sequence[Stretch]) -> NDArray[np.float32]:
    """float32 `(n,)`: what gives each label the same weight in all; their mean is 1."""
    count = Counter(s.video.label for s in stretches)
    return np.array([len(stretches) / (len(count) * count[s.video.label]) for s in stretches], np.float32)
