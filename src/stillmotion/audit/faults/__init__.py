"""The known faults, in the order in which a picture meets them, and how a path with such faults renders a frame.

A new fault is a module and its row in `FAULTS`. It then appears in the sensitivity table. A `FrameFault`,
`PictureFault` or `FileFault` that brings `candidates` (or `propose`) is found as a cause as well: `pipeline_estimation`
tries whatever the table holds. Some faults are estimated together instead, by code that names them: orientation,
framing and time offset by `matching`, channel order, dynamic range, color matrix, grayscale and exposure by `colors`,
scaling by `colors.find_scaling`. Faults of clips (rate, window position) and precision are in the sensitivity table
only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.channel_order import CHANNEL_ORDER
from stillmotion.audit.faults.color_matrix import COLOR_MATRIX
from stillmotion.audit.faults.dynamic_range import DYNAMIC_RANGE
from stillmotion.audit.faults.exposure import EXPOSURE
from stillmotion.audit.faults.fault import (
    ClipFault,
    Fault,
    FaultEvidence,
    FileFault,
    FrameContext,
    FrameFault,
    PathSettings,
    PictureFault,
    Size,
    ValueFault,
)
from stillmotion.audit.faults.framing import FRAMING
from stillmotion.audit.faults.grayscale import GRAYSCALE
from stillmotion.audit.faults.interlacing import INTERLACING
from stillmotion.audit.faults.jpeg import JPEG
from stillmotion.audit.faults.motion_blur import MOTION_BLUR
from stillmotion.audit.faults.orientation import ORIENTATION
from stillmotion.audit.faults.precision import PRECISION
from stillmotion.audit.faults.rate import RATE
from stillmotion.audit.faults.resizing import RESIZING, stored_size
from stillmotion.audit.faults.scaling import SCALING
from stillmotion.audit.faults.time_offset import TIME_OFFSET
from stillmotion.audit.faults.video_compression import VIDEO_COMPRESSION
from stillmotion.audit.faults.window_position import WINDOW_POSITION
from stillmotion.audit.resampling import Picture, resize

__all__ = [
    "CHANNEL_ORDER",
    "COLOR_MATRIX",
    "DYNAMIC_RANGE",
    "EXPOSURE",
    "FAULTS",
    "FRAMING",
    "GRAYSCALE",
    "INTERLACING",
    "JPEG",
    "MOTION_BLUR",
    "ORIENTATION",
    "PRECISION",
    "RATE",
    "RESIZING",
    "SCALING",
    "TIME_OFFSET",
    "VIDEO_COMPRESSION",
    "WINDOW_POSITION",
    "ClipFault",
    "FaultEvidence",
    "Fault",
    "FileFault",
    "FrameContext",
    "FrameFault",
    "PathSettings",
    "PictureFault",
    "Size",
    "ValueFault",
    "changed_faults",
    "context_radius",
    "render",
    "render_picture",
    "to_values",
]

FAULTS: dict[str, Fault[Any]] = {
    fault.id: fault
    for fault in (
        RATE,
        WINDOW_POSITION,
        TIME_OFFSET,
        MOTION_BLUR,
        INTERLACING,
        VIDEO_COMPRESSION,
        ORIENTATION,
        DYNAMIC_RANGE,
        COLOR_MATRIX,
        GRAYSCALE,
        EXPOSURE,
        CHANNEL_ORDER,
        FRAMING,
        RESIZING,
        JPEG,
        SCALING,
        PRECISION,
    )
}


def changed_faults(first: PathSettings, second: PathSettings) -> list[Fault[Any]]:
    """The faults that two paths have set differently, in the order of the table."""
    return [fault for fault in FAULTS.values() if first[fault] != second[fault]]


def context_radius(*paths: PathSettings) -> int:
    """How many frames on each side of a frame are needed to render it by these paths."""
    needed = {
        fault: max(fault.neighbors(settings[fault]) if settings.has(fault) else 0 for settings in paths)
        for fault in FAULTS.values()
        if isinstance(fault, FrameFault)
    }
    offset = needed.pop(TIME_OFFSET, 0)
    return offset + max(needed.values(), default=0)


def render(settings: PathSettings, context: FrameContext, size: Size) -> NDArray[np.float32]:
    """What the model gets from a frame by a path.

    Args:
        settings: the path.
        context: the frame, and as many around it as `context_radius` says.
        size: height and width that the model takes.

    Returns:
        float32 `(height, width, 3)`, in the range that the path's scaling gives.
    """
    return to_values(settings, render_picture(settings, context, size))


def to_values(settings: PathSettings, levels: Picture) -> NDArray[np.float32]:
    """Turn levels of 0 to 255 into the numbers that a path gives to the model."""
    values = levels
    for fault in FAULTS.values():
        if isinstance(fault, ValueFault):
            values = fault.apply(values, settings[fault])
    return np.asarray(values, np.float32)


def render_picture(settings: PathSettings, context: FrameContext, size: Size) -> Picture:
    """The same before scaling: float32 levels of 0 to 255."""
    kernel, stored = stored_size(settings[RESIZING])
    for fault in FAULTS.values():
        if isinstance(fault, FrameFault) and settings.has(fault):
            context = fault.apply(context, settings[fault])
    picture: Picture = context.picture.astype(np.float32)
    for fault in FAULTS.values():
        if isinstance(fault, PictureFault) and settings.has(fault):
            picture = fault.apply(picture, settings[fault])
    picture = FRAMING.apply(picture, settings[FRAMING], stored or size)
    if stored is not None:
        picture = resize(picture, *stored, kernel)
    for fault in FAULTS.values():
        if isinstance(fault, FileFault):
            picture = fault.apply(picture, settings[fault])
    return resize(picture, *size, kernel if stored is None else "area")
