"""Which trainings are the same training: those with the same recipe and the same videos."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import stillmotion as sm
from stillmotion.clips import Segment
from stillmotion.decoding import VideoFacts
from stillmotion.runs import DataRecord
from stillmotion.training.resuming import fingerprint_segments, identify_training

pytestmark = pytest.mark.backend
FACTS = VideoFacts(32, 32, 2.0, 10.0, 20, "h264", "mp4")


def make_segment(folder: Path, video: sm.Video) -> Segment:
    file = folder / video.path
    file.write_bytes(b"12345")
    return Segment(video, file, FACTS, (0.0, 2.0))


def test_a_fingerprint_depends_on_all_that_a_table_says_of_the_videos(tmp_path: Path) -> None:
    video = sm.Video("a.mp4", "left", "g", None, 0.5, 1.5)
    other_segment = make_segment(tmp_path, sm.Video("b.mp4", "right", "h"))
    videos = [
        video,
        dataclasses.replace(video, path="c.mp4"),
        dataclasses.replace(video, label="right"),
        dataclasses.replace(video, group="i"),
        dataclasses.replace(video, start_seconds=0.4),
        dataclasses.replace(video, end_seconds=1.6),
    ]
    prints = [fingerprint_segments([make_segment(tmp_path, changed)], [other_segment]) for changed in videos]
    assert len(set(prints)) == len(videos)
    assert fingerprint_segments([make_segment(tmp_path, video)], [other_segment]) == prints[0]


def test_a_fingerprint_depends_on_the_parts_and_on_the_files(tmp_path: Path) -> None:
    first, second = (make_segment(tmp_path, sm.Video(name, "left")) for name in ("a.mp4", "b.mp4"))
    before = fingerprint_segments([first], [second])
    assert fingerprint_segments([second], [first]) != before
    assert fingerprint_segments([first, second], []) != before
    first.file.write_bytes(b"another content")
    assert fingerprint_segments([first], [second]) != before


def test_a_fingerprint_depends_on_footage_of_the_same_size(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, sm.Video("a.avi", "left"))
    prints = []
    for content in (b"a" * 200_000, b"b" + b"a" * 199_999, b"a" * 199_999 + b"b"):
        segment.file.write_bytes(content)
        prints.append(fingerprint_segments([segment], []))
    assert len(set(prints)) == 3


def test_a_fingerprint_does_not_depend_on_where_the_videos_are(tmp_path: Path) -> None:
    prints = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        prints.append(fingerprint_segments([make_segment(tmp_path / name, sm.Video("a.mp4", "left"))], []))
    assert prints[0] == prints[1]


def test_a_training_is_identified_by_recipe_and_fingerprint_alone() -> None:
    recipe, data = sm.make_recipe("conv3d"), DataRecord("/data", "f00", ())
    identity = identify_training(recipe, data)
    assert identify_training(recipe, dataclasses.replace(data, root="/elsewhere")) == identity
    assert identify_training(recipe, dataclasses.replace(data, fingerprint="f01")) != identity
    assert identify_training(dataclasses.replace(recipe, seed=1), data) != identity
