"""A training is the same on any number of devices, and in any number of processes."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest

import stillmotion as sm
from helpers.training import write_shades
from stillmotion.training.devices import Devices, find_devices

SCRIPT = Path(__file__).with_name("train_on_devices.py")
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX divides batches among devices")


@contextmanager
def started(videos: Path, out: Path, how: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that trains; it has to succeed."""
    environment = {**os.environ, "STILLMOTION_CACHE": str(out.parent / "cache"), **variables}
    log = out.parent / f"{how}{variables.get('KERAS_DISTRIBUTION_PROCESS_ID', '')}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(videos), str(out), how], env=environment, stdout=file, stderr=file
        )
        with process:
            yield process
    assert process.returncode == 0, log.read_text()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of trainings on 1 and 4 devices, on 2 and then 4, and in 2 processes."""
    folder = tmp_path_factory.mktemp("devices")
    write_shades(folder / "videos")
    out = folder / "runs"
    out.mkdir()
    with started(folder / "videos", out, "single", XLA_FLAGS="--xla_force_host_platform_device_count=4"):
        pass
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    common = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": address, "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    with (
        started(folder / "videos", out, "several", KERAS_DISTRIBUTION_PROCESS_ID="0", **common),
        started(folder / "videos", out, "several", KERAS_DISTRIBUTION_PROCESS_ID="1", **common),
    ):
        pass
    return out


def history(run: Path) -> list[dict[str, float]]:
    with (run / "history.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def weights(run: Path) -> np.ndarray:
    model = keras.saving.load_model(run / "model.keras")
    return np.concatenate([np.asarray(weight).ravel() for weight in model.get_weights()])


@pytest.mark.jax
@on_jax
@pytest.mark.parametrize("name", ["4", "resumed", "processes"])
def test_losses_and_weights_do_not_depend_on_the_devices(trained: Path, name: str) -> None:
    one, other = history(trained / "1"), history(trained / name)
    assert len(one) == len(other) == 4
    for row, same in zip(one, other, strict=True):
        assert same == pytest.approx(row, rel=1e-3, abs=1e-4)
    np.testing.assert_allclose(weights(trained / name), weights(trained / "1"), rtol=1e-2, atol=2e-3)


@pytest.mark.jax
@on_jax
def test_what_cannot_be_divided_is_refused(trained: Path) -> None:
    assert (trained / "odd.txt").read_text().startswith("a batch of 4 clips cannot be divided among 3 devices")
    assert "JAX finds 4" in (trained / "many.txt").read_text()


@pytest.mark.jax
@on_jax
def test_if_one_process_cannot_go_on_none_waits_for_it(trained: Path) -> None:
    assert "holds a training with other settings" in (trained / "folder0.txt").read_text()
    assert "another of the processes" in (trained / "folder1.txt").read_text()


@pytest.mark.jax
@on_jax
def test_processes_with_other_settings_are_refused(trained: Path) -> None:
    for number in range(2):
        assert "do not see the same videos and settings" in (trained / f"settings{number}.txt").read_text()


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX divides batches")
def test_other_backends_refuse_several_devices(tmp_path: Path) -> None:
    with pytest.raises(sm.UsageError, match="KERAS_BACKEND=jax"):
        find_devices(2)
    with pytest.raises(sm.UsageError, match="KERAS_BACKEND=jax"):
        find_devices("all")


def test_devices_are_a_number_or_all() -> None:
    for wanted in (0, -1, 1.5, "two"):
        with pytest.raises(sm.UsageError, match="expected a number from 1, or 'all'"):
            find_devices(wanted)  # type: ignore[arg-type]


def test_a_number_of_processes_that_is_none_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "two")
    with pytest.raises(sm.UsageError, match="NUM_PROCESSES is 'two'; expected a number"):
        find_devices(1)
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "")
    assert find_devices(1) == Devices()


def test_each_process_gets_its_part_of_a_batch() -> None:
    batch = np.arange(6)
    parts = [Devices(count=6, processes=3, process=number).share(batch).tolist() for number in range(3)]
    assert parts == [[0, 1], [2, 3], [4, 5]]
