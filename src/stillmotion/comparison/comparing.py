"""Runs or tables of predictions in, comparison out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stillmotion.comparison.completing import complete_comparison
from stillmotion.comparison.cross_validation import read_joined_predictions
from stillmotion.comparison.deciding import check_margin, decide_among
from stillmotion.comparison.evidence import Evidence, gather_evidence
from stillmotion.comparison.example_videos import gather_examples
from stillmotion.comparison.ladder import climb
from stillmotion.comparison.measuring import Metric, check_metric
from stillmotion.comparison.model_results import (
    EvaluatedRun,
    kind_of,
    mean_validation,
    read_evaluated_run,
    summarize_cost,
    summarize_predictions,
    summarize_training,
)
from stillmotion.comparison.model_runs import RunsByModel, group_by_model
from stillmotion.comparison.overlaps import with_overlaps
from stillmotion.comparison.predictions import Predictions, check_same_videos
from stillmotion.comparison.recommendation import recommend
from stillmotion.comparison.records import Comparison, DataSummary, ModelResult, SkippedRecord
from stillmotion.comparison.verdict import Verdict
from stillmotion.data import PARTS
from stillmotion.data.splitting import groups_per_label
from stillmotion.errors import UsageError
from stillmotion.models import FAMILIES
from stillmotion.runs import Run


def compare_runs(
    runs: RunsByModel[Run | Path | str],
    *,
    margin: float = 0.05,
    metric: Metric = "accuracy",
    sequential: bool = False,
    seed: int = 0,
    relative_to: Path | None = None,
) -> Comparison:
    """The statistics of runs that you have trained and evaluated on the same videos.

    This is the smaller part of `run_comparison`: nothing is trained or predicted. Shortcuts in the data are not looked
    for, and evidence that the gain comes from motion is used only as far as the runs' folders hold it
    (`predict_over_time`, `evaluate_perturbed`). The verdict has a warning "not_checked" that says what is missing.

    Runs of one model are its seeds, or the folds of a cross-validation where they were tested on different videos.
    Of several still or motion models, *stills suffice* and *motion needed* may rest on any, and the verdict is
    corrected for that (`decide_among`): least for those with the best validation accuracy, then the lowest validation
    loss. With folds, where one fold's validation videos are another fold's test videos, validation favors none.

    Args:
        runs: runs or their folders: a mapping from the names of models, which are those of rungs in a ladder, or a
            list in which a model is a family.
        margin: the smallest gain in accuracy that is worth motion, as a share.
        metric: what the verdict compares: "accuracy", or "balanced" for the mean recall of the labels.
        sequential: whether the verdict's interval holds at every look, if you add recordings and compare again.
        seed: random seed of the bootstrap.
        relative_to: the folder that the comparison's paths of runs are relative to.

    Returns:
        The comparison; its verdict is None without both a still and a motion model.

    Raises:
        UsageError: no runs, no such folder, a run given twice, a model of still and motion families, no such
            metric, or a margin outside 0..1.
        StillmotionError: a folder is not a run or was not evaluated, or the test videos differ.

    Examples:
        >>> comparison = sm.compare_runs(["runs/still", "runs/motion"], margin=0.05)
        >>> comparison.verdict.answer
        'undecided'
    """
    by_model = group_by_model(runs)
    comparison = compare_statistics(
        by_model, margin=margin, metric=metric, sequential=sequential, seed=seed, relative_to=relative_to
    )
    verdict = comparison.verdict
    if verdict is None:
        return complete_comparison(comparison)
    return complete_comparison(
        comparison,
        evidence=_gather_evidence(by_model, verdict),
        examples=gather_examples(by_model, (verdict.still, verdict.motion)),
    )


def compare_statistics(
    runs: RunsByModel[Run | Path | str],
    *,
    margin: float = 0.05,
    metric: Metric = "accuracy",
    sequential: bool = False,
    seed: int = 0,
    relative_to: Path | None = None,
    about: Sequence[str] = (),
) -> Comparison:
    """The models' results and the verdict of their statistics, still to be completed by `complete_comparison`.

    Args:
        runs: as for `compare_runs`.
        margin: as for `compare_runs`.
        metric: as for `compare_runs`.
        sequential: as for `compare_runs`.
        seed: as for `compare_runs`.
        relative_to: as for `compare_runs`.
        about: models that the verdict is about, if a still and a motion model are among them.

    Returns:
        A comparison without evidence, shortcuts, examples and advice.

    Raises:
        UsageError: as for `compare_runs`.
        StillmotionError: as for `compare_runs`.
    """
    check_margin(margin)
    check_metric(metric)
    by_model = {name: [read_evaluated_run(run) for run in members] for name, members in group_by_model(runs).items()}
    _check_runs(by_model)
    predictions = {
        name: read_joined_predictions([tested.run for tested in members]) for name, members in by_model.items()
    }
    check_same_videos([training for trainings in predictions.values() for training in trainings])
    validated = {name: mean_validation([tested.run for tested in members]) for name, members in by_model.items()}
    # It chooses only among models that all have it.
    known = None not in validated.values()
    validation = {name: (one if one and known else (0.0, 0.0)) for name, one in validated.items()}
    models = {name: _model_result(members, predictions[name], seed, relative_to) for name, members in by_model.items()}
    kinds = {models[name].kind for name in about}
    rivals = {name: models[name] for name in about} if kinds == {"still", "motion"} else models
    still, motion = (_best(rivals, validation, kind) for kind in ("still", "motion"))
    name = still or motion or next(iter(by_model))
    crossed = len(predictions[name]) < len(by_model[name])
    tested_videos = len(predictions[name][0].videos) if crossed else None
    first = next(iter(by_model.values()))[0].run
    verdict = None
    if still and motion:
        stills, motions = (
            {name: predictions[name] for name, result in models.items() if result.kind == kind}
            for kind in ("still", "motion")
        )
        verdict = decide_among(
            stills,
            motions,
            margin=margin,
            # With folds, validation videos are test videos of other folds. At each look, it may choose another model.
            chosen=None if crossed or not known or sequential else (still, motion),
            about=() if rivals is models else tuple(rivals),
            metric=metric,
            sequential=sequential,
        )
        verdict = with_overlaps(
            verdict, {name: [tested.run for tested in members] for name, members in by_model.items()}
        )
    return Comparison(
        models=models,
        verdict=verdict,
        ladder=climb(predictions, validation, metric),
        data=_summarize_data(first, tested_videos),
        recommendation=recommend(
            predictions,
            {name: result.cost.milliseconds_per_clip for name, result in models.items()},
            margin,
            metric,
            guessing=[name for name, beats in verdict.beats_guessing.items() if not beats] if verdict else (),
        ),
    )


def _check_runs(by_model: Mapping[str, Sequence[EvaluatedRun]]) -> None:
    if not by_model or not all(by_model.values()):
        raise UsageError("no runs to compare; give at least one run folder for each model")
    folders: set[Path] = set()
    for name, members in by_model.items():
        for tested in members:
            folder = tested.run.folder.resolve()
            if folder in folders:
                raise UsageError(f"{tested.run.folder}: the same run is given twice; it would count as two trainings")
            folders.add(folder)
        if len({kind_of(tested.run.recipe.family) for tested in members}) > 1:
            raise UsageError(f"{name}: its runs are of still and of motion families; give each kind a name of its own")


def _best(models: Mapping[str, ModelResult], validation: Mapping[str, tuple[float, float]], kind: str) -> str | None:
    """The model of a kind with the best validation accuracy, then the lowest validation loss."""
    of_kind = [name for name, result in models.items() if result.kind == kind]
    return max(of_kind, key=lambda name: (validation[name][0], -validation[name][1]), default=None)


def _gather_evidence(by_model: Mapping[str, Sequence[Run]], verdict: Verdict) -> Evidence:
    """The evidence that the runs of each model's first seed hold."""
    first_seed = {
        name: [run for run in members if run.recipe.seed == members[0].recipe.seed]
        for name, members in by_model.items()
    }
    return gather_evidence(
        perturbed=[run.perturbed_file for run in first_seed[verdict.motion]],
        retrained={},
        motion=read_joined_predictions(first_seed[verdict.motion]),
        over_time={name: [run.over_time_file for run in members] for name, members in first_seed.items()},
        still=verdict.still,
        metric=verdict.metric,
    )


def _model_result(
    members: Sequence[EvaluatedRun], predictions: Sequence[Predictions], seed: int, relative_to: Path | None
) -> ModelResult:
    runs = [tested.run for tested in members]
    (family, _), *_ = Counter(run.recipe.family for run in runs).most_common(1)
    (spec, _), *_ = Counter(run.recipe.spec for run in runs).most_common(1)
    validation = mean_validation(runs)
    return replace(
        summarize_predictions(kind_of(family), predictions, seed=seed),
        validation_accuracy=validation[0] if validation else None,
        family=family,
        rung=FAMILIES[family].rung if family in FAMILIES else None,
        spec=spec,
        cost=summarize_cost(runs),
        trainings=tuple(map(summarize_training, members)),
        runs=tuple(_relative(run.folder, relative_to) for run in runs),
    )


def _summarize_data(run: Run, tested_videos: int | None) -> DataSummary:
    """The data set of a run; with cross-validation, the folds have tested `tested_videos` videos together."""
    data = run.record.data
    parts = {part: list(data.part(part)) for part in PARTS}
    videos = {str(part): len(members) for part, members in parts.items()}
    groups = {str(part): len({video.group for video in members}) for part, members in parts.items()}
    if tested_videos is not None:
        videos["test"], groups["test"] = tested_videos, len({video.group for video in data.videos})
    return DataSummary(
        videos=videos,
        groups=groups,
        cross_validated=tested_videos is not None,
        videos_per_label=dict(Counter(video.label or "" for video in data.videos)),
        groups_per_label=groups_per_label(data.videos),
        labels=run.labels,
        skipped=tuple(SkippedRecord(path, reason) for path, reason in data.skipped),
        root=data.root,
        fingerprint=data.fingerprint,
        versions=dict(run.record.versions),
    )


def _relative(folder: Path, base: Path | None) -> str:
    absolute = folder.resolve()
    if base is not None and absolute.is_relative_to(base.resolve()):
        return absolute.relative_to(base.resolve()).as_posix()
    return str(absolute)
