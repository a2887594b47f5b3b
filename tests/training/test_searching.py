"""The search: the same trials for every family, chosen on the validation part. Training itself is replaced."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import stillmotion as sm
from stillmotion.runs import DataRecord, RunRecord, TrainingRecord
from stillmotion.training import EFFORTS, epochs_within, search, searching

pytestmark = pytest.mark.backend
TRAIN = sm.Videos(Path("data"), (sm.Video("train.mp4", "a"),))
VALIDATION = sm.Videos(Path("data"), (sm.Video("validation.mp4", "a"),))
RECIPE = sm.make_recipe("frame_pool", spec=sm.ClipSpec(frames=4, size=16), epochs=8)


class FakeTraining:
    """Stands in for `train`: remembers its calls, and gives each run the next of some accuracies."""

    def __init__(self, accuracies: list[float]) -> None:
        self.accuracies = iter(accuracies)
        self.calls: list[dict[str, Any]] = []

    def __call__(
        self, recipe: sm.Recipe, train: sm.Videos, validation: sm.Videos, *, out: Path, **settings: Any
    ) -> sm.Run:
        self.calls.append({"recipe": recipe, "train": train, "validation": validation, "out": out, **settings})
        out.mkdir(parents=True, exist_ok=True)
        (out / "history.csv").write_text("epoch,seconds\n1,5.0\n2,2.0\n")
        training = TrainingRecord(recipe.epochs, 1, 1.0, 0.5, next(self.accuracies))
        return sm.Run(out, RunRecord(recipe, ("a",), DataRecord("", "", ()), training=training))


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    fake = FakeTraining([0.5, 0.9, 0.7, 0.8])
    monkeypatch.setattr(searching, "train", fake)
    return fake


def test_settings_are_chosen_on_the_validation_part_by_short_trainings(training: FakeTraining, tmp_path: Path) -> None:
    best, trials = search(RECIPE, TRAIN, VALIDATION, effort="standard", out=tmp_path)
    assert [(call["train"], call["validation"]) for call in training.calls] == [(TRAIN, VALIDATION)] * 4
    assert [call["recipe"].epochs for call in training.calls] == [2] * 4
    assert [trial.name for trial in trials] == [change.name for change in EFFORTS["standard"]]
    assert [trial.chosen for trial in trials] == [False, True, False, False]
    assert best == dataclasses.replace(RECIPE, learning_rate=RECIPE.learning_rate / 3)  # with all its epochs
    assert len({call["out"] for call in training.calls}) == 4


def test_the_quick_effort_tries_nothing(training: FakeTraining, tmp_path: Path) -> None:
    assert search(RECIPE, TRAIN, VALIDATION, effort="quick", out=tmp_path) == (RECIPE, ())
    assert not training.calls


def test_trials_are_overwritten_and_given_equal_time_on_demand(training: FakeTraining, tmp_path: Path) -> None:
    search(RECIPE, TRAIN, VALIDATION, effort="standard", out=tmp_path, equal_time=True, overwrite=True)
    assert [call["overwrite"] for call in training.calls] == [True] * 4
    assert [call["recipe"].epochs for call in training.calls] == [2, 2, 2, 1]  # the last has twice the frames


def test_epochs_for_a_time_budget_are_found_by_two_epochs(training: FakeTraining, tmp_path: Path) -> None:
    assert epochs_within(30.0, RECIPE, TRAIN, VALIDATION, out=tmp_path, starts=2) == 12
    (call,) = training.calls
    assert call["recipe"] == dataclasses.replace(RECIPE, epochs=2)
    assert (call["train"], call["validation"], call["overwrite"]) == (TRAIN, VALIDATION, False)
