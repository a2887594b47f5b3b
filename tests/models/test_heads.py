"""What every head on a pretrained backbone guarantees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.backbones import SIDE, randomize, write_backbone
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models import (
    FAMILIES,
    build_head,
    build_model,
    check_options,
    default_size,
    deployed_model,
    join_backbone,
    pretrained_backbone,
    snapshot_model,
)
from stillmotion.models.heads import FeatureShape, set_standardization
from stillmotion.models.pretrained import build_backbone
from stillmotion.streaming import stream_model

pytestmark = pytest.mark.backend

HEADS: list[tuple[str, dict[str, Any]]] = [
    ("single_frame", {}),
    ("frame_pool", {}),
    ("frame_pool", {"pool": "max"}),
    ("frame_pool", {"pool": "mean+max"}),
    ("frame_pool", {"pool": "attention"}),
    ("frame_pool", {"pool": "set"}),
    ("frame_pool", {"pool": "vote"}),
    ("frame_changes", {}),
    ("frame_changes", {"pool": "attention"}),
    ("frame_sequence", {}),
    ("frame_sequence", {"head": "convolution"}),
    ("frame_sequence", {"head": "transformer"}),
]
FRAMES = 5


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_backbone(tmp_path_factory.mktemp("backbone"))


def whole(family: str, options: dict[str, Any], backbone: str) -> keras.Model:
    """A model whose head has random weights."""
    network = build_backbone(backbone, SIDE, SIDE)
    grid, (top,) = (output.shape[1:] for output in network.outputs)
    head = build_head(family, frames=FRAMES, grid=grid, top=top, classes=3, options=options | {"backbone": backbone})
    randomize(head)
    return join_backbone(family, network, deployed_model(family, head, options))


@pytest.fixture(scope="module", params=HEADS, ids=["-".join([f, *o.values()]) for f, o in HEADS])
def of_head(request: pytest.FixtureRequest, backbone: str) -> tuple[str, keras.Model]:
    """A family, and a whole model of one of its heads."""
    family, options = request.param
    return family, whole(family, options, backbone)


def clips(count: int, frames: int = FRAMES) -> NDArray[np.uint8]:
    return np.random.default_rng(4).integers(0, 256, (count, frames, SIDE, SIDE, 3), dtype=np.uint8)


def predict(model: Any, inputs: Any) -> NDArray[np.float32]:
    return np.asarray(keras.ops.convert_to_numpy(model(inputs, training=False)))


@pytest.mark.jax
def test_a_model_of_backbone_and_head_is_an_ordinary_one(of_head: tuple[str, keras.Model], tmp_path: Path) -> None:
    (family, model), batch = of_head, clips(2)
    before = predict(model, batch)
    assert model.input.dtype == "uint8" and model.input_shape == (None, FRAMES, SIDE, SIDE, 3)
    np.testing.assert_allclose(before.sum(axis=1), 1, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(predict(loaded, batch), before, atol=1e-6)
    # Only still families ignore the order; reversed, the middle frame is the same.
    change = np.abs(predict(model, batch[:, ::-1]) - before).max()
    assert change < 1e-5 if FAMILIES[family].kind == "still" else change > 1e-4


def test_the_head_of_a_model_predicts_the_same_from_features(of_head: tuple[str, keras.Model], backbone: str) -> None:
    (_, model), batch = of_head, clips(2)
    network = build_backbone(backbone, SIDE, SIDE)
    grid, top = (keras.ops.convert_to_numpy(output) for output in network(batch.reshape(-1, SIDE, SIDE, 3)))
    features = np.concatenate([grid.reshape(len(grid), -1), top], axis=1).reshape(2, FRAMES, -1)
    np.testing.assert_allclose(predict(model.get_layer("head"), features), predict(model, batch), atol=1e-5)


def test_every_head_sees_both_depths(of_head: tuple[str, keras.Model]) -> None:
    head = of_head[1].get_layer("head")
    features = np.random.default_rng(2).normal(size=(2, FRAMES, head.input.shape[-1])).astype(np.float32)
    before = predict(head, features)
    for depth in (slice(0, -6), slice(-6, None)):  # the top has six features
        changed = features.copy()
        changed[..., depth] += np.random.default_rng(3).normal(size=changed[..., depth].shape)
        assert np.abs(predict(head, changed) - before).max() > 1e-4


def test_a_stream_is_exact_and_runs_the_backbone_once_per_frame(of_head: tuple[str, keras.Model]) -> None:
    family, model = of_head
    stream, (video,) = stream_model(model), clips(1, FRAMES + 3)
    streamed = [prediction.probabilities for frame in video for prediction in stream.push(frame[None])]
    windows = np.stack([video[start : start + FRAMES] for start in range(4)])
    np.testing.assert_allclose(streamed, predict(model, windows), atol=1e-5)
    computed = {report.layer: (report.kind, report.computed) for report in stream.layers}
    if family != "single_frame":
        assert computed["third"][1] == 1 and computed["third"][0] != "whole window"


def test_a_snapshot_is_predicted_like_a_clip_of_its_copies(backbone: str) -> None:
    for family, options in HEADS[:6]:
        model, (snapshots,) = whole(family, options, backbone), clips(1)
        copies = np.repeat(snapshots[:, None], FRAMES, axis=1)
        np.testing.assert_allclose(predict(snapshot_model(family, model), snapshots), predict(model, copies), atol=1e-5)


@pytest.mark.parametrize("pool", FAMILIES["frame_changes"].options["pool"])
def test_changes_of_features_are_a_set(pool: str, backbone: str) -> None:
    a, b, c = clips(1, 3)[0]
    # The first two clips have the changes ab, bc, cb and ba, in another order.
    batch = np.stack([[a, b, c, b, a], [b, a, b, c, b], [a, c, b, c, a]])
    first, same, other = predict(whole("frame_changes", {"pool": pool}, backbone), batch)
    np.testing.assert_allclose(same, first, atol=1e-5)
    assert np.abs(other - first).max() > 1e-4


@pytest.mark.parametrize("head", FAMILIES["frame_sequence"].options["head"])
def test_a_sequence_of_features_shows_how_much_they_change(head: str, backbone: str) -> None:
    network = whole("frame_sequence", {"head": head}, backbone).get_layer("head")
    clip = np.random.default_rng(5).uniform(-1, 1, (FRAMES, network.input.shape[-1])).astype(np.float32)
    mirrored, unchanging = clip.copy(), clip.copy()
    mirrored[0], unchanging[0] = 2 * clip[1] - clip[0], clip[1]
    before, as_much, less = predict(network, np.stack([clip, mirrored, unchanging]))
    np.testing.assert_allclose(as_much, before, atol=1e-5)
    assert np.abs(less - before).max() > 1e-4


def test_standardization_is_by_channel_of_the_grid_and_by_feature_of_the_top() -> None:
    shape = FeatureShape(2, (2, 2, 3), 4)
    head = build_head("frame_pool", frames=2, grid=shape.grid, top=shape.top, classes=2, options={})
    grid = np.random.default_rng(0).normal([5, -3, 0], [1, 4, 0.1], (50, 2, 2, 2, 3))
    top = np.random.default_rng(1).normal([1, 2, 3, 4], [1, 2, 3, 4], (50, 2, 4))
    clips = np.concatenate([grid.reshape(50, 2, -1), top], axis=-1).astype(np.float16)
    set_standardization(head, shape, clips)
    layer = head.get_layer("picture").get_layer("standardization")
    result = keras.ops.convert_to_numpy(layer(clips.astype(np.float32).reshape(100, -1)))
    of_grid = result[..., :12].reshape(-1, 3)
    np.testing.assert_allclose(of_grid.mean(0), 0, atol=0.01)
    np.testing.assert_allclose(of_grid.std(0), 1, atol=0.01)
    np.testing.assert_allclose(result[..., 12:].reshape(-1, 4).std(0), 1, atol=0.01)
    assert not layer.trainable_weights


def test_options_take_any_backbone_and_refuse_what_is_none(backbone: str) -> None:
    assert check_options("frame_pool", {"backbone": backbone})["backbone"] == backbone
    assert pretrained_backbone({"backbone": backbone}) == backbone
    assert pretrained_backbone({}) is None and pretrained_backbone({"backbone": "small"}) is None
    assert default_size({}) == 64 and default_size({"backbone": "efficientnet-lite2"}) == 260
    with pytest.raises(UsageError, match="no backbone 'efficientnet-light0'"):
        check_options("frame_pool", {"backbone": "efficientnet-light0"})
    with pytest.raises(UsageError, match="classic"):
        check_options("frame_pool", {"backbone": backbone, "preset": "classic"})
    with pytest.raises(UsageError, match="conv3d has no option 'backbone'"):
        check_options("conv3d", {"backbone": backbone})


def test_changes_take_two_frames(backbone: str) -> None:
    for name in ("small", backbone):
        with pytest.raises(StillmotionError, match="frame_changes takes the differences of neighboring frames"):
            build_model("frame_changes", frames=1, height=SIDE, width=SIDE, classes=2, options={"backbone": name})


@pytest.mark.parametrize(("pool", "learns"), [("set", True), ("max", False)])
def test_a_set_can_ask_for_two_things_in_different_frames(pool: str, learns: bool) -> None:
    """Two of four frames show one of two things; the label is whether both show the same."""
    rng = np.random.default_rng(0)
    shown = rng.integers(2, size=(256, 2))
    clips = rng.normal(0, 0.1, (256, 4, 12)).astype(np.float32)
    for place in (0, 1):
        clips[np.arange(256), 2 * place, shown[:, place]] += 3
    labels = np.eye(2)[(shown[:, 0] == shown[:, 1]).astype(int)]
    head = build_head("frame_pool", frames=4, grid=(1, 1, 8), top=4, classes=2, options={"pool": pool}, seed=1)
    set_standardization(head, FeatureShape(4, (1, 1, 8), 4), clips.astype(np.float16))
    head.compile(keras.optimizers.Adam(0.02), "categorical_crossentropy", metrics=["accuracy"])
    head.fit(clips, labels, batch_size=64, epochs=40, verbose=0)
    accuracy = head.evaluate(clips, labels, batch_size=256, verbose=0)[1]
    assert accuracy > 0.95 if learns else accuracy < 0.85
