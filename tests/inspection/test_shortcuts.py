"""What predicts the label without the action is found, named, and distinguished from the action."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from helpers.media import Pictures, noise, write_video, write_with_sound
from stillmotion.data import Video, Videos
from stillmotion.inspection import (
    SHORTCUT_NAMES,
    Shortcut,
    describe_shortcuts,
    find_shortcuts,
    shortcuts as shortcuts_module,
)

# What else such a video shows: a border or a clock is part of the background.
ALSO = {"borders": ("background", "brightness"), "text": ("background", "brightness")}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortcuts_module, "TREES", 20)


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """One label is recorded before a dark wall, the other before a bright one; nothing else differs."""
    root, rng = tmp_path_factory.mktemp("leak"), np.random.default_rng((0,))
    videos = []
    for number in range(24):
        level = (60, 180)[number % 2] + rng.integers(-15, 15)
        frames = np.full((6, 48, 64, 3), level, np.uint8)
        frames[:, 10:20, 20:30] = rng.integers(0, 255, (6, 10, 10, 3))
        write_video(root / f"{number}.mp4", frames)
        videos.append(Video(f"{number}.mp4", "ab"[number % 2], f"g{number // 2}"))
    return Videos(root, tuple(videos))


def relabel(videos: Videos, labels: list[str], groups: list[str]) -> Videos:
    return videos.only(
        [Video(video.path, label, group) for video, label, group in zip(videos, labels, groups, strict=True)]
    )


def test_brightness_and_background_that_predict_the_label_are_found(leaking: Videos) -> None:
    shortcuts = {shortcut.kind: shortcut for shortcut in find_shortcuts(leaking)}
    assert list(shortcuts) == list(SHORTCUT_NAMES)
    assert shortcuts["brightness"].accuracy == 1.0
    assert {kind for kind, shortcut in shortcuts.items() if shortcut.predicts_label} == {"brightness", "background"}
    assert {kind for kind, shortcut in shortcuts.items() if shortcut.warns} == {"brightness", "background"}
    assert all(shortcut.guessing == 0.5 for shortcut in shortcuts.values())
    assert all(shortcut.low <= shortcut.accuracy <= shortcut.high for shortcut in shortcuts.values())
    assert shortcuts["group"].accuracy == 0.0  # each group has one of each label


def test_files_and_durations_that_predict_the_label_are_found(tmp_path: Path) -> None:
    videos = []
    for number in range(24):
        frames = np.full((4 + 4 * (number % 2), 32, (32, 48)[number % 2], 3), 100, np.uint8)
        write_video(tmp_path / f"{number}.mp4", frames)
        videos.append(Video(f"{number}.mp4", "ab"[number % 2], f"g{number // 2}"))
    shortcuts = find_shortcuts(Videos(tmp_path, tuple(videos)))
    assert [shortcut.kind for shortcut in shortcuts if shortcut.predicts_label] == ["file", "duration"]


def test_what_moves_is_no_background(tmp_path: Path) -> None:
    """A bright square drifts or runs over a wall that predicts nothing, under a light that flickers."""
    rng, videos = np.random.default_rng((0,)), []
    for number in range(40):
        frames = rng.integers(80, 100) + rng.normal(0, 3, (16, 48, 48, 3)) + rng.uniform(-15, 15, (16, 1, 1, 1))
        x, step = rng.integers(48), (1, 6)[number % 2]
        for t in range(16):
            frames[t, 17:31, (x + step * t + np.arange(14)) % 48] += 110
        write_video(tmp_path / f"{number}.mp4", np.clip(frames, 0, 255).astype(np.uint8))
        videos.append(Video(f"{number}.mp4", "ab"[number % 2], f"g{number // 2}"))
    assert not [shortcut for shortcut in find_shortcuts(Videos(tmp_path, tuple(videos))) if shortcut.warns]


def test_labels_with_few_videos_each_are_cross_validated_all_the_same(leaking: Videos) -> None:
    labels = [f"label{number // 3}" for number in range(24)]
    assert len(find_shortcuts(relabel(leaking, labels, [video.group for video in leaking]))) == len(SHORTCUT_NAMES)


def test_a_group_that_predicts_its_label_is_expected(leaking: Videos) -> None:
    labels = ["ab"[number // 12] for number in range(24)]
    shortcuts = find_shortcuts(relabel(leaking, labels, [video.group for video in leaking]))
    assert [(shortcut.kind, shortcut.warns) for shortcut in shortcuts if shortcut.predicts_label] == [("group", False)]


def test_too_few_videos_or_groups_give_no_findings(leaking: Videos) -> None:
    assert find_shortcuts(leaking.only(leaking[:8])) == []
    labels = [video.label or "" for video in leaking]
    assert find_shortcuts(relabel(leaking, labels, [f"g{number // 6}" for number in range(24)])) == []
    assert find_shortcuts(relabel(leaking, ["a"] * 24, [video.group for video in leaking])) == []


def test_the_description_names_what_warns_with_the_best_predictor_first() -> None:
    brightness = Shortcut("brightness", 0.9, 0.5, 0.8, 1.0, predicts_label=True)
    background = Shortcut("background", 1.0, 0.5, 0.9, 1.0, predicts_label=True)
    group = Shortcut("group", 1.0, 0.5, 0.9, 1.0, predicts_label=True, expected=True)
    duration = Shortcut("duration", 0.6, 0.5, 0.4, 0.8, predicts_label=False)
    assert describe_shortcuts([duration, group]) == ""
    assert describe_shortcuts([brightness, group]) == (
        "the brightness (90 %) predicts the label, where guessing is right in 50 %. If that is not what the labels "
        "mean, models may learn it in place of the action, and look better than they are"
    )
    description = describe_shortcuts([brightness, duration, background])
    assert description.startswith("the background alone (100 %) and the brightness (90 %) each predict the label")


def pan(wall: Pictures, number: int) -> tuple[Pictures, int]:
    """The camera pans to the left or to the right."""
    steps = range(12) if number % 2 else range(11, -1, -1)
    return np.stack([wall[30:90, 30 + 3 * step : 110 + 3 * step] for step in steps]), 12


def borders(wall: Pictures, number: int) -> tuple[Pictures, int]:
    """One label has black borders; the light differs more than they change it."""
    frames = (wall[None, 30:90, 30:110].repeat(12, axis=0) * (0.5 + 0.04 * (number // 2))).astype(np.uint8) + 20
    if number % 2:
        frames[:, :3] = frames[:, -3:] = 0
    return frames, 12


def clock(wall: Pictures, number: int) -> tuple[Pictures, int]:
    """One label has a burnt-in clock."""
    frames = wall.repeat(2, axis=0).repeat(2, axis=1)[None].repeat(12, axis=0)
    for t, frame in enumerate(frames if number % 2 else ()):
        image = Image.fromarray(frame)
        ImageDraw.Draw(image).text((12, 214), f"08:15:{t:02d} CAM1", (255,) * 3, ImageFont.load_default(size=18))
        frame[:] = np.asarray(image)
    return frames, 12


def encoder(wall: Pictures, number: int) -> tuple[Pictures, int]:
    """One label's encoder sets keyframes more often."""
    return wall[None, 30:90, 30:110].repeat(25, axis=0), (5, 8)[number % 2]


@pytest.mark.parametrize(
    ("film", "kind"), [(pan, "camera"), (borders, "borders"), (clock, "text"), (encoder, "keyframes")]
)
def test_what_the_camera_and_the_file_tell_is_warned_of(
    film: Callable[[Pictures, int], tuple[Pictures, int]], kind: str, tmp_path: Path
) -> None:
    videos = []
    for number in range(24):
        spots = gaussian_filter(np.random.default_rng((9, number)).normal(0, 1, (120, 200)), 2)
        wall = np.clip(120 + 40 * spots / spots.std(), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=-1)
        frames, keyframes = film(wall, number)
        write_video(tmp_path / f"{number}.mp4", frames, keyframes=keyframes)
        videos.append(Video(f"{number}.mp4", "ab"[number % 2], f"g{number // 2}"))
    warned = {shortcut.kind for shortcut in find_shortcuts(Videos(tmp_path, tuple(videos))) if shortcut.warns}
    assert kind in warned
    assert warned <= {kind, *ALSO.get(kind, ())}


def test_sound_that_predicts_the_label_is_found(tmp_path: Path) -> None:
    videos = []
    for number in range(24):
        path = write_with_sound(tmp_path / f"{number}.mkv", noise(4, seed=number), sound=number % 2 == 1)
        videos.append(Video(path.name, "ab"[number % 2], f"g{number // 2}"))
    assert {shortcut.kind for shortcut in find_shortcuts(Videos(tmp_path, tuple(videos))) if shortcut.warns} == {
        "sound"
    }
