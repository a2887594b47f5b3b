"""Ctrl-C and SIGTERM end the work at once, whatever is running, and it is shown that they were received."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

from stillmotion.cli.console import interrupted

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

NOTICE_SECONDS = 0.3  # work that ends sooner needs no "stopping..."
RETRY_SECONDS = 0.05
# SIGTERM is what services, schedulers and `timeout` send.
SIGNALS = (signal.SIGINT, signal.SIGTERM)
# The first signal that was received.
_first: list[int] = []


def handle_interrupts() -> None:
    """Make Ctrl-C and SIGTERM set `interrupted` and raise KeyboardInterrupt in the main thread.

    Python runs signal handlers only between bytecodes, so while a backend is computing nothing would happen for
    seconds. A separate thread, woken through a socket, reports meanwhile that the interrupt was received.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    sys.unraisablehook = _retry_interrupt
    received, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    # A duplicate, for standard error is redirected while a backend loads.
    threading.Thread(target=_announce, args=(received, wakeup, os.dup(2)), daemon=True).start()


def restore_interrupts() -> int:
    """Make Ctrl-C and SIGTERM end the process at once, because the work is done.

    Returns:
        The exit status that shells give the first signal that was received: 130 for Ctrl-C, 143 for SIGTERM.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    return 128 + (_first or [signal.SIGINT])[0]


def _interrupt(number: int, _: object) -> None:
    _first.append(number)
    interrupted.set()
    raise KeyboardInterrupt


def _retry_interrupt(unraisable: UnraisableHookArgs) -> None:
    """Raise the interrupt again: Python drops exceptions in finalizers and in the garbage collector's callbacks."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        timer = threading.Timer(RETRY_SECONDS, _send_interrupt)
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(unraisable)


def _send_interrupt() -> None:
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main()
    else:  # only a real signal wakes the main thread
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _announce(received: socket.socket, wakeup: socket.socket, stderr: int) -> None:
    """Say once that the work is stopping; keep reading, since the sockets are needed as long as there are signals."""
    announced = False
    while number := received.recv(1):
        if number[0] in SIGNALS and not announced:
            announced = True
            time.sleep(NOTICE_SECONDS)
            os.write(stderr, b"\r\x1b[2Kstopping...\n" if os.isatty(stderr) else b"stopping...\n")
    wakeup.close()
