"""The small version of benchmarks/kill_archive.py: what dies at random times costs time, and no file."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from helpers.archives import expected_predictions, read_predictions, write_archive

TEXTS = {f"{number:02}.mp4": "x" * (number + 1) for number in range(30)}


def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "kill_archive.py"
    spec = importlib.util.spec_from_file_location("kill_archive", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes by /proc")
def test_kills_at_random_times_lose_no_file_and_predict_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, out = write_archive(tmp_path / "clips", TEXTS), tmp_path / "out"
    (tmp_path / "trace").mkdir()
    command = [sys.executable, "-m", "helpers.archives", *map(str, (clips, out, tmp_path / "trace"))]
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    killed = benchmark().disturb(command, 4, 1, pause=(1.0, 2.0))
    assert len(killed) > 2 and killed[-1] == "0", killed
    assert read_predictions(out) == expected_predictions(TEXTS)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([[None, 1], [1]], ["driver", "1"]),  # It was disturbed, and fails again when it is not.
        ([[None, 1], [0]], ["driver", "0"]),
        ([[1]], ["1"]),
        ([[None, 2]], ["driver", "2"]),
        ([[None, -9], [0]], ["driver", "0"]),
    ],
)
def test_a_failure_counts_as_the_end_only_if_nothing_was_killed(
    monkeypatch: pytest.MonkeyPatch, runs: list[list[int | None]], expected: list[str]
) -> None:
    """Each run is the answers of its `wait`; None for none in time, which is when something is killed."""
    module, left = benchmark(), iter(runs)
    pretend_runs(monkeypatch, module, left, [])
    assert module.disturb(["x"], 5, 0, pause=(0, 0)) == expected
    assert not list(left)


def test_on_a_cluster_drivers_actors_and_nodes_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    module, pids, nodes = benchmark(), list[int](), list[object]()
    cluster = SimpleNamespace(actors=lambda: [7], replace_node=nodes.append)
    pretend_runs(monkeypatch, module, iter([[*[None] * 9, 0]]), pids)
    killed = Counter(module.disturb(["x"], 9, 0, pause=(0, 0), cluster=cluster))
    assert killed == {"driver": pids.count(-1), "worker": pids.count(7), "node": len(nodes), "0": 1}
    assert len(killed) == 4


def pretend_runs(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, runs: Iterator[list[int | None]], pids: list[int]
) -> None:
    """Give the benchmark runs with these answers, and collect the processes that it kills."""

    def start(command: object) -> SimpleNamespace:
        answers = iter(next(runs))

        def wait(seconds: float) -> int:
            answer = next(answers)
            if answer is None:
                raise subprocess.TimeoutExpired("x", seconds)
            return answer

        return SimpleNamespace(pid=-1, wait=wait)

    monkeypatch.setattr(module, "subprocess", SimpleNamespace(Popen=start, TimeoutExpired=subprocess.TimeoutExpired))
    monkeypatch.setattr(module, "os", SimpleNamespace(kill=lambda pid, _: pids.append(pid)))
