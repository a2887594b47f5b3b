"""Every task passes its own inputs to the library, on the run of its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.executors import opened_dataset
from helpers.spies import Spy
from stillmotion import prediction, training
from stillmotion.experiments import (
    CountEpochsTask,
    EvaluateTask,
    IncludeTask,
    MeasureCostTask,
    MeasureMemoryTask,
    PerturbTask,
    PredictOverTimeTask,
    TrainTask,
    TrialTask,
)
from stillmotion.experiments.datasets import Fold
from stillmotion.experiments.tasks import result_of
from stillmotion.progress import no_progress
from stillmotion.runs import DataRecord, Recipe, Run, RunRecord, TrainingRecord, write_run

RECIPE = Recipe("conv3d", {"factored": True, "causal": False, "input": "rgb", "preset": "standard"}, seed=5)


@pytest.fixture
def fold(tmp_path: Path) -> Fold:
    return opened_dataset(tmp_path).folds[0]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "run").mkdir()
    trained = TrainingRecord(30, 12, 61.4, 0.2, 0.875)
    return write_run(
        Run(tmp_path / "run", RunRecord(RECIPE, ("left", "right"), DataRecord("data", "0", ()), training=trained))
    )


def replaced(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, result: object) -> Spy:
    """Take the place of a function that its package loads when it is first used."""
    spy = Spy(lambda *arguments, **settings: result)
    monkeypatch.setitem(vars(module), name, spy)
    return spy


@pytest.mark.parametrize("kind", [TrainTask, TrialTask])
@pytest.mark.parametrize("given", [{}, {"overwrite": True}, {"tensorboard": True}, {"devices": "all"}])
def test_a_training_gets_its_recipe_and_parts(
    monkeypatch: pytest.MonkeyPatch, run: Run, fold: Fold, kind: type[TrainTask], given: dict[str, Any]
) -> None:
    train = replaced(monkeypatch, training, "train", run)
    task = kind(
        id="a", title="", folder=run.folder, recipe=RECIPE, train=fold.train, validation=fold.validation, **given
    )
    assert task.run(no_progress) is run
    settings = {"out": run.folder, "overwrite": False, "tensorboard": False, "devices": 1, "progress": no_progress}
    settings |= given
    assert train.calls == [((RECIPE, fold.train, fold.validation), settings)]


@pytest.mark.parametrize("given", [{}, {"overwrite": True}])
def test_counting_epochs_gets_its_recipe_parts_and_budget(
    monkeypatch: pytest.MonkeyPatch, run: Run, fold: Fold, given: dict[str, Any]
) -> None:
    count = replaced(monkeypatch, training, "epochs_within", 17)
    task = CountEpochsTask(
        id="a",
        title="",
        folder=run.folder,
        recipe=RECIPE,
        train=fold.train,
        validation=fold.validation,
        seconds=90.0,
        starts=2.5,
        **given,
    )
    assert task.run(no_progress) == 17
    settings = {"out": run.folder, "starts": 2.5, "overwrite": False, "progress": no_progress, **given}
    assert count.calls == [((90.0, RECIPE, fold.train, fold.validation), settings)]


def test_tests_and_controls_get_the_run_of_their_folder_and_their_videos(
    monkeypatch: pytest.MonkeyPatch, run: Run, fold: Fold
) -> None:
    written = replace(run, record=replace(run.record, labels=("a", "b")))
    place: Any = {"id": "a", "title": "", "folder": run.folder}
    for name, task, given in (
        ("evaluate", EvaluateTask(**place, test=fold.test), {"cost": True}),
        ("evaluate", EvaluateTask(**place, test=fold.test, cost=False), {"cost": False}),
        ("predict_over_time", PredictOverTimeTask(**place, videos=fold.test), {}),
        ("evaluate_perturbed", PerturbTask(**place, videos=fold.test), {}),
    ):
        function = replaced(monkeypatch, prediction, name, written)
        assert task.run(no_progress) is written
        assert task.summary(written) is None
        assert function.calls == [((run, fold.test), {"progress": no_progress, **given})]


def test_cost_is_that_of_the_run_of_the_folder(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    record = replaced(monkeypatch, prediction, "record_cost", run)
    assert MeasureCostTask(id="a", title="", folder=run.folder).run(no_progress) is run
    assert record.calls == [((run,), {})]


def test_memory_is_that_of_the_run_of_the_folder(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    measure = replaced(monkeypatch, prediction, "measure_memory", 123.0)
    task = MeasureMemoryTask(id="a", title="", folder=run.folder)
    assert task.run(no_progress) == 123.0
    assert measure.calls == [((run,), {})]


def test_an_included_model_is_tested_without_its_cost(monkeypatch: pytest.MonkeyPatch, run: Run, fold: Fold) -> None:
    """Other tasks are at work beside it."""
    replaced(monkeypatch, prediction, "adopt_model", run)
    spy = replaced(monkeypatch, prediction, "evaluate", run)
    place: dict[str, Any] = {"id": "a", "title": "", "folder": run.folder / "adopted"}
    IncludeTask(**place, model=Path("a.keras"), validation=fold.validation, test=fold.test).run(no_progress)
    assert spy.calls[0][1]["cost"] is False


def test_a_training_is_summarized_and_a_trial_is_not(run: Run, fold: Fold) -> None:
    settings: Any = {"id": "a", "title": "conv3d, seed 5", "folder": run.folder, "recipe": RECIPE}
    parts: Any = {"train": fold.train, "validation": fold.validation}
    task = TrainTask(**settings, **parts)
    assert task.summary(run) == "conv3d, seed 5: 30 epochs in 61 s, validation accuracy 87.5%"
    assert task.summary(None) is None
    assert task.summary(replace(run, record=replace(run.record, training=None))) is None
    assert TrialTask(**settings, **parts).summary(run) is None


def test_a_result_of_another_type_is_a_mistake(run: Run) -> None:
    assert result_of({"a": 7, "b": run}, "a", int) == 7
    with pytest.raises(TypeError, match="task 'b' gave Run, not int"):
        result_of({"a": 7, "b": run}, "b", int)
