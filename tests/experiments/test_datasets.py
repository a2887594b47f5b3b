"""A data set made ready to train on, and what its user is shown of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.media import noise, write_video
from helpers.spies import ProgressSpy
from stillmotion.clips import OpenedVideos, open_videos
from stillmotion.data import Videos, read_videos, split, split_folds
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.experiments.datasets import Dataset, open_dataset, read_labeled

Messages = Callable[[str], list[str]]
# Of 5 recordings of a label: 1, 1 and 3.
FRACTIONS = (0.2, 0.2, 0.6)


def prepare(data: Path | Videos | OpenedVideos, **settings: Any) -> Dataset:
    defaults: dict[str, Any] = {"fractions": FRACTIONS, "seed": 0, "rate": "spread", "frames": 8}
    return open_dataset(read_labeled(data), **(defaults | settings))


def names(videos: Videos | OpenedVideos) -> list[str]:
    return [video.name for video in (videos.videos if isinstance(videos, OpenedVideos) else videos)]


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> Messages:
    """The logged messages of a level."""
    caplog.set_level("INFO", "stillmotion")

    def of_level(level: str) -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelname == level]

    return of_level


@pytest.fixture
def copied(recordings: Path, tmp_path: Path) -> Path:
    """A copy of the recordings that a test may change."""
    return Path(shutil.copytree(recordings, tmp_path / "recordings"))


def write_table(recordings: Path, path: Path, rows: list[str]) -> Path:
    """A table of the recordings: label, group and split of each, in turn."""
    lines = [f"{recordings}/{'left' if i < 5 else 'right'}/rec{i % 5}.mp4,{row}" for i, row in enumerate(rows)]
    path.write_text("\n".join(["path,label,group,split", *lines]))
    return path


def test_the_parts_are_those_of_the_split_opened(recordings: Path) -> None:
    dataset = prepare(recordings, seed=3)
    expected = split(read_videos(recordings), FRACTIONS, seed=3)
    assert expected != split(read_videos(recordings), FRACTIONS)
    (fold,) = dataset.folds
    assert [names(part) for part in (fold.train, fold.validation, fold.test)] == [names(part) for part in expected]
    assert dataset.opened == open_videos(read_videos(recordings))
    assert {segment.window[0] for segment in fold.test} == {0.0}
    assert dataset.skipped == ()


def test_the_folds_are_those_of_the_cross_validation(recordings: Path) -> None:
    dataset = prepare(recordings, folds=2, seed=3)
    expected = split_folds(read_videos(recordings), 2, FRACTIONS, seed=3)
    assert expected != split_folds(read_videos(recordings), 2, FRACTIONS)
    assert [[names(fold.train), names(fold.validation), names(fold.test)] for fold in dataset.folds] == [
        [names(part) for part in division] for division in expected
    ]


def test_the_sizes_of_data_set_and_parts_are_logged(recordings: Path, messages: Messages) -> None:
    prepare(read_labeled(recordings, group=r"rec\d"))
    assert messages("INFO") == [
        r"10 videos, 2 labels, 5 groups; groups: what 'rec\\d' matches in the path",
        "split by group: train 2 videos of 1 groups, validation 2 videos of 1 groups, test 6 videos of 3 groups",
    ]
    assert messages("WARNING") == []


def test_opened_videos_are_not_opened_again_and_keep_what_was_skipped(copied: Path) -> None:
    (copied / "left" / "broken.mp4").write_bytes(b"")
    opened = open_videos(read_videos(copied))
    reports = ProgressSpy()
    dataset = prepare(opened, progress=reports)
    assert reports.stages == []
    assert dataset.opened.segments == opened.segments
    assert dataset.skipped == opened.skipped != ()
    assert dataset.opened.skipped == ()


def test_opening_is_reported(recordings: Path) -> None:
    reports = ProgressSpy()
    prepare(recordings, progress=reports)
    assert set(reports.stages) == {"opening videos"}
    assert reports.counts == [(done, 10) for done in range(1, 11)]


def test_an_automatic_rate_follows_from_durations_and_frames(recordings: Path, messages: Messages) -> None:
    """Windows of long videos are 10 seconds long."""
    assert prepare(recordings, rate="auto", frames=8).rate == 0.8
    assert prepare(recordings, rate="auto", frames=16).rate == 1.6
    assert any(message.startswith("rate: 1.6 frames per second") for message in messages("INFO"))


def test_frames_are_spread_over_short_videos(tmp_path: Path, messages: Messages) -> None:
    for number in range(6):
        write_video(tmp_path / "short" / "ab"[number % 2] / f"{number}.mp4", noise(4, 16, 16, seed=number))
    assert prepare(tmp_path / "short", rate="auto", frames=7).rate == "spread"
    assert any(message.startswith("rate: spread, 7 frames over each video") for message in messages("INFO"))


def test_a_rate_above_the_videos_own_is_lowered_and_said(recordings: Path, messages: Messages) -> None:
    own = prepare(recordings).opened.segments[0].facts.rate
    assert prepare(recordings, rate=60.0).rate == own < 60
    assert f"rate: {own:g} frames per second instead of 60; no video has more" in messages("INFO")


@pytest.mark.parametrize("rate", [5.0, "spread"])
def test_a_given_rate_is_kept(recordings: Path, messages: Messages, rate: float | str) -> None:
    assert prepare(recordings, rate=rate).rate == rate
    assert not any("rate" in message for message in messages("INFO"))


@pytest.mark.parametrize(
    ("broken", "last"), [(1, []), (10, []), (12, ["  and 2 more; inspect the data set to see all of them"])]
)
def test_unreadable_videos_are_counted_and_ten_named_with_reasons(
    copied: Path, messages: Messages, broken: int, last: list[str]
) -> None:
    files = [copied / "left" / f"broken{number:02d}.mp4" for number in range(broken)]
    for file in files:
        file.write_bytes(b"")
    dataset = prepare(copied)
    assert messages("INFO")[: 2 + min(broken, 10) + len(last) - 1] == [
        f"{broken} of {10 + broken} videos skipped:",
        *(f"  {video.reason}" for video in dataset.skipped[:10]),
        *last,
    ]
    assert [video.video.name for video in dataset.skipped] == [f"left/{file.name}" for file in files]
    assert all(str(file) in video.reason for file, video in zip(files, dataset.skipped, strict=True))
    assert len(dataset.opened) == sum(len(names(part)) for part in vars(dataset.folds[0]).values()) == 10


@pytest.mark.parametrize("name", ["a\0b.mp4", "a\0b.png"])
def test_a_path_with_the_character_nul_is_skipped(recordings: Path, tmp_path: Path, name: str) -> None:
    table = write_table(recordings, tmp_path / "table.csv", ["left,,"] * 5 + ["right,,"] * 5)
    table.write_text(f"{table.read_text()}\n{name},left,,")
    (skipped,) = prepare(table).skipped
    assert "no file name can hold the character NUL" in skipped.reason and "\0" not in skipped.reason


def test_a_data_set_without_a_readable_video_is_an_error(tmp_path: Path) -> None:
    for label in ("left", "right"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "data" / label / f"{number}.mp4").write_bytes(b"")
    with pytest.raises(StillmotionError, match="data: none of 6 videos can be read"):
        prepare(tmp_path / "data")


def test_a_pattern_names_the_groups_of_a_folder(recordings: Path) -> None:
    videos = read_labeled(recordings, group=r"rec\d")
    assert isinstance(videos, Videos)
    assert videos.groups == ("rec0", "rec1", "rec2", "rec3", "rec4")
    assert len(read_videos(recordings).groups) == 10


def test_a_pattern_for_videos_that_have_groups_is_refused(recordings: Path) -> None:
    videos = read_videos(recordings)
    for given in (videos, open_videos(videos)):
        assert read_labeled(given) is given
        with pytest.raises(UsageError, match="have their groups already"):
            read_labeled(given, group="rec")


def test_videos_of_one_label_are_refused_opened_or_not(recordings: Path) -> None:
    videos = read_videos(recordings)
    left = videos.only([video for video in videos if video.label == "left"])
    for given in (left, open_videos(left)):
        with pytest.raises(StillmotionError, match="only one label, 'left'"):
            read_labeled(given)


@pytest.mark.parametrize(("count", "others"), [(1, ""), (2, " (and 1 more)"), (3, " (and 2 more)")])
def test_copies_across_labels_are_warned_of(copied: Path, messages: Messages, count: int, others: str) -> None:
    copies = [copied / "right" / f"take{number}.mp4" for number in range(count)]
    for copy in copies:
        shutil.copy(copied / "left" / "rec0.mp4", copy)
    prepare(copied)
    assert messages("WARNING") == [
        f"right/take0.mp4 is a copy of left/rec0.mp4, under another label or in another group{others}; "
        "copies mislead training or make every model look better than it is"
    ]


def test_segments_that_overlap_in_two_groups_are_warned_of(
    recordings: Path, tmp_path: Path, messages: Messages
) -> None:
    table = write_table(recordings, tmp_path / "table.csv", ["left,,"] * 5 + ["right,,"] * 5)
    lines = table.read_text().splitlines()
    again = lines[1].replace("left,,", "left,monday,,0.5")
    table.write_text("\n".join([lines[0] + ",start_seconds", *(f"{line}," for line in lines[1:]), again]))
    prepare(table)
    (warning,) = messages("WARNING")
    assert "rec0.mp4@0.5- overlaps " in warning and "in another group" in warning


def test_groups_in_several_parts_of_a_tables_own_split_are_warned_of(
    recordings: Path, tmp_path: Path, messages: Messages
) -> None:
    parts = ["train", "train", "validation", "test", "test"] * 2
    groups = ["monday", "tuesday", "wednesday", "monday", "tuesday"] * 2
    rows = [f"{'left' if i < 5 else 'right'},{groups[i]},{part}" for i, part in enumerate(parts)]
    dataset = prepare(write_table(recordings, tmp_path / "table.csv", rows))
    assert [len(part) for part in vars(dataset.folds[0]).values()] == [4, 2, 4]
    (warning,) = messages("WARNING")
    assert warning.startswith("2 groups are in more than one part of the table's own split ('monday', ...)")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_label_that_a_tables_own_split_does_not_train_is_refused(recordings: Path, tmp_path: Path, part: str) -> None:
    parts = ["train", "train", "validation", "test", "test"]
    rows = [f"left,,{name}" for name in parts] + [f"right,,{name}" for name in parts]
    rows[parts.index(part)] = f"up,,{part}"
    with pytest.raises(StillmotionError, match=f"label 'up' is in the {part} part but not in the train part"):
        prepare(write_table(recordings, tmp_path / "table.csv", rows))


@pytest.mark.parametrize(("part", "ignored"), [("train", "; the table's own split is not used"), ("", "")])
def test_folds_say_that_they_ignore_a_tables_own_split(
    recordings: Path, tmp_path: Path, messages: Messages, part: str, ignored: str
) -> None:
    rows = [f"{'left' if i < 5 else 'right'},group{i},{part}" for i in range(10)]
    prepare(write_table(recordings, tmp_path / "table.csv", rows), folds=2)
    logged = messages("INFO")
    assert f"2 folds by group, each video in the test part of one{ignored}" in logged
    assert sum(message.startswith("split by group: ") for message in logged) == 2
    assert messages("WARNING") == []
