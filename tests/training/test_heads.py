"""Heads on frozen backbones: what they are trained and tested on, and fine-tuning."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest

import stillmotion as sm
from helpers.backbones import SIDE, write_backbone
from helpers.training import swap_labels
from stillmotion.clips import open_videos
from stillmotion.errors import UsageError
from stillmotion.features import read_feature_clips
from stillmotion.prediction.run_models import load_run_model
from stillmotion.training.batches import TrainingFeatures, ValidationFeatures
from stillmotion.training.finetuning import FINETUNE_EPOCHS

pytestmark = pytest.mark.backend
SPEC = sm.ClipSpec(frames=3, size=SIDE)
LABELS = ("bright", "dark")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_backbone(tmp_path_factory.mktemp("backbone"))


def make_recipe(family: str, backbone: str, **settings: Any) -> sm.Recipe:
    return sm.make_recipe(family, spec=SPEC, backbone=backbone, batch_size=4, **{"epochs": 4, **settings})


@pytest.fixture(scope="module")
def head_run(shades: list[sm.Videos], backbone: str, tmp_path_factory: pytest.TempPathFactory) -> sm.Run:
    recipe = make_recipe("frame_pool", backbone, epochs=12)
    return sm.train(recipe, shades[0], shades[1], out=tmp_path_factory.mktemp("runs") / "head")


def layer_weights(model: keras.Model, name: str) -> list[np.ndarray[Any, Any]]:
    found: list[np.ndarray[Any, Any]] = model.get_layer(name).get_weights()
    return found


def backbone_of(run: sm.Run) -> keras.Model:
    backbone: keras.Model = keras.saving.load_model(run.model_file).get_layer("backbone")
    return backbone


def original(backbone: str) -> keras.Model:
    return keras.saving.load_model(backbone.rpartition(":")[0])


def layers_of(model: keras.Model) -> dict[str, Any]:
    from stillmotion.models.keras_graph import iter_layers

    return {layer.name: layer for layer in iter_layers(model)}


@pytest.mark.jax
def test_a_head_learns_and_its_frozen_backbone_stays_as_it_was(head_run: sm.Run, backbone: str) -> None:
    assert head_run.record.training is not None and head_run.record.training.validation_accuracy == 1.0
    assert head_run.recipe.learning_rate == 0.03  # its family's own
    trained, before = layers_of(backbone_of(head_run)), layers_of(original(backbone))
    for name in ("first", "second", "third", "norm"):
        for now, then in zip(trained[name].get_weights(), before[name].get_weights(), strict=True):
            np.testing.assert_array_equal(now, then)


def test_a_backbone_with_other_weights_makes_another_training(shades: list[sm.Videos], tmp_path: Path) -> None:
    name = write_backbone(tmp_path)
    recipe = make_recipe("frame_pool", name, epochs=1)
    run = sm.train(recipe, shades[0], shades[1], out=tmp_path / "run")
    assert sm.train(recipe, shades[0], shades[1], out=tmp_path / "run") == run
    assert sm.train(run.recipe, shades[0], shades[1], out=tmp_path / "run") == run
    write_backbone(tmp_path / "other", 1)
    (tmp_path / "other" / "backbone1.keras").replace(tmp_path / "backbone0.keras")
    with pytest.raises(sm.StillmotionError, match="holds a training with other settings, videos or backbone"):
        sm.train(recipe, shades[0], shades[1], out=tmp_path / "run")


def test_features_are_those_of_the_windows_of_evaluation(shades: list[sm.Videos], backbone: str) -> None:
    recipe, segments = make_recipe("frame_sequence", backbone), open_videos(shades[0]).segments
    clips, held_out = TrainingFeatures(segments, LABELS, recipe), ValidationFeatures(segments, LABELS, recipe)
    expected = np.stack([read_feature_clips(backbone, s.file, [s.window], SPEC)[0] for s in segments])
    for _ in range(2):  # without augmentation, in every epoch
        np.testing.assert_array_equal(np.stack([clips.clip(index) for index in range(len(segments))]), expected)
        clips.on_epoch_end()
    batches = [held_out[index][0] for index in range(len(held_out))]
    np.testing.assert_array_equal(np.concatenate(batches), expected)


@pytest.mark.parametrize("moment", ["any", "middle"])
def test_a_head_of_one_frame_is_trained_on_any_frame_or_on_the_middle_one(
    moment: str, shades: list[sm.Videos], backbone: str
) -> None:
    recipe, segments = make_recipe("single_frame", backbone, moment=moment), open_videos(shades[0]).segments[:2]
    clips = TrainingFeatures(segments, LABELS, recipe)
    drawn = set()
    for _ in range(30):
        drawn.add(clips.clip(0).tobytes())
        clips.on_epoch_end()
    middle = read_feature_clips(backbone, segments[0].file, [segments[0].window], recipe.spec)[0]
    assert drawn == {middle.tobytes()} if moment == "middle" else len(drawn) == 4  # all frames of the video
    again = TrainingFeatures(segments, LABELS, recipe)
    np.testing.assert_array_equal(again.clip(1), TrainingFeatures(segments, LABELS, recipe).clip(1))


def on_pixels(run: sm.Run) -> sm.Run:
    """The same run, whose backbone is said to have had other weights."""
    versions = {**run.record.versions, "backbone": "other"}
    return dataclasses.replace(run, record=dataclasses.replace(run.record, versions=versions))


def predicted(run: sm.Run, videos: sm.Videos, *, cache: bool) -> np.ndarray[Any, Any]:
    results = sm.predict(run, videos, cache=cache)
    return np.array([result.probabilities for result in results if isinstance(result, sm.VideoPrediction)])


def table(path: Path) -> np.ndarray[Any, Any]:
    read = pq.read_table(path)
    return np.array([read.column(f"prob_{label}").to_pylist() for label in LABELS])


@pytest.mark.parametrize("family", ["single_frame", "frame_sequence"])
def test_cached_features_give_the_predictions_of_the_whole_model(
    family: str, shades: list[sm.Videos], backbone: str, tmp_path: Path
) -> None:
    run = sm.train(make_recipe(family, backbone, epochs=1), shades[0], shades[1], out=tmp_path / "run")
    assert load_run_model(run, features=True).backbone == backbone
    assert load_run_model(on_pixels(run), features=True).backbone is None
    results = []
    for version in (run, on_pixels(run)):
        sm.predict_over_time(version, shades[2])
        sm.evaluate_perturbed(version, shades[2])
        predictions = predicted(version, shades[2], cache=True)
        results.append((predictions, table(run.over_time_file), table(run.perturbed_file)))
    for of_features, of_pixels in zip(*results, strict=True):
        np.testing.assert_allclose(of_features, of_pixels, atol=2e-3)
    np.testing.assert_allclose(predicted(run, shades[2], cache=False), results[1][0], atol=1e-6)


def test_a_head_resumes_to_the_same_result(
    head_run: sm.Run, shades: list[sm.Videos], backbone: str, tmp_path: Path
) -> None:
    def stop(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        if stage == "training" and figures.get("epoch") == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sm.train(head_run.recipe, shades[0], shades[1], out=tmp_path / "run", progress=stop)
    resumed = sm.train(head_run.recipe, shades[0], shades[1], out=tmp_path / "run")
    expected, found = (keras.saving.load_model(run.model_file).get_weights() for run in (head_run, resumed))
    for now, then in zip(found, expected, strict=True):
        np.testing.assert_allclose(now, then, atol=1e-6)


@pytest.fixture(scope="module")
def finetuned_run(shades: list[sm.Videos], backbone: str, tmp_path_factory: pytest.TempPathFactory) -> sm.Run:
    recipe = make_recipe("frame_pool", backbone, finetune=True, epochs=2)
    return sm.train(recipe, shades[0], shades[1], out=tmp_path_factory.mktemp("runs") / "finetuned")


def test_fine_tuning_changes_the_last_stages_but_no_statistics(finetuned_run: sm.Run, backbone: str) -> None:
    training = finetuned_run.record.training
    assert training is not None and training.epochs == 2 + FINETUNE_EPOCHS and training.best_epoch > 2
    trained, before = layers_of(backbone_of(finetuned_run)), layers_of(original(backbone))
    for name, changes in (("first", False), ("second", False), ("third", True), ("norm", False)):
        same = [
            np.array_equal(now, then)
            for now, then in zip(trained[name].get_weights(), before[name].get_weights(), strict=True)
        ]
        assert all(same) != changes, name
    assert load_run_model(finetuned_run, features=True).backbone is None


def test_fine_tuning_that_does_not_help_leaves_head_and_backbone_as_they_were(
    shades: list[sm.Videos], backbone: str, tmp_path: Path
) -> None:
    contrary = swap_labels(shades[1], "dark", "bright")
    recipe = make_recipe("frame_pool", backbone, finetune=True, epochs=2)
    run = sm.train(recipe, shades[0], contrary, out=tmp_path / "run")
    assert run.record.training is not None and run.record.training.best_epoch <= 2
    trained, before = layers_of(backbone_of(run)), layers_of(original(backbone))
    np.testing.assert_array_equal(trained["third"].get_weights()[0], before["third"].get_weights()[0])


@pytest.mark.parametrize("epoch", [2, 4])  # before fine-tuning begins, and while it goes on
def test_fine_tuning_resumes_to_the_same_result(
    epoch: int, finetuned_run: sm.Run, shades: list[sm.Videos], tmp_path: Path
) -> None:
    def stop(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        if stage == "training" and figures.get("epoch") == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sm.train(finetuned_run.recipe, shades[0], shades[1], out=tmp_path / "run", progress=stop)
    resumed = sm.train(finetuned_run.recipe, shades[0], shades[1], out=tmp_path / "run")
    expected, found = (keras.saving.load_model(run.model_file).get_weights() for run in (finetuned_run, resumed))
    for now, then in zip(found, expected, strict=True):
        np.testing.assert_allclose(now, then, atol=1e-5)
    assert not (tmp_path / "run" / "unfinished").exists()


def test_fine_tuning_takes_a_pretrained_backbone() -> None:
    with pytest.raises(UsageError, match="fine-tuning takes a pretrained backbone"):
        sm.make_recipe("frame_pool", finetune=True)


def test_a_head_on_a_frozen_backbone_cannot_mirror() -> None:
    flip = sm.Augment(flip=True)
    with pytest.raises(UsageError, match="sees no pixels, so mirroring does nothing: fine-tune it"):
        sm.make_recipe("frame_pool", backbone="efficientnet-lite0", augment=flip)
    assert sm.make_recipe("frame_pool", backbone="efficientnet-lite0", finetune=True, augment=flip).augment.flip
