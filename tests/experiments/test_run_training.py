"""One run from a data set: every argument reaches what it is for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.executors import FabricatingExecutor
from helpers.spies import ProgressSpy
from stillmotion.clips import Augment, ClipSpec, OpenedVideos
from stillmotion.data import Videos, read_videos, split
from stillmotion.errors import CancelledError, StillmotionError, UsageError
from stillmotion.experiments import EvaluateTask, TrainTask, run_training
from stillmotion.training import make_recipe
from stillmotion.training.devices import Devices

Executors = list[FabricatingExecutor]


def names(videos: Videos | OpenedVideos) -> list[str]:
    return [video.name for video in (videos.videos if isinstance(videos, OpenedVideos) else videos)]


def groups(videos: Videos | OpenedVideos) -> tuple[str, ...]:
    return (videos.videos if isinstance(videos, OpenedVideos) else videos).groups


def test_every_argument_reaches_the_training(recordings: Path, tmp_path: Path, executors: Executors) -> None:
    run = run_training(
        recordings,
        "conv3d",
        out=tmp_path / "run",
        frames=6,
        rate=5.0,
        size=(16, 24),
        flip=True,
        group=r"rec\d",
        fractions=(0.2, 0.2, 0.6),
        seed=3,
        tensorboard=True,
        overwrite=True,
        epochs=7,
        learning_rate=0.01,
        input="difference",
    )
    (executor,) = executors
    (training,) = executor.of(TrainTask)
    (test,) = executor.of(EvaluateTask)
    assert training.recipe == make_recipe(
        "conv3d",
        spec=ClipSpec(6, 5.0, (16, 24)),
        augment=Augment(flip=True),
        seed=3,
        epochs=7,
        learning_rate=0.01,
        input="difference",
    )
    assert (training.folder, test.folder, run.folder) == (tmp_path / "run",) * 3
    assert (training.title, test.title) == ("conv3d, seed 3",) * 2
    assert (training.overwrite, training.tensorboard) == (True, True)
    parts = split(read_videos(recordings, group=r"rec\d"), (0.2, 0.2, 0.6), seed=3)
    assert [names(part) for part in (training.train, training.validation, test.test)] == [names(part) for part in parts]
    assert [groups(part) for part in (training.train, training.validation, test.test)] == [
        groups(part) for part in parts
    ]
    assert set(names(run.record.data.part("test"))) == set(names(parts[2]))


def test_processes_agree_before_and_after_the_training_and_not_around_it(
    recordings: Path, tmp_path: Path, executors: Executors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that fails in the training would else wait for others, which wait for it in the training."""
    seen: list[tuple[str, int]] = []

    class Spied(Devices):
        @contextmanager
        def together(self, identity: str = "") -> Iterator[None]:
            seen.append(("begin", len(executors[0].tasks)))
            yield
            seen.append(("end", len(executors[0].tasks)))

    monkeypatch.setattr("stillmotion.training.find_devices", lambda devices: Spied())
    run_training(recordings, out=tmp_path / "run")
    assert seen == [("begin", 0), ("end", 0), ("begin", 1), ("end", 2)]
    assert [type(task) for task in executors[0].tasks] == [TrainTask, EvaluateTask]


def test_defaults_are_a_still_model_with_16_frames_of_64_pixels(
    recordings: Path, tmp_path: Path, executors: Executors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = run_training(recordings)
    (training,) = executors[0].of(TrainTask)
    assert run.folder == Path("frame_pool-run")
    assert training.recipe == make_recipe("frame_pool", spec=ClipSpec(16, 1.6, 64))  # windows of 10 seconds
    assert (training.overwrite, training.tensorboard) == (False, False)
    assert names(training.train) == names(split(read_videos(recordings))[0])


def test_the_kind_of_an_own_family_is_kept(recordings: Path, tmp_path: Path, executors: Executors) -> None:
    run = run_training(recordings, "mine:build", kind="still", out=tmp_path / "run")
    assert run.recipe.family == "still=mine:build"


def test_the_classic_preset_sets_the_architecture_and_10_frames(
    recordings: Path, tmp_path: Path, executors: Executors
) -> None:
    run = run_training(recordings, "conv3d", out=tmp_path / "run", preset="classic")
    assert run.recipe == make_recipe("conv3d", spec=ClipSpec(10, 1.0, 64), preset="classic")


@pytest.mark.usefixtures("unopened")
@pytest.mark.parametrize(
    "settings",
    [
        {"family": "conv4d"},
        {"family": "frame_pool", "input": "rgb"},
        {"nonsense": 1},
        {"epochs": 0},
        {"frames": 0},
        {"size": 0},
        {"preset": "huge"},
        {"pool": "median"},
        {"fractions": (0.5, 0.5)},
        {"group": "("},
    ],
)
def test_a_wrong_setting_is_refused_before_a_video_is_opened(
    recordings: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    with pytest.raises(UsageError):
        run_training(recordings, out=tmp_path / "run", **settings)


@pytest.mark.usefixtures("unopened")
def test_a_folder_that_cannot_be_made_is_refused_before_a_video_is_opened(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(StillmotionError, match="cannot make this folder"):
        run_training(recordings, out=tmp_path / "run")


def test_opening_is_reported_and_can_be_canceled(recordings: Path, tmp_path: Path, executors: Executors) -> None:
    reports, cancel = ProgressSpy(), threading.Event()
    run_training(recordings, out=tmp_path / "run", progress=reports, cancel=cancel)
    assert reports.stages == ["opening videos"] * 10
    cancel.set()
    with pytest.raises(CancelledError):
        run_training(recordings, out=tmp_path / "other", cancel=cancel)
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("unopened")
def test_a_backbone_that_is_not_installed_is_refused_before_a_video_is_opened(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillmotion.models.pretrained.table.find_spec", lambda package: None)
    with pytest.raises(StillmotionError, match="its weights are not installed"):
        run_training(recordings, out=tmp_path / "run", backbone="efficientnet-lite0")
