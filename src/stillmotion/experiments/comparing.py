"""The main job: labeled videos in; still and motion models trained and tested alike; a verdict out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Literal

from stillmotion.clips import OpenedVideos, Rate
from stillmotion.comparison import (
    Comparison,
    SearchRecord,
    SkippedRecord,
    compare_statistics,
    complete_comparison,
    gather_examples,
    write_comparison,
)
from stillmotion.data import Videos
from stillmotion.data.splitting import FRACTIONS
from stillmotion.errors import UsageError
from stillmotion.experiments.choices import Effort, Preset
from stillmotion.experiments.controls import Controls
from stillmotion.experiments.datasets import open_dataset, read_labeled
from stillmotion.experiments.executors import Executor, Processes
from stillmotion.experiments.machine import default_workers
from stillmotion.experiments.plan import ComparisonPlan, Search, evaluated
from stillmotion.experiments.settings import ComparisonSettings
from stillmotion.experiments.tasks import Results
from stillmotion.files import check_folder, folder_lock
from stillmotion.inspection import find_shortcuts
from stillmotion.models import FAMILIES
from stillmotion.progress import Progress, no_progress
from stillmotion.reports import write_report

log = logging.getLogger(__name__)


def run_comparison(
    data: str | Path | Videos | OpenedVideos,
    *,
    out: str | Path | None = None,
    families: Sequence[str] = tuple(FAMILIES),
    frames: int | None = None,
    rate: Rate | Literal["auto"] = "auto",
    size: int | tuple[int, int] = 64,
    preset: Preset = "standard",
    epochs: int | None = None,
    input: str | None = None,
    pool: str | None = None,
    seeds: int = 1,
    folds: int = 0,
    effort: Effort = "quick",
    time_budget_minutes: float | None = None,
    margin: float = 0.05,
    flip: bool = False,
    group: str | None = None,
    frame_rate: float | None = None,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    overwrite: bool = False,
    processes: int | None = None,
    progress: Progress = no_progress,
    cancel: threading.Event | None = None,
) -> Comparison:
    """Train still and motion models on labeled videos with equal budgets, test them, and say which is needed.

    This is the whole of `stillmotion compare`: it opens and splits the data set by group, searches settings on the
    validation part, trains, tests, looks for shortcuts in the data, tries what else could explain the result, and
    leaves comparison.json, report.html and one run per model in `out`. What a user should know on the way is
    logged under the logger "stillmotion". Interrupted or canceled, the same call resumes.

    Args:
        data: a folder with one folder per label, a table, or videos that were read or opened before.
        out: the folder for runs and report; by default the data set's name with "-comparison", in the working folder.
        families: names in `FAMILIES`; a verdict takes a still and a motion family.
        frames: frames per clip; by default 16, with the classic preset 10.
        rate: frames per second, "spread" for frames spread over each whole video, or "auto" to choose by duration.
        size: side of the frames in pixels, or (height, width).
        preset: "classic" trains the small architectures of common tutorials.
        epochs: maximum number of epochs; by default that of `Recipe`.
        input: what motion families see: "rgb", "difference" or "both".
        pool: how still models combine frame scores: "mean", "max" or "vote".
        seeds: trainings per family, with seeds `seed`, `seed + 1` and so on.
        folds: 0 for a single split, or the number of cross-validation folds by group.
        effort: "quick" trains each family once; "standard" and "thorough" try 4 or 10 settings for each on the
            validation part, and train control models.
        time_budget_minutes: training time in all, divided evenly; it sets the epochs.
        margin: the smallest gain in accuracy that is worth motion, 0 to below 1.
        flip: whether half of the training clips are mirrored.
        group: a regular expression; what it matches in a video's path names its group.
        frame_rate: frames per second of videos that are folders of numbered frames.
        fractions: shares of the train, validation and test parts.
        seed: of the split and of the trainings.
        overwrite: whether trainings with other settings in `out` are deleted.
        processes: how many trainings run side by side, each in a process of its own; by default as many as the cores
            and the free memory allow. The results do not depend on it.
        progress: receives the progress of the tasks at work.
        cancel: ends the work with `CancelledError` once it is set.

    Returns:
        The comparison, as written to comparison.json.

    Raises:
        UsageError: a setting that is unknown, out of range or contradicts another; no data set there.
        StillmotionError: the data set cannot be used, `out` cannot be written, or holds other trainings.
        CancelledError: `cancel` was set.
    """
    settings = ComparisonSettings(
        families=families,
        frames=frames,
        rate=rate,
        size=size,
        preset=preset,
        epochs=epochs,
        input=input,
        pool=pool,
        seeds=seeds,
        folds=folds,
        effort=effort,
        time_budget_minutes=time_budget_minutes,
        margin=margin,
        flip=flip,
        fractions=fractions,
        seed=seed,
    )
    if processes is not None and (not isinstance(processes, Integral) or processes < 1):
        raise UsageError(f"processes is {processes!r}; expected a whole number of 1 or more")
    videos = read_labeled(data, group=group, frame_rate=frame_rate)
    folder = Path(out) if out is not None else default_folder(data)
    check_folder(folder)
    with Processes(processes or default_workers(), progress, cancel) as executor:
        dataset = open_dataset(
            videos,
            fractions=fractions,
            seed=seed,
            rate=rate,
            frames=settings.clip_frames,
            folds=folds,
            progress=executor.reporter(""),
        )
        with folder_lock(folder):
            plan = ComparisonPlan(settings, dataset, folder, overwrite)
            comparison = execute(plan, executor)
            write_comparison(comparison, folder)
            write_report(comparison, folder / "report.html")
    return comparison


def default_folder(data: str | Path | Videos | OpenedVideos) -> Path:
    """Where a comparison of a data set goes unless another folder is named.

    Args:
        data: the data set.

    Returns:
        A folder in the working folder, called after the data set.
    """
    root = data.root if isinstance(data, Videos | OpenedVideos) else Path(data)
    return Path(f"{root.resolve().stem}-comparison")


def execute(plan: ComparisonPlan, executor: Executor) -> Comparison:
    """Run a comparison's plan, stage by stage.

    Args:
        plan: what is to be done.
        executor: what runs the tasks.

    Returns:
        The comparison, complete but for its files.

    Raises:
        CancelledError: the work was cancelled.
        StillmotionError: as for `run_comparison`.
    """
    # What each family is given: epochs by the time budget, the rest by the search on the validation part.
    recipes = plan.settings.recipes(plan.dataset.rate)
    folds = plan.with_epochs(recipes, executor.run(plan.count_epochs(recipes)))
    searches = plan.choose(folds, executor.run(plan.trials(folds)))
    for search in (search for fold in searches for search in fold):
        _log_choice(search)

    # The runs, and the verdict of their statistics alone.
    planned = plan.runs(searches)
    runs = evaluated(planned, executor.run(plan.train_and_evaluate(planned)))
    comparison = compare_statistics(runs, margin=plan.settings.margin, seed=plan.settings.seed, relative_to=plan.folder)
    comparison = _with_records(comparison, plan, searches)
    verdict = comparison.verdict
    pair = (verdict.still, verdict.motion) if verdict else None

    # What else could explain it.
    controls = Controls(plan, planned, verdict)
    examples = gather_examples(runs, pair) if pair else ()
    executor.run(controls.over_time([example.video for example in examples]))
    shortcuts = find_shortcuts(plan.dataset.opened, progress=executor.reporter(""))
    results = executor.run(controls.tasks())
    return complete_comparison(
        _with_memory(comparison, controls, results),
        evidence=controls.evidence(runs, results),
        shortcuts=shortcuts,
        examples=gather_examples(runs, pair) if pair else (),  # now with predictions over time
    )


def _with_records(comparison: Comparison, plan: ComparisonPlan, searches: Sequence[Sequence[Search]]) -> Comparison:
    """Add what the statistics do not know: the skipped videos, and what each family was given."""
    settings = plan.settings
    skipped = [SkippedRecord(video.video.name, video.reason) for video in plan.dataset.skipped]
    records: dict[str, list[SearchRecord]] = {family: [] for family in comparison.models}
    for search in (search for fold in searches for search in fold):
        records[search.recipe.family].append(
            SearchRecord(settings.effort, settings.time_budget_minutes, search.recipe.epochs, tuple(search.trials))
        )
    return replace(
        comparison,
        data=replace(comparison.data, skipped=(*skipped, *comparison.data.skipped)),
        models={name: replace(family, searches=tuple(records[name])) for name, family in comparison.models.items()},
    )


def _with_memory(comparison: Comparison, controls: Controls, results: Results) -> Comparison:
    """Add the memory of the families for which it was measured."""
    return replace(
        comparison,
        models={
            name: replace(family, cost=replace(family.cost, peak_megabytes=controls.megabytes(name, results)))
            for name, family in comparison.models.items()
        },
    )


def _log_choice(search: Search) -> None:
    for trial in search.trials:
        if trial.chosen:
            log.info(
                "%s: of %d settings tried, %r was best on validation",
                search.recipe.family,
                len(search.trials),
                trial.name,
            )
