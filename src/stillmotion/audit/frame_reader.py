"""The user's own frame reader: a function from a path to arrays as their model gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.resampling import Floats
from stillmotion.errors import StillmotionError, UsageError, describe_error
from stillmotion.models.custom_objects import import_user_module

MAX_VALUE = 1e6  # no range of pictures goes beyond
MAX_SAMPLED = 16  # frames of a video that are looked at first


class FrameReader:
    """A frame reader whose frames are checked as they are read.

    Args:
        reader: a function from a path to an iterable of arrays, or its name as "package.module:function".

    Attributes:
        name: for messages.

    Raises:
        UsageError: there is no such function.
    """

    def __init__(self, reader: str | Callable[[Path], Iterable[Any]]) -> None:
        if not isinstance(reader, str):
            self.name, self._function = getattr(reader, "__name__", "the frame reader"), reader
            return
        module, separator, name = reader.rpartition(":")
        if not separator or not name:
            raise UsageError(f"--frame-reader {reader!r}: expected package.module:function")
        function = getattr(import_user_module(module, "--frame-reader"), name, None)
        if not callable(function):
            raise UsageError(f"--frame-reader {reader}: {module} has no function {name!r}")
        self.name, self._function = reader, function

    def read(self, file: Path, height: int, width: int) -> Iterator[Floats]:
        """Read a video.

        Args:
            file: the video.
            height: of the frames that the model takes.
            width: likewise.

        Yields:
            Frames, float32 `(height, width, 3)`, in the range that the reader gives.

        Raises:
            StillmotionError: it raises, or yields something else.
        """
        number = -1
        try:
            for number, frame in enumerate(self._function(file)):
                picture = np.asarray(frame)
                _check(picture, f"{self.name} on {file}, frame {number}", height, width)
                yield picture.astype(np.float32)
        except StillmotionError:
            raise
        except (Exception, SystemExit) as error:  # The user's code may raise anything, and call sys.exit.
            raise StillmotionError(
                f"{self.name} on {file}, after {number + 1} frames: raised {describe_error(error)}"
            ) from None
        if number < 0:
            raise StillmotionError(f"{self.name} on {file}: yields no frames")


def sample_evenly(frames: Iterable[Floats]) -> tuple[int, list[tuple[int, Floats]]]:
    """Count frames and keep some of them.

    Args:
        frames: are read to the end.

    Returns:
        How many frames there are, and 8 to 16 of them (all of fewer), evenly spread, with their indexes.
    """
    step, count = 1, 0
    kept: list[tuple[int, Floats]] = []
    for number, picture in enumerate(frames):
        count += 1
        if number % step == 0:
            kept.append((number, picture))
        if len(kept) > MAX_SAMPLED:
            kept, step = kept[::2], 2 * step
    return count, kept


def _check(picture: NDArray[Any], where: str, height: int, width: int) -> None:
    """Refuse what is not a picture of the model's size."""
    if picture.dtype.kind not in "uif":
        raise StillmotionError(f"{where}: yields {picture.dtype.name} of shape {picture.shape}; expected numbers")
    if picture.shape != (height, width, 3):
        raise StillmotionError(
            f"{where}: yields shape {picture.shape}; the model takes ({height}, {width}, 3), one picture at a time"
        )
    if picture.dtype.kind == "f" and not np.isfinite(picture).all():
        raise StillmotionError(f"{where}: yields NaN or infinity")
    if picture.size and np.abs(picture.astype(np.float64)).max() > MAX_VALUE:
        raise StillmotionError(f"{where}: yields numbers up to {np.abs(picture).max():.3g}; expected a picture")
