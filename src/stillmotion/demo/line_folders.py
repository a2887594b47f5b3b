"""Write recordings of a running line to disk: normal footage, test recordings, and what happens in them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stillmotion.demo.folders import claim_folder
from stillmotion.demo.line import FAULTS, NUISANCES, Happening, draw_line, plan_happenings, write_recording
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, write_json
from stillmotion.progress import Progress, no_progress

RECORDING_SECONDS = 60.0
MAX_TESTS = 20
HAPPENINGS = 3
TRUTH_FILE = "truth.csv"


class _Task(NamedTuple):
    """A recording to render: its file, what happens in it, and the seed of its chance."""

    path: Path
    names: tuple[str, ...]
    seed: tuple[int, int, int]


def make_anomaly_data(
    folder: str | Path, *, minutes: int, seed: int = 0, progress: Progress = no_progress
) -> list[Path]:
    """Render recordings of a running line to learn an anomaly detector from, and to test it on.

    Recordings last for a minute and have 12 frames per second of 160x120 pixels. In each normal recording there is one
    nuisance, such as dust; in each test recording three things happen, faults or nuisances. See
    `stillmotion.demo.line`. The folder becomes:

        folder/
            demo.json                   kind, minutes, seed
            normal/recording000.mp4     as many as there are minutes
            test/recording000.mp4       likewise, and 20 at most
            test/truth.csv              path,label,start,end,what: a nuisance has the label "normal"

    The same arguments give the same recordings. If an earlier call with the same arguments was interrupted, its folder
    is completed.

    Args:
        folder: where the recordings go; new, empty, or left by an earlier call.
        minutes: of normal footage.
        seed: other seeds give another line.
        progress: receives the number of recordings rendered so far.

    Returns:
        The paths: normal footage, then test recordings.

    Raises:
        UsageError: an argument is out of range.
        StillmotionError: the folder holds something else, or cannot be written.

    Examples:
        >>> files = sm.make_anomaly_data("line", minutes=2)
        >>> len(files)
        4
    """
    if minutes < 1:
        raise UsageError(f"{minutes} minutes: expected 1 or more")
    if seed < 0:
        raise UsageError(f"seed {seed} is negative: choose 0 or more")
    folder = Path(folder)
    tasks = _plan(folder, minutes, seed)
    try:
        claim_folder(folder, {"kind": "anomaly", "minutes": minutes, "seed": seed})
        shift = draw_line(seed)

        def render(task: _Task) -> list[Happening]:
            """Render a recording that is not there yet; what happened in it is kept beside it until all are done."""
            notes = task.path.with_suffix(".json")
            if not (task.path.exists() and notes.exists()):
                rng = np.random.default_rng(task.seed)
                planned = plan_happenings(task.names, RECORDING_SECONDS, rng)
                happened = write_recording(task.path, shift, RECORDING_SECONDS, planned, rng)
                write_json(notes, [asdict(event) for event in happened])
            return [Happening(**event) for event in json.loads(notes.read_text())]

        if not (folder / "test" / TRUTH_FILE).exists():
            happenings = _render_all(render, tasks, progress)
            _write_truth(folder / "test" / TRUTH_FILE, tasks[minutes:], happenings[minutes:])
        for task in tasks:
            task.path.with_suffix(".json").unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StillmotionError(f"{folder}: cannot write demo data ({reason}): name another folder") from error
    return [task.path for task in tasks]


def _draw_nuisance(seed: int, number: int) -> str:
    """Drawn at random, not in turn: with as many folds as nuisances, one fold would hold all of a kind."""
    return str(np.random.default_rng((seed, 4, number)).choice(NUISANCES))


def _plan(folder: Path, minutes: int, seed: int) -> list[_Task]:
    """All recordings. Each fault and each nuisance comes in turn."""
    normal = [
        _Task(folder / f"normal/recording{n:03d}.mp4", (_draw_nuisance(seed, n),), (seed, 1, n)) for n in range(minutes)
    ]
    names = [*(name for group in FAULTS.values() for name in group), *NUISANCES]
    tests = min(minutes, MAX_TESTS)
    dealt = np.resize(names, tests * HAPPENINGS)
    np.random.default_rng((seed, 3)).shuffle(dealt)
    return normal + [
        _Task(folder / f"test/recording{n:03d}.mp4", tuple(map(str, part)), (seed, 2, n))
        for n, part in enumerate(dealt.reshape(tests, HAPPENINGS))
    ]


def _render_all(
    render: Callable[[_Task], list[Happening]], tasks: Sequence[_Task], progress: Progress
) -> list[list[Happening]]:
    """Render several recordings at a time."""
    done: list[list[Happening]] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for happened in pool.map(render, tasks):
                done.append(happened)
                progress("rendering", len(done), len(tasks))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return done


def _write_truth(file: Path, tasks: Sequence[_Task], happenings: Sequence[Sequence[Happening]]) -> None:
    with atomic_write(file) as part, part.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["path", "label", "start", "end", "what"])
        for task, happened in zip(tasks, happenings, strict=True):
            for event in happened:
                label = "normal" if event.name in NUISANCES else event.name
                writer.writerow(
                    [task.path.name, label, f"{event.start_seconds:.2f}", f"{event.end_seconds:.2f}", event.name]
                )
