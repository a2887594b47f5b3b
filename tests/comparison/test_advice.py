"""Advice: each code where it belongs, in plain text."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.predictions import predictions
from stillmotion.comparison import (
    Advice,
    Comparison,
    ContenderResult,
    Contrast,
    DataSummary,
    Evidence,
    IntervalEstimate,
    Ladder,
    MissedLabel,
    ModelCost,
    ModelResult,
    Recommendation,
    SearchRecord,
    TrainingSummary,
    Verdict,
    decide,
    give_advice,
    run_to_use,
)
from stillmotion.comparison.model_results import summarize_predictions
from stillmotion.inspection import Shortcut
from stillmotion.runs import Recipe, TrainingRecord
from stillmotion.training.efforts import Trial

STILL, MOTION = predictions(np.arange(60) % 3 > 0), predictions(np.arange(60) % 30 > 0)
BASE = decide([STILL], [MOTION], names=("pool", "conv"))
NEEDED = replace(
    BASE,
    low=0.1,
    high=0.5,
    motion_beats_guessing=True,
    stills_beat_guessing=True,
    groups_to_decide=None,
    brier_low=-0.1,
)
SUFFICE = replace(NEEDED, low=-0.2, high=0.01, missed=())
MISSED = MissedLabel("fall", "pool", "conv", 0.17, 0.97, 0.69)
UNDECIDED = replace(NEEDED, low=-0.2, high=0.3)


def family(kind: str, milliseconds: float, pool: str = "mean") -> ModelResult:
    still = kind == "still"
    result = summarize_predictions("still" if still else "motion", [STILL if still else MOTION])
    cost = ModelCost(milliseconds_per_clip=milliseconds, multiply_adds=212e6 * milliseconds, train_seconds=200.0)
    training = TrainingSummary(0.5, Recipe("frame_pool" if still else "conv3d", options={"pool": pool}))
    return replace(result, cost=cost, trainings=(training,))


def compared(verdict: Verdict, *, still_cost: float = 2.0, pool: str = "mean") -> Comparison:
    models = {"pool": family("still", still_cost, pool), "conv": family("motion", 6.0)}
    return Comparison(models, verdict, recommendation=Recommendation("conv", "conv", 0.0, 0.0, ("pool", "conv")))


def texts(comparison: Comparison) -> dict[str, str]:
    return {advice.code: advice.text for advice in give_advice(comparison)}


def actions(comparison: Comparison) -> list[str]:
    return [advice.code for advice in give_advice(comparison) if advice.topic == "next_steps"]


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (NEEDED, "use_motion"),
        (SUFFICE, "use_still"),
        (replace(NEEDED, best_frame_reason="order_not_needed"), "try_ladder"),
        (replace(SUFFICE, missed=(MISSED,)), "compare_balanced"),
        (replace(UNDECIDED, groups_to_decide=80), "record_more_groups"),
        (replace(UNDECIDED, groups=1), "record_other_recordings"),
        (UNDECIDED, "choose_by_cost"),
        (replace(UNDECIDED, brier_low=0.1), "leaning"),
        (replace(UNDECIDED, stills_beat_guessing=False, motion_beats_guessing=False), "nothing_beats_guessing"),
    ],
)
def test_the_first_step_follows_from_the_verdict(verdict: Verdict, code: str) -> None:
    assert actions(compared(verdict))[0] == code


def test_each_missed_label_is_advised_for_with_the_model_that_finds_it() -> None:
    missed = (MISSED, replace(MISSED, label="slip", better="rnn"), replace(MISSED, model="other", label="trip"))
    text = texts(compared(replace(SUFFICE, missed=missed)))["compare_balanced"]
    assert text.startswith('If you need all labels, use conv for "fall" and rnn for "slip". `--metric balanced`')
    balanced = compared(replace(SUFFICE, missed=missed, metric="balanced"))
    assert texts(balanced)["compare_balanced"].endswith('rnn for "slip".')


def test_a_still_model_is_used_only_if_it_suffices() -> None:
    recommended = replace(compared(SUFFICE), recommendation=Recommendation("pool", "pool", 0.0, 0.0, ("pool", "conv")))
    assert recommended.model_to_use == "pool"
    uncertain, certain = (Contrast("pool", "conv", 0.0, -0.2, high) for high in (0.2, 0.01))
    other = replace(SUFFICE, still="max", contrasts=(uncertain,), others_beating_guessing=("pool",))
    assert replace(recommended, verdict=other).model_to_use == "max"
    shown = replace(other, contrasts=(certain,))
    assert replace(recommended, verdict=shown).model_to_use == "pool"


def test_an_undecided_test_part_is_followed_by_a_test_on_all_recordings() -> None:
    undecided = replace(UNDECIDED, groups=9, groups_to_decide=50)
    parts = DataSummary(groups={"train": 42, "validation": 9, "test": 9}, groups_per_label={"a": 30, "b": 30})
    single = replace(compared(undecided), data=parts)
    assert actions(single) == ["test_all", "record_more_groups", "train_more_seeds"]
    assert texts(single)["test_all"] == (
        "Compare again with `--folds 5`: it tests on all 60 groups instead of 9, which would probably decide it, and "
        "takes about 5 times as long. A second look at most doubles the chance of a wrong answer."
    )
    rare = replace(single, data=replace(parts, groups_per_label={"a": 56, "b": 4}))
    assert "Compare again with `--folds 4`" in texts(rare)["test_all"]
    assert "takes about 4 times as long" in texts(rare)["test_all"]
    at_every_look = replace(single, verdict=replace(undecided, sequential=True))
    assert "second look" not in texts(at_every_look)["test_all"]
    more = replace(single, verdict=replace(undecided, groups_to_decide=80))
    assert "on all 60 groups instead of 9, and takes" in texts(more)["test_all"]
    guessing = replace(undecided, stills_beat_guessing=False, motion_beats_guessing=False, groups_to_decide=None)
    assert actions(replace(single, verdict=guessing))[0] == "test_all"
    for other in (
        replace(single, data=replace(parts, cross_validated=True)),
        replace(single, data=replace(parts, groups={"train": 3, "validation": 1, "test": 9})),
        replace(single, data=replace(parts, groups_per_label={"a": 58, "b": 2})),
        replace(single, verdict=replace(NEEDED, groups=9)),
    ):
        assert "test_all" not in actions(other)


def test_the_model_to_use_is_of_the_kind_that_the_verdict_asks_for() -> None:
    assert compared(NEEDED).model_to_use == "conv"
    assert compared(SUFFICE).model_to_use == "pool"  # though conv is recommended by accuracy and cost
    assert compared(UNDECIDED).model_to_use is None
    assert texts(compared(NEEDED))["use_motion"] == "Use conv: it is the most accurate."


def trained(comparison: Comparison, best_epochs: dict[str, list[int]], *, epochs: int, run: int) -> Comparison:
    """The same comparison; each family with one training per best epoch, after `run` of at most `epochs` epochs."""
    models = {
        name: replace(
            comparison.models[name],
            trainings=tuple(
                TrainingSummary(0.5, Recipe("conv3d", epochs=epochs), TrainingRecord(run, best, 9.0, 1.0, 0.5))
                for best in best_epochs[name]
            ),
        )
        for name in comparison.models
    }
    return replace(comparison, models=models)


def test_models_that_learned_too_little_are_trained_longer_before_the_data_is_blamed() -> None:
    guessing = compared(replace(UNDECIDED, stills_beat_guessing=False, motion_beats_guessing=False, seeds=3))
    short = trained(guessing, {"pool": [3], "conv": [3, 3, 1]}, epochs=3, run=3)
    assert actions(short) == ["train_longer", "nothing_beats_guessing"]
    assert texts(short)["train_longer"] == (
        "The models were still improving when training ended after 3 epochs: train longer (`--epochs 6 --overwrite`)."
    )
    assert texts(short)["nothing_beats_guessing"].endswith("and labels if longer training does not help.")
    one = trained(guessing, {"pool": [5], "conv": [19]}, epochs=20, run=20)
    assert texts(one)["train_longer"].startswith("conv was still improving when training ended after 20 epochs:")
    conv = replace(one.models["conv"], searches=(SearchRecord("quick", 2.0, 20),))
    budgeted = replace(one, models={**one.models, "conv": conv})
    assert texts(budgeted)["train_longer"].endswith("train longer (a larger `--time-budget`).")


@pytest.mark.parametrize(
    ("best", "run"),
    [(18, 20), (15, 19)],  # the best epoch is earlier; training stopped early
)
def test_models_that_no_longer_improved_are_not_trained_longer(best: int, run: int) -> None:
    guessing = compared(replace(UNDECIDED, stills_beat_guessing=False, motion_beats_guessing=False, seeds=3))
    ended = trained(guessing, {"pool": [best], "conv": [best]}, epochs=20, run=run)
    assert actions(ended) == ["nothing_beats_guessing"]
    assert texts(ended)["nothing_beats_guessing"].endswith("look at the clips and labels before anything else.")


def test_few_groups_are_not_blamed_on_clips_and_labels() -> None:
    for groups, blamed in ((9, False), (10, True)):
        guessing = replace(UNDECIDED, groups=groups, stills_beat_guessing=False, motion_beats_guessing=False)
        assert ("nothing_beats_guessing" in actions(compared(guessing))) == blamed
        assert ("record_more_groups" in actions(compared(guessing))) == (not blamed)
    assert texts(compared(replace(guessing, groups=9)))["record_more_groups"].endswith(
        "9 groups can hardly show that a model is not guessing."
    )


def test_a_model_that_beats_guessing_is_not_called_undertrained() -> None:
    learned = trained(compared(UNDECIDED), {"pool": [20], "conv": [20]}, epochs=20, run=20)
    assert "train_longer" not in actions(learned)


def test_a_cheaper_motion_model_that_is_not_worse_is_the_one_to_use() -> None:
    comparison = compared(NEEDED)
    models = {**comparison.models, "rnn": family("motion", 1.0)}
    recommendation = Recommendation("rnn", "conv", 0.01, 0.03, ("rnn", "conv"))
    comparison = replace(comparison, models=models, recommendation=recommendation)
    assert comparison.model_to_use == "rnn"
    assert texts(comparison)["use_motion"] == (
        "Use rnn: it is the cheapest that loses significantly less than the margin to conv. The verdict rests on conv, "
        "chosen as the only motion model."
    )


def test_the_run_to_use_is_of_the_contender_that_validation_chose_most_often() -> None:
    comparison = compared(NEEDED)
    assert run_to_use(comparison) is None and "label_videos" not in actions(comparison)  # trained elsewhere
    trainings = tuple(TrainingSummary(0.5, Recipe(family)) for family in ("cnn_rnn", "conv3d", "conv3d"))
    contenders = (
        ContenderResult("a", "cnn_rnn", trainings[0].recipe.options, (0.5,) * 3, (1.0,) * 3, (0,)),
        ContenderResult("b", "conv3d", trainings[1].recipe.options, (0.5,) * 3, (1.0,) * 3, (1, 2)),
    )
    conv = replace(
        comparison.models["conv"],
        trainings=trainings,
        contenders=contenders,
        runs=("runs/a-fold0", "runs/b-fold1", "runs/b-fold2"),
    )
    comparison = replace(comparison, models={**comparison.models, "conv": conv}, data=DataSummary(cross_validated=True))
    assert run_to_use(comparison) == "runs/b-fold1"
    assert texts(comparison)["label_videos"] == (
        "Label new videos with its run, one of the folds, in the folder of this report: `stillmotion predict "
        "runs/b-fold1 VIDEO`."
    )
    assert run_to_use(replace(comparison, verdict=UNDECIDED)) is None


def test_a_cheaper_motion_model_that_is_as_accurate_here_is_mentioned() -> None:
    comparison = compared(NEEDED)
    others = {name: family("motion", cost) for name, cost in (("rnn", 1.0), ("slow", 5.8), ("gru", 3.0))}
    text = texts(replace(comparison, models={**comparison.models, **others}))["use_motion"]
    assert text == (
        "Use conv: it is the most accurate. rnn takes 1 instead of 6 ms per clip. Its accuracy on these videos "
        "is 97 %, compared with 97 %; that it is within the margin on others is not shown."
    )
    rnn = others["rnn"]
    worse = replace(rnn, accuracy=replace(rnn.accuracy, value=rnn.accuracy.value - NEEDED.margin - 0.01))
    text = texts(replace(comparison, models={**comparison.models, "rnn": worse, "slow": others["slow"]}))["use_motion"]
    assert text == "Use conv: it is the most accurate."
    balanced = replace(comparison, verdict=replace(NEEDED, metric="balanced"))
    recalls = replace(rnn, accuracy=worse.accuracy, balanced_accuracy=balanced.measured("conv"))
    text = texts(replace(balanced, models={**comparison.models, "rnn": recalls}))["use_motion"]
    assert "rnn takes 1 instead of 6 ms per clip. Its mean recall on these videos is 97 %, compared with 97 %" in text


def test_a_recommendation_needs_a_best_model_that_beats_guessing() -> None:
    assert compared(NEEDED).recommendation_if_better_than_guessing is not None
    assert compared(replace(NEEDED, motion_beats_guessing=False)).recommendation_if_better_than_guessing is None
    assert compared(replace(NEEDED, stills_beat_guessing=False)).recommendation_if_better_than_guessing is not None
    comparison = compared(replace(NEEDED, guessing=0.5))
    third = replace(comparison.models["conv"], accuracy=IntervalEstimate(0.6, 0.49, 0.7))
    best_is_third = replace(
        comparison,
        models={**comparison.models, "rnn": third},
        recommendation=Recommendation("rnn", "rnn", 0.0, 0.0, ("rnn",)),
    )
    assert best_is_third.recommendation_if_better_than_guessing is None
    assert (
        replace(best_is_third, verdict=replace(NEEDED, guessing=0.4)).recommendation_if_better_than_guessing is not None
    )


def test_a_model_that_was_trained_to_find_the_best_frame_is_not_offered_again() -> None:
    withdrawn = replace(NEEDED, best_frame_reason="order_not_needed")
    given = give_advice(compared(withdrawn, pool="max"))
    assert "try_ladder" not in [advice.code for advice in given]
    assert (
        Advice(
            "use_motion",
            "next_steps",
            "Use conv: a still model that was trained to find the best frame did not find it.",
        )
        in given
    )


def test_on_the_ladder_a_still_model_that_learns_more_is_hoped_for() -> None:
    withdrawn = compared(replace(NEEDED, best_frame_reason="order_not_needed"), pool="max")
    withdrawn = replace(withdrawn, ladder=Ladder(("several frames", "dense motion"), ()))
    assert texts(withdrawn)["use_motion"].startswith("Use conv for now. With more recordings, or another pretrained")
    frame = replace(NEEDED, best_frame_reason="most_confident_frame_close")
    assert texts(replace(withdrawn, verdict=frame))["use_motion"].startswith("Use conv: a still model that was trained")


def test_costs_are_compared_with_the_other_kind() -> None:
    lines = texts(compared(NEEDED))
    assert lines["time_per_clip"] == (
        "conv takes 6 ms per clip on the machine that measured it: 3 times as long as pool."
    )
    assert lines["multiply_adds"] == (
        "Multiply-adds per clip, the same on every machine: 1,272 M, compared with 424 M. Time also depends on how "
        "well a machine runs each model."
    )
    assert lines["training_time"] == "Training took 3 min 20 s."
    lines = texts(compared(SUFFICE))
    assert lines["time_per_clip"].endswith("conv takes 3 times as long.")
    assert texts(compared(SUFFICE, still_cost=5.6))["time_per_clip"].endswith("about as long as conv.")


def test_search_time_is_part_of_the_cost() -> None:
    comparison = compared(NEEDED)
    trial = Trial("as it is", 0.003, 0.01, 0.2, 16, "spread", 20, 21.5, 0.5, 1.0)
    searched = replace(comparison.models["conv"], searches=(SearchRecord("standard", None, 40, (trial, trial)),))
    lines = texts(replace(comparison, models={**comparison.models, "conv": searched}))
    assert lines["training_time"] == "Training took 3 min 20 s; choosing its settings took 43 s in all."


def test_unknown_costs_are_not_mentioned() -> None:
    comparison = compared(NEEDED)
    models = {name: replace(result, cost=ModelCost()) for name, result in comparison.models.items()}
    assert not [advice for advice in give_advice(replace(comparison, models=models)) if advice.topic == "cost"]


def test_failures_of_the_model_to_use() -> None:
    failures = [advice for advice in give_advice(compared(NEEDED)) if advice.topic == "failures"]
    assert [advice.code for advice in failures] == ["error_rate", "missed_label", "videos_as_groups"]
    low = compared(NEEDED).models["conv"].accuracy.low
    assert failures[0].text == (
        f"conv is wrong on 2 of 60 test videos; on other recordings its accuracy may be as low as {100 * low:.0f} % "
        "(95 % interval)."
    )
    assert failures[1].text == 'It finds 93 % of "a" (30 test videos).'
    assert failures[2].text.startswith("Each video counts")


def test_the_worst_labels_are_named_first() -> None:
    missed = [advice.text for advice in give_advice(compared(SUFFICE)) if advice.code == "missed_label"]
    assert len(missed) == 2
    models = compared(SUFFICE).models
    perfect = replace(models["pool"], accuracy=IntervalEstimate(1.0, 0.9, 1.0), per_label={})
    texts_ = texts(replace(compared(SUFFICE), models={**models, "pool": perfect}))
    assert texts_["error_rate"].startswith("pool made no mistake here;")
    assert "missed_label" not in texts_


def test_cautions() -> None:
    leak = Shortcut("brightness", 0.6, 0.25, 0.5, 0.7, True)
    comparison = replace(compared(NEEDED), shortcuts=(leak,), evidence=Evidence())
    assert actions(comparison) == ["use_motion", "remove_shortcuts", "ladder_untried", "train_more_seeds"]
    assert "just the brightness, film" in texts(comparison)["remove_shortcuts"]
    assert "ladder_untried" not in actions(replace(compared(NEEDED, pool="max"), evidence=Evidence()))
    ladder = Ladder(("several frames", "dense motion"), ())
    assert "ladder_untried" not in actions(replace(comparison, ladder=ladder))
    assert "ladder_untried" not in actions(replace(comparison, evidence=None))
    assert actions(compared(replace(NEEDED, seeds=3))) == ["use_motion"]
    trainings = replace(comparison.models["conv"], trainings=())
    assert "train_more_seeds" not in actions(replace(comparison, models={**comparison.models, "conv": trainings}))


def test_a_rung_is_named_with_the_contender_that_validation_chose() -> None:
    comparison = compared(NEEDED)
    contenders = tuple(
        ContenderResult(name, "conv3d", {}, (0.9, 0.8), (0.1, 0.2), folds)
        for name, folds in (("a", (0,)), ("b", (1, 2)))
    )
    models = {**comparison.models, "conv": replace(comparison.models["conv"], contenders=contenders)}
    assert texts(replace(comparison, models=models))["use_motion"].startswith("Use conv (b)")


def test_a_faster_motion_model_is_mentioned_where_stills_suffice() -> None:
    assert texts(compared(SUFFICE, still_cost=60.0))["use_still"] == (
        "Use pool: it also works on single images. conv is faster here, and is within the margin of the best."
    )
    no_recommendation = replace(compared(SUFFICE, still_cost=60.0), recommendation=None)
    assert texts(no_recommendation)["use_still"].endswith("and is not shown to be within the margin of the best.")
    still = Recommendation("pool", "pool", 0.0, 0.0, ("pool", "conv"))
    assert texts(replace(no_recommendation, recommendation=still))["use_still"].endswith("the best.")
    assert texts(compared(SUFFICE))["use_still"] == "Use pool: it also works on single images."


def test_the_fastest_model_is_praised() -> None:
    comparison = compared(NEEDED, still_cost=60.0)
    assert texts(comparison)["use_motion"] == "Use conv: it is the most accurate and the fastest."
    assert (
        texts(compared(NEEDED, still_cost=6.1))["use_motion"] == "Use conv: it is the most accurate and as fast as any."
    )
