"""The interpolation kernel, with or without antialiasing; and the size at which a picture was stored on its way."""

from __future__ import annotations

from collections.abc import Iterator

from stillmotion.audit.faults.fault import FaultEvidence, Size, SizeFault
from stillmotion.audit.resampling import KERNELS, Picture, resize

# A kernel's name; or that and the size at which the picture was stored, before it was resized to the model's by area.
Resizing = str | tuple[str, Size]


def stored_size(resizing: Resizing) -> tuple[str, Size | None]:
    """The kernel, and the size at which the picture was stored; None if it was stored at the video's size."""
    return (resizing, None) if isinstance(resizing, str) else resizing


def _apply(picture: Picture, resizing: Resizing, size: Size) -> Picture:
    kernel, stored = stored_size(resizing)
    return resize(picture, *(stored or size), kernel)


def _propose(evidence: FaultEvidence, current: Resizing) -> Iterator[Resizing]:
    if evidence.resized:
        for kernel in KERNELS:
            yield kernel, evidence.size


def _label(resizing: Resizing) -> str:
    kernel, stored = stored_size(resizing)
    return kernel + (f" to {stored[1]}x{stored[0]}" if stored else "")


def _fix(video: Resizing, snapshots: Resizing) -> str:
    kernel, stored = stored_size(snapshots)
    first = f", to {stored[1]}x{stored[0]} first" if stored else ""
    return f"{KERNELS[kernel].call}  # resize as for the snapshots{first}"


RESIZING: SizeFault[Resizing] = SizeFault(
    id="resizing",
    name="resizing",
    normal="area",
    strengths=tuple(name for name in KERNELS if name != "area"),
    propose=_propose,
    apply=_apply,
    label=_label,
    describe=lambda resizing: f"are resized by {_label(resizing)}",
    fix=_fix,
)
