"""A data set with one of each fault, and what an inspection says about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.media import write_lossy_video
from stillmotion.clips import open_videos
from stillmotion.data import read_videos
from stillmotion.inspection import copies, duplicates, inspect_videos, near_duplicates, write_contact_sheet


def record(path: Path, seed: int, *, background: int | None = None, crf: int = 18) -> Path:
    """A square that jumps over a textured background. Other seeds give other backgrounds unless one is given."""
    rng = np.random.default_rng(seed)
    texture = np.random.default_rng(seed if background is None else background).integers(0, 200, (8, 8, 3), np.uint8)
    frames = np.tile(np.kron(texture, np.ones((8, 8, 1), np.uint8)), (20, 1, 1, 1))
    for frame, (x, y) in zip(frames, rng.integers(0, 40, (20, 2)), strict=True):
        frame[y : y + 24, x : x + 24] = 255
    return write_lossy_video(path, frames, crf=str(crf))


def test_each_fault_is_found(tmp_path: Path) -> None:
    for number in range(3):
        record(tmp_path / "a" / f"{number}.mp4", number)
        record(tmp_path / "b" / f"{number}.mp4", 10 + number)
    record(tmp_path / "b" / "copy.mp4", 1, crf=30)  # of a/1.mp4, encoded again
    (tmp_path / "a" / "empty.mp4").touch()
    (tmp_path / "a" / "text.mp4").write_text("no video")
    whole = record(tmp_path / "a" / "cut.mp4", 77).read_bytes()
    (tmp_path / "a" / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    record(tmp_path / "loose.mp4", 5)
    record(tmp_path / "rare 🎉" / "one.mp4", 99)
    inspection = inspect_videos(read_videos(tmp_path))
    assert [(p.first.video.path, p.second.video.path) for p in inspection.duplicates] == [("a/1.mp4", "b/copy.mp4")]
    assert {skipped.video.path for skipped in inspection.skipped} == {"a/empty.mp4", "a/text.mp4", "loose.mp4"}
    assert [segment.video.path for segment in inspection.ends_early] == ["a/cut.mp4"]
    assert inspection.few_groups == {"rare 🎉": 1}
    assert {label: (count.videos, count.groups) for label, count in inspection.labels.items()} == {
        "a": (4, 4),  # two of its files cannot be read
        "b": (4, 4),
        "rare 🎉": (1, 1),
    }
    assert copies(inspection.segments) == []


def test_each_step_reports_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of equal size are read whole, which is counted in bytes: they may be large."""
    first = record(tmp_path / "a" / "1.mp4", 1)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.mp4").write_bytes(first.read_bytes())
    monkeypatch.setattr(duplicates, "BLOCK", 1000)
    steps: dict[str, list[tuple[int, int]]] = {}

    def progress(stage: str, done: int, total: int, figures: object = None, /) -> None:
        steps.setdefault(stage, []).append((done, total))

    inspection = inspect_videos(read_videos(tmp_path), progress=progress)
    write_contact_sheet(inspection.segments, tmp_path / "sheet.png", progress=progress)
    assert [*steps] == ["opening videos", "comparing videos", "looking for copies (MB)", "drawing the contact sheet"]
    assert len(steps.pop("looking for copies (MB)")) >= 2 * first.stat().st_size // 1000
    assert all(reports[-1] == (2, 2) for reports in steps.values())


def test_a_group_in_two_parts_of_the_tables_split_is_found(tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", 1)
    (tmp_path / "t.csv").write_text(
        "path,label,group,split,end_seconds\na.mp4,x,g,train,\na.mp4,y,g,test,1\na.mp4,x,h,train,2\n"
    )
    inspection = inspect_videos(read_videos(tmp_path / "t.csv"))
    assert inspection.straddling == ["g"]


@pytest.mark.parametrize(
    ("rows", "pairs"),
    [
        (["x,g,0,1", "x,h,0.5,"], [("a.mp4@0-1", "a.mp4@0.5-")]),
        (["x,g,0.5,", "x,h,,", "x,h,1,1.5"], [("a.mp4", "a.mp4@0.5-"), ("a.mp4@0.5-", "a.mp4@1-1.5")]),
        (["x,g,0,1", "y,g,0.5,1.9"], [("a.mp4@0-1", "a.mp4@0.5-1.9")]),
        (["x,g,0,1", "x,g,0.5,1.9"], []),
        (["x,g,0,1", "x,h,1,"], []),
    ],
)
def test_segments_that_overlap_under_another_label_or_in_another_group_are_copies(
    tmp_path: Path, rows: list[str], pairs: list[tuple[str, str]]
) -> None:
    record(tmp_path / "a.mp4", 1)
    lines = ["path,label,group,start_seconds,end_seconds", *(f"a.mp4,{row}" for row in rows)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    inspection = inspect_videos(read_videos(tmp_path / "t.csv"))
    assert [(first.video.name, second.video.name) for first, second in inspection.copies] == pairs


def test_a_pair_is_not_listed_both_as_a_duplicate_and_as_a_copy(tmp_path: Path) -> None:
    content = record(tmp_path / "a" / "1.mp4", 1).read_bytes()
    for name in ("a/2.mp4", "b/3.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    inspection = inspect_videos(read_videos(tmp_path))
    assert [(p.first.video.path, p.second.video.path) for p in inspection.duplicates] == [
        ("a/1.mp4", "b/3.mp4"),
        ("a/2.mp4", "b/3.mp4"),
    ]
    assert [(first.video.path, second.video.path) for first, second in inspection.copies] == [("a/1.mp4", "a/2.mp4")]


def test_copies_under_another_label_or_in_another_group_are_found(tmp_path: Path) -> None:
    content = record(tmp_path / "a" / "1.mp4", 1).read_bytes()
    record(tmp_path / "a" / "2.mp4", 2)
    for name in ("a/1_clip1.mp4", "b/1.mp4", "a/day/x.mp4", "a/day/y.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "b" / "other.mp4").write_bytes(content[:-1] + b"x")  # of the same size
    pairs = copies(open_videos(read_videos(tmp_path)).segments)
    assert {(original.video.path, copy.video.path) for original, copy in pairs} == {
        ("a/1.mp4", "a/1_clip1.mp4"),
        ("a/1.mp4", "b/1.mp4"),
        ("a/1.mp4", "a/day/x.mp4"),
        ("a/1.mp4", "a/day/y.mp4"),
    }


def test_copies_under_two_labels_are_found_in_one_group_too(tmp_path: Path) -> None:
    content = record(tmp_path / "a" / "day" / "x.mp4", 1).read_bytes()
    (tmp_path / "b" / "day").mkdir(parents=True)
    (tmp_path / "b" / "day" / "x.mp4").write_bytes(content)
    ((original, copy),) = copies(open_videos(read_videos(tmp_path)).segments)
    assert (original.video.path, copy.video.path) == ("a/day/x.mp4", "b/day/x.mp4")
    assert original.video.group == copy.video.group


def test_copies_of_one_label_and_group_are_no_fault(tmp_path: Path) -> None:
    content = record(tmp_path / "a" / "day" / "x.mp4", 1).read_bytes()
    (tmp_path / "a" / "day" / "y.mp4").write_bytes(content)
    assert copies(open_videos(read_videos(tmp_path)).segments) == []


def test_near_duplicates_within_a_label_are_no_fault(tmp_path: Path) -> None:
    record(tmp_path / "a" / "1.mp4", 1)
    record(tmp_path / "a" / "2.mp4", 1, crf=30)
    assert near_duplicates(open_videos(read_videos(tmp_path)).segments) == []


def test_other_movements_before_one_background_are_no_duplicates(tmp_path: Path) -> None:
    record(tmp_path / "a" / "1.mp4", 1, background=0)
    record(tmp_path / "b" / "1.mp4", 2, background=0)
    assert inspect_videos(read_videos(tmp_path)).duplicates == []


def test_a_contact_sheet_has_one_row_per_label_with_its_videos_in_their_aspect_ratios(tmp_path: Path) -> None:
    for label, width in (("a", 64), ("b", 128)):
        for number in range(10):
            frames = np.full((4, 64, width, 3), 120, np.uint8)
            write_lossy_video(tmp_path / label / f"{number}.mp4", frames)
    segments = open_videos(read_videos(tmp_path)).segments
    segments[0].file.unlink()
    path = write_contact_sheet(segments, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(path).convert("L"))
    assert sheet.shape == (6 + 2 * (20 + 96 + 12), 7 * (192 + 6) + 6)
    gray = np.abs(sheet.astype(int) - 120) < 12
    assert gray[6 + 20 + 48].sum() == pytest.approx(6 * 96, abs=20)  # one of seven cannot be read
    assert gray[6 + 128 + 20 + 48].sum() == pytest.approx(7 * 192, abs=20)


def test_copies_of_folders_of_frames_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (4, 32, 48, 3), np.uint8)
    for folder, frames in (("a/1", pictures), ("b/2", pictures), ("b/3", pictures[::-1])):
        (tmp_path / folder).mkdir(parents=True)
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(tmp_path / folder / f"{number}.png")
    pairs = copies(open_videos(read_videos(tmp_path, frame_rate=4)).segments)
    assert [(first.video.path, second.video.path) for first, second in pairs] == [("a/1@4fps", "b/2@4fps")]


def test_groups_are_asked_about_if_each_video_is_its_own(tmp_path: Path) -> None:
    record(tmp_path / "a" / "left.mp4", 1)
    record(tmp_path / "b" / "right.mp4", 2)
    assert inspect_videos(read_videos(tmp_path)).each_its_own_group
    assert not inspect_videos(read_videos(tmp_path, group=".+")).each_its_own_group  # the user says so
    record(tmp_path / "b" / "right_clip2.mp4", 3)
    record(tmp_path / "b" / "right_clip3.mp4", 4)
    assert not inspect_videos(read_videos(tmp_path)).each_its_own_group


def test_names_alike_but_for_a_number_are_found(tmp_path: Path) -> None:
    for number in range(8):
        record(tmp_path / "a" / f"anna{number // 2}_{number}.mp4", number)
    inspection = inspect_videos(read_videos(tmp_path))
    assert inspection.alike_names is not None and inspection.alike_names.groups == 4
