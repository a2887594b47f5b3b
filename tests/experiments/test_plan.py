"""What a comparison trains, and on what: rules of the plan that make its verdict right."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.executors import FabricatingExecutor, opened_dataset
from stillmotion.clips import OpenedVideos
from stillmotion.errors import UsageError
from stillmotion.experiments import (
    ComparisonPlan,
    ComparisonSettings,
    CountEpochsTask,
    EvaluateTask,
    TrainTask,
    TrialTask,
    execute,
)
from stillmotion.experiments.plan import match_frames, training_share
from stillmotion.runs import Recipe
from stillmotion.training import EFFORTS

pytestmark = pytest.mark.usefixtures("no_shortcuts")
Plan = Callable[..., tuple[ComparisonPlan, FabricatingExecutor]]


@pytest.fixture
def run_plan(tmp_path: Path) -> Plan:
    """Runs a plan with fabricated results: motion is right, stills guess."""

    def run(*, folds: int = 0, **settings: object) -> tuple[ComparisonPlan, FabricatingExecutor]:
        dataset = opened_dataset(tmp_path, folds=folds)
        plan = ComparisonPlan(ComparisonSettings(folds=folds, **settings), dataset, tmp_path / "out")  # type: ignore[arg-type]
        executor = FabricatingExecutor(lambda recipe: 0.5 if recipe.family == "frame_pool" else 1.0)
        execute(plan, executor)
        return plan, executor

    return run


def names(*parts: OpenedVideos) -> set[str]:
    return {segment.video.name for part in parts for segment in part}


@pytest.mark.parametrize("folds", [0, 2])
def test_no_test_video_reaches_a_training_of_its_fold(run_plan: Plan, folds: int) -> None:
    """Neither the search, nor the choice of the epoch, nor a control, nor the timing may see the test part."""
    plan, executor = run_plan(folds=folds, effort="standard", time_budget_minutes=60.0)
    tests = [names(fold.test) for fold in plan.dataset.folds]
    trainings = executor.of(TrainTask) + executor.of(CountEpochsTask)
    assert len(executor.of(TrialTask)) == 3 * 4 * len(tests)  # families and settings
    for task in trainings:
        number = int((re.search(r"-fold(\d)", str(task.folder)) or [0, 0])[1])
        fold = plan.dataset.folds[number]
        assert names(task.train) == names(fold.train), task.id
        assert names(task.validation) == names(fold.validation), task.id
        assert not names(task.train, task.validation) & tests[number], task.id


def test_every_run_is_tested_on_its_folds_test_part_once(run_plan: Plan) -> None:
    plan, executor = run_plan(folds=3, seeds=2)
    evaluations = [task for task in executor.of(EvaluateTask) if "control" not in task.title]
    assert len(evaluations) == 3 * 3 * 2
    for task in evaluations:
        assert names(task.test) == names(plan.dataset.folds[int(task.id[-1])].test)
        assert task.after == (task.id.replace("evaluate/", "train/"),)
    everything = [name for fold in plan.dataset.folds for name in names(fold.test)]
    assert sorted(everything) == sorted(names(plan.dataset.opened))


def test_the_search_chooses_by_validation_accuracy_alone(tmp_path: Path) -> None:
    """The setting that is best on validation is trained, although another one would be best on the test part."""
    plan = ComparisonPlan(ComparisonSettings(effort="standard"), opened_dataset(tmp_path), tmp_path / "out")

    def slow(recipe: Recipe) -> bool:
        return recipe.learning_rate < Recipe("frame_pool").learning_rate / 2

    executor = FabricatingExecutor(
        accuracy=lambda recipe: 0.5 if slow(recipe) else 1.0, validation=lambda recipe: 0.9 if slow(recipe) else 0.6
    )
    comparison = execute(plan, executor)
    runs = [task for task in executor.of(TrainTask) if task.folder.parent.name == "runs"]
    assert len(runs) == 3
    assert all(slow(task.recipe) for task in runs)
    assert comparison.verdict is not None


def test_the_seed_is_that_of_timings_and_trials_too(run_plan: Plan) -> None:
    _, executor = run_plan(effort="standard", seed=5, seeds=2, time_budget_minutes=60.0)
    assert {task.recipe.seed for task in executor.of(TrialTask) + executor.of(CountEpochsTask)} == {5}
    runs = [task for task in executor.of(TrainTask) if task.folder.parent.name == "runs"]
    assert {task.recipe.seed for task in runs} == {5, 6}


def test_trials_are_short_and_runs_are_not(run_plan: Plan) -> None:
    _, executor = run_plan(effort="standard", epochs=40)
    assert {task.recipe.epochs for task in executor.of(TrialTask)} == {10}
    assert {task.recipe.epochs for task in executor.of(TrainTask) if not isinstance(task, TrialTask)} == {40}


def test_all_families_get_the_same_clips_epochs_and_seeds(run_plan: Plan) -> None:
    _, executor = run_plan(seeds=2, epochs=9)
    recipes = [task.recipe for task in executor.of(TrainTask)]
    assert {(recipe.family, recipe.seed) for recipe in recipes} == {
        (family, seed) for family in ("frame_pool", "cnn_rnn", "conv3d") for seed in (0, 1)
    }
    assert len({(recipe.spec, recipe.augment, recipe.epochs, recipe.batch_size) for recipe in recipes}) == 1


def test_quick_effort_trains_no_controls(run_plan: Plan) -> None:
    _, executor = run_plan()
    assert {task.folder.parent.name for task in executor.of(TrainTask)} == {"runs"}


def test_controls_are_the_motion_family_without_motion(run_plan: Plan) -> None:
    _, executor = run_plan(effort="standard")
    trainings = executor.of(TrainTask)
    controls = {task.folder.name: task.recipe for task in trainings if task.folder.parent.name == "controls"}
    assert {name.rpartition("-")[2] for name in controls} == {"shuffled", "frozen"}
    for name, recipe in controls.items():
        assert recipe.family in ("cnn_rnn", "conv3d")
        assert recipe.spec.order == name.rpartition("-")[2]


def test_a_time_budget_sets_the_epochs(tmp_path: Path) -> None:
    plan = ComparisonPlan(ComparisonSettings(time_budget_minutes=5.0), opened_dataset(tmp_path), tmp_path / "out")
    executor = FabricatingExecutor(lambda recipe: 1.0, epochs=11)
    execute(plan, executor)
    assert {(task.recipe.epochs, task.recipe.patience) for task in executor.of(TrainTask)} == {(11, 11)}


@pytest.mark.parametrize(("settings", "epochs"), [({"time_budget_minutes": 5.0}, 20), ({"epochs": 40}, 10)])
def test_under_a_time_budget_a_trial_of_fewer_frames_takes_as_long_as_the_others(
    tmp_path: Path, settings: dict[str, Any], epochs: int
) -> None:
    """Half the frames are tried for twice the epochs; without a budget, for the same epochs as the others."""
    plan = ComparisonPlan(ComparisonSettings(effort="thorough", **settings), opened_dataset(tmp_path), tmp_path / "out")
    executor = FabricatingExecutor(lambda recipe: 1.0, epochs=40)
    execute(plan, executor)
    trials = [task.recipe for task in executor.of(TrialTask)]
    assert {recipe.epochs for recipe in trials if recipe.spec.frames == 16} == {10}
    assert {recipe.epochs for recipe in trials if recipe.spec.frames == 8} == {epochs}


@pytest.mark.parametrize("overwrite", [False, True])
def test_whether_other_trainings_are_deleted_is_the_same_for_all_that_is_trained(
    tmp_path: Path, overwrite: bool
) -> None:
    settings = ComparisonSettings(effort="standard", time_budget_minutes=5.0)
    executor = FabricatingExecutor(lambda recipe: 0.5 if recipe.family == "frame_pool" else 1.0)
    execute(ComparisonPlan(settings, opened_dataset(tmp_path), tmp_path / "out", overwrite), executor)
    trainings = executor.of(TrainTask) + executor.of(CountEpochsTask)
    assert {task.folder.parent.name for task in trainings} >= {"runs", "controls"}
    assert [task.overwrite for task in trainings] == [overwrite] * len(trainings)


@pytest.mark.parametrize("folds", [0, 2])
def test_timings_and_trials_have_ids_titles_and_folders_of_their_own(run_plan: Plan, folds: int) -> None:
    plan, executor = run_plan(folds=folds, effort="standard", time_budget_minutes=5.0)
    recipes = plan.settings.recipes("spread")
    seconds, starts = training_share(plan.settings, recipes, folds or 1)
    timings = [(task.id, task.title, task.folder) for task in executor.of(CountEpochsTask)]
    trials = [(task.id, task.title, task.folder) for task in executor.of(TrialTask)]
    expected_timings: list[tuple[str, str, Path]] = []
    expected_trials: list[tuple[str, str, Path]] = []
    for fold in range(folds or 1):
        suffix, title = (f"-fold{fold}", f", fold {fold + 1} of 2") if folds else ("", "")
        for recipe in recipes:
            name, folder = f"{recipe.family}{suffix}", plan.folder / "search" / f"{recipe.family}{suffix}"
            expected_timings.append((f"epochs/{name}", f"{recipe.family}, timing{title}", folder / "timing"))
            expected_trials.extend(
                (f"search/{name}/{index}", f"{recipe.family}, trying {change.name}{title}", folder / f"{index}")
                for index, change in enumerate(EFFORTS["standard"])
            )
    assert timings == expected_timings
    assert trials == expected_trials
    assert [task.recipe for task in executor.of(CountEpochsTask)] == recipes * (folds or 1)
    assert {(task.seconds, task.starts) for task in executor.of(CountEpochsTask)} == {(seconds, starts)}


def test_the_time_budget_is_shared_by_all_that_is_trained() -> None:
    """100 minutes in 2 folds: 3 families with 2 seeds and 4 quarter trials each, and 2 controls: 11 shares a fold."""
    recipes = [Recipe(family, {"pool": "mean"}) for family in ("frame_pool", "cnn_rnn", "conv3d")]
    seconds, starts = training_share(
        ComparisonSettings(seeds=2, effort="standard", time_budget_minutes=100.0), recipes, 2
    )
    assert seconds == pytest.approx(60 * 100 / 2 / (3 * 3 + 2))
    assert starts == pytest.approx(6 / 3)
    assert training_share(ComparisonSettings(time_budget_minutes=3.0), recipes, 1) == (60.0, 1.0)


def test_a_still_model_pools_as_many_frames_as_a_motion_model_sees() -> None:
    still, motion = Recipe("frame_pool", epochs=6), Recipe("conv3d", epochs=6)
    longer = replace(motion, spec=replace(motion.spec, frames=32))
    assert match_frames(still, [still, longer], same_time=False).spec.frames == 32
    assert match_frames(still, [still, longer], same_time=False).epochs == 6
    assert match_frames(still, [still, longer], same_time=True).epochs == 3  # as long as 6 of half the frames
    assert match_frames(motion, [still, longer], same_time=False) == motion


def test_tasks_can_be_sent_to_another_process(run_plan: Plan) -> None:
    _, executor = run_plan(effort="standard", time_budget_minutes=5.0)
    assert len({task.id for task in executor.tasks}) == len(executor.tasks)
    for task in executor.tasks:
        assert pickle.loads(pickle.dumps(task)) == task


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"families": ()}, "families is empty"),
        ({"families": ("conv4d",)}, "no family 'conv4d'"),
        ({"families": ("conv3d", "frame_pool", "conv3d")}, "families has 'conv3d' twice"),
        ({"folds": 1}, "folds is 1"),
        ({"seeds": 0}, "seeds is 0"),
        ({"effort": "mad"}, "effort is 'mad'"),
        ({"preset": "huge"}, "preset cannot be 'huge'"),
        ({"margin": 1.0}, "margin is 1"),
        ({"epochs": 3, "time_budget_minutes": 1.0}, "give one of the two"),
        ({"time_budget_minutes": 0.0}, "more than 0"),
        ({"fractions": (0.5, 0.5)}, "three shares"),
        ({"frames": 0}, "frames is 0"),
        ({"frames": 2.5}, "frames is 2.5"),
        ({"rate": "x"}, "rate is 'x'; expected 'spread' or"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"size": "x"}, "size is 'x'; expected pixels"),
        ({"size": (16,)}, "size is \\(16,\\)"),
        ({"size": 16.5}, "size is 16.5"),
        ({"seeds": 1.5}, "seeds is 1.5; expected a whole number"),
        ({"folds": 2.5}, "folds is 2.5; expected a whole number"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"time_budget_minutes": float("nan")}, "time budget is nan minutes"),
        ({"pool": "median"}, "median"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_work(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ComparisonSettings(**settings)  # type: ignore[arg-type]
