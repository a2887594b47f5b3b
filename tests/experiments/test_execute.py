"""From a plan to the verdict: what the controls show reaches the answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import stillmotion as sm
from helpers.executors import FabricatingExecutor, opened_dataset
from helpers.steps import Step
from stillmotion.clips import SkippedVideo
from stillmotion.comparison import Evidence, SearchRecord, SkippedRecord, gather_evidence
from stillmotion.data import Video
from stillmotion.errors import CancelledError
from stillmotion.experiments import (
    CheckIncludedTask,
    ComparisonPlan,
    ComparisonSettings,
    EvaluateTask,
    FindShortcutsTask,
    InProcess,
    MeasureCostTask,
    MeasureMemoryTask,
    PerturbTask,
    PredictOverTimeTask,
    TrainTask,
    execute,
)
from stillmotion.experiments.choices import Effort, Metric
from stillmotion.inspection.shortcuts import Shortcut, describe_shortcuts
from stillmotion.models import FAMILIES
from stillmotion.runs import Recipe

THREE = ("frame_pool", "cnn_rnn", "conv3d")


def compare(folder: Path, executor: FabricatingExecutor, **settings: Any) -> sm.Comparison:
    """Execute a comparison of fabricated runs; controls are trained unless `effort` is given."""
    chosen = ComparisonSettings(**{"families": THREE, "effort": "standard", **settings})
    dataset = opened_dataset(folder, folds=chosen.folds)
    return execute(ComparisonPlan(chosen, dataset, folder / "out"), executor)


def skill(recipe: Recipe) -> float:
    """Motion models are right, still models and controls without motion guess."""
    return 0.5 if FAMILIES[recipe.family].kind == "still" or recipe.spec.order != "forward" else 1.0


def test_motion_is_needed_where_no_control_explains_the_gain(tmp_path: Path) -> None:
    comparison = compare(tmp_path, FabricatingExecutor(skill))
    assert comparison.verdict is not None
    assert comparison.verdict.answer == "motion needed"


@pytest.mark.parametrize("metric", ["accuracy", "balanced"])
def test_controls_are_measured_as_the_verdict_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: Metric
) -> None:
    asked = []

    def gather(*arguments: Any) -> Evidence:
        asked.append(arguments[-1])
        return gather_evidence(*arguments)

    monkeypatch.setattr("stillmotion.experiments.controls.gather_evidence", gather)
    compare(tmp_path, FabricatingExecutor(skill), metric=metric)
    assert asked == [metric]


def test_motion_is_not_needed_where_the_most_confident_frame_does_as_well(tmp_path: Path) -> None:
    """Without trained controls, single frames of the still model may show it."""
    executor = FabricatingExecutor(skill, frames=1.0)
    comparison = compare(tmp_path, executor, effort="quick")
    assert comparison.verdict is not None
    assert comparison.verdict.answer == "undecided"
    assert comparison.verdict.best_frame_reason == "most_confident_frame_close"


@pytest.mark.parametrize("effort", ["quick", "standard"])
@pytest.mark.parametrize("folds", [0, 2])
def test_the_verdict_is_about_included_models_of_both_kinds(tmp_path: Path, effort: Effort, folds: int) -> None:
    """Ours stand beside them; nothing of theirs is trained, and what they have learned from is not known."""

    def own_skill(recipe: Recipe) -> float:
        return {"still=_my_still:adopted": 0.6, "_my_motion:adopted": 1.0}.get(recipe.family, 0.5)

    executor = FabricatingExecutor(own_skill, validation=lambda recipe: 0.2 if "adopted" in recipe.family else 0.9)
    settings = ComparisonSettings(families=THREE, effort=effort, folds=folds)
    plan = ComparisonPlan(
        settings, opened_dataset(tmp_path, folds=folds), tmp_path / "out",
        include=(tmp_path / "my_still.keras", tmp_path / "my_motion.keras"),
    )  # fmt: skip
    comparison = execute(plan, executor)
    verdict = comparison.verdict
    assert verdict is not None and (verdict.still, verdict.motion) == ("my_still", "my_motion")
    assert verdict.selected_by == "named"
    assert verdict.answer == "motion needed" and set(comparison.models) == {*THREE, "my_still", "my_motion"}
    assert "training_unknown" in {warning.code for warning in verdict.warnings}
    assert not any("adopted" in task.recipe.family for task in executor.of(TrainTask))
    assert any("my_motion" in str(task.folder) for task in executor.of(PerturbTask))
    checks = [(task.model.stem, task.labels) for task in executor.of(CheckIncludedTask)]
    assert checks == [("my_still", ("left", "right")), ("my_motion", ("left", "right"))]
    assert executor.tasks[:2] == executor.of(CheckIncludedTask)  # before all trainings
    # Their costs are measured once, as ours are: with the machine to itself.
    costs = [task.folder.name for task in executor.of(MeasureCostTask) if "included" in task.folder.name]
    assert len(costs) == 2 and all(comparison.models[name].cost.parameters for name in ("my_still", "my_motion"))
    one = replace(plan, include=plan.include[:1], folder=tmp_path / "one")
    beside = execute(one, executor).verdict
    # It stands beside ours, and the verdict is about the best of all.
    assert beside is not None and beside.selected_by == "test_accuracy"


def test_folds_are_joined_before_the_verdict(tmp_path: Path) -> None:
    comparison = compare(tmp_path, FabricatingExecutor(skill), effort="quick", folds=2)
    assert comparison.verdict is not None
    assert comparison.verdict.videos == 80


@pytest.mark.parametrize("folds", [0, 2])
def test_what_each_family_was_given_is_recorded(tmp_path: Path, folds: int, caplog: pytest.LogCaptureFixture) -> None:
    """One search per fold, with the setting that was chosen and the epochs of the training that follows."""
    caplog.set_level("INFO", "stillmotion")
    executor = FabricatingExecutor(
        skill, validation=lambda recipe: 0.9 if recipe.learning_rate < 2e-3 else 0.6, epochs=11
    )
    comparison = compare(tmp_path, executor, folds=folds, time_budget_minutes=30.0)
    for name, family in comparison.models.items():
        assert [(search.effort, search.minutes, search.epochs) for search in family.searches] == [
            ("standard", 30.0, 11)
        ] * (folds or 1)
        for search in family.searches:
            (chosen,) = (trial for trial in search.trials if trial.chosen)
            assert chosen.validation_accuracy == 0.9 == max(trial.validation_accuracy for trial in search.trials)
            assert len(search.trials) == 4
            message = f"{name}: of 4 settings tried, {chosen.name!r} was best on validation"
            assert [record.getMessage() for record in caplog.records].count(message) == (folds or 1)


def test_nothing_is_recorded_as_tried_where_nothing_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "stillmotion")
    comparison = compare(tmp_path, FabricatingExecutor(skill), effort="quick", epochs=9)
    assert {family.searches for family in comparison.models.values()} == {(SearchRecord("quick", None, 9, ()),)}
    assert caplog.records == []


def test_skipped_videos_are_recorded_with_reasons(tmp_path: Path) -> None:
    skipped = SkippedVideo(Video("left/broken.mp4", start_seconds=1.0), "left/broken.mp4: empty file")
    dataset = replace(opened_dataset(tmp_path), skipped=(skipped,))
    plan = ComparisonPlan(ComparisonSettings(families=THREE), dataset, tmp_path / "out")
    comparison = execute(plan, FabricatingExecutor(skill))
    assert comparison.data.skipped == (SkippedRecord("left/broken.mp4@1-", "left/broken.mp4: empty file"),)


@pytest.mark.parametrize(("effort", "megabytes"), [("quick", None), ("standard", 321.0)])
def test_memory_is_measured_with_more_than_quick_effort(
    tmp_path: Path, effort: Effort, megabytes: float | None
) -> None:
    """Once per family, on the run of the first seed and fold."""
    executor = FabricatingExecutor(skill)
    comparison = compare(tmp_path, executor, effort=effort, folds=2, seeds=2)
    assert {family.cost.peak_megabytes for family in comparison.models.values()} == {megabytes}
    measured = [(task.title, task.folder.name) for task in executor.of(MeasureMemoryTask)]
    assert sorted(measured) == [
        (f"{family}, memory", f"{family}-seed0-fold0") for family in sorted(THREE) if megabytes is not None
    ]


def test_runs_are_recorded_relative_to_the_comparison(tmp_path: Path) -> None:
    comparison = compare(tmp_path, FabricatingExecutor(skill), effort="quick", seeds=2)
    assert {name: family.runs for name, family in comparison.models.items()} == {
        name: (f"runs/{name}-seed0", f"runs/{name}-seed1") for name in THREE
    }


def test_examples_have_predictions_over_time_of_the_verdicts_models(tmp_path: Path) -> None:
    comparison = compare(tmp_path, FabricatingExecutor(skill), effort="quick")
    assert comparison.verdict is not None
    assert comparison.examples
    for example in comparison.examples:
        assert set(example.predictions) == set(THREE)
        assert set(example.traces) == {comparison.verdict.still, comparison.verdict.motion}


def test_the_verdict_warns_of_the_shortcuts_that_are_found(tmp_path: Path) -> None:
    leak = Shortcut("brightness", 0.9, 0.5, 0.8, 1.0, predicts_label=True)
    expected = Shortcut("group", 0.9, 0.5, 0.8, 1.0, predicts_label=True, expected=True)
    harmless = Shortcut("duration", 0.5, 0.5, 0.4, 0.6, predicts_label=False)
    executor = FabricatingExecutor(skill, shortcuts=(harmless, leak, expected))
    comparison = compare(tmp_path, executor, effort="quick")
    (task,) = executor.of(FindShortcutsTask)
    assert len(task.videos) == 80
    assert comparison.shortcuts == (harmless, leak, expected)
    assert comparison.verdict is not None
    (warning,) = (warning for warning in comparison.verdict.warnings if warning.code == "shortcuts")
    assert warning.names == (leak.name,)
    assert warning.text == describe_shortcuts([leak])


def test_a_search_that_finds_no_shortcuts_is_a_search(tmp_path: Path) -> None:
    """The verdict neither warns of shortcuts nor says that they were not checked."""
    comparison = compare(tmp_path, FabricatingExecutor(skill), effort="quick")
    assert comparison.shortcuts == ()
    assert comparison.verdict is not None
    assert not {"shortcuts", "not_checked"} & {warning.code for warning in comparison.verdict.warnings}


def test_every_video_is_predicted_over_time_by_the_first_seed_and_examples_by_all(tmp_path: Path) -> None:
    executor = FabricatingExecutor(skill)
    comparison = compare(tmp_path, executor, effort="quick", seeds=2)
    (test,) = {task.test for task in executor.of(EvaluateTask)}
    examples = {example.video.name for example in comparison.examples}
    assert 0 < len(examples) < len(test)
    tasks = {task.folder.name: task for task in executor.of(PredictOverTimeTask)}
    assert comparison.verdict is not None
    pair = (comparison.verdict.still, comparison.verdict.motion)
    assert set(tasks) == {f"{family}-seed{seed}" for family in pair for seed in (0, 1)}
    for name, task in tasks.items():
        assert task.id == f"over-time/{name}"
        assert task.title == name.replace("-seed", ", seed ") + ", over time"
        if name.endswith("0"):
            assert task.videos == test
        else:
            assert {segment.video.name for segment in task.videos} == examples


@pytest.mark.parametrize("folds", [0, 2])
def test_only_the_verdicts_motion_family_is_tested_on_perturbed_clips(tmp_path: Path, folds: int) -> None:
    """Every fold of its first seed."""
    executor = FabricatingExecutor(skill, perturbed={"reversed": 0.6})
    comparison = compare(tmp_path, executor, effort="quick", seeds=2, folds=folds)
    assert comparison.verdict is not None
    motion = comparison.verdict.motion
    tasks = executor.of(PerturbTask)
    numbers = range(folds) if folds else [None]
    suffixes = ["" if number is None else f"-fold{number}" for number in numbers]
    assert [task.id for task in tasks] == [f"perturb/{motion}-seed0{suffix}" for suffix in suffixes]
    titles = ["" if number is None else f", fold {number + 1} of {folds}" for number in numbers]
    assert [task.title for task in tasks] == [f"{motion}, seed 0{title}, perturbed" for title in titles]
    tests = {task.folder: task.test for task in executor.of(EvaluateTask)}
    assert [task.videos for task in tasks] == [tests[task.folder] for task in tasks]
    assert comparison.evidence is not None
    accuracies = {result.name: result.accuracy for result in comparison.evidence.perturbed}
    assert accuracies["reversed"] == pytest.approx(0.6)
    assert accuracies["shuffled"] == 1.0


def test_retrained_controls_are_evidence(tmp_path: Path) -> None:
    """The motion model without motion, of the first seed."""
    comparison = compare(tmp_path, FabricatingExecutor(skill), effort="standard", seeds=2)
    assert comparison.evidence is not None
    assert [(result.name, result.accuracy) for result in comparison.evidence.retrained] == [
        ("shuffled", 0.5),
        ("frozen", 0.5),
    ]


def test_rates_and_learning_curves_are_recorded(tmp_path: Path) -> None:
    """Of the rung that sees the order of frames, and of the two models that the verdict compares."""
    executor = FabricatingExecutor(
        lambda recipe: 0.75 if recipe.family == "frame_sequence" and recipe.spec.frames < 8 else skill(recipe)
    )
    comparison = compare(tmp_path, executor, families=None, backbones=("small",), folds=2)
    rates = [(result.frames, result.rate, result.accuracy.value) for result in comparison.rates]
    accuracies = ((2, 0.75), (4, 0.75), (8, 1.0), (16, 1.0))
    assert rates == [(frames, "spread", accuracy) for frames, accuracy in accuracies]
    assert comparison.verdict is not None
    points = {(point.model, point.share): point for point in comparison.learning}
    pair = (comparison.verdict.still, comparison.verdict.motion)
    assert set(points) == {(model, share) for model in pair for share in (0.25, 0.5, 1.0)}
    for (model, share), point in points.items():
        assert point.accuracy.value == (0.5 if model == comparison.verdict.still else 1.0)
        assert (point.videos, point.groups) == (32 * share, 32 * share)


def test_quick_effort_measures_neither_rates_nor_learning_curves(tmp_path: Path) -> None:
    comparison = compare(tmp_path, FabricatingExecutor(skill), families=None, backbones=("small",), effort="quick")
    assert (comparison.rates, comparison.learning) == ((), ())


@pytest.mark.parametrize("families", [("frame_pool",), ("cnn_rnn", "conv3d")])
def test_without_a_still_and_a_motion_family_there_is_no_verdict(tmp_path: Path, families: tuple[str, ...]) -> None:
    executor = FabricatingExecutor(lambda recipe: 0.9)
    comparison = compare(tmp_path, executor, families=families)
    assert (comparison.verdict, comparison.evidence, comparison.examples) == (None, None, ())
    assert not executor.of(PerturbTask)
    assert {task.folder.parent.name for task in executor.of(EvaluateTask)} == {"runs"}


def test_margin_and_seed_are_those_of_the_settings(tmp_path: Path) -> None:
    """A gain of half the videos is not worth motion to someone who asks for more than that."""
    comparison = compare(tmp_path, FabricatingExecutor(skill), effort="quick", margin=0.9, seed=4)
    assert comparison.verdict is not None
    assert comparison.verdict.margin == 0.9
    assert comparison.verdict.interval_answer == "stills suffice"
    assert {path for family in comparison.models.values() for path in family.runs} == {
        f"runs/{family}-seed4" for family in THREE
    }


def test_this_process_runs_tasks_in_order_and_reports_under_their_titles(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reports: list[tuple[str, int, int]] = []

    def progress(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        reports.append((stage, done, total))

    caplog.set_level("INFO", "stillmotion")
    tasks = [Step(id="a", title="first", folder=tmp_path), Step(id="b", title="second", folder=tmp_path, after=("a",))]
    assert InProcess(progress).run(tasks) == {"a": "a", "b": "b"}
    stages = [name for title in ("first", "second") for name in (title, *[f"{title} working"] * 2, title)]
    assert [stage for stage, *_ in reports] == stages
    assert [record.getMessage() for record in caplog.records] == ["a done", "b done"]


def test_a_canceled_experiment_ends_at_the_next_report(tmp_path: Path) -> None:
    cancel = threading.Event()
    reports: list[str] = []

    def progress(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        reports.append(stage)
        if stage == "first working":
            cancel.set()

    tasks = [Step(id="a", title="first", folder=tmp_path), Step(id="b", title="second", folder=tmp_path)]
    with pytest.raises(CancelledError):
        InProcess(progress, cancel).run(tasks)
    assert reports == ["first", "first working"]


def test_an_interrupt_raised_by_a_progress_report_ends_the_work(tmp_path: Path) -> None:
    """This is how Ctrl-C reaches the work on the command line."""

    def progress(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        InProcess(progress).run([Step(id="a", title="first", folder=tmp_path)])
