"""Splits keep groups whole and labels in proportion, obey the table, and stay the same."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from stillmotion.data import Part, Video, Videos, split, split_folds, straddling_groups
from stillmotion.data.splitting import advised_folds, groups_per_label
from stillmotion.errors import StillmotionError, UsageError

ROOT = Path("data")
TRAIN: Part = "train"
TEST: Part = "test"


def make_videos(groups: int = 30, clips: int = 2, labels: int = 3) -> Videos:
    """`clips` videos in each group, with labels in turn."""
    return Videos(
        ROOT,
        tuple(
            Video(f"{group}-{clip}.mp4", f"label{(group + clip) % labels}", f"group{group}")
            for group in range(groups)
            for clip in range(clips)
        ),
    )


def with_parts(*parts: Part | None) -> Videos:
    """Videos of two labels in groups of two, each in a part of the table's own split."""
    return Videos(ROOT, tuple(Video(f"{n}.mp4", "ab"[n % 2], f"g{n // 2}", part) for n, part in enumerate(parts)))


def names(videos: Videos) -> list[str]:
    return [video.path for video in videos]


# Parts.


@pytest.mark.parametrize("fractions", [(0.7, 0.15, 0.15), (0.5, 0.2, 0.3)])
@pytest.mark.parametrize("seed", range(3))
def test_groups_stay_whole_and_every_video_is_in_one_part(fractions: tuple[float, ...], seed: int) -> None:
    videos = make_videos()
    parts = split(videos, fractions, seed=seed)
    assert straddling_groups(parts) == []
    assert sorted(name for part in parts for name in names(part)) == sorted(names(videos))


@pytest.mark.parametrize("fractions", [(0.7, 0.15, 0.15), (0.5, 0.2, 0.3), (0.2, 0.6, 0.2)])
def test_videos_groups_and_each_label_are_in_proportion(fractions: tuple[float, ...]) -> None:
    """One label is five times rarer than the other."""
    rng = np.random.default_rng(0)
    videos = Videos(
        ROOT, tuple(Video(f"{n}.mp4", "often" if rng.random() < 5 / 6 else "rare", f"g{n // 2}") for n in range(240))
    )
    totals = Counter(video.label for video in videos)
    for part, fraction in zip(split(videos, fractions), fractions, strict=True):
        counts = Counter(video.label for video in part)
        assert counts["often"] == pytest.approx(fraction * totals["often"], abs=3)
        assert counts["rare"] == pytest.approx(fraction * totals["rare"], abs=2)
        assert len(part.groups) == pytest.approx(fraction * 120, abs=3)


def test_large_groups_go_to_the_largest_part() -> None:
    """Three recordings of many clips could fill the test part, and would be three independent test cases."""
    sizes = [24] * 3 + [2] * 60
    videos = Videos(
        ROOT,
        tuple(
            Video(f"{group}-{clip}.mp4", "ab"[clip % 2], f"g{group:02}")
            for group, size in enumerate(sizes)
            for clip in range(size)
        ),
    )
    for seed in range(3):
        train, validation, test = split(videos, seed=seed)
        assert {"g00", "g01", "g02"} <= set(train.groups)
        assert min(len(validation.groups), len(test.groups)) >= 8


def test_the_seed_selects_the_split_and_the_order_of_videos_does_not_matter() -> None:
    videos = make_videos()
    parts = split(videos, seed=3)
    assert split(videos, seed=3) == parts
    assert split(videos, seed=4) != parts
    assert split(videos) == split(videos, seed=0)
    assert split_folds(videos, 3) == split_folds(videos, 3, seed=0) != split_folds(videos, 3, seed=1)
    backwards = split(videos.only(videos[::-1]), seed=3)
    assert [sorted(names(part)) for part in backwards] == [sorted(names(part)) for part in parts]


def test_splits_are_pinned_across_versions() -> None:
    """A seed gives the same test part in every version."""
    videos = Videos(ROOT, tuple(Video(f"{n}.mp4", "ab"[n % 2], f"g{n:02}") for n in range(20)))
    assert names(split(videos, seed=0)[2]) == ["0.mp4", "3.mp4", "10.mp4"]
    assert [names(test) for _, _, test in split_folds(videos, 4, seed=5)] == PINNED_FOLDS
    assert [names(validation) for _, validation, _ in split_folds(videos, 4, seed=5)] == PINNED_VALIDATION


PINNED_FOLDS = [
    ["0.mp4", "7.mp4", "16.mp4", "17.mp4", "18.mp4"],
    ["1.mp4", "2.mp4", "9.mp4", "12.mp4", "19.mp4"],
    ["3.mp4", "4.mp4", "8.mp4", "13.mp4", "14.mp4"],
    ["5.mp4", "6.mp4", "10.mp4", "11.mp4", "15.mp4"],
]
PINNED_VALIDATION = [["1.mp4", "6.mp4"], ["7.mp4", "18.mp4"], ["15.mp4", "18.mp4"], ["2.mp4", "17.mp4"]]


def test_splits_of_uneven_groups_are_pinned_across_versions() -> None:
    """Groups of 1 to 12 videos of three labels, one of them rare: whatever the costs weigh shows here."""
    rng = np.random.default_rng(0)
    videos = Videos(
        ROOT,
        tuple(
            Video(f"{group}-{clip}.mp4", "aaabbc"[int(rng.integers(6))], f"g{group:02}")
            for group in range(24)
            for clip in range(int(rng.integers(1, 13)))
        ),
    )
    assert [[[int(g[1:]) for g in part.groups] for part in split(videos, seed=seed)[1:]] for seed in range(4)] == UNEVEN


UNEVEN = [
    [[4, 7, 16, 20], [1, 12, 13, 23]],
    [[1, 12, 13, 23], [7, 16, 18, 20]],
    [[1, 12, 13, 23], [7, 16, 18, 20]],
    [[1, 12, 13, 23], [4, 7, 16, 20]],
]


def test_every_label_is_in_every_part_even_where_there_are_just_enough_groups() -> None:
    """Four groups of each label, no group of two labels."""
    videos = Videos(ROOT, tuple(Video(f"{n}.mp4", f"label{n // 4}", f"g{n}") for n in range(16)))
    for parts in (split(videos), *split_folds(videos, 2)):
        assert all(len(part.labels) == 4 for part in parts)


def test_labels_that_plain_tries_leave_out_of_a_part_are_placed_first() -> None:
    """The label `rare` occurs once in each of the three largest groups, which all belong in the largest part."""
    videos = Videos(
        ROOT,
        tuple(
            Video(f"{group}-{clip}.mp4", "rare" if group < 3 and clip == 0 else f"label{clip % 2}", f"g{group}")
            for group in range(40)
            for clip in range(10 if group < 3 else 2)
        ),
    )
    for parts in (split(videos), split(videos, (0.9, 0.05, 0.05))):
        assert all(part.labels == videos.labels for part in parts)


def test_too_few_groups_are_refused_with_the_numbers() -> None:
    with pytest.raises(StillmotionError, match=r"'label0' 2, 'label1' 2, 'label2' 2; each label needs 3 or more"):
        split(make_videos(groups=2, clips=4))
    with pytest.raises(StillmotionError, match=r"'label4' 2 and 3 more labels;"):
        split(make_videos(groups=2, clips=8, labels=8))
    assert all(len(part.labels) == 3 for part in split(make_videos(groups=3, clips=3)))
    with pytest.raises(StillmotionError, match="only one label"):
        split(make_videos(labels=1))


def test_a_split_that_does_not_exist_is_refused() -> None:
    """Each of three labels has three groups, but no three parts can each get all of them."""
    groups = {"g1": "abc", "g2": "ab", "g3": "ac", "g4": "b", "g5": "c"}
    videos = Videos(ROOT, tuple(Video(f"{g}{label}.mp4", label, g) for g, labels in groups.items() for label in labels))
    assert all(len(part.labels) == 3 for part in split(videos))
    groups = {"g1": "ab", "g2": "ac", "g3": "bc", "g4": "abc"}
    videos = Videos(ROOT, tuple(Video(f"{g}{label}.mp4", label, g) for g, labels in groups.items() for label in labels))
    with pytest.raises(StillmotionError, match=r"found no split of 4 groups .* each of 3 .* train, validation, test;"):
        split(videos)


def test_folds_that_do_not_exist_are_refused() -> None:
    """Each label has four groups, but it takes two of the six groups to have all three labels in a fold."""
    pairs = ("ab", "ac", "bc") * 2
    videos = Videos(
        ROOT, tuple(Video(f"{n}{label}.mp4", label, f"g{n}") for n, pair in enumerate(pairs) for label in pair)
    )
    assert all(len(test.labels) == 3 for _, _, test in split_folds(make_videos(), 4))
    with pytest.raises(StillmotionError, match=r"found no split of 6 groups .* in each of 4 folds;"):
        split_folds(videos, 4)


@pytest.mark.parametrize(
    "fractions",
    [(0.5, 0.5), (0.7, 0.2, 0.2), (0.6, 0.2, 0.1), (0.7, 0.3, 0.0), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5), ()],
)
def test_fractions_are_three_shares(fractions: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="three shares above 0"):
        split(make_videos(), fractions)
    with pytest.raises(UsageError, match="three shares above 0"):
        split_folds(make_videos(), 3, fractions)


# A split that the table brings.


def test_a_complete_split_of_the_table_is_obeyed_whatever_the_seed() -> None:
    videos = with_parts("test", "train", "validation", "train")
    for seed in (0, 9):
        assert [names(part) for part in split(videos, seed=seed)] == [["1.mp4", "3.mp4"], ["2.mp4"], ["0.mp4"]]


def test_a_missing_validation_part_is_taken_by_group_from_train_and_never_from_test() -> None:
    videos = with_parts(*[TRAIN] * 40, *[TEST] * 8)
    for seed, fractions, share in (
        (0, (0.6, 0.2, 0.2), 1 / 4),
        (1, (0.6, 0.2, 0.2), 1 / 4),
        (0, (0.6, 0.3, 0.1), 1 / 3),
    ):
        train, validation, test = split(videos, fractions, seed=seed)
        assert names(test) == [f"{n}.mp4" for n in range(40, 48)]
        assert set(train.groups).isdisjoint(validation.groups)
        assert len(train) + len(validation) == 40
        assert len(validation) == pytest.approx(share * 40, abs=2)


def test_an_incomplete_split_of_the_table_is_refused() -> None:
    with pytest.raises(StillmotionError, match="1 of 3 videos have no split"):
        split(with_parts("train", "test", None))
    with pytest.raises(StillmotionError, match="no test part"):
        split(with_parts("train", "validation"))
    with pytest.raises(StillmotionError, match="no train and no test part"):
        split(with_parts("validation", "validation"))


def test_groups_that_the_table_splits_are_found() -> None:
    parts = split(with_parts("test", "train", "validation", "validation", "train", "test"))
    assert straddling_groups(parts) == ["g0", "g2"]


# Folds.


@pytest.mark.parametrize("folds", [2, 3, 6])
def test_folds_test_every_video_once_and_keep_groups_whole(folds: int) -> None:
    videos = make_videos(groups=12, clips=3)
    parts_of = split_folds(videos, folds, seed=1)
    assert len(parts_of) == folds
    assert sorted(name for _, _, test in parts_of for name in names(test)) == sorted(names(videos))
    for parts in parts_of:
        assert straddling_groups(parts) == []
        assert sum(map(len, parts)) == len(videos)
        assert all(part.labels == videos.labels for part in parts)


@pytest.mark.parametrize(("fractions", "share"), [((0.6, 0.2, 0.2), 1 / 4), ((0.6, 0.3, 0.1), 1 / 3)])
def test_folds_are_of_equal_size_and_validation_takes_its_share_of_the_rest(
    fractions: tuple[float, ...], share: float
) -> None:
    for train, validation, test in split_folds(make_videos(groups=60), 4, fractions):
        assert len(test) == pytest.approx(30, abs=2)
        assert len(validation) == pytest.approx(share * 90, abs=2)
        assert len(train) == pytest.approx((1 - share) * 90, abs=2)


def test_folds_ignore_the_split_of_the_table() -> None:
    videos = with_parts(*[TRAIN] * 20, *[TEST] * 4)
    assert sorted(name for _, _, test in split_folds(videos, 3) for name in names(test)) == sorted(names(videos))


def test_the_number_of_folds_is_limited_by_the_groups_of_each_label() -> None:
    videos = make_videos(groups=12, clips=3)
    with pytest.raises(UsageError, match="1 folds; cross-validation takes 2 or more"):
        split_folds(videos, 1)
    with pytest.raises(StillmotionError, match="the label 'label0' has 12 groups; at most 12 folds are possible"):
        split_folds(videos, 13)
    with pytest.raises(StillmotionError, match="has 3 groups; at most 3 folds are possible"):
        split_folds(make_videos(groups=3, clips=3), 4)
    with pytest.raises(StillmotionError, match="has 2 groups; cross-validation takes 3 or more"):
        split_folds(make_videos(groups=2, clips=4), 3)


def test_as_many_folds_are_advised_as_each_label_has_groups() -> None:
    clips = [Video(f"{label}{n}.mp4", label, f"{label}{n // 2}") for label, n in [*product("a", range(12)), ("b", 0)]]
    assert groups_per_label(clips) == {"a": 6, "b": 1}
    for fewest, folds in ((1, 0), (2, 0), (3, 3), (5, 5), (9, 5)):
        assert advised_folds({"a": 20, "b": fewest}) == folds
