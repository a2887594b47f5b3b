"""The loader that Keras lacks: labeled clips of a folder of videos, for a model and a training of one's own."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import (
    Augment,
    ClipSpec,
    Rate,
    Segment,
    SkippedVideo,
    augment as augment_images,
    cached_frames,
    clips_per_epoch,
    even_windows,
    frame_times,
    open_videos,
    pool_times,
    random_window,
    read_clips,
)
from stillmotion.data import Video, Videos, divide_by_group, list_videos, read_videos
from stillmotion.errors import StillmotionError, UsageError

log = logging.getLogger(__name__)

LabelMode = Literal["int", "categorical", "binary"]
Batch = Any  # clips, or clips and labels


class VideoDataset(keras.utils.PyDataset):
    """Batches of clips; made by `video_dataset_from_directory`.

    Attributes:
        class_names: the labels, in the order of their numbers; empty without labels.
        file_paths: the videos.
        skipped: videos that cannot be read, with reasons.
        epoch: number of the epoch, which `fit` counts up. It decides, with the seed, what is drawn.

    Examples:
        >>> data = sm.video_dataset_from_directory("clips/", image_size=(16, 16), frames=4)
        >>> data.class_names
        ('left', 'right')
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        class_names: Sequence[str],
        spec: ClipSpec,
        *,
        label_mode: LabelMode | None,
        batch_size: int,
        shuffle: bool,
        seed: int,
        augment: Augment | None,
        skipped: Sequence[SkippedVideo],
        workers: int,
    ) -> None:
        super().__init__(workers=workers, max_queue_size=2 * workers)
        self.class_names, self.skipped = tuple(class_names), tuple(skipped)
        self.file_paths = [str(segment.file) for segment in segments]
        self.epoch = 0
        self._spec, self._mode, self._batch_size = spec, label_mode, batch_size
        self._shuffle, self._seed, self._augment = shuffle, seed, augment
        # What is drawn from at random, or the windows that cover a video.
        self._items = [
            (segment, None if shuffle else window)
            for segment in segments
            for window in (
                [None] * clips_per_epoch(spec, segment.window) if shuffle else even_windows(spec, segment.window)
            )
        ]

    def __len__(self) -> int:
        return math.ceil(len(self._items) / self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Batch:
        order = np.arange(len(self._items))
        if self._shuffle:
            order = np.random.default_rng((self._seed, self.epoch)).permutation(order)
        chosen = [int(place) for place in order[index * self._batch_size : (index + 1) * self._batch_size]]
        clips = np.stack([self._clip(place) for place in chosen]).astype(np.float32)
        if self._mode is None:
            return clips
        names = [self.class_names.index(self._items[place][0].video.label or "") for place in chosen]
        return clips, self._encode(np.array(names, np.int32))

    def on_epoch_end(self) -> None:
        """Go to the next epoch, which has different clips if they are shuffled."""
        self.epoch += 1

    def _clip(self, place: int) -> NDArray[np.uint8]:
        segment, window = self._items[place]
        if window is not None:
            clip: NDArray[np.uint8] = read_clips(segment.file, [window], self._spec, cache=True)[0]
            return clip
        rng, spec = np.random.default_rng((self._seed, self.epoch, place)), self._spec
        pool = cached_frames(segment.file, pool_times(spec, segment.window), spec.height, spec.width, spec.framing)
        drawn = pool.shown_at(frame_times(spec, random_window(spec, segment.window, rng)))
        return augment_images(drawn, self._augment, rng) if self._augment else drawn

    def _encode(self, numbers: NDArray[np.int32]) -> NDArray[Any]:
        if self._mode == "categorical":
            return np.eye(len(self.class_names), dtype=np.float32)[numbers]
        return numbers[:, None].astype(np.float32) if self._mode == "binary" else numbers


def video_dataset_from_directory(
    directory: str | Path,
    labels: Literal["inferred"] | Sequence[str | int] | None = "inferred",
    label_mode: LabelMode | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int = 8,
    image_size: tuple[int, int] = (112, 112),
    shuffle: bool = True,
    seed: int = 0,
    validation_split: float | None = None,
    subset: Literal["training", "validation", "both"] | None = None,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    *,
    frames: int = 16,
    rate: Rate = "spread",
    group: str | None = None,
    frame_rate: float | None = None,
    augment: Augment | None = None,
    workers: int = 2,
) -> VideoDataset | tuple[VideoDataset, VideoDataset]:
    """Load labeled clips from a folder of videos, for `fit`, `evaluate` and `predict` of any Keras model.

    What `keras.utils.image_dataset_from_directory` is for images, with its arguments but for `color_mode`,
    `interpolation`, `follow_links`, `data_format` and `verbose`: clips are float32
    `(batch, frames, height, width, 3)`, RGB from 0 to 255. Videos of one group, such as one recording, are never split
    between training and validation. What is drawn follows from the seed, the epoch and the number of the clip; pass
    `shuffle=False` to `fit`, which would shuffle once more. Videos are decoded once, into the cache, and batches are
    prepared ahead of time. Videos that cannot be read are skipped, and named in the log.

    Args:
        directory: a folder with one folder per label, or a table.
        labels: "inferred" from the folders; None for videos without labels; or one label per video, in the order of
            their paths: names, or whole numbers, which stay as they are, so that 10 comes after 9.
        label_mode: "int"; "categorical" for one-hot labels; "binary" for 0 and 1 as float32 `(batch, 1)`; None for
            clips without labels.
        class_names: the labels in the order of their numbers; by default sorted.
        batch_size: clips in a batch; the last may have fewer.
        image_size: height and width of the frames, in pixels.
        shuffle: whether clips are drawn at random in a random order. Otherwise they are the windows that cover each
            video, in order. The validation part is never shuffled.
        seed: of what is drawn and of the split.
        validation_split: the share of the videos in the validation part.
        subset: which part to return: "training", "validation", or "both".
        crop_to_aspect_ratio: whether frames are cropped to the aspect ratio of the size, and not stretched.
        pad_to_aspect_ratio: whether they are padded with black to it.
        frames: frames of a clip.
        rate: frames per second of a clip, or "spread" over the whole video.
        group: a regular expression; what it matches in a video's path names its group.
        frame_rate: frames per second of videos that are folders of numbered frames.
        augment: how clips are varied in training; by default not at all.
        workers: threads that prepare batches.

    Returns:
        The dataset, with `class_names` and `file_paths`; for both parts, that of training and that of validation.

    Raises:
        UsageError: a wrong argument, or no such folder.
        StillmotionError: no video can be read, or there are too few groups to split.

    Examples:
        >>> train, validation = sm.video_dataset_from_directory(
        ...     "clips/", validation_split=0.3, subset="both", image_size=(16, 16), frames=4
        ... )
        >>> clips, labels = train[0]
        >>> clips.shape
        (8, 4, 16, 16, 3)
    """
    if label_mode not in ("int", "categorical", "binary", None):
        raise UsageError(f"label_mode is {label_mode!r}; expected int, categorical, binary or None")
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise UsageError(f"batch_size is {batch_size!r}; expected a whole number of 1 or more")
    if subset not in ("training", "validation", "both", None):
        raise UsageError(f"subset is {subset!r}; expected training, validation or both")
    if (validation_split is None) != (subset is None):
        raise UsageError("validation_split and subset go together: give both, or none")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise UsageError("frames are cropped or padded: give one of crop_to_aspect_ratio and pad_to_aspect_ratio")
    sides: Any = image_size
    if not isinstance(sides, Sequence) or len(sides) != 2:
        raise UsageError(f"image_size is {image_size!r}; expected (height, width)")
    framing: Any = "crop" if crop_to_aspect_ratio else "letterbox" if pad_to_aspect_ratio else "stretch"
    spec = ClipSpec(frames, rate, tuple(image_size), framing=framing)
    if labels is not None and not isinstance(labels, str):
        labels = [one.item() if isinstance(one, np.generic) else one for one in labels]
    videos = _with_labels(Path(directory), labels, group, frame_rate)
    if labels is None:
        label_mode = None
    names = tuple(class_names) if class_names is not None else videos.labels
    if labels is not None and all(isinstance(one, int) for one in labels):
        names = _number_names(labels, class_names)
    elif label_mode is not None and set(names) != set(videos.labels):
        raise UsageError(f"class_names is {list(names)}; the labels are {list(videos.labels)}")
    if label_mode == "binary" and len(names) != 2:
        raise UsageError(f"label_mode is 'binary', and there are {len(names)} labels")

    def load(part: Videos, *, training: bool) -> VideoDataset:
        opened = open_videos(part)
        for video in opened.skipped:
            log.warning("skipped: %s", video.reason)
        if not opened.segments:
            raise StillmotionError(f"{directory}: no video can be read")
        return VideoDataset(
            opened.segments,
            names if label_mode else (),
            spec,
            label_mode=label_mode,
            batch_size=batch_size,
            shuffle=shuffle and training,
            seed=seed,
            augment=augment if training else None,
            skipped=opened.skipped,
            workers=workers,
        )

    if validation_split is None:
        return load(videos, training=True)
    parts = divide_by_group(videos, validation_split, seed=seed)
    if subset == "both":
        return load(parts[0], training=True), load(parts[1], training=False)
    return load(parts[subset == "validation"], training=subset == "training")


def _number_names(labels: Sequence[str | int], class_names: Sequence[str] | None) -> tuple[str, ...]:
    """The names of whole numbers, of which each is in its own place. Raises UsageError."""
    if class_names is not None or min(map(int, labels)) < 0:
        raise UsageError("labels that are whole numbers are 0 or more, and have no class_names")
    return tuple(map(str, range(max(map(int, labels)) + 1)))


def _with_labels(
    directory: Path,
    labels: Literal["inferred"] | Sequence[str | int] | None,
    group: str | None,
    frame_rate: float | None,
) -> Videos:
    """The videos of a folder with the labels that are wanted."""
    if labels == "inferred":
        return read_videos(directory, group=group, frame_rate=frame_rate)
    videos = list_videos(directory, group=group, frame_rate=frame_rate)
    if labels is None:
        return videos
    if isinstance(labels, str) or len(labels) != len(videos) or not all(isinstance(one, str | int) for one in labels):
        raise UsageError(f"labels: expected 'inferred', None, or one label for each of {len(videos)} videos")
    given = zip(videos, labels, strict=True)
    labeled: list[Video] = [dataclasses.replace(video, label=str(label)) for video, label in given]
    return videos.only(labeled)
