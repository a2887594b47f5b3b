"""Errors that users can do something about. Each message is one line: what is wrong, where, and how to fix it."""

import re

MAX_REASON = 200  # characters of somebody else's message that are shown


class StillmotionError(Exception):
    """The work cannot be done. Commands print the message and exit with status 1.

    Examples:
        >>> try:
        ...     sm.read_run("clips/")
        ... except sm.StillmotionError as error:
        ...     print(error)
        clips: not a run (no run.json in it); expected the folder that 'train' wrote
    """


class UsageError(StillmotionError):
    """A call is wrong, for instance an unknown name or a value out of range. Commands exit with status 2.

    Examples:
        >>> sm.ClipSpec(rate="sprad")
        Traceback (most recent call last):
        stillmotion.errors.UsageError: rate is 'sprad'; expected 'spread' or frames per second above 0
    """


class UnreadableVideoError(StillmotionError):
    """A file from which no frame can be decoded. The message names the file and says why.

    Examples:
        >>> list(sm.stream("runs/motion", "notes.txt"))
        Traceback (most recent call last):
        stillmotion.errors.UnreadableVideoError: ...
    """


class CancelledError(StillmotionError):
    """The caller asked for the work to end. The same call resumes it.

    Examples:
        >>> cancel = threading.Event()
        >>> cancel.set()
        >>> sm.run_training("clips/", out="canceled", cancel=cancel)
        Traceback (most recent call last):
        stillmotion.errors.CancelledError: ...
    """


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its class if the message is empty."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def last_line(error: BaseException) -> str:
    """The last line of an error of Keras's or TensorFlow's that says what went wrong, or the name of its class.

    What follows that line only repeats what the call was given.
    """
    text = re.split(r"Arguments received by|Full object config:", str(error))[0]
    lines = [" ".join(line.split()) for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith("[[")]  # a place in TensorFlow's graph
    return said[-1][:MAX_REASON] if said else type(error).__name__


def describe_error(error: BaseException) -> str:
    """An error of somebody else's code in one line: its class, and the first line of its message, if it has one."""
    name, line = type(error).__name__, first_line(error)
    return name if line == name else f"{name}: {line}"
