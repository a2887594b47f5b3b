"""Which files an archive has, and what each is known by."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

import stillmotion as sm
from helpers.archives import write_archive
from stillmotion.archive import list_archive
from stillmotion.archive.addresses import split_address, without_options


def keys(*inputs: str | Path) -> dict[str, str]:
    """The key of each file, by its name."""
    return {file.video.name: file.key for file in list_archive(inputs)}


def test_a_file_is_the_same_by_any_path_and_another_one_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = write_archive(tmp_path / "clips", {"a.mp4": "x", "b.mp4": "y", "._a.mp4": "hidden", "notes.txt": "z"})
    first = keys(clips)
    assert set(first) == {str(clips / "a.mp4"), str(clips / "b.mp4")}
    assert len(set(first.values())) == 2
    monkeypatch.chdir(tmp_path)
    assert list(keys("clips").values()) == list(first.values()) == list(keys("clips/../clips").values())
    assert len(list_archive(["clips", clips / "a.mp4", clips])) == 2  # each once

    (clips / "a.mp4").write_text("xx")  # another size
    os.utime(clips / "b.mp4", ns=(1, 1))  # another time
    second = keys(clips)
    assert not set(first.values()) & set(second.values())
    (clips / "a.mp4").unlink()
    assert keys(clips) == {str(clips / "b.mp4"): second[str(clips / "b.mp4")]}


def test_segments_of_a_table_and_folders_of_frames_are_files_of_their_own(tmp_path: Path) -> None:
    write_archive(tmp_path, {"a.mp4": "x", "list.csv": "path,start,end\na.mp4,0,1\na.mp4,1,2\n"})
    segments = keys(tmp_path / "list.csv")
    assert {name.rpartition("@")[2] for name in segments} == {"0-1", "1-2"}
    assert len(set(segments.values())) == 2
    for number in range(3):
        (tmp_path / "frames").mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "frames" / f"{number}.png")
    (folder,) = list_archive(tmp_path / "frames", frame_rate=5)
    (tmp_path / "frames" / "2.png").unlink()
    (shorter,) = list_archive(tmp_path / "frames", frame_rate=5)
    assert folder.video.path.endswith("frames@5fps") and folder.key != shorter.key


@pytest.mark.parametrize(
    ("given", "message"),
    [("nowhere", "no such file or folder"), ("empty", "no videos or images"), ("s3://", "names no bucket")],
)
def test_what_is_not_there_is_refused(tmp_path: Path, given: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(sm.StillmotionError, match=message):
        list_archive(given if "://" in given else tmp_path / given)


def test_options_of_an_address_open_the_store_and_are_not_shown() -> None:
    address = "s3://bucket/a/b/?endpoint_override=host&secret_key=x"
    assert split_address(address) == ("s3://bucket?endpoint_override=host&secret_key=x", "bucket/a/b")
    assert without_options(address) == "s3://bucket/a/b/"
    assert split_address("s3://key:secret@bucket/a@b") == ("s3://key:secret@bucket", "bucket/a@b")
    assert without_options("s3://key:secret@bucket/a@b") == "s3://bucket/a@b"
    assert without_options("a path@x?") == "a path@x?"
