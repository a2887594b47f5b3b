"""BT.601 against BT.709, and limited against full range: the tag that a reader or writer ignored."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.fault import Fault, Size, clipped
from stillmotion.audit.resampling import Picture

_LUMA = {"601": (0.299, 0.587, 0.114), "709": (0.2126, 0.7152, 0.0722)}
_MATRICES = ("", "601 read as 709", "709 read as 601")
_RANGES = ("", "full range read as limited", "limited range read as full")
NORMAL = ("", "")
WRONG = tuple((matrix, levels) for levels in _RANGES for matrix in _MATRICES if (matrix, levels) != NORMAL)


@cache
def _to_ycc(name: str) -> NDArray[np.float64]:
    """RGB 0 to 255 -> luma 0 to 255 and colour differences -128 to 128, `(3, 3)`."""
    red, green, blue = _LUMA[name]
    luma = np.array([red, green, blue])
    return np.stack([luma, (np.eye(3)[2] - luma) / (2 * (1 - blue)), (np.eye(3)[0] - luma) / (2 * (1 - red))])


@cache
def affine(setting: tuple[str, str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What such a mistake does to RGB of 0 to 255: a matrix `(3, 3)` and what is added `(3,)`."""
    matrix, levels = setting
    true, read = (matrix[:3], matrix[-3:]) if matrix else ("601", "601")
    luma, chroma, lift = 1.0, 1.0, 0.0
    if levels == _RANGES[1]:
        luma, chroma, lift = 255 / 219, 255 / 224, -16 * 255 / 219
    elif levels == _RANGES[2]:
        luma, chroma, lift = 219 / 255, 224 / 255, 16.0
    turned = np.linalg.inv(_to_ycc(read)) @ np.diag([luma, chroma, chroma]) @ _to_ycc(true)
    return turned, np.full(3, lift)


def _apply(picture: Picture, setting: tuple[str, str], size: Size) -> Picture:
    if setting == NORMAL:
        return picture
    matrix, added = affine(setting)
    return clipped(picture @ matrix.T.astype(np.float32) + added.astype(np.float32))


def _words(setting: tuple[str, str]) -> str:
    wrong = " and ".join(part for part in setting if part)
    return f"have {wrong}" if wrong else "have their colours decoded as tagged"


def _cure(video: tuple[str, str], snapshots: tuple[str, str]) -> str:
    wrong = "the snapshots" if video == NORMAL else "the video"
    return (
        f"decode {wrong} with the right matrix and range: ffmpeg -i in.mp4 -vf scale=in_color_matrix=bt709:in_range=tv "
        "..., or tag the file: -colorspace bt709 -color_range tv"
    )


COLOUR_MATRIX = Fault(
    name="colour matrix or range",
    stage="picture",
    normal=NORMAL,
    strengths=tuple((matrix, "") for matrix in _MATRICES[1:]) + tuple(("", levels) for levels in _RANGES[1:]),
    candidates=WRONG,
    apply=_apply,
    words=_words,
    cure=_cure,
)
