"""What a run remembers says which clips are unlike it, with the promised share of false alarms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stillmotion.clips.appearance import PARTS, Appearance
from stillmotion.runs import (
    ClipMemory,
    DataRecord,
    Recipe,
    Run,
    RunRecord,
    delete_run,
    make_memory,
    read_memory,
    write_memory,
)

SIZE = sum(PARTS.values())


def clips_of(rng: np.random.Generator, recordings: int, each: int = 3) -> tuple[list[Appearance], list[str]]:
    """Clips of recordings that differ from one another, and little within."""
    centers = rng.normal(0, 1, (recordings, SIZE))
    clips = [center + rng.normal(0, 0.2, SIZE) for center in centers for _ in range(each)]
    return [clip.astype(np.float32) for clip in clips], [f"g{n}" for n in range(recordings) for _ in range(each)]


def made(*args: object) -> ClipMemory:
    memory = make_memory(*args)  # type: ignore[arg-type]
    assert memory is not None
    return memory


def test_a_clip_is_as_far_as_the_nearest_remembered_one() -> None:
    """By hand: one number varies, the others never do."""
    clips = [np.zeros(SIZE, np.float32) for _ in range(20)]
    for number, clip in enumerate(clips):
        clip[0] = 2.0**number
    memory = made(clips, [f"g{number}" for number in range(20)])
    spread = float(np.std([2.0**number for number in range(20)]))
    # The next recording of 2^19 is 2^18 away. That is one in twenty, and a new recording is counted beside them.
    assert memory.threshold == pytest.approx(2.0**18 / spread, rel=1e-3)
    new = np.zeros(SIZE, np.float32)
    new[0] = 2.0**19 + 2.0**18
    assert memory.distance(new) == pytest.approx(1, rel=1e-3)
    assert memory.distance(clips[5]) == pytest.approx(0, abs=1e-3)


def test_few_clips_of_new_recordings_are_false_alarms() -> None:
    """5 % are allowed, on average over data sets; clips of the same recordings would say 0 %."""
    rng = np.random.default_rng(0)
    alarms, unlike = [], []
    for _ in range(15):
        clips, groups = clips_of(rng, 60)
        memory = made(clips[:90], groups[:90])
        alarms += [memory.distance(clip) > 1 for clip in clips[90:]]
        unlike += [memory.distance(3 * clip) > 1 for clip in clips[90:]]
    assert 0.01 < np.mean(alarms) < 0.075
    assert np.mean(unlike) == 1


def test_each_recording_counts_alike() -> None:
    """Recordings are 1 apart, but for one of many clips that is 1000 away. It is one of 41, which is below 5 %."""
    clips = [np.zeros(SIZE, np.float32) for _ in range(70)]
    values = [*range(40), *[1000] * 30]
    for clip, value in zip(clips, values, strict=True):
        clip[0] = value
    memory = made(clips, [f"g{value}" for value in values])
    assert memory.threshold == pytest.approx(1 / np.std(values), rel=1e-3)


def test_too_few_recordings_are_not_remembered() -> None:
    clips, groups = clips_of(np.random.default_rng(2), 9)
    assert make_memory(clips, groups) is None
    assert make_memory([], []) is None


def test_a_memory_is_read_as_it_was_written_and_deleted_with_its_run(tmp_path: Path) -> None:
    clips, groups = clips_of(np.random.default_rng(3), 20)
    memory = made(clips, groups)
    run = Run(tmp_path, RunRecord(Recipe("conv3d"), ("a", "b"), DataRecord(str(tmp_path), "", ())))
    assert read_memory(run) is None  # as of a run from before there were memories
    write_memory(memory, run)
    again = read_memory(run)
    assert again is not None
    new = clips_of(np.random.default_rng(4), 1)[0][0]
    assert again.distance(new) == pytest.approx(memory.distance(new), rel=1e-3)
    file = tmp_path / "memory.npz"
    file.write_bytes(file.read_bytes()[:1000])
    assert read_memory(run) is None
    delete_run(tmp_path)
    assert not file.exists()


def test_a_damaged_memory_is_none(tmp_path: Path) -> None:
    """Whatever byte is wrong, nothing else is raised; most are noticed by a checksum."""
    memory = made(*clips_of(np.random.default_rng(3), 20))
    run = Run(tmp_path, RunRecord(Recipe("conv3d"), ("a", "b"), DataRecord(str(tmp_path), "", ())))
    write_memory(memory, run)
    file = tmp_path / "memory.npz"
    whole = file.read_bytes()
    places = [*range(0, 200, 4), *range(200, len(whole), len(whole) // 25), *range(len(whole) - 250, len(whole), 5)]
    lost = 0
    for place in places:
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        lost += read_memory(run) is None
    assert lost > len(places) / 2

    right = {"clips": memory.clips, "center": memory.center, "scale": memory.scale, "threshold": memory.threshold}
    for wrong in (
        {"clips": memory.clips[0]}, {"clips": memory.clips[:0]}, {"clips": np.float32(1)}, {"center": np.float32(0)},
        {"scale": memory.scale[:-1]}, {"threshold": np.ones(2)}, {"center": np.array(["a"] * SIZE)},
    ):  # fmt: skip
        np.savez(file, **{**right, **wrong})
        assert read_memory(run) is None
    np.save(tmp_path / "clips.npy", memory.clips)
    file.write_bytes((tmp_path / "clips.npy").read_bytes())  # not an archive
    assert read_memory(run) is None
