"""Workers on a Ray cluster, as far as no cluster is needed, and workers that never start."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.archives import write_archive
from stillmotion.archive import dispatching, list_archive, workers
from stillmotion.archive.records import ArchiveFile, Outcome
from stillmotion.archive.workers import RaySource, _Actor
from stillmotion.errors import StillmotionError


def fake_ray(nodes: Sequence[dict[str, Any]], **more: Any) -> Any:
    """What is asked of the module `ray`. Actors are the options that they are made with."""

    def options(**given: object) -> SimpleNamespace:
        ready = SimpleNamespace(remote=lambda: SimpleNamespace(future=Future))
        return SimpleNamespace(remote=lambda *_: SimpleNamespace(ready=ready, given=given))

    return SimpleNamespace(
        remote=lambda kind: SimpleNamespace(options=options),
        nodes=lambda: nodes,
        is_initialized=lambda: True,
        **more,
    )


@pytest.mark.parametrize("own", [True, False])
def test_a_cluster_gets_an_actor_for_each_core_and_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    """A head may do no work. An actor has one thread, whatever this machine has."""
    resources = [(32, True), (2.5, True), (None, True), (8, False)]
    nodes = [{"Resources": {"CPU": cores} if cores else {}, "Alive": alive} for cores, alive in resources]
    killed: list[Any] = []
    ended: list[bool] = []
    ray = fake_ray(nodes, kill=killed.append, shutdown=lambda: ended.append(True))
    monkeypatch.setattr("loky.cpu_count", lambda: 64)
    monkeypatch.setattr(workers, "connect", lambda address: (ray, own))
    with RaySource(b"", None) as source:
        assert source.count == 34
        source.start().end()
    (actor,) = killed
    assert actor.given["num_cpus"] == 1
    variables = actor.given["runtime_env"]["env_vars"]
    assert variables["TF_NUM_INTRAOP_THREADS"] == "1"
    assert variables["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] == "0"  # All see the GPUs.
    assert ended == [True] * own


def test_worker_processes_divide_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr("loky.cpu_count", lambda: 16)
    monkeypatch.setattr(workers, "ProcessWorker", lambda model, count: threads.append(count))
    for on in ("processes:2", "processes:5", "processes:16", "processes:20"):
        workers.workers_on(on, b"").start()
    assert threads == [8, 3, 1, 1]


def test_deaths_are_told_from_errors_on_ray() -> None:
    exceptions = pytest.importorskip("ray.exceptions")
    source = RaySource(b"", None)
    assert source.cause_of_death(exceptions.OutOfMemoryError("the node is low on memory")) == "out of memory"
    for error in (exceptions.NodeDiedError("gone"), exceptions.WorkerCrashedError(), exceptions.RayActorError()):
        assert source.cause_of_death(error) == "its actor died"
    assert source.cause_of_death(ValueError("x")) is None
    assert source.cause_of_death(exceptions.ObjectStoreFullError("x")) is None


def test_a_lost_cluster_is_one_line_and_no_reason_to_start_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray that is not connected starts a cluster of this machine when it shall kill an actor."""
    asked: list[object] = []
    ray = fake_ray([], kill=asked.append, shutdown=lambda: None)
    ray.is_initialized = lambda: not asked
    monkeypatch.setattr(workers, "connect", lambda address: (ray, True))
    with (
        pytest.raises(StillmotionError, match=r"^Ray: the connection to the cluster is lost; the same call resumes$"),
        RaySource(b"", "ray://head:10001") as source,
    ):
        source.start().end()
        source.start().end()
        raise ConnectionError("Exception that broke the connection")
    assert len(asked) == 1


def test_an_actor_loads_its_model_where_an_error_is_not_taken_for_its_death(tmp_path: Path) -> None:
    """Ray hides what is raised in `__init__`."""
    actor = _Actor(b"no model", str(tmp_path / "nowhere"))
    with pytest.raises(Exception, match="all machines of a cluster need the same folders"):
        actor.ready()


def test_it_is_said_once_that_no_worker_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatching, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(dispatching, "POLL_SECONDS", 0.0)
    source: Any = SimpleNamespace(count=1, start=lambda: SimpleNamespace(ready=Future(), end=lambda: None))
    files = list_archive(write_archive(tmp_path / "clips", {"a.mp4": "x"}))
    outcomes = dispatching.Dispatcher(source, files, {}, lambda strikes: None).outcomes()
    with caplog.at_level(logging.INFO, logger="stillmotion"):
        assert [next(outcomes) for _ in range(3)] == [None] * 3
    outcomes.close()
    assert [record.getMessage().partition(" within")[0] for record in caplog.records] == ["no worker has started"]


def test_workers_that_die_of_one_cause_while_they_start_are_no_end_while_others_can_start(tmp_path: Path) -> None:
    """Here, four of five workers die at once, as when memory is short for a moment."""
    files = list_archive(write_archive(tmp_path / "clips", {f"{number}.mp4": "x" for number in range(5)}))
    started: list[Future[None]] = []
    ended: list[None] = []

    def start() -> SimpleNamespace:
        ready: Future[None] = Future()
        started.append(ready)
        if len(started) < 5:
            ready.set_exception(MemoryError())
        elif len(ended) >= 4:
            ready.set_result(None)
        return SimpleNamespace(ready=ready, end=end, submit=predict)

    def end() -> None:
        ended.append(None)
        if len(ended) == 4:
            started[4].set_result(None)

    def predict(group: Sequence[ArchiveFile]) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        future.set_result(Outcome(tuple(file.key for file in group), None))
        return future

    source: Any = SimpleNamespace(count=5, start=start, cause_of_death=lambda error: "SIGKILL")
    outcomes = [one for one in dispatching.Dispatcher(source, files, {}, lambda strikes: None).outcomes() if one]
    assert sorted(key for outcome in outcomes for key in outcome.keys) == sorted(file.key for file in files)


def test_a_file_is_not_blamed_for_what_another_worker_may_have_done(tmp_path: Path) -> None:
    """Its last try begins when no other worker is at work."""
    last, other = list_archive(write_archive(tmp_path / "clips", {"a.mp4": "x", "b.mp4": "x"}))
    given: list[ArchiveFile] = []
    answers: list[Future[Outcome]] = []

    def start() -> SimpleNamespace:
        ready: Future[None] = Future()
        ready.set_result(None)
        return SimpleNamespace(ready=ready, end=lambda: None, submit=predict)

    def predict(group: Sequence[ArchiveFile]) -> Future[Outcome]:
        given.extend(group)
        answers.append(Future())
        return answers[-1]

    source: Any = SimpleNamespace(count=2, start=start)
    strikes = {last.key: dispatching.MAX_STRIKES - 1, other.key: 1}
    outcomes = dispatching.Dispatcher(source, [last, other], strikes, lambda strikes: None).outcomes()
    assert [next(outcomes) for _ in range(3)] == [None] * 3
    assert given == [other]
    answers[0].set_result(Outcome((other.key,), None))
    assert next(outcomes) == Outcome((other.key,), None)
    assert next(outcomes) is None
    assert given == [other, last]
    outcomes.close()
