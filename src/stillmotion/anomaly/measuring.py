"""What is measured in each frame: how each part of the picture looks, and how it moves.

The picture is divided into a grid of cells. For each cell a frozen backbone gives features of a middle stage, and dense
optical flow (DIS, Kroeger et al. 2016) gives direction and speed. Files and live sources are measured by the same code,
one frame after the other, so that a stream gives what the file gives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from statistics import median
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips.resampling import FrameResampler
from stillmotion.decoding import Images
from stillmotion.decoding.live import Source, SourceStats, read_source
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.decoding.resizing import Resizer
from stillmotion.errors import StillmotionError

if TYPE_CHECKING:
    from stillmotion.anomaly.steadying import StillPixels

Floats = NDArray[np.float32]

# Flow is computed on pictures of this side: what moves by less than a pixel of them is noise.
FLOW_SIDE = 112
# What is measured of the movement in a cell.
FLOW_MEASURES = ("to the right", "downward", "speed", "change")

# On TensorFlow 2.21, one of some thousand calls of a model from several threads returns garbage. The backend uses all
# cores by itself; what threads are for is decoding.
_MODEL_LOCK = Lock()
# Frames of a file that a backbone sees at a time.
BATCH = 16
# A frame that would be shown for more slots than this, and for twice as long as most of the last frames, has lost the
# frames after it. Two slots without movement raise an alarm.
GAP_SLOTS, GAP_FRAMES = 2, 50


class Measures(NamedTuple):
    """What was measured in a frame.

    Attributes:
        seconds: when the frame's slot ends.
        starts: whether the frame is the first of a recording: nothing moved before it.
        patches: float32 `(cells, channels)`, the look of each cell, row by row.
        top: float32 `(features,)`, the look of the whole picture.
        flow: float32 `(cells, 4)`, see `FLOW_MEASURES`; in sides of the picture per second, and levels of 0 to 1.
    """

    seconds: float
    starts: bool
    patches: Floats
    top: Floats
    flow: Floats


class FrameMeasurer:
    """Measures frames, one after the other. Threads may share a model, but each needs a measurer of its own.

    Args:
        model: a backbone that `prepare` has prepared.
        rate: frames per second.
        still: what shows how the camera shakes and the light flickers, which is then taken out.
    """

    def __init__(self, model: Any, rate: float, still: StillPixels | None = None) -> None:
        self._cv2 = import_opencv()
        self._model, self.rate, self._still = model, rate, still
        self.side = int(model.inputs[0].shape[1])
        self._flow = make_flow()
        self._last: NDArray[np.uint8] | None = None

    @property
    def cells(self) -> int:
        """Rows and columns of the grid."""
        return int(self._model.outputs[0].shape[1])

    def __call__(self, image: Images, seconds: float, *, starts: bool) -> Measures:
        """Measure the next frame.

        Args:
            image: uint8 RGB `(side, side, 3)`.
            seconds: when its slot ends.
            starts: whether it begins a recording.

        Returns:
            The measures.
        """
        image = self.steady(image)
        patches, top = self.look(image)
        return Measures(seconds, starts, patches, top, self.movement(image, starts=starts))

    def steady(self, image: Images) -> Images:
        """Take shaking and flicker out of a frame. `look` and `movement` expect what comes out."""
        return image if self._still is None else self._still.steady(image)

    def look(self, image: Images) -> tuple[Floats, Floats]:
        """Measure how a frame looks.

        Args:
            image: as above.

        Returns:
            `patches` and `top` of `Measures`.
        """
        patches, top = self.looks(image[None])
        return patches[0], top[0]

    def looks(self, images: Images) -> tuple[Floats, Floats]:
        """Measure how several frames look, which is quicker than one after the other; results differ by rounding.

        Args:
            images: uint8 RGB `(frames, side, side, 3)`.

        Returns:
            `patches` and `top` of each frame.
        """
        with _MODEL_LOCK:
            grid, top = (np.asarray(output, np.float32) for output in self._model.predict_on_batch(images))
        return grid.reshape(len(grid), -1, grid.shape[-1]), top

    def movement(self, image: Images, *, starts: bool) -> Floats:
        """Measure how the next frame moves.

        Args:
            image: as above.
            starts: whether it begins a recording.

        Returns:
            `flow` of `Measures`.
        """
        gray = to_gray(image)
        before = gray if starts or self._last is None else self._last
        flow = self._flow.calc(before, gray, None) * (self.rate / FLOW_SIDE)
        change = np.abs(gray.astype(np.float32) - before) / 255
        measures = np.stack([flow[..., 0], flow[..., 1], np.hypot(flow[..., 0], flow[..., 1]), change], axis=-1)
        self._last = gray
        cells = self._cv2.resize(measures, (self.cells, self.cells), interpolation=self._cv2.INTER_AREA)
        moving: Floats = cells.reshape(-1, len(FLOW_MEASURES)).astype(np.float32)
        return moving


class MeasuredFrame(NamedTuple):
    """A frame of a source at the detector's rate.

    Attributes:
        frame: as the source gave it; None if there is no source.
        measures: see `Measures`.
    """

    frame: SourceFrame | None
    measures: Measures


def measure_source(
    measurer: FrameMeasurer,
    source: Source,
    *,
    stats: SourceStats | None = None,
    on_frame: Callable[[SourceFrame], object] | None = None,
    **reading: Any,
) -> Iterator[MeasuredFrame]:
    """Measure the frames of a source at the measurer's rate, as they arrive.

    Where frames were lost, another recording begins: a frame that is shown until the next one comes would look like a
    stop.

    Args:
        measurer: measures the frames.
        source: see `find_source`.
        stats: kept up to date.
        on_frame: called with each frame of the source, also with those that are not measured, before any later frame
            is measured.
        **reading: further arguments of `read_source`.

    Yields:
        One measured frame per slot of `1 / rate` seconds.

    Raises:
        UnreadableVideoError: the source cannot be opened, or has no picture at all.
    """
    stats = stats or SourceStats()
    resize = Resizer(measurer.side, measurer.side)
    resampler: FrameResampler[SourceFrame] = FrameResampler(measurer.rate, source.start_seconds)
    starts, gaps = True, _Gaps(measurer.rate)
    last: SourceFrame | None = None

    def measure(slots: Iterable[tuple[float, SourceFrame]]) -> Iterator[MeasuredFrame]:
        nonlocal starts
        for end, shown in slots:
            yield MeasuredFrame(shown, measurer(resize(shown.frame), end, starts=starts))
            starts = False

    with closing(read_source(source, stats=stats, **reading)) as frames:
        for frame in frames:
            if on_frame:
                on_frame(frame)
            if last is not None:
                gap = gaps.push(frame.seconds - last.seconds, 1 / stats.rate) and not frame.starts_recording
                stats.gaps += gap
                if gap or frame.starts_recording:
                    yield from measure(resampler.flush(min(last.seconds + 1 / stats.rate, frame.seconds)))
                    resampler, starts = FrameResampler(measurer.rate, frame.seconds), True
            yield from measure(resampler.push(frame.seconds, frame))
            last = frame
    if last is not None:
        end = last.seconds + 1 / stats.rate
        yield from measure(resampler.flush(end if source.end_seconds is None else min(end, source.end_seconds)))


class _Gaps:
    """Finds where a source has lost frames: where the next one comes late, and later than usual.

    Args:
        rate: frames per second that are measured.
    """

    def __init__(self, rate: float) -> None:
        self._least = GAP_SLOTS / rate
        self._recent: deque[float] = deque(maxlen=GAP_FRAMES)

    def push(self, pause: float, declared: float) -> bool:
        """Take the next pause.

        Args:
            pause: seconds from one frame to the next.
            declared: what they should be, which not all sources know.

        Returns:
            Whether frames were lost in it.
        """
        usual = median(self._recent or [declared])
        self._recent.append(pause)
        return pause > max(self._least, 2 * usual)


class _BatchMeasurer(FrameMeasurer):
    """Measures movement at once, and leaves the look for later: the frame itself is kept for it."""

    def __call__(self, image: Images, seconds: float, *, starts: bool) -> Measures:
        """Measure the movement of the next frame; `patches` holds the picture."""
        image = self.steady(image)
        return Measures(seconds, starts, image, np.empty(0, np.float32), self.movement(image, starts=starts))  # type: ignore[arg-type]


def measure_file(model: Any, rate: float, source: Source, still: StillPixels | None = None) -> Iterator[Measures]:
    """Measure the frames of a file, several at a time.

    Args:
        model: see `FrameMeasurer`.
        rate: frames per second.
        source: the file.
        still: see `FrameMeasurer`.

    Yields:
        What `measure_source` gives, but for rounding.

    Raises:
        UnreadableVideoError: the file cannot be read.
    """
    measurer = _BatchMeasurer(model, rate, still)
    frames = (measured.measures for measured in measure_source(measurer, source))
    while waiting := list(islice(frames, BATCH)):
        images = np.stack([measures.patches for measures in waiting]).astype(np.uint8)
        if len(waiting) < BATCH:  # A batch of another size would be compiled anew.
            images = np.concatenate([images, np.zeros((BATCH - len(waiting), *images.shape[1:]), np.uint8)])
        for measures, patches, top in zip(waiting, *measurer.looks(images), strict=False):
            yield measures._replace(patches=patches, top=top)


def to_gray(image: Images) -> NDArray[np.uint8]:
    """The picture that movement is measured in: uint8 `(112, 112)`, of RGB."""
    cv2 = import_opencv()
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small: NDArray[np.uint8] = cv2.resize(gray, (FLOW_SIDE, FLOW_SIDE), interpolation=cv2.INTER_AREA)
    return small


def make_flow() -> Any:
    """What measures dense optical flow, for one thread."""
    cv2 = import_opencv()
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)


def import_opencv() -> Any:
    """OpenCV, which is optional.

    Raises:
        StillmotionError: it is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise StillmotionError(
            'anomaly detectors need OpenCV for optical flow: pip install "stillmotion[anomaly]"'
        ) from None
    return cv2


def prepare(model: Any) -> Any:
    """Compile a backbone, so that threads find it compiled and the first frame of a camera does not wait.

    Args:
        model: see `build_backbone`.

    Returns:
        The same model.
    """
    model.predict_on_batch(np.zeros((1, *model.inputs[0].shape[1:]), np.uint8))
    return model
