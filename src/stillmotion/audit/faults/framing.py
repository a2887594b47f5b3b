"""Stretched, cropped or letterboxed to the model's shape."""

from __future__ import annotations

from typing import cast

import numpy as np

from stillmotion.audit.faults.fault import Fault, Setting, Size
from stillmotion.audit.resampling import Picture

# What is seen, in shares of the source: left, top, right, bottom; beyond 0 and 1 lie bars, of a level of grey.
Box = tuple[float, float, float, float, int]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0, 0)


def box_of(setting: Setting, source: Size, size: Size) -> Box:
    """A setting by name, as the box that it means for these sizes (height, width)."""
    if isinstance(setting, tuple):
        return cast(Box, setting)
    wide = (source[1] / source[0]) / (size[1] / size[0])  # above 1: the source is the wider
    if setting == "crop" or setting == "crop of 7/8":
        part = 1.0 if setting == "crop" else 0.875
        across, down = part * min(1.0, 1 / wide), part * min(1.0, wide)
        return (0.5 - across / 2, 0.5 - down / 2, 0.5 + across / 2, 0.5 + down / 2, 0)
    if setting in ("letterbox", "letterbox, grey"):
        across, down = max(1.0, 1 / wide), max(1.0, wide)
        level = 114 if "grey" in str(setting) else 0
        return (0.5 - across / 2, 0.5 - down / 2, 0.5 + across / 2, 0.5 + down / 2, level)
    return WHOLE


def _apply(picture: Picture, setting: Setting, size: Size) -> Picture:
    left, top, right, bottom, level = box_of(setting, (picture.shape[0], picture.shape[1]), size)
    if (left, top, right, bottom) == (0.0, 0.0, 1.0, 1.0):
        return picture
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = round(left * width), round(top * height), round(right * width), round(bottom * height)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    seen = picture[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        return np.ascontiguousarray(seen)
    framed = np.full((y1 - y0, x1 - x0, 3), level, np.float32)
    framed[max(-y0, 0) : max(-y0, 0) + seen.shape[0], max(-x0, 0) : max(-x0, 0) + seen.shape[1]] = seen
    return framed


def _words(setting: Setting) -> str:
    if setting == WHOLE or setting == "stretch":
        return "show the whole frame"
    if isinstance(setting, str):
        return f"are framed by {setting}"
    left, top, right, bottom, _ = cast(Box, setting)
    if min(left, top) < -0.005 or max(right, bottom) > 1.005:
        return "have bars around the frame (letterbox)"
    return f"are cropped to {right - left:.0%} of its width and {bottom - top:.0%} of its height"


def _cure(video: Setting, snapshots: Setting) -> str:
    if snapshots in (WHOLE, "stretch"):
        return "resize the whole frame, neither cropped nor padded: frame = cv2.resize(frame, (w, h))"
    if "bars" in _words(snapshots):
        return "frame = ImageOps.pad(Image.fromarray(frame), (w, h))"
    return "frame = ImageOps.fit(Image.fromarray(frame), (w, h))"


FRAMING = Fault(
    name="stretch, crop or letterbox",
    stage="size",
    normal=WHOLE,
    strengths=("crop", "crop of 7/8", "letterbox", "letterbox, grey"),
    candidates=("crop", "crop of 7/8", "letterbox"),
    apply=_apply,
    words=_words,
    cure=_cure,
)
