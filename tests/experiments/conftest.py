"""A small data set on disk, and an executor that fabricates what trainings and tests would leave."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.executors import FabricatingExecutor
from helpers.media import noise, write_video
from stillmotion.experiments import InProcess
from stillmotion.models import find_family
from stillmotion.progress import Progress


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of folders: 5 recordings of each of 2 labels, 30 seconds long, at 5 frames per second."""
    folder = tmp_path_factory.mktemp("data") / "recordings"
    for number in range(10):
        path = folder / ("left", "right")[number % 2] / f"rec{number // 2}.mp4"
        write_video(path, noise(5, 16, 16, seed=number).repeat(30, axis=0), rate=5)
    return folder


@dataclass
class ReportingExecutor(FabricatingExecutor):
    """Fabricates results, and reports and cancels as `in_process` does.

    Attributes:
        in_process: what reports and cancels.
        workers: how many processes were asked for.
    """

    in_process: InProcess = InProcess()
    workers: int = 0

    def reporter(self, title: str) -> Progress:
        return self.in_process.reporter(title)


@pytest.fixture
def executors(monkeypatch: pytest.MonkeyPatch) -> list[FabricatingExecutor]:
    """Nothing is trained; these are the executors that were made instead. Motion is right, stills guess."""
    made: list[FabricatingExecutor] = []

    def in_process(progress: Progress, cancel: threading.Event | None) -> ReportingExecutor:
        executor = ReportingExecutor(
            lambda recipe: 0.5 if find_family(recipe.family).kind == "still" else 1.0,
            in_process=InProcess(progress, cancel),
        )
        made.append(executor)
        return executor

    def processes(workers: int, progress: Progress, cancel: threading.Event | None) -> ReportingExecutor:
        executor = in_process(progress, cancel)
        executor.workers = workers
        return executor

    monkeypatch.setattr("stillmotion.experiments.training.InProcess", in_process)
    monkeypatch.setattr("stillmotion.experiments.placement.Processes", processes)
    return made


@pytest.fixture
def unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """No video may be opened."""
    monkeypatch.setattr(
        "stillmotion.experiments.datasets.open_videos", lambda *videos, **settings: pytest.fail("opened")
    )
