"""Stretched, cropped or letterboxed to the model's shape."""

from __future__ import annotations

import numpy as np

from stillmotion.audit.faults.fault import Size, SizeFault
from stillmotion.audit.resampling import Picture

# What is seen, as fractions of the source: left, top, right, bottom. Bars of one gray level are outside of 0..1.
Box = tuple[float, float, float, float, int]
Framing = str | Box  # one of the names below, or a box
WHOLE: Box = (0.0, 0.0, 1.0, 1.0, 0)
GRAY = 114  # the bars of detectors such as YOLO
TOLERANCE = 0.02  # of a side, by which a box that is found may be off
LEVEL_TOLERANCE = 16  # by which its bars may be


def box_of(framing: Framing, source: Size, size: Size) -> Box:
    """The box that a framing means for a source and a result of these sizes (height, width)."""
    if not isinstance(framing, str):
        return framing
    wide = (source[1] / source[0]) / (size[1] / size[0])  # above 1 if the source is wider than the result
    if framing in ("crop", "crop of 7/8"):
        part = 1.0 if framing == "crop" else 0.875
        across, down = part * min(1.0, 1 / wide), part * min(1.0, wide)
        return (0.5 - across / 2, 0.5 - down / 2, 0.5 + across / 2, 0.5 + down / 2, 0)
    if framing in ("letterbox", "letterbox, gray"):
        across, down = max(1.0, 1 / wide), max(1.0, wide)
        level = GRAY if framing == "letterbox, gray" else 0
        return (0.5 - across / 2, 0.5 - down / 2, 0.5 + across / 2, 0.5 + down / 2, level)
    return WHOLE


def box_within(outer: Box, inner: Box) -> Box:
    """The box of a source that remains if a picture of `outer` is framed once more."""
    across, down = outer[2] - outer[0], outer[3] - outer[1]
    left, right = (outer[0] + side * across for side in (inner[0], inner[2]))
    top, bottom = (outer[1] + side * down for side in (inner[1], inner[3]))
    return (left, top, right, bottom, inner[4] if _has_bars(inner) else outer[4])


def is_close(first: Box, second: Box) -> bool:
    """Whether two boxes are the same but for what is measured."""
    same_color = not (_has_bars(first) and _has_bars(second)) or abs(first[4] - second[4]) <= LEVEL_TOLERANCE
    return same_color and max(abs(one - other) for one, other in zip(first[:4], second[:4], strict=True)) <= TOLERANCE


def _apply(picture: Picture, framing: Framing, size: Size) -> Picture:
    left, top, right, bottom, level = box_of(framing, (picture.shape[0], picture.shape[1]), size)
    if (left, top, right, bottom) == (0.0, 0.0, 1.0, 1.0):
        return picture
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = round(left * width), round(top * height), round(right * width), round(bottom * height)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    inside = picture[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        return np.ascontiguousarray(inside)
    framed = np.full((y1 - y0, x1 - x0, 3), level, np.float32)
    framed[max(-y0, 0) : max(-y0, 0) + inside.shape[0], max(-x0, 0) : max(-x0, 0) + inside.shape[1]] = inside
    return framed


def _is_whole(framing: Framing) -> bool:
    return framing in (WHOLE, "stretch")


def _has_bars(framing: Framing) -> bool:
    if isinstance(framing, str):
        return framing.startswith("letterbox")
    left, top, right, bottom, _ = framing
    return min(left, top) < -0.005 or max(right, bottom) > 1.005


def _bar_color(framing: Framing) -> str:
    level = (GRAY if framing == "letterbox, gray" else 0) if isinstance(framing, str) else framing[4]
    return "black" if level < 32 else "white" if level >= 224 else "gray"


def _label(framing: Framing) -> str:
    if isinstance(framing, str):
        return framing
    if _is_whole(framing):
        return "whole frame"
    if _has_bars(framing):
        return "letterbox"
    left, top, right, bottom, _ = framing
    return f"crop to {right - left:.0%} x {bottom - top:.0%}"


def _describe(framing: Framing) -> str:
    if _is_whole(framing):
        return "show the whole frame"
    if _has_bars(framing):
        return f"have {_bar_color(framing)} bars around the frame (letterbox)"
    if isinstance(framing, str):
        return "are cropped to the model's aspect ratio" if framing == "crop" else f"are cropped ({framing})"
    left, top, right, bottom, _ = framing
    return f"are cropped to {right - left:.0%} of the width and {bottom - top:.0%} of the height"


def _fix(video: Framing, snapshots: Framing) -> str:
    if _is_whole(snapshots):
        return "resize the whole frame without cropping or padding: frame = cv2.resize(frame, (w, h))"
    if _has_bars(snapshots):
        return "frame = ImageOps.pad(Image.fromarray(frame), (w, h))"
    return "frame = ImageOps.fit(Image.fromarray(frame), (w, h))"


FRAMING: SizeFault[Framing] = SizeFault(
    id="framing",
    name="stretch, crop or letterbox",
    normal=WHOLE,
    strengths=("crop", "crop of 7/8", "letterbox", "letterbox, gray"),
    apply=_apply,
    label=_label,
    describe=_describe,
    fix=_fix,
)
