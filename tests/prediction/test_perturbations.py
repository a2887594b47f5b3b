"""Clips with changed frame order."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import stillmotion as sm
from helpers.media import noise, write_video
from stillmotion.clips import frame_times, read_clips
from stillmotion.clips.spec import Order
from stillmotion.prediction import PERTURBATIONS

pytestmark = pytest.mark.backend


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("as it is", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("reversed", [7, 6, 5, 4, 3, 2, 1, 0]),
        ("frozen", [4] * 8),
        ("half the rate", [0, 0, 2, 2, 4, 4, 6, 6]),
        ("first half only", [0, 1, 2, 3, 3, 3, 3, 3]),
        ("last half only", [4, 4, 4, 4, 4, 5, 6, 7]),
    ],
)
def test_a_perturbation_shows_these_of_eight_frames(name: str, expected: list[int]) -> None:
    assert PERTURBATIONS[name](8, np.random.default_rng(0)).tolist() == expected


def test_shuffling_shows_every_frame_once_in_an_order_that_the_seed_gives() -> None:
    orders = [PERTURBATIONS["shuffled"](8, np.random.default_rng(seed)).tolist() for seed in (0, 0, 1)]
    assert sorted(orders[0]) == list(range(8)) != orders[0]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_perturbed_clip_has_as_many_frames(name: str, frames: int) -> None:
    order = PERTURBATIONS[name](frames, np.random.default_rng(0))
    assert len(order) == frames and set(order.tolist()) <= set(range(frames))


def test_controlled_clips_are_trained_without_motion() -> None:
    orders: tuple[Order, ...] = ("forward", "shuffled", "frozen")
    specs = {order: sm.ClipSpec(frames=6, size=16, order=order) for order in orders}
    times = {order: frame_times(spec, (1.0, 4.0)) for order, spec in specs.items()}
    np.testing.assert_allclose(np.sort(times["shuffled"]), times["forward"])
    assert list(times["shuffled"]) != list(times["forward"])
    np.testing.assert_array_equal(times["shuffled"], frame_times(specs["shuffled"], (1.0, 4.0)))
    assert set(times["frozen"]) == {2.5}


def test_a_run_is_evaluated_on_perturbed_clips(motion_run: sm.Run, tmp_path: Path) -> None:
    import keras

    run = sm.read_run(shutil.copytree(motion_run.folder, tmp_path / "run"))
    files = [write_video(tmp_path / name, noise(n)) for name, n in (("short.mp4", 4), ("long.mp4", 24))]
    (tmp_path / "broken.mp4").write_text("no video")
    videos = sm.Videos(tmp_path, tuple(sm.Video(name, "left", "g") for name in ("short.mp4", "broken.mp4", "long.mp4")))
    reports: list[tuple[str, int, int]] = []
    evaluated = sm.evaluate_perturbed(
        run, videos, progress=lambda stage, done, total, figures={}, /: reports.append((stage, done, total))
    )
    rows = pq.read_table(evaluated.perturbed_file).to_pylist()
    assert [(row["video"], row["perturbation"]) for row in rows] == [
        (file.name, name) for file in files for name in PERTURBATIONS
    ]
    assert {(row["label"], row["group"]) for row in rows} == {("left", "g")}
    assert reports[-1] == ("perturbing frames", 2, 2)

    # By hand: the mean over windows, of which there are 4 at most.
    model, spec = keras.saving.load_model(run.model_file), run.recipe.spec
    starts: dict[str, list[float]] = {"short.mp4": [0.0], "long.mp4": np.linspace(0, 2.0, 4).tolist()}
    for row in rows:
        if row["perturbation"] in ("as it is", "reversed", "frozen"):
            file, windows = tmp_path / row["video"], [(start, start + 0.4) for start in starts[row["video"]]]
            order = PERTURBATIONS[row["perturbation"]](4, np.random.default_rng(0))
            clips = read_clips(file, windows, spec)[:, order]
            expected = keras.ops.convert_to_numpy(model(clips)).mean(axis=0)
            np.testing.assert_allclose([row["prob_left"], row["prob_right"]], expected, atol=1e-5)
    by_name = {row["perturbation"]: row["prob_left"] for row in rows if row["video"] == "short.mp4"}
    assert len({round(value, 4) for value in by_name.values()}) > 4  # the model is not indifferent to them
