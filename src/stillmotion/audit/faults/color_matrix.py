"""BT.601 or BT.709, limited or full range: a tag that a reader or a writer ignored."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.fault import PictureFault, to_levels
from stillmotion.audit.resampling import Picture

# Which matrix and which range was mistaken for which; both empty if neither was.
ColorMistake = tuple[str, str]

_LUMA = {"601": (0.299, 0.587, 0.114), "709": (0.2126, 0.7152, 0.0722)}
_MATRICES = ("", "601 read as 709", "709 read as 601")
_RANGES = ("", "full range read as limited", "limited range read as full")
NORMAL: ColorMistake = ("", "")
MISTAKES: tuple[ColorMistake, ...] = tuple(
    (matrix, levels) for levels in _RANGES for matrix in _MATRICES if (matrix, levels) != NORMAL
)


@cache
def _to_ycc(name: str) -> NDArray[np.float64]:
    """RGB of 0 to 255 -> luma of 0 to 255 and color differences of -128 to 128: `(3, 3)`."""
    red, green, blue = _LUMA[name]
    luma = np.array([red, green, blue])
    return np.stack([luma, (np.eye(3)[2] - luma) / (2 * (1 - blue)), (np.eye(3)[0] - luma) / (2 * (1 - red))])


@cache
def _affine_map(mistake: ColorMistake) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a mistake does to RGB of 0 to 255: a matrix `(3, 3)` and an offset `(3,)`."""
    matrix, levels = mistake
    true, read = (matrix[:3], matrix[-3:]) if matrix else ("601", "601")
    luma, chroma, lift = 1.0, 1.0, 0.0
    if levels == _RANGES[1]:
        luma, chroma, lift = 255 / 219, 255 / 224, -16 * 255 / 219
    elif levels == _RANGES[2]:
        luma, chroma, lift = 219 / 255, 224 / 255, 16.0
    turned = np.linalg.inv(_to_ycc(read)) @ np.diag([luma, chroma, chroma]) @ _to_ycc(true)
    return turned, np.full(3, lift)


def _apply(picture: Picture, mistake: ColorMistake) -> Picture:
    if mistake == NORMAL:
        return picture
    matrix, offset = _affine_map(mistake)
    return to_levels(picture @ matrix.T.astype(np.float32) + offset.astype(np.float32))


def _label(mistake: ColorMistake) -> str:
    return " and ".join(part for part in mistake if part) or "as tagged"


def _fix(video: ColorMistake, snapshots: ColorMistake) -> str:
    wrong = "the snapshots" if video == NORMAL else "the video"
    return (
        f"decode {wrong} with the right matrix and range: ffmpeg -i in.mp4 -vf scale=in_color_matrix=bt709:in_range=tv "
        "..., or tag the file: -colorspace bt709 -color_range tv"
    )


COLOR_MATRIX: PictureFault[ColorMistake] = PictureFault(
    id="color_matrix",
    name="color matrix or range",
    normal=NORMAL,
    strengths=tuple((matrix, "") for matrix in _MATRICES[1:]) + tuple(("", levels) for levels in _RANGES[1:]),
    apply=_apply,
    label=_label,
    describe=lambda mistake: "have their colors decoded as tagged" if mistake == NORMAL else f"have {_label(mistake)}",
    fix=_fix,
)
