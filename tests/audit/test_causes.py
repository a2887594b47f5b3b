"""A single fault is named first, a healthy pipeline is not accused, moments are found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from pipeline import SIDE, colour_model, write_films, write_snapshots

from stillmotion.audit import Audit, as_json, audit_model, read_audit, write_audit
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


def test_a_late_reader(tmp_path: Path, films: list[Path], model: Path) -> None:
    write_snapshots(tmp_path / "s", films)

    def late(path: Path) -> Iterator[Any]:
        yield from list(reader(small)(path))[2:]

    found = quick(model, films, snapshots=tmp_path / "s", frames=late)
    assert found.causes[0].cause == "moment"
    assert "2 frames too late" in found.causes[0].evidence


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
        (lambda picture: np.full((SIDE, SIDE, 3), 7), "pictures of one colour"),
        (lambda picture: np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3)), "match no frame"),
    ],
)
def test_a_bad_reader_is_one_clear_line(films: list[Path], model: Path, yields: Any, says: str) -> None:
    with pytest.raises(StillmotionError) as told:
        quick(model, films[:1], frames=reader(yields))
    assert says in str(told.value)
    assert "\n" not in str(told.value)
