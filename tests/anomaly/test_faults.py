"""Simulated faults: what each does to a scene, checked on a picture whose parts are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from stillmotion.anomaly.faults import FAULTS, FaultRecipe, Scene, as_recorded
from stillmotion.anomaly.faults.look import change_color, move_part, remove_part
from stillmotion.anomaly.faults.motion import change_speed, reverse, stop, stutter
from stillmotion.anomaly.faults.scene import LEAD_SECONDS, TAIL_SECONDS
from stillmotion.anomaly.faults.sequence import delay_step, find_stations, skip_step, swap_steps

SIDE, SOURCE_RATE, RATE, SECONDS = 112, 16.0, 8.0, 16.0
# When the two lamps of `scene` are on: for half a second every three seconds, one after the other.
LAMPS = {"left": 0.0, "right": 1.0}
SPEED = 12.0  # pixels per second of the belt


def make_scene(*, noise: float = 2.0, lamps: bool = True) -> Scene:
    """A belt with dots that moves to the right in the lower half, and two lamps above it."""
    rng = np.random.default_rng(5)
    texture = rng.integers(60, 200, (40, 4 * SIDE)).astype(np.float32)
    texture = np.asarray((texture + np.roll(texture, 1, 1) + np.roll(texture, 1, 0)) / 3, np.float32)
    images = np.full((round(SECONDS * SOURCE_RATE), SIDE, SIDE, 3), 70, np.float32)
    seconds = np.arange(len(images)) / SOURCE_RATE
    for image, now in zip(images, seconds, strict=True):
        columns = (np.arange(SIDE) - SPEED * now) % texture.shape[1]
        low = np.floor(columns).astype(int)
        part = (columns - low)[None, :]
        belt = texture[:, low] * (1 - part) + texture[:, (low + 1) % texture.shape[1]] * part
        image[64:104] = belt[..., None]
        for name, phase in LAMPS.items():
            left = 16 if name == "left" else 72
            image[16:40, left : left + 24] = 220 if lamps and (now - phase) % 3 < 0.5 else 40
    images += rng.normal(0, noise, images.shape)
    return Scene(images.clip(0, 255).astype(np.uint8), seconds, RATE, LEAD_SECONDS, 4.0)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_the_same_seed_makes_the_same_fault_and_the_truth_is_in_what_is_shown(scene: Scene, fault: FaultRecipe) -> None:
    for strength in fault.strengths.values():
        first, again = (fault.make(scene, strength, np.random.default_rng(7)) for _ in range(2))
        assert first is not None and again is not None
        assert np.array_equal(first.shown, again.shown) and first.changed.keys() == again.changed.keys()
        assert all(np.array_equal(first.changed[slot], again.changed[slot]) for slot in first.changed)
        assert first.times[0] <= first.start_seconds - 1.5 and first.times[-1] >= first.end_seconds + 1.0
        assert first.start_seconds < first.end_seconds
        # Before the fault, everything is as it was recorded.
        before = first.times < first.start_seconds - 0.5
        assert before.any() and np.array_equal(first.shown[before], scene.shown_at(first.times[before]))
        assert all(first.times[slot] > first.start_seconds - 0.5 for slot in first.changed)


def test_nothing_is_changed_in_a_scene_as_it_was_recorded(scene: Scene) -> None:
    made = as_recorded(scene)
    assert made.changed == {} and np.array_equal(made.shown, scene.shown_at(made.times))


def test_faults_of_motion_show_the_right_times(scene: Scene) -> None:
    rng = np.random.default_rng(0)
    start = scene.start_seconds

    def around(made: object, offset: float) -> float:
        """The time that is shown so many seconds after the fault's beginning, less that beginning."""
        slot = int(np.argmin(np.abs(made.times - start - offset)))  # type: ignore[attr-defined]
        return float(scene.seconds[made.shown[slot]] - start - (made.times[slot] - start - offset))  # type: ignore[attr-defined]

    stopped = stop(scene, 2.0, rng)
    assert stopped is not None and stopped.end_seconds == start + 2
    during = (stopped.times > start) & (stopped.times < start + 2)
    assert len(set(stopped.shown[during])) == 1
    assert around(stopped, 3.0) == pytest.approx(1.0, abs=0.1)
    back = reverse(scene, 1.0, rng)
    assert around(back, 0.9) == pytest.approx(-0.9, abs=0.2) and around(back, 2.0) == pytest.approx(0.0, abs=0.1)
    fast = change_speed(scene, 2.0, rng)
    assert around(fast, 2.0) == pytest.approx(4.0, abs=0.1) and around(fast, 4.5) == pytest.approx(8.5, abs=0.1)
    halting = stutter(scene, 0.5, rng)
    assert halting is not None and around(halting, 1.8) == pytest.approx(1.8, abs=0.15)
    steps = np.diff(scene.seconds[halting.shown[(halting.times > start) & (halting.times < start + 3.6)]])
    assert (steps == 0).mean() == pytest.approx(0.5, abs=0.15)


def test_a_frame_that_is_shown_again_has_the_noise_of_another_moment(scene: Scene) -> None:
    """A camera's noise does not stand still when a machine does."""
    made = stop(scene, 2.0, np.random.default_rng(0))
    assert made is not None and made.only_noise
    slots = sorted(made.changed)
    difference = made.changed[slots[3]].astype(float) - made.changed[slots[4]]
    assert difference.std() == pytest.approx(2.0 * np.sqrt(2) * np.sqrt(1 + 0.5), rel=0.35)
    assert stop(make_scene(noise=0.0), 2.0, np.random.default_rng(0)).changed == {}  # type: ignore[union-attr]


def test_a_fault_that_does_not_fit_into_the_scene_is_not_made(scene: Scene) -> None:
    short = Scene(scene.images[:112], scene.seconds[:112], RATE, LEAD_SECONDS, 3.0)  # 7 seconds
    rng = np.random.default_rng(0)
    assert reverse(short, 2.6, rng) is None
    fast = change_speed(short, 2.5, rng)
    assert fast is not None and fast.end_seconds == pytest.approx(LEAD_SECONDS + (7 - 1 / 16 - 4.0) / 2.5)
    assert fast.times[-1] + TAIL_SECONDS < 7


def test_stations_are_what_acts_from_time_to_time_and_the_belt_is_none(scene: Scene) -> None:
    stations = find_stations(scene)
    assert len(stations) == 2
    for station in stations:
        top, left, bottom, _ = station.box
        assert bottom <= 0.5 and top <= 16 / 112 + 0.01
        phase = LAMPS["left" if left < 0.4 else "right"]
        starts = [start for start, _ in station.actions[1:]]
        assert starts == pytest.approx([3 * round((start - phase) / 3) + phase for start in starts], abs=0.2)
    assert find_stations(make_scene(lamps=False)) == []
    assert skip_step(make_scene(lamps=False), 1, np.random.default_rng(0)) is None


def lamp_is_on(scene: Scene, made: object, name: str) -> list[tuple[float, bool]]:
    left = 20 if name == "left" else 76
    times = []
    for slot, now in enumerate(made.times):  # type: ignore[attr-defined]
        image = made.changed.get(slot, scene.images[made.shown[slot]])  # type: ignore[attr-defined]
        times.append((float(now), bool(image[20:36, left : left + 16].mean() > 130)))
    return times


def began(lamp: list[tuple[float, bool]]) -> list[float]:
    return [now for (_, before), (now, on) in pairwise(lamp) if on and not before]


def test_faults_of_sequence_skip_delay_and_swap_what_stations_do(scene: Scene) -> None:
    rng = np.random.default_rng(1)
    for name, phase in LAMPS.items():
        recorded = as_recorded(scene)
        assert began(lamp_is_on(scene, recorded, name)) == pytest.approx(
            [start for start in np.arange(phase, 16, 3) if recorded.times[0] < start < recorded.times[-1]], abs=0.13
        )
    skipped = skip_step(scene, 1, rng)
    assert skipped is not None and skipped.end_seconds - skipped.start_seconds < 1
    inside = [
        on
        for name in LAMPS
        for now, on in lamp_is_on(scene, skipped, name)
        if skipped.start_seconds < now < skipped.end_seconds
    ]
    assert not any(inside)
    late = delay_step(scene, 0.6, rng)
    assert late is not None
    starts = [start for name in LAMPS for start in began(lamp_is_on(scene, late, name))]
    assert any(abs(start - late.start_seconds - 0.6) < 0.3 for start in starts)
    assert not any(abs(start - late.start_seconds) < 0.15 for start in starts)
    swapped = swap_steps(scene, 1, rng)
    assert swapped is not None
    begins = {name: began(lamp_is_on(scene, swapped, name)) for name in LAMPS}
    rests = {name: abs((swapped.start_seconds - phase + 1.5) % 3 - 1.5) for name, phase in LAMPS.items()}
    usual, other = sorted(LAMPS, key=rests.__getitem__)
    near = {name: any(abs(start - swapped.start_seconds) < 0.3 for start in begins[name]) for name in LAMPS}
    assert near == {usual: False, other: True}


def test_faults_of_look_are_where_their_boxes_are_and_move_with_the_belt(scene: Scene) -> None:
    for make, strength in ((remove_part, 0.2), (change_color, 50.0), (move_part, 0.06)):
        for seed in range(4):
            made = make(scene, strength, np.random.default_rng(seed))
            assert made is not None and made.changed.keys() == made.boxes.keys()
            middles = []
            for slot, image in made.changed.items():
                changed = np.abs(image.astype(int) - scene.images[made.shown[slot]]).max(axis=-1) > 12
                top, left, bottom, right = (edge * SIDE for edge in made.boxes[slot])
                rows, columns = np.nonzero(changed)
                assert changed.any()
                assert rows.min() >= top - 3 and rows.max() <= bottom + 3
                assert columns.min() >= left - 3 and columns.max() <= right + 3
                middles.append(((top + bottom) / 2, (left + right) / 2))
            centers = np.array(middles)
            if 70 < centers[0, 0] < 98:  # well on the belt
                moved = centers[6, 1] - centers[0, 1]
                assert moved == pytest.approx(SPEED * 6 / RATE, abs=3)


def test_a_color_change_keeps_the_brightness_and_a_stronger_one_is_farther_away(scene: Scene) -> None:
    differences = []
    for levels in (12.0, 50.0):
        made = change_color(scene, levels, np.random.default_rng(3))
        assert made is not None
        slot = min(made.changed)
        recorded, changed = scene.images[made.shown[slot]].astype(float), made.changed[slot].astype(float)
        gray = (changed - recorded) @ [0.299, 0.587, 0.114]
        assert np.abs(gray).mean() < 0.05 * np.abs(changed - recorded).max(axis=-1).mean() + 0.1
        differences.append(np.abs(changed - recorded).max())
    assert differences[1] > 2 * differences[0]
