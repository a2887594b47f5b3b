"""What every family guarantees, with every option: see FAMILIES."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.training import whole_networks
from stillmotion.errors import StillmotionError
from stillmotion.models import FAMILIES, build_model, check_options, deployed_model, snapshot_model

pytestmark = pytest.mark.backend

Options = dict[str, Any]
# Each family with its defaults, and with each option changed alone.
VARIANTS: list[tuple[str, Options]] = [(family, {}) for family in FAMILIES] + [
    (family, {name: value})
    for family, entry in FAMILIES.items()
    for name, values in entry.options.items()
    for value in values[1:]
]
NAMES = ["-".join([family, *map(str, options.values())]) for family, options in VARIANTS]
every_family = pytest.mark.parametrize("family", FAMILIES)
# JAX compiles each family for many seconds: there, one that has both convolutions and a recurrence.
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
some_on_jax = pytest.mark.parametrize("family", FAMILIES if ON_TENSORFLOW else ["frame_sequence"])


def clips(count: int, frames: int, height: int = 16, width: int = 16, seed: int = 0) -> NDArray[np.uint8]:
    shape = (count, frames, height, width, 3)
    return np.random.default_rng((seed, 1)).integers(0, 256, shape, dtype=np.uint8)


def built(family: str, options: Options, frames: int, height: int, width: int) -> keras.Model:
    model = build_model(family, frames=frames, height=height, width=width, classes=3, options=options)
    return deployed_model(family, model, options)


def predict(model: Any, inputs: Any) -> NDArray[np.float32]:
    return np.asarray(model(inputs, training=False))


@pytest.fixture(scope="module", params=VARIANTS, ids=NAMES)
def variant(request: pytest.FixtureRequest) -> tuple[str, keras.Model]:
    """A family, and a model of it with one of its options, for clips of odd sides."""
    family, options = request.param
    with whole_networks():
        return family, built(family, options, 11, 33, 18)


def test_saves_and_loads_in_safe_mode_to_equal_probabilities(variant: tuple[str, keras.Model], tmp_path: Path) -> None:
    _, model = variant
    assert model.input_shape == (None, 11, 33, 18, 3)
    assert model.input.dtype == "uint8"
    batch = clips(2, 11, 33, 18)
    before = predict(model, batch)
    assert before.shape == (2, 3)
    assert before.dtype == np.float32
    np.testing.assert_allclose(before.sum(axis=1), 1, atol=1e-5)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(predict(loaded, batch), before, atol=1e-6)


def test_saved_models_load_where_stillmotion_is_not(tmp_path: Path) -> None:
    batch = clips(2, 4)
    np.save(tmp_path / "batch.npy", batch)
    expected: dict[str, Any] = {}
    further: list[tuple[str, Options]] = [("frame_pool", {"pool": "vote"}), ("cnn_rnn", {"input": "difference"})]
    for family, options in [*VARIANTS[: len(FAMILIES)], *further]:
        model = built(family, options, 4, 16, 16)
        name = f"{len(expected)}.keras"
        model.save(tmp_path / name)
        expected[name] = predict(model, batch)
    code = """
import sys
sys.modules["stillmotion"] = None  # importing it now fails
import keras, numpy as np
batch = np.load("batch.npy")
names = sys.argv[1:]
models = {name: keras.saving.load_model(name, safe_mode=True) for name in names}
np.savez("predictions.npz", **{name: np.asarray(model(batch, training=False)) for name, model in models.items()})
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *expected],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "predictions.npz") as loaded:
        for name, before in expected.items():
            np.testing.assert_allclose(loaded[name], before, atol=1e-6)


def test_only_still_families_ignore_the_order_of_frames(variant: tuple[str, keras.Model]) -> None:
    family, model = variant
    batch = clips(2, 11, 33, 18)  # reversed, the middle frame is the same
    change = np.abs(predict(model, batch) - predict(model, batch[:, ::-1])).max()
    if FAMILIES[family].kind == "still":
        assert change < 1e-5
    else:
        assert change > 1e-4


@pytest.mark.jax
@some_on_jax
def test_overfits_a_few_clips(family: str) -> None:
    bright = np.array([0, 1, 2] * 2)
    batch = clips(6, 4) // 4 + (bright * 80).astype(np.uint8)[:, None, None, None, None]
    model = build_model(family, frames=4, height=16, width=16, classes=3, steps=30)
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    for _ in range(30):
        model.train_on_batch(batch, bright)
    assert predict(model, batch).argmax(axis=1).tolist() == bright.tolist()


@every_family
def test_the_same_seed_gives_the_same_weights(family: str) -> None:
    first, repeated, other_seed = (
        build_model(family, frames=4, height=16, width=16, classes=3, seed=seed).get_weights() for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, repeated, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other_seed, strict=True))


@pytest.mark.jax
@some_on_jax
def test_probabilities_are_float32_under_mixed_precision(family: str) -> None:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = build_model(family, frames=4, height=16, width=16, classes=3)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert predict(model, clips(2, 4)).dtype == np.float32


@pytest.mark.jax
@pytest.mark.parametrize(
    ("family", "options"),
    [("single_frame", {}), *(("frame_pool", {"pool": pool}) for pool in FAMILIES["frame_pool"].options["pool"])],
)
def test_a_snapshot_is_predicted_like_a_clip_of_its_copies(family: str, options: Options) -> None:
    model = built(family, options, 4, 16, 16)
    snapshots = clips(5, 1)[:, 0]
    copies = np.repeat(snapshots[:, None], 4, axis=1)
    of_snapshots = predict(snapshot_model(family, model), snapshots)
    of_clips = predict(model, copies)
    if options.get("pool") == "vote":  # all four frames and one fifth of the casting vote for the snapshot's label
        of_clips = of_clips * 5 - 4 * np.eye(3)[of_clips.argmax(axis=1)]
    np.testing.assert_allclose(of_clips, of_snapshots, atol=1e-5)


def test_motion_families_have_no_snapshot_model() -> None:
    for family, entry in FAMILIES.items():
        if entry.kind == "motion":
            assert snapshot_model(family, built(family, {}, 2, 16, 16)) is None


@pytest.mark.parametrize("pool", FAMILIES["frame_changes"].options["pool"])
def test_changes_are_a_set(pool: str) -> None:
    """In the clips abca and bcab, the same frames follow the same frames, but not in the same order."""
    a, b, c = clips(3, 1)[:, 0]
    batch = np.stack([[a, b, c, a], [b, c, a, b], [a, c, b, a]])
    first, same, other = predict(built("frame_changes", {"pool": pool}, 4, 16, 16), batch)
    np.testing.assert_allclose(same, first, atol=1e-5)
    assert np.abs(other - first).max() > 1e-4
    ordered, reordered, _ = predict(built("frame_sequence", {}, 4, 16, 16), batch)
    assert np.abs(reordered - ordered).max() > 1e-4


def test_a_mean_and_a_maximum_of_two_classifiers_are_added() -> None:
    model = build_model("frame_pool", frames=3, height=16, width=16, classes=3, options={"pool": "mean+max"})
    batch = clips(6, 3)
    per_frame = [np.asarray(logits) for logits in model.get_layer("picture")(batch.reshape(18, 16, 16, 3))]
    averaged, highest = (logits.reshape(6, 3, 3) for logits in per_frame)
    expected = keras.ops.softmax(averaged.mean(axis=1) + highest.max(axis=1))
    np.testing.assert_allclose(predict(model, batch), expected, atol=1e-5)


def test_each_frame_votes_and_the_mean_probability_breaks_ties() -> None:
    model = build_model("frame_pool", frames=3, height=16, width=16, classes=3, options={"pool": "vote"})
    picture = snapshot_model("frame_pool", model)
    batch = clips(6, 3)
    frames = np.stack([predict(picture, batch[:, index]) for index in range(3)], axis=1)
    votes = np.eye(3)[frames.argmax(axis=-1)].sum(axis=1)
    shares = (votes + frames.mean(axis=1)) / 4
    voting = deployed_model("frame_pool", model, {"pool": "vote"})
    np.testing.assert_allclose(predict(voting, batch), shares, atol=1e-5)


def test_the_classic_architectures_are_the_tutorials() -> None:
    def kinds(model: keras.Model) -> list[str]:
        flat: list[str] = []
        for layer in model.layers:
            flat += kinds(layer) if isinstance(layer, keras.Model) else [type(layer).__name__]
        ignored = ("InputLayer", "Rescaling", "Reshape", "Softmax", "GlobalAveragePooling1D")
        return [kind for kind in flat if kind not in ignored]

    def classic(family: str) -> keras.Model:
        return build_model(family, frames=10, height=64, width=64, classes=10, options={"preset": "classic"})

    flat = ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten"]
    weights_2d = 3 * 9 * 32 + 32 + 32 * 9 * 64 + 64
    assert kinds(classic("frame_pool")) == [*flat, "Dense"]
    assert classic("frame_pool").count_params() == weights_2d + 14 * 14 * 64 * 10 + 10
    assert kinds(classic("cnn_rnn")) == [*flat, "LSTM", "Dense"]
    assert classic("cnn_rnn").count_params() == (weights_2d + 4 * 128 * (14 * 14 * 64 + 128 + 1) + 128 * 10 + 10)
    assert kinds(classic("conv3d")) == [kind.replace("2D", "3D") for kind in flat] + ["Dense"]
    assert classic("conv3d").count_params() == (3 * 27 * 32 + 32 + 32 * 27 * 64 + 64 + 14 * 14 * 64 * 10 + 10)


def test_a_clip_too_small_for_the_classic_conv3d_is_refused_in_one_line() -> None:
    with pytest.raises(StillmotionError, match="4 x 64 x 64 is too small for preset=classic") as error:
        build_model("conv3d", frames=4, height=64, width=64, classes=2, options={"preset": "classic"})
    assert "\n" not in str(error.value)
    assert check_options("conv3d", {})["preset"] == "standard"
