"""What predictions cost: the units of what is measured. No real time is measured here."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from itertools import accumulate, chain
from typing import Any

import pytest

import stillmotion as sm
from stillmotion.prediction import measure_cost, measure_memory

pytestmark = pytest.mark.backend


def fake_clock(durations: Iterable[float]) -> Callable[[], float]:
    """A clock that is read before and after each piece of work, which takes one of the durations in seconds."""
    times = accumulate(chain.from_iterable((1.0, duration) for duration in durations))
    return lambda: next(times)


@pytest.mark.parametrize(
    ("single_clips", "batches"),
    [
        ([0.005] + [0.004] * 19, [0.02] + [0.016] * 4),
        # One is slow by accident, and three are enough.
        ([7.0] + [0.004] * 2, [7.0] + [0.016] * 2),
    ],
)
def test_a_clips_cost_is_its_median_time_in_milliseconds(
    motion_run: sm.Run, single_clips: list[float], batches: list[float]
) -> None:
    """The first ones of each kind are slow, for they compile."""
    clock = fake_clock([9.0, 9.0, *single_clips, 9.0, *batches])
    cost = measure_cost(motion_run, clock=clock)
    assert cost.milliseconds_per_clip == pytest.approx(4.0)
    assert cost.frames_per_second == pytest.approx(4 * 4 / 0.016)  # batches of 4 clips of 4 frames
    with pytest.raises(StopIteration):
        clock()


def test_parameters_and_multiply_adds_are_the_models(motion_run: sm.Run) -> None:
    import keras

    cost = measure_cost(motion_run, clock=fake_clock([1.0] * 29))
    assert cost.parameters == keras.saving.load_model(motion_run.model_file).count_params()
    assert cost.multiply_adds is not None and cost.multiply_adds > 1e5


def test_memory_is_that_of_a_process_with_the_model_in_megabytes(motion_run: sm.Run) -> None:
    memory = measure_memory(motion_run)
    assert memory is not None and 50 < memory < 5000


@pytest.mark.parametrize(
    ("platform", "returncode", "printed", "expected"),
    [
        ("linux", 0, "a warning\n204800\n", 200.0),  # kilobytes
        ("darwin", 0, "209715200\n", 200.0),  # bytes
        ("linux", 1, "204800\n", None),
        ("linux", 0, "", None),
        ("linux", 0, "no number\n", None),
    ],
)
def test_memory_is_unknown_where_the_process_fails(
    platform: str, returncode: int, printed: str, expected: float | None, motion_run: sm.Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def run(command: list[str], **settings: Any) -> subprocess.CompletedProcess[str]:
        assert command[-4:] == ["4", "16", "16", "3"]
        return subprocess.CompletedProcess(command, returncode, stdout=printed, stderr="")

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr("sys.platform", platform)
    assert measure_memory(motion_run) == expected
