"""Run frames through a frozen backbone: decoding in threads overlaps with batches of a fixed size."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips.cache import trim_cache
from stillmotion.decoding import DecodedFrames, Images, Seconds, read_frames
from stillmotion.errors import StillmotionError
from stillmotion.features.frame_features import (
    Features,
    FrameFeatures,
    StoredFeatures,
    features_entry,
    load_features,
    merge,
    store_features,
)
from stillmotion.models.pretrained import build_backbone
from stillmotion.progress import Progress, no_progress

# One size only, since each costs a compilation. Larger batches take as long per frame.
BATCH_SIZE = 16
# As many times are decoded at once, so that a long video does not fill the memory: 40 MB of frames of 224 x 224.
CHUNK = 256
_MAX_FLOAT16 = float(np.finfo(np.float16).max)


class FeatureRequest(NamedTuple):
    """Frames whose features are wanted.

    Attributes:
        file: a video or an image.
        seconds: the wanted times, in any order.

    Examples:
        >>> request = sm.FeatureRequest(Path("new.mp4"), [0.0, 0.5])
        >>> sm.extract_features("efficientnet-lite0", [request], 224, 224)
    """

    file: Path
    seconds: Sequence[float] | Seconds


def cached_features(
    backbone: str, file: Path, seconds: Sequence[float] | Seconds, height: int, width: int
) -> FrameFeatures:
    """Get the features of frames: from disk, or from the backbone for frames that it has not seen yet.

    Args:
        backbone: see `stillmotion.models.pretrained`.
        file: a video or an image.
        seconds: wanted times, in any order.
        height: of the frames that the backbone sees, in pixels.
        width: likewise.

    Returns:
        One row per time, in the order of `seconds`: the features of the frame that is on screen then.

    Raises:
        UnreadableVideoError: the file cannot be opened or holds no frame.
        UsageError: there is no such backbone, or it cannot take frames of this size.
        StillmotionError: the backbone's weights cannot be read, or the cache cannot be written.

    Examples:
        >>> features = sm.cached_features("efficientnet-lite0", Path("new.mp4"), [0.0, 0.5], 224, 224)
        >>> features.seconds.shape
        (2,)
    """
    entry = features_entry(backbone, file, height, width)
    stored = load_features(entry)
    if stored is None or len(stored.missing(seconds)):
        (stored,) = _run([_Job(entry, file, seconds, stored)], backbone, height, width)
    return stored.shown_at(seconds)


def extract_features(
    backbone: str, requests: Sequence[FeatureRequest], height: int, width: int, *, progress: Progress = no_progress
) -> None:
    """Fill the cache, so that `cached_features` finds all of these frames on disk.

    Args:
        backbone: see `stillmotion.models.pretrained`.
        requests: which frames. Several requests for the same file are answered together.
        height: of the frames that the backbone sees, in pixels.
        width: likewise.
        progress: receives the number of videos done, under "extracting features", if any video is missing.

    Raises:
        UnreadableVideoError: a file cannot be opened or holds no frame.
        UsageError: there is no such backbone, or it cannot take frames of this size.
        StillmotionError: the backbone's weights cannot be read, or the cache cannot be written.

    Examples:
        >>> requests = [sm.FeatureRequest(segment.file, [0.0]) for segment in sm.open_videos("clips/")]
        >>> sm.extract_features("efficientnet-lite0", requests, 224, 224)
    """
    wanted: dict[Path, list[Seconds]] = {}
    for request in requests:
        wanted.setdefault(request.file, []).append(np.asarray(request.seconds, np.float64))
    jobs = []
    for file, times in wanted.items():
        entry = features_entry(backbone, file, height, width)
        job = _Job(entry, file, np.concatenate(times), load_features(entry))
        if job.chunks:
            jobs.append(job)
    if not jobs:
        return
    trim_cache()
    for done, _ in enumerate(_run(jobs, backbone, height, width), start=1):
        progress("extracting features", done, len(jobs))


class _Job:
    """What the cache lacks of a video, and what the backbone has given for it so far."""

    def __init__(
        self, entry: Path, file: Path, wanted: Sequence[float] | Seconds, stored: StoredFeatures | None
    ) -> None:
        self.entry, self.file, self.stored = entry, file, stored
        self.missing = np.unique(wanted) if stored is None else stored.missing(wanted)
        self.chunks = [self.missing[start : start + CHUNK] for start in range(0, len(self.missing), CHUNK)]
        self.known = set() if stored is None else set(stored.frames.seconds.tolist())
        # Chunks that are not decoded yet, and frames that the backbone has not seen yet.
        self.remaining = len(self.chunks)
        self.rows: list[tuple[float, Features, Features]] = []

    def new_frames(self, frames: DecodedFrames) -> list[tuple[float, Images]]:
        """Those frames of a decoded chunk that the backbone has not seen."""
        pairs = zip(frames.seconds.tolist(), frames.images, strict=True)
        new = [(seconds, image) for seconds, image in pairs if seconds not in self.known]
        self.known.update(seconds for seconds, _ in new)
        return new

    def store(self) -> StoredFeatures:
        """Add the new features to whatever is in the cache by now."""
        parts = [self.stored, load_features(self.entry)]
        if self.rows:
            seconds, grids, tops = zip(*self.rows, strict=True)
            new = FrameFeatures(np.array(seconds), np.stack(grids), np.stack(tops))
            parts.append(StoredFeatures(new, self.missing))
        features = merge([part for part in parts if part is not None], self.missing)
        # Windows replaces no file that is mapped into memory.
        self.stored, parts, self.rows = None, [], []
        store_features(self.entry, features)
        return features


def _run(jobs: Sequence[_Job], backbone: str, height: int, width: int) -> Iterator[StoredFeatures]:
    """Do the jobs in order. Yields the features of each when they are on disk."""
    model = _built(backbone, height, width)
    waiting: deque[tuple[_Job, float, Images]] = deque()
    for job, frames in _decode_ahead(jobs, height, width):
        new = job.new_frames(frames)
        job.remaining += len(new) - 1
        waiting.extend((job, seconds, image) for seconds, image in new)
        if job.remaining == 0:  # There are other times in the entry for all of these frames.
            yield job.store()
        while len(waiting) >= BATCH_SIZE:
            yield from _run_batch(model, backbone, [waiting.popleft() for _ in range(BATCH_SIZE)])
    if waiting:
        yield from _run_batch(model, backbone, list(waiting))


def _run_batch(model: Any, backbone: str, batch: Sequence[tuple[_Job, float, Images]]) -> Iterator[StoredFeatures]:
    """Run the backbone on a batch, filled up to the fixed size. Yields the features of the jobs that end with it."""
    images = [image for _, _, image in batch]
    images += images[-1:] * (BATCH_SIZE - len(images))
    outputs = [np.asarray(output) for output in model.predict_on_batch(np.stack(images))]
    if any(np.isnan(output).any() for output in outputs):
        raise StillmotionError(f"backbone {backbone!r}: gives features that are not numbers (NaN); choose another one")
    grids, tops = map(_to_float16, outputs)
    for (job, seconds, _), grid, top in zip(batch, grids, tops, strict=False):
        job.rows.append((seconds, grid, top))
        job.remaining -= 1
        if job.remaining == 0:
            yield job.store()


def _to_float16(output: NDArray[Any]) -> Features:
    """What is beyond float16's range becomes its largest number, not infinity."""
    features: Features = np.clip(output, -_MAX_FLOAT16, _MAX_FLOAT16).astype(np.float16)
    return features


def _decode_ahead(jobs: Sequence[_Job], height: int, width: int) -> Iterator[tuple[_Job, DecodedFrames]]:
    """The decoded chunks of all jobs, in order. Threads decode a few of them ahead while the backbone runs."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[tuple[_Job, Future[DecodedFrames]]] = deque()
        try:
            for job in jobs:
                for chunk in job.chunks:
                    ahead.append((job, pool.submit(read_frames, job.file, chunk, height, width)))
                    if len(ahead) > 2 * workers:
                        first, frames = ahead.popleft()
                        yield first, frames.result()
            while ahead:
                first, frames = ahead.popleft()
                yield first, frames.result()
        finally:
            # After an error, or Ctrl-C, do not decode what is left.
            pool.shutdown(cancel_futures=True)


@lru_cache(maxsize=1)
def _built(backbone: str, height: int, width: int) -> Any:
    """The backbone as a Keras model."""
    return build_backbone(backbone, height, width)
