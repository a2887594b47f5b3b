"""Give files to workers, and find out which file kills them."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, NamedTuple

from stillmotion.archive.records import ArchiveFile, FileFailure, Outcome
from stillmotion.archive.workers import ArchiveWorker, WorkerSource
from stillmotion.errors import StillmotionError

log = logging.getLogger(__name__)

# A file that was alone with its worker when that died, this often, is not tried again.
MAX_STRIKES = 3
# If so many files in a row come to nothing, it may be no fault of theirs.
MAX_LOST = 10
# Starts that fail one after the other, before it is said that workers cannot start: at least so many, and one for each
# worker, since they start at the same time.
MAX_FAILED_STARTS = 3
# A group of files is enough for full batches, and small enough that little is lost with a worker.
GROUP_FILES = 32
GROUP_BYTES = 1 << 30
GROUP_SECONDS = 30.0
# How many groups each worker shall still get when groups become smaller towards the end.
GROUPS_LEFT = 4
# After so long without any worker, it is said that there is none.
PATIENCE_SECONDS = 60.0
# How long to wait for workers before the caller can look at other things.
POLL_SECONDS = 0.1


class _Work(NamedTuple):
    """A worker, the files that it has, and when it got them."""

    worker: ArchiveWorker
    files: list[ArchiveFile]
    began: float


class Dispatcher:
    """Has files predicted by workers.

    A worker gets a group of files at a time. If it dies, the files of the group are tried again at the end, each
    alone, so that only a file that kills its worker by itself is blamed for that. And it is blamed only if a file that
    was predicted before can be predicted again: if not, memory, a disk or the network is at fault, and the work ends.

    Args:
        source: starts the workers.
        files: the files to predict.
        strikes: how often each file has killed its worker before, by its key.
        save_strikes: keeps them.
        control: a file that was predicted before, if there is one.
    """

    def __init__(
        self,
        source: WorkerSource,
        files: Sequence[ArchiveFile],
        strikes: Mapping[str, int],
        save_strikes: Callable[[Mapping[str, int]], None],
        control: ArchiveFile | None = None,
    ) -> None:
        self.source, self.strikes, self.save_strikes, self.control = source, dict(strikes), save_strikes, control
        self.waiting = deque(file for file in files if file.key not in self.strikes)
        # Those that may have killed a worker.
        self.suspects = deque(file for file in files if file.key in self.strikes)
        self.starting: dict[Future[Any], ArchiveWorker] = {}
        self.at_work: dict[Future[Outcome], _Work] = {}
        # What workers have done, to guess how long the next files take.
        self.bytes_done, self.seconds_at_work = 0, 0.0
        self.failed_starts = 0
        # Those that have killed workers often enough; they are not blamed before another file has been predicted.
        self.killers: list[Outcome] = []
        # Those that came to nothing since one did not, and how.
        self.lost: dict[str, str] = {}
        self.patient_until = time.monotonic() + PATIENCE_SECONDS

    def outcomes(self) -> Generator[Outcome | None, None, None]:
        """Predict all files.

        Yields:
            Outcomes as they come, and None whenever it is time to look at other things.

        Raises:
            StillmotionError: the model cannot be loaded in a worker, or no file can be predicted any more.
        """
        try:
            while self.waiting or self.suspects or self.at_work or self._wanted_control():
                self._start_workers()
                done, _ = wait([*self.starting, *self.at_work], POLL_SECONDS, FIRST_COMPLETED)
                for future in done:
                    if future in self.starting:
                        self._started(future)
                    else:
                        yield from self._finished(future)
                if self._pauses() and not self.at_work:
                    raise self._stop()
                self._say_if_none_starts()
                yield None
            yield from self._released()
        finally:
            for worker in (*self.starting.values(), *(work.worker for work in self.at_work.values())):
                worker.end()

    def _start_workers(self) -> None:
        wanted = min(self.source.count, len(self.at_work) + self._count_available())
        while len(self.starting) + len(self.at_work) < wanted:
            worker = self.source.start()
            self.starting[worker.ready] = worker

    def _started(self, future: Future[Any]) -> None:
        worker = self.starting.pop(future)
        self.patient_until = math.inf
        error = future.exception()
        if error is None:
            self.failed_starts = 0
            self._give_work(worker)
            return
        worker.end()
        cause = self.source.cause_of_death(error)
        if cause is None:
            raise self.source.explain(error)
        self.failed_starts += 1
        if self.failed_starts >= max(MAX_FAILED_STARTS, self.source.count):
            raise StillmotionError(
                f"workers die while they load the model ({cause}), perhaps for lack of memory; try fewer of them"
            )

    def _say_if_none_starts(self) -> None:
        if time.monotonic() >= self.patient_until:
            self.patient_until = math.inf
            log.warning(
                "no worker has started within %.0f s; waiting. Perhaps all cores of the cluster are taken",
                PATIENCE_SECONDS,
            )

    def _finished(self, future: Future[Outcome]) -> list[Outcome]:
        worker, files, began = self.at_work[future]
        error = future.exception()
        if error is None:
            self.bytes_done += sum(file.bytes for file in files)
            self.seconds_at_work += time.monotonic() - began
            outcomes = self._came_back(files, future.result())
        else:
            outcomes = self._died(files, error)
        del self.at_work[future]
        if error is None:
            self._give_work(worker)
        else:
            worker.end()
        return outcomes

    def _came_back(self, files: Sequence[ArchiveFile], outcome: Outcome) -> list[Outcome]:
        outcomes = [] if files[0] is self.control else [outcome]
        if sum(failure.cause == "temporary" for failure in outcome.failures) == len(files):
            self._lose(files, f"could not be predicted ({outcome.failures[-1].reason})")
            return outcomes
        self.lost.clear()
        failed = {failure.key for failure in outcome.failures}
        self.control = next((file for file in files if file.key not in failed), self.control)
        return [*self._released(), *outcomes]

    def _died(self, files: Sequence[ArchiveFile], error: BaseException) -> list[Outcome]:
        cause = self.source.cause_of_death(error)
        if cause is None:
            raise self.source.explain(error)
        if len(files) > 1:
            self.suspects.extend(files)
            return []
        (file,) = files
        self._lose(files, f"killed their workers ({cause}), perhaps for lack of memory; try fewer workers")
        self.strikes[file.key] = self.strikes.get(file.key, 0) + 1
        self.save_strikes(self.strikes)
        if self.strikes[file.key] < MAX_STRIKES:
            self.suspects.append(file)
            return []
        reason = f"{file.video.name}: killed its worker {self.strikes[file.key]} times ({cause})"
        failure = FileFailure(file.video.name, file.key, "killed its worker", reason)
        self.killers.append(Outcome((file.key,), None, (failure,)))
        return []

    def _lose(self, files: Sequence[ArchiveFile], how: str) -> None:
        """Note that files came to nothing. Raises StillmotionError if that is no fault of theirs."""
        self.lost.update(dict.fromkeys((file.key for file in files), how))
        if files[0] is self.control:
            raise self._stop()

    def _stop(self) -> StillmotionError:
        *_, how = self.lost.values()
        return StillmotionError(f"{len(self.lost)} files in a row {how}; the same call goes on")

    def _pauses(self) -> bool:
        """Whether so many were lost, and none was ever predicted, that the others at work are waited for."""
        return self.control is None and len(self.lost) >= MAX_LOST

    def _wanted_control(self) -> ArchiveFile | None:
        """The file that was predicted before, if it is time to see whether it still can be."""
        left = self.waiting or self.suspects or self.at_work
        wanted = len(self.lost) >= MAX_LOST or (self.killers and not left)
        at_work = wanted and any(work.files[0] is self.control for work in self.at_work.values())
        return self.control if wanted and not at_work else None

    def _released(self) -> list[Outcome]:
        released, self.killers = self.killers, []
        return released

    def _give_work(self, worker: ArchiveWorker) -> None:
        group = self._next_group()
        if group:
            try:
                self.at_work[worker.submit(group)] = _Work(worker, group, time.monotonic())
                return
            except Exception as error:  # The worker has died since it came back: it is no fault of these files.
                if self.source.cause_of_death(error) is None:
                    raise
                (self.waiting if len(group) > 1 else self.suspects).extendleft(reversed(group))
        worker.end()

    def _count_available(self) -> int:
        """How many files workers can get now."""
        if self._pauses():
            return 0
        count = len(self.waiting) + sum(not self._is_last_try(file) for file in self.suspects)
        count += self._wanted_control() is not None
        return count if count or self.at_work else min(1, len(self.suspects))

    def _is_last_try(self, file: ArchiveFile) -> bool:
        return self.strikes.get(file.key, 0) + 1 >= MAX_STRIKES

    def _next_group(self) -> list[ArchiveFile]:
        """The next files for a worker. Towards the end they become fewer, so that all workers end at the same time."""
        if not self._count_available():
            return []
        if control := self._wanted_control():
            return [control]
        if not self.waiting:
            # Last tries come last. They are alone: another worker may be at fault, which has taken all memory.
            file = next((file for file in self.suspects if not self._is_last_try(file)), self.suspects[0])
            self.suspects.remove(file)
            return [file]
        if self.control is None:  # Files that lie beside each other may all be bad: those tried first are scattered.
            self.waiting.rotate(int(0.618 * len(self.waiting)))
        count = max(1, min(GROUP_FILES, len(self.waiting) // (GROUPS_LEFT * self.source.count)))
        group = [self.waiting.popleft()]
        size = group[0].bytes
        # Before anything is known of the time that files take, groups are of one file.
        most = min(GROUP_BYTES, GROUP_SECONDS * self.bytes_done / max(self.seconds_at_work, 1e-9))
        while self.waiting and len(group) < count and size + self.waiting[0].bytes <= most:
            group.append(self.waiting.popleft())
            size += group[-1].bytes
        return group
