"""Ctrl-C ends the work at once, whatever runs, and whoever pressed it sees that it was heard."""

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

PATIENCE = 0.3  # seconds; what ends sooner needs no word
AGAIN = 0.05


def heed_interrupts() -> None:
    """From now on Ctrl-C sets `interrupted` and raises KeyboardInterrupt in the main thread.

    A handler in Python waits for a backend that is at work; a thread of its own says meanwhile that it was heard.
    """
    signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _interrupt_again
    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    # A copy, for standard error is silent while a backend loads.
    threading.Thread(target=_say_stopping, args=(heard, told, os.dup(2)), daemon=True).start()


def end_at_once() -> None:
    """From now on Ctrl-C ends the process, for the work has ended."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt(*_: object) -> None:
    interrupted.set()
    raise KeyboardInterrupt


def _interrupt_again(ignored: UnraisableHookArgs) -> None:
    """Python drops what is raised in a finaliser or in a callback of the garbage collector."""
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        timer = threading.Timer(AGAIN, _press)
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(ignored)


def _press() -> None:
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main()
    else:  # a true signal wakes the main thread
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _say_stopping(heard: socket.socket, told: socket.socket, stderr: int) -> None:
    """Once, and then go on listening: the sockets are needed as long as there are signals."""
    said = False
    while number := heard.recv(1):
        if number[0] == signal.SIGINT and not said:
            said = True
            time.sleep(PATIENCE)
            os.write(stderr, b"\r\x1b[2Kstopping...\n" if os.isatty(stderr) else b"stopping...\n")
    told.close()
