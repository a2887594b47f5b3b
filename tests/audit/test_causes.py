"""A single fault is named first, a healthy pipeline is not accused, snapshots are matched with their frames."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import av
import keras
import numpy as np
import pytest
from PIL import Image

from helpers.pipeline import SIDE, color_model, write_disc_videos, write_snapshots
from stillmotion.audit import FAULTS, Audit, as_json, audit_model, auditing, read_audit, write_audit
from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.consistency import check_model
from stillmotion.audit.faults import PictureFault
from stillmotion.audit.loading import load_audited_model
from stillmotion.audit.records import Check
from stillmotion.errors import StillmotionError

pytestmark = pytest.mark.backend

Change = Callable[[Any], Any]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_disc_videos(tmp_path_factory.mktemp("videos"), 2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "colors.keras"
    color_model().save(file)
    return file


@pytest.fixture(scope="module", autouse=True)
def each_model_once() -> Iterator[None]:
    """Each model is loaded and checked once, and not again for each audit: that is half of an audit's time."""
    checks: dict[Path, tuple[Check, ...]] = {}

    def check_once(audited: AuditedModel, inputs: Any) -> tuple[Check, ...]:
        if audited.file not in checks:
            checks[audited.file] = check_model(audited, inputs)
        return checks[audited.file]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditing, "check_model", check_once)
        patch.setattr(auditing, "load_audited_model", cache(load_audited_model))
        yield


def make_reader(change: Change) -> Callable[[Path], Iterator[Any]]:
    """A frame reader by PyAV whose frames are changed."""

    def read(path: Path) -> Iterator[Any]:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield change(frame.to_ndarray(format="rgb24"))

    return read


def shrink(picture: Any, how: Image.Resampling = Image.Resampling.BOX) -> Any:
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), how))


def quick_audit(model: Path, videos: list[Path], **options: Any) -> Audit:
    return audit_model(model, videos, sensitivity=False, **options)


SNAPSHOT_FAULTS: dict[str, Change] = {
    "channel_order": lambda picture: picture[..., ::-1],
    "orientation": lambda picture: np.rot90(picture, 2),
    "grayscale": lambda picture: np.repeat(picture.mean(-1, keepdims=True), 3, axis=-1),
    "exposure": lambda picture: 255 * (picture / 255) ** 0.5,
    "color_matrix": lambda picture: 16 + picture * (219 / 255),
    "framing": lambda picture: picture[:, 12:84],
    "resizing": lambda picture: shrink(picture, Image.Resampling.NEAREST),
}


@pytest.mark.parametrize("fault", SNAPSHOT_FAULTS)
def test_a_fault_of_the_snapshots_is_named_first(tmp_path: Path, videos: list[Path], model: Path, fault: str) -> None:
    write_snapshots(tmp_path / "s", videos, SNAPSHOT_FAULTS[fault])
    cause = quick_audit(model, videos, snapshots=tmp_path / "s").causes[0]
    assert (cause.cause, cause.name) == (fault, FAULTS[fault].name)
    assert cause.share > 0.7
    assert cause.low <= cause.share <= cause.high


READER_FAULTS: dict[str, Change] = {
    "channel_order": lambda picture: shrink(picture)[..., ::-1],
    "scaling": lambda picture: shrink(picture) / 255,
    "resizing": lambda picture: shrink(picture, Image.Resampling.NEAREST),
    "framing": lambda picture: shrink(np.ascontiguousarray(picture[:, 12:84])),
}
READER_SETTINGS = {  # what the summary says of the snapshots and of the reader
    "channel_order": ("are RGB", "are BGR."),
    "scaling": ("are scaled to 0..255", "are scaled to 0..1."),
    "resizing": ("are resized by area", "are resized by nearest, centered."),
    "framing": ("show the whole frame", "are cropped to 75% of the width"),
}


@pytest.mark.parametrize("fault", READER_FAULTS)
def test_a_fault_of_the_reader_is_named_first_with_both_settings(
    tmp_path: Path, videos: list[Path], model: Path, fault: str
) -> None:
    write_snapshots(tmp_path / "s", videos)
    result = quick_audit(model, videos, snapshots=tmp_path / "s", frame_reader=make_reader(READER_FAULTS[fault]))
    assert result.causes[0].cause == fault
    snapshots, frames = READER_SETTINGS[fault]
    settings = f"your snapshots {snapshots}, but your reader's frames {frames}"
    assert f"% of the change comes from {FAULTS[fault].name}: {settings}" in result.summary


def test_a_fault_added_to_the_table_is_found_as_a_cause(
    tmp_path: Path, videos: list[Path], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new fault is one record: rendered, tried, attributed and described without any other change."""

    def pixelate(picture: Any, side: int) -> Any:
        height, width = picture.shape[:2]
        blocks = np.asarray(picture, np.float32).reshape(height // side, side, width // side, side, 3).mean((1, 3))
        return np.rint(blocks).repeat(side, 0).repeat(side, 1)

    toy = PictureFault(
        id="pixelated",
        name="pixelation",
        normal=1,
        strengths=(4,),
        candidates=(2, 4, 8),
        apply=pixelate,
        label=lambda side: f"blocks of {side}",
        describe=lambda side: f"have blocks of {side} pixels",
        fix=lambda video, snapshots: f"pixelate(frame, {snapshots})",
    )
    monkeypatch.setitem(FAULTS, toy.id, toy)
    write_snapshots(tmp_path / "s", videos, lambda picture: pixelate(picture, 8))
    result = quick_audit(model, videos, snapshots=tmp_path / "s")
    cause = result.causes[0]
    assert (cause.cause, cause.name) == ("pixelated", "pixelation")
    assert cause.share > 0.7
    assert cause.summary == "video: blocks of 1; snapshots: blocks of 8"
    assert cause.fix == "pixelate(frame, 8)"
    assert "pixelation: your snapshots have blocks of 8 pixels" in result.summary


def test_a_reader_alone_is_compared_with_the_frames(videos: list[Path], model: Path) -> None:
    result = quick_audit(model, videos[:2], frame_reader=make_reader(READER_FAULTS["channel_order"]))
    assert result.causes[0].cause == "channel_order"
    assert re.match(r"\d+ of 24 frames get a different label with your frame reader\.", result.summary)


def test_a_healthy_pipeline_is_not_accused(tmp_path: Path, videos: list[Path], model: Path) -> None:
    indices = write_snapshots(tmp_path / "s", videos)
    result = quick_audit(model, videos, snapshots=tmp_path / "s", frame_reader=make_reader(shrink))
    assert result.causes == ()
    assert "within the noise floor" in result.summary
    assert [round(row.seconds * 10) for row in result.snapshots if row.seconds is not None] == list(indices.values())
    assert max(row.change or 0 for row in result.snapshots) < 0.02


def test_two_faults_are_both_named_and_share_the_change(tmp_path: Path, videos: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", videos)
    both = make_reader(lambda picture: np.ascontiguousarray(shrink(picture)[:, ::-1, ::-1]))
    result = quick_audit(model, videos, snapshots=tmp_path / "s", frame_reader=both)
    assert {cause.cause for cause in result.causes[:2]} == {"channel_order", "orientation"}
    assert sum(cause.share for cause in result.causes) == pytest.approx(1, abs=0.05)


def test_frames_truncated_to_zeros_and_ones_are_recognized(tmp_path: Path, videos: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", videos)
    truncating = make_reader(lambda picture: (shrink(picture) / 255).astype(np.uint8))
    result = quick_audit(model, videos, snapshots=tmp_path / "s", frame_reader=truncating)
    assert result.causes[0].cause == "scaling"
    assert "truncated to integers" in result.causes[0].evidence


def test_a_difference_without_effect_is_named_last(tmp_path: Path, videos: list[Path]) -> None:
    write_snapshots(tmp_path / "s", videos)
    inputs = keras.Input((SIDE, SIDE, 3))
    brightness = keras.ops.mean(inputs, axis=-1, keepdims=True) / 255
    outputs = keras.layers.Dense(4, activation="softmax")(keras.layers.Flatten()(brightness))
    keras.Model(inputs, outputs).save(tmp_path / "brightness.keras")
    swapping = make_reader(lambda picture: shrink(picture)[..., ::-1] / 255)
    result = quick_audit(
        tmp_path / "brightness.keras", videos, snapshots=tmp_path / "s", frame_reader=swapping, input_range="0..255"
    )
    assert [cause.cause for cause in result.causes] == ["scaling", "channel_order"]
    assert abs(result.causes[1].share) < 0.01
    assert (
        "Also different, but without effect on these predictions: channel order (reader: BGR; snapshots: RGB)"
        in result.summary
    )
    assert {preview.file[:6] for preview in result.previews} == {"discs0", "discs1"}


def test_a_reader_that_is_late_is_recognized(tmp_path: Path, videos: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", videos)

    def late(path: Path) -> Iterator[Any]:
        yield from list(make_reader(shrink)(path))[3:]

    result = quick_audit(model, videos, snapshots=tmp_path / "s", frame_reader=late)
    assert result.causes[0].cause == "time_offset"
    assert "3 frames late" in result.causes[0].evidence
    assert "late yields 21 frames of discs0.mp4, which has 24" in result.notes


def test_a_reader_that_skips_every_other_frame_is_not_late(tmp_path: Path, videos: list[Path], model: Path) -> None:
    (tmp_path / "s").mkdir()
    for name, index in write_snapshots(tmp_path / "all", videos).items():
        if index % 2 == 0:
            (tmp_path / "all" / name).rename(tmp_path / "s" / name)

    def half(path: Path) -> Iterator[Any]:
        yield from list(make_reader(shrink)(path))[::2]

    assert quick_audit(model, videos, snapshots=tmp_path / "s", frame_reader=half).causes == ()


def test_resizing_by_swscale_is_recognized(tmp_path: Path, videos: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", videos)

    def resized(path: Path) -> Iterator[Any]:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24", width=SIDE, height=SIDE)

    result = quick_audit(model, videos, snapshots=tmp_path / "s", frame_reader=resized)
    assert result.causes[0].cause == "resizing"
    assert "swscale bilinear" in result.causes[0].evidence


def test_the_summary_names_flips_and_causes_in_order(tmp_path: Path, videos: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", videos)
    both = make_reader(lambda picture: shrink(picture, Image.Resampling.NEAREST)[..., ::-1])
    summary = quick_audit(model, videos, snapshots=tmp_path / "s", frame_reader=both).summary
    assert re.match(
        r"\d+ of 8 snapshots get a different label than their frame\. \d+ % of the change comes from channel order: "
        r"your snapshots are RGB, but your reader's frames are BGR\. \d+ % comes from resizing "
        r"\(reader: nearest, centered; snapshots: area\)\.",
        summary,
    ), summary


def test_the_preprocessing_of_training_is_found(tmp_path: Path, videos: list[Path]) -> None:
    color_model(scaled=False).save(tmp_path / "raw.keras")
    names = ("a", "b", "c", "d")
    audited = load_audited_model(tmp_path / "raw.keras", labels=names, input_range="0..1", channels="bgr")
    for name in write_snapshots(tmp_path / "all", videos):
        picture = np.asarray(Image.open(tmp_path / "all" / name), np.float32)
        label = names[int(audited.predict([audited.feed(picture)])[0].argmax())]
        (tmp_path / "s" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).rename(tmp_path / "s" / label / name)
    ways = quick_audit(
        tmp_path / "raw.keras", videos[:1], snapshots=tmp_path / "s", labels=names, find_preprocessing=True
    ).preprocessing
    right = [way for way in ways if (way.input_range, way.channels) == ("0..1", "BGR")]
    assert max(way.accuracy for way in right) == 1
    assert ways[0].accuracy >= 0.9
    assert sum(way.probability for way in ways) == pytest.approx(1)
    assert sum(way.best for way in ways) == pytest.approx(1)
    assert [way.probability for way in ways] == sorted((way.probability for way in ways), reverse=True)


def test_a_clip_model_is_audited_for_rate_window_and_motion(tmp_path: Path, videos: list[Path]) -> None:
    write_snapshots(tmp_path / "s", videos)
    inputs = keras.Input((6, SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv3D(4, (3, 5, 5), strides=(1, 4, 4), activation="relu")(x)
    outputs = keras.layers.Dense(4, activation="softmax")(keras.layers.Flatten()(x))
    keras.Model(inputs, outputs).save(tmp_path / "clip.keras")
    result = audit_model(tmp_path / "clip.keras", videos, snapshots=tmp_path / "s")
    rows = {(row.fault, row.strength) for row in result.sensitivity}
    assert {("rate", "2x"), ("rate", "0.5x"), ("window_position", "25% of a clip late")} <= rows
    assert len([fault for fault, _ in rows if fault == "time_offset"]) == 20
    assert len(result.noise.instability) == 10
    assert list(result.noise.instability) == sorted(result.noise.instability)
    assert len(result.frozen_clips) == 8
    assert all(0 <= change <= 1 for row in result.frozen_clips for change in (row.frozen_to_clip, row.frozen_to_others))
    assert "motion changes probabilities by" in result.summary


def test_a_picture_from_elsewhere_matches_no_frame(tmp_path: Path, videos: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", videos[:1])
    noise = np.random.default_rng(0).integers(0, 256, (72, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "s" / "stranger.png")
    result = quick_audit(model, videos, snapshots=tmp_path / "s")
    assert [Path(row.file).name for row in result.snapshots if row.video is None] == ["stranger.png"]
    assert result.summary.startswith("1 of 5 snapshots match no frame")


def test_a_model_that_is_fed_bgr_expects_bgr(tmp_path: Path, videos: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", videos)
    result = quick_audit(model, videos, snapshots=tmp_path / "s", frame_reader=make_reader(shrink), channels="bgr")
    assert result.causes[0].cause == "channel_order"
    assert "your snapshots are BGR" in result.causes[0].evidence


def test_an_audit_is_read_back_as_it_was_written(tmp_path: Path, videos: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", videos[:1], SNAPSHOT_FAULTS["channel_order"])
    result = quick_audit(model, videos[:1], snapshots=tmp_path / "s")
    write_audit(result, tmp_path / "out")
    assert read_audit(tmp_path / "out") == result
    assert result.images
    content = json.loads(as_json(result))
    assert content == json.loads((tmp_path / "out" / "audit.json").read_text())
    assert {"consistency", "sensitivity", "snapshots", "causes", "summary"} <= set(content)
    assert {"cause", "name", "share", "low", "high", "evidence", "fix"} <= set(content["causes"][0])


def test_pictures_outside_of_the_audit_are_not_read(tmp_path: Path, videos: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", videos[:1], SNAPSHOT_FAULTS["channel_order"])
    write_audit(quick_audit(model, videos[:1], snapshots=tmp_path / "s"), tmp_path / "out")
    file = tmp_path / "out" / "audit.json"
    file.write_text(file.read_text().replace('"0-frame.png"', '"../../s/discs0-03.png"'))
    assert "discs0-03.png" in file.read_text()
    assert not any("discs0" in name for name in read_audit(tmp_path / "out").images)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda picture: picture, "the model takes (24, 24, 3)"),
        (lambda picture: shrink(picture) * np.nan, "yields NaN"),
        (lambda picture: "frame", "expected numbers"),
        (lambda picture: 1 / 0, "raised ZeroDivisionError"),
        (lambda picture: float("two\nlines"), "raised ValueError"),
        (lambda picture: next(iter(())), "raised"),
        (lambda picture: shrink(picture) * 1e30, "yields numbers up to"),
        (lambda picture: np.full((SIDE, SIDE, 3), 7), "pictures of one color"),
        (lambda picture: np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3)), "match no frame"),
    ],
)
def test_a_bad_reader_is_one_clear_line(videos: list[Path], model: Path, change: Change, message: str) -> None:
    with pytest.raises(StillmotionError) as raised:
        quick_audit(model, videos[:1], frame_reader=make_reader(change))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
