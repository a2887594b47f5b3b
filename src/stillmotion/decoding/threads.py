"""How many threads FFmpeg decodes a video with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.codec.context import CodecContext

_count = 0


def limit_threads(count: int) -> None:
    """Let FFmpeg use this many threads for each video in this process, for workers that share a machine.

    Args:
        count: threads; 0, as at the start, for as many as there are cores.
    """
    global _count
    _count = count


def apply_limit(context: CodecContext) -> None:
    """Set the number of threads of a decoder that is not open yet."""
    if _count:
        context.thread_count = _count
