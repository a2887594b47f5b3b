"""A user's own family, callbacks, optimizer, loss, class weights and augmentation, without a fork."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import stillmotion as sm
from stillmotion.clips import open_videos
from stillmotion.comparison import kind_of
from stillmotion.models import build_model
from stillmotion.models.fingerprints import fingerprint
from stillmotion.training.batches import TrainingClips
from stillmotion.training.own_parts import OwnParts

pytestmark = pytest.mark.backend
OWN: dict[str, Any] = {"frames": 2, "height": 16, "width": 16, "classes": 2}


def own_motion(frames: int, height: int, width: int, classes: int, units: int = 2) -> keras.Model:
    clip = keras.Input((frames, height, width, 3))
    x = layers.Flatten()(layers.Rescaling(1 / 255)(clip))
    return keras.Model(clip, layers.Dense(classes, activation="softmax")(layers.Dense(units)(x)))


def own_still(frames: int, height: int, width: int, classes: int) -> keras.Model:
    clip = keras.Input((frames, height, width, 3))
    x = layers.GlobalAveragePooling3D()(layers.Rescaling(1 / 255)(clip))
    return keras.Model(clip, layers.Dense(classes, activation="softmax")(x))


def own_logits(frames: int, height: int, width: int, classes: int) -> keras.Model:
    clip = keras.Input((frames, height, width, 3))
    return keras.Model(clip, layers.Dense(classes)(layers.Flatten()(clip)))


SEEN: list[int] = []


def test_own_parts_are_used_and_recorded_and_a_resumed_call_finds_the_run(
    shades: list[sm.Videos], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    epochs: list[int] = []
    SEEN.clear()

    class Count(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            epochs.append(epoch)

    def darken(clip: Any, rng: np.random.Generator) -> Any:
        SEEN.append(len(clip))
        return clip // 2

    optimizer = keras.optimizers.SGD(0.01)

    def train(**changed: Any) -> sm.Run:
        return sm.train(
            own_motion, shades[0], shades[1], out=tmp_path / "run", spec=sm.ClipSpec(frames=2, size=16), epochs=2,
            options={"units": 3}, callbacks=[Count()], optimizer=optimizer, augmentation=darken,
            **{"loss": "mean_squared_error", "class_weights": {"dark": 1, "bright": 2}, **changed},
        )  # fmt: skip

    run = train()
    assert epochs == [0, 1] and set(SEEN) == {2}
    assert not optimizer.use_ema and not optimizer.built  # a copy was trained with
    assert run.recipe.options == {"units": 3} and kind_of(run.recipe.family) == "motion"
    assert set(run.recipe.own) == {"optimizer", "loss", "class_weights", "augmentation", "family"}
    assert not any("trained before" in message for message in caplog.messages)
    assert train() == sm.read_run(run.folder)  # nothing is trained again
    assert f"{run.folder}: trained before, and reused" in caplog.messages
    assert epochs == [0, 1]
    with pytest.raises(sm.StillmotionError, match="holds a training with other settings"):
        train(loss="categorical_crossentropy")
    with pytest.raises(sm.UsageError, match="give optimizer, loss, class_weights, augmentation again"):
        sm.train(run.recipe, shades[0], shades[1], out=tmp_path / "other")
    assert len(list(sm.predict(run, shades[2]))) == len(shades[2])


def test_class_weights_are_by_label(shades: list[sm.Videos], easy_recipe: sm.Recipe) -> None:
    segments = open_videos(shades[0]).segments
    own = OwnParts(class_weights={"dark": 1, "bright": 3})
    clips = TrainingClips(segments, ("bright", "dark"), easy_recipe, own=own)
    np.testing.assert_array_equal(clips.weights, clips.targets @ [3, 1])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimizer": "sgd"}, "optimizer is 'sgd'; expected a Keras optimizer"),
        ({"loss": "nothing"}, "no loss 'nothing' in Keras"),
        ({"callbacks": [print]}, "callbacks holds something else"),
        ({"class_weights": {"dark": 1}}, r"class weights are for \['dark'\]; the labels are \['bright', 'dark'\]"),
        ({"augmentation": lambda clip, rng: clip[:1]}, r"augmentation turned uint8 of shape \(2, 16, 16, 3\) into"),
    ],
)
def test_parts_that_do_not_fit_are_wrong_calls(
    given: dict[str, Any], message: str, shades: list[sm.Videos], easy_recipe: sm.Recipe, tmp_path: Path
) -> None:
    with pytest.raises(sm.UsageError, match=message):
        sm.train(easy_recipe, shades[0], shades[1], out=tmp_path / "run", **given)


@pytest.mark.parametrize(
    ("family", "kind", "message"),
    [
        (own_still, "motion", "does not depend on the order of frames; call it still"),
        (own_motion, "still", "is called still, but what it predicts depends on the order of frames"),
        (own_logits, "motion", "its outputs are no probabilities"),
        (lambda **_: 1, "motion", "returned int, not a Keras model"),
        (lambda frames: None, "motion", r"build\(frames, height, width, classes, \*\*options\) fails"),
        (lambda **_: own_still(3, 16, 16, 2), "still", r"its model is from \(None, 3, 16, 16, 3\)"),
    ],
)
def test_an_own_family_that_does_not_fit_is_a_wrong_call(family: Any, kind: Any, message: str) -> None:
    recipe = sm.make_recipe(family, kind=kind)
    with pytest.raises(sm.UsageError, match=message):
        build_model(recipe.family, options=recipe.options, **OWN)


def test_an_own_family_is_named_by_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the command line, in the folder of the module."""
    (tmp_path / "own_module.py").write_text(
        "import keras\nfrom keras import layers\n"
        "def build(frames, height, width, classes, **options):\n"
        "    clip = keras.Input((frames, height, width, 3))\n"
        "    return keras.Model(clip, layers.Dense(classes, 'softmax')(layers.GlobalMaxPooling3D()(clip)))\n"
    )
    (tmp_path / "src").mkdir()
    (tmp_path / "src/own_other.py").write_text((tmp_path / "own_module.py").read_text())
    monkeypatch.chdir(tmp_path)
    for place in ("src/own_other.py", "./own_module.py", str(tmp_path / "own_module.py")):
        assert build_model(f"still={place}:build", **OWN).output_shape == (None, 2)
    assert sm.make_recipe("own_module:build", kind="still").family == "still=own_module:build"
    with pytest.raises(sm.UsageError, match="is a still family"):
        sm.make_recipe("still=own_module:build", kind="motion")
    partly = sm.make_recipe(partial(own_motion, units=5)).family
    assert build_model(partly, **OWN).layers[-2].units == 5
    model = build_model("still=own_module:build", **OWN)
    assert model.output_shape == (None, 2)
    recipe = sm.make_recipe("still=own_module:build", options={"depth": 3})
    assert (recipe.options, kind_of(recipe.family)) == ({"depth": 3}, "still")
    with pytest.raises(sm.UsageError, match="own_nothing: cannot be imported"):
        build_model("own_nothing:build", **OWN)
    with pytest.raises(sm.UsageError, match="cannot be imported"):
        build_model("own_module:nothing", **OWN)
    with pytest.raises(sm.UsageError, match="no family 'nothing'"):
        build_model("nothing", **OWN)


def darkened_by(factor: float) -> Any:
    return lambda clip, rng: (clip * factor).astype(np.uint8)


def built_with(units: int) -> Any:
    def build(frames: int, height: int, width: int, classes: int) -> keras.Model:
        return own_motion(frames, height, width, classes, units)

    return build


def test_another_function_of_the_same_name_is_another_part(
    shades: list[sm.Videos], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an edit, or of two lambdas."""
    parts = [OwnParts(augmentation=darkened_by(factor)).description() for factor in (0.5, 0.5, 0.7)]
    assert parts[0] == parts[1] != parts[2]
    assert OwnParts(loss=lambda y, x: x).description() != OwnParts(loss=lambda y, x: y).description()
    layer, alike, other = (layers.RandomFlip(mode, seed=1) for mode in ("horizontal", "horizontal", "vertical"))
    called = [fingerprint(partial(np.add, one)) for one in (layer, alike, other, keras, Path("a"), Path("b"))]
    assert called[0] == called[1] and len(set(called)) == 5
    small, large, again = (sm.make_recipe(built_with(units)).family for units in (2, 3, 2))
    assert small == again != large
    assert build_model(small, **OWN).count_params() < build_model(large, **OWN).count_params()

    # A function that is named, in a module that is edited.
    (tmp_path / "own_edited.py").write_text(
        "import keras\nUNITS = 2\n"
        "def build(frames, height, width, classes):\n"
        "    clip = keras.Input((frames, height, width, 3))\n"
        "    x = keras.layers.Dense(UNITS)(keras.layers.Flatten()(clip))\n"
        "    return keras.Model(clip, keras.layers.Dense(classes, 'softmax')(x / 255))\n"
    )
    monkeypatch.chdir(tmp_path)

    def train() -> sm.Run:
        settings: Any = {"spec": sm.ClipSpec(frames=2, size=16), "epochs": 1}
        return sm.train("own_edited:build", shades[0], shades[1], out=tmp_path / "run", **settings)

    assert train() == train()
    module = sys.modules["own_edited"]
    given = sm.make_recipe(module.build).family
    module.UNITS = 3  # type: ignore[attr-defined]
    with pytest.raises(sm.StillmotionError, match="holds a training with other settings"):
        train()
    monkeypatch.setattr("stillmotion.models.own_families._registered", {})  # as in another process
    with pytest.raises(sm.UsageError, match="is another one; make the recipe again"):
        build_model(given, **OWN)
