"""A picture that shows where a frame is unusual."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from stillmotion.decoding import Images
from stillmotion.decoding.resizing import Resizer, upright_sides
from stillmotion.prediction.annotation import draw_label

# Pixels of the longer side, at most.
PICTURE_SIDE = 1920
# Cells that are at least this unusual, compared with the most unusual one, are lit.
LIT = 0.5
_COLOR = (255, 90, 30)


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
    """Show where a picture is unusual: there it keeps its colors, framed; all else is gray and dark.

    The more unusual a cell is, the stronger its frame is colored. The most unusual one has a white frame, too.

    Args:
        picture: uint8 RGB `(height, width, 3)`.
        cells: `(rows, columns)`, how unusual each part of the picture is.
        cell: row and column of the most unusual cell.
        text: one line on top.

    Returns:
        A new picture.
    """
    height, width = picture.shape[:2]
    strength = np.clip(cells / max(float(cells.max()), 1e-6), 0, 1)
    strength[cell] = 1.0
    lit = strength >= LIT
    rows, columns = (np.linspace(0, side, count + 1).round().astype(int) for side, count in
                     zip((height, width), cells.shape, strict=True))  # fmt: skip
    mask = Image.fromarray((255 * lit).astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
    mask = mask.filter(ImageFilter.GaussianBlur(min(height, width) / 150))
    image = Image.fromarray(picture)
    dark = image.convert("L").point(lambda level: round(0.35 * level)).convert("RGB")
    image = Image.composite(image, dark, mask)
    draw = ImageDraw.Draw(image, "RGBA")
    line = max(2, round(min(height, width) / 140))
    for row, column in sorted(zip(*np.nonzero(lit), strict=True), key=lambda place: strength[place]):
        alpha = round(60 + 195 * (strength[row, column] - LIT) / (1 - LIT))
        box = (columns[column], rows[row], columns[column + 1] - 1, rows[row + 1] - 1)
        draw.rectangle(box, outline=(*_COLOR, alpha), width=line)
    row, column = cell
    box = (columns[column], rows[row], columns[column + 1] - 1, rows[row + 1] - 1)
    draw.rectangle(box, outline=(255, 255, 255, 255), width=line)
    inner = tuple(edge + sign * line for edge, sign in zip(box, (1, 1, -1, -1), strict=True))
    draw.rectangle(inner, outline=(*_COLOR, 255), width=line)
    marked = np.asarray(image)
    return draw_label(marked, text, None) if text else marked
