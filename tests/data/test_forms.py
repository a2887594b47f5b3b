"""Data sets drawn in docstrings, tables of every kind, patterns for groups, and splits that a table brings."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from stillmotion.data import Part, Video, Videos, check_labelled, read_videos, split
from stillmotion.data.formats import folders
from stillmotion.errors import StillmotionError, UsageError


def test_the_tree_is_the_one_that_the_docstring_draws(tmp_path: Path) -> None:
    """Each line of the drawing is made, four spaces a level; the groups are those written beside the files."""
    drawing = (folders.__doc__ or "").split("clips/\n")[1]
    way: list[str] = []
    groups = {}
    for line in filter(str.strip, drawing.splitlines()):
        depth = (len(line) - len(line.lstrip())) // 4 - 1
        name, _, remark = line.strip().partition("  ")
        way[depth:] = [name.strip("/")]
        file = tmp_path.joinpath(*way)
        if name.endswith("/"):
            file.mkdir(parents=True)
        else:
            file.touch()
            groups["/".join(way)] = remark.strip().removeprefix("group: ") or way[-2]
    assert len(groups) == 5
    found = read_videos(tmp_path)
    assert {video.path: video.group for video in found} == groups
    assert all(video.label == video.path.split("/")[0] for video in found)


def test_a_pattern_names_the_group_by_its_brackets(tmp_path: Path) -> None:
    for name in ("v_Biking_g01_c03.avi", "v_Biking_g02_c01.avi"):
        (tmp_path / "Biking").mkdir(exist_ok=True)
        (tmp_path / "Biking" / name).touch()
    assert read_videos(tmp_path, group=r"_(g\d+)_").groups == ("g01", "g02")
    assert read_videos(tmp_path, group=r"_g\d+_").groups == ("_g01_", "_g02_")
    with pytest.raises(UsageError, match=r"does not match 'Biking/v_Biking_g01_c03.avi'"):
        read_videos(tmp_path, group="day[0-9]")


def test_a_parquet_table_and_a_semicolon_one_say_the_same(tmp_path: Path) -> None:
    rows = [
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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("path,label\n", "no rows"),
        ("file,label\na.mp4,x\n", "no column 'path'; the columns are file, label"),
        ("path,label\na.mp4,x\n,y\n", "row 3: no path"),
        ("path,label,start_seconds\na.mp4,x,soon\n", "row 2: start_seconds is 'soon'"),
        ("path,label,start_seconds\na.mp4,x,-1\n", "row 2: start_seconds is '-1'"),
        ("path,label,end_seconds\na.mp4,x,nan\n", "row 2: end_seconds is 'nan'"),
        ("path,label,end_seconds\na.mp4,x,0\n", "row 2: end_seconds 0 is not after"),
    ],
)
def test_a_bad_table_says_where(tmp_path: Path, text: str, says: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    with pytest.raises(StillmotionError, match=says) as error:
        read_videos(table)
    assert str(table) in str(error.value)


def test_what_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").touch()
    (tmp_path / "b.csv").write_bytes(b"path,label\n\xff\xfe\n")
    with pytest.raises(UsageError, match="not a data set"):
        read_videos(tmp_path / "a.xlsx")
    with pytest.raises(StillmotionError, match="UTF-8"):
        read_videos(tmp_path / "b.csv")
    with pytest.raises(StillmotionError, match=r"a\.mp4 has no label"):
        check_labelled(Videos(tmp_path, (Video("a.mp4"),)))


def videos_of(root: Path, *parts: Part | None) -> Videos:
    return Videos(root, tuple(Video(f"{n}.mp4", "ab"[n % 2], f"g{n // 2}", part) for n, part in enumerate(parts)))


def test_a_whole_split_of_the_table_is_obeyed(tmp_path: Path) -> None:
    videos = videos_of(tmp_path, "test", "train", "validation", "train")
    assert [[v.path for v in part] for part in split(videos, seed=9)] == [["1.mp4", "3.mp4"], ["2.mp4"], ["0.mp4"]]


def test_half_a_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StillmotionError, match="1 of 3 videos have no split"):
        split(videos_of(tmp_path, "train", "test", None))
    with pytest.raises(StillmotionError, match="no test part"):
        split(videos_of(tmp_path, "train", "validation"))


def test_the_split_is_pinned(tmp_path: Path) -> None:
    """A seed means the same test part in every version."""
    videos = Videos(tmp_path, tuple(Video(f"{n}.mp4", "ab"[n % 2], f"g{n:02}") for n in range(20)))
    assert [v.path for v in split(videos, seed=0)[2]] == ["0.mp4", "3.mp4", "10.mp4"]
