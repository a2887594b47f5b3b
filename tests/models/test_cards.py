"""A card says how a model is fed, and how that is known; the adapter feeds it so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models.adapters import adapt, check_levels, feed_array, probability_array
from stillmotion.models.card_files import card_file, file_digest, read_card, write_card
from stillmotion.models.card_reading import read_model, read_scaling, read_statistics
from stillmotion.models.cards import Fact, ModelCard, range_factors
from stillmotion.models.given_facts import GivenFacts, check_facts

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
FRAMES, HEIGHT, WIDTH = 3, 16, 20
FIVE = 5  # frames, where they must not be taken for channels
CLIPS = RNG.integers(0, 256, (2, FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)


def card_of(model: keras.Model, **facts: Any) -> ModelCard:
    card = read_model(model, "m.keras")
    return card.model_copy(update={name: Fact(value=value, source="given") for name, value in facts.items()})


def mean_model(shape: tuple[int, ...], axes: tuple[int, ...], *, end: Any = None) -> keras.Model:
    """A model that returns the mean of its input over some axes."""
    inputs = keras.Input(shape)
    x = keras.ops.mean(inputs, axis=axes)
    return keras.Model(inputs, x if end is None else end(x))


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
@pytest.mark.parametrize("input_range", ["0..255", "0..1", "-1..1", "torch", "caffe", "-0.5..0.5"])
def test_a_model_gets_its_range_and_channel_order(input_range: str, channels: str) -> None:
    model = mean_model((FRAMES, HEIGHT, WIDTH, 3), (1, 2, 3), end=layers.Activation("linear"))
    card = card_of(model, input_range=input_range, channels=channels, outputs="regression")
    factor, offset = range_factors(input_range)
    ordered = CLIPS.astype(np.float64).mean((1, 2, 3))[:, :: 1 if channels == "RGB" else -1]
    expected = ordered * factor + offset
    np.testing.assert_allclose(adapt(model, card).predict_on_batch(CLIPS), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.predict_on_batch(feed_array(CLIPS, card)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("count", "input_range"), [(1, "0..1"), (3, "0..1"), (1, "torch"), (3, "torch"), (3, "caffe")])
def test_a_gray_model_gets_luma(count: int, input_range: str) -> None:
    """In the range of each of its channels."""
    model = mean_model((HEIGHT, WIDTH, count), (1, 2), end=layers.Activation("linear"))
    card = card_of(model, input_range=input_range, channels="gray", outputs="regression")
    luma = CLIPS[:, 0].astype(np.float64) @ [0.299, 0.587, 0.114]
    factor, offset = range_factors(input_range)
    expected = luma.mean((1, 2))[:, None] * factor[:count] + offset[:count]
    close: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(adapt(model, card).predict_on_batch(CLIPS[:, :1]), expected, **close)
    np.testing.assert_allclose(adapt(model, card, clips=False).predict_on_batch(CLIPS[:, 0]), expected, **close)
    np.testing.assert_allclose(model.predict_on_batch(feed_array(CLIPS[:, :1], card)), expected, **close)
    scaled = (CLIPS[:, 0] * factor + offset).astype(np.float32)
    audited = adapt(model, card, levels=False, clips=False)
    np.testing.assert_allclose(audited.predict_on_batch(scaled), expected, **close)


def test_a_model_of_whole_numbers_gets_rounded_luma_and_no_other_range() -> None:
    inputs = keras.Input((HEIGHT, WIDTH, 1), dtype="uint8")
    model = keras.Model(inputs, keras.ops.cast(inputs[:, 0, :, 0], "float32"))
    card = card_of(model, channels="gray", outputs="regression")
    expected = np.rint(CLIPS[:, 0, 0].astype(np.float64) @ [0.299, 0.587, 0.114])
    np.testing.assert_array_equal(adapt(model, card).predict_on_batch(CLIPS[:, :1]), expected)
    np.testing.assert_array_equal(model.predict_on_batch(feed_array(CLIPS[:, :1], card)), expected)
    check_levels(card)
    with pytest.raises(UsageError, match=r"input range 0\.\.1 was given, but the model takes uint8"):
        check_levels(card.model_copy(update={"input_range": Fact(value="0..1", source="given")}))


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((3, FIVE, HEIGHT, WIDTH), (2, 3, 4)), ((FIVE, 3, HEIGHT, WIDTH), (1, 3, 4))],
    ids=["cthw", "tchw"],
)
def test_channels_may_come_first(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    model = mean_model(shape, axes, end=layers.Activation("linear"))
    clips = RNG.integers(0, 256, (2, FIVE, HEIGHT, WIDTH, 3), dtype=np.uint8)
    card = card_of(model, input_range="0..255", channels="RGB", outputs="regression")
    expected = clips.astype(np.float64).mean((1, 2, 3))
    np.testing.assert_allclose(adapt(model, card).predict_on_batch(clips), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(feed_array(clips, card)), expected, rtol=1e-5)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softmax(x: Any) -> Any:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


OUTPUTS: dict[str, tuple[int, str | None, Callable[[Any], Any]]] = {
    "softmax": (3, "softmax", lambda x: softmax(x)),
    "logits": (3, None, lambda x: softmax(x)),
    "one sigmoid": (1, "sigmoid", lambda x: np.concatenate([1 - sigmoid(x), sigmoid(x)], axis=-1)),
    "one logit": (1, None, lambda x: np.concatenate([1 - sigmoid(x), sigmoid(x)], axis=-1)),
    "independent sigmoids": (3, "sigmoid", lambda x: sigmoid(x)),
    "independent logits": (3, None, lambda x: sigmoid(x)),
    "regression": (1, None, lambda x: x),
}


@pytest.mark.parametrize("per_frame", [False, True])
@pytest.mark.parametrize("outputs", OUTPUTS)
def test_outputs_become_probabilities(outputs: str, per_frame: bool) -> None:
    count, activation, expected = OUTPUTS[outputs]
    inputs = keras.Input((FRAMES, HEIGHT, WIDTH, 3))
    x = keras.ops.mean(inputs, axis=(2, 3) if per_frame else (1, 2, 3))
    dense = layers.Dense(count, activation=activation)
    model = keras.Model(inputs, dense(x))
    card = card_of(model, input_range="0..1", channels="RGB")
    known = (outputs, "read") if activation else (None, "unknown")
    assert (card.outputs.value, card.outputs.source) == known
    card = card.model_copy(update={"outputs": Fact(value=outputs, source="given")})
    assert card.per_frame.value is per_frame
    means = (CLIPS / 255).mean((2, 3) if per_frame else (1, 2, 3))
    logits = (means[:, -1] if per_frame else means) @ keras.ops.convert_to_numpy(dense.kernel)
    np.testing.assert_allclose(adapt(model, card).predict_on_batch(CLIPS), expected(logits), atol=1e-5)
    raw = model.predict_on_batch(feed_array(CLIPS, card))
    np.testing.assert_allclose(probability_array(np.asarray(raw), card), expected(logits), atol=1e-5)


@pytest.mark.parametrize(("rows", "fits"), [(FIVE, True), (1, True), (2, False)])
def test_several_outputs_are_one_per_frame_only_if_there_are_as_many(rows: int, fits: bool) -> None:
    inputs = keras.Input((FIVE, HEIGHT, WIDTH, 3))
    model = keras.Model(inputs, layers.Softmax()(keras.ops.mean(inputs, axis=(2, 3))[:, :rows]))
    if fits:
        assert read_model(model, "m.keras").per_frame.value is True
    else:
        with pytest.raises(StillmotionError, match=r"m\.keras: returns \(2, 3\) for 5 frames; only models that"):
            read_model(model, "m.keras")


def test_outputs_that_no_layer_explains_are_measured_or_unknown() -> None:
    card = read_model(mean_model((HEIGHT, WIDTH, 3), (1, 2)), "m.keras")
    assert card.outputs == Fact()


def test_dicts_of_one_input_and_output(tmp_path: Path) -> None:
    inputs = keras.Input((HEIGHT, WIDTH, 3), name="picture")
    x = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model({"picture": inputs}, {"label": x})
    card = card_of(model, input_range="0..1", channels="RGB")
    expected = model({"picture": CLIPS[:, 0].astype(np.float32) / 255})["label"]
    np.testing.assert_allclose(adapt(model, card).predict_on_batch(CLIPS[:, :1]), np.asarray(expected), atol=1e-6)


def scaled(start: Any, *, wrap: bool = False, channels: int = 3) -> keras.Model:
    """A model whose first layer with weights is a convolution, after `start`."""
    shape = (FRAMES, HEIGHT, WIDTH, channels) if wrap else (HEIGHT, WIDTH, channels)
    inputs = keras.Input(shape)
    if wrap:
        picture = keras.Input(shape[1:])
        inner = keras.Model(picture, layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(start(picture))))
        x = layers.GRU(2)(layers.TimeDistributed(inner)(inputs))
    else:
        x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(start(inputs)))
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x))


@pytest.mark.parametrize("wrap", [False, True], ids=["picture", "TimeDistributed"])
@pytest.mark.parametrize(
    ("start", "input_range", "channels"),
    [
        (layers.Rescaling(1 / 255), "0..255", None),
        (lambda x: x / 127.5 - 1.0, "0..255", None),
        (lambda x: x * 2 - 1, "0..1", None),
        (lambda x: (x[..., ::-1] if False else x) - np.array([123.68, 116.78, 103.94], np.float32), "0..255", "RGB"),
        (lambda x: x - np.array([103.94, 116.78, 123.68], np.float32), "0..255", "BGR"),
        (lambda x: (x - np.array([0.485, 0.456, 0.406], "float32")) / np.array([0.229, 0.224, 0.225], "float32"),
         "0..1", "RGB"),
        (layers.Normalization(mean=[0.45, 0.4, 0.5], variance=[0.06, 0.06, 0.05]), "0..1", None),
        (lambda x: x, None, None),
        # What undoes an earlier scaling is given 0..1 or -1..1.
        (lambda x: x * 255.0 - np.array([103.94, 116.78, 123.68], np.float32), None, None),
        (layers.Rescaling(127.5, offset=127.5), None, None),
        (layers.Normalization(mean=[0.4, 0.4, 0.4], variance=[0.25, 0.25, 0.25]), None, None),
        (layers.Normalization(mean=[-0.1, 0.0, 0.1], variance=[0.25, 0.25, 0.25]), None, None),
    ],
)  # fmt: skip
def test_the_range_is_read_from_what_a_model_does_first(
    start: Any, input_range: str | None, channels: str | None, wrap: bool
) -> None:
    model = scaled(start, wrap=wrap)
    reading, order = read_scaling(model, read_model(model, "m.keras"))
    assert (reading and reading.input_range, order.value) == (input_range, channels)


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("input_range", ["0..255", "0..1", "-1..1"])
def test_the_range_is_read_from_what_a_layer_has_learned(input_range: str, wrapped: bool) -> None:
    wrap = layers.TimeDistributed if wrapped else (lambda layer: layer)
    shape = (FRAMES, HEIGHT, WIDTH, 3) if wrapped else (HEIGHT, WIDTH, 3)
    inputs = keras.Input(shape)
    norm = layers.BatchNormalization()
    x = wrap(norm)(wrap(layers.Conv2D(4, 3))(inputs))
    x = wrap(layers.GlobalAveragePooling2D())(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.GRU(2)(x) if wrapped else x))
    card = read_model(model, "m.keras")
    pictures = np.clip(RNG.normal(90, 40, (8, HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    assert read_statistics(model, card, pictures) is None  # nothing was learned yet
    fed = card.model_copy(update={"input_range": Fact(value=input_range)})
    values = feed_array(np.repeat(pictures[:, None], FRAMES if wrapped else 1, axis=1), fed)
    part = keras.Model(inputs, model.layers[2].input)
    seen = np.asarray(part.predict_on_batch(values)).reshape(-1, 4)
    norm.moving_mean.assign(seen.mean(0))
    norm.moving_variance.assign(seen.var(0))
    reading = read_statistics(model, card, pictures)
    assert reading is not None and reading.input_range == input_range


def test_a_card_is_read_with_its_model_and_not_with_another(tmp_path: Path) -> None:
    model = scaled(layers.Rescaling(1 / 255))
    model.save(tmp_path / "m.keras")
    card = card_of(model, channels="BGR").model_copy(update={"digest": file_digest(tmp_path / "m.keras")})
    assert card_file(tmp_path / "m.keras") == tmp_path / "m.json"
    write_card(card, tmp_path / "m.json")
    assert read_card(tmp_path / "m.keras") == card
    assert card.missing == ("input_range",)
    old = (tmp_path / "m.json").read_text().replace('"stretch"', '"stretched to the size"')
    (tmp_path / "m.json").write_text(old)
    assert "stretched" in old and read_card(tmp_path / "m.keras") == card
    scaled(lambda x: x).save(tmp_path / "m.keras")
    with pytest.raises(StillmotionError, match=r"describes another m\.keras than the one beside it"):
        read_card(tmp_path / "m.keras")


@pytest.mark.parametrize("content", [b"", b"{", b"\0" * 40])
def test_a_damaged_card_is_not_overlooked(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.keras").touch()
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(StillmotionError, match=r"m\.json: cannot be read as JSON; delete it, and describe the model"):
        read_card(tmp_path / "m.keras")


def test_new_weights_make_another_model(tmp_path: Path) -> None:
    """Of an architecture with weights beside it, by whichever of them it is called, and of a SavedModel."""
    model = scaled(layers.Rescaling(1 / 255))
    (tmp_path / "m.json").write_text(model.to_json())
    model.save_weights(tmp_path / "m.weights.h5")
    saved = tmp_path / "saved"
    (saved / "variables").mkdir(parents=True)
    (saved / "saved_model.pb").write_bytes(b"program")
    variables = saved / "variables" / "variables.data-00000-of-00001"
    variables.write_bytes(b"old")
    names = ("m.json", "m.weights.h5", "saved")
    before = [file_digest(tmp_path / name) for name in names]
    assert before == [file_digest(tmp_path / name) for name in names]
    model.layers[-1].bias.assign([1.0, 0.0])
    model.save_weights(tmp_path / "m.weights.h5")
    variables.write_bytes(b"new")
    after = [file_digest(tmp_path / name) for name in names]
    assert all(old != new for old, new in zip(before, after, strict=True))
    (tmp_path / "m.json").write_text(scaled(layers.Rescaling(1 / 127.5)).to_json())
    assert file_digest(tmp_path / "m.weights.h5") != after[1]


def test_an_architecture_is_not_replaced_by_a_card(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"class_name": "Sequential", "config": {}}')
    (tmp_path / "m.h5").touch()
    assert card_file(tmp_path / "m.h5") == card_file(tmp_path / "m.json") == tmp_path / "m.card.json"
    assert read_card(tmp_path / "m.h5") is None
    with pytest.raises(StillmotionError, match="there, and not a model card"):
        write_card(card_of(scaled(lambda x: x)), tmp_path / "m.json")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"input_range": "0-1"}, "input range '0-1': expected 0..255, 0..1, -1..1, torch, caffe, tf, or two numbers"),
        ({"input_range": "1..1"}, "expected"),
        ({"channels": "rbg"}, "channels 'rbg': expected rgb, bgr or gray"),
        ({"outputs": "probabilities"}, "outputs 'probabilities': expected one of softmax, logits"),
        ({"framing": "squash"}, "framing 'squash': expected stretch, crop, letterbox"),
    ],
)
def test_wrong_facts_are_refused(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_facts(GivenFacts(**facts))


def test_several_inputs_are_made_of_one_clip() -> None:
    """A fast and a slow pathway, what moved, and a mask."""
    fast, slow = keras.Input((4, HEIGHT, WIDTH, 3), name="fast"), keras.Input((2, HEIGHT, WIDTH, 3), name="slow")
    moved, mask = keras.Input((4, HEIGHT, WIDTH, 1), name="moved"), keras.Input((4,), name="mask")
    parts = [keras.ops.mean(fast, axis=(2, 3, 4)), keras.ops.mean(slow, axis=(2, 3, 4)),
             keras.ops.mean(moved, axis=(2, 3, 4)), mask]  # fmt: skip
    model = keras.Model([fast, slow, moved, mask], layers.Activation("linear")(keras.ops.concatenate(parts, axis=1)))
    card = card_of(model, input_range="0..1", channels="RGB", outputs="regression")
    assert card.kind == "several inputs" and card.frames.value == 4 and card.missing == ("inputs",)
    roles = ("frames", "frames", "difference", "mask")
    inputs = [given.model_copy(update={"role": role}) for given, role in zip(card.inputs, roles, strict=True)]
    card = card.model_copy(update={"inputs": tuple(inputs)})
    clips = RNG.integers(0, 256, (2, 4, HEIGHT, WIDTH, 3), dtype=np.uint8)
    means = (clips / 255).mean((2, 3, 4))
    luma = (clips / 255 @ [0.299, 0.587, 0.114]).mean((2, 3))
    expected = np.concatenate([means, means[:, [1, 3]], np.diff(luma, axis=1, prepend=luma[:, :1]), np.ones((2, 4))], 1)
    np.testing.assert_allclose(adapt(model, card).predict_on_batch(clips), expected, atol=1e-5)
