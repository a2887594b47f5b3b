"""What a fault is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.resampling import Picture
from stillmotion.decoding import Images

Setting = Hashable
Size = tuple[int, int]  # height, width


@dataclass(frozen=True, eq=False)
class FrameContext:
    """A moment of a video with what surrounds it.

    Attributes:
        frames: uint8 RGB `(n, height, width, 3)`, successive frames as they are in the file, upright.
        centre: which of them is the moment's.
        seconds: the time of each.
    """

    frames: Images
    centre: int
    seconds: NDArray[np.float64]

    @property
    def picture(self) -> Images:
        """The moment's own frame."""
        picture: Images = self.frames[self.centre]
        return picture


@dataclass(frozen=True)
class Fault:
    """One way in which two paths from a video to a model can differ: a stage that both have, set differently.

    Attributes:
        name: as the audit says it.
        stage: what `apply` turns: a "clip" fault the times of a clip's frames, in seconds, into others, a "time" fault
            a Shot into a Shot, a "picture" one a picture at the source's size, a "size" one brings it to the wanted
            size, a "file" one is what storing it does, a "value" one turns levels of 0 to 255 into the numbers that
            the model is given.
        normal: the setting of a healthy path.
        strengths: settings that the sensitivity table tries.
        candidates: settings that are tried to explain a difference.
        apply: (Shot or picture, setting, size) -> the same, changed.
        words: what a path with this setting does, after "your snapshots ..." or "your frames ...".
        cure: (the video's setting, the snapshots') -> the line that makes the video's path do as the snapshots' does.
        yields: the same as words, after "your frame reader yields ..."; None where that cannot be said so.
    """

    name: str
    stage: Literal["clip", "time", "picture", "size", "file", "value"]
    normal: Setting
    strengths: tuple[Setting, ...]
    candidates: tuple[Setting, ...]
    apply: Callable[[Any, Any, Size], Any]
    words: Callable[[Any], str]
    cure: Callable[[Any, Any], str]
    yields: Callable[[Any], str] | None = None


def clipped(picture: NDArray[Any]) -> Picture:
    """Rounded to whole levels of 0 to 255."""
    result: Picture = np.clip(np.rint(picture), 0, 255).astype(np.float32)
    return result


def text(setting: object) -> str:
    """A setting for a table."""
    if isinstance(setting, tuple):
        return " ".join(text(part) for part in setting if part not in ("", None, False))
    return f"{setting:g}" if isinstance(setting, float) else str(setting)
