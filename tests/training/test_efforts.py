"""What each effort tries, and which trial is chosen. Nothing is trained here."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import stillmotion as sm
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.runs import DataRecord, RunRecord, TrainingRecord
from stillmotion.training import (
    EFFORTS,
    TRIAL_FRACTION,
    Change,
    Trial,
    apply_change,
    choose_trial,
    describe_trial,
    shorten_for_trial,
    trial_recipes,
    with_clip_spec,
)


def make_recipe(rate: sm.clips.Rate = "spread", epochs: int = 8, frames: int = 4) -> sm.Recipe:
    spec = sm.ClipSpec(frames=frames, rate=rate, size=16)
    return sm.make_recipe("conv3d", spec=spec, epochs=epochs, patience=6)


def make_trial(accuracy: float, loss: float) -> Trial:
    return Trial("", 1e-3, 1e-2, 0.2, 4, "spread", 2, 1.0, accuracy, loss)


def test_a_change_multiplies_the_recipes_values() -> None:
    recipe = make_recipe()
    changed = apply_change(Change("", learning_rate=3, weight_decay=5, crop=0.5), recipe)
    assert changed.learning_rate == pytest.approx(3 * recipe.learning_rate)
    assert changed.weight_decay == pytest.approx(5 * recipe.weight_decay)
    assert changed.augment.crop == pytest.approx(recipe.augment.crop / 2)
    assert (changed.spec, changed.epochs, changed.seed) == (recipe.spec, recipe.epochs, recipe.seed)
    assert apply_change(Change(""), recipe) == recipe


def test_no_more_than_half_of_a_frame_is_cropped() -> None:
    assert apply_change(Change("", crop=50), make_recipe()).augment.crop == 0.5


def test_other_frames_leave_the_clip_as_long_and_another_rate_makes_it_longer() -> None:
    recipe = make_recipe(rate=8.0)
    more = apply_change(Change("", frames=2), recipe).spec
    assert (more.frames, more.rate, more.seconds) == (8, 16.0, recipe.spec.seconds)
    slower = apply_change(Change("", rate=0.5), recipe).spec
    assert (slower.frames, slower.rate) == (4, 4.0)
    assert apply_change(Change("", rate=2), make_recipe()) == make_recipe()  # spread frames have no rate


def test_a_clip_of_two_frames_or_more_keeps_two_and_one_of_one_keeps_one() -> None:
    assert apply_change(Change("", frames=0.5), make_recipe(frames=4)).spec.frames == 2
    assert apply_change(Change("", frames=0.5), make_recipe(frames=2)).spec.frames == 2
    for factor in (0.5, 2):
        assert apply_change(Change("", frames=factor), make_recipe(frames=1)).spec.frames == 1


def test_for_equal_time_more_frames_mean_fewer_epochs() -> None:
    recipe = make_recipe(epochs=9)
    double = sm.ClipSpec(frames=8, size=16)
    equal_epochs, equal_time = (with_clip_spec(recipe, double, equal_time=equal) for equal in (False, True))
    assert (equal_epochs.spec, equal_epochs.epochs, equal_epochs.patience) == (double, 9, 6)
    assert (equal_time.spec, equal_time.epochs, equal_time.patience) == (double, 4, 3)
    assert with_clip_spec(make_recipe(epochs=1), double, equal_time=True).epochs == 1
    assert apply_change(Change("", frames=2), recipe, equal_time=True).epochs == 4
    assert [changed.epochs for _, changed in trial_recipes(recipe, "standard", equal_time=True)] == [9, 9, 9, 4]


def test_a_change_does_what_its_name_says() -> None:
    factors = {
        change.name: (change.learning_rate, change.weight_decay, change.crop, change.frames, change.rate)
        for change in EFFORTS["thorough"]
    }
    assert factors == {
        "the defaults": (1, 1, 1, 1, 1),
        "a third of the learning rate": (1 / 3, 1, 1, 1, 1),
        "more regularization": (1, 5, 1.75, 1, 1),
        "twice the frames": (1, 1, 1, 2, 1),
        "three times the learning rate": (3, 1, 1, 1, 1),
        "less regularization": (1, 0.2, 0.5, 1, 1),
        "a third of the learning rate, more regularization": (1 / 3, 5, 1.75, 1, 1),
        "half the frames": (1, 1, 1, 0.5, 1),
        "twice the rate": (1, 1, 1, 1, 2),
        "half the rate": (1, 1, 1, 1, 0.5),
    }


def test_each_effort_tries_its_changes_once_and_the_recipe_as_it_is_first() -> None:
    assert trial_recipes(make_recipe(), "quick") == []
    for effort in ("standard", "thorough"):
        trials = trial_recipes(make_recipe(rate=8.0), effort)
        assert [change for change, _ in trials] == list(EFFORTS[effort])
        assert trials[0][1] == make_recipe(rate=8.0)
    names = [change.name for change, _ in trial_recipes(make_recipe(), "thorough")]
    assert "twice the rate" not in names and len(names) == len(EFFORTS["thorough"]) - 2


def test_an_unknown_effort_is_refused_with_the_efforts_there_are() -> None:
    with pytest.raises(UsageError, match="effort 'mad': choose from quick, standard, thorough"):
        trial_recipes(make_recipe(), "mad")


def test_a_trial_trains_a_quarter_of_the_epochs() -> None:
    assert shorten_for_trial(make_recipe(epochs=90)) == make_recipe(epochs=22)
    assert shorten_for_trial(make_recipe(epochs=3)).epochs == 1
    assert TRIAL_FRACTION == 1 / 4


def test_the_best_trial_has_the_highest_accuracy_then_the_lowest_loss() -> None:
    assert choose_trial([make_trial(0.8, 0.1), make_trial(0.9, 0.5), make_trial(0.9, 0.4)]) == 2
    assert choose_trial([make_trial(0.9, 0.4), make_trial(0.8, 0.1)]) == 0
    assert choose_trial([make_trial(0.9, 0.4), make_trial(0.9, 0.4)]) == 0


def test_a_trial_says_what_was_trained_and_how_it_validated(tmp_path: Path) -> None:
    recipe = make_recipe(rate=8.0)
    record = RunRecord(recipe, ("a", "b"), DataRecord("", "", ()), training=TrainingRecord(5, 3, 1.5, 0.25, 0.75))
    trial = describe_trial(Change("the defaults"), sm.Run(tmp_path, record))
    expected = Trial(
        "the defaults",
        recipe.learning_rate,
        recipe.weight_decay,
        recipe.augment.crop,
        4,
        8.0,
        5,
        1.5,
        0.75,
        0.25,
        False,
    )
    assert trial == expected
    with pytest.raises(StillmotionError, match="not finished"):
        describe_trial(Change("the defaults"), sm.Run(tmp_path, dataclasses.replace(record, training=None)))
