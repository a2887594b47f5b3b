"""The plan of a comparison: which tasks there are, as pure functions of the settings and of earlier results.

A comparison has stages, since later tasks depend on earlier results: how many epochs fit into the time budget, which
settings are best on validation, then the runs themselves, and last the controls (`controls.py`). Within a stage tasks
are independent, but for those that name another one in `after`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stillmotion.experiments.datasets import Dataset, Fold
from stillmotion.experiments.settings import ComparisonSettings
from stillmotion.experiments.tasks import CountEpochsTask, EvaluateTask, Results, Task, TrainTask, TrialTask, result_of
from stillmotion.models import FAMILIES
from stillmotion.runs import Recipe, Run
from stillmotion.training import (
    TRIAL_FRACTION,
    Change,
    Trial,
    choose_trial,
    describe_trial,
    shorten_for_trial,
    trial_recipes,
    with_clip_spec,
)

# Trainings of one seed that the time budget sets aside for controls: one per order of frames without motion.
CONTROLS = 2


@dataclass(frozen=True)
class PlannedRun:
    """A run of the comparison: one recipe on one fold with one seed.

    Attributes:
        recipe: what is trained.
        fold: on what.
        folder: the run's folder.
        title: for people, in progress reports.
    """

    recipe: Recipe
    fold: Fold
    folder: Path
    title: str


@dataclass(frozen=True)
class Search:
    """What one family was given in one fold: its settings tried and the recipe that was chosen.

    Attributes:
        recipe: the chosen recipe, as it is trained.
        trials: the settings that were tried; empty where nothing was.
    """

    recipe: Recipe
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class ComparisonPlan:
    """Makes the tasks of a comparison.

    Attributes:
        settings: what is asked for.
        dataset: the opened data set.
        folder: the comparison's folder.
        overwrite: whether trainings with other settings are deleted.
    """

    settings: ComparisonSettings
    dataset: Dataset
    folder: Path
    overwrite: bool = False

    @property
    def seeds(self) -> range:
        """The seeds of the trainings."""
        return range(self.settings.seed, self.settings.seed + self.settings.seeds)

    def suffix(self, fold: int) -> str:
        """Suffix of folder names and task ids for a fold; empty for a single split."""
        return f"-fold{fold}" if len(self.dataset.folds) > 1 else ""

    def count_epochs(self, recipes: Sequence[Recipe]) -> list[Task]:
        """Tasks that find the epochs for the time budget; none without a budget."""
        if not self.settings.same_time:
            return []
        seconds, starts = training_share(self.settings, recipes, len(self.dataset.folds))
        return [
            CountEpochsTask(
                id=self._epochs_id(recipe, number),
                title=f"{recipe.family}, timing{self._fold_title(number)}",
                folder=self._search_folder(recipe, number) / "timing",
                recipe=recipe,
                train=fold.train,
                validation=fold.validation,
                seconds=seconds,
                starts=starts,
                overwrite=self.overwrite,
            )
            for number, fold in enumerate(self.dataset.folds)
            for recipe in recipes
        ]

    def with_epochs(self, recipes: Sequence[Recipe], results: Results) -> list[list[Recipe]]:
        """The recipes of each fold, with the epochs that were counted."""
        folds = []
        for number in range(len(self.dataset.folds)):
            if not self.settings.same_time:
                folds.append(list(recipes))
                continue
            epochs = [result_of(results, self._epochs_id(recipe, number), int) for recipe in recipes]
            folds.append([replace(recipe, epochs=n, patience=n) for recipe, n in zip(recipes, epochs, strict=True)])
        return folds

    def trials(self, folds: Sequence[Sequence[Recipe]]) -> list[Task]:
        """Tasks that try settings: on the train and validation parts only."""
        return [
            TrialTask(
                id=self._trial_id(recipe, number, index),
                title=f"{recipe.family}, trying {change.name}{self._fold_title(number)}",
                folder=self._search_folder(recipe, number) / f"{index}",
                recipe=shorten_for_trial(candidate),
                train=self.dataset.folds[number].train,
                validation=self.dataset.folds[number].validation,
                overwrite=self.overwrite,
            )
            for number, recipes in enumerate(folds)
            for recipe in recipes
            for index, (change, candidate) in enumerate(self._candidates(recipe))
        ]

    def choose(self, folds: Sequence[Sequence[Recipe]], results: Results) -> list[list[Search]]:
        """Each fold's searches: the best recipe of each family on validation, still models with enough frames."""
        chosen = []
        for number, recipes in enumerate(folds):
            searches = [self._search(recipe, number, results) for recipe in recipes]
            best = [search.recipe for search in searches]
            chosen.append(
                [
                    replace(search, recipe=match_frames(search.recipe, best, same_time=self.settings.same_time))
                    for search in searches
                ]
            )
        return chosen

    def runs(self, searches: Sequence[Sequence[Search]]) -> list[PlannedRun]:
        """The runs of the comparison, in the order in which they are trained."""
        return [
            PlannedRun(
                replace(search.recipe, seed=seed),
                self.dataset.folds[number],
                self.folder / "runs" / f"{search.recipe.family}-seed{seed}{self.suffix(number)}",
                f"{search.recipe.family}, seed {seed}{self._fold_title(number)}",
            )
            for number, fold_searches in enumerate(searches)
            for seed in self.seeds
            for search in fold_searches
        ]

    def train_and_evaluate(self, runs: Sequence[PlannedRun]) -> list[Task]:
        """Tasks that train each run and test it."""
        return [task for run in runs for task in train_and_evaluate(run, overwrite=self.overwrite)]

    def _epochs_id(self, recipe: Recipe, fold: int) -> str:
        return f"epochs/{recipe.family}{self.suffix(fold)}"

    def _trial_id(self, recipe: Recipe, fold: int, index: int) -> str:
        return f"search/{recipe.family}{self.suffix(fold)}/{index}"

    def _fold_title(self, fold: int) -> str:
        return f", fold {fold + 1} of {len(self.dataset.folds)}" if len(self.dataset.folds) > 1 else ""

    def _search_folder(self, recipe: Recipe, fold: int) -> Path:
        return self.folder / "search" / f"{recipe.family}{self.suffix(fold)}"

    def _candidates(self, recipe: Recipe) -> list[tuple[Change, Recipe]]:
        return trial_recipes(recipe, self.settings.effort, equal_time=self.settings.same_time)

    def _search(self, recipe: Recipe, fold: int, results: Results) -> Search:
        candidates = self._candidates(recipe)
        if not candidates:
            return Search(recipe, ())
        trials = [
            describe_trial(change, result_of(results, self._trial_id(recipe, fold, index), Run))
            for index, (change, _) in enumerate(candidates)
        ]
        best = choose_trial(trials)
        trials[best] = replace(trials[best], chosen=True)
        return Search(candidates[best][1], tuple(trials))


def train_and_evaluate(run: PlannedRun, *, overwrite: bool, tensorboard: bool = False) -> tuple[Task, Task]:
    """The two tasks of a run.

    Args:
        run: the run.
        overwrite: whether another training in its folder is deleted.
        tensorboard: whether TensorBoard logs are written.

    Returns:
        The training, which sees no test video, and the test, which depends on it.
    """
    name = run.folder.name
    training = TrainTask(
        id=f"train/{name}",
        title=run.title,
        folder=run.folder,
        recipe=run.recipe,
        train=run.fold.train,
        validation=run.fold.validation,
        overwrite=overwrite,
        tensorboard=tensorboard,
    )
    test = EvaluateTask(
        id=f"evaluate/{name}", title=run.title, folder=run.folder, after=(training.id,), test=run.fold.test
    )
    return training, test


def evaluated(runs: Sequence[PlannedRun], results: Results) -> list[Run]:
    """The tested runs of `train_and_evaluate`, in the order of the plan."""
    return [result_of(results, f"evaluate/{run.folder.name}", Run) for run in runs]


def training_share(settings: ComparisonSettings, recipes: Sequence[Recipe], folds: int) -> tuple[float, float]:
    """Divide the time budget evenly among all that is trained.

    Args:
        settings: with a time budget.
        recipes: one per family.
        folds: how many there are.

    Returns:
        The seconds for one full training, and how many models are compiled in that time: a trial takes a quarter of a
        training, but compiles too.
    """
    trials, seeds = len(trial_recipes(recipes[0], settings.effort)), settings.seeds
    trainings = seeds + trials * TRIAL_FRACTION
    controls = CONTROLS if settings.trains_controls else 0
    seconds = 60 * (settings.time_budget_minutes or 0) / folds / (len(recipes) * trainings + controls)
    return seconds, (seeds + trials) / trainings


def match_frames(recipe: Recipe, others: Sequence[Recipe], *, same_time: bool) -> Recipe:
    """Give a still model as many frames to pool as any motion model sees, so that neither sees more of a video."""
    specs = [other.spec for other in others if FAMILIES[other.family].kind == "motion"]
    longest = max(specs, key=lambda spec: spec.frames, default=recipe.spec)
    if FAMILIES[recipe.family].kind == "still" and longest.frames > recipe.spec.frames:
        return with_clip_spec(recipe, longest, equal_time=same_time)
    return recipe
