"""The main job: labeled videos in; still and motion models trained and tested alike; a verdict out."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from stillmotion.clips import OpenedVideos, Rate
from stillmotion.comparison import (
    MIN_GROUPS,
    Comparison,
    ContenderResult,
    SearchRecord,
    SkippedRecord,
    compare_statistics,
    complete_comparison,
    gather_examples,
    write_comparison,
)
from stillmotion.data import Videos
from stillmotion.data.splitting import FRACTIONS, advised_folds, groups_per_label
from stillmotion.errors import UsageError
from stillmotion.execution.places import LOCAL, check_place
from stillmotion.experiments.choices import Effort, Metric, Preset
from stillmotion.experiments.controls import Controls
from stillmotion.experiments.datasets import Dataset, open_dataset, read_labeled
from stillmotion.experiments.executors import Executor
from stillmotion.experiments.placement import executor_on
from stillmotion.experiments.plan import Candidate, ComparisonPlan, PlannedRun
from stillmotion.experiments.settings import ComparisonSettings
from stillmotion.experiments.tasks import FindShortcutsTask, Results, result_of
from stillmotion.files import as_path, check_folder, folder_lock
from stillmotion.models import FAMILIES, RUNGS, SMALL
from stillmotion.models.pretrained import check_builds
from stillmotion.progress import Progress, no_progress
from stillmotion.reports import write_report, write_summary
from stillmotion.runs import COMPARISON_FILE, Run

log = logging.getLogger(__name__)


def run_comparison(
    data: str | Path | Videos | OpenedVideos,
    *,
    out: str | Path | None = None,
    families: Sequence[str] | None = None,
    backbones: Sequence[str] | None = None,
    finetune: bool = False,
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
    metric: Metric = "accuracy",
    sequential: bool = False,
    flip: bool = False,
    group: str | None = None,
    frame_rate: float | None = None,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    overwrite: bool = False,
    include: Sequence[str | Path] = (),
    on: str = LOCAL,
    progress: Progress = no_progress,
    cancel: threading.Event | None = None,
) -> Comparison:
    """Train still and motion models on the same labeled videos, test them, and say which is needed.

    This is the whole of `stillmotion compare`: it opens and splits the data set by group, searches settings on the
    validation part, trains, tests, looks for shortcuts in the data, tries what else could explain the result, and
    leaves comparison.json, report.html, summary.html and one run per model in `out`. What a user should know on the way
    is logged under the logger "stillmotion". Interrupted or canceled, the same call resumes.

    Args:
        data: a folder with one folder per label, a table, or videos that were read or opened before.
        out: the folder for runs and report; by default the data set's name with "-comparison", in the working folder.
        families: names in `FAMILIES`, each of which is a model of its own; a verdict takes a still and a motion family.
            By default, the models are the rungs of the ladder: one frame, several frames, changes, order, dense motion.
            On each rung several families and backbones compete, and validation chooses.
        backbones: what turns frames into features: "small", which is trained from nothing, and names of
            `stillmotion.models.pretrained`. By default "small", and "efficientnet-lite0" where its weights are
            installed; families that are named take one.
        finetune: whether the last stages of pretrained backbones are trained, too.
        frames: frames per clip; by default 16, with the classic preset 10.
        rate: frames per second, "spread" for frames spread over each whole video, or "auto" to choose by duration.
        size: side of the frames in pixels, or (height, width); pretrained backbones see those that they were made for.
        preset: "classic" trains the small architectures of common tutorials.
        epochs: maximum number of epochs; by default 20 to 60, by the number of clips.
        input: what motion families see: "rgb", "difference" or "both".
        pool: how families that are named combine frames: "mean", "max", "mean+max", "attention", "set" or "vote".
        seeds: trainings per model, with seeds `seed`, `seed + 1` and so on.
        folds: 0 for a single split, or the number of cross-validation folds by group.
        effort: "quick" trains each contender once; "standard" and "thorough" try 4 or 10 settings for each on the
            validation part, and train control models.
        time_budget_minutes: training time in all, divided evenly; it sets the epochs.
        margin: the smallest gain in accuracy that is worth motion, 0 to below 1.
        metric: what the verdict compares: "accuracy", or "balanced" for the mean recall of the labels.
        sequential: whether the verdict's interval holds at every look, if you add recordings and compare again.
        flip: whether half of the training clips are mirrored.
        group: a regular expression; what it matches in a video's path names its group.
        frame_rate: frames per second of videos that are folders of numbered frames.
        fractions: shares of the train, validation and test parts.
        seed: of the split and of the trainings.
        overwrite: whether trainings with other settings in `out` are deleted.
        include: files of models that were trained elsewhere, with their cards beside them (`describe_model`). They are
            tested beside ours. If a still and a motion model are among them, the verdict is about these.
        on: where trainings run side by side: "local", in as many processes as the cores and the free memory allow;
            "processes:N"; "ray", on this machine's Ray cluster; or "ray://HOST:PORT". On equal machines, the
            results do not depend on it.
        progress: receives the progress of the tasks at work.
        cancel: ends the work with `CancelledError` once it is set.

    Returns:
        The comparison, as written to comparison.json.

    Raises:
        UsageError: a setting that is unknown, out of range or contradicts another; no data set there.
        StillmotionError: the data set cannot be used, `out` cannot be written, or holds other trainings.
        CancelledError: `cancel` was set.

    Examples:
        >>> comparison = sm.run_comparison("clips/", out="comparison")
        >>> comparison.verdict.answer
        'motion needed'
    """
    check_place(on)
    settings = ComparisonSettings(
        families=families,
        backbones=backbones,
        finetune=finetune,
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
        metric=metric,
        sequential=sequential,
        flip=flip,
        fractions=fractions,
        seed=seed,
    )
    settings.check_frames()
    included = check_included(include)
    for name in settings.chosen_backbones:
        if name != SMALL:
            check_builds(name)
    videos = read_labeled(data, group=group, frame_rate=frame_rate)
    folder = Path(out) if out is not None else default_folder(data)
    check_folder(folder)
    if families is None and backbones is None and settings.chosen_backbones == (SMALL,) and preset != "classic":
        log.info(
            "models are trained from nothing only; for pretrained ones beside them: "
            'pip install "stillmotion[pretrained]"'
        )
    with executor_on(on, progress, cancel) as executor:
        dataset = open_dataset(
            videos,
            fractions=fractions,
            seed=seed,
            rate=rate,
            frames=settings.clip_frames,
            folds=folds,
            progress=executor.reporter(""),
        )
        _warn_of_few_groups(dataset)
        with folder_lock(folder):
            _warn_of_other_data(folder, dataset.opened.root)
            plan = ComparisonPlan(settings, dataset, folder, overwrite, included)
            comparison = execute(plan, executor)
            write_comparison(comparison, folder)
            write_report(comparison, folder / "report.html")
            write_summary(comparison, folder / "summary.html")
    return comparison


def _warn_of_few_groups(dataset: Dataset) -> None:
    """Before anything is trained, say where a single split tests on too little."""
    tested, all_groups = len(dataset.folds[0].test.videos.groups), len(dataset.opened.videos.groups)
    if len(dataset.folds) == 1 and tested < MIN_GROUPS and tested < all_groups:
        subject = "1 group is" if tested == 1 else f"{tested} groups are"
        groups = groups_per_label(dataset.opened.videos)
        folds = advised_folds(groups)
        advice = (
            f"`--folds {folds}` tests on all {all_groups}, and takes {folds} times as long"
            if folds
            else f"record {min(groups, key=lambda label: groups[label])!r} in more groups"
        )
        log.warning("only %s tested, which seldom decides anything; %s", subject, advice)


def _warn_of_other_data(folder: Path, root: Path) -> None:
    """Say whose comparison is replaced: a folder of clips and a table beside it may have the same name."""
    try:
        before = str(json.loads((folder / COMPARISON_FILE).read_text(encoding="utf-8"))["data"]["root"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if before != str(root.resolve()):
        log.warning(
            "%s: holds the comparison of the data in %s, not of that in %s; choose another folder to keep it",
            folder,
            before,
            root.resolve(),
            extra={"parameter": "out"},
        )


def check_included(include: Sequence[str | Path]) -> tuple[Path, ...]:
    """Check which models are included.

    Args:
        include: their files.

    Returns:
        The files.

    Raises:
        UsageError: there is no such file, or two would have one name, or the name of a rung or family.
    """
    files = tuple(as_path(one, "a model's file").resolve() for one in include)
    names = [file.stem for file in files]
    for file in files:
        if not file.exists():
            raise UsageError(f"{file}: no such model")
        if names.count(file.stem) > 1 or file.stem in (*RUNGS, *FAMILIES):
            raise UsageError(f"{file}: another model is called {file.stem}; rename the file")
    return files


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
    # What each contender is given: epochs by the time budget, the rest by the search on the validation part.
    settings, candidates = plan.settings, plan.candidates()
    executor.run(plan.check_included())
    executor.run(plan.prepare(candidates))
    candidates = plan.with_epochs(candidates, executor.run(plan.count_epochs(candidates)))
    candidates = plan.with_settings(candidates, executor.run(plan.try_settings(candidates)))
    _log_settings(candidates)
    if settings.effort != "quick":  # clips may have become longer
        executor.run(plan.prepare(candidates))

    # The contenders, of which validation chooses; tests of the chosen ones, and the verdict of their statistics alone.
    shortcuts = FindShortcutsTask(id="shortcuts", title="shortcuts", folder=plan.folder, videos=plan.dataset.opened)
    trained = executor.run([shortcuts, *plan.compete(candidates)])
    chosen = plan.choose(candidates, trained)
    _log_choices(candidates, chosen)
    planned = plan.runs(chosen)
    runs = plan.tested(planned, executor.run(plan.test(planned, trained)))
    included = plan.included()
    costs = plan.included_costs(included)
    tested = executor.run([*included, *costs])
    measured = {task.folder: task.id for task in costs}
    for number, task in enumerate(included):
        run, fold = (
            result_of(tested, measured.get(task.folder, task.id), Run),
            plan.dataset.folds[number % len(plan.dataset.folds)],
        )
        recipe = replace(run.recipe, seed=plan.seeds[0])
        runs.setdefault(task.model.stem, []).append(run)
        planned.append(PlannedRun(task.model.stem, recipe, fold, run.folder, task.title))
    comparison = compare_statistics(
        runs,
        margin=settings.margin,
        metric=settings.metric,
        sequential=settings.sequential,
        seed=settings.seed,
        relative_to=plan.folder,
        about=[file.stem for file in plan.include],
    )
    comparison = _with_records(comparison, plan, candidates, chosen, trained)
    verdict = comparison.verdict
    pair = (verdict.still, verdict.motion) if verdict else None

    # What else could explain it.
    controls = Controls(plan, planned, verdict)
    examples = gather_examples(runs, pair) if pair else ()
    executor.run(controls.prepare())
    results = executor.run([*controls.over_time([example.video for example in examples]), *controls.tasks()])
    return complete_comparison(
        _with_controls(comparison, controls, runs, results),
        evidence=controls.evidence(runs, results),
        shortcuts=result_of(trained, shortcuts.id, tuple),
        examples=gather_examples(runs, pair) if pair else (),  # now with predictions over time
    )


def _with_records(
    comparison: Comparison,
    plan: ComparisonPlan,
    candidates: Sequence[Candidate],
    chosen: Sequence[Candidate],
    trained: Results,
) -> Comparison:
    """Add what the statistics do not know: the skipped videos, who competed, and what the chosen ones were given."""
    settings = plan.settings
    skipped = [SkippedRecord(video.video.name, video.reason) for video in plan.dataset.skipped]
    contenders = {
        name: [one for one in candidates if one.contender.model == name and one.fold == 0] for name in comparison.models
    }
    return replace(
        comparison,
        data=replace(comparison.data, skipped=(*skipped, *comparison.data.skipped)),
        models={
            name: replace(
                model,
                contenders=tuple(
                    _contender_result(
                        plan, [one for one in candidates if one.contender == rival.contender], chosen, trained
                    )
                    for rival in contenders[name]
                    if rival.contender.name  # not of families chosen by hand
                ),
                searches=tuple(
                    SearchRecord(settings.effort, settings.time_budget_minutes, one.recipe.epochs, one.trials)
                    for one in chosen
                    if one.contender.model == name
                ),
            )
            for name, model in comparison.models.items()
        },
    )


def _contender_result(
    plan: ComparisonPlan, folds: Sequence[Candidate], chosen: Sequence[Candidate], trained: Results
) -> ContenderResult:
    """How a contender did on validation.

    Args:
        plan: the plan.
        folds: the contender in each fold.
        chosen: the candidates that were chosen.
        trained: the results of the trainings.
    """
    contender = folds[0].contender
    accuracies, losses = zip(*(plan.validation(one, trained) for one in folds), strict=True)
    return ContenderResult(
        name=contender.name,
        family=contender.family,
        options=folds[0].recipe.options,
        validation_accuracies=accuracies,
        validation_losses=tuple(-loss for loss in losses),
        chosen_folds=tuple(one.fold for one in folds if one in chosen),
    )


def _with_controls(
    comparison: Comparison, controls: Controls, runs: Mapping[str, Sequence[Run]], results: Results
) -> Comparison:
    """Add memory, rates and learning curves, as far as they were measured."""
    return replace(
        comparison,
        models={
            name: replace(model, cost=replace(model.cost, peak_megabytes=controls.megabytes(name, results)))
            for name, model in comparison.models.items()
        },
        rates=controls.rate_results(runs, results),
        learning=controls.learning_curves(runs, results),
    )


def _log_settings(candidates: Sequence[Candidate]) -> None:
    for candidate in candidates:
        for trial in candidate.trials:
            if trial.chosen:
                log.info(
                    "%s: of %d settings tried, %r was best on validation",
                    candidate.contender.title,
                    len(candidate.trials),
                    trial.name,
                )


def _log_choices(candidates: Sequence[Candidate], chosen: Sequence[Candidate]) -> None:
    for one in chosen:
        rivals = [
            rival for rival in candidates if (rival.contender.model, rival.fold) == (one.contender.model, one.fold)
        ]
        if len(rivals) > 1:
            log.info(
                "%s: of %d contenders, %s was best on validation", one.contender.model, len(rivals), one.contender.name
            )
