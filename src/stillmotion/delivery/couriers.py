"""Sends notices from an outbox, in order, from threads of their own: a slow or absent receiver delays no stream."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any, Protocol

from stillmotion.delivery.outbox import MAX_IN_MEMORY, Outbox
from stillmotion.errors import StillmotionError

# Pauses between attempts grow from the first to the second.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0


class DeliveryError(StillmotionError):
    """A notice did not reach its receiver. The message says why, without credentials."""


class Receiver(Protocol):
    """Where notices go.

    Attributes:
        name: to print, and by which its notices are known; without credentials.
        timeout_seconds: how long to wait for it, when the stream ends.
        error: why it cannot be reached at the moment, as far as it knows by itself.
    """

    name: str
    timeout_seconds: float
    error: str

    def open(self) -> None:
        """Connect, if there is a connection; called by the thread that sends."""

    def send(self, body: bytes, stop: threading.Event) -> None:
        """Send a notice, and return once the receiver has said that it has it. Raises DeliveryError."""

    def close(self) -> None:
        """Say goodbye."""


class Courier:
    """Brings the notices of one receiver to it.

    Args:
        outbox: where they wait.
        receiver: who gets them.

    Attributes:
        error: why the last attempt failed; empty if it did not.
        given_up: how many notices were given up, because too many waited in memory.
    """

    def __init__(self, outbox: Outbox, receiver: Receiver) -> None:
        self.outbox, self.receiver = outbox, receiver
        self._failure = ""
        self.given_up = 0
        self._closing, self._stop = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"notices to {receiver.name}", daemon=True)
        self.thread.start()

    @property
    def error(self) -> str:
        """Why notices wait; empty if nothing is wrong."""
        return self._failure or self.receiver.error

    @property
    def waiting(self) -> int:
        """How many notices the receiver does not have yet."""
        return self.outbox.count(self.receiver.name)

    def close(self) -> None:
        """Send what waits, as long as the receiver takes it and within its time; the rest stays in the outbox."""
        self._closing.set()
        with self.outbox.changed:
            self.outbox.changed.notify_all()
        self.thread.join(self.receiver.timeout_seconds)
        self._stop.set()
        self.thread.join(self.receiver.timeout_seconds)
        self.receiver.close()

    def _run(self) -> None:
        opened = False
        while not self._stop.is_set():
            try:
                if not opened:
                    self.receiver.open()
                    opened = True
                return self._send_all()
            except (StillmotionError, OSError, ValueError) as error:  # of the outbox: a full disk, for instance
                self._failure = str(error)
                if self._closing.is_set():
                    return None
                self._closing.wait(LONGEST_PAUSE_SECONDS)
        return None

    def _send_all(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            if self.outbox.path is None:
                self.given_up += self.outbox.give_up_oldest(self.receiver.name, MAX_IN_MEMORY)
            notice = self.outbox.first(self.receiver.name)
            if notice is None:
                if self._closing.is_set():
                    return
                with self.outbox.changed:
                    self.outbox.changed.wait(FIRST_PAUSE_SECONDS)
                continue
            try:
                self.receiver.send(notice.body, self._stop)
            except DeliveryError as error:
                self._failure = str(error)
                if self._closing.is_set():
                    return
                self._closing.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self.outbox.remove(notice)
                self._failure, pause = "", FIRST_PAUSE_SECONDS


class Notifier:
    """Sends each notice, as JSON, to all receivers.

    Args:
        receivers: who gets them.
        outbox: where they wait; by default in memory. It is closed at the end.
    """

    def __init__(self, receivers: Sequence[Receiver], outbox: Outbox | None = None) -> None:
        self.outbox = outbox or Outbox()
        self.couriers = [Courier(self.outbox, receiver) for receiver in receivers]
        self.undelivered: dict[str, int] = {}

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong with receivers, by name."""
        return {courier.receiver.name: courier.error for courier in self.couriers if courier.error}

    @property
    def waiting(self) -> dict[str, int]:
        """How many notices wait, for the receivers that have not got all."""
        waiting = {courier.receiver.name: courier.waiting for courier in self.couriers}
        return {name: count for name, count in waiting.items() if count}

    def write(self, row: dict[str, Any], *, key: str | None = None) -> None:
        """Send a notice when its turn comes.

        Args:
            row: what is sent.
            key: see `Outbox.put`.

        Raises:
            StillmotionError: the outbox cannot be written.
        """
        names = [courier.receiver.name for courier in self.couriers]
        self.outbox.put(names, json.dumps(row, ensure_ascii=False).encode(), key=key)

    def close(self) -> None:
        """Send what waits, for some seconds; `undelivered` then says how many were not received."""
        began = [threading.Thread(target=courier.close, daemon=True) for courier in self.couriers]
        for thread in began:
            thread.start()
        for thread in began:
            thread.join()
        self.undelivered = {
            courier.receiver.name: count for courier in self.couriers if (count := courier.given_up + courier.waiting)
        }
        self.outbox.close()
