"""Augmentation varies all frames of a clip alike, within its limits, and the same in every version."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.media import noise
from stillmotion.clips import Augment, augment
from stillmotion.clips.augment import NO_AUGMENTATION


def flat(level: int) -> NDArray[np.uint8]:
    return np.full((2, 16, 16, 3), level, np.uint8)


def levels(clip: NDArray[np.uint8], how: Augment, seeds: int = 200) -> NDArray[np.int64]:
    """The level of each channel of the first pixel, `(seeds, 3)`."""
    return np.array([augment(clip, how, np.random.default_rng(seed))[0, 0, 0] for seed in range(seeds)], np.int64)


def test_all_frames_of_a_clip_are_varied_alike() -> None:
    clip = np.repeat(noise(1), 5, axis=0)
    varied = augment(clip, Augment(flip=True), np.random.default_rng(1))
    assert varied.shape == clip.shape and varied.dtype == np.uint8
    assert not np.array_equal(varied, clip)
    assert (varied == varied[:1]).all()


def test_each_frame_is_varied_as_if_it_were_alone() -> None:
    """Frames are resized side by side and below each other; none takes pixels of its neighbor."""
    clip = noise(5)
    together, alone = (
        np.concatenate([augment(part, Augment(crop=0.5), np.random.default_rng(3)) for part in parts])
        for parts in ([clip], np.split(clip, 5))
    )
    assert np.array_equal(together, alone)


def test_a_generator_of_the_same_seed_gives_the_same_clip() -> None:
    first, repeated, different = (augment(noise(3), Augment(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, repeated)
    assert not np.array_equal(first, different)


def test_no_augmentation_changes_nothing() -> None:
    assert np.array_equal(augment(noise(3), NO_AUGMENTATION, np.random.default_rng(0)), noise(3))


def test_half_of_the_clips_are_mirrored_if_asked_for_and_none_by_default() -> None:
    assert not Augment().flip
    clip = noise(3)
    varied = [augment(clip, replace(NO_AUGMENTATION, flip=True), np.random.default_rng(seed)) for seed in range(100)]
    mirrored = [np.array_equal(images, clip[:, :, ::-1]) for images in varied]
    assert all(m or np.array_equal(images, clip) for m, images in zip(mirrored, varied, strict=True))
    assert 35 < sum(mirrored) < 65


def test_brightness_shifts_all_channels_by_up_to_its_share_of_128() -> None:
    augmented = levels(flat(128), replace(NO_AUGMENTATION, brightness=0.5))
    assert np.all(np.ptp(augmented, axis=1) == 0)
    assert 64 <= augmented.min() < 68 and 188 < augmented.max() <= 192


def test_contrast_scales_the_distance_from_the_middle() -> None:
    how = replace(NO_AUGMENTATION, contrast=0.5)
    assert np.all(levels(flat(128), how) == 128)
    augmented = levels(flat(64), how)
    assert 32 <= augmented.min() < 35 and 93 < augmented.max() <= 96


def test_color_scales_each_channel_by_itself() -> None:
    augmented = levels(flat(100), replace(NO_AUGMENTATION, color=0.3))
    assert 70 <= augmented.min() < 72 and 128 < augmented.max() <= 130
    correlations = np.asarray(np.corrcoef(augmented.T))
    assert np.abs(correlations[np.triu_indices(3, 1)]).max() < 0.3


def test_levels_are_clipped_and_never_wrap_around() -> None:
    assert levels(flat(255), Augment(crop=0.0), 50).min() > 60
    assert levels(flat(0), replace(NO_AUGMENTATION, brightness=0.4), 50).max() < 60


def test_a_crop_keeps_at_least_its_share_of_each_side() -> None:
    """Columns and rows count from 0 to 250: the range that remains shows what was cropped."""
    ramp = np.linspace(0, 250, 100)
    clip = np.zeros((1, 100, 100, 3), np.uint8)
    clip[..., 0], clip[..., 1] = ramp, ramp[:, None]
    varied = [augment(clip, replace(NO_AUGMENTATION, crop=0.4), np.random.default_rng(seed))[0] for seed in range(100)]
    for channel, axis in ((0, 1), (1, 0)):
        lines = np.array([images[..., channel].mean(1 - axis) for images in varied])
        kept = (lines[:, -1] - lines[:, 0]) / 250
        assert 0.57 < kept.min() < 0.65 and 0.95 < kept.max() <= 1.0
        assert lines[:, 0].max() > 60 and lines[:, -1].min() < 190  # anywhere in the frame


def test_augmentation_is_pinned_across_versions() -> None:
    """A recipe and a seed determine what a model sees in training."""
    varied = augment(noise(2, 16, 16), Augment(flip=True), np.random.default_rng((0, 1, 2)))
    assert varied[0, 8, 8].tolist() == PINNED
    assert float(varied.mean()) == pytest.approx(PINNED_MEAN, abs=0.01)


PINNED = [95, 56, 43]
PINNED_MEAN = 78.788
