"""Take out how the camera shakes and the light flickers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from helpers.belts import RATE, write_belt
from helpers.media import write_video
from stillmotion.anomaly.measuring import FLOW_MEASURES, FLOW_SIDE, FrameMeasurer
from stillmotion.anomaly.steadying import StillPixels, find_still_pixels

SIDE = FLOW_SIDE


def texture(seed: int = 0) -> Image.Image:
    """Blurred noise, which has structure everywhere."""
    coarse = np.random.default_rng(seed).integers(40, 200, (37, 37), dtype=np.uint8)
    return Image.fromarray(coarse).resize((2 * SIDE, 2 * SIDE), Image.Resampling.BICUBIC)


def seen(picture: Image.Image, right: float = 0, down: float = 0, *, gain: float = 1) -> np.ndarray:
    """What a camera sees that is moved by this, in another light, with noise."""
    window = picture.transform(
        (SIDE, SIDE), Image.Transform.AFFINE, (1, 0, 40 + right, 0, 1, 40 + down), Image.Resampling.BICUBIC
    )
    noise = np.random.default_rng(abs(int(100 * right))).normal(0, 1, (SIDE, SIDE))
    return np.clip(gain * np.asarray(window, float) + noise, 0, 255).astype(np.uint8)


def everywhere(picture: Image.Image) -> StillPixels:
    return StillPixels(np.ones((SIDE, SIDE), bool), seen(picture).astype(np.float32))


def steadied(still: StillPixels, gray: np.ndarray) -> np.ndarray:
    return still.steady(np.repeat(gray[..., None], 3, axis=2))[..., 0]


def difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(float) - second)[8:-8, 8:-8].mean())


@pytest.mark.parametrize(
    "change",
    [
        {"right": 0.7, "down": -0.4},
        {"right": -2.2, "down": 1.5},
        {"right": 0.5, "down": 0.5, "gain": 0.92},
        {"right": -0.5, "gain": 1.1},
        {"down": 0.3, "gain": 0.6},
    ],
)
def test_shaking_is_taken_out_and_so_is_the_light(change: dict[str, float]) -> None:
    stood, shaken = seen(texture()), seen(texture(), **change)
    assert difference(stood, shaken) > 3
    noise = 1.1 / min(1, change.get("gain", 1))  # Two lots of it; what is lit has more.
    assert difference(steadied(everywhere(texture()), shaken), stood) < 1.4 * noise


def test_flicker_is_taken_out_although_most_of_the_picture_changes_otherwise() -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[: SIDE // 4] = True
    stood, lit = seen(texture()), seen(texture(), gain=1.1)
    lit[SIDE // 4 :] = 200
    steady = steadied(StillPixels(mask, stood.astype(np.float32)), lit)
    assert difference(steady[: SIDE // 4], stood[: SIDE // 4]) < 1.5
    assert np.abs(steady[SIDE // 2 :] - 200 / 1.1).mean() < 2


def test_what_moves_does_not_move_the_camera_although_it_fills_most_of_the_picture() -> None:
    """A belt of three quarters of the picture moves by two pixels; the camera by half of one."""
    belt = np.zeros((SIDE, SIDE), bool)
    belt[SIDE // 4 :] = True
    normal = np.where(belt, seen(texture(1)), seen(texture(0)))
    shaken = np.where(belt, seen(texture(1), 2.5), seen(texture(0), 0.5))
    stood = np.where(belt, seen(texture(1), 2.0), seen(texture(0)))
    assert difference(steadied(StillPixels(~belt, normal.astype(np.float32)), shaken), stood) < 1.5


def test_what_passes_over_still_pixels_does_not_move_the_camera() -> None:
    shaken, stood = seen(texture(), 0.6), seen(texture())
    for frame in (shaken, stood):
        frame[30:70, 30:70] = 250
    left = np.ones((SIDE, SIDE), bool)
    left[25:75, 25:75] = False
    assert np.abs(steadied(everywhere(texture()), shaken).astype(float) - stood)[left].mean() < 1.5


@pytest.mark.parametrize("level", [0, 250])
def test_what_covers_less_than_half_of_the_still_pixels_changes_no_light(level: int) -> None:
    stood = seen(texture())
    covered = stood.copy()
    covered[:, : round(0.45 * SIDE)] = level
    steady = steadied(everywhere(texture()), covered)
    assert difference(steady[:, SIDE // 2 :], stood[:, SIDE // 2 :]) < 1.5


@pytest.mark.parametrize("level", [10, 128, 250])
def test_a_frame_stays_as_it_is_where_something_covers_all_still_pixels(level: int) -> None:
    """Else whatever passes in front of a small still part would move all of the picture, and light it anew."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[:14, :14] = True
    covered = seen(texture())
    covered[:20, :20] = level
    still = StillPixels(mask, seen(texture()).astype(np.float32))
    np.testing.assert_array_equal(steadied(still, covered), covered)


def test_a_shift_along_what_has_no_structure_there_is_none() -> None:
    rails = np.repeat(60 + 80 * (np.arange(SIDE) // 8 % 2)[:, None], SIDE, axis=1).astype(np.uint8)
    still = StillPixels(np.ones((SIDE, SIDE), bool), rails.astype(np.float32))
    assert difference(steadied(still, rails), rails) < 0.1


def test_a_measurer_sees_neither_shaking_nor_flicker() -> None:
    stood, shaken = (np.repeat(seen(texture(), **how)[..., None], 3, axis=2) for how in ({}, {"right": 1, "gain": 1.1}))
    looked: list[np.ndarray] = []

    def look(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        looked.append(images[0])
        return np.zeros((1, 7, 7, 1)), np.zeros((1, 1))

    model = SimpleNamespace(
        inputs=[np.empty((1, SIDE, SIDE, 3))], outputs=[np.empty((1, 7, 7, 1))], predict_on_batch=look
    )
    flows = []
    for still in (everywhere(texture()), None):
        measurer = FrameMeasurer(model, RATE, still)
        measurer(stood, 0, starts=True)
        flows.append(measurer(shaken, 1 / RATE, starts=False).flow)
    speed, change = FLOW_MEASURES.index("speed"), FLOW_MEASURES.index("change")
    steady, raw = flows
    assert steady[:, speed].mean() < 0.2 * raw[:, speed].mean()
    assert steady[:, change].mean() < 0.2 * raw[:, change].mean()
    assert difference(looked[1][..., 0], stood[..., 0]) < 2


def test_what_is_nearly_black_stays_dark_and_what_is_much_too_bright_stays_bright() -> None:
    assert steadied(everywhere(texture()), seen(texture(), gain=0.1)).mean() < 0.5 * seen(texture()).mean()
    night = seen(texture(), gain=0.1)
    still = StillPixels(np.ones((SIDE, SIDE), bool), night.astype(np.float32))
    assert steadied(still, seen(texture())).mean() > 2 * night.mean()


def test_the_pixels_beside_a_belt_stand_still(tmp_path: Path) -> None:
    frames = np.stack([np.asarray(texture().crop((0, 0, 64, 64)).convert("RGB"))] * 40)
    for number, frame in enumerate(frames):
        frame[24:44, (3 * number + np.arange(20)) % 64] = 230
    still = find_still_pixels([write_video(tmp_path / "belt.mp4", frames, rate=RATE)], RATE, 64)
    assert still is not None
    rows, scale = still.mask.mean(axis=1), SIDE / 64
    assert rows[round(23 * scale) : round(45 * scale)].max() == 0
    assert rows[: round(20 * scale)].mean() > 0.5 and rows[round(48 * scale) :].mean() > 0.5


def test_there_are_none_in_footage_of_many_places(tmp_path: Path) -> None:
    """Each recording stands still, but the average of all shows none of them."""
    files = []
    for number in range(6):
        frames = np.stack([np.asarray(texture(number).crop((0, 0, 64, 64)).convert("RGB"))] * 8)
        files.append(write_video(tmp_path / f"{number}.mp4", frames, rate=RATE))
    assert find_still_pixels(files, RATE, 64) is None


def test_there_are_none_where_nothing_has_structure(tmp_path: Path) -> None:
    """The noise of a flat wall shows no shift, though it has a structure of its own in each frame."""
    files = [write_belt(tmp_path / f"{number}.mp4", seed=number) for number in range(2)]
    assert find_still_pixels(files, RATE, 32) is None


def test_there_are_none_where_everything_moves(tmp_path: Path) -> None:
    wide = np.repeat(np.asarray(texture(), np.uint8)[..., None], 3, axis=2)
    frames = np.stack([wide[:64, 3 * n : 3 * n + 64] for n in range(50)])
    assert find_still_pixels([write_video(tmp_path / "pan.mp4", frames, rate=RATE)], RATE, 64) is None


def test_unreadable_files_are_left_to_those_who_say_so(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"nothing")
    assert find_still_pixels([tmp_path / "broken.mp4"], RATE, 32) is None
