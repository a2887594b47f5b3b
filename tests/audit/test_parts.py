"""The pieces: resizing as libraries do it, Shapley values, the table of faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.pipeline import pictures
from stillmotion.audit import FAULTS, faults
from stillmotion.audit.attribution import shapley
from stillmotion.audit.faults import FrameContext, difference, normal_path, render_picture
from stillmotion.audit.faults.orientation import ALL_TURNS, ORIENTATION
from stillmotion.audit.resampling import KERNELS, resize
from stillmotion.audit.sensitivity import divergence

PILLOW = {
    "nearest, centred": Image.Resampling.NEAREST,
    "area": Image.Resampling.BOX,
    "linear, smooth": Image.Resampling.BILINEAR,
    "cubic, smooth": Image.Resampling.BICUBIC,
    "Lanczos, smooth": Image.Resampling.LANCZOS,
}
OPENCV = {"nearest": 0, "linear": 1, "cubic": 2, "area": 3, "Lanczos": 4}


@pytest.mark.parametrize("kernel", PILLOW)
@pytest.mark.parametrize("size", [(24, 24), (31, 50)])
def test_kernels_are_those_of_pillow(kernel: str, size: tuple[int, int]) -> None:
    if kernel == "area" and size != (24, 24):
        pytest.skip("Pillow's box takes whole pixels only")
    picture = pictures(0)[0]
    theirs = np.asarray(Image.fromarray(picture).resize(size[::-1], PILLOW[kernel]), np.float32)
    assert np.abs(resize(picture.astype(np.float32), *size, kernel) - theirs).max() <= 1


@pytest.mark.parametrize("kernel", OPENCV)
@pytest.mark.parametrize("size", [(24, 24), (31, 50)])
def test_kernels_are_those_of_opencv(kernel: str, size: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    picture = pictures(0)[0]
    theirs = cv2.resize(picture, size[::-1], interpolation=OPENCV[kernel]).astype(np.float32)
    off = np.abs(resize(picture.astype(np.float32), *size, kernel) - theirs)
    assert off.mean() < 0.2
    assert np.quantile(off, 0.99) <= 1


@pytest.mark.parametrize("how", ["area", "bilinear", "bicubic"])
def test_kernels_are_those_of_swscale(how: str) -> None:
    import av

    frame = av.VideoFrame.from_ndarray(pictures(0)[0], format="rgb24").reformat(format="yuv420p")
    seen = frame.to_ndarray(format="rgb24").astype(np.float32)
    theirs = frame.to_ndarray(format="rgb24", width=24, height=20, interpolation=how.upper())
    off = {kernel: np.abs(resize(seen, 20, 24, kernel) - theirs).mean() for kernel in KERNELS}
    assert min(off, key=lambda kernel: off[kernel]) == f"swscale {how}"
    assert off[f"swscale {how}"] < 1


def test_shapley_values_of_a_known_game() -> None:
    # Two players who are worth 1 and 2 alone, and 6 together: the surplus is shared.
    assert shapley(["one", "two"], np.array([0.0, 1.0, 2.0, 6.0])) == {"one": 2.5, "two": 3.5}
    assert shapley([], np.array([0.0])) == {}


def test_divergence_is_a_bit_for_answers_with_nothing_in_common() -> None:
    one, other = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    assert divergence(one, other) == pytest.approx(1)
    assert divergence(one, one) == 0


def test_turns_are_eight_different_ones() -> None:
    picture = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    assert len({str(ORIENTATION.apply(picture, turn, (2, 3))) for turn in ALL_TURNS}) == 8


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_changes_the_picture_or_its_values(name: str) -> None:
    film = pictures(1)
    shot = FrameContext(film, 12, np.arange(len(film)) / 10)
    plain = faults.render(normal_path(), shot, (24, 30))
    assert plain.shape == (24, 30, 3)
    assert FAULTS[name].cure(FAULTS[name].strengths[0], FAULTS[name].normal)
    for setting in FAULTS[name].strengths:
        if setting == FAULTS[name].normal:
            continue
        path = normal_path() | {name: setting}
        assert difference(path, normal_path()) == [name]
        if FAULTS[name].stage == "clip":
            assert np.abs(FAULTS[name].apply(shot.seconds, setting, (24, 30)) - shot.seconds).max() > 0.05
        elif name != "precision":
            assert np.abs(faults.render(path, shot, (24, 30)) - plain).max() > 0.5, setting
        assert FAULTS[name].words(setting) != FAULTS[name].words(FAULTS[name].normal)
    assert np.array_equal(render_picture(normal_path(), shot, film.shape[1:3]), film[12])


def test_folder_and_table_agree() -> None:
    modules = {file.stem for file in Path(faults.__file__).parent.glob("*.py")} - {"__init__", "fault"}
    assert len(modules) == len(FAULTS)
