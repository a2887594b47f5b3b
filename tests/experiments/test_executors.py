"""Tasks side by side in worker processes: order, progress, errors, and every way in which work ends early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from helpers.spies import ProgressSpy
from helpers.steps import AloneTask, EndlessTask, FailTask, KilledTask, MeetTask, Step, WhereTask
from stillmotion.cli.backend import load_backend
from stillmotion.errors import CancelledError, StillmotionError
from stillmotion.execution.machine import available_memory, default_workers, most_workers, threads_per_worker
from stillmotion.execution.worker_processes import BACKEND_VARIABLES, worker_environment
from stillmotion.experiments import InProcess, Processes


def wait_until_gone(pid: int) -> None:
    """Fail unless a process ends within some seconds."""
    for _ in range(400):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} is still there")


def pid_in(file: Path) -> int:
    """The process that an endless task has written into a file, as soon as it is there."""
    for _ in range(1200):
        if file.exists():
            return int(file.read_text(encoding="ascii"))
        time.sleep(0.05)
    pytest.fail(f"{file} was never written")


def test_tasks_are_at_work_at_the_same_time_and_report_under_their_titles(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two tasks that wait for each other end only side by side; a third one comes after both."""
    caplog.set_level("INFO", "stillmotion")
    reports = ProgressSpy()
    tasks = [
        MeetTask(id="a", title="first", folder=tmp_path, other="b"),
        MeetTask(id="b", title="second", folder=tmp_path, other="a"),
        Step(id="c", title="third", folder=tmp_path, after=("a", "b")),
    ]
    with Processes(2, reports) as executor:
        assert executor.run(tasks) == {"a": "a", "b": "b", "c": "c"}
    assert "noise" not in capfd.readouterr().err
    stages = reports.stages
    assert set(stages) <= {"all tasks"} | {
        f"{title}{stage}" for title in ("first", "second", "third") for stage in ("", " waiting", " working")
    }
    for title in ("first", "second", "third"):
        counts = [count for stage, count in zip(stages, reports.counts, strict=True) if stage == title]
        assert counts == [(0, 1), (1, 1)]
    assert stages.index("third") > max(stages.index("first"), stages.index("second"))
    overall = [count for stage, count in zip(stages, reports.counts, strict=True) if stage == "all tasks"]
    assert overall[0] == (0, 3)
    assert overall[-1] == (3, 3)
    assert sorted(record.getMessage() for record in caplog.records) == ["a done", "b done", "c done"]


def test_workers_have_the_same_threads_however_many_there_are_and_stay_for_the_next_plan(tmp_path: Path) -> None:
    """So a training gives the same result with one worker as with several."""
    task = WhereTask(id="a", title="", folder=tmp_path)
    places: list[object] = []
    for workers in (1, 3):
        with Processes(workers) as executor:
            places += [executor.run([task])["a"] for _ in range(2)]
    pids, threads = zip(*places, strict=True)
    assert set(threads) == {str(threads_per_worker())}
    assert pids[0] == pids[1]
    assert os.getpid() not in pids


def test_a_task_that_needs_the_machine_for_itself_runs_in_this_process_after_the_others(tmp_path: Path) -> None:
    tasks = [
        AloneTask(id="alone", title="", folder=tmp_path),
        WhereTask(id="beside", title="", folder=tmp_path),
        WhereTask(id="after", title="", folder=tmp_path, after=("alone",)),
    ]
    with Processes(2) as executor:
        results = executor.run(tasks)
    assert list(results) == ["beside", "alone", "after"]
    assert results["alone"] == (os.getpid(), os.environ.get("TF_NUM_INTRAOP_THREADS"))


def test_the_first_error_ends_all_work_and_what_was_logged_is_not_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Processes(2) as executor, pytest.raises(StillmotionError, match=r"^b failed$"):
        executor.run(
            [
                EndlessTask(id="a", title="", folder=tmp_path),
                MeetTask(id="c", title="", folder=tmp_path, other="a"),
                FailTask(id="b", title="", folder=tmp_path, after=("c",)),
            ]
        )
    wait_until_gone(pid_in(tmp_path / "a"))
    assert [record.getMessage() for record in caplog.records] == ["b is about to fail"]


def test_a_worker_that_is_killed_ends_the_work_with_one_clear_line(tmp_path: Path) -> None:
    tasks = [
        EndlessTask(id="a", title="", folder=tmp_path),
        MeetTask(id="b", title="", folder=tmp_path, other="a"),
        KilledTask(id="c", title="", folder=tmp_path, after=("b",)),
    ]
    with Processes(2) as executor, pytest.raises(StillmotionError, match="was killed, perhaps for lack of memory"):
        executor.run(tasks)
    wait_until_gone(pid_in(tmp_path / "a"))


def test_a_canceled_experiment_ends_although_its_tasks_report_nothing(tmp_path: Path) -> None:
    cancel = threading.Event()

    def progress(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        if stage == "endless working":
            threading.Timer(0.2, cancel.set).start()

    with Processes(1, progress, cancel) as executor, pytest.raises(CancelledError):
        executor.run([EndlessTask(id="a", title="endless", folder=tmp_path)])
    wait_until_gone(pid_in(tmp_path / "a"))


def test_an_exception_raised_by_a_progress_report_ends_the_work(tmp_path: Path) -> None:
    """This is how Ctrl-C reaches the work on the command line."""

    def progress(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        if stage == "endless working":
            raise KeyboardInterrupt

    with Processes(1, progress) as executor, pytest.raises(KeyboardInterrupt):
        executor.run([EndlessTask(id="a", title="endless", folder=tmp_path)])
    wait_until_gone(pid_in(tmp_path / "a"))


SCRIPT = """
import pathlib, signal, sys
from helpers.steps import EndlessTask
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
from stillmotion.experiments import Processes
with Processes(1) as executor:  # no `if __name__ == "__main__"`: workers do not run this script again
    executor.run([EndlessTask(id="a", title="", folder=pathlib.Path(sys.argv[1]))])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_a_script_that_is_stopped_or_killed(tmp_path: Path, end: signal.Signals) -> None:
    """Ctrl-C reaches the whole group of processes; a worker says nothing about it."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    helpers = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, script, tmp_path],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([helpers, *sys.path])},
    )
    worker = pid_in(tmp_path / "a")
    if end == signal.SIGINT:
        os.killpg(process.pid, end)
    else:
        process.kill()
    _, errors = process.communicate(timeout=60)
    wait_until_gone(worker)
    assert errors.count("Traceback") == (1 if end == signal.SIGINT else 0)
    if end == signal.SIGINT:
        assert errors.splitlines()[-1] == "KeyboardInterrupt"


def test_a_plan_that_runs_a_task_before_what_it_needs_is_a_mistake(tmp_path: Path) -> None:
    for executor in (InProcess(), Processes(1)):
        with pytest.raises(ValueError, match="before 'a'"):
            executor.run([Step(id="b", title="", folder=tmp_path, after=("a",))])


@pytest.mark.parametrize(
    ("cores", "gigabytes", "workers", "threads", "most"),
    [(2, 100, 2, 1, 2), (1, 100, 1, 1, 1), (4, 3.1, 2, 1, 2), (2, 0.5, 1, 1, 1), (32, 100, 8, 4, 32)],
)
def test_workers_are_as_many_as_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch, cores: int, gigabytes: float, workers: int, threads: int, most: int
) -> None:
    """Those of a comparison are at most 8, and then have several threads."""
    monkeypatch.setattr("loky.cpu_count", lambda: cores)
    monkeypatch.setattr("stillmotion.execution.machine.available_memory", lambda: gigabytes * 2**30)
    assert (default_workers(), threads_per_worker(), most_workers()) == (workers, threads, most)


def test_memory_is_what_the_system_and_the_container_have_left(tmp_path: Path) -> None:
    assert available_memory(tmp_path) == float("inf")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    assert available_memory(tmp_path) == 8000 * 2**10
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("700000\n")
    (group / "memory.max").write_text("max\n")
    assert available_memory(tmp_path) == 8000 * 2**10
    (group / "memory.max").write_text("1000000\n")
    (group / "memory.stat").write_text("file 500000\ninactive_file 100000\n")
    assert available_memory(tmp_path) == 400000


def test_the_users_own_xla_flags_are_kept() -> None:
    assert worker_environment(1, {"XLA_FLAGS": "--a"})["XLA_FLAGS"] == "--a --xla_cpu_multi_thread_eigen=false"
    assert "XLA_FLAGS" not in worker_environment(2, {})


def test_variables_that_the_user_has_set_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BACKEND_VARIABLES.items():
        assert worker_environment(1, {})[name] == value
        assert worker_environment(1, {name: "0"})[name] == "0"
        monkeypatch.setenv(name, "0")
    load_backend()
    assert {os.environ[name] for name in BACKEND_VARIABLES} == {"0"}
    for name in BACKEND_VARIABLES:
        monkeypatch.delenv(name)
    load_backend()
    assert {name: os.environ[name] for name in BACKEND_VARIABLES} == dict(BACKEND_VARIABLES)
