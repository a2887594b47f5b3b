"""Read frames ahead in a thread, so that the caller never hangs in a read that may not return."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from av.video.frame import VideoFrame

# Frames that are read ahead, at most.
MAX_WAITING = 8
# How long to wait for a frame before looking whether to stop.
POLL_SECONDS = 0.2
# How long `close` waits for the thread. A thread that hangs in a read ends by itself when the read returns.
JOIN_SECONDS = 1.0


@dataclass(frozen=True)
class SourceFrame:
    """A frame of a source.

    Attributes:
        seconds: its time since the first frame.
        frame: the frame as PyAV decoded it.
        starts_recording: whether it is the first frame, or the first after a break: what went before is then another
            recording.
        arrived: when it was decoded, by `time.monotonic`.
    """

    seconds: float
    frame: VideoFrame
    starts_recording: bool
    arrived: float


class PrefetchReader:
    """Iterates over frames that a thread reads ahead.

    Args:
        frames: what the thread reads.
        drop: what to do when `MAX_WAITING` frames wait already: True drops the oldest one and counts it in `dropped`,
            False stops reading for a while.
        stop: ends the iteration when it is set.
        closed: is set by `close`, so that `frames` can end its own pauses.
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
            for frame in self.frames:
                with self.changed:
                    while len(self.waiting) == MAX_WAITING and not self.drop and not self.closed.is_set():
                        self.changed.wait()
                    if self.closed.is_set():
                        return
                    if len(self.waiting) == MAX_WAITING:
                        lost = self.waiting.popleft()
                        self.dropped += 1
                        if lost.starts_recording:
                            self.waiting[0] = replace(self.waiting[0], starts_recording=True)
                    self.waiting.append(frame)
                    self.changed.notify()
        except BaseException as failure:  # Raised again where the frames are used.
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
                    self.changed.wait(POLL_SECONDS)
                    continue
                if not self.waiting:
                    break
                frame = self.waiting.popleft()
                self.changed.notify()
            yield frame
        if self.failure is not None and not self.stop.is_set():
            raise self.failure

    def close(self) -> None:
        """Make the thread end after the frame that it is reading."""
        self.closed.set()
        with self.changed:
            self.changed.notify()
        self.thread.join(JOIN_SECONDS)
