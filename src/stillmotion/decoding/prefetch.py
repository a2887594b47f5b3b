"""A thread that reads ahead of whoever asks, so that who asks is never inside a read that may not come back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from av.video.frame import VideoFrame

# Frames that wait, at most.
WAITING = 8
# How long who asks waits before looking whether to stop, and `close` for the thread: it ends when its read comes back.
ASK_SECONDS = 0.2
JOIN_SECONDS = 1.0


@dataclass(frozen=True)
class SourceFrame:
    """A frame and its time in seconds since the first; `fresh` after a break: what went before is another recording.

    `arrived` is when it was decoded, by `time.monotonic`.
    """

    seconds: float
    frame: VideoFrame
    fresh: bool
    arrived: float


class PrefetchReader:
    """What a thread has read and nobody has taken yet.

    Args:
        drop: when a few wait already, whether the oldest is dropped, and counted in `dropped`; otherwise reading waits.
        stop: when it is set, iteration ends.
        closed: set by `close`, for pauses that `frames` makes.
    """

    def __init__(
        self, frames: Generator[SourceFrame, None, None], *, drop: bool, stop: threading.Event, closed: threading.Event
    ) -> None:
        self.frames, self.drop, self.stop, self.closed = frames, drop, stop, closed
        self.dropped = 0
        self.waiting: deque[SourceFrame] = deque()
        self.changed = threading.Condition()
        self.ended = False
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._read, name="reading ahead", daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            for shot in self.frames:
                with self.changed:
                    while len(self.waiting) == WAITING and not self.drop and not self.closed.is_set():
                        self.changed.wait()
                    if self.closed.is_set():
                        return
                    if len(self.waiting) == WAITING:
                        lost = self.waiting.popleft()
                        self.dropped += 1
                        if lost.fresh:
                            self.waiting[0] = replace(self.waiting[0], fresh=True)
                    self.waiting.append(shot)
                    self.changed.notify()
        except BaseException as failure:  # told to whoever asks
            self.failure = failure
        finally:
            self.frames.close()
            with self.changed:
                self.ended = True
                self.changed.notify()

    def __iter__(self) -> Iterator[SourceFrame]:
        while not self.stop.is_set():
            with self.changed:
                if not self.waiting and not self.ended:
                    self.changed.wait(ASK_SECONDS)
                    continue
                if not self.waiting:
                    break
                shot = self.waiting.popleft()
                self.changed.notify()
            yield shot
        if self.failure is not None and not self.stop.is_set():
            raise self.failure

    def close(self) -> None:
        """Let the thread end after the frame that it is at."""
        self.closed.set()
        with self.changed:
            self.changed.notify()
        self.thread.join(JOIN_SECONDS)
