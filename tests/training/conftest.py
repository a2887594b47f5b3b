"""One small training that many tests read, and its counterpart with wrong validation labels."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

import stillmotion as sm
from helpers.training import separate_cache, swap_labels, write_shades


@pytest.fixture(scope="session", autouse=True)
def saved_epochs() -> Iterator[None]:
    """Every epoch is saved, however short it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stillmotion.training.checkpoints.SAVING_SHARE", math.inf)
        yield


@pytest.fixture(scope="module")
def shades(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[sm.Videos]]:
    """Videos that are easy to learn: 12 to train on, 4 to validate on, 4 to test on."""
    folder = tmp_path_factory.mktemp("shades")
    with separate_cache(folder / "cache"):
        yield list(sm.split(sm.read_videos(write_shades(folder / "videos")), (0.6, 0.2, 0.2)))


@pytest.fixture(scope="module")
def easy_recipe() -> sm.Recipe:
    spec = sm.ClipSpec(frames=2, size=16)
    return sm.make_recipe("frame_pool", spec=spec, epochs=12, batch_size=4, patience=2, learning_rate=0.01)


@pytest.fixture(scope="module")
def easy_run(shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path_factory: pytest.TempPathFactory) -> sm.Run:
    """A finished training."""
    return sm.train(easy_recipe, shades[0], shades[1], out=tmp_path_factory.mktemp("runs") / "easy")


@pytest.fixture(scope="module")
def unsaved_run(shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same training with wrong labels in the validation part, interrupted after its last epoch.

    The better it learns, the worse it validates.
    """
    folder = tmp_path_factory.mktemp("runs") / "unsaved"
    contrary = swap_labels(shades[1], "dark", "bright")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("stillmotion.training.fitting.snapshot_model", Mock(side_effect=KeyboardInterrupt))
        sm.train(easy_recipe, shades[0], contrary, out=folder)
    return folder


@pytest.fixture(scope="module")
def contrary_run(
    unsaved_run: Path, shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path_factory: pytest.TempPathFactory
) -> sm.Run:
    """The same, finished."""
    folder = shutil.copytree(unsaved_run, tmp_path_factory.mktemp("runs") / "contrary")
    return sm.train(easy_recipe, shades[0], swap_labels(shades[1], "dark", "bright"), out=folder)
