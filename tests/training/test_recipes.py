"""Recipes from names and settings."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

import stillmotion as sm
from stillmotion.clips import Segment
from stillmotion.errors import UsageError
from stillmotion.training import suit_epochs


def test_a_recipe_has_the_settings_given_and_defaults_for_all_others() -> None:
    recipe = sm.make_recipe("cnn_rnn", rnn="lstm", epochs=3)
    assert (recipe.family, recipe.options["rnn"], recipe.epochs) == ("cnn_rnn", "lstm", 3)
    assert recipe.options["bidirectional"] is False
    assert recipe.batch_size == sm.Recipe("cnn_rnn").batch_size


@pytest.mark.parametrize(
    ("videos", "seconds", "most", "epochs", "patience"),
    [
        (96, 1.0, 60, 60, 20),  # 6 steps of 16 clips
        (320, 1.0, 60, 21, 7),  # 20 steps
        (48, 5.5, 60, 28, 9),  # five clips of each video
        (9999, 1.0, 60, 20, 6),
        (3, 1.0, 60, 60, 20),
        (320, 1.0, 5, 5, 1),
    ],
)
def test_epochs_suit_the_number_of_clips(videos: int, seconds: float, most: int, epochs: int, patience: int) -> None:
    recipe = sm.make_recipe("conv3d", spec=sm.ClipSpec(8, rate=8), epochs=most)
    segments = [cast("Segment", SimpleNamespace(window=(0.0, seconds)))] * videos
    suited = suit_epochs(recipe, segments)
    assert (suited.epochs, suited.patience) == (epochs, patience)
    assert replace(suited, epochs=recipe.epochs, patience=recipe.patience) == recipe


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("conv3d", {"speed": 3}, "conv3d has no setting 'speed'"),
        ("conv3d", {"rnn": "lstm"}, "conv3d has no setting 'rnn'"),
        ("cnn_rnn", {"rnn": "elman"}, "rnn"),
        ("transformer", {}, "transformer"),
        ("conv3d", {"epochs": 0}, "epochs is 0; expected a whole number of 1 or more"),
        ("conv3d", {"batch_size": 0}, "batch size is 0"),
        ("conv3d", {"patience": 0}, "patience is 0"),
        ("conv3d", {"learning_rate": 0.0}, "learning rate is 0.0; expected a finite number above 0"),
    ],
)
def test_a_wrong_setting_is_named(family: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        sm.make_recipe(family, **settings)
