"""From a plan to the verdict: what the controls show reaches the answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import stillmotion as sm
from helpers.executors import FabricatingExecutor, Skill, opened_dataset
from stillmotion.errors import CancelledError
from stillmotion.experiments import ComparisonPlan, ComparisonSettings, InProcess, Task, execute
from stillmotion.progress import Progress
from stillmotion.runs import Recipe

pytestmark = pytest.mark.usefixtures("no_shortcuts")


def compare(folder: Path, executor: FabricatingExecutor, effort: str = "standard", folds: int = 0) -> sm.Comparison:
    dataset = opened_dataset(folder, folds=folds)
    settings = ComparisonSettings(effort=effort, folds=folds)  # type: ignore[arg-type]
    return execute(ComparisonPlan(settings, dataset, folder / "out"), executor)


def skill(best_frame: float) -> Skill:
    """Motion models are right, the still model guesses, and its control that goes by the best frame is as given."""

    def accuracy(recipe: Recipe) -> float:
        if recipe.options.get("pool") == "max":
            return best_frame
        return 0.5 if recipe.family == "frame_pool" or recipe.spec.order != "forward" else 1.0

    return accuracy


def test_motion_is_needed_where_no_control_explains_the_gain(tmp_path: Path) -> None:
    comparison = compare(tmp_path, FabricatingExecutor(skill(best_frame=0.5)))
    assert comparison.verdict is not None
    assert comparison.verdict.answer == "motion needed"


def test_motion_is_not_needed_where_the_best_frame_does_as_well(tmp_path: Path) -> None:
    """The statistics alone say that motion is needed; the control withdraws it."""
    comparison = compare(tmp_path, FabricatingExecutor(skill(best_frame=1.0)))
    assert comparison.verdict is not None
    assert comparison.verdict.low > comparison.verdict.margin
    assert comparison.verdict.answer == "undecided"
    assert comparison.verdict.best_frame_reason == "max_pool_control_close"


def test_motion_is_not_needed_where_the_most_confident_frame_does_as_well(tmp_path: Path) -> None:
    """Without trained controls, single frames of the still model may show it."""
    executor = FabricatingExecutor(skill(best_frame=0.5), frames=1.0)
    comparison = compare(tmp_path, executor, effort="quick")
    assert comparison.verdict is not None
    assert comparison.verdict.answer == "undecided"
    assert comparison.verdict.best_frame_reason == "most_confident_frame_close"


def test_folds_are_joined_before_the_verdict(tmp_path: Path) -> None:
    comparison = compare(tmp_path, FabricatingExecutor(skill(best_frame=0.5)), effort="quick", folds=2)
    assert comparison.verdict is not None
    assert comparison.verdict.videos == 80


@dataclass(frozen=True, kw_only=True)
class Step(Task):
    """Reports progress twice and returns its own id."""

    def run(self, progress: Progress) -> str:
        progress("working", 1, 2)
        progress("working", 2, 2)
        return self.id

    def summary(self, result: object) -> str | None:
        return f"{result} done"


def test_this_process_runs_tasks_in_order_and_reports_under_their_titles(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reports: list[tuple[str, int, int]] = []

    def progress(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        reports.append((stage, done, total))

    caplog.set_level("INFO", "stillmotion")
    tasks = [Step(id="a", title="first", folder=tmp_path), Step(id="b", title="second", folder=tmp_path, after=("a",))]
    assert InProcess(progress).run(tasks) == {"a": "a", "b": "b"}
    stages = ["first", "first working", "first working", "second", "second working", "second working"]
    assert [stage for stage, *_ in reports] == stages
    assert [record.getMessage() for record in caplog.records] == ["a done", "b done"]


def test_a_plan_that_runs_a_task_before_what_it_needs_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="before 'a'"):
        InProcess().run([Step(id="b", title="", folder=tmp_path, after=("a",))])


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
