"""Is the model consistent with itself? Keras has silent faults: each check finds one and names the fix.

A prediction must not depend on how it is made. Most checks measure the largest difference of probability.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.decisions import total_variation
from stillmotion.audit.records import ROUNDING, Check
from stillmotion.audit.resampling import Floats
from stillmotion.errors import first_line
from stillmotion.models.keras_graph import iter_layers

ROUNDING_16_BITS = 2e-2  # of a model that computes in 16 bits
MAX_MESSAGE = 120  # characters of an error of the model's own code


def check_model(audited: AuditedModel, inputs: Floats) -> tuple[Check, ...]:
    """Run all checks that apply to a model.

    Args:
        audited: the model.
        inputs: 4 or more, as the model gets them, `(n, [time,] height, width, 3)`.

    Returns:
        The checks.
    """
    if audited.batch_size:
        inputs = np.resize(inputs, (audited.batch_size, *inputs.shape[1:]))
    # A file of another runtime has no layers, and only one way to be called.
    checks = CHECKS if isinstance(audited.model, keras.Model) else (_check_frames, _check_repeated, _check_batches)
    return tuple(check for run_check in checks for check in run_check(audited, inputs))


def numeric_noise(checks: tuple[Check, ...]) -> float:
    """The largest of the differences that were accepted as rounding."""
    return max((check.value for check in checks if check.passed and check.value <= ROUNDING_16_BITS), default=0.0)


def allowed_rounding(audited: AuditedModel) -> float:
    """The largest difference of probability that rounding explains; larger if the model computes in 16 bits."""
    in_16_bits = any("16" in layer.dtype_policy.compute_dtype for layer in iter_layers(audited.model))
    return ROUNDING_16_BITS if in_16_bits else ROUNDING


def time_distributed_layers(model: keras.Model) -> list[tuple[str, int | None]]:
    """The model's TimeDistributed layers by name, each with the number of frames that it knows, if any."""
    layers: list[tuple[str, int | None]] = []
    for layer in iter_layers(model):
        if isinstance(layer, keras.layers.TimeDistributed):
            try:
                layers.append((layer.name, layer.input.shape[1]))
            except (AttributeError, ValueError):
                layers.append((layer.name, None))
    return layers


def _compare(audited: AuditedModel, check: str, name: str, difference: float, fix: str) -> Check:
    """A check that passes if the difference is rounding."""
    passed = difference <= allowed_rounding(audited)
    return Check(check, name, passed, difference, "" if passed else fix)


def _predict(audited: AuditedModel, inputs: Floats) -> Floats:
    return audited.probabilities(audited.raw_outputs(inputs))


def _largest_difference(first: Floats, second: Floats) -> float:
    return max(total_variation(a, b) for a, b in zip(first, second, strict=True))


def _check_frames(audited: AuditedModel, inputs: Floats) -> Iterator[Check]:
    """Every frame of a clip must change the prediction, also if the model is traced for any number of frames.

    Where each frame has its output, the newest one's is audited, which earlier frames need not change.
    """
    if audited.kind != "clip":
        return
    frames = range(audited.frames - 1 if audited.card.per_frame.value else 0, audited.frames)
    clips = inputs[:2]
    predictions, ignored = _predict(audited, clips), []
    shifted = np.roll(clips, 1, axis=2)[:, :, ::-1]
    for frame in frames:
        changed = clips.copy()
        changed[:, frame] = shifted[:, frame]
        if _largest_difference(predictions, _predict(audited, changed)) == 0:
            ignored.append(frame)
    unknown = [name for name, frames in time_distributed_layers(audited.model) if frames is None]
    layers = f" ({', '.join(unknown)})" if unknown else ""
    fix = (
        f"TimeDistributed{layers} with an unknown number of frames uses only as many of the first frames as the batch "
        "has clips, in Keras 3.14 and later: build the model with "
        f"keras.Input(({audited.frames}, {audited.height}, {audited.width}, 3)), and "
        "load the same weights"
    )
    ignored_fix = fix if unknown else f"frames {ignored} change nothing: is the model meant to ignore them?"
    yield Check(
        "frames_used", "Every frame counts in predict", not ignored, float(len(ignored)), ignored_fix if ignored else ""
    )
    traced = _predict_with_unknown_frames(audited, clips)
    if traced is not None:
        yield _compare(
            audited,
            "unknown_frames",
            "Same prediction if the number of frames is unknown, as in fit on tf.data and in export",
            _largest_difference(predictions, traced),
            fix,
        )


def _predict_with_unknown_frames(audited: AuditedModel, clips: Floats) -> Floats | None:
    """Predictions of the model traced for any number of frames; None if the model or the backend always knows it."""
    if keras.backend.backend() != "tensorflow" or audited.model.input_shape[1] is not None:
        return None
    import tensorflow as tf

    spec = tf.TensorSpec((None, None, *clips.shape[2:]), tf.float32)
    traced = tf.function(lambda x: audited.model(x, training=False), input_signature=[spec])
    return audited.probabilities(traced(tf.constant(clips)))


def _check_repeated(audited: AuditedModel, inputs: Floats) -> Iterator[Check]:
    """The same input must get the same prediction again, without a reset of states in between."""
    first = _predict(audited, inputs)
    again = [audited.probabilities(audited.model.predict_on_batch(inputs)) for _ in range(2)]
    stateful = [layer.name for layer in audited.stateful_layers]
    fix = (
        f"layer {', '.join(stateful)} keeps its state: call layer.reset_state() before each clip, or build it with "
        "stateful=False and load the same weights"
        if stateful
        else _training_mode_fix(audited)
        or "the model draws random numbers when it predicts: find the layer and call it with training=False"
    )
    difference = max(_largest_difference(first, predictions) for predictions in again)
    yield _compare(audited, "repeatable", "Same prediction twice", difference, fix)


def _check_batches(audited: AuditedModel, inputs: Floats) -> Iterator[Check]:
    """A prediction must not depend on what else is in the batch."""
    together = _predict(audited, inputs)
    alone = np.concatenate([_predict(audited, inputs[index : index + 1]) for index in range(len(inputs))])
    fix = _training_mode_fix(audited) or (
        "predictions depend on the other inputs of the batch: a layer normalizes over the batch (BatchNormalization "
        "called with training=True), or reshapes batch and time wrongly"
    )
    yield _compare(
        audited, "batch_independent", "Same prediction alone and in a batch", _largest_difference(together, alone), fix
    )


def _check_calls(audited: AuditedModel, inputs: Floats) -> Iterator[Check]:
    """All ways to call the model must agree."""
    on_batch = _predict(audited, inputs)
    audited.reset_state()
    predicted = audited.probabilities(audited.model.predict(inputs, batch_size=len(inputs), verbose=0))
    audited.reset_state()
    called = audited.probabilities(audited.model(keras.ops.convert_to_tensor(inputs), training=False))
    audited.reset_state()
    without_mode = audited.probabilities(audited.model(keras.ops.convert_to_tensor(inputs)))
    yield _compare(
        audited,
        "calls_agree",
        "predict, predict_on_batch and model(x, training=False) agree",
        max(_largest_difference(on_batch, predicted), _largest_difference(on_batch, called)),
        "predict, predict_on_batch and model(x) disagree: use one of them everywhere; see the other checks first",
    )
    advice = _training_mode_fix(audited) or "call model(x, training=False)"
    yield _compare(
        audited,
        "default_call_agrees",
        "model(x) without training=False agrees too",
        _largest_difference(on_batch, without_mode),
        f"model(x) and predict disagree: a layer is held in training mode; {advice}",
    )


def _check_evaluate(audited: AuditedModel, inputs: Floats) -> Iterator[Check]:
    """`evaluate` gets predict's own outputs as targets: its mean squared error must be 0."""
    targets = np.asarray(audited.raw_outputs(inputs), np.float32)
    audited.reset_state()
    try:
        audited.model.compile(loss="mse")
        error = float(audited.model.evaluate(inputs, targets, batch_size=len(inputs), verbose=0))
        difference = float(np.sqrt(max(error, 0.0))) / max(1.0, float(np.abs(targets).max()))
        fix = "evaluate sees other inputs or another mode than predict: compute accuracy from the outputs of predict"
    except Exception as error:  # The model's own test_step may raise anything.
        difference = 1.0
        fix = f"evaluate fails ({first_line(error)[:MAX_MESSAGE]}): compute accuracy from the outputs of predict"
    yield _compare(audited, "evaluate_agrees", "evaluate agrees with predict", difference, fix)


def _check_training_mode(audited: AuditedModel, inputs: Floats) -> Iterator[Check]:
    """No layer may have been called with training=True. Without a configuration, only calls are checked."""
    if _configuration(audited) is not None:
        fix = _training_mode_fix(audited)
        yield Check("inference_mode", "No layer is held in training mode", not fix, float(bool(fix)), fix)


def _configuration(audited: AuditedModel) -> Any:
    """The model's configuration; None for a custom class without one."""
    try:
        return audited.model.get_config()
    except (NotImplementedError, TypeError, ValueError):  # Keras calls the class's own code.
        return None


def _training_mode_fix(audited: AuditedModel) -> str:
    """What to do about layers that were called with training=True; empty if there are none.

    Read from the configuration, because that holds what a nested model was called with, too.
    """
    names: list[str] = []

    def collect(config: Any) -> None:
        if isinstance(config, dict):
            for node in config.get("inbound_nodes", None) or ():
                if isinstance(node, dict) and node.get("kwargs", {}).get("training") is True:
                    names.append(str(config.get("name") or config.get("config", {}).get("name")))
            for value in config.values():
                collect(value)
        elif isinstance(config, list | tuple):
            for value in config:
                collect(value)

    collect(_configuration(audited))
    if not names:
        return ""
    layers = ", ".join(dict.fromkeys(names))
    return f"{layers}: called with training=True; build the model without it and load the same weights"


def _check_saving(audited: AuditedModel, inputs: Floats) -> Iterator[Check]:
    """A model must predict the same after it was saved and loaded."""
    if audited.file.is_dir() and not (audited.file / "run.json").is_file():
        return  # a SavedModel: Keras cannot save a TFSMLayer without the folder
    predictions = _predict(audited, inputs)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "again.keras"
        try:
            audited.model.save(file)
            again = keras.saving.load_model(
                file, custom_objects=audited.custom_objects, compile=False, safe_mode=not audited.unsafe
            )
            difference = _largest_difference(predictions, audited.probabilities(again.predict_on_batch(inputs)))
            fix = "weights are lost when the model is saved: a layer makes variables that it does not track"
        except Exception as error:  # A custom layer's own code may raise anything.
            difference, fix = 1.0, f"cannot be saved and loaded ({first_line(error)[:MAX_MESSAGE]})"
    yield _compare(audited, "saving", "Same prediction after save and load", difference, fix)


def _check_precision(audited: AuditedModel, inputs: Floats) -> Iterator[Check]:
    """A model of another precision must predict about the same in float32."""
    policies = (layer.dtype_policy for layer in iter_layers(audited.model))
    policy = next((policy.name for policy in policies if policy.compute_dtype not in ("float32", "uint8")), None)
    if policy is None:
        return
    try:
        config = json.loads(json.dumps(audited.model.get_config()).replace(policy, "float32"))
        exact = type(audited.model).from_config(config, custom_objects=audited.custom_objects)
        exact.set_weights([np.asarray(weight, np.float32) for weight in audited.model.get_weights()])
    except Exception:  # A model that cannot be rebuilt is judged by the other checks.
        return
    difference = _largest_difference(_predict(audited, inputs), audited.probabilities(exact.predict_on_batch(inputs)))
    yield _compare(
        audited,
        "precision",
        f"Same prediction in float32 as in {policy}",
        difference,
        f"{policy} changes predictions: predict in float32",
    )


CHECKS: tuple[Callable[[AuditedModel, Floats], Iterator[Check]], ...] = (
    _check_frames,
    _check_repeated,
    _check_batches,
    _check_calls,
    _check_evaluate,
    _check_training_mode,
    _check_saving,
    _check_precision,
)
