"""Data sets as people have them, their groups and their splits."""

from __future__ import annotations

import pytest

from stillmotion.data import Video, Videos, read_videos, split, split_folds, straddling_groups
from stillmotion.errors import StillmotionError, UsageError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_the_folders_of_the_docstring(tmp_path):
    videos = read_videos(
        touch(tmp_path, "jam/monday_clip01.mp4", "jam/monday_clip02.mp4", "running/line 2/a.mp4",
              "running/line 2/b.mp4",
              "running/tuesday.mov", "running/notes.txt", "running/.hidden.mp4")
    )  # fmt: skip
    assert {v.path: (v.label, v.group) for v in videos} == {
        "jam/monday_clip01.mp4": ("jam", "monday"),
        "jam/monday_clip02.mp4": ("jam", "monday"),
        "running/line 2/a.mp4": ("running", "line 2"),
        "running/line 2/b.mp4": ("running", "line 2"),
        "running/tuesday.mov": ("running", "running/tuesday.mov"),
    }


def test_groups_by_cut_mark_and_by_pattern(tmp_path):
    root = touch(tmp_path, "Biking/v_Biking_g01_c03.avi", "Biking/fi001.mp4", "Biking/rec_1.mp4")
    assert [v.group for v in read_videos(root)] == ["Biking/fi001.mp4", "Biking/rec_1.mp4", "v_Biking_g01"]
    with pytest.raises(UsageError, match="does not match"):
        read_videos(root, group=r"_(g\d+)_")
    with pytest.raises(UsageError, match="not a regular expression"):
        read_videos(root, group="(")


def test_a_table(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text('path,label,split,start_seconds,end_seconds\na.mp4,"a ""b"" / 🎉",train,1,2\na.mp4,01,val,,\n')
    first, second = read_videos(table)
    assert first == Video("a.mp4", 'a "b" / 🎉', "a.mp4", "train", 1.0, 2.0)
    assert (second.label, second.part, second.group) == ("01", "validation", "a.mp4")
    table.write_text("path,label,split\na.mp4,x,maybe\n")
    with pytest.raises(StillmotionError, match="row 2: split is 'maybe'"):
        read_videos(table)
    table.write_text("path,label,start_seconds,end_seconds\na.mp4,x,5,4\n")
    with pytest.raises(StillmotionError, match="row 2: end_seconds 4 is not after"):
        read_videos(table)


def many(tmp_path, groups=30, clips=2, labels=3):
    return Videos(
        tmp_path,
        tuple(
            Video(f"{g}-{c}.mp4", f"label{(g + c) % labels}", f"group{g}") for g in range(groups) for c in range(clips)
        ),
    )


def test_splits_keep_groups_whole_and_labels_everywhere(tmp_path):
    videos = many(tmp_path)
    parts = split(videos, seed=3)
    assert straddling_groups(parts) == []
    assert sorted(v.path for part in parts for v in part) == sorted(v.path for v in videos)
    assert all(part.labels == videos.labels for part in parts)
    assert [len(part) for part in parts] == pytest.approx([42, 9, 9], abs=3)
    assert split(videos, seed=3) == parts
    assert split(videos, seed=4) != parts


def test_too_few_groups_are_refused_with_the_numbers(tmp_path):
    with pytest.raises(StillmotionError, match=r"'label0' 2, 'label1' 2.*needs 3 or more"):
        split(many(tmp_path, groups=2, clips=4))
    with pytest.raises(StillmotionError, match="only one label"):
        split(many(tmp_path, labels=1))
    with pytest.raises(UsageError, match="three shares"):
        split(many(tmp_path), (0.5, 0.5))


def test_few_groups_each_of_its_own_label(tmp_path):
    rows = tuple(Video(f"{i}.mp4", f"label{i // 4}", f"g{i}") for i in range(16))
    for parts in (split(Videos(tmp_path, rows)), *split_folds(Videos(tmp_path, rows), 2)):
        assert all(len(part.labels) == 4 for part in parts)


def test_the_tables_own_split_is_obeyed(tmp_path):
    rows = [Video(f"{n}.mp4", "ab"[n % 2], str(n), "train" if n < 20 else "test") for n in range(24)]
    train, validation, test = split(Videos(tmp_path, tuple(rows)))
    assert {v.path for v in test} == {f"{n}.mp4" for n in range(20, 24)}
    assert len(train) + len(validation) == 20
    assert len(validation) >= 2


def test_folds_test_every_video_once_and_keep_groups_whole(tmp_path):
    videos = many(tmp_path, groups=12, clips=3)
    folds = split_folds(videos, 3, seed=1)
    assert sorted(video.name for _, _, test in folds for video in test) == sorted(video.name for video in videos)
    for parts in folds:
        assert straddling_groups(parts) == []
        assert sum(map(len, parts)) == len(videos)
        assert all(part.labels == videos.labels for part in parts)
    with pytest.raises(UsageError, match="2 or more"):
        split_folds(videos, 1)
    with pytest.raises(StillmotionError, match="the label 'label0' has 12 groups; at most 12 folds are possible"):
        split_folds(videos, 999)
