"""Anything with pictures in it -> frames with times. A new source is a module and its row in `DECODERS`.

Decoders share three functions: `probe`, `iter_frames`, `read_frames`. Imported where first used, for
PyAV is heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from stillmotion.data.media import is_image
from stillmotion.decoding.frames import TICK, Frames, Images, Seconds, VideoFacts, index_shown_at

__all__ = [
    "DECODERS", "TICK", "Frames", "Images", "Seconds", "VideoFacts", "index_shown_at", "iter_frames", "probe",
    "read_frames",
]  # fmt: skip

# Module, and which files it takes; the first that takes a file decodes it.
DECODERS: dict[str, Callable[[Path], bool]] = {
    "stillmotion.decoding.images": is_image,
    "stillmotion.decoding.pyav": lambda path: True,
}


def _decoder(path: Path) -> ModuleType:
    return import_module(next(module for module, takes in DECODERS.items() if takes(path)))


def probe(path: Path) -> VideoFacts:
    """What the file holds. Raises UnreadableVideoError."""
    facts: VideoFacts = _decoder(path).probe(path)
    return facts


def iter_frames(path: Path, height: int, width: int, *, start_seconds: float = 0.0) -> Iterator[tuple[float, Images]]:
    """Its frames in order: time in seconds, and uint8 RGB `(height, width, 3)`. Raises UnreadableVideoError."""
    frames: Iterator[tuple[float, Images]] = _decoder(path).iter_frames(
        path, height, width, start_seconds=start_seconds
    )
    return frames


def read_frames(path: Path, seconds: Sequence[float] | Seconds, height: int, width: int) -> Frames:
    """The frames on screen at the given times, each once. Raises UnreadableVideoError."""
    frames: Frames = _decoder(path).read_frames(path, seconds, height, width)
    return frames
