"""Recipes from names and settings."""

from __future__ import annotations

import pytest

import stillmotion as sm
from stillmotion.errors import UsageError


def test_a_recipe_has_the_settings_given_and_defaults_for_all_others() -> None:
    recipe = sm.make_recipe("cnn_rnn", rnn="lstm", epochs=3)
    assert (recipe.family, recipe.options["rnn"], recipe.epochs) == ("cnn_rnn", "lstm", 3)
    assert recipe.options["bidirectional"] is False
    assert recipe.batch_size == sm.Recipe("cnn_rnn").batch_size


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("conv3d", {"speed": 3}, "conv3d has no setting 'speed'"),
        ("conv3d", {"rnn": "lstm"}, "conv3d has no setting 'rnn'"),
        ("cnn_rnn", {"rnn": "elman"}, "rnn"),
        ("transformer", {}, "transformer"),
        ("conv3d", {"epochs": 0}, "epochs is 0; expected 1 or more"),
        ("conv3d", {"batch_size": 0}, "batch size is 0"),
        ("conv3d", {"patience": 0}, "patience is 0"),
        ("conv3d", {"learning_rate": 0.0}, "learning rate is 0; expected a finite number above 0"),
    ],
)
def test_a_wrong_setting_is_named(family: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        sm.make_recipe(family, **settings)
