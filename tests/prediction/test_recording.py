"""A stream's files and posts: complete, in order, and never in place of what was there."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.media import write_video
from helpers.streams import LIGHT_LABELS, receiver, write_light_model, write_light_video
from stillmotion.decoding.live import find_source
from stillmotion.errors import UsageError
from stillmotion.prediction import ClipModel, EventDetector, load_clip_model, stream_to
from stillmotion.prediction.outputs import check_not_there

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ClipModel:
    file = write_light_model(tmp_path_factory.mktemp("model") / "light.keras")
    return load_clip_model(file, rate=10, labels=LIGHT_LABELS)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_light_video(tmp_path_factory.mktemp("video") / "video.mp4")


def posts(model: ClipModel, video: Path, **settings: Any) -> list[Any]:
    """What a webhook receives of the events of a video."""
    detector = EventDetector(LIGHT_LABELS, smoothing_seconds=0, notice_seconds=1.0)
    with receiver() as (port, received):
        stream_to(model, video, webhook=f"http://me:secret@127.0.0.1:{port}", detector=detector, **settings)
    return [post for post, _ in received]


def test_a_webhook_learns_that_events_begin_go_on_and_end(model: ClipModel, video: Path) -> None:
    received = posts(model, video)
    assert [(post["state"], post["label"]) for post in received] == [
        (state, label) for label in ("dark", "light", "dark") for state in ("began", "ongoing", "ended")
    ]
    ids = [post["id"] for post in received]
    assert ids[0] == ids[2] != ids[3] == ids[5] != ids[6] and len(set(ids)) == 3
    assert {(post["source"], post["run"]) for post in received} == {(str(video), "light.keras")}
    assert all(post["entry_confidence"] <= post["peak_confidence"] for post in received)
    assert all(datetime.fromisoformat(post["time"]).tzinfo for post in received)
    # A file has times of its own.
    assert {post["start_time"] for post in received} == {None}


def test_events_of_a_live_source_begin_at_a_clock_time(model: ClipModel, tmp_path: Path) -> None:
    """Here a file at its own speed stands in for a camera."""
    dark = write_video(tmp_path / "dark.mp4", np.full((16, 32, 48, 3), 20, np.uint8), rate=10)
    before = datetime.now().astimezone()
    began, ended = posts(model, dark, realtime=True, hop=1, every_frame=True)
    assert (began["state"], ended["state"]) == ("began", "ended")
    start, now = (datetime.fromisoformat(began[key]) for key in ("start_time", "time"))
    assert start - before >= timedelta(seconds=began["start_seconds"] - 0.01)
    # It is posted as soon as it has lasted for 0.5 s, not when it has ended.
    assert timedelta(seconds=0.3) < now - start < timedelta(seconds=0.8)
    assert abs(datetime.fromisoformat(ended["start_time"]) - start) < timedelta(seconds=0.1)


def test_what_an_earlier_stream_wrote_is_not_replaced_unasked(model: ClipModel, video: Path, tmp_path: Path) -> None:
    for option, name in (("predictions", "a.csv"), ("events", "b.csv"), ("video", "c.mp4")):
        file = tmp_path / name
        file.write_text("written yesterday")
        with pytest.raises(UsageError, match=rf"{name}: is there already"):
            stream_to(model, video, **{option: file})  # type: ignore[arg-type]
        assert file.read_text() == "written yesterday"
    result = stream_to(model, video, events=tmp_path / "b.csv", replace=True)
    assert (len(result.events), result.no_event) == (3, "")
    assert (tmp_path / "b.csv").read_text().count("\n") == 4


@pytest.mark.parametrize(
    ("text", "replaced"),
    [("", True), ("start_seconds,end_seconds,label\r\n", True), ("start_seconds,end_seconds,label\r\n1,2,a\r\n", False),
     ("start_seconds,end_seconds", False), ("my,own\n", False)],
)  # fmt: skip
def test_a_table_without_rows_is_nothing(text: str, replaced: bool, tmp_path: Path) -> None:
    """That of a stream that failed: the same command works again."""
    (tmp_path / "events.csv").write_bytes(text.encode())
    if replaced:
        check_not_there([tmp_path / "events.csv"])
    else:
        with pytest.raises(UsageError, match=r"events\.csv: is there already"):
            check_not_there([tmp_path / "events.csv"])


def test_a_stream_without_events_says_why(model: ClipModel, video: Path, tmp_path: Path) -> None:
    detector = EventDetector(LIGHT_LABELS, enter_threshold=1.0)
    result = stream_to(model, video, events=tmp_path / "events.csv", detector=detector)
    assert result.events == ()
    assert "below the enter threshold of 1; an enter threshold of 0.9" in result.no_event


def test_a_part_of_a_file_is_streamed_and_its_events_cut_out(model: ClipModel, video: Path, tmp_path: Path) -> None:
    """Light from 2 to 4 s. The windows of the part are those of the whole file that lie in it."""
    source = find_source(video, start=1.5, end=5.0)
    detector = EventDetector(LIGHT_LABELS, smoothing_seconds=0)
    part, whole = tmp_path / "part.csv", tmp_path / "whole.csv"
    result = stream_to(model, source, predictions=part, clips=tmp_path / "clips", detector=detector)
    assert [event.label for event in result.events] == ["light", "dark"]
    assert result.seconds == pytest.approx(3.4)
    stream_to(model, video, predictions=whole)
    rows, all_rows = ([row.split(",") for row in file.read_text().splitlines()[1:]] for file in (part, whole))
    same = [row for row in all_rows if 1.899 < float(row[0]) < 5.001]
    assert [row[:2] for row in rows] == [row[:2] for row in same]
    # Frames are computed in blocks, which begin elsewhere: on some CPUs the last digit differs.
    np.testing.assert_allclose(
        [[float(value) for value in row[2:]] for row in rows],
        [[float(value) for value in row[2:]] for row in same],
        atol=1e-6,
    )
    cut = sorted(path.relative_to(tmp_path / "clips").parts[0] for path in (tmp_path / "clips").rglob("*.mp4"))
    assert cut == ["dark", "light"]
