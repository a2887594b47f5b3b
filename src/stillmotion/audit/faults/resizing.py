"""The kernel, and whether it is smooth; and the size at which a picture was stored on its way, if it was.

A setting is a kernel's name, or (kernel, (height, width)) for a picture that was stored at such a size, then resized to
the model's by area.
"""

from __future__ import annotations

from typing import cast

from stillmotion.audit.faults.fault import Fault, Setting, Size
from stillmotion.audit.resampling import KERNELS, Picture, resize


def stored_size(setting: Setting) -> tuple[str, Size | None]:
    """The kernel, and the size at which the picture was stored; None where that was the source's own."""
    return (setting, None) if isinstance(setting, str) else cast(tuple[str, Size], setting)


def _apply(picture: Picture, setting: Setting, size: Size) -> Picture:
    kernel, stored = stored_size(setting)
    return resize(picture, *(stored or size), kernel)


def _words(setting: Setting) -> str:
    kernel, stored = stored_size(setting)
    return f"are resized by {kernel}" + (f" to {stored[1]}x{stored[0]}" if stored else "")


def _cure(video: Setting, snapshots: Setting) -> str:
    kernel, stored = stored_size(snapshots)
    first = f", to {stored[1]}x{stored[0]} first" if stored else ""
    return f"{KERNELS[kernel].calls}  # resized as the snapshots are{first}"


RESIZING = Fault(
    name="resizing",
    stage="size",
    normal="area",
    strengths=tuple(name for name in KERNELS if name != "area"),
    candidates=tuple(KERNELS),
    apply=_apply,
    words=_words,
    cure=_cure,
)
