"""What can go wrong in the user's world, said in one line each: what, where, how to mend it."""


class StillmotionError(Exception):
    """The work could not be done. The message is one line for a person; the command ends with 1."""


class UsageError(StillmotionError):
    """The call was wrong: an unknown name, a value out of range. The command ends with 2."""


class UnreadableVideoError(StillmotionError):
    """A file that gives no pictures. The message names the file and says why."""


class Cancelled(StillmotionError):
    """The caller asked for the work to end. The same call resumes it."""
