"""A data set with one of each fault, and what inspect says of it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from stillmotion.clips import open_videos
from stillmotion.data import read_videos
from stillmotion.inspection import copies, inspect_videos, write_contact_sheet


def film(path: Path, seed: int, *, crf: int = 18, frames: int = 20) -> Path:
    """A square that wanders over a textured background: other seeds, other films."""
    rng = np.random.default_rng(seed)
    background = np.kron(rng.integers(0, 200, (8, 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": str(crf)})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for x, y in rng.integers(0, 40, (frames, 2)):
            picture = background.copy()
            picture[y : y + 24, x : x + 24] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_each_fault_is_found(tmp_path: Path) -> None:
    for number in range(3):
        film(tmp_path / "a" / f"{number}.mp4", number)
        film(tmp_path / "b" / f"{number}.mp4", 10 + number)
    film(tmp_path / "b" / "copy.mp4", 1, crf=30)  # of a/1.mp4, encoded anew
    (tmp_path / "a" / "empty.mp4").touch()
    (tmp_path / "a" / "text.mp4").write_text("no video")
    film(tmp_path / "loose.mp4", 5)
    film(tmp_path / "rare 🎉" / "one.mp4", 99)
    found = inspect_videos(read_videos(tmp_path))
    assert copies(found.segments) == []
    assert {(p.first.video.path, p.second.video.path) for p in found.duplicates} == {("a/1.mp4", "b/copy.mp4")}
    assert {one.video.path for one in found.skipped} == {"a/empty.mp4", "a/text.mp4", "loose.mp4"}
    assert found.few_groups == {"rare 🎉": 1}
    assert found.labels["b"].videos == 4
    sheet = write_contact_sheet(found.segments, tmp_path / "sheet.png")
    assert sheet.stat().st_size > 1000


def test_a_copy_under_another_label_or_in_another_group(tmp_path: Path) -> None:
    content = film(tmp_path / "a" / "1.mp4", 1).read_bytes()
    film(tmp_path / "a" / "2.mp4", 2)
    for name in ("a/1_clip1.mp4", "b/1.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = copies(open_videos(read_videos(tmp_path)).segments)
    assert {(one.video.path, other.video.path) for one, other in found} == {
        ("a/1.mp4", "a/1_clip1.mp4"), ("a/1.mp4", "b/1.mp4"),
    }  # fmt: skip


def test_a_static_scene_is_no_duplicate_of_itself(tmp_path: Path) -> None:
    """Two clips of one background with other movements are two clips."""
    film(tmp_path / "a" / "1.mp4", 1, frames=20)
    film(tmp_path / "b" / "1.mp4", 2, frames=20)
    assert inspect_videos(read_videos(tmp_path)).duplicates == []
