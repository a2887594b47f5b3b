"""The faults that are known, in the order in which a picture meets them. A new one is a module and its row in `FAULTS`.

A path from a video to a model is a setting for each fault; `render` walks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.channel_order import CHANNEL_ORDER
from stillmotion.audit.faults.colour_matrix import COLOUR_MATRIX
from stillmotion.audit.faults.exposure import EXPOSURE
from stillmotion.audit.faults.fault import Fault, FrameContext, Setting, Size, clipped, text
from stillmotion.audit.faults.framing import FRAMING
from stillmotion.audit.faults.grey import GREY
from stillmotion.audit.faults.interlacing import INTERLACING
from stillmotion.audit.faults.jpeg import JPEG
from stillmotion.audit.faults.moment import MOMENT
from stillmotion.audit.faults.motion_blur import MOTION_BLUR
from stillmotion.audit.faults.orientation import ORIENTATION
from stillmotion.audit.faults.precision import PRECISION
from stillmotion.audit.faults.rate import RATE
from stillmotion.audit.faults.resizing import RESIZING, stored_size
from stillmotion.audit.faults.scaling import SCALING
from stillmotion.audit.faults.video_compression import VIDEO_COMPRESSION
from stillmotion.audit.faults.window_position import WINDOW_POSITION
from stillmotion.audit.resampling import Picture, resize

__all__ = [
    "FAULTS",
    "Fault",
    "FrameContext",
    "Path",
    "Setting",
    "Size",
    "clipped",
    "difference",
    "normal_path",
    "render",
    "render_picture",
    "text",
]

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            RATE,
            WINDOW_POSITION,
            MOMENT,
            MOTION_BLUR,
            INTERLACING,
            VIDEO_COMPRESSION,
            ORIENTATION,
            COLOUR_MATRIX,
            GREY,
            EXPOSURE,
            CHANNEL_ORDER,
            FRAMING,
            RESIZING,
            JPEG,
            SCALING,
            PRECISION,
        )
    }
)

Path = Mapping[str, Setting]  # a fault's name -> how a path is set; what is missing is normal


def normal_path(**settings: Setting) -> dict[str, Setting]:
    """A healthy path; `scaling="0..1"` and so on set what the model expects."""
    return {name: fault.normal for name, fault in FAULTS.items()} | dict(settings)


def difference(one: Path, other: Path) -> list[str]:
    """The names of the faults that two paths are set differently for, in the order of the table."""
    return [name for name, fault in FAULTS.items() if one.get(name, fault.normal) != other.get(name, fault.normal)]


def render(path: Path, shot: FrameContext, size: Size) -> NDArray[np.float32]:
    """What the model is given of a moment: float32 `(height, width, 3)`; size: what it takes, height and width."""
    picture = render_picture(path, shot, size)
    for name in ("scaling", "precision"):
        picture = FAULTS[name].apply(picture, path.get(name, FAULTS[name].normal), size)
    return picture


def render_picture(path: Path, shot: FrameContext, size: Size) -> Picture:
    """The same before scaling: levels of 0 to 255."""
    kernel, stored = stored_size(path.get(RESIZING.name, RESIZING.normal))
    for name, fault in FAULTS.items():
        if fault.stage == "time" and path.get(name, fault.normal) != fault.normal:
            shot = fault.apply(shot, path[name], size)
    picture: Picture = shot.picture.astype(np.float32)
    for name, fault in FAULTS.items():
        if fault.stage == "picture" and path.get(name, fault.normal) != fault.normal:
            picture = fault.apply(picture, path[name], size)
    picture = FRAMING.apply(picture, path.get(FRAMING.name, FRAMING.normal), stored or size)
    if stored is not None:
        picture = resize(picture, *stored, kernel)
    picture = JPEG.apply(picture, path.get(JPEG.name, JPEG.normal), size)
    return resize(picture, *size, kernel if stored is None else "area")
