"""Clips for training and validation. Item i of an epoch depends on (seed, epoch, i) alone."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import (
    ClipSpec,
    Segment,
    Window,
    augment,
    cached_frames,
    clips_per_epoch,
    even_windows,
    frame_times,
    pool_times,
    random_window,
    read_clips,
)
from stillmotion.decoding import DecodedFrames, Seconds
from stillmotion.features import read_feature_clips
from stillmotion.models import pretrained_backbone
from stillmotion.runs import Recipe
from stillmotion.training.devices import ONE_DEVICE, Devices
from stillmotion.training.own_parts import NO_OWN_PARTS, OwnParts, augment_clip

# Validation runs in every epoch, so it looks at this many windows per video at most. The test looks at all of them.
VALIDATION_WINDOWS = 8
# Of clips of one frame, the frames that are drawn from are those of clips of this many.
DRAWN_FRAMES = ClipSpec().frames
# Clips in a batch when a head is validated. A head is so small that calling it takes longer than what it computes.
FEATURE_CLIPS = 128

# Videos whose frames stay mapped into memory during a training; a system allows some ten thousand mappings.
OPEN_POOLS = 2048

# What a model is fed: pixels `(time, height, width, 3)`, or features `(time, features)`.
Clip = NDArray[Any]
Batch = tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]


class TrainingClips(keras.utils.PyDataset):
    """Batches of random, augmented clips for one epoch after another.

    A batch is clips, uint8 `(batch, time, height, width, 3)`, one-hot labels, float32 `(batch, classes)`, and weights,
    float32 `(batch,)`, that give every label the same total. Every batch is full: the clips that remain at the end of
    an epoch are dropped, different ones in each epoch.

    Args:
        segments: what clips are drawn from.
        labels: the class names, in the order of the model's outputs.
        recipe: gives the clips, the augmentation, the batch size and the seed.
        epoch: the first epoch, counted from 0.
        own: a user's class weights and augmentation.
        devices: what batches are divided among; each process gets its own part of them.

    Raises:
        StillmotionError: a batch cannot be divided.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        labels: Sequence[str],
        recipe: Recipe,
        epoch: int = 0,
        own: OwnParts = NO_OWN_PARTS,
        devices: Devices = ONE_DEVICE,
    ) -> None:
        super().__init__(workers=1)
        self.recipe, self.epoch, self.own, self.devices = recipe, epoch, own, devices
        self.segments = [segment for segment in segments for _ in range(self.clips_of(segment))]
        self.targets = one_hot(self.segments, labels)
        self.weights = balanced_weights(self.segments)
        if own.class_weights is not None:
            self.weights = np.array([own.class_weights[s.video.label or ""] for s in self.segments], np.float32)
        self.batch_size = min(recipe.batch_size, len(self.segments))
        devices.check_batch(self.batch_size)
        # To find an entry of the cache takes as long as to augment a clip.
        self._pool = lru_cache(OPEN_POOLS)(self._open_pool)

    def __len__(self) -> int:
        return len(self.segments) // self.batch_size

    def __getitem__(self, index: int) -> Batch:
        order = np.random.default_rng((self.recipe.seed, self.epoch)).permutation(len(self.segments))
        chosen = self.devices.share(order[index * self.batch_size : (index + 1) * self.batch_size])
        return np.stack([self.clip(int(i)) for i in chosen]), self.targets[chosen], self.weights[chosen]

    def clips_of(self, segment: Segment) -> int:
        """How many clips of a segment there are in an epoch."""
        return clips_per_epoch(self.recipe.spec, segment.window)

    def clip(self, index: int) -> Clip:
        """Draw one clip of this epoch.

        Args:
            index: which of `segments` it is drawn from.

        Returns:
            `(time, ...)`, uint8 pixels or float16 features.
        """
        return self.draw(index, np.random.default_rng((self.recipe.seed, self.epoch, index)))

    def draw(self, index: int, rng: np.random.Generator) -> Clip:
        """Draw a clip with a random generator; see `clip`."""
        segment, spec = self.segments[index], self.recipe.spec
        window = random_window(spec, segment.window, rng)
        times = rng.uniform(*window, size=1) if draws_any_frame(self.recipe) else frame_times(spec, window)
        shown = self._pool(segment).shown_at(times)
        if self.own.augmentation is not None:
            return augment_clip(self.own.augmentation, shown, rng)
        return augment(shown, self.recipe.augment, rng)

    def _open_pool(self, segment: Segment) -> DecodedFrames:
        """The frames that clips of a segment are made of, mapped into memory."""
        spec = self.recipe.spec
        return cached_frames(segment.file, training_times(spec, segment.window), spec.height, spec.width)

    def on_epoch_end(self) -> None:
        """Go to the next epoch, which has different clips."""
        self.epoch += 1


class TrainingFeatures(TrainingClips):
    """The same for a head on a frozen backbone: features instead of pixels, float16 `(batch, time, features)`.

    The windows are those of evaluation, whose frames went through the backbone once. They are kept in memory.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        labels: Sequence[str],
        recipe: Recipe,
        epoch: int = 0,
        own: OwnParts = NO_OWN_PARTS,
        devices: Devices = ONE_DEVICE,
    ) -> None:
        super().__init__(segments, labels, recipe, epoch, own, devices)
        backbone = str(pretrained_backbone(recipe.options))
        spec = training_spec(recipe)
        self.features = np.concatenate(
            [read_feature_clips(backbone, segment.file, training_windows(spec, segment), spec) for segment in segments]
        )

    def clips_of(self, segment: Segment) -> int:
        return len(training_windows(self.recipe.spec, segment))

    def draw(self, index: int, rng: np.random.Generator) -> Clip:
        clip: Clip = self.features[index]
        return clip[[rng.integers(len(clip))]] if draws_any_frame(self.recipe) else clip


class ValidationClips(keras.utils.PyDataset):
    """Batches of clips from evenly spaced windows, as in evaluation: uint8 clips and one-hot float32 labels.

    Args:
        segments: what clips are taken from.
        labels: the class names, in the order of the model's outputs.
        recipe: gives the clips and the batch size.
    """

    def __init__(self, segments: Sequence[Segment], labels: Sequence[str], recipe: Recipe) -> None:
        super().__init__(workers=1)
        self.recipe = recipe
        self.items = [(segment, window) for segment in segments for window in training_windows(recipe.spec, segment)]
        self.targets = one_hot([segment for segment, _ in self.items], labels)
        self.batch_size = recipe.batch_size

    def __len__(self) -> int:
        return -(-len(self.items) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return np.stack([self.clip(segment, window) for segment, window in self.items[part]]), self.targets[part]

    def clip(self, segment: Segment, window: Window) -> Clip:
        """The clip of a window: `(time, ...)`, uint8 pixels or float16 features."""
        clip: Clip = read_clips(segment.file, [window], self.recipe.spec, cache=True)[0]
        return clip


class ValidationFeatures(ValidationClips):
    """The same for a head on a frozen backbone: features, float16 `(batch, time, features)`, kept in memory."""

    def __init__(self, segments: Sequence[Segment], labels: Sequence[str], recipe: Recipe) -> None:
        super().__init__(segments, labels, recipe)
        self.batch_size = FEATURE_CLIPS
        backbone = str(pretrained_backbone(recipe.options))
        self.features: dict[tuple[Segment, Window], Clip] = {
            (segment, window): read_feature_clips(backbone, segment.file, [window], recipe.spec)[0]
            for segment, window in self.items
        }

    def clip(self, segment: Segment, window: Window) -> Clip:
        return self.features[segment, window]


def draws_any_frame(recipe: Recipe) -> bool:
    """Whether a clip in training is a single frame from anywhere in its window, and not always the middle one."""
    return recipe.spec.frames == 1 and recipe.options.get("moment") != "middle"


def training_spec(recipe: Recipe) -> ClipSpec:
    """The clips whose frames training draws from: the recipe's, or longer ones if any of their frames is a clip."""
    return _with_drawn_frames(recipe.spec) if draws_any_frame(recipe) else recipe.spec


def training_times(spec: ClipSpec, segment: Window) -> Seconds:
    """The times of the frames that training on pixels draws from.

    Args:
        spec: what a clip is.
        segment: start and end, in seconds.

    Returns:
        `(times,)` seconds, ascending. For clips of one frame they are as many as for longer ones.
    """
    return pool_times(_with_drawn_frames(spec) if spec.frames == 1 else spec, segment)


def _with_drawn_frames(spec: ClipSpec) -> ClipSpec:
    """Clips of more frames, from windows as long as those of a spec of one frame."""
    rate = spec.rate if spec.rate == "spread" else DRAWN_FRAMES * spec.rate
    return dataclasses.replace(spec, frames=DRAWN_FRAMES, rate=rate)


def training_windows(spec: ClipSpec, segment: Segment) -> list[Window]:
    """The windows of a segment that validation sees, and that heads on frozen backbones are trained on."""
    return even_windows(spec, segment.window, VALIDATION_WINDOWS)


def one_hot(segments: Sequence[Segment], labels: Sequence[str]) -> NDArray[np.float32]:
    """The segments' labels as rows of zeros and a one.

    Args:
        segments: labeled segments.
        labels: the class names.

    Returns:
        float32 `(segments, classes)`, in the order of `labels`.
    """
    index = {label: i for i, label in enumerate(labels)}
    return np.eye(len(labels), dtype=np.float32)[[index[s.video.label or ""] for s in segments]]


def balanced_weights(segments: Sequence[Segment]) -> NDArray[np.float32]:
    """Weights that give every label the same total; their mean is 1.

    Args:
        segments: labeled segments.

    Returns:
        float32 `(segments,)`.
    """
    count = Counter(s.video.label for s in segments)
    return np.array([len(segments) / (len(count) * count[s.video.label]) for s in segments], np.float32)
