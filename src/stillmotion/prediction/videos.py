"""Whole videos in, predictions out: a video's prediction is the mean over the windows that cover it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import (
    ClipSpec,
    OpenedVideos,
    Segment,
    SkippedVideo,
    Window,
    clip_appearance,
    even_windows,
    open_videos,
)
from stillmotion.data import Video, Videos
from stillmotion.errors import UnreadableVideoError
from stillmotion.models.cards import ModelCard, Outputs
from stillmotion.models.given_facts import GivenFacts
from stillmotion.models.inference import BATCH_SIZE, predict_in_batches
from stillmotion.prediction.clip_models import ClipModel, as_clip_model
from stillmotion.prediction.describing import DescribedModel, open_model
from stillmotion.prediction.framing import FramingNote
from stillmotion.prediction.memory_inputs import ClipSegment, CopiedSegment, Input, MemoryInput, find_sources
from stillmotion.prediction.own_test import warn_of_weakness
from stillmotion.prediction.records import VideoPrediction
from stillmotion.prediction.run_models import RunModel, load_run_model
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import ClipMemory, Run, read_memory
from stillmotion.training import frozen_backbone

# Windows that are read from a file at once, which bounds the memory that an hour of video takes.
WINDOWS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class _Pending:
    """A video whose clips wait until there are enough for a batch."""

    segment: Segment
    windows: list[Window]
    clips: NDArray[Any]
    distances: NDArray[np.float64] | None


def predict(
    run: Run | ClipModel | keras.Model | str | Path,
    videos: Videos | OpenedVideos | Input | Sequence[Input],
    *,
    cache: bool = False,
    card: ModelCard | None = None,
    progress: Progress = no_progress,
) -> Iterator[VideoPrediction | SkippedVideo]:
    """Predict each video with a model, from evenly spaced windows that cover it.

    A picture is a video of one frame; its clip repeats that frame.

    Args:
        run: a finished run or its folder, a model or its file whose card says how it is fed, or a model from
            `load_clip_model`, which is loaded once for all calls.
        videos: a data set, or, in any mixture: paths of videos, images, folders of them and tables; the bytes of a
            video or image, or a file that is open for reading; NumPy arrays, each a clip, a picture or a batch of
            clips, uint8 RGB of the model's size. Each video is opened when its turn comes, unless it is open already.
        cache: whether decoded frames, or their features for a frozen backbone, are kept in the cache on disk, for when
            several models see the same videos.
        card: how the model is fed; by default the card beside it, if there is one.
        progress: receives how far the extraction of features has come, if there is one.

    Yields:
        For each video in order, its prediction, or why it was skipped.

    Raises:
        UsageError: there is no such file or folder, an array that the model does not take, or see `load_clip_model`.
        StillmotionError: the model cannot be loaded, or does not fit its record; or a folder without videos.

    Examples:
        >>> for result in sm.predict("runs/motion", ["new.mp4", "stills/"]):
        ...     if isinstance(result, sm.VideoPrediction):
        ...         label, probability = result.label, result.probability
    """
    sources = videos if isinstance(videos, (Videos, OpenedVideos)) else find_sources(videos)
    from_files = isinstance(sources, (Videos, OpenedVideos))
    loaded, spec, labels, outputs, described = _load(run, card, features=cache and from_files)
    framing = FramingNote(described)
    record = partial(VideoPrediction, labels=labels, outputs=outputs)
    model = loaded.model
    # `evaluate`, which keeps what it reads in the cache, does not ask.
    memory = read_memory(described.run) if described and described.run and not cache else None
    if isinstance(videos, OpenedVideos):
        loaded.extract([(s.file, window, spec) for s in videos for window in even_windows(spec, s.window)], progress)
    pending: list[_Pending] = []
    for segment in _open_one_by_one(sources, spec):
        if isinstance(segment, SkippedVideo):
            yield from _predict_pending(model, pending, record)
            yield segment
            continue
        shown = segment.video.path if isinstance(segment, CopiedSegment) else str(segment.file)
        framing.see(shown, segment.facts.height, segment.facts.width)
        if sum(len(video.windows) for video in pending) >= BATCH_SIZE:
            yield from _predict_pending(model, pending, record)
        windows = even_windows(spec, segment.window)
        if len(windows) <= WINDOWS_AT_ONCE:
            try:
                if isinstance(segment, ClipSegment):
                    clips = segment.clip[None]
                else:
                    clips = loaded.read(segment.file, windows, spec, cache=cache)
            except UnreadableVideoError as error:
                yield from _predict_pending(model, pending, record)
                yield SkippedVideo(segment.video, str(error).replace(str(segment.file), shown))
                continue
            pending.append(_Pending(segment, windows, clips, _distances(memory, clips)))
        else:
            yield from _predict_pending(model, pending, record)
            yield _predict_long(loaded, segment, windows, spec, record, memory)
    yield from _predict_pending(model, pending, record)


def _load(
    run: Run | ClipModel | keras.Model | str | Path, card: ModelCard | None, *, features: bool
) -> tuple[RunModel, ClipSpec, tuple[str, ...], Outputs, DescribedModel | None]:
    """The model, its clips, labels and kind of outputs, and its description; that of a run may take cached features."""
    if features and card is None and isinstance(run, Run) and frozen_backbone(run.recipe):
        return load_run_model(run, features=True), run.recipe.spec, run.labels, "softmax", None
    if not isinstance(run, ClipModel):
        opened = open_model(run, GivenFacts(card=card))
        if opened.run is not None:
            if not features:
                warn_of_weakness(opened.run)
            return RunModel(opened.model, None), opened.run.recipe.spec, opened.run.labels, "softmax", opened
        run = as_clip_model(opened)
    opened_run = run.described.run if run.described else None
    spec = opened_run.recipe.spec if opened_run else run.spec
    return RunModel(run.model, None), spec, run.labels, run.outputs, run.described


def _open_one_by_one(
    videos: Videos | OpenedVideos | Sequence[Video | MemoryInput], spec: ClipSpec
) -> Iterator[Segment | SkippedVideo]:
    """The videos in order, each opened when its turn comes, so that the first prediction does not wait for the last."""
    if isinstance(videos, OpenedVideos):
        yield from videos.skipped
        yield from videos.segments
        return
    root = videos.root if isinstance(videos, Videos) else Path()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for video in videos:
            if isinstance(video, MemoryInput):
                yield video.open(spec, Path(folder))
                for copy in Path(folder).iterdir():  # It has been read.
                    copy.unlink()
                continue
            opened = open_videos(Videos(root, (video,)))
            yield from opened.skipped
            yield from opened.segments


def _predict_pending(
    model: keras.Model, pending: list[_Pending], record: Callable[..., VideoPrediction]
) -> Iterator[VideoPrediction]:
    """Predict the videos that wait, together, and empty the list."""
    if not pending:
        return
    predicted = predict_in_batches(model, [clip for video in pending for clip in video.clips])
    start = 0
    for video in pending:
        stop = start + len(video.windows)
        yield record(video.segment.video, tuple(video.windows), predicted[start:stop], window_distances=video.distances)
        start = stop
    pending.clear()


def _predict_long(
    loaded: RunModel,
    segment: Segment,
    windows: Sequence[Window],
    spec: ClipSpec,
    record: Callable[..., VideoPrediction],
    memory: ClipMemory | None,
) -> VideoPrediction:
    """Predict a video of many windows, in portions that fit into memory."""
    predicted, distances = [], []
    for start in range(0, len(windows), WINDOWS_AT_ONCE):
        clips = loaded.read(segment.file, windows[start : start + WINDOWS_AT_ONCE], spec, cache=False)
        predicted.append(predict_in_batches(loaded.model, clips))
        if (of_portion := _distances(memory, clips)) is not None:
            distances.append(of_portion)
    return record(
        segment.video,
        tuple(windows),
        np.concatenate(predicted),
        window_distances=np.concatenate(distances) if distances else None,
    )


def _distances(memory: ClipMemory | None, clips: NDArray[Any]) -> NDArray[np.float64] | None:
    """How unlike the remembered clips each clip is."""
    return None if memory is None else np.array([memory.distance(clip_appearance(clip)) for clip in clips])
