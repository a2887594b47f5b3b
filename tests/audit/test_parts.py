"""The pieces: resizing as libraries do it, Shapley values, the table of faults."""

from __future__ import annotations

import os
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.pipeline import moving_discs
from stillmotion.audit import FAULTS, faults
from stillmotion.audit.attribution import shapley
from stillmotion.audit.faults import (
    ClipFault,
    FrameContext,
    PathSettings,
    changed_faults,
    context_radius,
    render,
    render_picture,
)
from stillmotion.audit.faults.orientation import ALL_ORIENTATIONS, ORIENTATION
from stillmotion.audit.resampling import KERNELS, resize
from stillmotion.audit.sensitivity import divergence

PILLOW = {
    "nearest, centered": Image.Resampling.NEAREST,
    "area": Image.Resampling.BOX,
    "linear, antialiased": Image.Resampling.BILINEAR,
    "cubic, antialiased": Image.Resampling.BICUBIC,
    "Lanczos, antialiased": Image.Resampling.LANCZOS,
}
OPENCV = {"nearest": 0, "linear": 1, "cubic": 2, "area": 3, "Lanczos": 4}


@pytest.mark.parametrize("kernel", PILLOW)
@pytest.mark.parametrize("size", [(24, 24), (31, 50)])
def test_kernels_are_those_of_pillow(kernel: str, size: tuple[int, int]) -> None:
    if kernel == "area" and size != (24, 24):
        pytest.skip("Pillow's box takes whole pixels only")
    picture = moving_discs(0)[0]
    expected = np.asarray(Image.fromarray(picture).resize(size[::-1], PILLOW[kernel]), np.float32)
    assert np.abs(resize(picture.astype(np.float32), *size, kernel) - expected).max() <= 1


@pytest.mark.parametrize("kernel", OPENCV)
@pytest.mark.parametrize("size", [(24, 24), (31, 50)])
def test_kernels_are_those_of_opencv(kernel: str, size: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    picture = moving_discs(0)[0]
    expected = cv2.resize(picture, size[::-1], interpolation=OPENCV[kernel]).astype(np.float32)
    difference = np.abs(resize(picture.astype(np.float32), *size, kernel) - expected)
    assert difference.mean() < 0.2
    assert np.quantile(difference, 0.99) <= 1


@pytest.mark.parametrize("how", ["area", "bilinear", "bicubic"])
def test_kernels_are_those_of_swscale(how: str) -> None:
    import av

    frame = av.VideoFrame.from_ndarray(moving_discs(0)[0], format="rgb24").reformat(format="yuv420p")
    source = frame.to_ndarray(format="rgb24").astype(np.float32)
    expected = frame.to_ndarray(format="rgb24", width=24, height=20, interpolation=how.upper())
    difference = {kernel: float(np.abs(resize(source, 20, 24, kernel) - expected).mean()) for kernel in KERNELS}
    assert min(difference, key=lambda kernel: difference[kernel]) == f"swscale {how}"
    assert difference[f"swscale {how}"] < 1


NARROW = """
import numpy as np
from stillmotion.audit.faults.video_compression import encode
for height, width in ((64, 16), (64, 34), (64, 36), (9, 40), (35, 47), (2, 2)):
    frames = np.random.default_rng(0).integers(0, 256, (5, height, width, 3), dtype=np.uint8)
    for codec in ("HEVC", "H.264"):
        coded = encode(frames, (codec, 23))
        assert coded.shape == frames.shape and np.abs(coded.astype(int) - frames).mean() > 1, (codec, width)
print("done")
"""


def test_narrow_videos_are_encoded_without_damage_to_memory() -> None:
    """libx265 writes outside of its memory for narrow pictures. glibc's checker, where there is one, sees that."""
    checker = find_library("c_malloc_debug")
    checked = {"LD_PRELOAD": checker, "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "85"} if checker else {}
    result = subprocess.run(
        [sys.executable, "-c", NARROW], env=os.environ | checked, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout.strip()) == (0, "done"), result.stderr[-300:]


def test_shapley_values_of_a_known_game() -> None:
    # Two players who are worth 1 and 2 alone, and 6 together: the surplus is shared.
    assert shapley(["a", "b"], np.array([0.0, 1.0, 2.0, 6.0])) == {"a": 2.5, "b": 3.5}
    assert shapley([], np.array([0.0])) == {}


def test_divergence_is_one_bit_for_predictions_with_nothing_in_common() -> None:
    first, second = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    assert divergence(first, second) == pytest.approx(1)
    assert divergence(first, first) == 0


def test_the_eight_orientations_differ() -> None:
    picture = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    assert len({str(ORIENTATION.apply(picture, orientation)) for orientation in ALL_ORIENTATIONS}) == 8


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_strength_of_a_fault_changes_the_picture_or_its_values(fault: faults.Fault[object]) -> None:
    frames = moving_discs(1)
    context = FrameContext(frames, 12, np.arange(len(frames)) / 10)
    # Fewer bits change only values that are not whole numbers, and these only a little.
    is_precision = fault is faults.PRECISION
    healthy = PathSettings().having(faults.SCALING, "-1..1" if is_precision else "0..255")
    expected = render(healthy, context, (24, 30))
    assert expected.shape == (24, 30, 3)
    for setting in fault.strengths:
        if setting == fault.normal:
            continue
        settings = healthy.having(fault, setting)
        assert changed_faults(settings, healthy) == [fault]
        if isinstance(fault, ClipFault):
            assert np.abs(fault.apply(context.seconds, setting) - context.seconds).max() > 0.05
        else:
            difference = np.abs(render(settings, context, (24, 30)) - expected).max()
            assert difference > (0 if is_precision else 0.5), setting


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_strength_of_a_fault_has_its_own_words_and_a_fix(fault: faults.Fault[object]) -> None:
    settings = [fault.normal, *(setting for setting in fault.strengths if setting != fault.normal)]
    assert len({fault.label(setting) for setting in settings}) == len(settings)
    assert len({fault.describe(setting) for setting in settings}) == len(settings)
    for setting in settings[1:]:
        assert fault.fix(setting, fault.normal)


def test_a_healthy_path_at_full_size_is_the_frame_itself() -> None:
    frames = moving_discs(1)
    context = FrameContext(frames, 12, np.arange(len(frames)) / 10)
    assert np.array_equal(render_picture(PathSettings(), context, (frames.shape[1], frames.shape[2])), frames[12])


def test_settings_are_equal_if_no_fault_differs() -> None:
    settings = PathSettings().having(faults.TIME_OFFSET, 3)
    assert settings[faults.TIME_OFFSET] == 3 and settings[faults.MOTION_BLUR] == 1
    assert settings.having(faults.TIME_OFFSET, 0) == PathSettings() == settings.without(faults.TIME_OFFSET)


def test_paths_need_the_frames_that_their_faults_look_at() -> None:
    late = PathSettings().having(faults.TIME_OFFSET, -4)
    assert context_radius(PathSettings()) == 0
    assert context_radius(PathSettings(), late) == 4
    assert context_radius(late.having(faults.MOTION_BLUR, 3)) == 4 + 6


def test_each_module_of_the_folder_is_a_row_of_the_table() -> None:
    modules = {file.stem for file in Path(faults.__file__).parent.glob("*.py")} - {"__init__", "fault"}
    assert modules == set(FAULTS)
