"""Small tasks for the tests of executors; worker processes import them from here."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import dataclass
from typing import ClassVar

from stillmotion.errors import StillmotionError
from stillmotion.experiments import Task
from stillmotion.progress import Progress

log = logging.getLogger("stillmotion.steps")


@dataclass(frozen=True, kw_only=True)
class Step(Task):
    """Reports progress twice and returns its own id."""

    def run(self, progress: Progress) -> object:
        progress("working", 1, 2)
        progress("working", 2, 2)
        return self.id

    def summary(self, result: object) -> str | None:
        return f"{result} done"


@dataclass(frozen=True, kw_only=True)
class WhereTask(Step):
    """Returns its process and the number of threads that libraries may use there."""

    def run(self, progress: Progress) -> object:
        return os.getpid(), os.environ.get("TF_NUM_INTRAOP_THREADS")


@dataclass(frozen=True, kw_only=True)
class AloneTask(WhereTask):
    """The same, with no other task beside it."""

    parallel: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class MeetTask(Step):
    """Leaves a file in its folder, and waits for another task's file: it ends only beside that task."""

    other: str = ""

    def run(self, progress: Progress) -> object:
        os.write(2, b"a backend's noise\n")
        (self.folder / self.id).touch()
        deadline = time.monotonic() + 60
        while not (self.folder / self.other).exists():
            assert time.monotonic() < deadline, f"{self.other} is not at work"
            progress("waiting", 0, 1, {"epoch": 1.0})
            time.sleep(0.01)
        return self.id


@dataclass(frozen=True, kw_only=True)
class FailTask(Step):
    """Logs a warning and fails."""

    def run(self, progress: Progress) -> object:
        log.warning("%s is about to fail", self.id)
        raise StillmotionError(f"{self.id} failed")


@dataclass(frozen=True, kw_only=True)
class KilledTask(Step):
    """Its process is killed."""

    def run(self, progress: Progress) -> object:
        os.kill(os.getpid(), signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        return None


@dataclass(frozen=True, kw_only=True)
class KilledOnceTask(Step):
    """Its process is killed, and ends the work when it is started again."""

    def run(self, progress: Progress) -> object:
        if not (self.folder / self.id).exists():
            (self.folder / self.id).touch()
            os.kill(os.getpid(), signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        return self.id


@dataclass(frozen=True, kw_only=True)
class EndlessTask(Step):
    """Writes its process into a file of its folder, and works until it is ended."""

    def run(self, progress: Progress) -> object:
        part = self.folder / f".{self.id}"
        part.write_text(str(os.getpid()), encoding="ascii")
        part.rename(self.folder / self.id)
        progress("working", 0, 1)
        while True:
            time.sleep(0.05)
