"""A model that is shown cropped or letterboxed frames is audited as it is fed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image, ImageOps

from helpers.commands import assert_refused
from helpers.media import noise, write_video
from helpers.pipeline import SIDE, color_model, moving_discs, write_disc_videos, write_snapshots
from helpers.training import write_untrained_run
from stillmotion.audit import Audit, audit_model, auditing
from stillmotion.audit.audited_model import clip_spec
from stillmotion.audit.faults import FRAMING, ORIENTATION, RESIZING, PathSettings, changed_faults
from stillmotion.audit.faults.framing import Box
from stillmotion.audit.input_notes import notes_on_inputs
from stillmotion.audit.loading import load_audited_model
from stillmotion.audit.sensitivity import _plan_trials
from stillmotion.audit.video_index import index_video
from stillmotion.clips import ClipSpec
from stillmotion.decoding import Framing
from stillmotion.decoding.resizing import Resizer

pytestmark = pytest.mark.backend
# As Pillow does it.
FITS: dict[str, Any] = {"stretch": Image.Image.resize, "crop": ImageOps.fit, "letterbox": ImageOps.pad}
FITS["turned, then crop"] = lambda image, *to: ImageOps.fit(image.transpose(Image.Transpose.ROTATE_90), *to)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_disc_videos(tmp_path_factory.mktemp("videos"), 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "colors.keras"
    color_model().save(file)
    return file


@pytest.fixture
def audit(tmp_path: Path, videos: list[Path], model: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Audits the model with a reader that fits frames in one way, and snapshots of half the size, of whole frames."""
    write_snapshots(tmp_path / "s", videos, lambda picture: np.asarray(Image.fromarray(picture).reduce(2)))
    monkeypatch.setattr(auditing, "check_model", lambda audited, inputs: ())  # takes longest

    def run(framing: Framing, read_as: str) -> Audit:
        def read(path: Path) -> Iterator[Any]:
            with av.open(str(path)) as container:
                for frame in container.decode(video=0):
                    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
                    yield np.asarray(FITS[read_as](image, (SIDE, SIDE), Image.Resampling.BOX))

        facts: dict[str, Any] = {"snapshots": tmp_path / "s", "framing": framing, "input_range": "0..255"}
        return audit_model(model, videos, frame_reader=read, sensitivity=False, **facts)

    return run


@pytest.mark.parametrize("framing", ["crop", "letterbox"])
def test_a_reader_that_frames_as_the_model_is_fed_is_not_accused(audit: Any, framing: str) -> None:
    """Snapshots show whole frames: their framing is the model's."""
    healthy = audit(framing, framing)
    assert "framing" not in [cause.cause for cause in healthy.causes]
    assert healthy.model.framing == framing and not [note for note in healthy.notes if "--framing" in note]


def test_a_reader_that_frames_otherwise_is_accused(audit: Any) -> None:
    first = audit("crop", "stretch").causes[0]
    assert first.cause == "framing" and first.share > 0.7 and "ImageOps.fit" in first.fix


def test_a_reader_that_crops_turned_frames_as_the_model_is_fed_is_not_accused_of_cropping(audit: Any) -> None:
    causes = [cause.cause for cause in audit("crop", "turned, then crop").causes]
    assert causes[0] == "orientation" and "framing" not in causes


def test_that_frames_are_taken_to_be_stretched_is_noted_where_it_matters(tmp_path: Path, model: Path) -> None:
    note = "frames are taken to be stretched to the model's aspect ratio; use --framing to be sure"
    videos = [write_video(tmp_path / f"{width}.mkv", noise(2, 32, width)) for width in (32, 48)]
    square, wide = (notes_on_inputs(load_audited_model(model), [index_video(video)], []) for video in videos)
    given = notes_on_inputs(load_audited_model(model, framing="stretch"), [index_video(videos[1])], [])
    assert [note in notes for notes in (square, wide, given)] == [False, True, False]


def test_a_snapshot_of_another_size_is_framed_in_that_size(model: Path) -> None:
    audited = load_audited_model(model, framing="crop", channels="rgb")
    stored = PathSettings().having(RESIZING, ("area", (36, 48)))
    framed = audited.framed(stored, (36, 48), (72, 96))
    assert framed[RESIZING] == ("area", (36, 36)) and framed[FRAMING] == "crop"


@pytest.mark.parametrize(
    ("framing", "box"), [("crop", (0, 1 / 8, 1, 7 / 8, 0)), ("letterbox", (-1 / 6, 0, 7 / 6, 1, 0))]
)
def test_a_turned_frame_is_framed_after_it_is_turned(model: Path, framing: Any, box: Box) -> None:
    """96 x 72 pixels, turned by 90 degrees: that its framing is another one than upright is no fault of its own."""
    audited = load_audited_model(model, framing=framing, input_range="0..255", channels="rgb")
    found = PathSettings().having(ORIENTATION, (1, False)).having(FRAMING, box)
    framed = audited.framed(found, (SIDE, SIDE), (72, 96))
    assert changed_faults(framed, audited.settings) == [ORIENTATION]


@pytest.mark.parametrize(("level", "faults"), [(0, []), (16, []), (114, [FRAMING])])
def test_bars_of_another_color_are_a_fault(model: Path, level: int, faults: list[Any]) -> None:
    """The model's bars are black; codecs and scaling may move them by a few levels."""
    audited = load_audited_model(model, framing="letterbox", input_range="0..255", channels="rgb")
    found = PathSettings().having(FRAMING, (0, -1 / 6, 1, 7 / 6, level))
    assert changed_faults(audited.framed(found, (SIDE, SIDE), (72, 96)), audited.settings) == faults


@pytest.mark.parametrize("framing", ["crop", "letterbox"])
def test_pictures_are_fed_in_the_models_framing(model: Path, framing: Any) -> None:
    """As `predict` feeds them but for rounding; the other framings are the faults that it may be sensitive to."""
    audited = load_audited_model(model, framing=framing, channels="rgb")
    picture = moving_discs(0)[0]
    fitted = Resizer(SIDE, SIDE, framing)(VideoFrame.from_ndarray(picture, format="rgb24"))
    assert np.abs(audited.feed(picture.astype(np.float32)) - fitted).mean() < 1
    assert clip_spec(audited).framing == framing
    tried = [trial.setting for trial in _plan_trials(audited) if trial.fault is FRAMING]
    assert "stretch" in tried and framing not in tried


def test_a_run_is_audited_with_its_own_clips(tmp_path: Path, model: Path) -> None:
    spec = ClipSpec(frames=4, size=16, rate=5, order="shuffled")
    run = write_untrained_run(tmp_path / "run", "frame_pool", spec, ("left", "right"))
    assert [clip_spec(load_audited_model(file)) for file in (run.folder, run.model_file)] == [spec, spec]
    assert_refused(2, "framing 'squash': expected stretch, crop, letterbox", "audit", model, "a", "--framing", "squash")
