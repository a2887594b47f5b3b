"""How many epochs fit into a time budget. Training itself is replaced, so nothing is trained or timed here."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import stillmotion as sm
from stillmotion.runs import DataRecord, RunRecord
from stillmotion.training import epochs_that_fit, epochs_within, timing

pytestmark = pytest.mark.backend
RECIPE = sm.make_recipe("frame_pool", epochs=8)
TRAIN, VALIDATION = (sm.Videos(Path("data"), (sm.Video(f"{part}.mp4", "a"),)) for part in ("train", "validation"))


def write_timed_run(folder: Path, recipe: sm.Recipe, first: float = 5.0, second: float = 2.0) -> sm.Run:
    """A run of two epochs that took so many seconds."""
    run = sm.Run(folder, RunRecord(recipe, ("a", "b"), DataRecord("", "", ())))
    run.history_file.write_text(f"epoch,loss,seconds\n1,0.5,{first}\n2,0.4,{second}\n")
    return run


@pytest.mark.parametrize(
    ("budget", "starts", "times", "expected"),
    [
        (30.0, 2, (5.0, 2.0), 12),  # (30 - 2 x 3) / 2
        (30.0, 1, (2.0, 5.0), 6),  # a first epoch that is no slower costs nothing extra
        (0.0, 1, (5.0, 2.0), 2),
        (1e9, 1, (5.0, 2.0), 400),
        (1.0, 1, (0.0, 0.0), 400),
    ],
)
def test_epochs_fit_into_what_compiling_leaves_of_the_time(
    budget: float, starts: float, times: tuple[float, float], expected: int, tmp_path: Path
) -> None:
    assert epochs_that_fit(budget, write_timed_run(tmp_path, RECIPE, *times), starts=starts) == expected


def test_two_epochs_of_the_recipe_are_trained_to_find_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []

    def train(recipe: sm.Recipe, train: sm.Videos, validation: sm.Videos, *, out: Path, **settings: Any) -> sm.Run:
        calls.append({"recipe": recipe, "train": train, "validation": validation, **settings})
        return write_timed_run(out, recipe)

    monkeypatch.setattr(timing, "train", train)
    assert epochs_within(30.0, RECIPE, TRAIN, VALIDATION, out=tmp_path, starts=2, overwrite=True) == 12
    (call,) = calls
    assert call["recipe"] == dataclasses.replace(RECIPE, epochs=2)
    assert (call["train"], call["validation"], call["overwrite"]) == (TRAIN, VALIDATION, True)
