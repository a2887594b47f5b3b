"""Runs in, comparison out: figures of each family and the verdict."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, median, median_low
from typing import Any, NamedTuple

import numpy as np

from stillmotion.comparison.cross_validation import join_folds
from stillmotion.comparison.example_videos import gather_examples
from stillmotion.comparison.metrics import IntervalEstimate, Metrics, compute_metrics, confusion
from stillmotion.comparison.predictions import Predictions, check_same_videos, read_predictions
from stillmotion.comparison.recommending import recommend
from stillmotion.comparison.records import Comparison, FamilyResult, Kind
from stillmotion.comparison.tables import read_models
from stillmotion.comparison.training_summaries import describe_training
from stillmotion.comparison.verdict import Verdict, decide, decide_among
from stillmotion.data import PARTS, Video
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models import FAMILIES
from stillmotion.runs import Run, read_run

TABLES = (".csv", ".tsv", ".parquet")
_KINDS: tuple[Kind, Kind] = ("still", "motion")


class Tested(NamedTuple):
    """A run and its answers on the test videos."""

    run: Run
    predictions: Predictions


def compare(
    runs: Sequence[Run | Path | str],
    *,
    margin: float = 0.05,
    seed: int = 0,
    relative_to: Path | None = None,
) -> Comparison:
    """Compare runs that were trained and evaluated on the same videos, or tables of predictions from anywhere.

    Tables (`video, group, label, prob_<label>...`, CSV or Parquet): the first is the still model's, the others are
    those of motion models. As no validation part chooses among these, the verdict is corrected for the choice.
    Runs of one family are its seeds, or the folds of a cross-validation where they were tested on different
    videos. Of several motion (or still) families the verdict takes that of the best validation accuracy, then the
    lowest validation loss: the test set chooses nothing. Over folds, where one fold's validation videos are
    another's test, it is corrected for the choice instead.
    relative_to: the folder that the comparison's paths of runs are written from. seed: of the bootstrap.

    Raises:
        UsageError: no runs, one table only, runs and tables mixed, or a margin outside 0..1.
        StillmotionError: a folder is not a run or was not evaluated, or the test videos differ.
    """
    if not 0 <= margin < 1:
        raise UsageError(f"margin is {margin:g}; expected 0 to below 1 (0.05 is 5 points of accuracy)")
    if not runs:
        raise UsageError("no runs to compare; give at least one run folder")
    tables = [run for run in runs if not isinstance(run, Run) and _is_table(Path(run))]
    if tables:
        if len(tables) < max(2, len(runs)):
            raise UsageError("give two or more tables, the still model's first, or run folders alone")
        return _compare_tables(tables, margin, seed)
    tested = [_tested(run) for run in runs]
    members: dict[str, list[Tested]] = {}
    for one in tested:
        members.setdefault(one.run.recipe.family, []).append(one)
    answers = {name: _answers(ones) for name, ones in members.items()}
    check_same_videos([one for ones in answers.values() for one in ones])
    still, motion = (_best([name for name in members if kind_of(name) == kind], members) for kind in _KINDS)
    crossed = len(answers[still or motion]) < len(members[still or motion])
    families = {name: _figures(name, ones, answers[name], seed, relative_to) for name, ones in members.items()}
    milliseconds = {name: family.figures["milliseconds_per_clip"] for name, family in families.items()}
    return Comparison(
        families=families,
        verdict=_verdict(answers, still, motion, margin, crossed) if still and motion else None,
        data=_data(tested[0].run, len(answers[still or motion][0].videos) if crossed else None),
        spec=asdict(tested[0].run.recipe.spec),
        recommendation=recommend(answers, milliseconds, margin),
        videos=gather_examples([one.run for one in tested], (still, motion)) if still and motion else (),
    )


def _answers(ones: Sequence[Tested]) -> list[Predictions]:
    return join_folds([one.run.recipe.seed for one in ones], [one.predictions for one in ones])


def _verdict(
    answers: Mapping[str, Sequence[Predictions]], still: str, motion: str, margin: float, crossed: bool
) -> Verdict:
    """Over folds, what one validates another tests: all motion families are compared, and that is corrected for."""
    others = {name: runs for name, runs in answers.items() if kind_of(name) == "motion"}
    if crossed:
        return decide_among(answers[still], others, margin=margin, name=still)
    found = {name: decide(answers[still], runs, margin=margin, names=(still, name)) for name, runs in others.items()}
    if len(others) == 1:
        return found[motion]
    contrasts = tuple(contrast for one in found.values() for contrast in one.contrasts)
    return replace(found[motion], chosen=f"of {len(others)} motion models by validation accuracy", contrasts=contrasts)


def _is_table(path: Path) -> bool:
    return path.name != "model.keras" and (path.suffix.lower() in TABLES or path.is_file())


def decide_on_tables(paths: Sequence[Path | str], *, margin: float = 0.05) -> Verdict:
    """The verdict alone, without the models' figures: the first table is the still model's.

    Raises:
        UsageError: no such file, or the same one twice.
        StillmotionError: tables that cannot be used, or do not fit together.
    """
    return _verdict_of(read_models(paths), margin)


def _verdict_of(models: Mapping[str, Sequence[Predictions]], margin: float) -> Verdict:
    still, *motions = models
    return decide_among(models[still], {name: models[name] for name in motions}, margin=margin, name=still)


def _compare_tables(paths: Sequence[Path | str], margin: float, seed: int) -> Comparison:
    models = read_models(paths)
    still = next(iter(models))
    first = models[still][0]
    kinds: dict[str, Kind] = {name: "still" if name == still else "motion" for name in models}
    return Comparison(
        families={
            name: FamilyResult(kinds[name], {**_quality(compute_metrics(runs, seed=seed), runs), **_cost([])}, ())
            for name, runs in models.items()
        },
        verdict=_verdict_of(models, margin),
        data={
            "videos": {"test": len(first.videos)},
            "groups": {"test": len(set(first.groups))},
            "videos_per_label": dict(Counter(first.labels[index] for index in first.truth)),
            "labels": list(first.labels),
            "skipped": [],
            "root": "",
        },
    )


def kind_of(family: str) -> Kind:
    """Whether a family looks at frames alone; an unknown one is taken for a motion family."""
    return FAMILIES[family].kind if family in FAMILIES else "motion"


def _tested(run: Run | Path | str) -> Tested:
    run = run if isinstance(run, Run) else read_run(run)
    if not run.predictions_file.exists():
        raise StillmotionError(f"{run.folder}: was not tested yet; evaluate the run first")
    return Tested(run, read_predictions(run.predictions_file))


def _best(names: Sequence[str], members: Mapping[str, Sequence[Tested]]) -> str:
    def rank(name: str) -> tuple[float, float]:
        trainings = [one.run.record.training for one in members[name]]
        known = [training for training in trainings if training is not None]
        if not known:
            return 0.0, 0.0
        return fmean(one.validation_accuracy for one in known), -fmean(one.validation_loss for one in known)

    return max(names, key=rank, default="")


def _figures(
    name: str, ones: Sequence[Tested], answers: Sequence[Predictions], seed: int, relative_to: Path | None
) -> FamilyResult:
    figures = {
        **_quality(compute_metrics(answers, seed=seed), answers),
        **_cost([one.run for one in ones]),
        "trainings": [describe_training(*one) for one in ones],
    }
    return FamilyResult(kind_of(name), figures, tuple(_relative(one.run.folder, relative_to) for one in ones))


def _quality(metrics: Metrics, answers: Sequence[Predictions]) -> dict[str, Any]:
    quality: dict[str, Any] = {}
    for name in ("accuracy", "macro_f1", "log_loss"):
        quality |= _flat(name, getattr(metrics, name))
    quality["calibration_error"] = metrics.calibration_error
    quality["per_label"] = {
        label: {**_flat("recall", one.recall), "precision": one.precision, "f1": one.f1, "videos": one.videos}
        for label, one in metrics.per_label.items()
    }
    quality["confusion"] = np.round(confusion(answers), 2).tolist()
    quality["accuracies"] = [float(one.right.mean()) for one in answers]
    return quality


def _flat(name: str, figure: IntervalEstimate) -> dict[str, float]:
    return {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}


def _cost(runs: Sequence[Run]) -> dict[str, float | None]:
    """The median over trainings, which may differ where a search chose anew in each fold; of accuracy the mean.

    A clip's cost over the video that it covers is that of live video, for windows that follow each other.
    """
    known = [(run.record.cost, _clip_seconds(run)) for run in runs if run.record.cost]
    trainings = [run.record.training for run in runs if run.record.training]

    def middle(values: Iterable[float | None]) -> float | None:
        there = [value for value in values if value is not None]
        return median(there) if there else None

    return {
        "parameters": median_low(cost.parameters for cost, _ in known) if known else None,
        "multiply_adds": middle(cost.multiply_adds for cost, _ in known),
        "clip_seconds": middle(seconds for _, seconds in known),
        "milliseconds_per_clip": middle(cost.milliseconds_per_clip for cost, _ in known),
        "milliseconds_per_second": middle(cost.milliseconds_per_clip / seconds for cost, seconds in known if seconds),
        "multiply_adds_per_second": middle(
            cost.multiply_adds / seconds for cost, seconds in known if seconds and cost.multiply_adds
        ),
        "frames_per_second": middle(cost.frames_per_second for cost, _ in known),
        "train_seconds": middle(training.seconds for training in trainings),
        "validation_accuracy": fmean(one.validation_accuracy for one in trainings) if trainings else None,
    }


def _clip_seconds(run: Run) -> float | None:
    """How much video a clip covers."""
    seconds = run.recipe.spec.seconds
    return seconds if seconds is not None else run.record.data.typical_seconds or None


def _data(run: Run, tested: int | None = None) -> dict[str, Any]:
    """tested: of cross-validation, how many videos the folds tested together; train and validation are one fold's."""
    data = run.record.data
    parts: dict[str, Iterable[Video]] = {part: data.part(part) for part in PARTS}
    counts = {part: len(list(videos)) for part, videos in parts.items()}
    groups = {part: len({video.group for video in videos}) for part, videos in parts.items()}
    if tested is not None:
        counts["test"], groups["test"] = tested, len({video.group for video in data.videos})
    return {
        "videos": counts,
        "groups": groups,
        "cross_validated": tested is not None,
        "videos_per_label": dict(Counter(video.label or "" for video in data.videos)),
        "labels": list(run.labels),
        "skipped": [{"path": path, "reason": reason} for path, reason in data.skipped],
        "root": data.root,
        "fingerprint": data.fingerprint,
        "versions": dict(run.record.versions),
    }


def _relative(folder: Path, base: Path | None) -> str:
    whole = folder.resolve()
    if base is not None and whole.is_relative_to(base.resolve()):
        return whole.relative_to(base.resolve()).as_posix()
    return str(whole)
