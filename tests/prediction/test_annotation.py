"""A stream's frames become a video with the current label on it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from helpers.media import turn_clockwise, write_video
from helpers.streams import jam_predictions
from stillmotion.decoding.live import find_source, read_source
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.errors import StillmotionError
from stillmotion.prediction.annotation import AnnotatedVideo, draw_label


def test_the_bar_is_as_long_as_the_probability() -> None:
    picture = np.full((64, 100, 3), 0, np.uint8)
    orange = [[245, 158, 11]]
    lengths = [
        int((draw_label(picture, "jam", share).reshape(-1, 100, 3) == orange).all(-1).any(0).sum())
        for share in (0.25, 0.75)
    ]
    assert lengths == pytest.approx([25, 75], abs=1.1)
    assert not picture.any()


def test_a_turned_video_is_annotated_upright(tmp_path: Path) -> None:
    """With a strip at the top as the viewer sees it, whatever the matrix in the file's header."""
    source = turn_clockwise(write_video(tmp_path / "video.mp4", np.full((4, 48, 96, 3), 200, np.uint8)))
    video = AnnotatedVideo(tmp_path / "annotated.mp4")
    with closing(video):
        for frame in read_source(find_source(source)):
            video.write(frame, jam_predictions([0.9])[0])
    with av.open(str(tmp_path / "annotated.mp4")) as annotated:
        picture = next(annotated.decode(video=0)).to_ndarray(format="rgb24")
    assert picture.shape == (96, 48, 3)
    assert picture[:10].mean() < 150 < picture[30:].mean()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("name", ["annotated.mp4", "annotated.mkv"])
def test_a_full_disk_is_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.symlink_to("/dev/full")
    picture = VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
    refused = pytest.raises(StillmotionError, match=rf"{name}: cannot be written \(No space left on device\)")
    with refused, closing(AnnotatedVideo(path)) as video:
        for number in range(40):
            video.write(SourceFrame(number / 25, picture, False, 0.0), None)
