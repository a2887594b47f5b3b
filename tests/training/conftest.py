"""One small training that many tests read, and its counterpart with wrong validation labels."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import stillmotion as sm
from helpers.training import separate_cache, swap_labels, write_shades


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
def contrary_run(shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path_factory: pytest.TempPathFactory) -> sm.Run:
    """The same training with wrong labels in the validation part: the better it learns, the worse it validates."""
    contrary = swap_labels(shades[1], "dark", "bright")
    return sm.train(easy_recipe, shades[0], contrary, out=tmp_path_factory.mktemp("runs") / "contrary")
