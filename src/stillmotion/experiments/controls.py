"""The controls of a comparison: what else could explain a verdict, tried on purpose.

A motion model that is better than a still one need not use motion. It may find the right frame, or see more of the
video. So the motion models are tested on perturbed clips; and, with more than quick effort, they are trained
again on shuffled and on frozen clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stillmotion.clips.spec import Order
from stillmotion.comparison import Evidence, Verdict, gather_evidence, read_joined_predictions
from stillmotion.data import Video
from stillmotion.experiments.plan import ComparisonPlan, PlannedRun, evaluated, train_and_evaluate
from stillmotion.experiments.tasks import MeasureMemoryTask, PerturbTask, PredictOverTimeTask, Results, Task
from stillmotion.runs import Recipe, Run

# Orders of frames without motion that the motion family is trained on again.
ORDERS: tuple[Order, Order] = ("shuffled", "frozen")


@dataclass(frozen=True)
class Controls:
    """Makes the control tasks of a comparison and gathers what they show.

    Attributes:
        plan: the comparison's plan.
        runs: its runs.
        verdict: the verdict of the statistics alone; None without both kinds of family.
    """

    plan: ComparisonPlan
    runs: Sequence[PlannedRun]
    verdict: Verdict | None

    @property
    def first_seed(self) -> list[PlannedRun]:
        """The runs of the first seed: one per family and fold."""
        return [run for run in self.runs if run.recipe.seed == self.plan.seeds[0]]

    def over_time(self, examples: Sequence[Video]) -> list[Task]:
        """Predictions over time: first-seed runs on all test videos, other runs on the example videos only."""
        # By name: a run records its test videos with their part, which those of the data set need not have.
        names = {video.name for video in examples}
        tasks: list[Task] = []
        for run in self.runs:
            videos = run.fold.test
            if run not in self.first_seed:
                videos = videos.only([segment.video for segment in videos if segment.video.name in names])
            if len(videos):
                name = run.folder.name
                tasks.append(
                    PredictOverTimeTask(id=f"over-time/{name}", title=run.title, folder=run.folder, videos=videos)
                )
        return tasks

    def perturbed(self) -> list[Task]:
        """Tests of the motion family on perturbed clips."""
        return [
            PerturbTask(id=f"perturb/{run.folder.name}", title=run.title, folder=run.folder, videos=run.fold.test)
            for run in self._of("motion")
        ]

    def memory(self) -> list[Task]:
        """Peak memory of each family, unless effort is quick."""
        if not self.plan.settings.trains_controls:
            return []
        first = {run.recipe.family: run for run in reversed(self.first_seed)}
        return [
            MeasureMemoryTask(id=_memory_id(family), title=f"{family}, memory", folder=run.folder)
            for family, run in first.items()
        ]

    def megabytes(self, family: str, results: Results) -> float | None:
        """The peak memory of a family in megabytes; None if it was not measured.

        Args:
            family: the family's name.
            results: those of `tasks`.

        Returns:
            Megabytes, or None.
        """
        measured = results.get(_memory_id(family))
        return measured if isinstance(measured, float) else None

    def retrained(self) -> dict[str, list[PlannedRun]]:
        """The motion family trained without motion, by the order of its frames; empty if effort is quick."""
        if not self.plan.settings.trains_controls:
            return {}
        return {
            order: [
                self._control(
                    run, replace(run.recipe, spec=replace(run.recipe.spec, order=order)), order, f"on {order} clips"
                )
                for run in self._of("motion")
            ]
            for order in ORDERS
        }

    def tasks(self) -> list[Task]:
        """All control tasks but `over_time`."""
        trainings = [run for runs in self.retrained().values() for run in runs]
        return [
            *self.perturbed(),
            *(task for run in trainings for task in train_and_evaluate(run, overwrite=self.plan.overwrite)),
            *self.memory(),
        ]

    def evidence(self, runs: Sequence[Run], results: Results) -> Evidence | None:
        """What the controls show; None without a verdict.

        Args:
            runs: the comparison's tested runs, in the order of `self.runs`.
            results: those of `tasks`.

        Returns:
            The evidence.

        Raises:
            StillmotionError: what a control left cannot be read.
        """
        if self.verdict is None:
            return None
        tested = dict(zip((run.folder for run in self.runs), runs, strict=True))
        families: dict[str, list[Run]] = {}
        for run in self.first_seed:
            families.setdefault(run.recipe.family, []).append(tested[run.folder])
        motion = families[self.verdict.motion]
        return gather_evidence(
            [run.perturbed_file for run in motion],
            {
                order: read_joined_predictions(evaluated(planned, results))
                for order, planned in self.retrained().items()
            },
            read_joined_predictions(motion),
            {family: [run.over_time_file for run in members] for family, members in families.items()},
            self.verdict.still,
        )

    def _of(self, kind: str) -> list[PlannedRun]:
        """First-seed runs of the still or of the motion family that the verdict compares."""
        family = getattr(self.verdict, kind, None)
        return [run for run in self.first_seed if run.recipe.family == family]

    def _control(self, run: PlannedRun, recipe: Recipe, name: str, how: str) -> PlannedRun:
        folder = self.plan.folder / "controls" / f"{run.folder.name}-{name}"
        return PlannedRun(recipe, run.fold, folder, f"control: {run.title}, {how}")


def _memory_id(family: str) -> str:
    return f"memory/{family}"
