"""Where tasks run: the places that are known, and Ray clusters."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.spies import ProgressSpy
from helpers.steps import AloneTask, FailTask, FolderTask, KilledOnceTask, MeetTask, Step, WhereTask
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.execution.machine import default_workers, threads_per_worker
from stillmotion.execution.places import check_place
from stillmotion.execution.ray_clusters import connect
from stillmotion.experiments import Processes
from stillmotion.experiments.placement import executor_on
from stillmotion.experiments.ray_cluster import RayCluster
from stillmotion.experiments.tasks import result_of


def test_a_place_is_a_number_of_processes_or_a_cluster() -> None:
    for on, workers in (("local", default_workers()), ("processes:3", 3)):
        executor = executor_on(on)
        assert isinstance(executor, Processes) and executor.workers == workers
    for on, address in (("ray", None), ("ray://head:10001", "ray://head:10001")):
        cluster = executor_on(on)
        assert isinstance(cluster, RayCluster) and cluster.address == address


@pytest.mark.parametrize(
    "on", ["", "processes", "processes:0", "processes:1.5", "ray://", "ray://head", "Ray", "cloud"]
)
def test_another_place_is_refused(on: str) -> None:
    with pytest.raises(UsageError, match="expected local, processes:N, ray or ray://HOST:PORT"):
        check_place(on)


def test_without_ray_one_line_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with RayCluster() as cluster, pytest.raises(StillmotionError, match=r'pip install "stillmotion\[ray\]"'):
        cluster.run([Step(id="a", title="", folder=tmp_path)])


def test_where_nothing_listens_no_cluster_is_waited_for() -> None:
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"ray://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(StillmotionError, match=rf"^{address}: cannot be reached \(Connection refused\)$"):
        connect(address)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Version mismatch: The cluster has:\n    Ray: 2.9\n", "Version mismatch: The cluster has: Ray: 2.9"),
        ("Initialization failure:\nTraceback (most recent call last):\n  ...\nValueError: why\n", "ValueError: why"),
        ("", "RuntimeError"),
    ],
)
def test_why_a_cluster_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch, said: str, shown: str) -> None:
    def init(**_: object) -> None:
        raise RuntimeError(said)

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init, is_initialized=lambda: False))
    with pytest.raises(StillmotionError) as raised:
        connect(None)
    assert str(raised.value) == f"Ray: cannot be reached ({shown})"


def test_a_connection_that_is_there_is_used_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the tasks of the comparison end with it."""
    canceled: list[object] = []
    ray = SimpleNamespace(is_initialized=lambda: True, cancel=lambda task, force: canceled.append(task))
    monkeypatch.setitem(sys.modules, "ray", ray)
    with RayCluster() as cluster:
        cluster._ray, cluster._own = connect(None)
        cluster._submitted.append("task")
    assert canceled == ["task"]


@pytest.mark.parametrize("machines", [[], [4]])
def test_a_cluster_whose_machines_are_too_small_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machines: list[int]
) -> None:
    """Ray would wait for a larger one."""
    nodes = [{"Resources": {"CPU": cores}, "Alive": True} for cores in machines]
    ray = SimpleNamespace(nodes=lambda: nodes, shutdown=lambda: None)
    monkeypatch.setattr("loky.cpu_count", lambda: 40)
    monkeypatch.setattr("stillmotion.experiments.ray_cluster.connect", lambda address: (ray, True))
    with (
        RayCluster() as cluster,
        pytest.raises(StillmotionError, match=r"gets 5 cores .* no machine of the Ray"),
    ):
        cluster.run([Step(id="a", title="", folder=tmp_path)])


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[RayCluster, ProgressSpy]]:
    """A cluster of this machine, started elsewhere than where its tasks run."""
    pytest.importorskip("ray")
    reports = ProgressSpy()
    with pytest.MonkeyPatch.context() as patch:
        helpers = str(Path(__file__).parents[1])
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [helpers, os.environ.get("PYTHONPATH")])))
        with RayCluster(None, reports) as executor:
            yield executor, reports


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_runs_tasks_as_processes_do(
    cluster: tuple[RayCluster, ProgressSpy], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "stillmotion")
    executor, reports = cluster
    tasks = [
        MeetTask(id="a", title="first", folder=tmp_path, other="b"),
        MeetTask(id="b", title="second", folder=tmp_path, other="a"),
        WhereTask(id="where", title="", folder=tmp_path),
        AloneTask(id="alone", title="", folder=tmp_path, after=("a", "b")),
        KilledOnceTask(id="killed", title="", folder=tmp_path),
        FolderTask(id="folder", title="", folder=tmp_path),
    ]
    results = executor.run(tasks)
    assert {name: results[name] for name in ("a", "b", "killed")} == {"a": "a", "b": "b", "killed": "killed"}
    where, alone = (result_of(results, name, tuple) for name in ("where", "alone"))
    assert where[0] != os.getpid() and where[1] == str(threads_per_worker())
    assert alone[0] == os.getpid()
    assert results["folder"] == os.getcwd()  # Relative paths mean the same there.
    assert {"first", "second", "all tasks"} <= set(reports.stages)
    assert {"first waiting", "second waiting"} & set(reports.stages)
    assert "a done" in caplog.messages


@pytest.mark.filterwarnings("ignore")
def test_an_error_on_a_cluster_is_the_tasks_own_and_its_log_is_not_lost(
    cluster: tuple[RayCluster, ProgressSpy], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends all work; the next plan connects again."""
    executor, _ = cluster
    with pytest.raises(StillmotionError, match=r"^b failed$"):
        executor.run([FailTask(id="b", title="", folder=tmp_path)])
    assert "b is about to fail" in caplog.messages
