"""Every family on every fold and seed: searched, trained and tested alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillmotion.cli.console import bar, note
from stillmotion.data import Videos
from stillmotion.models import FAMILIES
from stillmotion.training import TRIAL_FRACTION, trial_recipes, with_clip_spec

if TYPE_CHECKING:
    from stillmotion.clips.spec import Order
    from stillmotion.runs import Recipe, Run

ORDERS: tuple[Order, Order] = ("shuffled", "frozen")  # of the motion family's controlled counterparts
MOMENT = "max"  # how the still family's counterpart pools its frames
Fold = tuple[Videos, Videos, Videos]


@dataclass(frozen=True)
class Plan:
    """What is trained: a recipe for each family, the seeds, and what is spent on the search."""

    recipes: Sequence[Recipe]
    seeds: range
    folder: Path
    effort: str = "quick"
    minutes: float | None = None
    overwrite: bool = False
    tensorboard: bool = False


def run_plan(plan: Plan, folds: Sequence[Fold]) -> tuple[list[Run], dict[str, list[dict[str, Any]]]]:
    """The runs, tested; and what each family was given and chose, a record for each fold."""
    import stillmotion as sm

    runs: list[Run] = []
    given: dict[str, list[dict[str, Any]]] = {recipe.family: [] for recipe in plan.recipes}
    for number, (train, validation, test) in enumerate(folds):
        fold = f"-fold{number}" if len(folds) > 1 else ""
        if fold:
            note(f"fold {number + 1} of {len(folds)}")
        chosen = _choose(plan, len(folds), fold, train, validation, given)
        for seed in plan.seeds:
            for recipe in chosen:
                with bar(recipe.family) as progress:
                    run = sm.train(
                        dataclasses.replace(recipe, seed=seed),
                        train,
                        validation,
                        out=plan.folder / "runs" / f"{recipe.family}-seed{seed}{fold}",
                        overwrite=plan.overwrite,
                        tensorboard=plan.tensorboard,
                        progress=progress,
                    )
                    runs.append(sm.evaluate(run, test, progress=progress))
                training = run.record.training
                if training:
                    note(
                        f"{recipe.family}, seed {seed}: {training.epochs} epochs in {training.seconds:.0f} s, "
                        f"validation accuracy {training.validation_accuracy:.1%}"
                    )
    return runs, given


def _choose(
    plan: Plan, folds: int, fold: str, train: Videos, validation: Videos, given: dict[str, list[dict[str, Any]]]
) -> list[Recipe]:
    """Each family's recipe for a fold: epochs by the time there is, the rest by the search."""
    from stillmotion.training import epochs_within, search

    found, tried = [], []
    for recipe in plan.recipes:
        place = plan.folder / "search" / f"{recipe.family}{fold}"
        with bar(f"{recipe.family}, search") as progress:
            if plan.minutes is not None:
                seconds, starts = _share(plan, folds)
                epochs = epochs_within(
                    seconds, recipe, train, validation, out=place / "timing", starts=starts, overwrite=plan.overwrite,
                    progress=progress,
                )  # fmt: skip
                recipe = dataclasses.replace(recipe, epochs=epochs, patience=epochs)
            best, trials = search(
                recipe, train, validation, effort=plan.effort, out=place, equal_time=plan.minutes is not None,
                overwrite=plan.overwrite, progress=progress,
            )  # fmt: skip
        for trial in trials:
            if trial.chosen:
                note(f"{recipe.family}: of {len(trials)} settings tried, {trial.name} was best on validation")
        found.append(best)
        tried.append(trials)
    chosen = [_as_many_frames(recipe, found, even=plan.minutes is not None) for recipe in found]
    for recipe, trials in zip(chosen, tried, strict=True):
        given[recipe.family].append({
            "effort": plan.effort, "minutes": plan.minutes, "epochs": recipe.epochs,
            "trials": [dataclasses.asdict(trial) for trial in trials],
        })  # fmt: skip
    return chosen


def _share(plan: Plan, folds: int) -> tuple[float, float]:
    """A training's seconds of the plan's minutes, and how many trainings begin in them: trials are short."""
    trials, seeds = len(trial_recipes(plan.recipes[0], plan.effort)), len(plan.seeds)
    whole = seeds + trials * TRIAL_FRACTION
    controls = len([*ORDERS, MOMENT]) if plan.effort != "quick" else 0
    return 60 * (plan.minutes or 0) / folds / (len(plan.recipes) * whole + controls), (seeds + trials) / whole


def _as_many_frames(recipe: Recipe, others: Sequence[Recipe], *, even: bool) -> Recipe:
    """A still model averages over as many frames as any motion model sees."""
    specs = [one.spec for one in others if FAMILIES[one.family].kind == "motion"]
    most = max(specs, key=lambda spec: spec.frames, default=recipe.spec)
    more = FAMILIES[recipe.family].kind == "still" and most.frames > recipe.spec.frames
    return with_clip_spec(recipe, most, equal_time=even) if more else recipe
