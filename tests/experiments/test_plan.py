"""What a comparison trains, and on what: rules of the plan that make its verdict right."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.executors import FabricatingExecutor, opened_dataset
from stillmotion.clips import OpenedVideos, Rate
from stillmotion.decoding import VideoFacts
from stillmotion.errors import UsageError
from stillmotion.experiments import (
    ComparisonPlan,
    ComparisonSettings,
    CountEpochsTask,
    DecodeTask,
    EvaluateTask,
    ExtractFeaturesTask,
    MeasureCostTask,
    TrainTask,
    TrialTask,
    execute,
)
from stillmotion.experiments.plan import match_frames, training_share
from stillmotion.models import FAMILIES
from stillmotion.runs import Recipe, Run
from stillmotion.training import EFFORTS

Plan = Callable[..., tuple[ComparisonPlan, FabricatingExecutor]]
THREE = ("frame_pool", "cnn_rnn", "conv3d")
LADDER: dict[str, Any] = {"families": None, "backbones": ("small", "efficientnet-lite0")}


@pytest.fixture
def run_plan(tmp_path: Path) -> Plan:
    """Runs a plan of three families, or as given, with fabricated results: motion is right, stills guess."""

    def run(*, folds: int = 0, **settings: object) -> tuple[ComparisonPlan, FabricatingExecutor]:
        dataset = opened_dataset(tmp_path, folds=folds)
        chosen: dict[str, Any] = {"families": THREE, "folds": folds, **settings}
        plan = ComparisonPlan(ComparisonSettings(**chosen), dataset, tmp_path / "out")
        executor = FabricatingExecutor(lambda recipe: 0.5 if FAMILIES[recipe.family].kind == "still" else 1.0)
        execute(plan, executor)
        return plan, executor

    return run


def names(*parts: OpenedVideos) -> set[str]:
    return {segment.video.name for part in parts for segment in part}


@pytest.mark.parametrize("folds", [0, 2])
def test_no_test_video_reaches_a_training_of_its_fold(run_plan: Plan, folds: int) -> None:
    """Neither the search, nor the choice of the epoch, nor a control, nor the timing may see the test part."""
    plan, executor = run_plan(folds=folds, effort="standard", time_budget_minutes=60.0)
    tests = [names(fold.test) for fold in plan.dataset.folds]
    trainings = executor.of(TrainTask) + executor.of(CountEpochsTask)
    assert len(executor.of(TrialTask)) == 3 * 4 * len(tests)  # families and settings
    for task in trainings:
        number = int((re.search(r"-fold(\d)", str(task.folder)) or [0, 0])[1])
        fold = plan.dataset.folds[number]
        if "share" in task.folder.name:
            assert names(task.train) < names(fold.train), task.id
        else:
            assert names(task.train) == names(fold.train), task.id
        assert names(task.validation) == names(fold.validation), task.id
        assert not names(task.train, task.validation) & tests[number], task.id


def test_every_run_is_tested_on_its_folds_test_part_once(run_plan: Plan) -> None:
    plan, executor = run_plan(folds=3, seeds=2)
    evaluations = [task for task in executor.of(EvaluateTask) if "control" not in task.title]
    assert len(evaluations) == 3 * 3 * 2
    done: list[str] = []
    for task in executor.tasks:
        if isinstance(task, EvaluateTask):
            assert names(task.test) == names(plan.dataset.folds[int(task.id[-1])].test)
            assert task.id.replace("evaluate/", "train/") in done
            assert not task.cost
        done.append(task.id)
    everything = [name for fold in plan.dataset.folds for name in names(fold.test)]
    assert sorted(everything) == sorted(names(plan.dataset.opened))


def test_the_search_chooses_by_validation_accuracy_alone(tmp_path: Path) -> None:
    """The setting that is best on validation is trained, although another one would be best on the test part."""
    plan = ComparisonPlan(
        ComparisonSettings(families=THREE, effort="standard"), opened_dataset(tmp_path), tmp_path / "out"
    )

    def slow(recipe: Recipe) -> bool:
        return recipe.learning_rate < Recipe("frame_pool").learning_rate / 2

    executor = FabricatingExecutor(
        accuracy=lambda recipe: 0.5 if slow(recipe) else 1.0, validation=lambda recipe: 0.9 if slow(recipe) else 0.6
    )
    comparison = execute(plan, executor)
    runs = [task for task in executor.of(TrainTask) if task.folder.parent.name == "runs"]
    assert len(runs) == 3
    assert all(slow(task.recipe) for task in runs)
    assert comparison.verdict is not None


def test_the_seed_is_that_of_timings_and_trials_too(run_plan: Plan) -> None:
    _, executor = run_plan(effort="standard", seed=5, seeds=2, time_budget_minutes=60.0)
    assert {task.recipe.seed for task in executor.of(TrialTask) + executor.of(CountEpochsTask)} == {5}
    runs = [task for task in executor.of(TrainTask) if task.folder.parent.name == "runs"]
    assert {task.recipe.seed for task in runs} == {5, 6}


def test_trials_are_short_and_runs_are_not(run_plan: Plan) -> None:
    _, executor = run_plan(effort="standard", epochs=40)
    assert {task.recipe.epochs for task in executor.of(TrialTask)} == {10}
    assert {task.recipe.epochs for task in executor.of(TrainTask) if not isinstance(task, TrialTask)} == {40}


def test_all_families_get_the_same_clips_epochs_and_seeds(run_plan: Plan) -> None:
    _, executor = run_plan(seeds=2, epochs=9)
    recipes = [task.recipe for task in executor.of(TrainTask)]
    assert {(recipe.family, recipe.seed) for recipe in recipes} == {
        (family, seed) for family in ("frame_pool", "cnn_rnn", "conv3d") for seed in (0, 1)
    }
    assert len({(recipe.spec, recipe.augment, recipe.epochs, recipe.batch_size) for recipe in recipes}) == 1


def test_quick_effort_trains_no_controls(run_plan: Plan) -> None:
    _, executor = run_plan()
    assert {task.folder.parent.name for task in executor.of(TrainTask)} == {"runs"}


def test_controls_are_the_verdicts_models_without_motion_and_with_less_to_learn_from(run_plan: Plan) -> None:
    plan, executor = run_plan(effort="standard", seeds=2)
    controls = {task.folder.name: task for task in executor.of(TrainTask) if task.folder.parent.name == "controls"}
    assert set(controls) == {
        *(f"cnn_rnn-seed0-{order}" for order in ("shuffled", "frozen")),
        *(f"{family}-seed0-share{share}" for family in ("frame_pool", "cnn_rnn") for share in (25, 50)),
    }
    for order in ("shuffled", "frozen"):
        assert controls[f"cnn_rnn-seed0-{order}"].recipe.spec.order == order
    whole = plan.dataset.folds[0].train
    for family in ("frame_pool", "cnn_rnn"):
        quarter, half = (controls[f"{family}-seed0-share{share}"].train for share in (25, 50))
        assert names(quarter) < names(half) < names(whole)
        assert [len(part) for part in (quarter, half, whole)] == [8, 16, 32]  # each video is a group here
        assert {segment.video.label for segment in quarter} == {"left", "right"}


def test_on_the_ladder_contenders_get_equal_budgets_and_validation_alone_chooses(tmp_path: Path) -> None:
    """The one that is best on validation is tested, and trained again with the second seed; the others are not."""
    settings = ComparisonSettings(**LADDER, seeds=2, epochs=9)
    plan = ComparisonPlan(settings, opened_dataset(tmp_path, folds=2), tmp_path / "out")

    def best(recipe: Recipe) -> bool:
        options = recipe.options
        pretrained_max = options.get("pool") == "max" and options.get("backbone") == "efficientnet-lite0"
        return pretrained_max or options.get("head") == "transformer" or recipe.family == "conv3d"

    executor = FabricatingExecutor(
        accuracy=lambda recipe: 0.5 if best(recipe) else 1.0, validation=lambda recipe: 0.9 if best(recipe) else 0.6
    )
    comparison = execute(plan, executor)
    trained = executor.of(TrainTask)
    first = [task.recipe for task in trained if "seed0" in task.folder.name]
    assert len(first) == 2 * len(settings.contenders) == 2 * 16
    budgets = {(recipe.epochs, recipe.patience, recipe.batch_size) for recipe in first}
    assert len(budgets) == 1
    winners = {
        "one frame": "small",  # of equals, the first
        "several frames": "efficientnet-lite0 max",
        "changes": "small",
        "order": "efficientnet-lite0 transformer",
        "dense motion": "conv3d",
    }
    folders = {f"{rung} {name}".replace(" ", "-") for rung, name in winners.items()}
    assert {task.folder.name for task in executor.of(EvaluateTask)} == {
        f"{folder}-seed{seed}-fold{fold}" for folder in folders for seed in (0, 1) for fold in (0, 1)
    }
    assert {task.folder.name for task in trained if "seed1" in task.folder.name} == {
        f"{folder}-seed1-fold{fold}" for folder in folders for fold in (0, 1)
    }
    assert list(comparison.models) == list(winners)
    for rung, model in comparison.models.items():
        chosen = {rival.name: rival.chosen_folds for rival in model.contenders if rival.chosen_folds}
        assert chosen == {winners[rung]: (0, 1)}
        for rival in model.contenders:
            expected = 0.9 if rival.name == winners[rung] and rung not in ("one frame", "changes") else 0.6
            assert rival.validation_accuracies == (expected, expected)
            assert rival.validation_losses == pytest.approx((1 - expected, 1 - expected))
    assert comparison.ladder is not None
    assert comparison.ladder.rungs == tuple(winners)


def test_a_tie_on_validation_is_broken_by_the_loss(tmp_path: Path) -> None:
    plan = ComparisonPlan(ComparisonSettings(**LADDER), opened_dataset(tmp_path), tmp_path / "out")
    candidates = plan.candidates()
    results = FabricatingExecutor(lambda recipe: 1.0).run(plan.compete(candidates))
    one = next(one for one in candidates if one.contender.name == "efficientnet-lite0 attention")
    run = results[f"train/{plan.run(one).folder.name}"]
    assert isinstance(run, Run) and run.record.training is not None
    better = replace(run.record.training, validation_loss=0.0)
    results = {
        **results,
        f"train/{plan.run(one).folder.name}": replace(run, record=replace(run.record, training=better)),
    }
    assert [chosen.contender.name for chosen in plan.choose(candidates, results)] == [
        "small",
        "efficientnet-lite0 attention",
        "small",
        "efficientnet-lite0 gru",
        "cnn_rnn",
    ]


@pytest.mark.parametrize(
    ("settings", "contenders"),
    [
        ({"backbones": ("small",)}, ["small", "small", "small", "small", "cnn_rnn", "conv3d"]),
        ({"preset": "classic"}, ["small", "small", "cnn_rnn", "conv3d"]),
    ],
)
def test_without_a_pretrained_backbone_all_rungs_are_trained_from_nothing(
    settings: dict[str, Any], contenders: list[str]
) -> None:
    chosen = ComparisonSettings(**settings)
    assert [contender.name for contender in chosen.contenders] == contenders
    for contender in chosen.contenders:
        assert chosen.recipe(contender, "spread").options.get("preset", "standard") == settings.get(
            "preset", "standard"
        )


@pytest.mark.parametrize(
    ("settings", "inputs"),
    [({}, ("both", "difference")), ({"input": "rgb"}, ("rgb", "rgb")), ({"preset": "classic"}, ("rgb", "rgb"))],
)
def test_convolutions_over_time_compete_on_differences_unless_told_otherwise(
    settings: dict[str, Any], inputs: tuple[str, str]
) -> None:
    chosen = ComparisonSettings(**settings)
    recipes = [chosen.recipe(contender, "spread") for contender in chosen.contenders]
    seen = {recipe.family: recipe.options["input"] for recipe in recipes if "input" in recipe.options}
    assert (seen["cnn_rnn"], seen["conv3d"]) == inputs


@pytest.mark.parametrize("installed", [False, True])
def test_a_pretrained_backbone_competes_where_its_weights_are(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    available = ["efficientnet-lite0"] if installed else []
    monkeypatch.setattr("stillmotion.experiments.settings.available_backbones", lambda: available)
    backbones = {contender.options.get("backbone") for contender in ComparisonSettings().contenders}
    assert backbones == {None, "small", *available}


def test_pretrained_backbones_see_frames_of_their_own_size_and_are_tuned_on_demand() -> None:
    settings = ComparisonSettings(**LADDER, size=48, finetune=True)
    for contender in settings.contenders:
        recipe = settings.recipe(contender, "spread")
        pretrained = contender.options.get("backbone") == "efficientnet-lite0"
        assert recipe.spec.size == (224 if pretrained else 48)
        assert recipe.finetune == pretrained
        assert recipe.spec.frames == (1 if contender.model == "one frame" else 16)


def test_everything_is_decoded_and_sent_through_a_frozen_backbone_once_before_it_is_trained(run_plan: Plan) -> None:
    """By one task for all contenders, which has the machine to itself."""
    plan, executor = run_plan(**LADDER)
    (extraction,) = executor.of(ExtractFeaturesTask)
    frozen = [
        task.recipe for task in executor.of(TrainTask) if task.recipe.options.get("backbone") == "efficientnet-lite0"
    ]
    assert sorted(map(repr, extraction.recipes)) == sorted(map(repr, frozen))
    fold = plan.dataset.folds[0]
    assert (extraction.train, extraction.validation, extraction.test) == (fold.train, fold.validation, fold.test)
    decoding = executor.of(DecodeTask)
    pixels = {task.recipe.spec for task in executor.of(TrainTask)} - {recipe.spec for recipe in frozen}
    assert {task.spec for task in decoding} == pixels
    assert not any(task.parallel for task in (extraction, *decoding))
    kinds = [type(task) for task in executor.tasks]
    assert max(kinds.index(ExtractFeaturesTask), kinds.index(DecodeTask)) < kinds.index(TrainTask)


def test_costs_are_measured_once_per_architecture_with_the_machine_to_itself(run_plan: Plan) -> None:
    _, executor = run_plan(folds=2, seeds=2)
    measured = executor.of(MeasureCostTask)
    assert [task.folder.name for task in measured] == [f"{family}-seed0-fold0" for family in reversed(THREE)]
    assert not any(task.parallel for task in measured)


def test_rates_are_those_of_the_rung_that_sees_the_order(run_plan: Plan) -> None:
    """The same windows with fewer frames; its own number is not trained again, and the videos have no more."""
    _, executor = run_plan(**LADDER, effort="standard")
    folder = "order-efficientnet-lite0-gru-seed0-frames"
    rates = [task for task in executor.of(TrainTask) if "-frames" in task.folder.name.removeprefix("several-frames")]
    assert {task.folder.name: task.recipe.spec.frames for task in rates} == {
        f"{folder}{frames}": frames for frames in (2, 4, 8)
    }


@pytest.mark.parametrize(("rate", "most"), [("spread", 16), (5.0, 32), (10.0, 16)])
def test_rates_above_the_videos_own_are_not_tried(rate: Rate, most: int, tmp_path: Path) -> None:
    """They have 20 frames, 10 per second."""
    plan = ComparisonPlan(
        ComparisonSettings(**LADDER, effort="standard"), replace(opened_dataset(tmp_path), rate=rate), tmp_path / "out"
    )
    executor = FabricatingExecutor(lambda recipe: 1.0)
    comparison = execute(plan, executor)
    assert [result.frames for result in comparison.rates] == [n for n in (2, 4, 8, 16, 32) if n <= most]


def test_one_long_video_does_not_make_all_of_them_long(tmp_path: Path) -> None:
    """Half of the videos have 20 frames, the others 2000; their own number of frames is always among the rates."""
    dataset = opened_dataset(tmp_path)
    long = VideoFacts(32, 32, 200.0, 10.0, 2000, "h264", "mp4")
    for share, most in ((0.4, 16), (0.6, 32)):
        many = int(share * len(dataset.opened.segments))
        longer = [replace(segment, facts=long, window=(0.0, 200.0)) for segment in dataset.opened.segments[:many]]
        opened = replace(dataset.opened, segments=(*longer, *dataset.opened.segments[many:]))
        plan = ComparisonPlan(
            ComparisonSettings(**LADDER, effort="standard"), replace(dataset, opened=opened), tmp_path / str(share)
        )
        rates = execute(plan, FabricatingExecutor(lambda recipe: 1.0)).rates
        assert [result.frames for result in rates] == [n for n in (2, 4, 8, 16, 32) if n <= most]


def test_a_time_budget_sets_the_epochs(tmp_path: Path) -> None:
    plan = ComparisonPlan(
        ComparisonSettings(families=THREE, time_budget_minutes=5.0), opened_dataset(tmp_path), tmp_path / "out"
    )
    executor = FabricatingExecutor(lambda recipe: 1.0, epochs=11)
    execute(plan, executor)
    assert {(task.recipe.epochs, task.recipe.patience) for task in executor.of(TrainTask)} == {(11, 11)}


@pytest.mark.parametrize(("settings", "epochs"), [({"time_budget_minutes": 5.0}, 20), ({"epochs": 40}, 10)])
def test_under_a_time_budget_a_trial_of_fewer_frames_takes_as_long_as_the_others(
    tmp_path: Path, settings: dict[str, Any], epochs: int
) -> None:
    """Half the frames are tried for twice the epochs; without a budget, for the same epochs as the others."""
    plan = ComparisonPlan(
        ComparisonSettings(families=THREE, effort="thorough", **settings), opened_dataset(tmp_path), tmp_path / "out"
    )
    executor = FabricatingExecutor(lambda recipe: 1.0, epochs=40)
    execute(plan, executor)
    trials = [task.recipe for task in executor.of(TrialTask)]
    assert {recipe.epochs for recipe in trials if recipe.spec.frames == 16} == {10}
    assert {recipe.epochs for recipe in trials if recipe.spec.frames == 8} == {epochs}


@pytest.mark.parametrize("overwrite", [False, True])
def test_whether_other_trainings_are_deleted_is_the_same_for_all_that_is_trained(
    tmp_path: Path, overwrite: bool
) -> None:
    settings = ComparisonSettings(families=THREE, effort="standard", time_budget_minutes=5.0)
    executor = FabricatingExecutor(lambda recipe: 0.5 if recipe.family == "frame_pool" else 1.0)
    execute(ComparisonPlan(settings, opened_dataset(tmp_path), tmp_path / "out", overwrite), executor)
    trainings = executor.of(TrainTask) + executor.of(CountEpochsTask)
    assert {task.folder.parent.name for task in trainings} >= {"runs", "controls"}
    assert [task.overwrite for task in trainings] == [overwrite] * len(trainings)


@pytest.mark.parametrize("folds", [0, 2])
def test_timings_and_trials_have_ids_titles_and_folders_of_their_own(run_plan: Plan, folds: int) -> None:
    plan, executor = run_plan(folds=folds, effort="standard", time_budget_minutes=5.0)
    recipes = [one.recipe for one in plan.candidates() if one.fold == 0]
    seconds, starts = training_share(plan.settings, plan.candidates(), folds or 1)
    timings = [(task.id, task.title, task.folder) for task in executor.of(CountEpochsTask)]
    trials = [(task.id, task.title, task.folder) for task in executor.of(TrialTask)]
    expected_timings: list[tuple[str, str, Path]] = []
    expected_trials: list[tuple[str, str, Path]] = []
    for fold in range(folds or 1):
        suffix, title = (f"-fold{fold}", f", fold {fold + 1} of 2") if folds else ("", "")
        for recipe in recipes:
            name, folder = f"{recipe.family}{suffix}", plan.folder / "search" / f"{recipe.family}{suffix}"
            expected_timings.append((f"epochs/{name}", f"{recipe.family}, timing{title}", folder / "timing"))
            expected_trials.extend(
                (f"search/{name}/{index}", f"{recipe.family}, trying {change.name}{title}", folder / f"{index}")
                for index, change in enumerate(EFFORTS["standard"])
            )
    assert timings == expected_timings
    assert trials == expected_trials
    assert [task.recipe for task in executor.of(CountEpochsTask)] == recipes * (folds or 1)
    assert {(task.seconds, task.starts) for task in executor.of(CountEpochsTask)} == {(seconds, starts)}


def test_the_time_budget_is_shared_by_all_that_is_trained(tmp_path: Path) -> None:
    """100 minutes in 2 folds: 3 families with 2 seeds and 4 quarter trials each, and 6 controls: 15 shares a fold."""

    def share(folds: int, **settings: Any) -> tuple[float, float]:
        chosen = ComparisonSettings(**{"families": THREE, **settings})
        plan = ComparisonPlan(chosen, opened_dataset(tmp_path, folds=folds), tmp_path)
        return training_share(chosen, plan.candidates(), folds or 1)

    seconds, starts = share(2, seeds=2, effort="standard", time_budget_minutes=100.0)
    assert seconds == pytest.approx(60 * 100 / 2 / 15)
    assert starts == pytest.approx((6 + 12 + 6) / 15)
    assert share(0, time_budget_minutes=3.0) == (60.0, 1.0)
    # On the ladder only the chosen contenders are trained with the second seed: 16 and 5.
    assert share(0, **LADDER, seeds=2, time_budget_minutes=21.0) == (60.0, 1.0)


def test_a_still_model_pools_as_many_frames_as_a_motion_model_sees() -> None:
    still, motion = Recipe("frame_pool", epochs=6), Recipe("conv3d", epochs=6)
    longer = replace(motion, spec=replace(motion.spec, frames=32))
    assert match_frames(still, [still, longer], same_time=False).spec.frames == 32
    assert match_frames(still, [still, longer], same_time=False).epochs == 6
    assert match_frames(still, [still, longer], same_time=True).epochs == 3  # as long as 6 of half the frames
    assert match_frames(motion, [still, longer], same_time=False) == motion


def test_tasks_can_be_sent_to_another_process(run_plan: Plan) -> None:
    _, executor = run_plan(effort="standard", time_budget_minutes=5.0)
    # Caches are filled again after the search, which may have chosen longer clips.
    others = [task.id for task in executor.tasks if not isinstance(task, DecodeTask | ExtractFeaturesTask)]
    assert len(set(others)) == len(others)
    for task in executor.tasks:
        assert pickle.loads(pickle.dumps(task)) == task


@pytest.mark.parametrize("finetune", [False, True])
def test_on_the_ladder_those_that_see_pixels_mirror(finetune: bool) -> None:
    settings = ComparisonSettings(backbones=("small", "efficientnet-lite0"), flip=True, finetune=finetune)
    recipes = [settings.recipe(contender, "spread") for contender in settings.contenders]
    frozen = [recipe.options.get("backbone") == "efficientnet-lite0" and not finetune for recipe in recipes]
    assert any(frozen) != finetune
    assert [recipe.augment.flip for recipe in recipes] == [not one for one in frozen]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"families": ()}, "families is empty"),
        ({"backbones": ()}, "backbones is empty"),
        ({"backbones": ("small", "small")}, "backbones has 'small' twice"),
        ({"backbones": ("resnet1",)}, "resnet1"),
        ({"families": ("frame_pool",), "backbones": ("small", "efficientnet-lite0")}, "have one backbone, not 2"),
        ({"pool": "max"}, "on the ladder, several ways compete"),
        ({"preset": "classic", "backbones": ("efficientnet-lite0",)}, "has no pretrained backbone"),
        ({"backbones": ("small",), "finetune": True}, "fine-tuning needs a family with a pretrained backbone"),
        ({"families": ("frame_pool",), "backbones": ("efficientnet-lite0",), "flip": True}, "mirroring does nothing"),
        (
            {"families": ("frame_pool", "conv3d"), "backbones": ("efficientnet-lite0",), "flip": True},
            "mirroring does nothing",
        ),
        ({"families": ("conv3d",), "backbones": ("small",)}, "no family of conv3d has the option backbone"),
        ({"families": ("single_frame", "conv3d"), "pool": "max"}, "no family of single_frame, conv3d has the option"),
        ({"families": ("single_frame",), "input": "rgb"}, "has the option input"),
        ({"families": ("conv3d",), "finetune": True}, "a family with a pretrained backbone"),
        ({"metric": "f1"}, "metric is 'f1'"),
        ({"families": ("conv4d",)}, "no family 'conv4d'"),
        ({"families": ("conv3d", "frame_pool", "conv3d")}, "families has 'conv3d' twice"),
        ({"folds": 1}, "folds is 1"),
        ({"seeds": 0}, "seeds is 0"),
        ({"effort": "mad"}, "effort is 'mad'"),
        ({"preset": "huge"}, "preset is 'huge'"),
        ({"margin": 1.0}, "margin is 1"),
        ({"epochs": 3, "time_budget_minutes": 1.0}, "give one of the two"),
        ({"time_budget_minutes": 0.0}, "more than 0"),
        ({"fractions": (0.5, 0.5)}, "three shares"),
        ({"frames": 0}, "frames is 0"),
        ({"frames": 2.5}, "frames is 2.5"),
        ({"rate": "x"}, "rate is 'x'; expected 'spread' or"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"size": "x"}, "size is 'x'; expected pixels"),
        ({"size": (16,)}, "size is \\(16,\\)"),
        ({"size": 16.5}, "size is 16.5"),
        ({"seeds": 1.5}, "seeds is 1.5; expected a whole number"),
        ({"folds": 2.5}, "folds is 2.5; expected a whole number"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"time_budget_minutes": float("nan")}, "time budget is nan minutes"),
        ({"families": ("frame_pool",), "pool": "median"}, "median"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_work(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ComparisonSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("given", "expected"), [({}, (32, 10)), ({"epochs": 90}, (90, 20))])
def test_epochs_suit_the_clips_unless_they_are_given(
    tmp_path: Path, given: dict[str, Any], expected: tuple[int, int]
) -> None:
    """208 training videos are 13 steps of 16 clips, and 32 epochs of them about 420 steps."""
    settings = ComparisonSettings(families=THREE, **given)
    plan = ComparisonPlan(settings, opened_dataset(tmp_path, per_label=260), tmp_path)
    assert {(one.recipe.epochs, one.recipe.patience) for one in plan.candidates()} == {expected}
