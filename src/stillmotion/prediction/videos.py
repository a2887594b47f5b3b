"""A whole video's answer, and the answers of the windows that it is the mean of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import (
    ClipSpec,
    OpenedVideos,
    Segment,
    SkippedVideo,
    Window,
    even_windows,
    open_videos,
    read_clips,
)
from stillmotion.data import Video, Videos
from stillmotion.decoding import Images
from stillmotion.errors import StillmotionError, UnreadableVideoError
from stillmotion.runs import Run

BATCH = 16
# Windows that are cut from a file at once: bounds the memory that an hour of video takes.
WINDOWS_AT_ONCE = 64

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class VideoPrediction:
    """What a model says of a video: probabilities `(windows, classes)` of its windows, and their mean."""

    video: Video
    windows: tuple[Window, ...]
    window_probabilities: Probabilities
    labels: tuple[str, ...]

    @property
    def probabilities(self) -> Probabilities:
        """Of the whole video, `(classes,)`: the mean of its windows'."""
        mean: Probabilities = self.window_probabilities.mean(0)
        return mean

    @property
    def label(self) -> str:
        """The most probable."""
        return self.labels[int(self.probabilities.argmax())]

    @property
    def probability(self) -> float:
        """Of that label."""
        return float(self.probabilities.max())


def load_model(file: Path) -> keras.Model:
    """A run's saved model, read in safe mode.

    Raises:
        StillmotionError: not there, or not a Keras model.
    """
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StillmotionError(f"{file}: not a Keras model that can be loaded ({str(error).splitlines()[0]})") from None


def predict(
    run: Run, videos: Videos | OpenedVideos, *, cache: bool = False
) -> Iterator[VideoPrediction | SkippedVideo]:
    """The run's answer for each video, in order; what cannot be read is left out, with the reason.

    A video is covered with evenly spaced windows. A picture is a video of one frame, and a clip of it
    that frame alone, over and over.

    Args:
        keep: whether decoded frames go to the cache, as when several models see the same videos.
    """
    model, spec = load_model(run.model_file), run.recipe.spec
    check_input(model, spec, run)
    waiting: list[tuple[Segment, list[Window], list[Images]]] = []
    for segment in _opened_one_by_one(videos):
        yield from _answers(model, waiting, run.labels, only_full=isinstance(segment, Segment))
        if isinstance(segment, SkippedVideo):
            yield segment
            continue
        windows = even_windows(spec, segment.window)
        if len(windows) <= WINDOWS_AT_ONCE:
            try:
                waiting.append((segment, windows, list(read_clips(segment.file, windows, spec, cache=cache))))
            except UnreadableVideoError as error:
                yield from _answers(model, waiting, run.labels)
                yield SkippedVideo(segment.video, str(error))
        else:
            yield from _answers(model, waiting, run.labels)
            yield _long(model, segment, windows, spec, run.labels)
    yield from _answers(model, waiting, run.labels)


def _opened_one_by_one(videos: Videos | OpenedVideos) -> Iterator[Segment | SkippedVideo]:
    """The videos in order, each opened when its turn comes, so that the first prediction does not wait for the last."""
    if isinstance(videos, OpenedVideos):
        yield from videos.skipped
        yield from videos.segments
        return
    for video in videos:
        opened = open_videos(videos.only([video]))
        yield from opened.skipped
        yield from opened.segments


def check_input(model: keras.Model, spec: ClipSpec, run: Run) -> None:
    """Refuse a model that takes something else than run.json says.

    Raises:
        StillmotionError: naming both shapes.
    """
    expected = (spec.frames, spec.height, spec.width, 3)
    if tuple(model.input_shape[1:]) != expected or model.output_shape[-1] != len(run.labels):
        raise StillmotionError(
            f"{run.model_file}: takes {model.input_shape[1:]} and gives {model.output_shape[-1]} probabilities; "
            f"run.json says {expected} and {len(run.labels)} labels"
        )


def probabilities(model: keras.Model, clips: Iterable[Images]) -> Probabilities:
    """The model's answers `(n, classes)` for clips or pictures, at two batch sizes only: 1 and 16.

    A last batch is filled up, for every new shape costs a compilation.
    """
    batch = list(clips)
    answers = []
    for start in range(0, len(batch), BATCH):
        part = np.stack(batch[start : start + BATCH])
        size = 1 if len(batch) == 1 else BATCH
        filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
        answers.append(np.asarray(model.predict_on_batch(filled), np.float32)[: len(part)])
    return np.concatenate(answers)


def _answers(
    model: keras.Model,
    waiting: list[tuple[Segment, list[Window], list[Images]]],
    labels: tuple[str, ...],
    only_full: bool = False,
) -> Iterator[VideoPrediction]:
    """Answer the videos whose clips wait to fill a batch, and forget them."""
    if not waiting or (only_full and sum(len(windows) for _, windows, _ in waiting) < BATCH):
        return
    found = probabilities(model, [clip for _, _, clips in waiting for clip in clips])
    done = 0
    for segment, windows, _ in waiting:
        yield VideoPrediction(segment.video, tuple(windows), found[done : done + len(windows)], labels)
        done += len(windows)
    waiting.clear()


def _long(
    model: keras.Model, segment: Segment, windows: Sequence[Window], spec: ClipSpec, labels: tuple[str, ...]
) -> VideoPrediction:
    found = [
        probabilities(model, read_clips(segment.file, windows[start : start + WINDOWS_AT_ONCE], spec))
        for start in range(0, len(windows), WINDOWS_AT_ONCE)
    ]
    return VideoPrediction(segment.video, tuple(windows), np.concatenate(found), labels)
