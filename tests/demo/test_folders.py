"""Demo data: the folders that are written, that they are reproducible, and which calls are refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stillmotion.demo import LABELS, Kind, make_demo_data
from stillmotion.demo.folders import deal_labels
from stillmotion.errors import StillmotionError, UsageError


def decode(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


@pytest.mark.parametrize("kind", LABELS)
def test_each_label_has_a_folder_with_short_h264_videos(tmp_path: Path, kind: Kind) -> None:
    calls: list[tuple[object, ...]] = []
    paths = make_demo_data(tmp_path / "d", kind=kind, videos=6, seed=0, progress=lambda *call: calls.append(call))
    assert calls == [("rendering", k + 1, 6) for k in range(6)]
    assert sorted(paths) == sorted((tmp_path / "d").rglob("*.mp4"))
    assert {path.parent.name for path in paths} == set(LABELS[kind])
    assert [path.name for path in paths[:3]] == [
        "shift000_clip00.mp4",
        "shift000_clip01.mp4",
        "shift001_clip00.mp4",
    ]
    assert json.loads((tmp_path / "d" / "demo.json").read_text()) == {"kind": kind, "videos": 6, "seed": 0}
    with av.open(str(paths[0])) as video:
        stream = video.streams.video[0]
        assert (stream.width, stream.height, stream.codec_context.name) == (160, 120, "h264")
        assert stream.average_rate in (20, 25)
        assert stream.duration and stream.time_base
        assert float(stream.duration * stream.time_base) == pytest.approx(2.4)


def test_the_same_call_gives_the_same_frames(tmp_path: Path) -> None:
    first, repeated, other_seed = (
        make_demo_data(tmp_path / name, kind="look", videos=3, seed=seed)
        for name, seed in (("one", 5), ("two", 5), ("other", 6))
    )
    assert [path.relative_to(tmp_path / "one") for path in first] == [
        path.relative_to(tmp_path / "two") for path in repeated
    ]
    assert all(np.array_equal(decode(a), decode(b)) for a, b in zip(first, repeated, strict=True))
    assert decode(first[0]).shape != decode(other_seed[0]).shape or not np.array_equal(
        decode(first[0]), decode(other_seed[0])
    )


def test_an_interrupted_call_is_completed(tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_demo_data(tmp_path / "d", kind="look", videos=4, seed=0, progress=stop)
    max((tmp_path / "d").rglob("*.mp4")).unlink(
        missing_ok=True
    )  # shifts are rendered in parallel: the last may be there
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "d").rglob("*.mp4")}
    paths = make_demo_data(tmp_path / "d", kind="look", videos=4, seed=0)
    assert len(kept) >= 2 and all(path.stat().st_mtime_ns == time for path, time in kept.items())
    whole = make_demo_data(tmp_path / "whole", kind="look", videos=4, seed=0)
    assert all(np.array_equal(decode(a), decode(b)) for a, b in zip(paths, whole, strict=True))
    assert not list((tmp_path / "d").rglob(".part-*"))


def test_labels_are_balanced_and_the_two_clips_of_a_shift_differ() -> None:
    for labels in ("abc", "abcd", "abcde"):
        dealt = deal_labels(list(labels), 300, np.random.default_rng(0))
        assert set(Counter(dealt).values()) == {300 // len(labels)}
        assert all(first != second for first, second in zip(dealt[::2], dealt[1::2], strict=True))


def test_wrong_arguments_and_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="kind 'sound' is not known"):
        make_demo_data(tmp_path, kind="sound", videos=9, seed=0)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="2 videos are too few for the 3 labels"):
        make_demo_data(tmp_path, kind="look", videos=2, seed=0)
    with pytest.raises(UsageError, match="seed -1"):
        make_demo_data(tmp_path, kind="look", videos=3, seed=-1)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StillmotionError, match="is not empty: name a new folder"):
        make_demo_data(tmp_path, kind="look", videos=3, seed=0)
    with pytest.raises(StillmotionError, match="cannot write demo data"):
        make_demo_data(tmp_path / "mine.txt", kind="look", videos=3, seed=0)
    (tmp_path / "demo.json").write_text(json.dumps({"kind": "both", "videos": 4, "seed": 0}))
    with pytest.raises(StillmotionError, match="holds other demo data"):
        make_demo_data(tmp_path, kind="look", videos=4, seed=0)


def test_a_full_disk_is_one_line_and_leaves_no_incomplete_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, frames: Iterable[NDArray[np.uint8]], rate: int) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stillmotion.demo.folders._encode", full)
    with pytest.raises(StillmotionError, match="No space left on device"):
        make_demo_data(tmp_path / "d", kind="look", videos=3, seed=0)
    assert [path.name for path in (tmp_path / "d").rglob("*") if path.is_file()] == ["demo.json"]
