"""Errors that users can do something about. Each message is one line: what is wrong, where, and how to fix it."""


class StillmotionError(Exception):
    """The work cannot be done. Commands print the message and exit with status 1."""


class UsageError(StillmotionError):
    """A call is wrong, for instance an unknown name or a value out of range. Commands exit with status 2."""


class UnreadableVideoError(StillmotionError):
    """A file from which no frame can be decoded. The message names the file and says why."""


class CancelledError(StillmotionError):
    """The caller asked for the work to end. The same call resumes it."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its class if the message is empty."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def describe_error(error: BaseException) -> str:
    """An error of somebody else's code in one line: its class, and the first line of its message, if it has one."""
    name, line = type(error).__name__, first_line(error)
    return name if line == name else f"{name}: {line}"
