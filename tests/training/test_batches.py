"""What a model is trained and validated on: balanced, reproducible, and different in each epoch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import stillmotion as sm
from stillmotion.clips import Segment, even_windows, open_videos, read_clips, read_frames
from stillmotion.clips.augment import NO_AUGMENTATION
from stillmotion.training import TrainingClips, ValidationClips

pytestmark = pytest.mark.backend
LABELS = ("bright", "dark")


@pytest.fixture(scope="module")
def recipe() -> sm.Recipe:
    return sm.make_recipe("frame_pool", spec=sm.ClipSpec(frames=2, size=16), batch_size=3, seed=5)


@pytest.fixture(scope="module")
def segments(shades: list[sm.Videos]) -> list[Segment]:
    """Six bright ones and two dark ones."""
    train = open_videos(shades[0]).segments
    bright = [segment for segment in train if segment.video.label == "bright"]
    return bright + [segment for segment in train if segment.video.label == "dark"][:2]


def test_every_label_has_the_same_total_weight(segments: list[Segment], recipe: sm.Recipe) -> None:
    """Without weights, a model would learn to guess the frequent label."""
    one_batch = dataclasses.replace(recipe, batch_size=8)
    _, targets, weights = TrainingClips(segments, LABELS, one_batch)[0]
    np.testing.assert_allclose(weights @ targets, [4.0, 4.0], rtol=1e-6)
    assert weights.sum() == pytest.approx(len(segments))  # so that the learning rate means the same
    assert sorted(set(weights.tolist())) == pytest.approx([8 / (2 * 6), 8 / (2 * 2)])


def test_targets_are_one_hot_in_the_order_of_the_labels(segments: list[Segment], recipe: sm.Recipe) -> None:
    one_batch = dataclasses.replace(recipe, batch_size=8)
    for labels in (LABELS, LABELS[::-1]):
        clips, targets, _ = TrainingClips(segments, labels, one_batch)[0]
        bright = np.array([clip.mean() > 120 for clip in clips])
        assert targets.dtype == np.float32
        np.testing.assert_array_equal(targets[:, labels.index("bright")], bright)
        np.testing.assert_array_equal(targets.sum(axis=1), np.ones(8))


def test_an_epoch_has_full_batches_alone_and_leaves_other_clips_out_each_time(
    segments: list[Segment], recipe: sm.Recipe
) -> None:
    clips = TrainingClips(segments, LABELS, recipe)
    assert len(clips) == 2
    orders = []
    for _ in range(3):
        batches = [clips[index] for index in range(len(clips))]
        assert [batch[0].shape for batch in batches] == [(3, 2, 16, 16, 3)] * 2
        assert all(batch[0].dtype == np.uint8 for batch in batches)
        orders.append([tuple(row) for batch in batches for row in batch[1]])
        clips.on_epoch_end()
    assert len(set(map(tuple, orders))) > 1
    few = TrainingClips(segments[:2], LABELS, recipe)  # fewer clips than a batch holds
    assert (len(few), few[0][0].shape[0]) == (1, 2)


def test_a_clip_depends_on_seed_epoch_and_place_alone(segments: list[Segment], recipe: sm.Recipe) -> None:
    forward, backward = TrainingClips(segments, LABELS, recipe), TrainingClips(segments, LABELS, recipe)
    there = [forward.clip(index) for index in range(8)]
    back = [backward.clip(index) for index in reversed(range(8))][::-1]
    np.testing.assert_array_equal(there, back)
    resumed = TrainingClips(segments, LABELS, recipe, epoch=1)
    forward.on_epoch_end()
    np.testing.assert_array_equal(resumed[1][0], forward[1][0])
    assert not np.array_equal(resumed.clip(0), there[0])
    other_seed = TrainingClips(segments, LABELS, dataclasses.replace(recipe, seed=6))
    assert not np.array_equal(other_seed.clip(0), there[0])


def test_the_order_of_an_epoch_is_the_same_in_every_version(segments: list[Segment], recipe: sm.Recipe) -> None:
    """Or a training could not be repeated."""
    clips = TrainingClips(segments, LABELS, recipe)
    for order in ([1, 4, 2, 3, 7, 5], [4, 2, 5, 0, 7, 6]):
        batches = [clips[index][0] for index in range(len(clips))]
        np.testing.assert_array_equal(np.concatenate(batches), [clips.clip(index) for index in order])
        clips.on_epoch_end()


def test_clips_of_one_frame_show_any_frame_of_the_video_in_training_and_the_middle_one_in_validation(
    segments: list[Segment],
) -> None:
    recipe = sm.make_recipe("single_frame", spec=sm.ClipSpec(frames=4, size=16), augment=NO_AUGMENTATION)
    assert recipe.spec == sm.ClipSpec(frames=1, size=16)
    shown = read_frames(segments[0].file, [0.0, 0.1, 0.2, 0.3], 16, 16).images
    clips = TrainingClips(segments[:1], LABELS, recipe)
    drawn = []
    for _ in range(40):
        (clip,) = clips.clip(0)
        drawn.append(int(np.abs(shown - clip.astype(float)).max(axis=(1, 2, 3)).argmin()))
        clips.on_epoch_end()
    assert set(drawn) == {0, 1, 2, 3}
    (clip,) = ValidationClips(segments[:1], LABELS, recipe)[0][0][0]
    np.testing.assert_array_equal(clip, shown[2])


def test_a_single_frame_is_drawn_from_windows_as_long_as_those_of_longer_clips() -> None:
    recipe = sm.make_recipe("single_frame", spec=sm.ClipSpec(frames=8, rate=4.0))
    assert (recipe.spec.frames, recipe.spec.seconds) == (1, 2.0)


def test_a_longer_video_gives_more_clips(segments: list[Segment], recipe: sm.Recipe) -> None:
    """0.4 s, in windows of 0.1 s."""
    fast = dataclasses.replace(recipe, spec=sm.ClipSpec(frames=2, rate=20, size=16))
    counts = [len(TrainingClips(segments, LABELS, dataclasses.replace(r, batch_size=1))) for r in (recipe, fast)]
    assert counts[0] == len(segments)
    assert counts[1] == pytest.approx(4 * len(segments), abs=len(segments))


def test_validation_sees_each_video_once_in_order_as_evaluation_does(
    segments: list[Segment], recipe: sm.Recipe
) -> None:
    validation = ValidationClips(segments, LABELS, recipe)
    batches = [validation[index] for index in range(len(validation))]
    assert [len(clips) for clips, _ in batches] == [3, 3, 2]
    expected = [read_clips(segment.file, [segment.window], recipe.spec)[0] for segment in segments]
    np.testing.assert_array_equal(np.concatenate([clips for clips, _ in batches]), expected)
    np.testing.assert_array_equal(np.concatenate([targets for _, targets in batches])[:, 0], [1] * 6 + [0] * 2)


def test_validation_covers_a_long_video_with_eight_windows_at_most(segments: list[Segment], recipe: sm.Recipe) -> None:
    short = sm.ClipSpec(frames=2, rate=100, size=16)  # windows of 0.02 s
    validation = ValidationClips(segments[:1], LABELS, dataclasses.replace(recipe, spec=short, batch_size=20))
    clips, _ = validation[0]
    assert len(even_windows(short, segments[0].window)) > 8
    expected = read_clips(segments[0].file, even_windows(short, segments[0].window, 8), short)
    np.testing.assert_array_equal(clips, expected)
