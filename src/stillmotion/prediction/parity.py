"""Whether an exported model predicts what the model does: on real clips where there are any, and on noise."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import ClipSpec, Segment, even_windows, read_clips
from stillmotion.decoding import Images
from stillmotion.errors import StillmotionError, UnreadableVideoError, last_line
from stillmotion.exporting import ExportFormat, Program, Runner, distance

# How far the exported model's predictions may be from the model's own.
TOLERANCE = 1e-4
# How many windows are compared of real videos, and as many of noise.
WINDOWS = 8

Outputs = tuple[NDArray[Any], NDArray[Any]]  # of the export, and of the model


@dataclass(frozen=True)
class Parity:
    """What was compared; see `Export`."""

    max_difference: float
    variation: float
    windows: int
    real_windows: int


@dataclass(frozen=True, eq=False)
class Pixels:
    """Stretches of frames, uint8 RGB `(frames, height, width, 3)`.

    Attributes:
        real: of videos.
        noise: of every contrast, because on plain noise a model predicts nearly the same for all clips.
    """

    real: tuple[Images, ...]
    noise: tuple[Images, ...]


def gather_pixels(spec: ClipSpec, segments: Sequence[Segment], count: int) -> Pixels:
    """Read what predictions are compared on.

    Args:
        spec: the frames of a stretch.
        segments: videos that may be there, of which the first that can be read are taken.
        count: how many stretches of videos at most, and how many of noise.
    """
    real: list[Images] = []
    for segment in segments:
        if len(real) < count:
            with suppress(UnreadableVideoError):
                real.append(read_clips(segment.file, even_windows(spec, segment.window, 1), spec)[0])
    rng = np.random.default_rng(0)
    shape = (count, spec.frames, spec.height, spec.width, 3)
    contrast = rng.uniform(0, 1, (count, 1, 1, 1, 1))
    noise = (rng.uniform(0, 255, shape) * contrast + 128 * (1 - contrast)).astype(np.uint8)
    return Pixels(tuple(real), tuple(noise))


def write_and_compare(
    target: ExportFormat,
    format: str,
    model: keras.Model,
    program: Program,
    folder: Path,
    pixels: Pixels,
    hop: int | None,
) -> Parity:
    """Write a program into a folder, run what was written, and find out how far it is from the model.

    Args:
        target: how the format is written and read.
        format: its name.
        model: takes what the program takes.
        program: the whole model, or a step of its stream.
        folder: where it is written.
        pixels: what is predicted.
        hop: new frames of a step; None for a whole model.

    Returns:
        How close it is.

    Raises:
        StillmotionError: the format cannot hold the model, or predictions differ by more than 1e-4.
    """
    file = folder / target.file
    stretches = (*pixels.real, *pixels.noise)
    try:
        target.write(program, file)
        run = target.load(file)
        compare = _compare_whole if hop is None else partial(_compare_stream, hop=hop)
        pairs = [compare(model, program, run, stretch) for stretch in stretches]
    except StillmotionError as error:
        raise type(error)(f"not exported: {error}") from None
    except Exception as error:  # Converters raise errors of every kind.
        raise StillmotionError(
            f"not exported: {format} cannot hold this model ({type(error).__name__}: {last_line(error)})"
        ) from error
    actual, expected = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    difference = distance(actual, expected)
    # Not `>`: a difference that is not a number is refused too.
    if not difference <= TOLERANCE:
        raise StillmotionError(
            f"not exported: in {format} its predictions differ by {difference:.1e}; {TOLERANCE:.0e} is allowed"
        )
    per_stretch = 1 if hop is None else WINDOWS
    variation = float(np.ptp(expected, axis=0).max())
    return Parity(difference, variation, per_stretch * len(stretches), per_stretch * len(pixels.real))


def window_frames(model: keras.Model) -> int:
    """Frames of a window; 1 for a model of images."""
    shape = model.input_shape
    return int(shape[1] or 1) if len(shape) == 5 else 1


def _compare_whole(model: keras.Model, program: Program, run: Runner, clip: Images) -> Outputs:
    """The outputs for a clip, alone and in a batch."""
    (tensor,) = program.inputs
    batch = np.asarray(clip if len(tensor.shape) == 5 else clip[0], tensor.dtype)[None]
    expected = np.asarray(model.predict_on_batch(batch))
    actual = [np.array(run({"clip": batch})["probabilities"])]
    if tensor.shape[0] is None:
        actual.append(np.array(run({"clip": np.repeat(batch, 2, axis=0)})["probabilities"])[1:])
    return np.concatenate(actual), np.repeat(expected, len(actual), axis=0)


def _compare_stream(model: keras.Model, program: Program, run: Runner, video: Images, hop: int) -> Outputs:
    """The outputs for the last windows of a stretch of frames."""
    frames, *states = program.inputs
    window = window_frames(model)
    video = video.astype(frames.dtype)
    state = {tensor.name: np.zeros([int(side or 0) for side in tensor.shape], tensor.dtype) for tensor in states}
    ends = range(hop, len(video) + 1, hop)
    probabilities = []
    for end in ends:
        outputs = run({"frames": video[None, end - hop : end], **state})
        state = {name: np.array(outputs[f"next_{name}"]) for name in state}
        probabilities.append(np.array(outputs["probabilities"])[0, 0])
    windows = np.stack([video[end - window : end] for end in ends[-WINDOWS:]])
    expected = model.predict_on_batch(windows if len(model.input_shape) == 5 else windows[:, 0])
    return np.array(probabilities[-WINDOWS:]), np.asarray(expected)
