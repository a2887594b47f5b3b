from pathlib import Path

import numpy as np
import pytest

from helpers.media import write_video
from stillmotion.data import Video, Videos
from stillmotion.inspection import describe_shortcuts, find_shortcuts


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """One label is filmed before a dark wall, the other before a bright one; all else is alike."""
    root, rng = tmp_path_factory.mktemp("leak"), np.random.default_rng((0,))
    videos = []
    for i in range(24):
        level = (60, 180)[i % 2] + rng.integers(-15, 15)
        frames = np.full((6, 48, 64, 3), level, np.uint8)
        frames[:, 10:20, 20:30] = rng.integers(0, 255, (6, 10, 10, 3))
        write_video(root / f"{i}.mp4", frames)
        videos.append(Video(f"{i}.mp4", "ab"[i % 2], f"g{i // 2}"))
    return Videos(root, tuple(videos))


def test_a_leak_is_found_and_named(leaking: Videos) -> None:
    found = {one.name: one for one in find_shortcuts(leaking)}
    assert found["how bright it is"].accuracy == 1.0
    assert found["how bright it is"].leaks
    assert found["the background alone"].leaks
    assert not found["how long it lasts"].leaks
    assert found["how long it lasts"].guessing == 0.5
    assert found["other videos of its group"].accuracy == 0.0  # each group has one of each label
    told = describe_shortcuts(list(found.values()))
    assert len(told) == 1
    assert "how bright it is (100 %)" in told[0]
    assert "each predict the label, where guessing is right in 50 %" in told[0]


def test_what_moves_is_no_background(tmp_path: Path) -> None:
    """A bright square drifts or runs over a wall that tells nothing, under a light that flickers."""
    rng, videos = np.random.default_rng((0,)), []
    for i in range(40):
        frames = rng.integers(80, 100) + rng.normal(0, 3, (16, 48, 48, 3)) + rng.uniform(-15, 15, (16, 1, 1, 1))
        x, step = rng.integers(48), (1, 6)[i % 2]
        for t in range(16):
            frames[t, 17:31, (x + step * t + np.arange(14)) % 48] += 110
        write_video(tmp_path / f"{i}.mp4", np.clip(frames, 0, 255).astype(np.uint8))
        videos.append(Video(f"{i}.mp4", "ab"[i % 2], f"g{i // 2}"))
    found = find_shortcuts(Videos(tmp_path, tuple(videos)))
    assert not describe_shortcuts(found)


def test_labels_of_few_videos_each(leaking: Videos) -> None:
    few = [Video(one.path, f"label{i // 3}", one.group) for i, one in enumerate(leaking)]
    found = find_shortcuts(Videos(leaking.root, tuple(few)))
    assert len(found) == 5


def test_what_the_group_tells_is_no_warning(leaking: Videos) -> None:
    pure = [Video(one.path, "ab"[i // 12], f"g{i // 2}") for i, one in enumerate(leaking)]
    found = find_shortcuts(Videos(leaking.root, tuple(pure)))
    assert [one.name for one in found if one.leaks and not one.warns] == ["other videos of its group"]


def test_too_few_to_say(leaking: Videos) -> None:
    assert find_shortcuts(leaking.only(leaking[:8])) == []
