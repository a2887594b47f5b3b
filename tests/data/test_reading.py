"""Data sets as people have them: folders and tables, labels and groups."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from stillmotion.data import Video, Videos, check_labeled, find_alike_names, read_videos
from stillmotion.data.formats import folders
from stillmotion.data.media import find_media, is_image
from stillmotion.data.tables import describe_columns, read_table
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.prediction.inputs import find_inputs


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


# Folders.


def test_the_folder_tree_in_the_docstring_is_read_as_it_says(tmp_path: Path) -> None:
    """Each line of the tree is made, four spaces per level; the groups are those written next to the files."""
    tree = (folders.__doc__ or "").split("clips/\n")[1]
    parts: list[str] = []
    groups = {}
    for line in filter(str.strip, tree.splitlines()):
        depth = (len(line) - len(line.lstrip())) // 4 - 1
        name, _, remark = line.strip().partition("  ")
        parts[depth:] = [name.strip("/")]
        file = tmp_path.joinpath(*parts)
        if name.endswith("/"):
            file.mkdir(parents=True)
        else:
            file.touch()
            groups["/".join(parts)] = remark.strip().removeprefix("group: ") or parts[-2]
    assert len(groups) == 5
    videos = read_videos(tmp_path)
    assert {video.path: video.group for video in videos} == groups
    assert all(video.label == video.path.split("/")[0] for video in videos)


def test_a_path_that_does_not_exist_is_named_and_a_url_is_not_shown(tmp_path: Path) -> None:
    for read in (read_videos, lambda path: find_inputs([path])):
        with pytest.raises(UsageError, match="nowhere: no such file or folder"):
            read(tmp_path / "nowhere")
        with pytest.raises(UsageError, match=r"^a URL where a file or folder is expected; only streams"):
            read("rtsp://user:secret@camera/line")


def test_what_cannot_be_looked_into_or_is_no_file_is_skipped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe would wait for somebody to write to it."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names")
    touch(tmp_path, "a.mp4", "locked/b.mp4", ".hidden/c.mp4", "._a.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    scandir = os.scandir

    def refusing(path: str) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert [file.name for file in find_media(tmp_path)] == ["a.mp4", "gone.mp4"]  # A lost link is said when it is read.
    assert f"skipped: {tmp_path / 'locked'}: Permission denied" in caplog.text
    assert f"skipped: {tmp_path / 'pipe.mp4'}: not a file" in caplog.text


def test_a_cut_mark_names_the_group_and_other_numbers_do_not(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "jam/v_Biking_g01_c03.avi",
        "jam/fi001.mp4",
        "jam/rec_1.mp4",
        "jam/monday-Clip2.mp4",
        "jam/tuesday_12.5-14.0.mp4",
        "run/tuesday.seg04.mp4",
        "run/fi001.mp4",
        "run/_c01.mp4",
    )
    assert {video.path: video.group for video in read_videos(tmp_path)} == {
        "jam/v_Biking_g01_c03.avi": "v_Biking_g01",
        "jam/fi001.mp4": "jam/fi001.mp4",
        "jam/rec_1.mp4": "jam/rec_1.mp4",
        "jam/monday-Clip2.mp4": "monday",
        "jam/tuesday_12.5-14.0.mp4": "tuesday",
        "run/tuesday.seg04.mp4": "tuesday",
        "run/fi001.mp4": "run/fi001.mp4",
        "run/_c01.mp4": "run/_c01.mp4",
    }


def test_a_pattern_names_the_group_by_its_first_capturing_group_or_its_match(tmp_path: Path) -> None:
    touch(tmp_path, "Biking/v_Biking_g01_c03.avi", "Biking/v_Biking_g02_c01.avi")
    assert read_videos(tmp_path, group=r"_(g\d+)_").groups == ("g01", "g02")
    assert read_videos(tmp_path, group=r"(x)?_(g\d+)_").groups == ("g01", "g02")
    assert read_videos(tmp_path, group=r"_g\d+_").groups == ("_g01_", "_g02_")
    with pytest.raises(UsageError, match=r"does not match 'Biking/v_Biking_g01_c03.avi'"):
        read_videos(tmp_path, group="day[0-9]")
    with pytest.raises(UsageError, match="not a regular expression"):
        read_videos(tmp_path, group="(")


def test_hidden_files_and_folders_are_no_videos(tmp_path: Path) -> None:
    """macOS leaves `._x.mp4` beside `x.mp4`; a data set may itself be in a hidden folder."""
    root = touch(tmp_path / ".hidden", "a/x.mp4", "a/._x.mp4", "a/._y.png", "a/.trash/z.mp4", "a/y.png", "a/notes.txt")
    (root / "a" / "folder.mp4").mkdir()
    assert [video.path for video in read_videos(root)] == ["a/x.mp4", "a/y.png"]
    assert find_media(root) == [root / "a" / "x.mp4", root / "a" / "y.png"]
    assert find_media(root, is_image) == [root / "a" / "y.png"]


def test_videos_outside_the_labels_folders_are_loose(tmp_path: Path) -> None:
    videos = read_videos(touch(tmp_path, "a/x.mp4", "loose.mp4"))
    assert ([video.path for video in videos], videos.loose) == (["a/x.mp4"], ("loose.mp4",))
    with pytest.raises(StillmotionError, match="1 videos but no folders"):
        read_videos(touch(tmp_path / "flat", "x.mp4"))
    with pytest.raises(StillmotionError, match="no videos in this folder"):
        read_videos(touch(tmp_path / "text", "a/x.txt"))


# Folders of numbered frames.


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Two folders of frames, one of them in a folder of its own, a video, and a still image."""
    names = [f"{folder}/frame{number:04d}.jpg" for folder in ("a/clip_c01", "b/day 1/x.y") for number in range(5)]
    return touch(tmp_path / "frames", *names, "a/clip_c02.mp4", "b/day 1/still.png", "b/001.png", "b/002.png")


def test_folders_of_numbered_frames_are_videos_if_their_rate_is_given(frames: Path) -> None:
    videos = read_videos(frames, frame_rate=12.5)
    assert {video.path: (video.label, video.group) for video in videos} == {
        "a/clip_c01@12.5fps": ("a", "clip"),
        "a/clip_c02.mp4": ("a", "clip"),
        "b/001.png": ("b", "b/001.png"),
        "b/002.png": ("b", "b/002.png"),
        "b/day 1/still.png": ("b", "day 1"),
        "b/day 1/x.y@12.5fps": ("b", "day 1"),
    }
    assert list(videos) == sorted(videos, key=lambda video: Path(video.path))
    assert read_videos(frames, frame_rate=12.5, group=r"[cmpx][^/]{2}$").groups == ("c01", "mp4", "png", "x.y")
    assert len(read_videos(frames, frame_rate=0)) == 14


def test_folders_of_numbered_frames_without_a_rate_are_asked_about(frames: Path) -> None:
    with pytest.raises(StillmotionError, match=r"2 folders hold numbered pictures \(a/clip_c01/frame0000.jpg, ...\)"):
        read_videos(frames)
    for rate in (-1.0, float("nan"), float("inf"), 10_000.0):
        with pytest.raises(UsageError, match="expected frames per second, or 0"):
            read_videos(frames, frame_rate=rate)
    with pytest.raises(UsageError, match="a frame rate is given, but no folder holds numbered frames"):
        read_videos(touch(frames.parent / "videos", "a/x.mp4", "b/1.png", "b/2.png"), frame_rate=25)


@pytest.mark.parametrize("names", [["x.png", "y.png"], ["1.png"], ["1.png", "2.jpg"], ["1_1.png", "2_2.png"]])
def test_other_pictures_in_a_folder_are_pictures_of_their_own(tmp_path: Path, names: list[str]) -> None:
    videos = read_videos(touch(tmp_path, *(f"a/day/{name}" for name in names)))
    assert [video.path for video in videos] == [f"a/day/{name}" for name in names]


def test_a_table_lists_folders_of_frames_like_files(frames: Path) -> None:
    table = frames / "t.csv"
    table.write_text("path,label,start_seconds\na/clip_c01,x,1\na/clip_c02.mp4,x,\nb/day 1/x.y@5fps,y,\n")
    videos = read_videos(table, frame_rate=25)
    assert [(video.name, video.group) for video in videos] == [
        ("a/clip_c01@25fps@1-", "a/clip_c01"),
        ("a/clip_c02.mp4", "a/clip_c02.mp4"),
        ("b/day 1/x.y@5fps", "b/day 1/x.y@5fps"),
    ]
    with pytest.raises(StillmotionError, match=r"t\.csv: 1 folders hold numbered pictures \(a/clip_c01, ...\)"):
        read_videos(table)


def test_folders_of_frames_are_inputs_of_predictions(frames: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = frames / "a" / "clip_c01"
    assert [video.path for video in find_inputs([f"{folder}@25fps"])] == [f"{folder}@25fps"]
    assert [video.path for video in find_inputs([folder], frame_rate=25)] == [f"{folder}@25fps"]
    assert len(find_inputs([folder])) == 5
    assert {video.path for video in find_inputs([frames / "a"], frame_rate=25)} == {
        f"{folder}@25fps",
        str(frames / "a" / "clip_c02.mp4"),
    }
    monkeypatch.chdir(folder)
    assert [video.path for video in find_inputs(["."], frame_rate=25)] == [f"{folder.resolve()}@25fps"]
    with pytest.raises(UsageError, match="no such file or folder"):
        find_inputs([f"{folder}2@25fps"])


# Names.


@pytest.mark.parametrize(
    ("names", "pattern", "files", "groups"),
    [
        ("patient{0:02d}_{1}.mp4", r"([^/]+)_\d+\.\w+$", 18, 3),
        ("{0}xYz_{1:06d}_{1:06d}.mp4", r"([^/]+)_\d+_\d+\.\w+$", 18, 3),
        ("patient{0:02d}-{1}.MP4", r"([^/]*[^/\d])\d+\.\w+$", 18, 3),
        ("S{0}T{1}.mov", r"([^/]*[^/\d])\d+\.\w+$", 18, 3),
        ("person{0} d{1}_uncomp.avi", r"([^/]*[^/\d])\d+[^/\d]*\.\w+$", 18, 3),
        ("anna{0} ({1}).mp4", r"([^/]*[^/\d])\d+[^/\d]*\.\w+$", 18, 3),
        ("{1}_{2}.mp4", r"(?<![^/])\d+[ ._-]+([^/]+)\.\w+$", 18, 3),
    ],
)
def test_names_alike_but_for_a_number_are_asked_about(
    tmp_path: Path, names: str, pattern: str, files: int, groups: int
) -> None:
    clips = [(label, p, q) for label in ("walk", "run") for p in range(3) for q in range(3)]
    touch(tmp_path, *(f"{label}/{names.format(p, q, 'abc'[p])}" for label, p, q in clips))
    videos = read_videos(tmp_path)
    assert len(videos.groups) == 18
    alike = find_alike_names(videos)
    assert alike is not None
    assert (alike.pattern, alike.files, alike.groups) == (pattern, files, groups)
    assert f"'{pattern}'" in alike.question and "alike but for a number (run/" in alike.question
    joined = read_videos(tmp_path, group=alike.pattern)
    assert len(joined.groups) == groups
    assert find_alike_names(joined) is None
    assert find_alike_names(read_videos(tmp_path, group=".+")) is None  # each file is its own: told, not guessed
    (tmp_path / "run" / "intro.mp4").touch()
    alike = find_alike_names(read_videos(tmp_path))
    assert alike is not None
    assert len(read_videos(tmp_path, group=alike.pattern).groups) == alike.groups == groups + 1


@pytest.mark.parametrize("names", ["{1:03d}.mp4", "{0}{1}.mp4", "IMG_{0}{1}.MOV", "anna_c{1}.mp4", "{0}/{1}.mp4"])
def test_numbers_that_tell_the_files_of_a_label_apart_are_not_asked_about(tmp_path: Path, names: str) -> None:
    touch(tmp_path, *(f"{label}/{names.format(p, q)}" for label in ("walk", "run") for p in range(3) for q in range(3)))
    assert find_alike_names(read_videos(tmp_path)) is None
    touch(
        tmp_path / "other",
        *(f"{label}/{label}_{number}.mp4" for label in ("walk", "run", "sit") for number in range(9)),
    )
    assert find_alike_names(read_videos(tmp_path / "other")) is None
    touch(tmp_path / "two", *(f"{label}/{name}{number}.mp4" for label in "ab" for name in "xy" for number in range(9)))
    assert find_alike_names(read_videos(tmp_path / "two")) is None


def test_names_in_a_table_are_asked_about_unless_it_has_groups(tmp_path: Path) -> None:
    rows = [f"anna{person}_{clip}.mp4,x" for person in range(3) for clip in range(3)]
    (tmp_path / "t.csv").write_text("\n".join(["path,label", *rows]))
    alike = find_alike_names(read_videos(tmp_path / "t.csv"))
    assert alike is not None and alike.groups == 3
    (tmp_path / "t.csv").write_text("\n".join(["path,label,group", *(f"{row}," for row in rows)]))
    assert find_alike_names(read_videos(tmp_path / "t.csv")) is None


# Tables.


def test_cells_are_text_as_they_are_written(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text('path,label,split,start_seconds,end_seconds\na.mp4,"a ""b"" / 🎉",train,1,2\na.mp4,01,val,,\n')
    assert tuple(read_videos(table)) == (
        Video("a.mp4", 'a "b" / 🎉', "a.mp4", "train", 1.0, 2.0),
        Video("a.mp4", "01", "a.mp4", "validation"),
    )


def test_a_parquet_table_and_a_semicolon_one_give_the_same_videos(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"path": "a.mp4", "label": "x", "group": "g", "split": "Test", "start_seconds": 1.5, "end_seconds": None},
        {"path": "b.mp4", "label": "NA", "group": None, "split": None, "start_seconds": None, "end_seconds": 2.0},
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text(
        "\ufeffpath;label;group;split;start_seconds;end_seconds\na.mp4;x ;g;Test;1,5;\nb.mp4;NA;;;;2\n;;;;;\n"
    )
    first, second = read_videos(tmp_path / "t.parquet")
    assert first == Video("a.mp4", "x", "g", "test", 1.5, None)
    assert second == Video("b.mp4", "NA", "b.mp4", None, None, 2.0)
    assert tuple(read_videos(tmp_path / "t.csv")) == (first, second)
    assert (first.name, second.name) == ("a.mp4@1.5-", "b.mp4@0-2")


def test_the_tables_column_names_groups_unless_a_pattern_is_given(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("path,label,group\nday1/a.mp4,x,shift\nday2/b.mp4,y,shift\n")
    videos = read_videos(table)
    assert ([video.group for video in videos], videos.grouping) == (["shift", "shift"], "groups: the table's column")
    assert read_videos(table, group=r"day\d").groups == ("day1", "day2")
    table.write_text("path,label\nday1/a.mp4,x\n")
    assert read_videos(table).groups == ("day1/a.mp4",)


def test_segments_a_hundredth_of_a_second_apart_have_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,start_seconds,end_seconds\na.mp4,12345.61,12346\na.mp4,12345.62,12346\n")
    assert [video.name for video in read_videos(tmp_path / "t.csv")] == ["a.mp4@12345.61-12346", "a.mp4@12345.62-12346"]


def test_capitals_in_the_names_of_columns_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Path,LABEL,Group ,Split,Camera\na.mp4,x,g,Train,c\n")
    (video,) = videos = read_videos(tmp_path / "t.csv")
    assert (video.path, video.label, video.group, video.part) == ("a.mp4", "x", "g", "train")
    assert not videos.groups_guessed


def test_absolute_paths_become_relative_to_the_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"path,label\n{tmp_path / 'd' / 'a.mp4'},x\n")
    (video,) = videos = read_videos(tmp_path / "t.csv")
    assert (video.path, videos.file(video)) == ("d/a.mp4", tmp_path / "d" / "a.mp4")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("path,label\n", "no rows"),
        ("file,label\na.mp4,x\n", "no column 'path'; the columns are file, label$"),
        ("path,label,Label\na.mp4,x,y\n", "has two columns 'label'"),
        ("path,label,label\na.mp4,x,y\n", "has two columns 'label'"),
        ("path,label\na.mp4,x\n,y\n", "row 3: no path"),
        ("path,label,split\na.mp4,x,maybe\n", "row 2: split is 'maybe'"),
        ("path,label,start_seconds\na.mp4,x,soon\n", "row 2: start_seconds is 'soon'"),
        ("path,label,start_seconds\na.mp4,x,-1\n", "row 2: start_seconds is '-1'"),
        ("path,label,end_seconds\na.mp4,x,nan\n", "row 2: end_seconds is 'nan'"),
        ("path,label,end_seconds\na.mp4,x,0\n", "row 2: the segment ends at 0 s, which is not after"),
        ("path,label\na.mp4,x\nb.mp4,x\na.mp4,y\n", "rows 2 and 4: both are a.mp4; keep one"),
        ("path,label,end_seconds\na.mp4,x,5\na.mp4,x,5.0\n", "rows 2 and 3: both are a.mp4@0-5"),
        (
            "path,label,start_seconds,end_seconds\na.mp4,x,5,4\n",
            "row 2: the segment ends at 4 s, which is not after",
        ),
    ],
)
def test_a_bad_table_is_named_with_the_row(tmp_path: Path, text: str, says: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    with pytest.raises(StillmotionError, match=says) as error:
        read_videos(table)
    assert str(table) in str(error.value)


def test_a_csv_without_expected_columns_has_the_most_frequent_delimiter(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b|c|d\n1,2|3|4\n")
    assert read_table(tmp_path / "t.csv").column_names == ["a,b", "c", "d"]
    assert read_table(tmp_path / "t.csv", expected=["a", "b|c|d"]).column_names == ["a", "b|c|d"]
    assert describe_columns(["a", "b"], ["a", "b"]) == "a, b"


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").touch()
    (tmp_path / "b.csv").write_bytes(b"path,label\n\xff\xfe\n")
    with pytest.raises(UsageError, match="no such file or folder"):
        read_videos(tmp_path / "none")
    with pytest.raises(UsageError, match="not a data set; expected a CSV"):
        read_videos(tmp_path / "a.xlsx")
    with pytest.raises(StillmotionError, match="UTF-8"):
        read_videos(tmp_path / "b.csv")


def test_a_classifier_needs_a_label_for_every_video_and_two_labels(tmp_path: Path) -> None:
    with pytest.raises(StillmotionError, match=r"a\.mp4 has no label"):
        check_labeled(Videos(tmp_path, (Video("a.mp4"),)))
    with pytest.raises(StillmotionError, match="only one label, 'x'"):
        check_labeled(Videos(tmp_path, (Video("a.mp4", "x"), Video("b.mp4", "x"))))
    check_labeled(Videos(tmp_path, (Video("a.mp4", "x"), Video("b.mp4", "y"))))
