"""The controls of a comparison: what else could explain a verdict, tried on purpose.

A motion model that is better than a still one need not use motion: it may see more of the video, or what movement does
to single frames. So the verdict's motion model is tested on perturbed clips; and, with more than quick effort, it is
trained again on shuffled and on frozen clips. Then it is also measured how many frames per second pay, and whether more
footage would help the still model more than the motion model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stillmotion.clips import OpenedVideos, Rate, cap_rate
from stillmotion.clips.spec import Order
from stillmotion.comparison import (
    Evidence,
    LearningPoint,
    Predictions,
    RatePredictions,
    RateResult,
    SharePredictions,
    Verdict,
    compare_rates,
    compare_shares,
    gather_evidence,
    read_joined_predictions,
)
from stillmotion.data import Video
from stillmotion.experiments.plan import ComparisonPlan, PlannedRun, evaluated, prepare, train_and_evaluate
from stillmotion.experiments.tasks import MeasureMemoryTask, PerturbTask, PredictOverTimeTask, Results, Task
from stillmotion.models import Rung
from stillmotion.runs import ADOPTED, Recipe, Run

# Orders of frames without motion that the motion model is trained on again.
ORDERS: tuple[Order, Order] = ("shuffled", "frozen")
# Frames per clip for which the rung that sees their order is trained.
FRAMES = (2, 4, 8, 16, 32)
ORDER: Rung = "order"
# Shares of the training groups for which the verdict's models are trained, besides all of them.
SHARES = (0.25, 0.5)


@dataclass(frozen=True)
class Controls:
    """Makes the control tasks of a comparison and gathers what they show.

    Attributes:
        plan: the comparison's plan.
        runs: its runs.
        verdict: the verdict of the statistics alone; None without both kinds of model.
    """

    plan: ComparisonPlan
    runs: Sequence[PlannedRun]
    verdict: Verdict | None

    @property
    def pair(self) -> tuple[str, ...]:
        """The still and the motion model that the verdict compares."""
        return (self.verdict.still, self.verdict.motion) if self.verdict else ()

    @property
    def first_seed(self) -> list[PlannedRun]:
        """The runs of the first seed: one per model and fold."""
        return [run for run in self.runs if run.recipe.seed == self.plan.seeds[0]]

    @property
    def _trains(self) -> bool:
        """Whether the verdict's models are trained again, which those that were trained elsewhere cannot be."""
        elsewhere = {run.model for run in self.runs if run.recipe.family.endswith(ADOPTED)}
        return self.plan.settings.trains_controls and not elsewhere & set(self.pair)

    def prepare(self) -> list[Task]:
        """Tasks that decode and extract what the control trainings need."""
        trainings = self._trainings()
        return [
            task
            for number, fold in enumerate(self.plan.dataset.folds)
            for task in prepare(
                [run.recipe for run in trainings if run.fold.test == fold.test], fold, f"-controls{number}"
            )
        ]

    def over_time(self, examples: Sequence[Video]) -> list[Task]:
        """Predictions over time of the verdict's models: first-seed runs on all test videos, others on the examples."""
        # By name: a run records its test videos with their part, which those of the data set need not have.
        names = {video.name for video in examples}
        tasks: list[Task] = []
        for run in self.runs:
            if run.model not in self.pair:
                continue
            videos = run.fold.test
            if run not in self.first_seed:
                videos = videos.only([segment.video for segment in videos if segment.video.name in names])
            if len(videos):
                name = run.folder.name
                tasks.append(
                    PredictOverTimeTask(
                        id=f"over-time/{name}", title=f"{run.title}, over time", folder=run.folder, videos=videos
                    )
                )
        return tasks

    def perturbed(self) -> list[Task]:
        """Tests of the motion model on perturbed clips."""
        return [
            PerturbTask(
                id=f"perturb/{run.folder.name}",
                title=f"{run.title}, perturbed",
                folder=run.folder,
                videos=run.fold.test,
            )
            for run in self._of("motion")
        ]

    def memory(self) -> list[Task]:
        """Peak memory of each model, unless effort is quick."""
        if not self.plan.settings.trains_controls:
            return []
        first = {run.model: run for run in reversed(self.first_seed)}
        return [
            MeasureMemoryTask(id=_memory_id(model), title=f"{model}, memory", folder=run.folder)
            for model, run in first.items()
        ]

    def megabytes(self, model: str, results: Results) -> float | None:
        """The peak memory of a model in megabytes; None if it was not measured.

        Args:
            model: the model's name.
            results: those of `tasks`.

        Returns:
            Megabytes, or None.
        """
        measured = results.get(_memory_id(model))
        return measured if isinstance(measured, float) else None

    def retrained(self) -> dict[str, list[PlannedRun]]:
        """The motion model trained without motion, by the order of its frames; empty if effort is quick."""
        if not self._trains:
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

    def rates(self) -> dict[int, list[PlannedRun]]:
        """The rung that sees the order of frames, by the number of frames in a window; empty if effort is quick.

        No more frames than the videos typically have: the same ones again would tell nothing.
        """
        ordered = [run for run in self.first_seed if run.model == ORDER]
        if not ordered or not self.plan.settings.trains_controls:
            return {}
        opened = self.plan.dataset.opened
        own_rates = [segment.facts.rate for segment in opened]
        typical = float(np.median([segment.seconds * segment.facts.rate for segment in opened]))
        planned = {frames: [self._at_rate(run, frames) for run in ordered] for frames in FRAMES}

        def have_as_many(frames: int, rate: Rate) -> bool:
            return frames <= round(typical) if rate == "spread" else cap_rate(rate, own_rates) == rate

        return {
            frames: runs
            for frames, runs in planned.items()
            if runs == ordered or have_as_many(frames, runs[0].recipe.spec.rate)
        }

    def rate_results(self, runs: Mapping[str, Sequence[Run]], results: Results) -> tuple[RateResult, ...]:
        """What `rates` shows.

        Args:
            runs: the comparison's tested runs, by model.
            results: those of `tasks`.

        Returns:
            The accuracy for each number of frames, and what more frames gain.
        """
        return compare_rates(
            [
                RatePredictions(frames, planned[0].recipe.spec.rate, self._predictions(planned, runs, results))
                for frames, planned in self.rates().items()
            ],
            self.plan.settings.metric,
        )

    def shares(self) -> dict[tuple[str, float], list[PlannedRun]]:
        """The verdict's models trained on a share of the groups; empty if effort is quick."""
        if not self._trains:
            return {}
        return {
            (model, share): [self._with_share(run, share) for run in self.first_seed if run.model == model]
            for model in self.pair
            for share in SHARES
        }

    def learning_curves(self, runs: Mapping[str, Sequence[Run]], results: Results) -> tuple[LearningPoint, ...]:
        """What `shares` shows.

        Args:
            runs: the comparison's tested runs, by model.
            results: those of `tasks`.

        Returns:
            The accuracy of each of the verdict's models for each share of the training groups, and what more gain.
        """
        shares = self.shares()
        models = {model: [share for of_model, share in shares if of_model == model] for model in self.pair if shares}
        own = {model: [run for run in self.first_seed if run.model == model] for model in models}
        return compare_shares(
            {
                model: [
                    SharePredictions(
                        share=share,
                        groups=round(np.mean([len(run.fold.train.videos.groups) for run in planned])),
                        videos=round(np.mean([len(run.fold.train) for run in planned])),
                        predictions=self._predictions(planned, runs, results),
                    )
                    for share, planned in [*((share, shares[model, share]) for share in of_model), (1.0, own[model])]
                ]
                for model, of_model in models.items()
            },
            self.plan.settings.metric,
        )

    def tasks(self) -> list[Task]:
        """All control tasks but `prepare` and `over_time`."""
        trainings = [
            task for run in self._trainings() for task in train_and_evaluate(run, overwrite=self.plan.overwrite)
        ]
        return [*trainings, *self.perturbed(), *self.memory()]

    def evidence(self, runs: Mapping[str, Sequence[Run]], results: Results) -> Evidence | None:
        """What the controls show; None without a verdict.

        Args:
            runs: the comparison's tested runs, by model.
            results: those of `tasks`.

        Returns:
            The evidence.

        Raises:
            StillmotionError: what a control left cannot be read.
        """
        if self.verdict is None:
            return None
        first = {
            name: [run for run in runs[name] if run.recipe.seed == self.plan.seeds[0]] or list(runs[name])
            for name in self.pair
        }
        motion = first[self.verdict.motion]
        return gather_evidence(
            [run.perturbed_file for run in motion],
            {
                order: read_joined_predictions(evaluated(planned, results))
                for order, planned in self.retrained().items()
            },
            read_joined_predictions(motion),
            {name: [run.over_time_file for run in members] for name, members in first.items()},
            self.verdict.still,
            self.verdict.metric,
        )

    def _trainings(self) -> list[PlannedRun]:
        """All runs of controls: those of the comparison itself are not trained again."""
        groups = [*self.retrained().values(), *self.rates().values(), *self.shares().values()]
        return [run for group in groups for run in group if run not in self.runs]

    def _of(self, kind: str) -> list[PlannedRun]:
        """First-seed runs of the still or of the motion model that the verdict compares."""
        model = getattr(self.verdict, kind, None)
        return [run for run in self.first_seed if run.model == model]

    def _at_rate(self, run: PlannedRun, frames: int) -> PlannedRun:
        spec = run.recipe.spec
        if frames == spec.frames:
            return run
        rate = spec.rate if spec.rate == "spread" else spec.rate * frames / spec.frames
        recipe = replace(run.recipe, spec=replace(spec, frames=frames, rate=rate))
        return self._control(run, recipe, f"frames{frames}", f"with {frames} frames")

    def _with_share(self, run: PlannedRun, share: float) -> PlannedRun:
        percent = round(100 * share)
        control = self._control(run, run.recipe, f"share{percent}", f"on {percent} % of the groups")
        return replace(
            control, fold=replace(run.fold, train=some_groups(run.fold.train, share, self.plan.settings.seed))
        )

    def _control(self, run: PlannedRun, recipe: Recipe, name: str, how: str) -> PlannedRun:
        folder = self.plan.folder / "controls" / f"{run.folder.name}-{name}"
        return PlannedRun(run.model, recipe, run.fold, folder, f"control: {run.title}, {how}")

    def _predictions(
        self, planned: Sequence[PlannedRun], runs: Mapping[str, Sequence[Run]], results: Results
    ) -> list[Predictions]:
        """What runs of one seed predicted, those of the comparison itself or of controls."""
        folders = {run.folder for run in planned}
        own = [run for members in runs.values() for run in members if run.folder in folders]
        return read_joined_predictions(own or evaluated(planned, results))


def some_groups(train: OpenedVideos, share: float, seed: int) -> OpenedVideos:
    """Keep a share of each label's groups. A smaller share is part of every larger one.

    Args:
        train: labeled videos.
        share: from 0 to 1.
        seed: of the choice.

    Returns:
        The videos of the groups that are kept, at least one of each label.
    """
    rng = np.random.default_rng(seed)
    kept: set[str] = set()
    for label in train.videos.labels:
        groups = sorted({video.group for video in train.videos if video.label == label})
        rng.shuffle(groups)
        kept.update(groups[: max(1, round(share * len(groups)))])
    return train.only([video for video in train.videos if video.group in kept])


def _memory_id(model: str) -> str:
    return f"memory/{model}"
