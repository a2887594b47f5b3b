"""The plan of a comparison: which tasks there are, as pure functions of the settings and of earlier results.

A comparison has stages, since later tasks depend on earlier results: what is decoded and sent through frozen backbones,
how many epochs fit into the time budget, which settings are best on validation, which contender is best on validation,
then the tests of the chosen ones, and last the controls (`controls.py`). Within a stage tasks are independent, but for
those that name another one in `after`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from stillmotion.clips import ClipSpec
from stillmotion.experiments.contenders import Contender
from stillmotion.experiments.datasets import Dataset, Fold
from stillmotion.experiments.settings import ComparisonSettings
from stillmotion.experiments.tasks import (
    CheckIncludedTask,
    CountEpochsTask,
    DecodeTask,
    EvaluateTask,
    ExtractFeaturesTask,
    IncludeTask,
    MeasureCostTask,
    Results,
    Task,
    TrainTask,
    TrialTask,
    result_of,
)
from stillmotion.models import find_family
from stillmotion.runs import Recipe, Run
from stillmotion.training import (
    TRIAL_FRACTION,
    Change,
    Trial,
    choose_trial,
    describe_trial,
    frozen_backbone,
    shorten_for_trial,
    suit_epochs,
    trial_recipes,
    with_clip_spec,
)

# Trainings of one seed that the time budget sets aside for controls: two orders of frames, two shares of the groups for
# the still and the motion model; and, on the ladder, five rates.
CONTROLS, RATES = 6, 5


@dataclass(frozen=True)
class PlannedRun:
    """A run of the comparison: one recipe on one fold with one seed.

    Attributes:
        model: the model that it belongs to.
        recipe: what is trained.
        fold: on what.
        folder: the run's folder.
        title: for people, in progress reports.
    """

    model: str
    recipe: Recipe
    fold: Fold
    folder: Path
    title: str


@dataclass(frozen=True)
class Candidate:
    """A contender in one fold.

    Attributes:
        contender: who competes.
        fold: number of the fold.
        recipe: how it is trained.
        trials: the settings that were tried; empty where nothing was.
    """

    contender: Contender
    fold: int
    recipe: Recipe
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True)
class ComparisonPlan:
    """Makes the tasks of a comparison.

    Attributes:
        settings: what is asked for.
        dataset: the opened data set.
        folder: the comparison's folder.
        overwrite: whether trainings with other settings are deleted.
        include: files of models that were trained elsewhere.
    """

    settings: ComparisonSettings
    dataset: Dataset
    folder: Path
    overwrite: bool = False
    include: tuple[Path, ...] = ()

    @property
    def seeds(self) -> range:
        """The seeds of the trainings."""
        return range(self.settings.seed, self.settings.seed + self.settings.seeds)

    def suffix(self, fold: int) -> str:
        """Suffix of folder names and task ids for a fold; empty for a single split."""
        return f"-fold{fold}" if len(self.dataset.folds) > 1 else ""

    def candidates(self) -> list[Candidate]:
        """Every contender in every fold, with the epochs that suit the number of clips unless they are given."""
        chosen = self.settings.epochs is not None
        return [
            Candidate(contender, number, recipe if chosen else suit_epochs(recipe, fold.train.segments))
            for number, fold in enumerate(self.dataset.folds)
            for contender in self.settings.contenders
            for recipe in [self.settings.recipe(contender, self.dataset.rate)]
        ]

    def prepare(self, candidates: Sequence[Candidate]) -> list[Task]:
        """Tasks that decode once, and send each frame through a frozen backbone once, for all that comes after."""
        return [
            task
            for number, fold in enumerate(self.dataset.folds)
            for task in prepare(
                [
                    recipe
                    for one in candidates
                    if one.fold == number
                    for recipe in (one.recipe, *(trial for _, trial in self._trials(one)))
                ],
                fold,
                self.suffix(number),
            )
        ]

    def count_epochs(self, candidates: Sequence[Candidate]) -> list[Task]:
        """Tasks that find the epochs for the time budget; none without a budget."""
        if not self.settings.same_time:
            return []
        seconds, starts = training_share(self.settings, candidates, len(self.dataset.folds))
        return [
            CountEpochsTask(
                id=self._epochs_id(one),
                title=f"{one.contender.title}, timing{self._fold_title(one.fold)}",
                folder=self._search_folder(one) / "timing",
                recipe=one.recipe,
                train=self.dataset.folds[one.fold].train,
                validation=self.dataset.folds[one.fold].validation,
                seconds=seconds,
                starts=starts,
                overwrite=self.overwrite,
            )
            for one in candidates
        ]

    def with_epochs(self, candidates: Sequence[Candidate], results: Results) -> list[Candidate]:
        """The candidates with the epochs that were counted."""
        if not self.settings.same_time:
            return list(candidates)
        epochs = [result_of(results, self._epochs_id(one), int) for one in candidates]
        return [
            replace(one, recipe=replace(one.recipe, epochs=n, patience=n))
            for one, n in zip(candidates, epochs, strict=True)
        ]

    def try_settings(self, candidates: Sequence[Candidate]) -> list[Task]:
        """Tasks that try settings: on the train and validation parts only."""
        return [
            TrialTask(
                id=self._trial_id(one, index),
                title=f"{one.contender.title}, trying {change.name}{self._fold_title(one.fold)}",
                folder=self._search_folder(one) / f"{index}",
                recipe=shorten_for_trial(recipe),
                train=self.dataset.folds[one.fold].train,
                validation=self.dataset.folds[one.fold].validation,
                overwrite=self.overwrite,
            )
            for one in candidates
            for index, (change, recipe) in enumerate(self._trials(one))
        ]

    def with_settings(self, candidates: Sequence[Candidate], results: Results) -> list[Candidate]:
        """The candidates with the settings that were best on validation, and still ones with enough frames."""
        best = [self._best_trial(one, results) for one in candidates]
        return [
            replace(
                one,
                recipe=match_frames(
                    one.recipe,
                    [other.recipe for other in best if other.fold == one.fold],
                    same_time=self.settings.same_time,
                ),
            )
            for one in best
        ]

    def compete(self, candidates: Sequence[Candidate]) -> list[Task]:
        """Tasks that train every candidate with the first seed. Those that take longest begin: pixels, high rungs."""
        longest_first = sorted(reversed(candidates), key=lambda one: frozen_backbone(one.recipe) is not None)
        return [train_task(self.run(one), overwrite=self.overwrite) for one in longest_first]

    def choose(self, candidates: Sequence[Candidate], results: Results) -> list[Candidate]:
        """The best candidate of each model and fold: the highest validation accuracy, then the lowest loss."""
        best: dict[tuple[str, int], tuple[tuple[float, float], Candidate]] = {}
        for one in candidates:
            place, rank = (one.contender.model, one.fold), self.validation(one, results)
            if place not in best or rank > best[place][0]:
                best[place] = rank, one
        return [one for _, one in best.values()]

    def validation(self, candidate: Candidate, results: Results) -> tuple[float, float]:
        """A candidate's accuracy on the validation part, and its loss with a minus: the higher the better."""
        training = result_of(results, _train_id(self.run(candidate)), Run).record.training
        assert training is not None  # a finished run has its record
        assert training.validation_accuracy is not None and training.validation_loss is not None
        return training.validation_accuracy, -training.validation_loss

    def run(self, candidate: Candidate, seed: int | None = None) -> PlannedRun:
        """The run of a candidate, by default with the first seed."""
        seed = self.seeds[0] if seed is None else seed
        contender, fold = candidate.contender, candidate.fold
        return PlannedRun(
            contender.model,
            replace(candidate.recipe, seed=seed),
            self.dataset.folds[fold],
            self.folder / "runs" / f"{contender.slug}-seed{seed}{self.suffix(fold)}",
            f"{contender.title}, seed {seed}{self._fold_title(fold)}",
        )

    def runs(self, chosen: Sequence[Candidate]) -> list[PlannedRun]:
        """The runs of the comparison: the chosen candidates with every seed."""
        return [self.run(one, seed) for seed in self.seeds for one in chosen]

    def test(self, runs: Sequence[PlannedRun], results: Results) -> list[Task]:
        """Tasks that test each run, and before that train those that did not compete.

        The first run of each architecture measures its cost, with the machine to itself.
        """
        tasks: list[Task] = []
        for run in runs:
            trained = _train_id(run) in results
            if not trained:
                tasks.append(train_task(run, overwrite=self.overwrite))
            tasks.append(_evaluate_task(run, after=() if trained else (_train_id(run),)))
        first = {
            (run.recipe.family, tuple(sorted(run.recipe.options.items())), run.recipe.spec): run
            for run in reversed(runs)
        }
        tasks += [_cost_task(run.folder, run.title, after=_evaluate_id(run)) for run in first.values()]
        return tasks

    def check_included(self) -> list[CheckIncludedTask]:
        """Tasks that check models which were trained elsewhere, before any training."""
        labels = self.dataset.opened.videos.labels
        return [
            CheckIncludedTask(id=f"check/{file.stem}", title=file.stem, folder=Path(), model=file, labels=labels)
            for file in self.include
        ]

    def included(self) -> list[IncludeTask]:
        """Tasks that test models which were trained elsewhere, on every fold."""
        return [
            IncludeTask(
                id=f"include/{file.stem}{self.suffix(number)}",
                title=f"{file.stem}{self._fold_title(number)}",
                folder=self.folder / "runs" / f"included-{file.stem}{self.suffix(number)}",
                model=file,
                validation=fold.validation,
                test=fold.test,
            )
            for file in self.include
            for number, fold in enumerate(self.dataset.folds)
        ]

    def included_costs(self, included: Sequence[IncludeTask]) -> list[MeasureCostTask]:
        """Tasks that measure the costs of these models, of each on the first fold, with the machine to itself."""
        first = {task.model: task for task in reversed(included)}
        return [_cost_task(task.folder, task.title, after=task.id) for task in first.values()]

    def tested(self, runs: Sequence[PlannedRun], results: Results) -> dict[str, list[Run]]:
        """The tested runs of each model, with their costs where those were measured."""
        models: dict[str, list[Run]] = {}
        for run in runs:
            measured = _cost_id(run.folder)
            result = result_of(results, measured if measured in results else _evaluate_id(run), Run)
            models.setdefault(run.model, []).append(result)
        return models

    def _epochs_id(self, candidate: Candidate) -> str:
        return f"epochs/{candidate.contender.slug}{self.suffix(candidate.fold)}"

    def _trial_id(self, candidate: Candidate, index: int) -> str:
        return f"search/{candidate.contender.slug}{self.suffix(candidate.fold)}/{index}"

    def _fold_title(self, fold: int) -> str:
        return f", fold {fold + 1} of {len(self.dataset.folds)}" if len(self.dataset.folds) > 1 else ""

    def _search_folder(self, candidate: Candidate) -> Path:
        return self.folder / "search" / f"{candidate.contender.slug}{self.suffix(candidate.fold)}"

    def _trials(self, candidate: Candidate) -> list[tuple[Change, Recipe]]:
        return trial_recipes(candidate.recipe, self.settings.effort, equal_time=self.settings.same_time)

    def _best_trial(self, candidate: Candidate, results: Results) -> Candidate:
        tried = self._trials(candidate)
        if not tried:
            return candidate
        trials = [
            describe_trial(change, result_of(results, self._trial_id(candidate, index), Run))
            for index, (change, _) in enumerate(tried)
        ]
        best = choose_trial(trials)
        trials[best] = replace(trials[best], chosen=True)
        return replace(candidate, recipe=tried[best][1], trials=tuple(trials))


def prepare(recipes: Iterable[Recipe], fold: Fold, name: str = "") -> list[Task]:
    """The tasks that fill the caches for trainings on a fold and for their tests.

    Args:
        recipes: what will be trained.
        fold: on what.
        name: of the fold or of the trainings, for the tasks' ids.

    Returns:
        One task per kind of clip that is trained on as pixels, and one per frozen backbone.
    """
    pixels: dict[ClipSpec, None] = {}
    frozen: dict[tuple[str, int, int], list[Recipe]] = {}
    for recipe in recipes:
        backbone, spec = frozen_backbone(recipe), recipe.spec
        if backbone is None:
            pixels[spec] = None
        else:
            frozen.setdefault((backbone, spec.height, spec.width), []).append(recipe)
    # What is written into the caches is not in a run's folder.
    place: dict[str, Any] = {"title": "preparing", "folder": Path()}
    decoding = [
        DecodeTask(id=f"decode/{number}{name}", spec=spec, train=fold.train, validation=fold.validation, **place)
        for number, spec in enumerate(pixels)
    ]
    extraction = [
        ExtractFeaturesTask(
            id=f"features/{number}{name}",
            backbone=backbone,
            recipes=tuple(heads),
            train=fold.train,
            validation=fold.validation,
            test=fold.test,
            **place,
        )
        for number, ((backbone, *_), heads) in enumerate(frozen.items())
    ]
    return [*decoding, *extraction]


def train_task(
    run: PlannedRun, *, overwrite: bool, tensorboard: bool = False, devices: int | Literal["all"] = 1
) -> TrainTask:
    """The task that trains a run; it sees no test video.

    Args:
        run: the run.
        overwrite: whether another training in its folder is deleted.
        tensorboard: whether TensorBoard logs are written.
        devices: how many devices each batch is divided among.
    """
    return TrainTask(
        id=_train_id(run),
        title=run.title,
        folder=run.folder,
        recipe=run.recipe,
        train=run.fold.train,
        validation=run.fold.validation,
        overwrite=overwrite,
        tensorboard=tensorboard,
        devices=devices,
    )


def train_and_evaluate(
    run: PlannedRun,
    *,
    overwrite: bool,
    tensorboard: bool = False,
    devices: int | Literal["all"] = 1,
    cost: bool = False,
) -> tuple[Task, Task]:
    """The two tasks of a run.

    Args:
        run: the run.
        overwrite: whether another training in its folder is deleted.
        tensorboard: whether TensorBoard logs are written.
        devices: how many devices each batch is divided among.
        cost: whether the test measures what a prediction costs.

    Returns:
        The training, and the test, which depends on it.
    """
    training = train_task(run, overwrite=overwrite, tensorboard=tensorboard, devices=devices)
    return training, _evaluate_task(run, after=(training.id,), cost=cost)


def evaluated(runs: Sequence[PlannedRun], results: Results) -> list[Run]:
    """The tested runs of `train_and_evaluate`, in the order of the plan."""
    return [result_of(results, _evaluate_id(run), Run) for run in runs]


def _evaluate_task(run: PlannedRun, after: tuple[str, ...], *, cost: bool = False) -> EvaluateTask:
    return EvaluateTask(
        id=_evaluate_id(run), title=run.title, folder=run.folder, after=after, test=run.fold.test, cost=cost
    )


def _cost_task(folder: Path, title: str, *, after: str) -> MeasureCostTask:
    return MeasureCostTask(id=_cost_id(folder), title=f"{title}, cost", folder=folder, after=(after,))


def _cost_id(folder: Path) -> str:
    return f"cost/{folder.name}"


def _train_id(run: PlannedRun) -> str:
    return f"train/{run.folder.name}"


def _evaluate_id(run: PlannedRun) -> str:
    return f"evaluate/{run.folder.name}"


def training_share(settings: ComparisonSettings, candidates: Sequence[Candidate], folds: int) -> tuple[float, float]:
    """Divide the time budget evenly among all that is trained.

    Args:
        settings: with a time budget.
        candidates: every contender in every fold.
        folds: how many there are.

    Returns:
        The seconds for one full training, and how many models are compiled in that time: a trial takes a quarter of a
        training, but compiles too.
    """
    contenders = len(candidates) // folds
    models = len({one.contender.model for one in candidates})
    trials = len(trial_recipes(candidates[0].recipe, settings.effort))
    controls = CONTROLS + (RATES if settings.families is None else 0)
    full = contenders + models * (settings.seeds - 1) + (controls if settings.trains_controls else 0)
    shares = full + contenders * trials * TRIAL_FRACTION
    seconds = 60 * (settings.time_budget_minutes or 0) / folds / shares
    return seconds, (full + contenders * trials) / shares


def match_frames(recipe: Recipe, others: Sequence[Recipe], *, same_time: bool) -> Recipe:
    """Give a still model as many frames to pool as any motion model sees, so that neither sees more of a video.

    Args:
        recipe: that of a contender.
        others: those of all contenders of its fold.
        same_time: whether all get the same training time, and not the same epochs.

    Returns:
        The recipe; that of a model of one frame, and of a motion model, as it is.
    """
    specs = [other.spec for other in others if find_family(other.family).kind == "motion"]
    longest = max(specs, key=lambda spec: spec.frames, default=recipe.spec)
    if find_family(recipe.family).rung == "several frames" and longest.frames > recipe.spec.frames:
        return with_clip_spec(recipe, replace(longest, size=recipe.spec.size), equal_time=same_time)
    return recipe
