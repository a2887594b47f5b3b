"""What compare looks at once the verdict is there: kinds of evidence, steadiness, shortcuts, memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stillmotion.cli.console import bar, note
from stillmotion.cli.rounds import MOMENT, ORDERS, Plan
from stillmotion.data import Videos

if TYPE_CHECKING:
    from stillmotion.comparison import Comparison, Predictions
    from stillmotion.runs import Recipe, Run


def look_closer(comparison: Comparison, runs: Sequence[Run], plan: Plan, usable: Videos) -> Comparison:
    """Trace and probe the runs on test videos; with more than quick effort, train controlled counterparts.

    usable: all videos of the data set.
    """
    import stillmotion as sm
    from stillmotion.comparison import gather_evidence, gather_examples, require_motion_evidence
    from stillmotion.inspection import describe_shortcuts, find_shortcuts

    verdict = comparison.verdict
    first = [run for run in runs if run.recipe.seed == plan.seeds[0]]
    shown = {one.video.name for one in comparison.videos}
    for run in runs:
        test = run.record.data.part("test")
        some = test if run in first else test.only([video for video in test if video.name in shown])
        with bar(run.recipe.family) as progress:
            if len(some):
                sm.predict_over_time(run, some, progress=progress)
    with bar("looking for shortcuts") as progress:
        shortcuts = find_shortcuts(usable, progress=progress)
    if verdict is None:
        return replace(comparison, shortcuts=tuple(shortcuts))
    verdict = replace(verdict, warnings=(*verdict.warnings, *describe_shortcuts(shortcuts)))
    motion, still = ([run for run in first if run.recipe.family == name] for name in (verdict.motion, verdict.still))
    with bar(f"{verdict.motion}") as progress:
        for run in motion:
            sm.evaluate_perturbed(run, run.record.data.part("test"), progress=progress)
    evidence = gather_evidence(
        [run.perturbed_file for run in motion],
        {} if plan.effort == "quick" else _retrained(motion, plan),
        _joined(motion),
        {
            family: [run.over_time_file for run in first if run.recipe.family == family]
            for family in comparison.families
        },
        verdict.still,
        [] if plan.effort == "quick" or verdict.answer != "motion needed" else _looking(still, plan),
    )
    verdict = require_motion_evidence(verdict, evidence)
    if plan.effort != "quick":
        comparison = _with_memory(comparison, first)
    videos = gather_examples(runs, (verdict.still, verdict.motion))
    return replace(comparison, verdict=verdict, evidence=evidence, shortcuts=tuple(shortcuts), videos=videos)


def _retrained(motion: Sequence[Run], plan: Plan) -> dict[str, list[Predictions]]:
    """The motion family trained and tested without motion: its controlled counterparts."""
    found: dict[str, list[Predictions]] = {}
    for order in ORDERS:
        recipes = [replace(run.recipe, spec=replace(run.recipe.spec, order=order)) for run in motion]
        found[order] = _counterparts(motion, recipes, order, plan)
        note(f"{motion[0].recipe.family} trained on {order} clips")
    return found


def _looking(still: Sequence[Run], plan: Plan) -> list[Predictions]:
    """The still family trained to look for the right moment; none if it does so already, or cannot."""
    if any(run.recipe.options.get("pool", MOMENT) == MOMENT for run in still):
        return []
    recipes = [replace(run.recipe, options={**run.recipe.options, "pool": MOMENT}) for run in still]
    found = _counterparts(still, recipes, MOMENT, plan)
    note(f"{still[0].recipe.family} trained with pool={MOMENT}, which looks for the right moment")
    return found


def _counterparts(runs: Sequence[Run], recipes: Sequence[Recipe], name: str, plan: Plan) -> list[Predictions]:
    """Runs trained and tested anew on the same folds, with other recipes."""
    import stillmotion as sm

    found = []
    for run, recipe in zip(runs, recipes, strict=True):
        parts = run.record.data
        with bar(f"{recipe.family}, {name}") as progress:
            other = sm.train(
                recipe,
                parts.part("train"),
                parts.part("validation"),
                out=plan.folder / "controls" / f"{run.folder.name}-{name}",
                overwrite=plan.overwrite,
                progress=progress,
            )
            found.append(sm.evaluate(other, parts.part("test"), progress=progress))
    return _joined(found)


def _joined(runs: Sequence[Run]) -> list[Predictions]:
    from stillmotion.comparison import join_folds, read_predictions

    return join_folds([run.recipe.seed for run in runs], [read_predictions(run.predictions_file) for run in runs])


def _with_memory(comparison: Comparison, first: Sequence[Run]) -> Comparison:
    from stillmotion.prediction import measure_memory

    families = {}
    for name, family in comparison.families.items():
        run = next(run for run in first if run.recipe.family == name)
        families[name] = replace(family, figures={**family.figures, "peak_megabytes": measure_memory(run)})
    return replace(comparison, families=families)
