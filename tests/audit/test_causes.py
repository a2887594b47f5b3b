"""A single fault is named first, a healthy pipeline is not accused, moments are found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import keras
import numpy as np
import pytest
from PIL import Image

from helpers.pipeline import SIDE, colour_model, write_films, write_snapshots
from stillmotion.audit import Audit, as_json, audit_model, read_audit, write_audit
from stillmotion.audit.audited_model import load_audited_model
from stillmotion.audit.comparing_paths import feed
from stillmotion.errors import StillmotionError

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "colours.keras"
    colour_model().save(file)
    return file


def reader(change: Callable[[Any], Any] = lambda picture: picture) -> Callable[[Path], Iterator[Any]]:
    """Frames by PyAV and Pillow, as area makes them, then changed."""

    def read(path: Path) -> Iterator[Any]:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield change(frame.to_ndarray(format="rgb24"))

    return read


def small(picture: Any, how: Image.Resampling = Image.Resampling.BOX) -> Any:
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), how))


def quick(model: Path, films: list[Path], **given: Any) -> Audit:
    return audit_model(model, films, sensitivity=False, **given)


CHANGES = {
    "channel order": lambda picture: picture[..., ::-1],
    "rotation or mirroring": lambda picture: np.rot90(picture, 2),
    "grey": lambda picture: np.repeat(picture.mean(-1, keepdims=True), 3, axis=-1),
    "gamma or exposure": lambda picture: 255 * (picture / 255) ** 0.5,
    "colour matrix or range": lambda picture: 16 + picture * (219 / 255),
    "stretch, crop or letterbox": lambda picture: picture[:, 12:84],
    "resizing": lambda picture: np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.NEAREST)),
}


@pytest.mark.parametrize("cause", CHANGES)
def test_a_fault_of_the_snapshots_is_named_first(tmp_path: Path, films: list[Path], model: Path, cause: str) -> None:
    write_snapshots(tmp_path / "s", films, CHANGES[cause])
    found = quick(model, films, snapshots=tmp_path / "s")
    assert found.causes[0].cause == cause
    assert found.causes[0].share > 0.7
    assert found.causes[0].low <= found.causes[0].share <= found.causes[0].high


READERS: dict[str, Callable[[Any], Any]] = {
    "channel order": lambda picture: small(picture)[..., ::-1],
    "scaling": lambda picture: small(picture) / 255,
    "resizing": lambda picture: small(picture, Image.Resampling.NEAREST),
    "stretch, crop or letterbox": lambda picture: small(np.ascontiguousarray(picture[:, 12:84])),
}


@pytest.mark.parametrize("cause", READERS)
def test_a_fault_of_the_reader_is_named_first(tmp_path: Path, films: list[Path], model: Path, cause: str) -> None:
    write_snapshots(tmp_path / "s", films)
    found = quick(model, films, snapshots=tmp_path / "s", frames=reader(READERS[cause]))
    assert found.causes[0].cause == cause
    assert f"% of the change comes from {cause}: your snapshots are" in found.answer or cause not in ("channel order",)


def test_a_reader_alone_is_compared_with_the_frames(films: list[Path], model: Path) -> None:
    found = quick(model, films[:2], frames=reader(READERS["channel order"]))
    assert found.causes[0].cause == "channel order"
    assert found.answer.split()[1:4] == ["of", "24", "frames"]


def test_a_healthy_pipeline_is_not_accused(tmp_path: Path, films: list[Path], model: Path) -> None:
    truth = write_snapshots(tmp_path / "s", films)
    found = quick(model, films, snapshots=tmp_path / "s", frames=reader(small))
    assert found.causes == ()
    assert "within the noise floor" in found.answer
    assert [round(row.seconds * 10) for row in found.snapshots if row.seconds is not None] == list(truth.values())
    assert max(row.change or 0 for row in found.snapshots) < 0.02


def test_a_pair_is_named(tmp_path: Path, films: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", films)
    both = reader(lambda picture: np.ascontiguousarray(small(picture)[:, ::-1, ::-1]))
    found = quick(model, films, snapshots=tmp_path / "s", frames=both)
    assert {cause.cause for cause in found.causes[:2]} == {"channel order", "rotation or mirroring"}
    assert sum(cause.share for cause in found.causes) == pytest.approx(1, abs=0.05)


def test_a_reader_of_zeros_and_ones(tmp_path: Path, films: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", films)
    cut = reader(lambda picture: (small(picture) / 255).astype(np.uint8))
    found = quick(model, films, snapshots=tmp_path / "s", frames=cut)
    assert found.causes[0].cause == "scaling"
    assert "whole numbers" in found.causes[0].evidence


def test_a_difference_without_effect_is_told_last(tmp_path: Path, films: list[Path]) -> None:
    write_snapshots(tmp_path / "s", films)
    given = keras.Input((SIDE, SIDE, 3))
    brightness = keras.ops.mean(given, axis=-1, keepdims=True) / 255
    outputs = keras.layers.Dense(4, activation="softmax")(keras.layers.Flatten()(brightness))
    keras.Model(given, outputs).save(tmp_path / "brightness.keras")
    swapped = reader(lambda picture: small(picture)[..., ::-1] / 255)
    found = quick(tmp_path / "brightness.keras", films, snapshots=tmp_path / "s", frames=swapped, scale="0..255")
    assert [cause.cause for cause in found.causes] == ["scaling", "channel order"]
    assert abs(found.causes[1].share) < 0.01
    assert "Different too, without effect on these answers: channel order (BGR against RGB)" in found.answer
    assert {picture.file[:5] for picture in found.pictures} == {"film0", "film1", "film2"}


def test_a_late_reader(tmp_path: Path, films: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", films)

    def late(path: Path) -> Iterator[Any]:
        yield from list(reader(small)(path))[3:]

    found = quick(model, films, snapshots=tmp_path / "s", frames=late)
    assert found.causes[0].cause == "moment"
    assert "3 frames too late" in found.causes[0].evidence
    assert "late yields 21 frames of film0.mp4, which has 24" in found.notes


def test_a_reader_that_leaves_every_other_frame_out_is_not_late(tmp_path: Path, films: list[Path], model: Path) -> None:
    (tmp_path / "s").mkdir()
    for name in write_snapshots(tmp_path / "all", films):
        if int(name[-6:-4]) % 2 == 0:
            (tmp_path / "all" / name).rename(tmp_path / "s" / name)

    def half(path: Path) -> Iterator[Any]:
        yield from list(reader(small)(path))[::2]

    assert quick(model, films, snapshots=tmp_path / "s", frames=half).causes == ()


def test_a_reader_by_swscale(tmp_path: Path, films: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", films)

    def scaled(path: Path) -> Iterator[Any]:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24", width=SIDE, height=SIDE)

    found = quick(model, films, snapshots=tmp_path / "s", frames=scaled)
    assert found.causes[0].cause == "resizing"
    assert "swscale bilinear" in found.causes[0].evidence


def test_the_answer_reads_as_it_should(tmp_path: Path, films: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", films)
    both = reader(lambda picture: small(picture, Image.Resampling.NEAREST)[..., ::-1])
    told = quick(model, films, snapshots=tmp_path / "s", frames=both).answer
    assert re.match(
        r"\d+ of 12 snapshots get another label than their frame\. \d+ % of the change comes from channel order: your "
        r"snapshots are RGB, your frame reader yields BGR\. \d+ % from resizing \(nearest, centred against area\)\.",
        told,
    ), told


def test_the_preprocessing_is_found(tmp_path: Path, films: list[Path]) -> None:
    colour_model(scaled=False).save(tmp_path / "raw.keras")
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n")
    subject = load_audited_model(tmp_path / "raw.keras", labels=tmp_path / "labels.txt", scale="0..1", channels="bgr")
    for name in write_snapshots(tmp_path / "all", films):
        picture = np.asarray(Image.open(tmp_path / "all" / name), np.float32)
        label = subject.labels[int(subject.answers([feed(subject, picture)])[0].argmax())]
        (tmp_path / "s" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).rename(tmp_path / "s" / label / name)
    found = audit_model(
        tmp_path / "raw.keras", films[:1], snapshots=tmp_path / "s", labels=tmp_path / "labels.txt",
        find_preprocessing=True, sensitivity=False,
    ).preprocessing  # fmt: skip
    right = [way for way in found if (way.scale, way.channels) == ("0..1", "BGR")]
    assert max(way.accuracy for way in right) == 1
    assert found[0].accuracy >= 0.9
    assert sum(way.probability for way in found) == pytest.approx(1)
    assert sum(way.best for way in found) == pytest.approx(1)
    assert [way.log_likelihood for way in found] == sorted((way.log_likelihood for way in found), reverse=True)


def test_a_clip_model_is_asked_about_motion_rate_and_window(tmp_path: Path, films: list[Path]) -> None:
    write_snapshots(tmp_path / "s", films[:2])
    given = keras.Input((6, SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255)(given)
    x = keras.layers.Conv3D(4, (3, 5, 5), strides=(1, 4, 4), activation="relu")(x)
    outputs = keras.layers.Dense(4, activation="softmax")(keras.layers.Flatten()(x))
    keras.Model(given, outputs).save(tmp_path / "clip.keras")
    found = audit_model(tmp_path / "clip.keras", films[:2], snapshots=tmp_path / "s")
    rows = {(row.fault, row.strength) for row in found.sensitivity}
    assert {("rate", "x 2"), ("rate", "x 0.5"), ("window position", "+25 % of a clip")} <= rows
    assert len([row for row in rows if row[0] == "moment"]) == 20
    assert len(found.noise.unsteady) == 10
    assert list(found.noise.unsteady) == sorted(found.noise.unsteady)
    assert len(found.motion) == 8
    assert all(0 <= value <= 1 for one in found.motion for value in (one.frozen_to_clip, one.frozen_to_others))
    assert "motion moves probabilities by" in found.answer


def test_a_stranger_matches_no_moment(tmp_path: Path, films: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", films[:1])
    noise = np.random.default_rng(0).integers(0, 256, (72, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "s" / "stranger.png")
    found = quick(model, films, snapshots=tmp_path / "s")
    assert [row.file.endswith("stranger.png") for row in found.snapshots if row.video is None] == [True]
    assert found.answer.startswith("1 of 5 snapshots match no moment")


def test_the_model_is_fed_bgr(tmp_path: Path, films: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", films)
    found = quick(model, films, snapshots=tmp_path / "s", frames=reader(small), channels="bgr")
    assert found.causes[0].cause == "channel order"
    assert "your snapshots are BGR" in found.causes[0].evidence


def test_the_record_comes_back(tmp_path: Path, films: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", films[:1], CHANGES["channel order"])
    found = quick(model, films[:1], snapshots=tmp_path / "s")
    write_audit(found, tmp_path / "audit.json")
    assert read_audit(tmp_path) == found
    written = json.loads(as_json(found))
    assert {"consistency", "sensitivity", "snapshots", "causes"} <= set(written)
    assert {"cause", "share", "low", "high", "evidence", "cure"} <= set(written["causes"][0])


@pytest.mark.parametrize(
    ("yields", "says"),
    [
        (lambda picture: picture, "the model takes (24, 24, 3)"),
        (lambda picture: small(picture) * np.nan, "yields NaN"),
        (lambda picture: "frame", "expected numbers"),
        (lambda picture: 1 / 0, "raised ZeroDivisionError"),
        (lambda picture: float("two\nlines"), "raised ValueError"),
        (lambda picture: small(picture) * 1e30, "yields numbers up to"),
        (lambda picture: np.full((SIDE, SIDE, 3), 7), "pictures of one colour"),
        (lambda picture: np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3)), "match no frame"),
    ],
)
def test_a_bad_reader_is_one_clear_line(films: list[Path], model: Path, yields: Any, says: str) -> None:
    with pytest.raises(StillmotionError) as told:
        quick(model, films[:1], frames=reader(yields))
    assert says in str(told.value)
    assert "\n" not in str(told.value)
