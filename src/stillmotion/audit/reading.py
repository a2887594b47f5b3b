"""The user's own frame reader: a function from a path to arrays as their model is fed them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.loading import import_user_module
from stillmotion.errors import StillmotionError, UsageError

Floats = NDArray[np.float32]
LARGEST = 1e6  # no range of pictures goes beyond
KEPT = 16  # frames of a first look, at most


class Reader:
    """`package.module:function`, or a function, checked as it is read."""

    def __init__(self, given: str | Callable[[Path], Iterable[Any]]) -> None:
        """Raises UsageError: there is no such function."""
        if not isinstance(given, str):
            self.name, self.function = getattr(given, "__name__", "the frame reader"), given
            return
        module, _, name = given.partition(":")
        if not name:
            raise UsageError(f"--frames {given!r}: expected package.module:function")
        function = getattr(import_user_module(module, "--frames"), name, None)
        if not callable(function):
            raise UsageError(f"--frames {given}: {module} has no function {name!r}")
        self.name, self.function = given, function

    def frames(self, file: Path, height: int, width: int) -> Iterator[Floats]:
        """A video's pictures, float32 `(height, width, 3)`, in the range that the reader gives.

        Raises:
            StillmotionError: it raises, or yields what is no picture of the model's size.
        """
        number = -1
        try:
            for number, one in enumerate(self.function(file)):
                picture = np.asarray(one)
                self._check(picture, f"{self.name} on {file}, frame {number}", height, width)
                yield picture.astype(np.float32)
        except StillmotionError:
            raise
        except Exception as error:  # whatever the user's code raises
            raise StillmotionError(
                f"{self.name} on {file}, after {number + 1} frames: raised {type(error).__name__}: "
                + " ".join(str(error).split())
            ) from None
        if number < 0:
            raise StillmotionError(f"{self.name} on {file}: yields no frames")

    def _check(self, picture: NDArray[Any], where: str, height: int, width: int) -> None:
        if picture.dtype.kind not in "uif":
            raise StillmotionError(f"{where}: yields {picture.dtype.name} of shape {picture.shape}; expected numbers")
        if picture.shape != (height, width, 3):
            raise StillmotionError(
                f"{where}: yields shape {picture.shape}; the model takes ({height}, {width}, 3), one picture at a time"
            )
        if picture.dtype.kind == "f" and not np.isfinite(picture).all():
            raise StillmotionError(f"{where}: yields NaN or infinity")
        if picture.size and np.abs(picture.astype(np.float64)).max() > LARGEST:
            raise StillmotionError(f"{where}: yields numbers up to {np.abs(picture).max():.3g}; expected a picture")


def first_look(frames: Iterable[Floats]) -> tuple[int, list[tuple[int, Floats]]]:
    """How many frames there are, and some of them with their numbers, evenly spread: 8 to 16."""
    step, count = 1, 0
    kept: list[tuple[int, Floats]] = []
    for number, picture in enumerate(frames):
        count += 1
        if number % step == 0:
            kept.append((number, picture))
        if len(kept) > KEPT:
            kept, step = kept[::2], 2 * step
    return count, kept
