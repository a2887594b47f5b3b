"""A picture that shows where a frame is unusual."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from stillmotion.decoding import Images
from stillmotion.decoding.resizing import Resizer, upright_sides
from stillmotion.prediction.annotation import draw_label

# Pixels of the longer side, at most; and of a heat map, at least.
PICTURE_SIDE, SMALLEST_SIDE = 1920, 640
# Cells that are at least this unusual, compared with the most unusual one, are lit.
LIT = 0.5
# How much of its color the least unusual of them keeps, and how bright all else is.
_FAINT, _DARK = 0.5, 0.35
_LINE = (255, 100, 30)


def read_picture(frame: VideoFrame) -> Images:
    """A frame as an upright picture, made smaller if it is large.

    Args:
        frame: as PyAV decoded it.

    Returns:
        uint8 RGB `(height, width, 3)`.
    """
    height, width = upright_sides(frame)
    scale = min(1.0, PICTURE_SIDE / max(height, width))
    return Resizer(max(1, round(scale * height)), max(1, round(scale * width)))(frame)


def draw_heat_map(picture: Images, cells: NDArray[np.float32], cell: tuple[int, int], text: str = "") -> Images:
    """Show where a picture is unusual: there it keeps its colors; all else is gray and dark.

    The more unusual a cell is, the more of its colors it keeps. A line surrounds the unusual ones, and the most unusual
    one has a white frame.

    Args:
        picture: uint8 RGB `(height, width, 3)`.
        cells: `(rows, columns)`, how unusual each part of the picture is.
        cell: row and column of the most unusual cell.
        text: one line above the picture.

    Returns:
        A new picture, larger if the given one is small.
    """
    image = Image.fromarray(picture)
    if max(image.size) < SMALLEST_SIDE:
        scale = SMALLEST_SIDE / max(image.size)
        image = image.resize((round(scale * image.width), round(scale * image.height)), Image.Resampling.BICUBIC)
    width, height = image.size
    strength = np.clip(cells / max(float(cells.max()), 1e-6), 0, 1)
    strength[cell] = 1.0
    lit = strength >= LIT
    color = np.where(lit, _FAINT + (1 - _FAINT) * (strength - LIT) / (1 - LIT), 0)
    mask = Image.fromarray((255 * color).astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
    mask = mask.filter(ImageFilter.GaussianBlur(min(height, width) / 150))
    dark = image.convert("L").point([round(_DARK * level) for level in range(256)]).convert("RGB")
    image = Image.composite(image, dark, mask)
    draw = ImageDraw.Draw(image)
    line = max(2, round(min(height, width) / 140))
    ys, xs = (
        np.linspace(0, side - 1, count + 1).round().astype(int).tolist()
        for side, count in zip((height, width), cells.shape, strict=True)
    )
    around = np.pad(lit, 1)
    for row, column in np.argwhere(lit):
        left, top, right, bottom = xs[column], ys[row], xs[column + 1], ys[row + 1]
        for neighbor, side in (
            (around[row, column + 1], (left, top, right, top)),
            (around[row + 2, column + 1], (left, bottom, right, bottom)),
            (around[row + 1, column], (left, top, left, bottom)),
            (around[row + 1, column + 2], (right, top, right, bottom)),
        ):
            if not neighbor:
                draw.line(side, fill=_LINE, width=line)
    row, column = cell
    draw.rectangle((xs[column], ys[row], xs[column + 1], ys[row + 1]), outline=(255, 255, 255), width=line)
    return _put_above(text, np.asarray(image)) if text else np.asarray(image)


def _put_above(text: str, picture: Images) -> Images:
    """A picture with a strip above it that holds a line of text."""
    strip = max(10, len(picture) // 16) * 3 // 2
    return draw_label(np.pad(picture, ((strip, 0), (0, 0), (0, 0))), text, None)
