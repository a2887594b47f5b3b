"""Runs or tables of predictions in, comparison out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stillmotion.comparison.completing import complete_comparison
from stillmotion.comparison.cross_validation import read_joined_predictions
from stillmotion.comparison.deciding import check_margin, decide, decide_among
from stillmotion.comparison.evidence import Evidence, gather_evidence
from stillmotion.comparison.example_videos import gather_examples
from stillmotion.comparison.family_results import (
    EvaluatedRun,
    kind_of,
    mean_validation,
    read_evaluated_run,
    summarize_cost,
    summarize_predictions,
    summarize_training,
)
from stillmotion.comparison.predictions import Predictions, check_same_videos
from stillmotion.comparison.recommendation import recommend
from stillmotion.comparison.records import Comparison, DataSummary, FamilyResult, SkippedRecord
from stillmotion.comparison.verdict import Verdict
from stillmotion.data import PARTS
from stillmotion.errors import UsageError
from stillmotion.runs import Run


def compare_runs(
    runs: Sequence[Run | Path | str],
    *,
    margin: float = 0.05,
    seed: int = 0,
    relative_to: Path | None = None,
) -> Comparison:
    """The statistics of runs that you have trained and evaluated on the same videos.

    This is the smaller part of `run_comparison`: nothing is trained or predicted. Shortcuts in the data are not looked
    for, and evidence that the gain comes from motion is used only as far as the runs' folders hold it
    (`predict_over_time`, `evaluate_perturbed`). The verdict has a warning "not_checked" that says what is missing.

    Runs of one family are its seeds, or the folds of a cross-validation where they were tested on different videos.
    Of several motion (or still) families the verdict takes the one with the best validation accuracy, then the lowest
    validation loss, so that the test part chooses nothing. With folds, where one fold's validation videos are another
    fold's test videos, all motion families are compared and the verdict is corrected for the choice.

    Args:
        runs: runs or their folders.
        margin: the smallest gain in accuracy that is worth motion, as a share.
        seed: random seed of the bootstrap.
        relative_to: the folder that the comparison's paths of runs are relative to.

    Returns:
        The comparison; its verdict is None without both a still and a motion family.

    Raises:
        UsageError: no runs, no such folder, a run given twice, or a margin outside 0..1.
        StillmotionError: a folder is not a run or was not evaluated, or the test videos differ.
    """
    comparison = compare_statistics(runs, margin=margin, seed=seed, relative_to=relative_to)
    verdict = comparison.verdict
    if verdict is None:
        return complete_comparison(comparison)
    by_family = _read_by_family(runs)
    all_runs = [tested.run for members in by_family.values() for tested in members]
    return complete_comparison(
        comparison,
        evidence=_gather_evidence(by_family, verdict.still, verdict.motion),
        examples=gather_examples(all_runs, (verdict.still, verdict.motion)),
    )


def compare_statistics(
    runs: Sequence[Run | Path | str],
    *,
    margin: float = 0.05,
    seed: int = 0,
    relative_to: Path | None = None,
) -> Comparison:
    """The families' results and the verdict of their statistics, still to be completed by `complete_comparison`.

    Args:
        runs: as for `compare_runs`.
        margin: as for `compare_runs`.
        seed: as for `compare_runs`.
        relative_to: as for `compare_runs`.

    Returns:
        A comparison without evidence, shortcuts, examples and advice.

    Raises:
        UsageError: as for `compare_runs`.
        StillmotionError: as for `compare_runs`.
    """
    check_margin(margin)
    if not runs:
        raise UsageError("no runs to compare; give at least one run folder")
    by_family = _read_by_family(runs)
    predictions = {
        family: read_joined_predictions([tested.run for tested in members]) for family, members in by_family.items()
    }
    check_same_videos([training for trainings in predictions.values() for training in trainings])
    still, motion = _best(by_family, "still"), _best(by_family, "motion")
    family = still or motion or next(iter(by_family))
    crossed = len(predictions[family]) < len(by_family[family])
    families = {
        name: _family_result(name, members, predictions[name], seed, relative_to) for name, members in by_family.items()
    }
    tested_videos = len(predictions[family][0].videos) if crossed else None
    first = next(iter(by_family.values()))[0].run
    verdict = _decide(predictions, still, motion, margin, crossed) if still and motion else None
    return Comparison(
        families=families,
        verdict=verdict,
        data=_summarize_data(first, tested_videos),
        spec=first.recipe.spec,
        recommendation=recommend(
            predictions, {name: result.cost.milliseconds_per_clip for name, result in families.items()}, margin
        ),
    )


def _read_by_family(runs: Sequence[Run | Path | str]) -> dict[str, list[EvaluatedRun]]:
    by_family: dict[str, list[EvaluatedRun]] = {}
    folders: set[Path] = set()
    for run in runs:
        tested = read_evaluated_run(run)
        folder = tested.run.folder.resolve()
        if folder in folders:
            raise UsageError(f"{tested.run.folder}: the same run is given twice; it would count as two trainings")
        folders.add(folder)
        by_family.setdefault(tested.run.recipe.family, []).append(tested)
    return by_family


def _best(by_family: Mapping[str, Sequence[EvaluatedRun]], kind: str) -> str | None:
    """The family of a kind with the best validation accuracy, then the lowest validation loss."""

    def rank(name: str) -> tuple[float, float]:
        accuracy, loss = mean_validation([tested.run for tested in by_family[name]]) or (0.0, 0.0)
        return accuracy, -loss

    return max((name for name in by_family if kind_of(name) == kind), key=rank, default=None)


def _decide(
    predictions: Mapping[str, Sequence[Predictions]], still: str, motion: str, margin: float, crossed: bool
) -> Verdict:
    motions = {name: trainings for name, trainings in predictions.items() if kind_of(name) == "motion"}
    if crossed:
        return decide_among(predictions[still], motions, margin=margin, name=still)
    verdicts = {
        name: decide(predictions[still], trainings, margin=margin, names=(still, name))
        for name, trainings in motions.items()
    }
    if len(motions) == 1:
        return verdicts[motion]
    contrasts = tuple(contrast for verdict in verdicts.values() for contrast in verdict.contrasts)
    return replace(verdicts[motion], selected_by="validation_accuracy", contrasts=contrasts)


def _gather_evidence(by_family: Mapping[str, Sequence[EvaluatedRun]], still: str, motion: str) -> Evidence:
    """The evidence that the runs of each family's first seed hold."""
    first_seed = {
        name: [tested for tested in members if tested.run.recipe.seed == members[0].run.recipe.seed]
        for name, members in by_family.items()
    }
    return gather_evidence(
        perturbed=[tested.run.perturbed_file for tested in first_seed[motion]],
        retrained={},
        motion=read_joined_predictions([tested.run for tested in first_seed[motion]]),
        over_time={name: [tested.run.over_time_file for tested in members] for name, members in first_seed.items()},
        still=still,
    )


def _family_result(
    name: str, members: Sequence[EvaluatedRun], predictions: Sequence[Predictions], seed: int, relative_to: Path | None
) -> FamilyResult:
    runs = [tested.run for tested in members]
    validation = mean_validation(runs)
    return replace(
        summarize_predictions(kind_of(name), predictions, seed=seed),
        validation_accuracy=validation[0] if validation else None,
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
